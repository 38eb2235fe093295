"""Bundles as older versions wrote them, which are recorded in tests/golden."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgebert.bundle import open_bundle
from tests.support.tiny_files import golden_case

OLDER = Path(__file__).parents[1] / "golden" / "bundles"


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_bundles_of_older_schemas_are_read(tmp_path: Path, schema: int):
    """The task has the name that it has today, and golden texts have their logits under the name of the output."""
    shutil.copy(OLDER / f"edgebert-{schema}.json", tmp_path / "edgebert.json")
    shutil.copy(OLDER / "golden-1.json", tmp_path / "golden.json")
    bundle = open_bundle(tmp_path, check=False)
    assert (bundle.manifest.schema, bundle.manifest.task) == (schema, "text-classification")
    assert bundle.golden().cases == (golden_case("good", (2, 109, 3), (0.5, 0.5)),)
