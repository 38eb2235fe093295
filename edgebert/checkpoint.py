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

from edgebert.errors import CheckpointError, EnvironmentProblem, MissingExtraError
from edgebert.jsonio import parse
from edgebert.tasks import TASK_HEADS, TaskHead
from edgebert.text import read_tokenizer
from edgebert.types import Architecture, Task

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

_HUB_FILES = ("config.json", "*.safetensors", "model.safetensors.index.json", "tokenizer*.json", "vocab.txt")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
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
    architecture, labels = _architecture(config, folder), _labels(config, folder)
    tokenizer = load_tokenizer(folder)
    _check_vocabulary(tokenizer, architecture, folder)
    files = _weight_files(folder)
    state = _read_weights(files, _expected_shapes(architecture, len(labels)))

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
            sha256=_hash((folder / "config.json", *files), tokenizer),
        ),
        module=module,
        tokenizer=tokenizer,
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a Hugging Face folder.

    Raises:
        CheckpointError: There is none, or it is no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(
            f"{folder}: no checkpoint: there is no config.json",
            hint="give the folder that save_pretrained wrote, or a Hub id",
        )
    try:
        config = parse(path.read_text(encoding="utf-8"), source=str(path))
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not UTF-8 at byte {error.start}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: not a JSON object")
    return config


def read_labels(source: str | Path) -> tuple[str, ...]:
    """Return the label names of a classifier by id, from its configuration alone; errors as for ``load_model``."""
    folder, _ = locate(source)
    config = read_config(folder)
    _task_head(config, folder)
    return _labels(config, folder)


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a checkpoint folder, without padding or truncation.

    Raises:
        CheckpointError: There is neither ``tokenizer.json`` nor ``vocab.txt``, or it describes no WordPiece.
    """
    if (folder / "tokenizer.json").is_file():
        tokenizer = read_tokenizer(folder / "tokenizer.json")
    elif (folder / "vocab.txt").is_file():
        from tokenizers import Tokenizer
        from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

        path = folder / "tokenizer_config.json"
        settings = parse(path.read_text(encoding="utf-8"), source=str(path)) if path.is_file() else {}
        lower = bool(settings.get("do_lower_case", True))
        tokenizer = Tokenizer.from_str(
            BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lower, strip_accents=None).to_str()
        )
    else:
        raise CheckpointError(
            f"{folder}: no tokenizer: neither tokenizer.json nor vocab.txt is there",
            hint="save the tokenizer the model was trained with into the folder: tokenizer.save_pretrained(folder)",
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def vocabulary(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return the tokens of a tokenizer by id."""
    return tuple(token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))


def locate(source: str | Path) -> tuple[Path, str]:
    """Return the folder and the name of a checkpoint, downloading it when ``source`` is a Hub id.

    Raises:
        CheckpointError: There is no such folder or repository.
        EnvironmentProblem: The Hub cannot be reached.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        return path, path.resolve().name
    if path.exists():
        raise CheckpointError(f"{path}: a file, not a checkpoint folder")
    if isinstance(source, Path) or not _HUB_ID.fullmatch(source):
        raise CheckpointError(f"{path}: there is no such folder")
    return _download(source), source


def _download(hub_id: str) -> Path:
    import huggingface_hub
    from huggingface_hub import errors

    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=list(_HUB_FILES)))
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise CheckpointError(f"'{hub_id}' is neither a folder here nor a repository on the Hub") from error
    except (OSError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled) as error:
        raise EnvironmentProblem(
            f"'{hub_id}' is no folder here, and the Hub cannot be reached to look for it",
            hint="check the path; or download the checkpoint elsewhere and give its folder",
        ) from error


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


def _architecture(config: dict[str, Any], folder: Path) -> Architecture:
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
    labels = tuple(str(table[str(index)]) for index in range(len(table)))
    if len(labels) < 2:
        raise CheckpointError(f"{path}: {len(labels)} label: a regression head, not a classifier")
    if len(set(labels)) < len(labels):
        raise CheckpointError(f"{path}: id2label names a label twice: {', '.join(labels)}")
    return labels


def _check_vocabulary(tokenizer: Tokenizer, architecture: Architecture, folder: Path) -> None:
    rows, tokens = architecture.vocabulary, tokenizer.get_vocab_size(with_added_tokens=True)
    if max(tokenizer.get_vocab().values()) != tokens - 1:
        raise CheckpointError(
            f"{folder}: the tokenizer's ids have gaps: {tokens} tokens, other ids than 0 to {tokens - 1}"
        )
    # Tables are often padded to a multiple of 8 to 128 rows for the kernels' sake; any other difference is a mix-up.
    if not (tokens <= rows and (tokens == rows or (rows % 8 == 0 and rows - tokens < 128))):
        raise CheckpointError(
            f"{folder}: the tokenizer has {tokens} tokens, the model's embedding table {rows} rows",
            hint="put the tokenizer the model was trained with into the folder",
        )


def _weight_files(folder: Path) -> tuple[Path, ...]:
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return (single,)
    if index.is_file():
        table = parse(index.read_text(encoding="utf-8"), source=str(index))
        names = sorted(set(table.get("weight_map", {}).values())) if isinstance(table, dict) else []
        for name in names:
            if Path(name).name != name or not (folder / name).is_file():
                raise CheckpointError(f"{index}: the weight file {name!r} is not in the folder")
        if names:
            return tuple(folder / name for name in names)
    if list(folder.glob("*.bin")):
        raise CheckpointError(
            f"{folder}: the weights are pickled (.bin), which can run code when opened",
            hint="edgebert reads safetensors: where you trust the file, save_pretrained it again with transformers",
        )
    raise CheckpointError(f"{folder}: no weights: there is no model.safetensors")


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


def _read_weights(files: tuple[Path, ...], expected: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    state: dict[str, torch.Tensor] = {}
    for file in files:
        try:
            state.update(load_file(file))
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{file}: the weights cannot be read, the file is truncated or damaged: {error}",
                hint="copy or download it again",
            ) from error
    state = {name: tensor for name, tensor in state.items() if not _HARMLESS.fullmatch(name)}
    where = files[0].parent
    if missing := [name for name in expected if name not in state]:
        raise CheckpointError(f"{where}: {len(missing)} tensors are missing, first {missing[0]}")
    if unknown := [name for name in state if name not in expected]:
        raise CheckpointError(
            f"{where}: {len(unknown)} tensors do not belong to the model of config.json, first {unknown[0]}"
        )
    for name, tensor in state.items():
        if tuple(tensor.shape) != expected[name]:
            raise CheckpointError(
                f"{where}: {name} has the shape {tuple(tensor.shape)}, config.json asks for {expected[name]}"
            )
        if tensor.dtype not in (torch.float32, torch.float16, torch.bfloat16):
            raise CheckpointError(f"{where}: {name} is {tensor.dtype}; edgebert takes float weights")
        if bad := int((~torch.isfinite(tensor)).sum()):
            raise CheckpointError(f"{where}: {name} has {bad} values that are NaN or infinite: training diverged")
    return {name: state[name].to(torch.float32) for name in expected}


def _hash(files: tuple[Path, ...], tokenizer: Tokenizer) -> str:
    total = hashlib.sha256(tokenizer.to_str().encode())
    for file in files:
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
