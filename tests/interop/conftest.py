"""What the tests of the other environments share: the folder that the main environment made for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def folder() -> Path:
    """The folder that ``tests.interop.make_bundle`` made."""
    path = ROOT / "build" / "interop"
    if not (path / "expected.json").is_file():
        pytest.fail(
            f"{path.relative_to(ROOT)} is not there: run `python -m tests.interop.make_bundle build/interop` in the "
            "main environment, or `make test-optimum` and `make test-tflite-runtime`",
            pytrace=False,
        )
    return path


@pytest.fixture(scope="session")
def expected(folder: Path) -> dict[str, Any]:
    """What edgebert answered in the main environment."""
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def edgebert() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line of edgebert in this environment."""

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        program = "from edgebert.cli.app import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *map(str, words)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
