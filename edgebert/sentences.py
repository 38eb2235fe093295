"""A folder of sentence-transformers <-> where its encoder is, and what comes behind it. No torch.

``modules.json`` lists the parts of such a model, each with a folder inside: the encoder, the pooling, dense layers and
the scaling to length 1. Whatever would change a vector and is not read here is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from edgebert.configuration import read_size
from edgebert.errors import CheckpointError
from edgebert.folder import check_files, read_json, read_object, setfit
from edgebert.meaning import DenseSetting, TaskSettings
from edgebert.progress import note
from edgebert.tensors import check_shapes, read_tensors, weight_files, write_tensors
from edgebert.text import text_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Tensors = dict[str, NDArray[np.float32]]
    Pooling = Literal["mean", "first"]

MODULES, _SENTENCES = "modules.json", "config_sentence_transformers.json"
_ENCODERS = ("sentence_bert_config.json", "sentence_distilbert_config.json")  # the second in old folders
_FOLDER = re.compile(r"\w[\w.-]*")
_ORDER = re.compile(r"Transformer,Pooling(,Dense)*(,Normalize)?")
_TYPES = ("Transformer", "Pooling", "Dense", "Normalize")
_POOLINGS: dict[str, Pooling] = {"mean": "mean", "cls": "first"}
_MODES = ("cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken")
# Keys of older versions: one boolean for each mode.
_OLD_POOLINGS = {f"pooling_mode_{mode}": mode.removesuffix("_token").removesuffix("_tokens") for mode in _MODES}
_ACTIVATIONS: dict[str, Literal["none", "relu", "tanh"]] = {
    "torch.nn.modules.linear.Identity": "none",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.Tanh": "tanh",
}
_NAMES: dict[str, tuple[object, ...]] = {
    "module_input_name": ("sentence_embedding",),
    "module_output_name": ("sentence_embedding", None),
}
# Keys of which another value would change the vectors; a missing key has the first.
_FIXED: dict[str, dict[str, tuple[object, ...]]] = {
    "Transformer": {
        "do_lower_case": (False, True),
        "transformer_task": ("feature-extraction",),
        "module_output_name": ("token_embeddings", None),
        **dict.fromkeys(("query_length", "document_length", "query_expansion"), (None,)),
    },
    "Pooling": {},
    "Dense": {**_NAMES, "bias": (True, False), "use_residual": (False,)},
    "Normalize": _NAMES,
    _SENTENCES: {"model_type": ("SentenceTransformer",), "truncate_dim": (None,)},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceModules:
    """The parts of a sentence encoder.

    Attributes:
        encoder: Folder of its configuration, weights and tokenizer.
        pooling: What becomes of the rows of the encoder.
        pooled: Width of a row, as the pooling states it.
        dense: The dense layers behind it, bottom first: folder and what its configuration says.
        normalize: Whether vectors are scaled to length 1.
        max_length: Longest input in tokens where a file states it; longer texts are cut.
        lower_case: Whether texts are lower-cased, whatever the tokenizer does.
        files: The files that say all this, and the weights of the dense layers.
    """

    encoder: Path
    pooling: Pooling
    pooled: int
    dense: tuple[tuple[Path, dict[str, Any]], ...]
    normalize: bool
    max_length: int | None
    lower_case: bool
    files: tuple[Path, ...]

    def settings(self, hidden: int) -> TaskSettings:
        """Return what the head of an encoder of this width computes.

        Raises:
            CheckpointError: The widths of two parts differ.
        """
        if self.pooled != hidden:
            raise CheckpointError(
                f"{self.encoder}: the pooling takes rows of {self.pooled} numbers, but config.json has {hidden}"
            )
        width, layers = hidden, []
        for folder, config in self.dense:
            path = folder / "config.json"
            inputs = read_size(config, "in_features", 0, path)
            if inputs != width:
                raise CheckpointError(f"{path}: in_features is {inputs}, but the part before it gives {width} numbers")
            width = read_size(config, "out_features", 0, path)
            name = config.get("activation_function", "torch.nn.modules.activation.Tanh")
            if not isinstance(name, str) or name not in _ACTIVATIONS:
                raise CheckpointError(
                    f"{path}: activation_function is {name!r}; edgebert takes {', '.join(_ACTIVATIONS)}"
                )
            layers.append(DenseSetting(outputs=width, activation=_ACTIVATIONS[name]))
        return TaskSettings(pooling=self.pooling, normalize=self.normalize, dense=tuple(layers), width=width)

    def check_case(self, tokenizer: Tokenizer) -> None:
        """Return if the tokenizer lower-cases texts where that is asked for.

        Raises:
            CheckpointError: It does not.
        """
        if self.lower_case and not text_spec(tokenizer, max_length=2, lengths=(2,)).lower_case:
            raise CheckpointError(
                f"{self.encoder}: do_lower_case of sentence-transformers is true, but the tokenizer keeps capitals",
                hint="set do_lower_case in tokenizer_config.json, and lowercase in tokenizer.json, to true",
            )

    def tensors(self, settings: TaskSettings) -> Tensors:
        """Return the weights of the dense layers as ``dense.0.weight`` [outputs, inputs], ``dense.0.bias`` [outputs].

        Raises:
            CheckpointError: They cannot be read, or are not those that the configurations describe.
        """
        found: Tensors = {}
        inputs = self.pooled
        for index, ((folder, config), layer) in enumerate(zip(self.dense, settings.dense, strict=True)):
            tensors, has_bias = read_tensors(weight_files(folder)), config.get("bias", True)
            shapes: dict[str, tuple[int, ...]] = {"linear.weight": (layer.outputs, inputs)}
            check_shapes(tensors, shapes | ({"linear.bias": (layer.outputs,)} if has_bias else {}), folder)
            tensors.setdefault("linear.bias", np.zeros(layer.outputs, np.float32))
            found |= {name.replace("linear", f"dense.{index}", 1): tensor for name, tensor in tensors.items()}
            inputs = layer.outputs
        return found


def read_modules(folder: Path) -> SentenceModules | None:
    """Return the parts of a sentence-transformers folder; ``None`` for a folder of another kind.

    Raises:
        CheckpointError: A file cannot be read, a part is missing, or one is of a kind that edgebert does not compute.
    """
    path = folder / MODULES
    check_files(folder)
    if not path.is_file():
        return None
    if error := setfit(folder):
        raise error
    parts = _parts(read_json(path), path)
    files = [path]
    if (root := folder / _SENTENCES).is_file():
        _check_sentences(read_object(root), root)
        files.append(root)
    encoder = folder / parts[0][1]
    configs = []
    for index, (kind, name) in enumerate(parts):
        check_files(folder / name)
        candidates = [folder / name / file for file in (_ENCODERS if index == 0 else ("config.json",))]
        file = next((file for file in candidates if file.is_file()), None)
        if file is None and kind in ("Pooling", "Dense"):
            raise CheckpointError(f"{path}: names the folder {name!r}, but there is no {candidates[0]}")
        configs.append((folder / name, _checked(read_object(file), kind, file) if file else {}))
        files += [file] if file else []
    pooling, pooled = _pooling(*configs[1])
    dense = tuple(item for item, (kind, _) in zip(configs, parts, strict=True) if kind == "Dense")
    return SentenceModules(
        encoder=encoder,
        pooling=pooling,
        pooled=pooled,
        dense=dense,
        normalize=parts[-1][0] == "Normalize",
        max_length=_max_length(encoder, configs[0][1]),
        lower_case=configs[0][1].get("do_lower_case", False),
        files=(*files, *(file for layer, _ in dense for file in weight_files(layer))),
    )


def _parts(value: object, path: Path) -> list[tuple[str, str]]:
    """Return type and folder of each module."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise CheckpointError(f"{path}: not a list of modules, as sentence-transformers writes it")
    parts = []
    for index, item in enumerate(value):
        kind, name = item.get("type"), item.get("path")
        short = kind.rpartition(".")[2] if isinstance(kind, str) and kind.startswith("sentence_transformers.") else ""
        if short not in _TYPES or item.get("kwargs"):
            raise CheckpointError(
                f"{path}: module {index} is a {kind!r}; edgebert computes {', '.join(_TYPES)} of sentence_transformers"
            )
        if not isinstance(name, str) or not (_FOLDER.fullmatch(name) or (index == 0 and not name)):
            raise CheckpointError(f"{path}: the path of module {index} is {name!r}, not a folder beside the file")
        parts.append((short, name))
    if not _ORDER.fullmatch(order := ",".join(kind for kind, _ in parts)):
        raise CheckpointError(
            f"{path}: the modules are {order.replace(',', ', ') or 'none'}; edgebert takes Transformer, Pooling, any "
            "number of Dense, and Normalize at the end or not at all"
        )
    if len({name for _, name in parts}) < len(parts):
        raise CheckpointError(f"{path}: two modules have one folder")
    return parts


