"""Predictions as lines for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from edgebert.cli import output
from edgebert.examples import Prediction
from edgebert.outputs import FileKind
from edgebert.printable import json_lines


def _is_predictions(path: Path) -> bool:
    with path.open("rb") as stream:
        try:
            first = json.loads(stream.readline(10_000_000))
        except (ValueError, RecursionError):
            return False
    return isinstance(first, dict) and {"text", "label", "probability", "probabilities"} <= first.keys()


PREDICTIONS = FileKind(name="JSONL of edgebert predict", is_one=_is_predictions)


def best(found: Prediction, labels: tuple[str, ...], count: int | None) -> dict[str, float]:
    """Return the probabilities by label: of all labels in their order, or of ``count``, the most probable first."""
    shares = dict(zip(labels, found.probabilities, strict=True))
    return shares if count is None else dict(sorted(shares.items(), key=lambda item: -item[1])[:count])


def answer_object(found: Prediction, labels: tuple[str, ...], count: int | None) -> dict[str, object]:
    """Return a prediction as it is written in JSON."""
    return {
        "text": found.text,
        "label": found.label,
        "probability": found.probability,
        "probabilities": best(found, labels, count),
        "tokens": found.tokens,
        "truncated": found.truncated,
    }


def object_line(found: Prediction, labels: tuple[str, ...], count: int | None) -> str:
    """Return a prediction as one line of JSON, without a line break."""
    return json_lines(json.dumps(answer_object(found, labels, count), ensure_ascii=False, allow_nan=False))


def answer_line(found: Prediction, labels: tuple[str, ...], count: int | None) -> str:
    """Return a prediction as a line for people: labels with their probabilities, and the text."""
    width = max(map(len, labels))
    shares = best(found, labels, count or 1)
    cells = [f"{name:<{width}}  {share:.3f}" for name, share in shares.items()]
    return "  ".join([*cells, " ".join(found.text.split())])


def told(answers: Iterable[Prediction], max_length: int) -> Iterator[Prediction]:
    """Pass answers on, and say on standard error what is to be known about them.

    The first text with nothing to read is named at once, because more texts may come at any time.
    """
    cut = empty = 0
    for number, item in enumerate(answers, 1):
        # Two tokens frame every text.
        if item.tokens == 2:
            empty += 1
            if empty == 1:
                output.show_note(f"note: text {number} has nothing to read; its label means nothing")
        cut += item.truncated
        yield item
    if empty > 1:
        output.show_note(f"note: {empty} texts have nothing to read; their labels mean nothing")
    output.show_truncated(cut, max_length)
