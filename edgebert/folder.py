"""A Hugging Face checkpoint folder as files: where it is, its configuration, and what is there instead. No torch.

A refusal names the cause, as an adapter or a pointer of Git LFS, and not its first symptom.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from pathlib import Path
from typing import Any

from edgebert.errors import CheckpointError, EnvironmentProblem
from edgebert.jsonio import parse
from edgebert.progress import note
from edgebert.staging import reading

_HUB_FILES = (
    "config.json",
    "*.safetensors",
    "model.safetensors.index.json",
    "tokenizer*.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab.txt",
    "pruning.json",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_*bert_config.json",
    *(f"[0-9]_*/{name}" for name in ("*.json", "*.safetensors", "vocab.txt")),
    # These are read by nobody: their names tell why there are no weights.
    "adapter_config.json",
    "config_setfit.json",
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/\w[\w.-]*)?")
_POINTER = b"version https://git-lfs.github.com/spec/"
_READ = re.compile(
    r"(config|tokenizer\w*|added_tokens|special_tokens_map|pruning|modules|\w*sentence_\w+)\.json|vocab\.txt"
    r"|model.*\.safetensors.*"
)
_TRAINING = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state.*)\.(bin|pth?)")
_FINETUNE = "fine-tune a DistilBERT on your texts: edgebert finetune"
_SENTENCES = ("config_sentence_transformers.json", "sentence_bert_config.json", "sentence_distilbert_config.json")
# What else holds weights: suffix, what they are, how they become a checkpoint.
_WEIGHTS = {
    ".bin": ("pickled, which can run code when opened", "where you trust the file, save_pretrained it again"),
    ".h5": ("of TensorFlow", "convert them by transformers 4: from_pretrained(FOLDER, from_tf=True).save_pretrained"),
    ".msgpack": (
        "of Flax",
        "convert them by transformers 4: from_pretrained(FOLDER, from_flax=True).save_pretrained",
    ),
    ".pt": ("pickled, which can run code when opened", "load it where you trust the file, and call save_pretrained"),
    ".pth": ("pickled, which can run code when opened", "load it where you trust the file, and call save_pretrained"),
    ".ckpt": ("of a training loop", "load it there, and call save_pretrained on the model inside"),
    ".onnx": ("exported", "give the checkpoint that they were exported from"),
    ".tflite": ("exported", "give the checkpoint that they were exported from"),
    ".gguf": ("of llama.cpp", "give the checkpoint that they were converted from"),
}


def is_hub_id(name: str) -> bool:
    """Return whether a name can be that of a repository on the Hub, with or without its owner."""
    return _HUB_ID.fullmatch(name) is not None


def locate(source: str | Path) -> tuple[Path, str]:
    """Return the folder and the name of a checkpoint, downloading it when ``source`` is a Hub id.

    The Hub is never asked for what can be a path: a ``Path``, a name that begins like a path, and a name with a slash
    whose first part is a folder here. A note says what is fetched before it is fetched.

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
        raise CheckpointError(f"{path}: a file, not a checkpoint folder", hint=f"give its folder: {path.parent}")
    if target := dangling(path):
        raise CheckpointError(f"{path}: a link to {target}, where there is no folder", hint="give the folder itself")
    if isinstance(source, Path) or not is_hub_id(source) or ("/" in source and Path(source).parent.is_dir()):
        raise CheckpointError(f"{path}: there is no such folder", hint=_spelling(path))
    return _download(source), source


def _spelling(path: Path) -> str:
    """Return a hint with the names beside a path that are most like its own."""
    try:
        beside = [item.name for item in path.parent.iterdir() if item.is_dir()]
    except OSError:
        return f"check the path: {path.parent} is no folder that can be read"
    like = [str(path.parent / name) for name in difflib.get_close_matches(path.name, beside)]
    return f"check the path; like it is {', '.join(like)}" if like else "check the path"


def read_config(folder: Path) -> dict[str, Any]:
    """Return the ``config.json`` of a Hugging Face folder.

    Raises:
        CheckpointError: There is none, it is no JSON object, or a file of the folder is not what its name says.
    """
    check_files(folder)
    path = folder / "config.json"
    if not path.is_file():
        raise no_config(folder)
    return read_object(path)


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a checkpoint folder.

    Raises:
        CheckpointError: It cannot be read as text, or holds another value than an object.
        UsageError: It is no JSON.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: not a JSON object")
    return value


def read_json(path: Path) -> object:
    """Return the JSON value in a file of a checkpoint folder.

    Raises:
        CheckpointError: It cannot be read as text.
        UsageError: It is no JSON.
    """
    with reading(path, error=CheckpointError):
        content = path.read_text(encoding="utf-8")
    value: object = parse(content, source=str(path))
    return value


