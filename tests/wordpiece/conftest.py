"""The programs that the tests of tokenizers ask: one for each language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.jvm import Jvm
from tests.support.node import Node
from tests.support.peer import Peer


@pytest.fixture(scope="session")
def jvm() -> Iterator[Peer]:
    """A JVM with the core of the Android demo in it, or a skip where there is no JDK."""
    with Jvm() as running:
        yield running


@pytest.fixture(scope="session")
def node() -> Iterator[Peer]:
    """A Node with the modules of the web demo in it, or a skip where there is none."""
    with Node() as running:
        yield running


@pytest.fixture(params=["jvm", "node"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each of them in turn; one that cannot run skips its own tests alone."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Peer)
    return found
