"""A Hugging Face folder or Hub id -> a checked DistilBERT with a task's head, in torch.

``from_pretrained`` fills what is missing with random numbers and ignores what it does not know. Nothing of the kind
here: every tensor must be there, in its shape, finite, and nothing may be left over.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.architecture import Architecture, Pruning
from edgebert.arguments import PLACE, expect
from edgebert.configuration import (
    ENCODER,
    check_model_type,
    expected_shapes,
    read_architecture,
    read_dropouts,
    shape_keys,
)
from edgebert.errors import CheckpointError
from edgebert.folder import locate, no_classifier, read_config
from edgebert.heads import HeadSpec, head_spec
from edgebert.jsonio import dumps, read
from edgebert.manifest import NO_SETTINGS, Meaning, Task, TaskSettings
from edgebert.network import load_module, outputs_of, require, state_arrays
from edgebert.progress import note
from edgebert.tasks import TASK_HEADS, TaskHead, task_head
from edgebert.tensors import check_shapes, read_tensors, tensor_names, weight_files, write_tensors
from edgebert.text import pad_id_of
from edgebert.tokenizer import check_vocabulary, load_tokenizer, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch
    from tokenizers import Tokenizer

PRUNING_SCHEMA = 1
_PRUNING, _WEIGHTS = "pruning.json", "model.safetensors"
_LABELS_HINT = 'write the name of each label: "id2label": {"0": "negative", "1": "positive"}'
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
        pruning: What was cut out of it; ``None`` for a checkpoint that nobody pruned.
        settings: What it fixes of its task beside the labels.
    """

    path: Path
    name: str
    task: Task
    labels: tuple[str, ...]
    architecture: Architecture
    sha256: str
    pruning: Pruning | None = None
    settings: TaskSettings = NO_SETTINGS

    @property
    def meaning(self) -> Meaning:
        """What the outputs of the model mean."""
        return Meaning(labels=self.labels, settings=self.settings)

    @property
    def head(self) -> HeadSpec:
        """What its head computes."""
        return head_spec(self.task, self.settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A checkpoint in memory: torch module in evaluation mode with float32 weights, and its tokenizer."""

    checkpoint: Checkpoint
    module: torch.nn.Module
    tokenizer: Tokenizer

    @property
    def pad_id(self) -> int:
        """ID of the token that pads a batch."""
        return pad_id_of(self.tokenizer)


def load_model(source: str | Path) -> Model:
    """Return the DistilBERT classifier of a checkpoint folder or Hub id.

    Raises:
        CheckpointError: It is none, or it is incomplete or damaged; the message names the file or tensor.
        EnvironmentProblem: The Hub cannot be reached.
        MissingExtraError: torch, transformers or safetensors is not installed.
    """
    expect("source", source, *PLACE)
    require("torch", "transformers", extra="onnx", purpose="loading a checkpoint")
    import torch

    folder, name = locate(source)
    config = read_config(folder)
    head = _task_head(config, folder)
    architecture, labels = read_architecture(config, folder), _labels(config, head.task, folder)
    settings, pruning = read_dropouts(config, folder, head.task), _read_pruning(folder, architecture)
    tokenizer = load_tokenizer(folder)
    check_vocabulary(tokenizer, architecture.vocabulary, folder)
    tensors = {
        name: found for name, found in read_tensors(weight_files(folder)).items() if not _HARMLESS.fullmatch(name)
    }
    _check_head(tensors, head.task, folder)
    check_shapes(tensors, expected_shapes(architecture, len(labels), head.task), folder)
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    module = load_module(architecture, labels, head.task, state, settings=settings)
    finite_outputs(module, tokenizer.encode("good").ids[: architecture.positions], f"{folder}: the text 'good'")
    if not _is_named(head, config):
        note(f"{folder / 'config.json'}: architectures names no {head.architecture}, but all of its tensors are there")
    return Model(
        checkpoint=Checkpoint(
            path=folder,
            name=name,
            task=head.task,
            labels=labels,
            architecture=architecture,
            sha256=_hash((folder / "config.json", *weight_files(folder)), tokenizer),
            pruning=pruning,
        ),
        module=module,
        tokenizer=tokenizer,
    )


def finite_outputs(module: torch.nn.Module, ids: Sequence[int], where: str) -> dict[str, torch.Tensor]:
    """Return the outputs of a text by name, each float32 without a batch dimension.

    Args:
        module: The model.
        ids: The text as token ids.
        where: Which model and text, for the message.

    Raises:
        CheckpointError: A number of them is not finite, though every weight is.
    """
    import torch

    with torch.inference_mode():
        outputs = {name: output[0] for name, output in outputs_of(module, torch.tensor([ids])).items()}
    for name, output in outputs.items():
        if not bool(torch.isfinite(output).all()):
            raise CheckpointError(
                f"{where} has the {name} {output.tolist()}: the weights are finite, but so large that float32 "
                "overflows",
                hint="take an earlier checkpoint, or train with a lower learning rate",
            )
    return outputs


def save_model(model: Model, folder: Path) -> None:
    """Write a model as a checkpoint folder that ``load_model`` reopens with logits equal to the last bit.

    Equal models give equal files: no version, name or path of this machine is in them.

    Args:
        model: The model.
        folder: Existing empty folder to write to.

    Raises:
        CheckpointError: The tokenizer cannot be written as that of a DistilBERT.
    """
    checkpoint, settings = model.checkpoint, model.module.config.to_dict()  # type: ignore[operator, union-attr]
    config = {
        "model_type": "distilbert",
        "architectures": [task_head(checkpoint.task).architecture],
        **shape_keys(checkpoint.architecture),
        **read_dropouts(settings, folder, checkpoint.task),
        "pad_token_id": model.pad_id,
        **checkpoint.head.settings,
        "id2label": {str(index): label for index, label in enumerate(checkpoint.labels)},
        "label2id": {label: index for index, label in enumerate(checkpoint.labels)},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    write_tensors(state_arrays(model.module), folder / _WEIGHTS)
    write_tokenizer(model.tokenizer, folder, max_length=checkpoint.architecture.positions)
    if checkpoint.pruning is not None:
        (folder / _PRUNING).write_text(dumps(checkpoint.pruning), encoding="utf-8")


def read_labels(source: str | Path) -> tuple[str, ...]:
    """Return the label names of a classifier by id, from its configuration; errors as for ``load_model``."""
    folder, _ = locate(source)
    config = read_config(folder)
    head = _task_head(config, folder)
    if not _is_named(head, config):
        _check_head(tensor_names(weight_files(folder)), head.task, folder)
    return _labels(config, head.task, folder)


def _task_head(config: dict[str, Any], folder: Path) -> TaskHead:
    check_model_type(config, folder / "config.json")
    names = config.get("architectures")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise CheckpointError(
            f"{folder / 'config.json'}: architectures is {names!r}, not a list of names",
            hint=f'write "architectures": ["{TASK_HEADS[0].architecture}"]',
        )
    # Many folders lack the key or keep that of the model they were fine-tuned from: with one head known, the tensors
    # decide.
    return next((head for head in TASK_HEADS if head.architecture in (names or ())), TASK_HEADS[0])


def _is_named(head: TaskHead, config: dict[str, Any]) -> bool:
    return head.architecture in (config.get("architectures") or ())


def _check_head(names: Iterable[str], task: Task, folder: Path) -> None:
    """Return if tensors of these names hold the head of the task, and not an encoder alone."""
    parts = {name.partition(".")[0] for name in names}
    for layer in head_spec(task, NO_SETTINGS).layers:
        if layer.name not in parts and ENCODER.removesuffix(".") in parts:
            raise no_classifier(folder, f"no head that edgebert knows: there is no tensor {layer.name}.weight")


def _labels(config: dict[str, Any], task: Task, folder: Path) -> tuple[str, ...]:
    path = folder / "config.json"
    for key, known in head_spec(task, NO_SETTINGS).settings.items():
        if (config.get(key) or known) != known:
            raise CheckpointError(f"{path}: {key} is {config[key]!r}; edgebert takes {known}")
    table = config.get("id2label")
    if table is None:
        count = config.get("num_labels", 2)
        table = {str(index): f"LABEL_{index}" for index in range(count if type(count) is int else 2)}
    if not isinstance(table, dict) or set(table) != {str(index) for index in range(len(table))}:
        raise CheckpointError(f"{path}: id2label does not name the labels 0 to n-1", hint=_LABELS_HINT)
    # Label names that were taken from a column of integers are numbers in JSON; transformers shows them so as well.
    values = (table[str(index)] for index in range(len(table)))
    labels = tuple(str(value) if isinstance(value, (bool, int, float)) else value for value in values)
    if bad := [label for label in labels if not isinstance(label, str) or not label.strip()]:
        raise CheckpointError(
            f"{path}: id2label has {bad[0]!r} where the name of a label should stand", hint=_LABELS_HINT
        )
    if bad := [label for label in labels if any("\ud800" <= character <= "\udfff" for character in label)]:
        raise CheckpointError(f"{path}: id2label has {bad[0]!a}, which is no valid Unicode", hint=_LABELS_HINT)
    if len(labels) < 2:
        raise CheckpointError(f"{path}: {len(labels)} label: a regression head, not a classifier")
    if len(set(labels)) < len(labels):
        raise CheckpointError(f"{path}: id2label names a label twice: {', '.join(labels)}")
    return labels


def _read_pruning(folder: Path, architecture: Architecture) -> Pruning | None:
    path = folder / _PRUNING
    if not path.is_file():
        return None
    pruning = read(Pruning, path, what="pruning record", newest=PRUNING_SCHEMA, error=CheckpointError)
    _check_descent(pruning, architecture, path)
    return pruning


def _check_descent(pruning: Pruning, architecture: Architecture, path: Path) -> None:
    """Return if a model of this shape can have been cut out of the original that ``pruning`` names."""
    original, layers = pruning.original, pruning.layers
    if not original.heads or len(original.heads) != len(original.neurons):
        raise CheckpointError(f"{path}: original.heads and original.neurons are no two lists of one entry a layer")
    if list(layers) != sorted(set(layers)) or not set(layers) <= set(range(original.layers)):
        raise CheckpointError(
            f"{path}: layers is {list(layers)}, not ascending numbers of the original's layers, "
            f"0 to {original.layers - 1}"
        )
    if len(layers) != architecture.layers:
        raise CheckpointError(f"{path}: layers names {len(layers)}, config.json describes {architecture.layers}")
    for key in ("hidden", "head_dim", "positions", "activation"):
        before, after = getattr(original, key), getattr(architecture, key)
        if before != after:
            raise CheckpointError(f"{path}: original.{key} is {before!r}, but that of config.json is {after!r}")
    if architecture.vocabulary > original.vocabulary:
        raise CheckpointError(
            f"{path}: original.vocabulary is {original.vocabulary}, but config.json has {architecture.vocabulary}"
        )
    for key in ("heads", "neurons"):
        for index, (layer, kept) in enumerate(zip(layers, getattr(architecture, key), strict=True)):
            if kept > (before := getattr(original, key)[layer]):
                raise CheckpointError(
                    f"{path}: original.{key}[{layer}] is {before}, but layer {index} of config.json has {kept}"
                )


def _hash(files: tuple[Path, ...], tokenizer: Tokenizer) -> str:
    total = hashlib.sha256(tokenizer.to_str().encode())
    for file in files:
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
