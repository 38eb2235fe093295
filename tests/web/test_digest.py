"""What the page reads of a bundle: a manifest whose digest is right, and golden texts of either schema."""

from __future__ import annotations

import json

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


def test_a_task_has_the_name_of_the_hub_as_well(node, manifest):
    """Manifests name a task as before schema 4, or as the Hub does."""
    fakes.edit_json(manifest, task="text-classification")
    assert node.call("manifest", content=manifest.read_text(encoding="utf-8"))
    fakes.edit_json(manifest, task="question-answering")
    with pytest.raises(Refused, match=r"the model does .question-answering., which this page does not know"):
        node.call("manifest", content=manifest.read_text(encoding="utf-8"))


WINDOW = {"input_ids": [2, 3], "outputs": {"logits": {"shape": [2], "values": [0.5, -1]}}}


def test_golden_texts_of_schema_2_are_those_of_schema_1(node):
    """Outputs by name and shape hold what the plain logits held."""
    flat = {"schema": 1, "cases": [{"text": "a", "input_ids": [2, 3], "logits": [0.5, -1]}]}
    nested = {"schema": 2, "cases": [{"texts": ["a"], "windows": [WINDOW]}]}
    read = [node.call("golden", content=json.dumps(content)) for content in (flat, nested)]
    assert read[0] == read[1] == [{"text": "a", "inputIds": [2, 3], "logits": [0.5, -1]}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": ["a", "b"]}, "it has 2 texts in 1 windows instead of 1 in 1"),
        ({"texts": [5]}, "it has 1 texts in 1 windows"),
        ({"windows": []}, "it has 1 texts in 0 windows"),
        ({"windows": [WINDOW | {"outputs": {}}]}, "logits is missing"),
        ({"windows": [WINDOW | {"outputs": {"logits": {"shape": [3], "values": [1]}}}]}, "1 numbers instead of 3"),
    ],
)
def test_damaged_golden_texts_of_schema_2(node, change, message):
    """Golden texts by windows and output names are refused with what cannot be."""
    content = json.dumps({"schema": 2, "cases": [{"texts": ["a"], "windows": [WINDOW]} | change]})
    with pytest.raises(Refused, match=message):
        node.call("golden", content=content)
