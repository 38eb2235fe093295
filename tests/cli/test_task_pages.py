"""The pages of the tasks are tried literally: every command and every Python block, on the data that the page shows."""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support import fakes

PAGES = Path(__file__).parents[2] / "docs" / "tasks"
# A page shows some lines of a file; a training wants more, and a second file of other lines.
ENTRIES = 60

_FENCE = re.compile(r"^```(?P<kind>[a-z]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    return [found["body"] for found in _FENCE.finditer(page) if found["kind"] == kind]


def grown(sample: str, suffix: str, seed: int) -> str:
    """Return more of a sample: its entries again and again, in any order."""
    header, body = "", sample
    if suffix in {".tsv", ".csv"}:
        header, _, body = sample.partition("\n")
        header += "\n"
    gap = "\n\n" if suffix == ".conll" else "\n"
    entries = body.strip().split(gap)
    choose = random.Random(seed)
    return header + gap.join(choose.choices(entries, k=ENTRIES)) + "\n"


@pytest.mark.parametrize("name", sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "README"))
def test_a_page_works_as_it_is_written(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """From the data file to a bundle that answers, is scored, passes its gate or is undecided, and goes into an app."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    sample, *_ = blocks(page, "text")
    monkeypatch.chdir(tmp_path)
    words = sorted(set(re.findall(r"[a-z]+|[^\w\s]", page.lower())) - set(fakes.VOCABULARY))
    fakes.tiny_checkpoint(tmp_path / "base", vocabulary=(*fakes.VOCABULARY, *words), positions=256)
    (train,) = set(re.findall(r"--train (\S+)", page))
    suffix = Path(train).suffix
    for seed, file in enumerate((train, f"dev{suffix}")):
        Path(file).write_text(grown(sample, suffix, seed), encoding="utf-8")
    Path("app/src/main").mkdir(parents=True)
    commands = [line[2:] for block in blocks(page, "console") for line in block.splitlines() if line.startswith("$ ")]
    assert [words.split()[1] for words in commands][:3] == ["finetune", "export", "predict"]
    for command in commands:
        words = shlex.split(command)[1:]
        if words[0] == "export" and name != "answers":
            words += ["--formats", "onnx"]  # other tests convert every task to TFLite, which takes most of the time
        done = cli(*words)
        # Of so few examples, a gate may well say that it cannot decide.
        allowed = {0, 1} if command.startswith("edgebert check") else {0}
        assert done.code in allowed, f"{command}\n{done.out}\n{done.err}"
    for block in blocks(page, "python"):
        exec(compile(block, f"{name}.md", "exec"), {})
    assert Path("app/src/main/assets/edgebert/edgebert.json").exists()
    kotlin = next(Path("app").rglob("EdgebertModel.kt")).read_text(encoding="utf-8")
    for named in re.findall(r"EdgebertModel\.(\w+)", page):
        assert re.search(rf"\b{named}\b", kotlin), named
