"""A Hugging Face checkpoint folder as files: configuration, tokenizer, and weights as arrays. No torch."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebert.errors import CheckpointError, EnvironmentProblem, MissingExtraError
from edgebert.jsonio import parse
from edgebert.text import pieces, text_spec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_HUB_FILES = (
    "config.json",
    "*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab.txt",
    "pruning.json",
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def locate(source: str | Path) -> tuple[Path, str]:
    """Return the folder and the name of a checkpoint, downloading it when ``source`` is a Hub id.

    Raises:
        CheckpointError: There is no such folder or repository.
        EnvironmentProblem: The Hub cannot be reached.
    """
    path = Path(source)
    with contextlib.suppress(RuntimeError):  # '~name' of a user who does not exist stays as it is
        path = path.expanduser()
    if path.is_dir():
        return path, path.resolve().name
    if path.exists():
        raise CheckpointError(f"{path}: a file, not a checkpoint folder")
    if isinstance(source, Path) or not _HUB_ID.fullmatch(source):
        raise CheckpointError(f"{path}: there is no such folder")
    return _download(source), source


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
    return read_object(path)


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a checkpoint folder.

    Raises:
        CheckpointError: It cannot be read as text, or holds another value than an object.
        UsageError: It is no JSON.
    """
    try:
        value = parse(path.read_text(encoding="utf-8"), source=str(path))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not UTF-8 at byte {error.start}") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: not a JSON object")
    return value


def vocabulary(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return the tokens of a tokenizer by id."""
    return tuple(token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))


def check_vocabulary(tokenizer: Tokenizer, rows: int, folder: Path) -> None:
    """Return if a tokenizer goes with an embedding table of so many rows.

    Raises:
        CheckpointError: Its ids have gaps, or it has another number of tokens than the model was trained with.
    """
    tokens = tokenizer.get_vocab_size(with_added_tokens=True)
    if max(tokenizer.get_vocab().values(), default=-1) != tokens - 1:
        raise CheckpointError(
            f"{folder}: the tokenizer's ids have gaps: {tokens} tokens, other ids than 0 to {tokens - 1}"
        )
    # Tables are often padded to a multiple of 8 to 128 rows for the kernels' sake; any other difference is a mix-up.
    if not (tokens <= rows and (tokens == rows or (rows % 8 == 0 and rows - tokens < 128))):
        raise CheckpointError(
            f"{folder}: the tokenizer has {tokens} tokens, the model's embedding table {rows} rows",
            hint="put the tokenizer the model was trained with into the folder",
        )


def write_tokenizer(tokenizer: Tokenizer, folder: Path, *, max_length: int) -> None:
    """Write ``tokenizer.json``, ``vocab.txt`` and ``tokenizer_config.json`` of a DistilBERT.

    ``vocab.txt`` lists the tokens of WordPiece; tokens that were added later are in ``tokenizer.json``, and in the text
    spec of a bundle. Padding and truncation are switched off in ``tokenizer`` and in the file: they belong to whoever
    feeds the model, and one that is left behind cuts texts silently.

    Args:
        tokenizer: A WordPiece tokenizer with BERT's normalizer.
        folder: Folder to write to.
        max_length: Longest input in tokens.

    Raises:
        CheckpointError: An app could not make the same ids from these files, or ``vocab.txt`` cannot list a token.
    """
    lower_case = text_spec(tokenizer, max_length=max_length, lengths=(max_length,)).lower_case
    tokenizer.no_padding()
    tokenizer.no_truncation()
    content = tokenizer.to_str(pretty=True)
    normalizer = json.loads(content)["normalizer"]
    config = {
        "tokenizer_class": "DistilBertTokenizer",
        "do_lower_case": lower_case,
        "strip_accents": normalizer["strip_accents"],
        "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
        "model_max_length": max_length,
        "model_input_names": ["input_ids", "attention_mask"],
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "cls", "sep", "unk", "mask")},
    }
    tokens = pieces(tokenizer)
    if bad := next((token for token in tokens if "\n" in token or "\r" in token), None):
        raise CheckpointError(f"the token {bad!r} holds a line break, so no vocab.txt can list it")
    (folder / "tokenizer.json").write_text(content + "\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a checkpoint folder: one, or the shards that its index names.

    Raises:
        CheckpointError: There are none, only pickled weights, or the index names a file that is not in the folder.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return (single,)
    if index.is_file():
        table = read_object(index).get("weight_map")
        if not isinstance(table, dict) or not table:
            raise CheckpointError(f"{index}: weight_map names no weight files")
        for name in table.values():
            if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file():
                raise CheckpointError(f"{index}: the weight file {name!r} is not in the folder")
        return tuple(folder / name for name in sorted(set(table.values())))
    if list(folder.glob("*.bin")):
        raise CheckpointError(
            f"{folder}: the weights are pickled (.bin), which can run code when opened",
            hint="edgebert reads safetensors: where you trust the file, save_pretrained it again with transformers",
        )
    raise CheckpointError(f"{folder}: no weights: there is no model.safetensors")


def read_tensors(files: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """Return the float tensors of safetensors files by name, as float32; index buffers (int64) are left out.

    Raises:
        CheckpointError: A file cannot be read, or a tensor holds other numbers than finite floats.
    """
    try:
        from safetensors import SafetensorError, deserialize
    except ImportError as error:
        raise MissingExtraError("safetensors", extra="onnx", purpose="reading weights") from error
    tensors = {}
    for file in files:
        try:
            entries = deserialize(file.read_bytes())  # type: ignore[no-untyped-call]  # its stub has no types
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{file}: the weights cannot be read, the file is truncated or damaged: {error}",
                hint="copy or download it again",
            ) from error
        for name, entry in entries:
            if entry["dtype"] == "I64":
                continue
            if entry["dtype"] not in _FLOATS:
                raise CheckpointError(f"{file}: {name} is {entry['dtype']}; edgebert takes float weights")
            values = np.frombuffer(entry["data"], dtype=_FLOATS[entry["dtype"]])
            if entry["dtype"] == "BF16":  # the upper half of a float32
                values = (values.astype(np.uint32) << 16).view(np.float32)
            tensor = np.array(values, dtype=np.float32).reshape(entry["shape"])
            if bad := int(np.count_nonzero(~np.isfinite(tensor))):
                raise CheckpointError(
                    f"{file}: {name} has {bad} values that are NaN or infinite as float32: training diverged"
                )
            tensors[name] = tensor
    return tensors


def check_shapes(
    tensors: Mapping[str, NDArray[np.float32]], expected: Mapping[str, tuple[int, ...]], where: Path
) -> None:
    """Return if ``tensors`` are exactly those ``expected`` by name and shape.

    Raises:
        CheckpointError: A tensor is missing, has another shape, or is unknown; the message names it.
    """
    if missing := [name for name in expected if name not in tensors]:
        raise CheckpointError(f"{where}: {len(missing)} tensors are missing, first {missing[0]}")
    if unknown := sorted(set(tensors) - set(expected)):
        raise CheckpointError(
            f"{where}: {len(unknown)} tensors do not belong to the model of config.json, first {unknown[0]}"
        )
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            raise CheckpointError(f"{where}: {name} has the shape {tensors[name].shape}, config.json asks for {shape}")


def write_tensors(tensors: dict[str, NDArray[np.float32]], path: Path) -> None:
    """Write float32 arrays by name as a safetensors file that torch, too, opens."""
    from safetensors.numpy import save

    # safetensors' own writer reports a full disk as an error of the format, and lets only the owner read the file.
    path.write_bytes(save(tensors, metadata={"format": "pt"}))


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
