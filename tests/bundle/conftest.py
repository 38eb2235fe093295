from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.tiny_files import write_bundle


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle that no test changes."""
    pytest.importorskip("onnx", reason="onnx makes the tiny files")
    root = tmp_path_factory.mktemp("whole") / "bundle"
    write_bundle(root)
    return root


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """Return a bundle of the test's own."""
    return Path(shutil.copytree(whole, tmp_path / "bundle"))