def _checked(config: dict[str, Any], kind: str, path: Path) -> dict[str, Any]:
    for key, values in _FIXED[kind].items():
        value = config.get(key, values[0])
        if not any(type(value) is type(accepted) and value == accepted for accepted in values):
            wanted = " or ".join(json.dumps(accepted) for accepted in values)
            raise CheckpointError(f"{path}: {key} is {json.dumps(value)}; edgebert takes {wanted}")
    return config


def _check_sentences(config: dict[str, Any], path: Path) -> None:
    _checked(config, _SENTENCES, path)
    prompts, default = config.get("prompts") or {}, config.get("default_prompt_name")
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise CheckpointError(f"{path}: prompts is {prompts!r}, not an object of texts")
    if default is not None and (not isinstance(default, str) or default not in prompts or prompts[default]):
        raise CheckpointError(
            f"{path}: default_prompt_name is {default!r}: a prompt that is put before every text; edgebert puts none",
            hint="set it to null if the app is to put the prompt before its texts itself",
        )
    if named := [repr(name) for name, text in prompts.items() if text]:
        note(f"{path}: the prompts {', '.join(named)} are put before a text by the app, not by the model")


def _pooling(folder: Path, config: dict[str, Any]) -> tuple[Pooling, int]:
    path = folder / "config.json"
    old = {key: config[key] for key in _OLD_POOLINGS if key in config}
    if bad := [key for key, value in old.items() if not isinstance(value, bool)]:
        raise CheckpointError(f"{path}: {bad[0]} is {old[bad[0]]!r}, not a boolean")
    modes = config.get("pooling_mode", [_OLD_POOLINGS[key] for key, value in old.items() if value] or ["mean"])
    modes = [modes] if isinstance(modes, str) else modes
    if not isinstance(modes, list) or len(modes) != 1 or not isinstance(modes[0], str) or modes[0] not in _POOLINGS:
        raise CheckpointError(f"{path}: the pooling is {modes!r}; edgebert takes {' or '.join(_POOLINGS)}")
    key = next((key for key in ("embedding_dimension", "word_embedding_dimension") if key in config), "")
    if not key:
        raise CheckpointError(f"{path}: there is no embedding_dimension")
    return _POOLINGS[modes[0]], read_size(config, key, 0, path)


