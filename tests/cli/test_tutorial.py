"""The tutorial is tried as it is written, with a tiny checkpoint in the place of the demo's."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support import fakes

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
# What a test has no time, network or phone for.
LEFT_OUT = ("edgebert demo ", "edgebert devices", "edgebert worker build ", "phone.json")


def test_the_tutorial_works_as_it_is_written(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the demo's folder to an app and a pruned bundle, every command ends well."""
    monkeypatch.chdir(tmp_path)
    texts = Path("build/demo/texts")
    texts.mkdir(parents=True)
    fakes.tiny_checkpoint(Path("build/demo/model"), positions=128)
    for name, count in (("train", 40), ("eval", 4)):
        rows = [(f"{text} {number}", index % 2) for number in range(count) for index, text in enumerate(fakes.TEXTS)]
        fakes.write_data(texts / f"{name}.tsv", rows)
    Path("app/src/main").mkdir(parents=True)
    page = TUTORIAL.read_text(encoding="utf-8")
    console = re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    commands = [line[2:] for block in console for line in block.splitlines()]
    tried = [command for command in commands if not any(words in command for words in LEFT_OUT)]
    assert len(tried) > 12
    for command in tried:
        program, *words = shlex.split(command)
        if program != "edgebert":
            subprocess.run([program, *words], check=True)
            continue
        words += ["--formats", "onnx"] if words[0] == "export" else []
        words += ["--processes", "2", "--runs", "2"] if words[0] == "bench" else []
        words = ["onnxruntime" if word == "litert" else word for word in words]
        done = cli(*words)
        # A tiny model need not be faster in 8 bits: the gate may say so, or that it cannot decide.
        assert done.code in ({0, 1} if words[0] == "check" else {0}), f"{command}\n{done.out}\n{done.err}"
    for made in ("here.html", "app/src/main/assets/edgebert/edgebert.json", "pruned/edgebert.json"):
        assert Path(made).is_file()
