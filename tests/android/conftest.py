"""One JVM for all tests of a process, and one with ONNX Runtime in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import fakes
from tests.android.jvm import Jvm


@pytest.fixture(scope="session")
def jvm() -> Iterator[Jvm]:
    """A JVM with the core of the Android demo in it, or a skip where there is no JDK."""
    with Jvm() as running:
        yield running


@pytest.fixture(scope="session")
def ort_jvm() -> Iterator[Jvm]:
    """A JVM that runs models as the app does, or a skip where ONNX Runtime for Java cannot be had."""
    with Jvm(with_ort=True) as running:
        yield running


@pytest.fixture
def bundle(tmp_path):
    """A bundle to damage."""
    return fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
