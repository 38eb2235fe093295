"""What the heads compute, against the modules of transformers that a checkpoint is loaded into."""

from __future__ import annotations

from typing import get_args

import pytest

from edgebert.heads import DenseSpec, head_spec
from edgebert.meaning import NO_SETTINGS, DenseSetting, Task, TaskSettings

MODULES = {
    "text-classification": "DistilBertForSequenceClassification",
    "multi-label-classification": "DistilBertForSequenceClassification",
    "text-regression": "DistilBertForSequenceClassification",
    "token-classification": "DistilBertForTokenClassification",
    "question-answering": "DistilBertForQuestionAnswering",
}


@pytest.mark.parametrize("task", MODULES)
def test_a_head_describes_the_module_of_transformers(task: Task):
    """Its layers, and no others, are the tensors outside the encoder, in their shapes; its outputs are the module's."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    head = head_spec(task, NO_SETTINGS)
    labels = {"text-regression": 1, "question-answering": 2}.get(task, 3)
    config = transformers.DistilBertConfig(
        vocab_size=50, dim=12, n_heads=3, hidden_dim=7, n_layers=1, num_labels=labels, **head.settings
    )
    with torch.random.fork_rng(devices=[]):
        module = getattr(transformers, MODULES[task])(config)
    dense = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items() if "distilbert." not in name}
    shapes = head.shapes(hidden=12, labels=labels)
    biases = {f"{name}.bias": (outputs,) for name, (outputs, _) in shapes.items()}
    assert dense == {f"{name}.weight": shape for name, shape in shapes.items()} | biases
    assert tuple(module(input_ids=torch.ones((1, 4), dtype=torch.int64))) == head.outputs
    assert {key: getattr(module.config, key) for key in head.settings} == head.settings
    assert {key: getattr(module.config, key) for key in head.dropouts} == head.dropouts


def test_every_task_has_a_head():
    """Each task that a manifest can name computes something: an output by name, from some rows."""
    for task in get_args(Task):
        assert head_spec(task, NO_SETTINGS).outputs
    assert {*MODULES, "feature-extraction"} == {*get_args(Task)}


def test_the_head_of_an_embedding_is_told_by_its_settings():
    """Pooling, dense layers and normalization are those that a checkpoint fixes, each layer as wide as it says."""
    dense = (DenseSetting(outputs=5, activation="tanh"), DenseSetting(outputs=4, activation="none"))
    head = head_spec("feature-extraction", TaskSettings(pooling="first", normalize=True, dense=dense, width=4))
    assert (head.reads, head.normalize, head.outputs) == ("first", True, ("sentence_embedding",))
    assert head.layers == (
        DenseSpec(name="dense.0", outputs=5, activation="tanh"),
        DenseSpec(name="dense.1", outputs=4),
    )
    assert head.shapes(hidden=12, labels=0) == {"dense.0": (5, 12), "dense.1": (4, 5)}
    plain = head_spec("feature-extraction", TaskSettings(pooling="mean", width=12))
    assert (plain.reads, plain.normalize, plain.layers) == ("mean", False, ())
