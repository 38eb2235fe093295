"""What a data file holds, in a small table: how often each label is right, and how long its inputs are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebert.cli import output
from edgebert.data_checks import LENGTHS, label_counts, token_counts, truncated_shares

if TYPE_CHECKING:
    from pathlib import Path

    from edgebert.data import Dataset

_MOST = 20
"""Labels that are all shown; of more, the commonest and the rarest ten are."""


def data_summary(data: Dataset, folder: Path) -> dict[str, Any]:
    """Return the counts of the labels, and the share of inputs, 0 to 1, that are longer than each of some lengths.

    Args:
        data: The data.
        folder: A checkpoint folder, for its tokenizer.

    Raises:
        CheckpointError: It has no tokenizer that edgebert takes.
    """
    from edgebert.tokenizer import load_tokenizer

    tokens = token_counts(load_tokenizer(folder), data)
    return {
        "examples": len(data.examples),
        "labels": dict(label_counts(data)),
        "truncated": {str(length): share for length, share in truncated_shares(tokens, LENGTHS)},
    }


def show_summary(name: str, summary: dict[str, Any]) -> None:
    """Print it on standard error, the commonest label first."""
    output.show_note(f"{name}: {summary['examples']:,} examples")
    counts = sorted(summary["labels"].items(), key=lambda item: -item[1])
    total = sum(count for _, count in counts) or 1
    rows = [(label, f"{count:,}", f"{100 * count / total:.1f} %") for label, count in counts]
    if len(rows) > _MOST:
        half = _MOST // 2
        rows = [*rows[:half], (f"... {len(rows) - _MOST} more labels", "", ""), *rows[-half:]]
    rows += [
        (f"longer than {length} tokens", "", f"{100 * share:.1f} %") for length, share in summary["truncated"].items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for label, count, share in rows:
        output.show_note(f"  {label:<{widths[0]}}  {count:>{widths[1]}}  {share:>{widths[2]}}")