def _max_length(encoder: Path, config: dict[str, Any]) -> int | None:
    """Return the longest input that sentence-transformers reads: the tokenizer's own limit where there is no other."""
    limit = config.get("max_seq_length")
    if limit is None:
        file = encoder / "tokenizer_config.json"
        found = read_object(file).get("model_max_length") if file.is_file() else None
        # Hugging Face writes a huge number where there is no limit.
        return int(found) if isinstance(found, int | float) and 2 <= found < 1e9 else None
    if type(limit) is not int or limit < 2:
        raise CheckpointError(f"{encoder}: max_seq_length is {limit!r}, not an integer of 2 or more")
    return limit


def write_modules(settings: TaskSettings, tensors: Tensors, folder: Path, *, hidden: int, max_length: int) -> None:
    """Write the files that ``read_modules`` reads, as all versions of sentence-transformers read them.

    Args:
        settings: What the head computes.
        tensors: Weights and biases of the dense layers, as ``SentenceModules.tensors`` names them.
        folder: Existing folder of the encoder.
        hidden: Width of the encoder.
        max_length: Longest input in tokens.
    """
    kinds = ["Transformer", "Pooling", *["Dense"] * len(settings.dense), *["Normalize"] * settings.normalize]
    places = [f"{index}_{kind}" if index else "" for index, kind in enumerate(kinds)]
    parts = [
        {"idx": index, "name": str(index), "path": place, "type": f"sentence_transformers.models.{kind}"}
        for index, (kind, place) in enumerate(zip(kinds, places, strict=True))
    ]
    _write(folder / MODULES, parts)
    _write(folder / _ENCODERS[0], {"max_seq_length": max_length, "do_lower_case": False})
    _write(folder / _SENTENCES, {"prompts": {}, "default_prompt_name": None, "similarity_fn_name": "cosine"})
    for place in places[1:]:
        (folder / place).mkdir()
    modes = {key: _POOLINGS.get(mode) == settings.pooling for key, mode in _OLD_POOLINGS.items()}
    _write(folder / places[1] / "config.json", {"word_embedding_dimension": hidden, **modes})
    functions = {value: name for name, value in _ACTIVATIONS.items()}
    for index, layer in enumerate(settings.dense):
        inner = folder / places[2 + index]
        sizes = {"in_features": hidden, "out_features": layer.outputs, "bias": True}
        _write(inner / "config.json", {**sizes, "activation_function": functions[layer.activation]})
        linear = {f"linear.{kind}": tensors[f"dense.{index}.{kind}"] for kind in ("weight", "bias")}
        write_tensors(linear, inner / "model.safetensors")
        hidden = layer.outputs
    if settings.normalize:
        _write(folder / places[-1] / "config.json", {})  # git and the Hub keep no folder without a file


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
