"""Weights load from every safetensors form; what is missing, foreign, damaged or no number is named."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from edgebert.checkpoint import load_model
from edgebert.errors import EdgebertError
from tests.checkpoint.folders import CLASSIFIER, WEIGHTS, edit_weights, refusal
from tests.support import fakes


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_are_widened(tmp_path, dtype):
    """A checkpoint in fp16 or bf16 loads as the float32 model of the same values."""
    folder = fakes.tiny_checkpoint(tmp_path / "half", dtype=dtype)
    module = load_model(folder).module
    stored = load_file(folder / WEIGHTS)
    assert stored[CLASSIFIER].dtype == dtype
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, stored[name].float())


def test_sharded_weights_load(tmp_path):
    """Weights split over several files give the model that one file gives."""
    folder = fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "sharded")
    module = transformers.DistilBertForSequenceClassification.from_pretrained(folder)
    (folder / WEIGHTS).unlink()
    module.save_pretrained(folder, max_shard_size="40KB")
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 1
    whole, sharded = load_model(fakes.shared_checkpoint()), load_model(folder)
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(sharded.module.state_dict()[name], tensor)


@pytest.mark.parametrize("name", ["../model.safetensors", "gone.safetensors", "/etc/passwd", "", 7, None, ["x"]])
def test_a_shard_that_is_not_in_the_folder_is_refused(folder, name):
    """An index can name files beside it and nothing else."""
    (folder / WEIGHTS).rename(folder.parent / "model.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {CLASSIFIER: name}}), encoding="utf-8")
    assert "model.safetensors.index.json" in refusal(folder).message


@pytest.mark.parametrize(
    "content", ["[]", '{"weight_map": []}', '{"weight_map": null}', "{}", "not json", '{"weight_map": {}}']
)
def test_an_index_of_another_form_is_refused(folder, content):
    """A damaged index is named."""
    (folder / WEIGHTS).unlink()
    (folder / "model.safetensors.index.json").write_text(content, encoding="utf-8")
    with pytest.raises(EdgebertError) as caught:
        load_model(folder)
    assert caught.value.exit_code == 2
    assert str(folder) in caught.value.message


def test_a_missing_tensor_is_named(folder):
    """Nothing is filled in with random numbers."""
    edit_weights(folder, pre_classifier__bias=None, classifier__weight=None)
    message = refusal(folder).message
    assert "2 tensors are missing" in message
    assert "pre_classifier.bias" in message


def test_an_unknown_tensor_is_named(folder):
    """A tensor that config.json has no place for is not ignored."""
    edit_weights(folder, distilbert__transformer__layer__2__attention__q_lin__bias=torch.zeros(32))
    message = refusal(folder).message
    assert "do not belong" in message
    assert "layer.2.attention.q_lin.bias" in message


def test_leftovers_of_pre_training_are_no_trouble(folder):
    """Many published classifiers carry the masked-language head and an old buffer; neither is used."""
    edit_weights(
        folder,
        vocab_projector__bias=torch.zeros(3),
        vocab_layer_norm__weight=torch.zeros(32),
        distilbert__embeddings__position_ids=torch.arange(64)[None],
    )
    texts = fakes.random_texts(1, count=3, longest=8)
    expected = fakes.torch_logits(load_model(fakes.shared_checkpoint()).module, texts)
    np.testing.assert_array_equal(fakes.torch_logits(load_model(folder).module, texts), expected)


def test_a_tensor_of_another_shape_is_named(folder):
    """The message gives both shapes."""
    edit_weights(folder, classifier__weight=torch.zeros(3, 32))
    message = refusal(folder).message
    assert "classifier.weight" in message
    assert "(3, 32)" in message
    assert "(2, 32)" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder, value):
    """A diverged training is named as what it is, with tensor and count."""
    edit_weights(folder, classifier__bias=torch.tensor([0.0, value]))
    message = refusal(folder).message
    assert "classifier.bias has 1 value" in message
    assert "NaN" in message


def test_half_precision_infinities_are_refused(folder):
    """An fp16 weight that overflowed is found before it is widened."""
    edit_weights(folder, classifier__bias=torch.tensor([0.0, 1e9]).half())
    assert "classifier.bias" in refusal(folder).message


@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.bool])
def test_weights_that_are_no_floats_are_refused(folder, dtype):
    """Integer weights are named, not converted."""
    edit_weights(folder, classifier__bias=torch.tensor([0, 1]).to(dtype))
    assert "classifier.bias" in refusal(folder).message


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_weights_are_refused(folder, keep):
    """A download that stopped is named, and the hint says to copy it again."""
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:keep])
    error = refusal(folder)
    assert "truncated or damaged" in error.message
    assert WEIGHTS in error.message


def test_pickled_weights_are_not_opened(folder):
    """A folder with .bin weights only is refused, with the way out."""
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    error = refusal(folder)
    assert "pickled" in error.message
    assert "save_pretrained" in error.hint


def test_no_weights_at_all_are_refused(folder):
    """A folder of configuration and tokenizer alone has no model."""
    (folder / WEIGHTS).unlink()
    assert "there is no model.safetensors" in refusal(folder).message
