"""A Hugging Face folder or Hub id -> a checked DistilBERT classifier in torch.

``from_pretrained`` fills what is missing with random numbers and ignores what it does not know. Nothing of the kind
here: every tensor must be there, in its shape, finite, and nothing may be left over.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.errors import CheckpointError, MissingExtraError
from edgebert.folder import (
    check_shapes,
    check_vocabulary,
    load_tokenizer,
    locate,
    read_config,
    read_tensors,
    weight_files,
)
from edgebert.shape import Architecture
from edgebert.tasks import TASK_HEADS, TaskHead
from edgebert.types import Task

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

# Left behind in many published classifiers: a buffer of old versions and the masked-language head of pre-training.
_HARMLESS = re.compile(r"distilbert\.embeddings\.position_ids|vocab_(transform|layer_norm|projector)\..*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checked checkpoint folder.

    Attributes:
        path: The folder.
        name: Folder name or Hub id.
        task: Task of its head.
        labels: Label names by id.
        architecture: Its shape.
        sha256: Hash over configuration, tokenizer and weights.
    """

    path: Path
    name: str
    task: Task
    labels: tuple[str, ...]
    architecture: Architecture
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A checkpoint in memory: torch module in evaluation mode with float32 weights, and its tokenizer."""

    checkpoint: Checkpoint
    module: torch.nn.Module
    tokenizer: Tokenizer


def load_model(source: str | Path) -> Model:
    """Return the DistilBERT classifier of a checkpoint folder or Hub id.

    Raises:
        CheckpointError: It is none, or it is incomplete or damaged; the message names the file or tensor.
        EnvironmentProblem: The Hub cannot be reached.
        MissingExtraError: torch, transformers or safetensors is not installed.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtraError(error.name or "torch", extra="onnx", purpose="loading a checkpoint") from error
    folder, name = locate(source)
    config = read_config(folder)
    head = _task_head(config, folder)
    architecture, labels = read_architecture(config, folder), _labels(config, folder)
    tokenizer = load_tokenizer(folder)
    check_vocabulary(tokenizer, architecture.vocabulary, folder)
    state = _read_weights(folder, _expected_shapes(architecture, len(labels)))

    settings = transformers.DistilBertConfig(
        vocab_size=architecture.vocabulary,
        max_position_embeddings=architecture.positions,
        n_layers=architecture.layers,
        n_heads=architecture.heads[0],
        dim=architecture.hidden,
        hidden_dim=architecture.neurons[0],
        activation=architecture.activation,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    with torch.random.fork_rng(devices=[]):
        module = transformers.DistilBertForSequenceClassification(settings)
    module.load_state_dict(state)
    module.requires_grad_(requires_grad=False)
    module.train(mode=False)
    return Model(
        checkpoint=Checkpoint(
            path=folder,
            name=name,
            task=head.task,
            labels=labels,
            architecture=architecture,
            sha256=_hash((folder / "config.json", *weight_files(folder)), tokenizer),
        ),
        module=module,
        tokenizer=tokenizer,
    )


def read_labels(source: str | Path) -> tuple[str, ...]:
    """Return the label names of a classifier by id, from its configuration alone; errors as for ``load_model``."""
    folder, _ = locate(source)
    config = read_config(folder)
    _task_head(config, folder)
    return _labels(config, folder)


def _task_head(config: dict[str, Any], folder: Path) -> TaskHead:
    kind = config.get("model_type")
    if kind != "distilbert":
        hint = "edgebert takes DistilBERT checkpoints"
        if kind == "bert":
            hint = "edgebert import-bert turns a BERT encoder into a DistilBERT; fine-tune that with edgebert finetune"
        raise CheckpointError(f"{folder / 'config.json'}: model_type is {kind!r}, not 'distilbert'", hint=hint)
    names = config.get("architectures") or ["none"]
    for head in TASK_HEADS:
        if head.architecture in names:
            return head
    raise CheckpointError(
        f"{folder / 'config.json'}: the architecture is {', '.join(map(str, names))}, which has no head edgebert knows",
        hint=f"fine-tune it first (edgebert finetune); known: {', '.join(head.architecture for head in TASK_HEADS)}",
    )


def read_architecture(config: dict[str, Any], folder: Path) -> Architecture:
    """Return the shape that a DistilBERT's configuration describes.

    Args:
        config: Content of its ``config.json``.
        folder: Where that lies, for messages.

    Raises:
        CheckpointError: A size is impossible, or the activation is one edgebert does not convert.
    """
    path = folder / "config.json"
    defaults = {
        "dim": 768,
        "n_heads": 12,
        "hidden_dim": 3072,
        "n_layers": 6,
        "vocab_size": 30522,
        "max_position_embeddings": 512,
    }
    sizes = {}
    for key, default in defaults.items():
        value = config.get(key, default)
        if type(value) is not int or value < 1:
            raise CheckpointError(f"{path}: {key} is {value!r}, not a positive whole number")
        sizes[key] = value
    if sizes["dim"] % sizes["n_heads"]:
        raise CheckpointError(f"{path}: dim {sizes['dim']} is no multiple of n_heads {sizes['n_heads']}")
    activation = config.get("activation", "gelu")
    if activation not in ("gelu", "relu"):
        raise CheckpointError(f"{path}: the activation is {activation!r}; edgebert converts gelu and relu")
    return Architecture(
        hidden=sizes["dim"],
        head_dim=sizes["dim"] // sizes["n_heads"],
        heads=(sizes["n_heads"],) * sizes["n_layers"],
        neurons=(sizes["hidden_dim"],) * sizes["n_layers"],
        vocabulary=sizes["vocab_size"],
        positions=sizes["max_position_embeddings"],
        activation=activation,
    )


def _labels(config: dict[str, Any], folder: Path) -> tuple[str, ...]:
    path = folder / "config.json"
    problem = config.get("problem_type") or "single_label_classification"
    if problem != "single_label_classification":
        raise CheckpointError(f"{path}: problem_type is {problem!r}; edgebert takes one label for each text")
    table = config.get("id2label")
    if table is None:
        count = config.get("num_labels", 2)
        table = {str(index): f"LABEL_{index}" for index in range(count if type(count) is int else 2)}
    if not isinstance(table, dict) or set(table) != {str(index) for index in range(len(table))}:
        raise CheckpointError(f"{path}: id2label does not name the labels 0 to n-1")
    labels = tuple(table[str(index)] for index in range(len(table)))
    if bad := [label for label in labels if not isinstance(label, str) or not label.strip()]:
        raise CheckpointError(f"{path}: id2label has {bad[0]!r} where the name of a label should stand")
    if len(labels) < 2:
        raise CheckpointError(f"{path}: {len(labels)} label: a regression head, not a classifier")
    if len(set(labels)) < len(labels):
        raise CheckpointError(f"{path}: id2label names a label twice: {', '.join(labels)}")
    return labels


def _expected_shapes(architecture: Architecture, labels: int) -> dict[str, tuple[int, ...]]:
    hidden = architecture.hidden
    shapes: dict[str, tuple[int, ...]] = {}

    def linear(name: str, rows: int, columns: int) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (rows, columns), (rows,)

    def norm(name: str) -> None:
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (hidden,), (hidden,)

    shapes["distilbert.embeddings.word_embeddings.weight"] = (architecture.vocabulary, hidden)
    shapes["distilbert.embeddings.position_embeddings.weight"] = (architecture.positions, hidden)
    norm("distilbert.embeddings.LayerNorm")
    for layer, (heads, neurons) in enumerate(zip(architecture.heads, architecture.neurons, strict=True)):
        prefix, width = f"distilbert.transformer.layer.{layer}", heads * architecture.head_dim
        for name in ("q_lin", "k_lin", "v_lin"):
            linear(f"{prefix}.attention.{name}", width, hidden)
        linear(f"{prefix}.attention.out_lin", hidden, width)
        norm(f"{prefix}.sa_layer_norm")
        linear(f"{prefix}.ffn.lin1", neurons, hidden)
        linear(f"{prefix}.ffn.lin2", hidden, neurons)
        norm(f"{prefix}.output_layer_norm")
    linear("pre_classifier", hidden, hidden)
    linear("classifier", labels, hidden)
    return shapes


def _read_weights(folder: Path, expected: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    import torch

    tensors = read_tensors(weight_files(folder))
    kept = {name: tensor for name, tensor in tensors.items() if not _HARMLESS.fullmatch(name)}
    check_shapes(kept, expected, folder)
    return {name: torch.from_numpy(tensor) for name, tensor in kept.items()}


def _hash(files: tuple[Path, ...], tokenizer: Tokenizer) -> str:
    total = hashlib.sha256(tokenizer.to_str().encode())
    for file in files:
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
