"""Runs cases: fills a box, has a forked process work on it, asks the oracle."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fuzz.box import Box, Case
from tests.fuzz.corpus import REPOSITORY, Corpus
from tests.fuzz.oracle import Ending, faults, snapshot
from tests.fuzz.targets import Target

ENVIRONMENT = {
    "COLUMNS": "120",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "Agg",
    "NO_COLOR": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}
UNDAMAGED = -1
"""Number of the case of each target in which all files are as they should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one case came to."""

    target: str
    number: int
    case: Case
    ending: Ending
    faults: tuple[str, ...]
    root: Path


class Zygote:
    """A process that has edgebert imported and forks a child for every case.

    Args:
        torch: Whether it imports torch too.
        scratch: Folder for what its libraries keep.
    """

    def __init__(self, *, torch: bool, scratch: Path) -> None:
        self.torch = torch
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        environment |= {
            **ENVIRONMENT,
            "MPLCONFIGDIR": str(scratch / "matplotlib"),
            "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        }
        environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
        words = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.zygote", *(["torch"] if torch else [])]
        self._log = (scratch / f"zygote-{'torch' if torch else 'light'}.log").open("wb")
        self._process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            cwd=REPOSITORY,
        )
        self._base = self._answer()["base"] if torch else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        while line := self._process.stdout.readline():
            if line.startswith("{"):
                return dict(json.loads(line))
        raise RuntimeError(f"the zygote died: {Path(self._log.name).read_text(errors='replace')[-2000:]}")

    def run(self, case: Case, root: Path) -> Ending:
        """Run a case in its box."""
        if not self._base and not self.torch:
            self._base = self._answer()["base"]
        for name in ("stdout", "stderr"):
            (root / name).touch()
        (root / "stdin").write_bytes(case.stdin)
        environment = {
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            "XDG_CACHE_HOME": str(root / "home/.cache"),
        }
        request = {
            "box": str(root),
            "words": list(case.words),
            "reader": case.reader,
            "environment": {**environment, **case.environment},
            "wall_s": 240 if self.torch else 60,
            "cpu_s": 120 if self.torch else 30,
            "address_bytes": (24 if self.torch else 6) << 30,
        }
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        return Ending(
            ended=answer["ended"],
            code=answer["code"],
            peak_bytes=answer["peak"] - (self._base if self.torch else 0),
            seconds=answer["seconds"],
            stdout=(root / "stdout").read_bytes(),
            stderr=(root / "stderr").read_bytes(),
        )


class Fuzzer:
    """Runs the cases of targets one after the other.

    Args:
        scratch: Folder for sound files and boxes.
        seed: With the name of the target and the number of the case, decides everything.
    """

    def __init__(self, scratch: Path, seed: int) -> None:
        self.scratch, self.seed = scratch, seed
        (scratch / "seeds").mkdir(parents=True, exist_ok=True)
        self.corpus = Corpus(scratch / "seeds")
        self._zygotes: dict[bool, Zygote] = {}

    def close(self) -> None:
        """End the processes."""
        for zygote in self._zygotes.values():
            zygote.__exit__(None, None, None)

    def box(self, target: Target, number: int) -> tuple[Box, Case]:
        """Make the files of a case."""
        rng = None if number == UNDAMAGED else random.Random(f"{self.seed}:{target.name}:{number}")
        root = self.scratch / "box"
        shutil.rmtree(root, ignore_errors=True)
        box = Box(root, self.corpus, rng)
        return box, target.make(box)

    def run(self, target: Target, number: int) -> Result:
        """Make a case, run it, and ask the oracle."""
        box, case = self.box(target, number)
        if target.torch not in self._zygotes:
            self._zygotes[target.torch] = Zygote(torch=target.torch, scratch=self.scratch)
        before = snapshot(box.work)
        ending = self._zygotes[target.torch].run(case, box.root)
        found = tuple(faults(case, ending, before, box.root))
        if number == UNDAMAGED and ending.code != 0:
            found += ("refuses files that are as they should be",)
        return Result(target=target.name, number=number, case=case, ending=ending, faults=found, root=box.root)


@contextmanager
def fuzzing(scratch: Path, seed: int) -> Iterator[Fuzzer]:
    """Give a fuzzer whose processes end with the block."""
    fuzzer = Fuzzer(scratch, seed)
    try:
        yield fuzzer
    finally:
        fuzzer.close()


def keep(result: Result, to: Path, seed: int) -> Path:
    """Copy the folder of a case and say how it is run again."""
    ending = result.ending
    folder = to / f"{result.target}-{seed}-{result.number}"
    shutil.rmtree(folder, ignore_errors=True)
    # A pipe would wait for somebody to write to it.
    shutil.copytree(result.root, folder, symlinks=True, copy_function=_copy_or_name)
    command = shlex.join(["edgebert", *result.case.words]) if result.case.words else f"reader {result.case.reader}"
    lines = [
        f"again:   python -m tests.fuzz --seed {seed} --only {result.target} --case {result.number}",
        f"ran:     cd work && {command}" + (" < ../stdin" if result.case.stdin else ""),
        f"ended:   exit code {ending.code}, {ending.peak_bytes / 1e6:.0f} MB, {ending.seconds:.1f} s",
        *(f"fault:   {fault}" for fault in result.faults),
    ]
    text = "\n".join(lines) + "\n"
    (folder / "case.txt").write_text(text, encoding="utf-8", errors="backslashreplace")
    return folder


def _copy_or_name(source: str, to: str) -> str:
    if Path(source).is_file():
        return str(shutil.copy2(source, to))
    Path(f"{to}.pipe").touch()
    return to
