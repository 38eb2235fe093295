"""The bundle that runs of the bench share, and the data beside it."""

from __future__ import annotations

import pytest

from edgebert.bundle import open_bundle
from edgebert.data import read_dataset
from tests.support import fakes


@pytest.fixture(scope="module")
def bundle():
    """The shared bundle, or a skip where it cannot be exported."""
    pytest.importorskip("onnx", reason="the shared bundle is exported")
    return open_bundle(fakes.shared_bundle())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Every text of the tests, with labels in turn."""
    path = tmp_path_factory.mktemp("data") / "dev.tsv"
    rows = [(text, index % 2) for index, text in enumerate(fakes.TEXTS)]
    return read_dataset(fakes.write_data(path, rows), labels=fakes.LABELS)
