"""The ``config.json`` of a DistilBERT <-> its shape, and the shape of each of its tensors. No torch.

transformers knows one width for all layers. A pruned checkpoint has two more keys, ``heads_per_layer`` and
``neurons_per_layer``, wherever its shape cannot be told without them; ``n_heads`` and ``dim`` stay those of the uncut
model, so that one head is ``dim / n_heads`` wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebert.architecture import Architecture
from edgebert.errors import CheckpointError
from edgebert.heads import head_spec
from edgebert.meaning import NO_SETTINGS, Task, TaskSettings
from edgebert.tasks import TASK_HEADS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ENCODER = "distilbert."
"""What the names of the encoder's tensors begin with."""

ARCHITECTURES: dict[Task, str] = {head.task: head.architecture for head in TASK_HEADS}
"""Class of transformers for each task."""

UNEVEN_KEYS = ("heads_per_layer", "neurons_per_layer")
"""Keys that transformers does not know: the widths of each layer."""

_DROPOUTS = {"dropout": 0.1, "attention_dropout": 0.1}  # DistilBertConfig's defaults
MAX_LAYERS, MAX_SIZE = 1000, 10_000_000
_LAYERS = ("n_layers", "num_hidden_layers")
_HEADS, _NEURONS = UNEVEN_KEYS
_PRUNED = "pruned_heads"
_DEFAULTS = {
    "dim": 768,
    "n_heads": 12,
    "hidden_dim": 3072,
    "n_layers": 6,
    "vocab_size": 30522,
    "max_position_embeddings": 512,
}


def check_model_type(config: Mapping[str, Any], path: Path) -> None:
    """Return if a configuration that was read from ``path`` is a DistilBERT's.

    Raises:
        CheckpointError: It is another model's.
    """
    kind, hint = config.get("model_type"), "edgebert takes DistilBERT checkpoints"
    if kind == "bert":
        hint = f"edgebert import-bert {path.parent} --out DIR makes a DistilBERT of it; fine-tune that"
    if kind != "distilbert":
        raise CheckpointError(f"{path}: model_type is {kind!r}, not 'distilbert'", hint=hint)


def read_architecture(config: Mapping[str, Any], folder: Path) -> Architecture:
    """Return the shape that a DistilBERT's configuration describes.

    Raises:
        CheckpointError: A size is impossible, or the activation is one edgebert does not convert.
    """
    path = folder / "config.json"
    sizes = {key: read_size(config, key, default, path) for key, default in _DEFAULTS.items()}
    if sizes["dim"] % sizes["n_heads"]:
        raise CheckpointError(f"{path}: dim {sizes['dim']} is not a multiple of n_heads {sizes['n_heads']}")
    activation = config.get("activation", "gelu")
    if activation not in ("gelu", "relu"):
        raise CheckpointError(f"{path}: the activation is {activation!r}; edgebert converts gelu and relu")
    heads, neurons = _widths(config, sizes, path)
    return Architecture(
        hidden=sizes["dim"],
        head_dim=sizes["dim"] // sizes["n_heads"],
        heads=heads,
        neurons=neurons,
        vocabulary=sizes["vocab_size"],
        positions=sizes["max_position_embeddings"],
        activation=activation,
    )


def read_dropouts(config: Mapping[str, Any], folder: Path, task: Task) -> dict[str, float]:
    """Return the shares that training drops: a model that is recovered or fine-tuned later needs them.

    Raises:
        CheckpointError: One is no share from 0 to below 1.
    """
    shares = {**_DROPOUTS, **head_spec(task, NO_SETTINGS).dropouts}
    return {key: read_share(config, key, default, folder / "config.json") for key, default in shares.items()}


def read_share(config: Mapping[str, Any], key: str, default: float, path: Path) -> float:
    """Return a number from 0 to below 1 from a configuration that was read from ``path``, or the default.

    Raises:
        CheckpointError: It is none.
    """
    value = config.get(key, default)
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise CheckpointError(f"{path}: {key} is {value!r}, not a share from 0 to below 1")
    return float(value)


def read_size(config: Mapping[str, Any], key: str, default: int, path: Path) -> int:
    """Return a size from a configuration that was read from ``path``, or the default.

    Raises:
        CheckpointError: It is no positive integer, or more than any DistilBERT or BERT has.
    """
    value, most = config.get(key, default), MAX_LAYERS if key in _LAYERS else MAX_SIZE
    if type(value) is not int or not 1 <= value <= most:
        raise CheckpointError(f"{path}: {key} is {value!r}, not an integer from 1 to {most}")
    return value


