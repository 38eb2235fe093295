"""One JVM for all tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.android.jvm import Jvm


@pytest.fixture(scope="module")
def jvm() -> Iterator[Jvm]:
    """A JVM with the core of the Android demo in it, or a skip where there is no JDK."""
    with Jvm() as running:
        yield running
