"""A BERT encoder as a DistilBERT checkpoint, exactly.

DistilBERT's encoder is BERT's without token types and pooler, under other names. For inputs whose token types are all 0
the first row of the token-type table is added to every position, so it can be folded into the position table.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from edgebert.architecture import Architecture
from edgebert.arguments import expect, path_of
from edgebert.errors import CheckpointError, OutputError
from edgebert.folder import read_config, read_object
from edgebert.network import read_share, read_size
from edgebert.staging import staged_folder
from edgebert.tensors import check_shapes, read_tensors, weight_files, write_tensors
from edgebert.tokenizer import check_vocabulary, load_tokenizer, write_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Tensors = dict[str, NDArray[np.float32]]

_EPSILON = 1e-12  # DistilBERT has no setting for it
_POSITIONS = "embeddings.position_embeddings.weight"
_TOKEN_TYPES = "embeddings.token_type_embeddings.weight"


class _Rename(NamedTuple):
    """A weight-and-bias pair of one layer: its names in BERT and DistilBERT, and what its shape is made of."""

    bert: str
    distilbert: str
    rows: str
    columns: str = ""


_LAYER = (
    _Rename("attention.self.query", "attention.q_lin", "hidden", "hidden"),
    _Rename("attention.self.key", "attention.k_lin", "hidden", "hidden"),
    _Rename("attention.self.value", "attention.v_lin", "hidden", "hidden"),
    _Rename("attention.output.dense", "attention.out_lin", "hidden", "hidden"),
    _Rename("attention.output.LayerNorm", "sa_layer_norm", "hidden"),
    _Rename("intermediate.dense", "ffn.lin1", "neurons", "hidden"),
    _Rename("output.dense", "ffn.lin2", "hidden", "neurons"),
    _Rename("output.LayerNorm", "output_layer_norm", "hidden"),
)


def import_bert(source: str | Path, out: str | Path, *, force: bool = False) -> Path:
    """Write the encoder of a BERT checkpoint as a DistilBERT checkpoint and return its folder.

    The hidden states equal BERT's for inputs whose token types are all 0, which is every single text. Pooler and heads
    are left behind, and so are the padding and truncation settings in ``tokenizer.json``.

    Args:
        source: Hugging Face folder with ``config.json`` (model type ``bert``), weights as safetensors, and
            ``tokenizer.json`` or ``vocab.txt``.
        out: Folder to be made; nothing is left of it after a failure.
        force: Whether an existing checkpoint folder at ``out`` is replaced.

    Raises:
        CheckpointError: ``source`` is no BERT encoder, or one that DistilBERT cannot express.
        OutputError: ``out`` is taken or cannot be written.
    """
    source, out = path_of("source", source), path_of("out", out)
    expect("force", force, bool)
    if source.resolve().is_relative_to(out.resolve()):
        raise OutputError(f"{out} holds the checkpoint to import", hint="choose another place for the output")
    with staged_folder(out, force=force, marker="config.json") as folder:
        path = source / "config.json"
        config = read_config(source)
        _check_supported(config, path)
        architecture = _architecture(config, path)
        tokenizer = load_tokenizer(source)
        check_vocabulary(tokenizer, architecture.vocabulary, source)
        tensors = _encoder(read_tensors(weight_files(source)))
        renamed = _renamed(tensors, architecture, read_size(config, "type_vocab_size", 2, path), source)
        write_tensors(renamed, folder / "model.safetensors")
        text = json.dumps(_distilbert_config(config, architecture, path), indent=2) + "\n"
        (folder / "config.json").write_text(text, encoding="utf-8")
        write_tokenizer(tokenizer, folder, max_length=min(_max_length(source), architecture.positions))
    return out


def _check_supported(config: dict[str, Any], path: Path) -> None:
    kind = config.get("model_type")
    if kind != "bert":
        hint = "a DistilBERT needs no import: use it as it is" if kind == "distilbert" else ""
        raise CheckpointError(f"{path}: model_type is {kind!r}, not 'bert'", hint=hint)
    # A missing key stands for the default of BERT's configuration class, which is the first of the accepted values.
    accepted: dict[str, tuple[object, ...]] = {
        "hidden_act": ("gelu", "relu"),
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
        "layer_norm_eps": (_EPSILON,),
    }
    for key, values in accepted.items():
        if config.get(key, values[0]) not in values:
            wanted = " or ".join(str(value) for value in values if value is not None)
            raise CheckpointError(
                f"{path}: {key} is {config[key]!r}; DistilBERT can only express {wanted}",
                hint="this BERT cannot be imported exactly; take another one",
            )


def _architecture(config: dict[str, Any], path: Path) -> Architecture:
    layers = read_size(config, "num_hidden_layers", 12, path)
    hidden, heads = read_size(config, "hidden_size", 768, path), read_size(config, "num_attention_heads", 12, path)
    if hidden % heads:
        raise CheckpointError(f"{path}: hidden_size {hidden} is no multiple of num_attention_heads {heads}")
    return Architecture(
        hidden=hidden,
        head_dim=hidden // heads,
        heads=(heads,) * layers,
        neurons=(read_size(config, "intermediate_size", 3072, path),) * layers,
        vocabulary=read_size(config, "vocab_size", 30522, path),
        positions=read_size(config, "max_position_embeddings", 512, path),
        activation=config.get("hidden_act", "gelu"),
    )


def _encoder(tensors: Tensors) -> Tensors:
    """Return the tensors of the encoder, whatever head the checkpoint has."""
    prefix = "bert." if any(name.startswith("bert.embeddings.") for name in tensors) else ""
    encoder = {}
    for name, tensor in tensors.items():
        short = name.removeprefix(prefix)
        if name.startswith(prefix) and short.startswith(("embeddings.", "encoder.")):
            encoder[short] = tensor
    return encoder


def _renamed(tensors: Tensors, architecture: Architecture, token_types: int, source: Path) -> Tensors:
    hidden = architecture.hidden
    kept = ("embeddings.word_embeddings.weight", "embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias")
    names = {name: name for name in kept}
    shapes = dict(zip(kept, ((architecture.vocabulary, hidden), (hidden,), (hidden,)), strict=True))
    shapes[_POSITIONS] = (architecture.positions, hidden)
    shapes[_TOKEN_TYPES] = (token_types, hidden)
    for layer, neurons in enumerate(architecture.neurons):
        sizes = {"hidden": hidden, "neurons": neurons}
        for pair in _LAYER:
            rows = (sizes[pair.rows],)
            columns = (sizes[pair.columns],) if pair.columns else ()
            for kind, shape in (("weight", rows + columns), ("bias", rows)):
                bert = f"encoder.layer.{layer}.{pair.bert}.{kind}"
                names[bert], shapes[bert] = f"transformer.layer.{layer}.{pair.distilbert}.{kind}", shape
    check_shapes(tensors, shapes, source)
    renamed = {new: tensors[old] for old, new in names.items()}
    renamed[_POSITIONS] = tensors[_POSITIONS] + tensors[_TOKEN_TYPES][0]  # [positions, hidden] + [hidden]
    return renamed


def _distilbert_config(config: dict[str, Any], architecture: Architecture, path: Path) -> dict[str, object]:
    return {
        "architectures": ["DistilBertModel"],
        "model_type": "distilbert",
        "activation": architecture.activation,
        "attention_dropout": read_share(config, "attention_probs_dropout_prob", 0.1, path),
        "dim": architecture.hidden,
        "dropout": read_share(config, "hidden_dropout_prob", 0.1, path),
        "hidden_dim": architecture.neurons[0],
        "initializer_range": read_share(config, "initializer_range", 0.02, path),
        "max_position_embeddings": architecture.positions,
        "n_heads": architecture.heads[0],
        "n_layers": architecture.layers,
        "pad_token_id": _pad_id(config, architecture.vocabulary, path),
        "sinusoidal_pos_embds": False,
        "vocab_size": architecture.vocabulary,
    }


def _pad_id(config: dict[str, Any], vocabulary: int, path: Path) -> int:
    value = config.get("pad_token_id")
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value < vocabulary:
        raise CheckpointError(f"{path}: pad_token_id is {value!r}, not an id below {vocabulary}")
    return value


def _max_length(source: Path) -> int:
    """Return the tokenizer's own limit; Hugging Face writes a huge number where it has none."""
    path = source / "tokenizer_config.json"
    limit: object = read_object(path).get("model_max_length") if path.is_file() else None
    return int(min(limit, 2**31)) if isinstance(limit, (int, float)) and limit >= 1 else 2**31
