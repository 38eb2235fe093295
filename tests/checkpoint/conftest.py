from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import fakes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a tiny checkpoint of the test's own."""
    return fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "model")
