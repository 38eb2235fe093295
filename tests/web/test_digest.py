"""What the page reads of a bundle: a manifest whose digest is right, and golden texts of either schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebert.bundle import MANIFEST
from tests.support import fakes
from tests.support.peer import Refused
from tests.support.small_bundles import small_bundle

OLDER = Path(__file__).parents[1] / "golden" / "bundles"


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
    """Manifests have a digest since schema 3."""
    fakes.edit_json(manifest, digest=...)
    with pytest.raises(Refused, match="digest is missing"):
        node.call("manifest", content=manifest.read_text(encoding="utf-8"))
    fakes.edit_json(manifest, schema=2)
    assert node.call("manifest", content=manifest.read_text(encoding="utf-8"))


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_manifests_of_older_schemas_are_read(node, schema):
    """Manifests of each older schema, which name the task in another way, are read."""
    content = (OLDER / f"edgebert-{schema}.json").read_text(encoding="utf-8")
    assert node.call("manifest", content=content) == list(fakes.LABELS)


def test_an_unknown_task_is_refused(node, manifest):
    """A task that the page does not know is named, with the one that it knows."""
    fakes.edit_json(manifest, task="fill-mask")
    with pytest.raises(Refused, match=r".fill-mask., which this page does not know; it knows text-class"):
        node.call("manifest", content=manifest.read_text(encoding="utf-8"))


WINDOW = {"input_ids": [2, 3], "outputs": {"logits": {"shape": [2], "values": [0.5, -1]}}}


def test_golden_texts_of_either_schema_are_read(node):
    """Schema 1 knew one text and its logits; schema 2 has outputs by name and shape; schema 3 may have offsets."""
    window = {"inputIds": [2, 3], "offsets": None, "outputs": {"logits": [0.5, -1]}}
    for schema in (2, 3):
        nested = {"schema": schema, "cases": [{"texts": ["a"], "windows": [WINDOW]}]}
        assert node.call("golden", content=json.dumps(nested)) == [{"texts": ["a"], "windows": [window]}]
    pair = {"texts": ["a", "b"], "windows": [WINDOW | {"offsets": [[0, 0], [0, 1]]}, WINDOW | {"offsets": None}]}
    found = node.call("golden", content=json.dumps({"schema": 3, "cases": [pair]}))
    assert found == [{"texts": ["a", "b"], "windows": [window | {"offsets": [[0, 0], [0, 1]]}, window]}]
    flat = (OLDER / "golden-1.json").read_text(encoding="utf-8")
    window = {"inputIds": [2, 109, 3], "offsets": None, "outputs": {"logits": [0.5, 0.5]}}
    assert node.call("golden", content=flat) == [{"texts": ["good"], "windows": [window]}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": []}, "a case has 0 texts in 1 windows"),
        ({"texts": [5]}, "a case has 1 texts in 1 windows, or one that is no text"),
        ({"windows": []}, "a case has 1 texts in 0 windows"),
        ({"windows": [WINDOW | {"outputs": {}}]}, "outputs is empty"),
        ({"windows": [WINDOW | {"offsets": [[0]]}]}, "offsets is no list of pairs"),
        ({"windows": [WINDOW | {"outputs": {"logits": {"shape": [3], "values": [1]}}}]}, "1 numbers instead of 3"),
    ],
)
def test_damaged_golden_texts_of_schema_2(node, change, message):
    """Golden texts by windows and output names are refused with what cannot be."""
    content = json.dumps({"schema": 2, "cases": [{"texts": ["a"], "windows": [WINDOW]} | change]})
    with pytest.raises(Refused, match=message):
        node.call("golden", content=content)
