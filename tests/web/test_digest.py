"""The page refuses a manifest whose content is not what its digest says."""

from __future__ import annotations

import pytest

from edgebert.bundle import MANIFEST
from tests.support import fakes
from tests.support.peer import Refused
from tests.support.small_bundles import small_bundle


@pytest.fixture
def manifest(tmp_path):
    return small_bundle(tmp_path / "bundle", labels=["schlecht", "gro\u00dfartig \U0001f600"]) / MANIFEST


def test_the_digest_of_python_is_that_of_the_page(node, manifest):
    """What edgebert wrote is read, whatever letters the labels have."""
    labels = ["schlecht", "gro\u00dfartig \U0001f600"]
    assert node.call("manifest", content=manifest.read_text(encoding="utf-8")) == labels


@pytest.mark.parametrize(("old", "new"), [("schlecht", "schlichz"), ('"pad_id": 0', '"pad_id": 1'), ("}", "} ")])
def test_a_changed_letter_is_found(node, manifest, old, new):
    """A label, an id or a mere space: the digest differs."""
    content = manifest.read_text(encoding="utf-8")
    assert old in content
    with pytest.raises(Refused, match="its content is not what its digest says"):
        node.call("manifest", content=content.replace(old, new, 1))


def test_a_manifest_without_digest_is_damaged_unless_it_is_older(node, manifest):
    """Schema 3 has a digest, schema 2 has none."""
    fakes.edit_json(manifest, digest=...)
    with pytest.raises(Refused, match="digest is missing"):
        node.call("manifest", content=manifest.read_text(encoding="utf-8"))
    fakes.edit_json(manifest, schema=2)
    assert node.call("manifest", content=manifest.read_text(encoding="utf-8"))
