"""One Node for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.node import Node


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """A Node with the modules of the web demo in it, or a skip where there is none."""
    with Node() as running:
        yield running
