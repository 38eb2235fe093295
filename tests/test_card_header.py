from __future__ import annotations

import dataclasses
import sys
from typing import Any, get_args

import pytest

from edgebert.card_header import front_matter
from edgebert.errors import MissingExtraError
from edgebert.manifest import Manifest
from edgebert.meaning import Task
from edgebert.metrics import METRICS
from tests.support.tiny_files import make_manifest
from tests.test_card import pruned, scored

hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub writes the front matter")


def parsed(manifest: Manifest) -> dict[str, Any]:
    """Return the front matter of a card as the Hub reads it."""
    return hub.ModelCard(f"{front_matter(manifest)}\n\n# A card", ignore_metadata_errors=False).data.to_dict()


def of_hub(manifest: Manifest, checkpoint: str) -> Manifest:
    """Return the manifest of an export of a checkpoint with a name."""
    return dataclasses.replace(manifest, provenance=dataclasses.replace(manifest.provenance, checkpoint=checkpoint))


def test_only_what_is_known_is_said():
    """A folder is no base model, and no license, language or score is invented."""
    assert parsed(make_manifest()) == {
        "pipeline_tag": "text-classification",
        "tags": ["distilbert", "edgebert", "int8", "onnx", "tflite"],
    }


def test_a_checkpoint_of_the_hub_is_the_base_model():
    """A Hub ID is named, also where a model that was cut from it was exported: as what was quantized."""
    found = parsed(of_hub(scored(), "someone/distilbert"))
    assert (found["base_model"], found["base_model_relation"]) == ("someone/distilbert", "quantized")
    manifest = pruned()
    assert manifest.pruning is not None
    cut = dataclasses.replace(manifest, pruning=dataclasses.replace(manifest.pruning, original_name="someone/large"))
    assert parsed(cut)["base_model"] == "someone/large"


@pytest.mark.parametrize("name", ["=cmd|'/c calc'!A1", "a/b/c", "/model", "someone/", "some one/model", "model"])
def test_a_name_that_the_hub_refuses_is_no_base_model(name):
    """A folder may be called anything, also with a slash in it."""
    manifest = make_manifest()
    source = dataclasses.replace(manifest.provenance, checkpoint=name)
    assert "base_model" not in parsed(dataclasses.replace(manifest, provenance=source))


def test_the_scores_are_results():
    """Each shipped file that was scored is a result of the evaluation data, under the name that the Hub has for it."""
    manifest = scored()
    found = hub.ModelCard(f"{front_matter(manifest)}\n\n# A card").data
    assert found.metrics == ["accuracy"]
    told = [(each.dataset_name, each.metric_type, each.metric_name, each.metric_value) for each in found.eval_results]
    assert told == [
        ("dev.tsv", "accuracy", "accuracy (int8.onnx)", 0.909),
        ("dev.tsv", "accuracy", "accuracy (int8.tflite)", 0.909),
    ]


@pytest.mark.parametrize("task", get_args(Task))
@pytest.mark.parametrize("metric", ["accuracy", "rmse", "cosine", "macro_f1"])
def test_every_task_has_a_tag_of_the_hub(task: Task, metric: str):
    """The pipeline tag is one that the Hub knows, and names of any letters are read back."""
    manifest = dataclasses.replace(of_hub(scored(), "a: b # 'c'"), task=task)
    artifacts = tuple(
        dataclasses.replace(item, score=dataclasses.replace(item.score, metric=metric)) if item.score else item
        for item in manifest.artifacts
    )
    found = hub.ModelCard(f"{front_matter(dataclasses.replace(manifest, artifacts=artifacts))}\n\n# A").data
    assert found.pipeline_tag in {
        "text-classification",
        "token-classification",
        "question-answering",
        "sentence-similarity",
    }
    assert found.model_name == "a: b # 'c'"
    assert found.eval_results[0].metric_name.startswith(METRICS[metric].name)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch):
    """The error says which package is missing and what it is for."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match="huggingface_hub"):
        front_matter(make_manifest())
