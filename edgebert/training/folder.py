"""How the stages of training read weights, and how a checkpoint folder comes to be: complete, or not at all."""

from __future__ import annotations

import json
import shutil
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, deserialize

from edgebert.errors import CheckpointError, OutputError
from edgebert.text import is_lower_casing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def refuse_taken(out: Path, *, force: bool) -> None:
    """Return if a checkpoint folder may be written to ``out``.

    Raises:
        OutputError: ``out`` exists; or, with ``force``, it is something else than a checkpoint or an empty folder.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not force:
        raise OutputError(f"{out} exists already", hint="choose another place, or pass --force to replace it")
    # A mistyped path must not cost anyone a home folder.
    if not out.is_dir() or (any(out.iterdir()) and not (out / "config.json").is_file()):
        raise OutputError(f"{out} is no checkpoint folder, so it is not replaced", hint="choose another place")


@contextmanager
def new_folder(out: Path, *, force: bool) -> Iterator[Path]:
    """Yield a temporary folder beside ``out`` that takes its name when the block ends well.

    When the block raises anything, Ctrl-C included, the temporary folder is removed and ``out`` is as it was.

    Args:
        out: Folder to be made; missing parents are made too.
        force: Whether an existing checkpoint folder is replaced.

    Raises:
        OutputError: ``out`` is taken (see ``refuse_taken``) or cannot be written, for instance for lack of room.
    """
    refuse_taken(out, force=force)
    out = out.resolve()
    token = uuid.uuid4().hex[:12]
    staging, replaced = out.with_name(f".{out.name}.{token}.new"), out.with_name(f".{out.name}.{token}.old")
    try:
        staging.parent.mkdir(parents=True, exist_ok=True)
        staging.mkdir()
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror}") from error
    try:
        yield staging
        refuse_taken(out, force=force)  # hours may have passed
        # safetensors makes its files readable for their owner only; the folder's own mode tells the user's umask.
        for file in staging.iterdir():
            file.chmod(staging.stat().st_mode & 0o666)
        if out.exists():
            out.rename(replaced)
        staging.rename(out)
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{out}: cannot be written: {error}", hint="is there room on the disk?") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if replaced.exists() and not out.exists():
            replaced.rename(out)
        shutil.rmtree(replaced, ignore_errors=True)


def read_tensors(files: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """Return the float tensors of safetensors files by name, as float32; other ones (index buffers) are left out.

    Raises:
        CheckpointError: A file cannot be read, or a tensor holds values that are no finite numbers.
    """
    tensors = {}
    for file in files:
        try:
            entries = deserialize(file.read_bytes())
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
