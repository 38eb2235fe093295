"""A bundle that has all that a manifest can say: another baseline, a cut, scores, an added token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.bundle import open_bundle, write_manifest
from edgebert.recipe import PruneOptions
from tests.support import cut_models, fakes


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of both formats of a pruned model, with its baseline and scores; tests restore it."""
    pytest.importorskip("torch")
    root = fakes.copy_of(cut_models.shared_scored_bundle(), tmp_path_factory.mktemp("claims") / "bundle")
    made = open_bundle(root).manifest
    recipe = replace(made.recipe, prune=PruneOptions(keep=0.5, learning_rate=1e-4))  # as if the recipe had cut it
    write_manifest(root, replace(made, recipe=recipe))
    return root


@pytest.fixture(scope="session")
def slim(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same bundle without its baselines."""
    from edgebert.publishing import strip

    return strip(whole, tmp_path_factory.mktemp("slim") / "bundle").root
