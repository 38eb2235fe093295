"""A bundle whose files are links works as one of plain files: answers, checks and embedding."""

from __future__ import annotations

from pathlib import Path

from edgebert.embedding.embed import embed
from edgebert.embedding.places import folder_place
from edgebert.prediction import predict
from edgebert.verification import verify
from tests.bundle.manifests import as_in_the_hub_cache
from tests.support import fakes


def test_a_linked_bundle_answers_verifies_and_embeds(tmp_path: Path):
    """Predictions and checks are those of the bundle itself; what is embedded is plain files of the same bytes."""
    bundle = fakes.shared_bundle()
    linked = as_in_the_hub_cache(bundle, tmp_path / "cache")
    assert predict(linked, ["good", "bad"]) == predict(bundle, ["good", "bad"])
    assert all(check.ok for check in verify(linked))
    made = embed(linked, folder_place(tmp_path / "app"))
    for entry in made.files:
        path = tmp_path / "app" / entry.file
        assert not path.is_symlink()
        assert path.read_bytes() == (bundle / entry.file).read_bytes()
