"""A Hugging Face folder or Hub id <-> a checked DistilBERT with a task's head, in torch.

``from_pretrained`` fills what is missing with random numbers and ignores what it does not know. Nothing of the kind
here: every tensor must be there, in its shape, finite, and nothing may be left over.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.architecture import PRUNING_SCHEMA, Architecture, Pruning
from edgebert.arguments import PLACE, expect
from edgebert.configuration import (
    ARCHITECTURES,
    ENCODER,
    check_model_type,
    expected_shapes,
    read_architecture,
    read_dropouts,
    shape_keys,
)
from edgebert.errors import CheckpointError
from edgebert.folder import locate, read_config
from edgebert.heads import HeadSpec, head_spec
from edgebert.jsonio import dumps, read
from edgebert.meaning import NO_SETTINGS, Meaning, Task, TaskSettings
from edgebert.network import load_module, outputs_of, require, state_arrays
from edgebert.sentences import SentenceModules, read_modules, write_modules
from edgebert.task_config import find_class, named_class, read_meaning, read_task, task_keys
from edgebert.tensors import check_shapes, read_tensors, tensor_names, weight_files, write_tensors
from edgebert.text import pad_id_of
from edgebert.tokenizer import check_vocabulary, load_tokenizer, write_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Tensors = dict[str, NDArray[np.float32]]

_PRUNING, _WEIGHTS = "pruning.json", "model.safetensors"
_POSITIONS = f"{ENCODER}embeddings.position_embeddings.weight"
# Left behind in many published classifiers: a buffer of old versions and the masked-language head of pre-training.
_HARMLESS = re.compile(r"(distilbert\.)?embeddings\.position_ids|vocab_(transform|layer_norm|projector)\..*")


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
    """Return the DistilBERT of a checkpoint folder or Hub id, with the head of its task.

    Args:
        source: Checkpoint folder, or Hub id.

    Returns:
        The model in evaluation mode with float32 weights, its tokenizer, and what the checkpoint says of it.

    Raises:
        CheckpointError: It is none, or it is incomplete or damaged; the message names the file or tensor.
        EnvironmentProblem: The Hub cannot be reached.
        MissingExtraError: torch, transformers or safetensors is not installed.

    Examples:
        >>> edgebert.load_model("model").checkpoint.labels
        ('negative', 'positive')
    """
    expect("source", source, *PLACE)
    require("torch", "transformers", extra="onnx", purpose="loading a checkpoint")
    import torch

    root, name = locate(source)
    modules = read_modules(root)
    folder = modules.encoder if modules else root
    config, path = read_config(folder), folder / "config.json"
    check_model_type(config, path)
    files = weight_files(folder)
    tensors = read_tensors(files)
    task = read_task(config, find_class(config, tensors, folder, is_sentences=modules is not None), path)
    architecture, meaning = read_architecture(config, folder), _meaning(config, task, modules, path)
    settings, tokenizer = read_dropouts(config, folder, task), load_tokenizer(folder)
    check_vocabulary(tokenizer, architecture.vocabulary, folder)
    tensors = _all_tensors(tensors, meaning.settings, modules, task)
    check_shapes(tensors, expected_shapes(architecture, len(meaning.labels), task, meaning.settings), folder)
    if modules:
        modules.check_case(tokenizer)
        # sentence-transformers cuts texts earlier than the encoder would have to.
        positions = min(architecture.positions, modules.max_length or architecture.positions)
        architecture = dataclasses.replace(architecture, positions=positions)
        tensors[_POSITIONS] = tensors[_POSITIONS][:positions]
    pruning = _read_pruning(root, architecture)
    state = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    module = load_module(architecture, meaning.labels, task, state, settings=settings, task_settings=meaning.settings)
    finite_outputs(module, tokenizer.encode("good").ids[: architecture.positions], f"{folder}: the text 'good'")
    return Model(
        checkpoint=Checkpoint(
            path=root,
            name=name,
            task=task,
            labels=meaning.labels,
            settings=meaning.settings,
            architecture=architecture,
            sha256=_hash((path, *files, *(modules.files if modules else ())), tokenizer),
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
        bad, count = int((~torch.isfinite(output)).sum()), output.numel()
        if bad:
            shown = output.tolist() if count <= 8 else f"with {bad} of {count} numbers that are NaN or infinite"
            raise CheckpointError(
                f"{where} has the {name} {shown}: the weights are finite, but so large that float32 overflows",
                hint="take an earlier checkpoint, or train with a lower learning rate",
            )
    return outputs


def save_model(model: Model, folder: Path) -> None:
    """Write a model as a checkpoint folder that ``load_model`` reopens with outputs equal to the last bit.

    A sentence encoder becomes a folder of sentence-transformers. Equal models give equal files: no version, name or
    path of this machine is in them.

    Args:
        model: The model.
        folder: Existing empty folder to write to.

    Raises:
        CheckpointError: The tokenizer cannot be written as that of a DistilBERT.
    """
    checkpoint, settings = model.checkpoint, model.module.config.to_dict()  # type: ignore[operator, union-attr]
    config = {
        "model_type": "distilbert",
        "architectures": [ARCHITECTURES[checkpoint.task]],
        **shape_keys(checkpoint.architecture),
        **read_dropouts(settings, folder, checkpoint.task),
        "pad_token_id": model.pad_id,
        **task_keys(checkpoint.task, checkpoint.meaning),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    tensors, shape = state_arrays(model.module), checkpoint.architecture
    if checkpoint.task == "feature-extraction":
        write_modules(checkpoint.settings, tensors, folder, hidden=shape.hidden, max_length=shape.positions)
        tensors = {name.removeprefix(ENCODER): found for name, found in tensors.items() if name.startswith(ENCODER)}
    write_tensors(tensors, folder / _WEIGHTS)
    write_tokenizer(model.tokenizer, folder, max_length=shape.positions)
    if checkpoint.pruning is not None:
        (folder / _PRUNING).write_text(dumps(checkpoint.pruning), encoding="utf-8")


def task_of(source: str | Path) -> tuple[Task, Meaning]:
    """Return the task of a checkpoint and what its outputs mean, without its weights; errors as for ``load_model``."""
    root, _ = locate(source)
    modules = read_modules(root)
    folder = modules.encoder if modules else root
    config, path = read_config(folder), folder / "config.json"
    check_model_type(config, path)
    is_known = modules is None and named_class(config, path) is not None
    names = None if is_known else tensor_names(weight_files(folder))
    task = read_task(config, find_class(config, names, folder, is_sentences=modules is not None), path)
    return task, _meaning(config, task, modules, path)


def _meaning(config: dict[str, Any], task: Task, modules: SentenceModules | None, path: Path) -> Meaning:
    if modules is None:
        return read_meaning(config, task, path)
    return Meaning(settings=modules.settings(read_architecture(config, path.parent).hidden))


def _all_tensors(found: Tensors, settings: TaskSettings, modules: SentenceModules | None, task: Task) -> Tensors:
    """Return the tensors under the names that a module has, without what old versions left behind."""
    found = {name: tensor for name, tensor in found.items() if not _HARMLESS.fullmatch(name)}
    if task == "feature-extraction":
        found = {name if name.startswith(ENCODER) else f"{ENCODER}{name}": tensor for name, tensor in found.items()}
        found |= modules.tensors(settings) if modules else {}
    return found


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
        raise CheckpointError(f"{path}: original.heads and original.neurons must be two lists with one entry per layer")
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
