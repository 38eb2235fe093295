"""The weights of a Hugging Face folder as arrays by name, whatever wrapper they were saved in. No torch."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebert.errors import CheckpointError, MissingExtraError
from edgebert.folder import no_weights, read_object
from edgebert.progress import note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_TABLE = "embeddings.word_embeddings.weight"  # every DistilBERT and BERT has it, and nothing beside the encoder
# Parts of names that torch.compile, DataParallel, FSDP and activation checkpointing add anywhere.
_WRAPPER = re.compile(r"(?<![^.])(?:_orig_mod|module|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
_MASKED = re.compile(r"\.(weight|bias)_(orig|mask)$|\.parametrizations\.")
# Checkpoints that were converted from TensorFlow call the scale and shift of a norm gamma and beta.
_NORM = {".gamma": ".weight", ".beta": ".bias"}


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files of a checkpoint folder: one, or the shards that its index names.

    Raises:
        CheckpointError: There are none in safetensors, or the index names a file that is not in the folder.
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
    raise no_weights(folder)


def tensor_names(files: Sequence[Path]) -> frozenset[str]:
    """Return the names that ``read_tensors`` gives, and those of integers, from the heads of the files alone.

    Raises:
        CheckpointError: A file cannot be read.
    """
    safetensors, names = _library(), set()
    for file in files:
        with _reading(file), safetensors.safe_open(file, framework="numpy") as opened:
            names.update(opened.keys())
    return frozenset(_plain_names(names, files[0].parent).values())


def read_tensors(files: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """Return the float tensors of safetensors files by name, as float32; index buffers (int64) are left out.

    Names are those of today's transformers: what wrappers put before them is taken off, with a note, and the scale and
    shift of a norm are called weight and bias.

    Raises:
        CheckpointError: A file cannot be read, a tensor holds other numbers than finite floats, or weights are masked.
    """
    safetensors, tensors = _library(), {}
    for file in files:
        with _reading(file):
            entries = safetensors.deserialize(file.read_bytes())
        for name, entry in entries:
            if entry["dtype"] == "I64":
                continue
            if entry["dtype"] not in _FLOATS:
                raise CheckpointError(f"{file}: {name} is {entry['dtype']}; edgebert takes float weights")
            values = np.frombuffer(entry["data"], dtype=_FLOATS[entry["dtype"]])
            if entry["dtype"] == "BF16":  # the upper half of a float32
                values = (values.astype(np.uint32) << 16).view(np.float32)
            tensor = _shaped(np.array(values, dtype=np.float32), entry["shape"], f"{file}: {name}")
            if bad := int(np.count_nonzero(~np.isfinite(tensor))):
                raise CheckpointError(
                    f"{file}: {name} has {bad} values that are NaN or infinite as float32: training diverged"
                )
            tensors[name] = tensor
    names = _plain_names(tensors, files[0].parent)
    return {names[name]: tensor for name, tensor in tensors.items()}


def _library() -> Any:
    try:
        import safetensors
    except ImportError as error:
        raise MissingExtraError("safetensors", extra="onnx", purpose="reading weights") from error
    return safetensors


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, _library().SafetensorError) as error:
        raise CheckpointError(
            f"{file}: the weights cannot be read, the file is truncated or damaged: {error}",
            hint="copy or download it again",
        ) from error


def _shaped(values: NDArray[np.float32], shape: list[int], what: str) -> NDArray[np.float32]:
    try:
        return values.reshape(shape)
    except ValueError as error:  # numpy knows no more than 64 dimensions
        raise CheckpointError(f"{what} has {len(shape)} dimensions: not a weight of a DistilBERT") from error


def _plain_names(found: Iterable[str], folder: Path) -> dict[str, str]:
    """Return the name that each tensor has in an unwrapped model of today's transformers."""
    found = sorted(found)  # a file is read in no order
    if masked := next((name for name in found if _MASKED.search(name)), None):
        raise CheckpointError(
            f"{folder}: {masked} is not a weight: torch computes a weight from it at every call",
            hint="make it permanent before saving: torch.nn.utils.prune.remove(module, 'weight') for every pruned "
            "module, or torch.nn.utils.parametrize.remove_parametrizations",
        )
    names = {name: _WRAPPER.sub("", name) for name in found}
    table = next((name for name in names.values() if name.endswith(_TABLE)), _TABLE)
    # What is before the encoder is the wrapper's: the head, too, has to have it.
    wrapper = re.sub(r"(distil)?bert\.$", "", table.removesuffix(_TABLE))
    if other := next((name for name, short in names.items() if not short.startswith(wrapper)), None):
        raise CheckpointError(
            f"{folder}: the encoder's tensors begin with '{wrapper}', but {other} does not",
            hint="save the classifier alone, without what is around it: save_pretrained",
        )
    names = {name: short.removeprefix(wrapper) for name, short in names.items()}
    if changed := next((name for name, short in names.items() if name != short), None):
        note(f"{folder}: names of tensors are read without a wrapper's part: {changed} as {names[changed]}")
    for name, short in names.items():
        for old, new in _NORM.items():
            if short.endswith(old):
                names[name] = short.removesuffix(old) + new
    if len(set(names.values())) < len(names):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise CheckpointError(f"{folder}: two tensors are {twice}", hint="save one model alone, without its wrapper")
    return names


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
