"""The command line, run in this process or in one of its own, and what several of its tests prune."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from edgebert.cli.app import main
from tests.cli.prune_files import rows
from tests.support import fakes


class Outcome(NamedTuple):
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The value on standard output, which holds nothing else."""
        return json.loads(self.out)


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Return a function that runs the command line in this process."""

    def run(*words: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        assert isinstance(left.value.code, int)
        return Outcome(left.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def program() -> Callable[..., subprocess.Popen[str]]:
    """Return a function that starts the command line in a process of its own."""

    def start(*words: object, **settings: Any) -> subprocess.Popen[str]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [sys.executable, "-m", "edgebert", *map(str, words)]
        environment = os.environ | settings.pop("env", {})
        return subprocess.Popen(command, text=True, env=environment, **(pipes | settings))

    return start


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """Return a file of labelled texts."""
    return fakes.write_data(tmp_path / "train.csv", rows())


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint whose layers take most of its time, so that a share of that can be met.

    It has one head a layer: each more would be one more width to time.
    """
    folder = tmp_path_factory.mktemp("larger") / "model"
    return fakes.tiny_checkpoint(folder, hidden=64, heads=1, neurons=512, layers=4)
