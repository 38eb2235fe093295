"""What finetune shows of its data before it trains."""

from __future__ import annotations

from edgebert.cli.data_summary import data_summary, show_summary
from edgebert.data import Dataset
from edgebert.examples import Example
from tests.support import fakes


def test_a_summary_counts_labels_and_long_inputs():
    """Shares of the inputs that are longer than each length."""
    texts = ("good", "bad " * 70, "good " * 300)
    examples = tuple(Example(texts=(text,), gold=(min(at, 1),), line=at + 1) for at, text in enumerate(texts))
    data = Dataset(name="x", sha256="0" * 64, labels=fakes.LABELS, examples=examples)
    assert data_summary(data, fakes.shared_checkpoint()) == {
        "examples": 3,
        "labels": dict(zip(fakes.LABELS, (1, 2), strict=True)),
        "truncated": {"64": 2 / 3, "128": 1 / 3, "256": 1 / 3, "512": 0.0},
    }


def test_many_labels_are_shown_from_both_ends(capsys):
    """The commonest ten and the rarest ten, on standard error; few are all shown."""
    truncated = {"64": 0.5, "128": 0.0}
    show_summary("a.csv", {"examples": 1275, "labels": {f"l{at}": at for at in range(51)}, "truncated": truncated})
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line.split() for line in captured.err.splitlines()]
    assert lines[0] == ["a.csv:", "1,275", "examples"]
    assert [line[0] for line in lines[1:11]] == [f"l{at}" for at in range(50, 40, -1)]
    assert lines[11] == ["...", "31", "more", "labels"]
    assert [line[0] for line in lines[12:22]] == [f"l{at}" for at in range(9, -1, -1)]
    assert lines[22] == ["longer", "than", "64", "tokens", "50.0", "%"]
    show_summary("b.csv", {"examples": 2, "labels": {"a": 1, "b": 1}, "truncated": truncated})
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()[1:3]] == ["a", "b"]
