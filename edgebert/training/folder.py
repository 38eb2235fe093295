"""What is in a checkpoint folder: weights as arrays, and the files of a DistilBERT tokenizer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from edgebert.errors import CheckpointError
from edgebert.text import is_lower_casing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_tensors(files: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """Return the float tensors of safetensors files by name, as float32; other ones (index buffers) are left out.

    Raises:
        CheckpointError: A file cannot be read, or a tensor holds values that are no finite numbers.
    """
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
            if entry["dtype"] not in _FLOATS:
                continue
            values = np.frombuffer(entry["data"], dtype=_FLOATS[entry["dtype"]])
            if entry["dtype"] == "BF16":  # the upper half of a float32
                values = (values.astype(np.uint32) << 16).view(np.float32)
            tensor = np.array(values, dtype=np.float32).reshape(entry["shape"])
            if bad := int(np.count_nonzero(~np.isfinite(tensor))):
                raise CheckpointError(f"{file}: {name} has {bad} values that are NaN or infinite as float32")
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
            f"{where}: {len(unknown)} tensors do not belong to the encoder of config.json, first {unknown[0]}"
        )
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            raise CheckpointError(f"{where}: {name} has the shape {tensors[name].shape}, config.json asks for {shape}")


def write_tensors(tensors: dict[str, NDArray[np.float32]], path: Path) -> None:
    """Write float32 arrays by name as a safetensors file that torch, too, opens."""
    # safetensors' own writer reports a full disk as an error of the format, and lets only the owner read the file.
    path.write_bytes(save(tensors, metadata={"format": "pt"}))


def write_tokenizer(tokenizer: Tokenizer, folder: Path, *, max_length: int) -> None:
    """Write ``tokenizer.json``, ``vocab.txt`` and ``tokenizer_config.json`` of a DistilBERT checkpoint.

    Padding and truncation are switched off in ``tokenizer`` and in the file: they belong to whoever feeds the model,
    and one that is left behind cuts texts silently.

    Args:
        tokenizer: A WordPiece tokenizer with BERT's normalizer.
        folder: Folder to write to.
        max_length: Longest input in tokens.

    Raises:
        CheckpointError: The tokenizer's normalizer is not BERT's, or its ids have gaps.
    """
    lower_case = is_lower_casing(tokenizer)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    content = tokenizer.to_str(pretty=True)
    description = json.loads(content)
    by_id = {index: token for token, index in description["model"]["vocab"].items()}
    if sorted(by_id) != list(range(len(by_id))):
        raise CheckpointError("the tokenizer's ids have gaps, so no vocab.txt can list its vocabulary")
    config = {
        "tokenizer_class": "DistilBertTokenizer",
        "do_lower_case": lower_case,
        "strip_accents": description["normalizer"]["strip_accents"],
        "tokenize_chinese_chars": description["normalizer"]["handle_chinese_chars"],
        "model_max_length": max_length,
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
    }
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{by_id[index]}\n" for index in range(len(by_id))), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
