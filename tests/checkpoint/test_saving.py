"""A saved model loads as it was in memory, here, in another process and, where it can say so, in transformers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.architecture import Architecture
from edgebert.checkpoint import load_model
from tests.checkpoint.folders import refusal
from tests.checkpoint.models import PRUNING, UNEVEN, in_memory, saved
from tests.support import fakes


@st.composite
def shapes(draw: st.DrawFn) -> Architecture:
    layers = draw(st.integers(1, 3))
    return dataclasses.replace(
        UNEVEN,
        heads=tuple(draw(st.lists(st.integers(1, 3), min_size=layers, max_size=layers))),
        neurons=tuple(draw(st.lists(st.integers(1, 9), min_size=layers, max_size=layers))),
        activation=draw(st.sampled_from(["gelu", "relu"])),
    )


@given(shapes())
@settings(max_examples=20)
def test_a_saved_model_loads_as_it_was_in_memory(tmp_path_factory, shape):
    """Whatever the widths, weights and logits are equal to the last bit; so are labels, shape, ids, dropout."""
    model = in_memory(shape)
    loaded = load_model(saved(model, tmp_path_factory.mktemp("saved") / "model"))
    assert loaded.checkpoint.architecture == shape
    assert loaded.checkpoint.labels == model.checkpoint.labels
    assert loaded.checkpoint.pruning is None
    state = loaded.module.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.module.state_dict().items())
    texts = fakes.random_texts(2, count=5, longest=20)
    np.testing.assert_array_equal(fakes.torch_logits(loaded.module, texts), fakes.torch_logits(model.module, texts))
    text = "The battery, is NOT great 42!"
    assert loaded.tokenizer.encode(text).ids == model.tokenizer.encode(text).ids
    assert loaded.module.config.dropout == 0.25


def test_equal_models_are_saved_as_equal_files(tmp_path):
    """A model that was saved and loaded is saved again byte for byte, and config.json names nothing volatile."""
    first = saved(in_memory(pruning=PRUNING), tmp_path / "first")
    second = saved(load_model(first), tmp_path / "second")
    names = sorted(path.name for path in first.iterdir())
    assert names == [
        "config.json",
        "model.safetensors",
        "pruning.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    config = json.loads((first / "config.json").read_text(encoding="utf-8"))
    assert not {"transformers_version", "_name_or_path", "dtype", "torch_dtype"} & set(config)
    assert config["architectures"] == ["DistilBertForSequenceClassification"]
    assert (config["heads_per_layer"], config["neurons_per_layer"]) == ([1, 3], [5, 1])
    assert (config["n_heads"], config["dim"], config["hidden_dim"], config["n_layers"]) == (3, 12, 5, 2)
    assert str(tmp_path) not in "".join(path.read_text(encoding="latin-1") for path in first.iterdir())


def test_saving_leaves_the_model_as_it_was(tmp_path):
    """Weights and answers of the model in memory are the same before and after."""
    model = in_memory()
    texts = fakes.random_texts(2, count=3, longest=20)
    before = fakes.torch_logits(model.module, texts)
    saved(model, tmp_path / "model")
    np.testing.assert_array_equal(fakes.torch_logits(model.module, texts), before)


@pytest.mark.parametrize(
    "shape",
    [
        dataclasses.replace(UNEVEN, heads=(3, 3), neurons=(5, 5)),
        dataclasses.replace(UNEVEN, heads=(3,), neurons=(1,)),
    ],
)
def test_transformers_opens_what_plain_keys_can_tell(tmp_path, shape):
    """Full heads and one width in all layers, fewer layers or neurons than before: from_pretrained loads the same."""
    folder = saved(in_memory(shape, pruning=None), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert not {"heads_per_layer", "neurons_per_layer"} & set(config)
    theirs, info = transformers.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    texts = fakes.random_texts(2, count=5, longest=20)
    np.testing.assert_allclose(
        fakes.torch_logits(theirs.eval(), texts),
        fakes.torch_logits(load_model(folder).module, texts),
        rtol=0,
        atol=2e-6,
    )
    assert theirs.config.id2label == {0: "no", 1: "größe"}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.pad_token_id, tokenizer.model_max_length) == (0, 20)


@pytest.mark.parametrize(
    "widths",
    [
        {"heads": (3, 3), "neurons": (5, 1)},
        {"heads": (2, 2), "neurons": (5, 5)},
        {"heads": (3, 2), "neurons": (5, 5)},
        {"heads": (1,), "neurons": (9,)},
    ],
)
def test_transformers_refuses_widths_that_it_cannot_express(tmp_path, widths):
    """Stock from_pretrained raises over the shapes; it does not fill a narrow layer with random numbers."""
    folder = saved(in_memory(dataclasses.replace(UNEVEN, **widths)), tmp_path / "model")
    with pytest.raises(RuntimeError, match=r"size mismatch|mismatched"):
        transformers.AutoModelForSequenceClassification.from_pretrained(folder)


def test_a_saved_pad_token_is_the_tokenizers(tmp_path):
    """config.json names the id that the tokenizer pads with, wherever that stands in the vocabulary."""
    folder = tmp_path / "model"
    fakes.tiny_checkpoint(folder, vocabulary=("xx", "yy", *fakes.VOCABULARY))
    again = saved(load_model(folder), tmp_path / "again")
    assert json.loads((again / "config.json").read_text(encoding="utf-8"))["pad_token_id"] == 2


def test_weights_that_do_not_fit_the_widths_are_refused(tmp_path):
    """A pruned checkpoint whose lists say another width than its tensors have is refused by the tensor's name."""
    folder = saved(in_memory(), tmp_path / "model")
    fakes.edit_json(folder / "config.json", heads_per_layer=[2, 3])
    assert "layer.0.attention.q_lin.weight has the shape (4, 12)" in refusal(folder).message
    fakes.edit_json(folder / "config.json", heads_per_layer=[1, 3], neurons_per_layer=[5, 2])
    assert "layer.1.ffn.lin1.weight has the shape (1, 12)" in refusal(folder).message
    fakes.edit_json(folder / "config.json", neurons_per_layer=[5, 0])
    assert "neurons_per_layer is [5, 0]" in refusal(folder).message
    fakes.edit_json(folder / "config.json", heads_per_layer=..., neurons_per_layer=...)
    assert "has the shape" in refusal(folder).message


def test_a_saved_model_reads_in_an_environment_of_its_own(tmp_path):
    """Another process, with the random state it happens to have, computes the same logits to the last bit."""
    model = in_memory(pruning=PRUNING)
    folder = saved(model, tmp_path / "model")
    code = (
        "import sys, torch\n"
        "from edgebert.checkpoint import load_model\n"
        "module = load_model(sys.argv[1]).module\n"
        "with torch.inference_mode():\n"
        "    print(module(input_ids=torch.tensor([[1, 2, 3]])).logits.numpy().tobytes().hex())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fakes.torch_logits(model.module, [[1, 2, 3]]).tobytes().hex()
