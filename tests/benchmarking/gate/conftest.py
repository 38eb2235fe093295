"""The bundle that the gate decides on."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebert.bundle import Bundle
from tests.benchmarking.gate.gated import ONNX, saved
from tests.support.tiny_files import make_artifact


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Return a bundle whose int8 file lost 0.3 points on 1,000 examples (-0.19 to 0.81), at 25 MB."""
    return saved(tmp_path, make_artifact(ONNX, value=0.909, size=25_000_000))
