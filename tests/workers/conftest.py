"""One sshd for all tests of a process that reach this machine as a board."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.support import kit


@pytest.fixture(scope="session")
def board() -> Iterator[kit.Board]:
    """This machine behind a real sshd, or a skip where there is no ssh."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh program")
    with kit.local_sshd() as started:
        yield started
