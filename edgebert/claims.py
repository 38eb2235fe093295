"""What a manifest states, compared with the files: every field that can be derived from them is derived again.

``structure`` compares the manifest with itself; this is the other half. Nothing is run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgebert.architecture import Architecture
from edgebert.bundle import GOLDEN, MANIFEST, TOKENIZER, VOCABULARY, Bundle, TextRules
from edgebert.configuration import label_keys
from edgebert.errors import EdgebertError
from edgebert.heads import head_spec
from edgebert.jsonio import parse
from edgebert.manifest import Artifact, Role, TextSpec
from edgebert.modelfile import describe
from edgebert.modelfile.description import Description
from edgebert.parity import golden_outputs, values_of
from edgebert.tasks import task_head
from edgebert.text import app_tokenizer, read_tokenizer, read_vocabulary, text_spec
from edgebert.tokenizer_traits import difference

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
FLOAT_SHARE, INT8_SHARE = 0.001, 3.0
"""Largest tolerance of a float file, as a share of the largest golden output (1 at least), and of an int8 file, as a
share of the range of the golden outputs, or of the largest where that is more."""

_ALIKE = 1.01  # what rounding may add to a bound
_LOOSE = frozenset({".onnx", ".tflite", ".json", ".txt", ".data", ".bin", ".safetensors"})


def disagreements(bundle: Bundle, damaged: frozenset[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """Yield a file and what the manifest says otherwise, for each statement that the files contradict.

    Args:
        bundle: An opened bundle.
        damaged: Files that are missing or not what the manifest lists: nothing is derived from them.
    """
    for file, found in _each(bundle, damaged):
        try:
            yield from ((file, problem) for problem in found)
        except EdgebertError as error:
            yield file, error.message


def _each(bundle: Bundle, damaged: frozenset[str]) -> Iterator[tuple[str, Iterator[str]]]:
    yield MANIFEST, _files(bundle)
    manifest, shipped = bundle.manifest, bundle.text_rules("shipped")
    listed = {entry.file for entry in bundle.entries} - damaged
    if CONFIG in listed:
        yield CONFIG, _config(bundle)
    rules = {shipped: manifest.architecture}
    if manifest.original is not None and bundle.baseline:
        rules[bundle.text_rules("baseline")] = manifest.original.architecture
    for each, shape in rules.items():
        if {each.tokenizer, vocabulary_of(each)} <= listed:
            yield vocabulary_of(each), _tokenizer(bundle, each, shape)
        if each.golden in listed:
            yield each.golden, _golden(bundle, each)
    if TOKENIZER_CONFIG in listed:
        yield TOKENIZER_CONFIG, _tokenizer_config(bundle)
    for item in manifest.artifacts:
        if item.file in listed:
            yield item.file, _artifact(bundle, item)


def vocabulary_of(rules: TextRules) -> str:
    """Return the file beside a tokenizer that lists its tokens."""
    return rules.tokenizer.replace(TOKENIZER, VOCABULARY)


def _files(bundle: Bundle) -> Iterator[str]:
    """Files that readers of a bundle open must be listed, and none may lie in the folder unlisted."""
    listed = {entry.file for entry in bundle.entries}
    wanted = [CONFIG, GOLDEN, TOKENIZER, TOKENIZER_CONFIG, VOCABULARY]
    if bundle.baseline and bundle.manifest.original is not None:
        wanted += [f"baseline/{name}" for name in (GOLDEN, TOKENIZER, VOCABULARY)]
    for name in wanted:
        if name not in listed:
            yield f"files lists no {name}"
    for path in sorted(bundle.root.rglob("*")):
        name = path.relative_to(bundle.root).as_posix()
        if path.suffix in _LOOSE and name not in {*listed, MANIFEST} and path.is_file():
            yield f"does not list {name}, which is in the folder"


def _config(bundle: Bundle) -> Iterator[str]:
    plain = _object(bundle.path(CONFIG))
    labels = bundle.manifest.labels
    names = label_keys(labels, bundle.manifest.task)
    if plain.get("id2label") != names.get("id2label"):
        yield f"id2label is {plain.get('id2label')}, labels is {list(labels)}"
    if plain.get("label2id", {}) not in ({}, names.get("label2id", {})):
        yield f"label2id is {plain.get('label2id')}, labels is {list(labels)}"
    shape = bundle.manifest.architecture
    heads, neurons = list(shape.heads), list(shape.neurons)
    n_heads = shape.hidden // shape.head_dim
    stated = {
        "model_type": ("distilbert", plain.get("model_type")),
        "architecture.hidden": (shape.hidden, plain.get("dim")),
        "architecture.head_dim": (n_heads, plain.get("n_heads")),
        "architecture.heads": (heads, plain.get("heads_per_layer", [plain.get("n_heads")] * shape.layers)),
        "architecture.neurons": (neurons, plain.get("neurons_per_layer", [plain.get("hidden_dim")] * shape.layers)),
        "the number of layers": (shape.layers, plain.get("n_layers")),
        "architecture.vocabulary": (shape.vocabulary, plain.get("vocab_size")),
        "architecture.positions": (shape.positions, plain.get("max_position_embeddings")),
        "architecture.activation": (shape.activation, plain.get("activation")),
        "text.pad_id": (bundle.manifest.text.pad_id, plain.get("pad_token_id")),
    }
    for field, (expected, found) in stated.items():
        if found != expected:
            yield f"has {found!r} where the manifest means {expected!r} ({field})"


def _tokenizer_config(bundle: Bundle) -> Iterator[str]:
    plain, spec = _object(bundle.path(TOKENIZER_CONFIG)), bundle.manifest.text
    for key, expected in (("do_lower_case", spec.lower_case), ("model_max_length", spec.max_length)):
        if plain.get(key) != expected:
            yield f"{key} is {plain.get(key)!r}, the text spec of the manifest has {expected!r}"


def _tokenizer(bundle: Bundle, rules: TextRules, shape: Architecture) -> Iterator[str]:
    """Vocabulary, tokenizer and text spec must be one tokenizer: an app reads other files than Python does."""
    tokenizer, spec = read_tokenizer(bundle.path(rules.tokenizer)), rules.spec
    derived = text_spec(tokenizer, max_length=spec.max_length, lengths=spec.lengths, source=rules.tokenizer)
    for field in TextSpec.__dataclass_fields__:
        if (found := getattr(derived, field)) != (stated := getattr(spec, field)):
            yield f"{rules.tokenizer} has {found!r} where the manifest says {field} {stated!r}"
    vocabulary = read_vocabulary(bundle.path(vocabulary_of(rules)))
    if found := difference(tokenizer, app_tokenizer(vocabulary, spec)):
        yield f"{rules.tokenizer} is another tokenizer: {found}"
    if (tokens := tokenizer.get_vocab_size(with_added_tokens=True)) > shape.vocabulary:
        yield f"{tokens} tokens, but architecture.vocabulary is {shape.vocabulary}"


def _golden(bundle: Bundle, rules: TextRules) -> Iterator[str]:
    role: Role = "shipped" if rules == bundle.text_rules("shipped") else "baseline"
    golden, head = bundle.golden(role), task_head(bundle.manifest.task)
    if not golden.windows:
        yield "cases is empty, so nothing can be compared"
        return
    for window in golden.windows:
        expected = head.shapes(bundle.manifest.meaning, tokens=len(window.input_ids))
        found = {name: tensor.shape for name, tensor in window.outputs.items()}
        if found != expected:
            yield f"has outputs of the shapes {found}, the manifest means {expected}"
            return
    outputs = values_of(golden_outputs(golden))
    for item in bundle.manifest.artifacts:
        if bundle.text_rules(item.role) != rules:
            continue
        if (limit := largest_tolerance(item.precision, outputs)) < item.tolerance:
            yield f"the tolerance of {item.file} is {item.tolerance:.6g}; with these outputs it is at most {limit:.4g}"
        if not item.verified:
            yield f"{item.file} was verified in no runtime"
        for seen in item.verified:
            if seen.texts != len(golden.cases):
                yield f"{item.file} was verified with {seen.texts} texts, but there are {len(golden.cases)}"


def largest_tolerance(precision: str, outputs: np.ndarray[Any, Any]) -> float:
    """Return the largest tolerance that a file of some precision may state beside its golden outputs [numbers]."""
    largest = float(np.abs(outputs).max())
    rounding = FLOAT_SHARE * max(1.0, largest)
    if precision == "float32":
        return rounding
    # A collapsed model has outputs of no range, and 8 bits move them all the same.
    return _ALIKE * INT8_SHARE * max(float(np.ptp(outputs)), largest) + rounding


def _artifact(bundle: Bundle, item: Artifact) -> Iterator[str]:
    found = describe(bundle.path(item.file))
    if found.outside:
        yield f"its tensor {found.outside[0]!r} is stored in another file"
    for field in ("format", "precision", "inputs", "outputs", "lengths", "opset", "ir_version", "operators", "parts"):
        stated, seen = getattr(item, field), getattr(found, field)
        if stated != seen:
            yield f"{field} is {_shown(seen)} in the file, the manifest says {_shown(stated)}"
    original = bundle.manifest.original
    shape = bundle.manifest.architecture if item.role == "shipped" or original is None else original.architecture
    yield from _shape(found, shape)
    yield from _head(found, bundle, shape)


def _shape(found: Description, shape: Architecture) -> Iterator[str]:
    facts = found.facts
    expected = {
        "hidden": shape.hidden,
        "widths": tuple(heads * shape.head_dim for heads in shape.heads),
        "head_dim": shape.head_dim,
        "neurons": shape.neurons,
        "vocabulary": shape.vocabulary,
        "positions": shape.positions,
        "activation": shape.activation,
    }
    if facts.hidden is None:
        yield "holds no DistilBERT as edgebert writes it, so its architecture cannot be compared"
        return
    for field, stated in expected.items():
        seen = getattr(facts, field)
        if seen is not None and seen != stated:
            yield f"the model has {field} {_shown(seen)}, the architecture of the manifest means {_shown(stated)}"


def _head(found: Description, bundle: Bundle, shape: Architecture) -> Iterator[str]:
    manifest, facts = bundle.manifest, found.facts
    head = head_spec(manifest.task, manifest.settings)
    shapes = head.shapes(hidden=shape.hidden, labels=len(manifest.labels))
    expected = {
        "reads": head.reads,
        "dense": tuple(outputs for outputs, _ in shapes.values()),
        "dense_activations": tuple(layer.activation for layer in head.layers),
        "normalize": head.normalize,
    }
    for field, stated in expected.items():
        if (seen := getattr(facts, field)) is not None and seen != stated:
            yield f"the head has {field} {_shown(seen)}, task and settings of the manifest mean {_shown(stated)}"


def _object(path: Path) -> dict[str, Any]:
    plain = parse(path.read_text(encoding="utf-8", errors="replace"), source=path.name)
    return plain if isinstance(plain, dict) else {}


def _shown(value: object) -> str:
    text = repr(value) if not isinstance(value, float) or math.isfinite(value) else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
