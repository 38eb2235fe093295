"""A Hugging Face checkpoint folder as files: where it is, its configuration, and its tokenizer. No torch."""

from __future__ import annotations

import contextlib
import difflib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.errors import CheckpointError, EnvironmentProblem
from edgebert.jsonio import parse
from edgebert.lookalikes import check_files, dangling, no_config
from edgebert.notes import note, warn
from edgebert.text import pieces, text_spec, untruncated

if TYPE_CHECKING:
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
    # These are read by nobody: their names tell why there are no weights.
    "adapter_config.json",
    "config_setfit.json",
    "modules.json",
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/\w[\w.-]*)?")


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
    if isinstance(source, Path) or not _HUB_ID.fullmatch(source) or ("/" in source and Path(source).parent.is_dir()):
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
    """Return if a tokenizer goes with an embedding table of so many rows; rows without a token are noted.

    Raises:
        CheckpointError: Its ids have gaps, or it has more tokens than the table has rows.
    """
    tokens = tokenizer.get_vocab_size(with_added_tokens=True)
    if max(tokenizer.get_vocab().values(), default=-1) != tokens - 1:
        raise CheckpointError(
            f"{folder}: the tokenizer's ids have gaps: {tokens} tokens, other ids than 0 to {tokens - 1}"
        )
    if tokens > rows:
        raise CheckpointError(
            f"{folder}: the tokenizer has {tokens} tokens, the model's embedding table only {rows} rows",
            hint="put the tokenizer the model was trained with into the folder",
        )
    if tokens == rows:
        return
    unused = f"{folder}: {rows - tokens} of the {rows} rows of the embedding table belong to no token"
    # Tables are often padded to a multiple of 8 to 128 rows for the kernels' sake; more can be reserved, or a mix-up.
    if rows % 8 == 0 and rows - tokens < 128:
        note(unused)
    else:
        warn(f"{unused}: check that the tokenizer is the one that the model was trained with")


def write_tokenizer(tokenizer: Tokenizer, folder: Path, *, max_length: int) -> None:
    """Write ``tokenizer.json``, ``vocab.txt`` and ``tokenizer_config.json`` of a DistilBERT.

    ``vocab.txt`` lists the tokens of WordPiece; tokens that were added later are in ``tokenizer.json``, and in the text
    spec of a bundle. Padding and truncation are left out: they belong to whoever feeds the model, and one
    that is left behind cuts texts silently.

    Args:
        tokenizer: A WordPiece tokenizer with BERT's normalizer.
        folder: Folder to write to.
        max_length: Longest input in tokens.

    Raises:
        CheckpointError: An app could not make the same ids from these files, or ``vocab.txt`` cannot list a token.
    """
    lower_case = text_spec(tokenizer, max_length=max_length, lengths=(max_length,)).lower_case
    content = untruncated(tokenizer).to_str(pretty=True)
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


def _download(hub_id: str) -> Path:
    import huggingface_hub
    from huggingface_hub import constants, errors

    where = "the cache of the Hub (HF_HUB_OFFLINE is set)" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT}"
    note(f"'{hub_id}' is no folder here: fetching configuration, tokenizer and weights from {where}")
    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=list(_HUB_FILES)))
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise CheckpointError(
            f"'{hub_id}' is neither a folder here nor a repository on the Hub", hint=_spelling(Path(hub_id))
        ) from error
    except (OSError, errors.HfHubHTTPError, errors.OfflineModeIsEnabled) as error:
        raise EnvironmentProblem(
            f"'{hub_id}' is no folder here, and the Hub cannot be reached to look for it",
            hint="check the path; or download the checkpoint elsewhere and give its folder",
        ) from error