def encoder_shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of an encoder by its name without ``ENCODER``."""
    hidden = architecture.hidden
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (architecture.vocabulary, hidden),
        "embeddings.position_embeddings.weight": (architecture.positions, hidden),
        **_pair("embeddings.LayerNorm", hidden),
    }
    for layer, (heads, neurons) in enumerate(zip(architecture.heads, architecture.neurons, strict=True)):
        prefix, width = f"transformer.layer.{layer}", heads * architecture.head_dim
        for name in ("q_lin", "k_lin", "v_lin"):
            shapes |= _pair(f"{prefix}.attention.{name}", width, hidden)
        shapes |= _pair(f"{prefix}.attention.out_lin", hidden, width)
        shapes |= _pair(f"{prefix}.sa_layer_norm", hidden)
        shapes |= _pair(f"{prefix}.ffn.lin1", neurons, hidden)
        shapes |= _pair(f"{prefix}.ffn.lin2", hidden, neurons)
        shapes |= _pair(f"{prefix}.output_layer_norm", hidden)
    return shapes


def expected_shapes(
    architecture: Architecture, labels: int, task: Task, settings: TaskSettings = NO_SETTINGS
) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a model by its name."""
    shapes = {f"{ENCODER}{name}": shape for name, shape in encoder_shapes(architecture).items()}
    for name, sizes in head_spec(task, settings).shapes(hidden=architecture.hidden, labels=labels).items():
        shapes |= _pair(name, *sizes)
    return shapes


def _pair(name: str, rows: int, *columns: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, *columns), f"{name}.bias": (rows,)}


def shape_keys(architecture: Architecture) -> dict[str, Any]:
    """Return the keys of ``config.json`` that ``read_architecture`` reads a shape from.

    A shape that plain keys can tell gets no others: stock transformers then opens the checkpoint. It refuses all
    others over the shapes of their tensors.
    """
    n_heads = architecture.hidden // architecture.head_dim
    keys: dict[str, Any] = {
        "activation": architecture.activation,
        "dim": architecture.hidden,
        "hidden_dim": architecture.neurons[0],
        "max_position_embeddings": architecture.positions,
        "n_heads": n_heads,
        "n_layers": architecture.layers,
        "vocab_size": architecture.vocabulary,
    }
    if set(architecture.heads) != {n_heads} or len(set(architecture.neurons)) > 1:
        keys |= {_HEADS: list(architecture.heads), _NEURONS: list(architecture.neurons)}
    return keys


def label_keys(labels: Sequence[str], task: Task) -> dict[str, Any]:
    """Return the keys of ``config.json`` that name the labels of a model; transformers counts its outputs by them."""
    if task == "text-regression":
        labels = ("LABEL_0",)
    if not labels:
        return {}
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _widths(config: Mapping[str, Any], sizes: Mapping[str, int], path: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the heads and the neurons of each layer."""
    given = [key for key in (_HEADS, _NEURONS) if key in config]
    pruned = config.get(_PRUNED) or {}
    if not given:
        return _heads_left(pruned, sizes, path), (sizes["hidden_dim"],) * sizes["n_layers"]
    if pruned:
        raise CheckpointError(f"{path}: has {given[0]} and {_PRUNED}: only one of them can tell the heads of a layer")
    if len(given) == 1:
        missing = _NEURONS if given == [_HEADS] else _HEADS
        raise CheckpointError(f"{path}: has {given[0]}, but no {missing}: a pruned checkpoint has both")
    for key in given:
        value = config[key]
        if not isinstance(value, list) or not all(type(size) is int and size >= 1 for size in value):
            raise CheckpointError(f"{path}: {key} is {value!r}, not a list of positive integers")
        if len(value) != sizes["n_layers"]:
            raise CheckpointError(f"{path}: {key} has {len(value)} entries, but n_layers is {sizes['n_layers']}")
    if max(config[_HEADS]) > sizes["n_heads"]:
        raise CheckpointError(
            f"{path}: {_HEADS} has {max(config[_HEADS])}, but n_heads, those of the uncut model, is {sizes['n_heads']}"
        )
    if config[_NEURONS][0] != sizes["hidden_dim"]:
        raise CheckpointError(
            f"{path}: {_NEURONS} begins with {config[_NEURONS][0]}, but hidden_dim, its first entry, "
            f"is {sizes['hidden_dim']}"
        )
    return tuple(config[_HEADS]), tuple(config[_NEURONS])


def _heads_left(pruned: object, sizes: Mapping[str, int], path: Path) -> tuple[int, ...]:
    """Return the heads of each layer that ``prune_heads`` of transformers 4 has left; the weights hold only those."""
    layers, n_heads = range(sizes["n_layers"]), sizes["n_heads"]
    heads = [n_heads] * len(layers)
    table: dict[str, Any] = pruned if isinstance(pruned, dict) else {"": pruned}
    for layer, numbers in table.items():
        known = isinstance(numbers, list) and all(type(head) is int and 0 <= head < n_heads for head in numbers)
        if layer not in map(str, layers) or not known or len(set(numbers)) == n_heads:
            raise CheckpointError(
                f"{path}: {_PRUNED} is {pruned!r}: expected lists of heads from 0 to {n_heads - 1}, at least one head "
                f"left, for layers from 0 to {len(layers) - 1}"
            )
        heads[int(layer)] -= len(set(numbers))
    return tuple(heads)
