"""A BERT encoder as a DistilBERT checkpoint, exactly.

DistilBERT's encoder is BERT's without token types and pooler, under other names. For inputs whose token types are all 0
the first row of the token-type table is added to every position, so it can be folded into the position table.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edgebert.architecture import Architecture
from edgebert.arguments import expect, path_of
from edgebert.configuration import encoder_shapes, read_share, read_size, shape_keys
from edgebert.errors import CheckpointError, OutputError
from edgebert.folder import read_config, read_object
from edgebert.sentences import read_modules, write_modules
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


_LAYER = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
"""Names of the weights and biases of a layer: BERT's and DistilBERT's."""


def import_bert(source: str | Path, out: str | Path, *, force: bool = False) -> Path:
    """Write the encoder of a BERT checkpoint as a DistilBERT checkpoint and return its folder.

    The hidden states equal BERT's for inputs whose token types are all 0, which is every single text. Pooler and heads
    are left behind, and so are the padding and truncation settings in ``tokenizer.json``. A folder of
    sentence-transformers stays one: what comes behind the encoder is kept.

    Args:
        source: Hugging Face folder with ``config.json`` (model type ``bert``), weights as safetensors, and
            ``tokenizer.json`` or ``vocab.txt``; or a folder of sentence-transformers with such an encoder.
        out: Folder to be made; nothing is left of it after a failure.
        force: Whether an existing checkpoint folder at ``out`` is replaced.

    Returns:
        The folder that was made.

    Raises:
        CheckpointError: ``source`` is no BERT encoder, or one that DistilBERT cannot express.
        OutputError: ``out`` is taken or cannot be written.

    Examples:
        >>> edgebert.import_bert("minilm", "distil-minilm")
        PosixPath('distil-minilm')
    """
    source, out = path_of("source", source), path_of("out", out)
    expect("force", force, bool)
    if source.resolve().is_relative_to(out.resolve()):
        raise OutputError(f"{out} holds the checkpoint to import", hint="choose another place for the output")
    with staged_folder(out, force=force, marker="config.json") as folder:
        modules = read_modules(source)
        source = modules.encoder if modules else source
        path = source / "config.json"
        config = read_config(source)
        _check_supported(config, path)
        architecture = _architecture(config, path)
        tokenizer = load_tokenizer(source)
        check_vocabulary(tokenizer, architecture.vocabulary, source)
        tensors = _encoder(read_tensors(weight_files(source)))
        renamed = _renamed(tensors, architecture, read_size(config, "type_vocab_size", 2, path), source)
        if modules:
            modules.check_case(tokenizer)
            settings, longest = modules.settings(architecture.hidden), modules.max_length or architecture.positions
            tensors = modules.tensors(settings)
            write_modules(settings, tensors, folder, hidden=architecture.hidden, max_length=longest)
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
    # A missing key means the default of BERT's configuration class, which is the first of the accepted values.
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
        raise CheckpointError(f"{path}: hidden_size {hidden} is not a multiple of num_attention_heads {heads}")
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
    names = {name: name for name in encoder_shapes(architecture) if name.startswith("embeddings.")}
    for layer in range(architecture.layers):
        for old, new in _LAYER.items():
            for kind in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{old}.{kind}"] = f"transformer.layer.{layer}.{new}.{kind}"
    shapes = {old: encoder_shapes(architecture)[new] for old, new in names.items()}
    check_shapes(tensors, {**shapes, _TOKEN_TYPES: (token_types, architecture.hidden)}, source)
    renamed = {new: tensors[old] for old, new in names.items()}
    renamed[_POSITIONS] = tensors[_POSITIONS] + tensors[_TOKEN_TYPES][0]  # [positions, hidden] + [hidden]
    return renamed


def _distilbert_config(config: dict[str, Any], architecture: Architecture, path: Path) -> dict[str, object]:
    settings = {
        **shape_keys(architecture),
        "attention_dropout": read_share(config, "attention_probs_dropout_prob", 0.1, path),
        "dropout": read_share(config, "hidden_dropout_prob", 0.1, path),
        "initializer_range": read_share(config, "initializer_range", 0.02, path),
        "pad_token_id": _pad_id(config, architecture.vocabulary, path),
        "sinusoidal_pos_embds": False,
    }
    return {"architectures": ["DistilBertModel"], "model_type": "distilbert", **dict(sorted(settings.items()))}


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
