"""The emulator that tests share, in build/ of the repository: made once, by the first test that asks for it."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from edgebert.emulation.setup import set_up_emulator
from edgebert.errors import EnvironmentProblem

CACHE = Path(__file__).parents[2] / "build" / "emulator"
_EXCUSES = ("is not on this machine", "cannot be fetched")


@functools.cache
def emulator_or_skip() -> Path:
    """Return the cache that it is in; skip the test where Debian's or PyPI's packages cannot be had."""
    try:
        facts = set_up_emulator(CACHE)
    except EnvironmentProblem as error:
        if any(excuse in error.message for excuse in _EXCUSES):
            pytest.skip(f"no emulator: {error}")
        raise
    assert facts.running
    return CACHE


def counter_or_skip() -> Path:
    """Return the same cache; skip the test where no instructions can be counted, as without a C compiler."""
    cache = emulator_or_skip()
    facts = set_up_emulator(cache)
    if facts.cannot_count:
        pytest.skip(f"no instruction counter: {facts.cannot_count}")
    return cache
