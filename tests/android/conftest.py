"""One JVM for all tests of a process, and one with ONNX Runtime in it; phones with the app on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import export.apk.build
from tests.android.phone import Phone, tools
from tests.support import fakes
from tests.support.jvm import Jvm


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


@pytest.fixture(scope="session")
def classes(tmp_path_factory):
    """A folder for the classes, or a skip where the app cannot be compiled."""
    tools()
    return tmp_path_factory.mktemp("phone")


@pytest.fixture
def root(tmp_path):
    """The storage of a phone that the app was just installed on."""
    export.apk.build.assets(fakes.shared_bundle(), tmp_path / "assets", debug=True)
    return tmp_path


@pytest.fixture
def phone(classes, root):
    """A phone whose first screen is being opened."""
    with Phone(classes, root) as started:
        started.start()
        yield started
