"""Every Python block of every page runs, in a folder with the files that its page speaks of."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import edgebert
from tests.support import fakes
from tests.test_docs import PAGES, ROOT, blocks, relative, text_of


def texts_and_model(folder: Path, *, model: str = "model", count: int = 40) -> None:
    """Make a checkpoint of one layer, training texts and evaluation data under the names that pages use."""
    fakes.tiny_checkpoint(folder / model, layers=1, positions=128)
    rows = [(text, index % 2) for index, text in enumerate((fakes.TEXTS * count)[:count])]
    for name in ("train.tsv", "dev.tsv"):
        fakes.write_data(folder / name, rows)


PREPARED: dict[str, Callable[[Path], None]] = {
    "docs/pruning.md": texts_and_model,
    "docs/python.md": texts_and_model,
    "docs/troubleshooting.md": lambda folder: texts_and_model(folder, model="old"),
}
"""What makes the files of each page; tests/cli/test_task_pages.py runs those of docs/tasks with their commands."""


def printed_python(folder: Path, printed: list[str]) -> None:
    assert (folder / "bundle" / "edgebert.json").is_file()
    assert [line.split()[0] for line in printed[:2]] == ["int8.onnx", "int8.tflite"]
    assert len(printed) == 2 + 4 + 2, "shipped files, scores, answers"


def pruned(folder: Path, printed: list[str]) -> None:
    assert edgebert.load_model(folder / "pruned").checkpoint.pruning is not None


def safe_again(folder: Path, printed: list[str]) -> None:
    assert edgebert.load_model(folder / "model").checkpoint.labels == fakes.LABELS


CHECKED: dict[str, Callable[[Path, list[str]], None]] = {
    "docs/pruning.md": pruned,
    "docs/python.md": printed_python,
    "docs/troubleshooting.md": safe_again,
}
BLOCKS = {relative(page): found for page in PAGES if (found := blocks(page, "python"))}


def test_every_block_is_run_somewhere() -> None:
    """No page has Python that no test runs, and no fence hides a block from the tests by more words than its kind."""
    ours = {page for page in BLOCKS if not page.startswith("docs/tasks/")}
    assert ours == PREPARED.keys() == CHECKED.keys()
    for page in PAGES:
        assert re.findall(r"^ *(?:```|~~~) *(?:python\S*[ {].*|py|python3|pycon)$", text_of(page), re.MULTILINE) == []
        assert len(re.findall(r"^ *```python$", text_of(page), re.MULTILINE)) == len(BLOCKS.get(relative(page), [])), (
            page
        )


@pytest.mark.parametrize("page", sorted(PREPARED))
def test_the_blocks_of_a_page_run(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One after another, as a reader would type them, with the files that the page names."""
    PREPARED[page](tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS[page]:
        exec(compile(block, str(ROOT / page), "exec"), names)
    CHECKED[page](tmp_path, capsys.readouterr().out.splitlines())
