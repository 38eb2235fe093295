"""The manifest states its own digest, so that a change of whatever byte is found."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.bundle import MANIFEST, open_bundle, write_manifest
from edgebert.errors import BundleError
from tests.bundle.manifests import change_manifest


def test_the_digest_is_the_hash_of_the_file_with_zeros_in_its_place(whole: Path):
    """The definition on the page of the format, carried out word by word, gives the digest that is stated."""
    text = (whole / MANIFEST).read_text(encoding="utf-8")
    stated = re.search(r'"digest": "([0-9a-f]{64})"', text)
    assert stated
    zeroed = text[: stated.start(1)] + "0" * 64 + text[stated.end(1) :]
    assert hashlib.sha256(zeroed.encode()).hexdigest() == stated[1] == open_bundle(whole).manifest.digest


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_changed_byte_of_the_manifest_is_found(whole: Path, data: st.DataObject):
    """A manifest with one byte changed, removed or put in does not open."""
    path = whole / MANIFEST
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda value: value != content[at]))])
    put, skipped = data.draw(st.sampled_from([(byte, 1), (b"", 1), (byte, 0)]))
    path.write_bytes(content[:at] + put + content[at + skipped :])
    try:
        with pytest.raises(BundleError, match=MANIFEST):
            open_bundle(whole, check=False)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize(("old", "new"), [("negative", "Negative"), ('"pad_id": 0', '"pad_id": 1'), ("\n}", "\n} ")])
def test_the_message_names_the_digest(bundle: Path, old: str, new: str):
    """Where the changed manifest would be read without complaint, the digest is what tells."""
    text = (bundle / MANIFEST).read_text(encoding="utf-8")
    assert old in text
    (bundle / MANIFEST).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BundleError) as caught:
        open_bundle(bundle)
    assert caught.value.message == f"{bundle / MANIFEST}: the content is not what its digest says"
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("digest", [None, 5, "", "0" * 64, "AB" * 32])
def test_a_digest_that_is_none_is_refused(bundle: Path, digest: object):
    """Null, a number, another text: no digest of a manifest."""
    text = (bundle / MANIFEST).read_text(encoding="utf-8")
    value = {None: "null", 5: "5"}.get(digest, f'"{digest}"')  # type: ignore[call-overload]
    (bundle / MANIFEST).write_text(re.sub(r'"digest": "[0-9a-f]{64}"', f'"digest": {value}', text), encoding="utf-8")
    with pytest.raises(BundleError, match="digest"):
        open_bundle(bundle)


def test_older_schemas_have_no_digest(bundle: Path):
    """A manifest of schema 2 opens without one; schema 3 without one is damaged, and so is schema 2 with one."""
    digest = open_bundle(bundle).manifest.digest
    change_manifest(bundle, lambda plain: (plain.pop("digest"), plain.update(schema=2)))
    assert open_bundle(bundle).manifest.digest is None
    change_manifest(bundle, lambda plain: plain.update(digest=digest))
    with pytest.raises(BundleError, match="a manifest of schema 2 has no digest"):
        open_bundle(bundle)
    change_manifest(bundle, lambda plain: (plain.pop("digest"), plain.update(schema=3)))
    with pytest.raises(BundleError, match="the key 'digest' is missing"):
        open_bundle(bundle)


def test_labels_cannot_stand_for_the_digest(bundle: Path):
    """A label that looks like the digest's key is a label: the quotes in it are escaped."""
    from dataclasses import replace

    manifest = open_bundle(bundle).manifest
    labels = ('"digest": "' + "0" * 64 + '"', "digest")
    written = write_manifest(bundle, replace(manifest, labels=labels))
    assert open_bundle(bundle).manifest == written
    assert written.labels == labels
