"""What the programs among the tests have in common: those that are run by hand, at full size."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

import pytest


def say(line: str) -> None:
    """Write a line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def command(main: Callable[[list[str]], int]) -> NoReturn:
    """Run the main function of a command and exit; with 3 and one line where a test would be skipped."""
    try:
        raise SystemExit(main(sys.argv[1:]))
    except pytest.skip.Exception as skipped:
        sys.stderr.write(f"error: {skipped}\n")
        raise SystemExit(3) from None
