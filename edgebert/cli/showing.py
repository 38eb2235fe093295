"""Answers of any task as the command line shows them: a line for people, an object for programs."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from edgebert.answers import (
    EntitiesPrediction,
    LabelPrediction,
    LabelsPrediction,
    NumberPrediction,
    SpanPrediction,
)
from edgebert.cli import output
from edgebert.printable import json_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edgebert.answers import Prediction
    from edgebert.meaning import Meaning

_SIDES = 60
"""Characters of a context that are shown on either side of an answer."""

_FIRST = 4
"""Numbers of an embedding that are shown to people."""


def answer_object(found: Prediction, meaning: Meaning, count: int | None) -> dict[str, Any]:
    """Return a prediction as it is written in JSON.

    Probabilities carry the names of the labels, in the order of the model's labels, or the ``count`` most probable
    first. Places in a text are code points.
    """
    plain = dataclasses.asdict(found)
    if isinstance(found, LabelPrediction | LabelsPrediction):
        shares = dict(zip(meaning.labels, found.probabilities, strict=True))
        if count is not None:
            shares = dict(sorted(shares.items(), key=lambda item: -item[1])[:count])
        plain["probabilities"] = shares
    return dict(plain)


def object_line(found: Prediction, meaning: Meaning, count: int | None) -> str:
    """Return a prediction as one line of JSON, without a line break."""
    return json_lines(json.dumps(answer_object(found, meaning, count), ensure_ascii=False, allow_nan=False))


def show_answer(found: Prediction, meaning: Meaning, count: int | None) -> None:
    """Print a prediction for people, on one line: what was found, and the text; what was found in it is marked."""
    if isinstance(found, EntitiesPrediction):
        marks = [(item.start, item.end, f"{item.type} {item.score:.2f}") for item in found.entities]
        output.show_marked(found.text, marks)
    elif isinstance(found, SpanPrediction):
        _show_span(found)
    else:
        output.show_text("  ".join([*_cells(found, meaning, count), " ".join(found.text.split())]))


def _cells(found: Prediction, meaning: Meaning, count: int | None) -> list[str]:
    if isinstance(found, LabelPrediction):
        width = max(map(len, meaning.labels))
        shares = answer_object(found, meaning, count or 1)["probabilities"]
        return [f"{name:<{width}}  {share:.3f}" for name, share in shares.items()]
    if isinstance(found, LabelsPrediction):
        shares = dict(zip(meaning.labels, found.probabilities, strict=True))
        ranked = sorted(shares, key=lambda name: -shares[name])
        chosen = found.labels if count is None else tuple(ranked[:count])
        return [f"{name} {shares[name]:.3f}" for name in chosen] or ["(no label)"]
    if isinstance(found, NumberPrediction):
        return [f"{found.value:.4g}"]
    assert not isinstance(found, EntitiesPrediction | SpanPrediction), "these are marked in their text"
    first = " ".join(f"{number:.4f}" for number in found.vector[:_FIRST])
    return [f"{len(found.vector)} numbers: {first}{' ...' * (len(found.vector) > _FIRST)}"]


def _show_span(found: SpanPrediction) -> None:
    if found.answer is None:
        output.show_text(f"(no answer)  {found.score:.3f}  {' '.join(found.question.split())}")
        return
    low, high = max(found.start - _SIDES, 0), found.end + _SIDES
    before, after = "..." * (low > 0), "..." * (high < len(found.context))
    shift = len(before) - low
    mark = (found.start + shift, found.end + shift, f"{found.score:.2f}")
    output.show_marked(f"{before}{found.context[low:high]}{after}", [mark])


def told(answers: Iterable[Prediction], max_length: int) -> Iterator[Prediction]:
    """Pass answers on, and say on standard error what is to be known about them.

    The first text with nothing to read is named at once, because more texts may come at any time.
    """
    cut = empty = 0
    for number, item in enumerate(answers, 1):
        # Two tokens frame every text, and three a pair.
        if item.tokens == (3 if isinstance(item, SpanPrediction) else 2):
            empty += 1
            if empty == 1:
                output.show_note(f"note: text {number} has nothing to read; {_meaningless(item)} means nothing")
        cut += item.truncated
        yield item
    if empty > 1:
        output.show_note(f"note: {empty} texts have nothing to read; their {_nouns(item)} mean nothing")
    if cut and isinstance(item, SpanPrediction):
        questions = "1 question was" if cut == 1 else f"{cut} questions were"
        output.show_note(f"{questions} longer than {max_length // 3} tokens and cut there")
    else:
        output.show_truncated(cut, max_length)


def _meaningless(found: Prediction) -> str:
    return "its label" if isinstance(found, LabelPrediction) else "its answer"


def _nouns(found: Prediction) -> str:
    return "labels" if isinstance(found, LabelPrediction) else "answers"