def _download(hub_id: str) -> Path:
    import huggingface_hub
    from huggingface_hub import constants, errors

    where = "the cache of the Hub (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT}"
    note(f"'{hub_id}' is not a local folder: fetching configuration, tokenizer and weights from {where}")
    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=list(_HUB_FILES)))
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise CheckpointError(
            f"'{hub_id}' is neither a local folder nor a repository on the Hub", hint=_spelling(Path(hub_id))
        ) from error
    except (OSError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled) as error:
        raise EnvironmentProblem(
            f"'{hub_id}' is not a local folder, and the Hub cannot be reached to look for it",
            hint="check the path; or download the checkpoint elsewhere and give its folder",
        ) from error


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is what a clone without Git LFS leaves in the place of a large file."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def dangling(path: Path) -> str:
    """Return where a link that leads to no file points to; an empty string for anything else."""
    return str(path.readlink()) if path.is_symlink() and not path.exists() else ""


def check_files(folder: Path) -> None:
    """Return if the files of a checkpoint folder are the files themselves, and no adapter.

    Raises:
        CheckpointError: One is a pointer of Git LFS, a link that leads nowhere or no regular file (a folder, a pipe),
            or the weights are an adapter's.
    """
    names = _names(folder)
    for path in (folder / name for name in names if _READ.fullmatch(name)):
        if target := dangling(path):
            raise CheckpointError(
                f"{path}: a link to {target}, where there is no file", hint="copy or download it again"
            )
        if not path.is_file():  # a pipe would be waited for, and never end
            raise CheckpointError(f"{path}: not a regular file", hint="copy or download it again")
        if is_lfs_pointer(path):
            raise CheckpointError(f"{path}: a pointer of Git LFS, not the file itself", hint="git lfs pull")
    adapter = any(name.startswith("adapter_model.") for name in names)
    if "adapter_config.json" in names and (adapter or "model.safetensors" not in names):
        raise CheckpointError(
            f"{folder}: an adapter (LoRA), not a whole model: there is an adapter_config.json",
            hint="merge it with peft and save the whole model: model.merge_and_unload().save_pretrained(NEW_FOLDER)",
        )


def no_config(folder: Path) -> CheckpointError:
    """Return the refusal of a folder without a ``config.json``."""
    start, names = f"{folder}: no checkpoint: there is no config.json", _names(folder)
    inner = [name for name in names if (folder / name / "config.json").is_file()]
    if error := setfit(folder):
        return error
    if inner:
        last = max(inner, key=lambda name: (len(name), name))  # checkpoint-1000 comes after checkpoint-500
        return CheckpointError(f"{start}, but one in {_first(inner)}", hint=f"give that folder: {folder / last}")
    return CheckpointError(
        f"{start}, only {_first(names)}" if names else f"{start}, the folder is empty",
        hint="give the folder that save_pretrained wrote, or a Hub id",
    )


def no_weights(folder: Path) -> CheckpointError:
    """Return the refusal of a folder with a configuration, but without weights under the names of safetensors."""
    start, names = f"{folder}: no weights: there is no model.safetensors", _names(folder)
    if "edgebert.json" in names:
        return CheckpointError(
            f"{start}; the folder is a bundle that edgebert export made",
            hint="give the checkpoint that it was exported from",
        )
    if variants := [name for name in names if name.endswith(".safetensors")]:
        return CheckpointError(
            f"{start}, but {_first(variants)}",
            hint=f"rename it if it is the whole model: mv {folder / variants[0]} {folder / 'model.safetensors'}",
        )
    for name in names:
        what, hint = _WEIGHTS.get(Path(name).suffix, ("", ""))
        if what and not _TRAINING.fullmatch(name):
            return CheckpointError(f"{start}, and the weights in {name} are {what}", hint=hint)
    return setfit(folder) or CheckpointError(
        start, hint="give the folder that save_pretrained wrote; edgebert fetches no .bin from the Hub"
    )


def no_head(folder: Path, found: str) -> CheckpointError:
    """Return the refusal of an encoder without the head of a task; ``found`` says what there is instead."""
    return setfit(folder) or CheckpointError(f"{folder}: {found}", hint=_FINETUNE)


def setfit(folder: Path) -> CheckpointError | None:
    """Return the refusal of a SetFit model; ``None`` for any other."""
    if not {"model_head.pkl", "config_setfit.json"} & set(_names(folder)):
        return None
    what = "a SetFit model: its classifier is not in the network, but pickled in model_head.pkl"
    return CheckpointError(f"{folder}: {what}", hint=_FINETUNE)


def check_bare(folder: Path) -> None:
    """Return if an encoder that no ``modules.json`` lists is not part of a sentence-transformers model.

    Raises:
        CheckpointError: It is, and what comes behind it is not known.
    """
    if error := setfit(folder):
        raise error
    if part := next((name for name in _SENTENCES if name in _names(folder)), None):
        raise CheckpointError(
            f"{folder}: part of a sentence-transformers model: there is {part}, but no modules.json",
            hint="give the whole folder, the one with modules.json",
        )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:  # reading the files will say why
        return []


def _first(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
