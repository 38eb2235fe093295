"""What a manifest says must agree with itself: found when a bundle is opened, before any of its files is read."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from edgebert.architecture import PRUNING_SCHEMA, Architecture
from edgebert.manifest import Artifact, FileEntry, Manifest, Score, TextSpec
from edgebert.meaning import Task, TaskSettings
from edgebert.metrics import METRICS
from edgebert.ondevice.session import FORMATS
from edgebert.tasks import task_head

INPUTS = ("input_ids", "attention_mask")
_SETTINGS: dict[Task, tuple[str, ...]] = {
    "multi-label-classification": ("thresholds",),
    "token-classification": ("aggregation",),
    "question-answering": ("stride", "no_answer"),
    "feature-extraction": ("pooling", "normalize", "dense", "width"),
}
"""Fields of the settings that a task has."""

_HASH = re.compile(r"[0-9a-f]{64}")
_CLOSE = 1e-9


def contradictions(manifest: Manifest) -> Iterator[str]:
    """Yield each statement that cannot be true beside the others: the field, its value, what is expected."""
    yield from _lists(manifest)
    yield from _settings(manifest)
    for path, value in _hashes(manifest, ""):
        if not _HASH.fullmatch(value):
            yield f"{path} is {value[:70]!r}, expected 64 lower-case hexadecimal digits"
    yield from _architecture(manifest.architecture, "architecture")
    yield from _text(manifest.text, manifest.architecture, "text")
    if manifest.recipe.lengths != manifest.text.lengths:
        yield f"recipe.lengths is {list(manifest.recipe.lengths)}, text.lengths {list(manifest.text.lengths)}"
    if (original := manifest.original) is not None:
        yield from _architecture(original.architecture, "original.architecture")
        yield from _text(original.text, original.architecture, "original.text")
    if (cut := manifest.pruning) is not None:
        kept = [layer for layer in range(cut.original.layers) if layer in cut.layers]
        if list(cut.layers) != kept or len(kept) != manifest.architecture.layers:
            layers = f"{manifest.architecture.layers} ascending layers of {cut.original.layers}"
            yield f"pruning.layers is {list(cut.layers)}, expected {layers}"
        if not 1 <= cut.schema <= PRUNING_SCHEMA:
            yield f"pruning.schema is {cut.schema}, expected 1 to {PRUNING_SCHEMA}"
        same = original if original is not None and original.checkpoint_sha256 == cut.original_sha256 else None
        if same is not None and same.architecture != cut.original:
            yield "pruning.original is another shape than original.architecture, of the same checkpoint"
    for index, item in enumerate(manifest.artifacts):
        yield from _artifact(item, manifest, f"artifacts[{index}]")
        yield from _score(item, manifest, f"artifacts[{index}].score")
    if (data := manifest.evaluation) is not None and not 0 <= data.truncated <= data.examples:
        yield f"evaluation.truncated is {data.truncated}, expected 0 to {data.examples}"


def _lists(manifest: Manifest) -> Iterator[str]:
    has_labels = any("labels" in dims for dims in task_head(manifest.task).outputs.values())
    if bool(manifest.labels) != has_labels or len(set(manifest.labels)) != len(manifest.labels):
        expected = "different names" if has_labels else f"none, as {manifest.task} has none"
        yield f"labels is {list(manifest.labels)}, expected {expected}"
    entries: tuple[Artifact | FileEntry, ...] = (*manifest.artifacts, *manifest.files, *manifest.left_out)
    for item in manifest.left_out:
        if not item.file.startswith("baseline/"):
            yield f"left_out lists {item.file!r}, expected files of baseline/"
    names = Counter(item.file for item in entries)
    if doubled := [name for name, count in names.items() if count > 1]:
        yield f"{doubled[0]!r} is listed {names[doubled[0]]} times"
    shipped = [item for item in manifest.artifacts if item.role == "shipped"]
    if not shipped:
        yield "artifacts lists no model file that ships"
    made = sorted((item.format, item.precision) for item in shipped)
    asked = sorted((item.format, item.precision) for item in manifest.recipe.targets)
    if made != asked:
        yield f"recipe.targets is {_names(asked)}, but the files that ship are {_names(made)}"


def _settings(manifest: Manifest) -> Iterator[str]:
    settings, labels = manifest.settings, len(manifest.labels)
    for field in dataclasses.fields(TaskSettings):
        value = getattr(settings, field.name)
        if field.name not in _SETTINGS.get(manifest.task, ()):
            if value != field.default:
                yield f"settings.{field.name} is {value!r}, expected {field.default!r} for {manifest.task}"
        elif value is None and field.name != "stride":  # which then follows from the longest input
            yield f"settings.{field.name} is null, expected a value for {manifest.task}"
    if manifest.task == "multi-label-classification" and len(settings.thresholds) != labels:
        yield f"settings.thresholds has {len(settings.thresholds)} entries, expected one for each of {labels} labels"
    if settings.stride is not None and settings.stride >= manifest.text.max_length:
        yield f"settings.stride is {settings.stride}, expected less than {manifest.text.max_length}, the longest input"
    width = settings.dense[-1].outputs if settings.dense else manifest.architecture.hidden
    if settings.width is not None and settings.width != width:
        yield f"settings.width is {settings.width}, expected {width}, the width of the last layer"


def _names(targets: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{precision}.{kind}" for kind, precision in targets) or "empty"


def _hashes(value: object, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _hashes(item, f"{path}[{index}]")
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            inner, where = getattr(value, field.name), f"{path}.{field.name}".removeprefix(".")
            if field.name.endswith("sha256"):
                yield where, inner
            yield from _hashes(inner, where)


def _architecture(shape: Architecture, path: str) -> Iterator[str]:
    sizes = (shape.hidden, shape.head_dim, shape.vocabulary, shape.positions, *shape.heads, *shape.neurons)
    if min(sizes) < 1 or not shape.heads or len(shape.heads) != len(shape.neurons):
        yield f"{path} has no width above 0 for each of its layers"


def _text(spec: TextSpec, shape: Architecture, path: str) -> Iterator[str]:
    ids = (spec.pad_id, spec.cls_id, spec.sep_id, spec.unk_id)
    if len(set(ids)) != len(ids) or not all(0 <= number < shape.vocabulary for number in ids):
        yield f"{path} has the special ids {list(ids)}, expected four different ones below {shape.vocabulary}"
    if not spec.lengths or list(spec.lengths) != sorted(set(spec.lengths)) or spec.lengths[0] < 2:
        yield f"{path}.lengths is {list(spec.lengths)}, expected ascending lengths from 2 on"
    elif spec.max_length != spec.lengths[-1] or spec.max_length > shape.positions:
        longest = min(spec.lengths[-1], shape.positions)
        yield f"{path}.max_length is {spec.max_length}, expected {longest}, the longest of lengths and positions"


def _artifact(item: Artifact, manifest: Manifest, path: str) -> Iterator[str]:
    folder = "baseline/" if item.role == "baseline" else ""
    if item.file != f"{folder}{item.precision}.{item.format}":
        yield f"{path} is a {item.precision} {item.format} file with the role {item.role}, but is called {item.file!r}"
    if item.role == "baseline" and item.precision != "float32":
        yield f"{path}.precision is {item.precision}, expected float32 for a baseline"
    original = manifest.original
    spec = manifest.text if item.role == "shipped" or original is None else original.text
    onnx, outputs = item.format == "onnx", task_head(manifest.task).outputs
    width = manifest.settings.width or 0
    sizes: dict[str, int | str] = {"labels": len(manifest.labels), "tokens": "length", "width": width, "one": 1}
    lengths, dtype, batch = ((), "int64", "batch") if onnx else (spec.lengths, "int32", 1)
    if item.lengths != lengths:
        yield f"{path}.lengths is {list(item.lengths)}, expected {list(lengths)}"
    if (item.opset is not None, item.ir_version is not None) != (onnx, onnx):
        yield f"{path} has opset {item.opset} and ir_version {item.ir_version}, which fits no {item.format} file"
    # A runtime gives outputs by name, and a converter sorts them: their order means nothing.
    written = sorted(item.outputs, key=lambda tensor: [*outputs, tensor.name].index(tensor.name))
    found = tuple((tensor.name, tensor.dtype, tensor.shape) for tensor in (*item.inputs, *written))
    expected = (
        *((name, dtype, (batch, "length")) for name in INPUTS),
        *((name, "float32", (batch, *(sizes[dim] for dim in dims))) for name, dims in outputs.items()),
    )
    if found != expected:
        yield f"{path} has the inputs and outputs {list(found)}, expected {list(expected)}"
    if not 0 < item.tolerance < math.inf:
        yield f"{path}.tolerance is {item.tolerance}, expected a number above 0"
    if len({(seen.runtime, seen.version, seen.cpu) for seen in item.verified}) != len(item.verified):
        yield f"{path}.verified lists a runtime twice"
    for seen in item.verified:
        if FORMATS.get(seen.runtime) != item.format:
            yield f"{path}.verified has the runtime {seen.runtime!r}, which runs no {item.format} file"
        if not 0 <= seen.max_difference <= item.tolerance:
            yield f"{path}.verified has max_difference {seen.max_difference}, expected 0 to {item.tolerance}"


def _score(item: Artifact, manifest: Manifest, path: str) -> Iterator[str]:
    score, data = item.score, manifest.evaluation
    if (score is None) != (data is None):
        yield f"{path} and evaluation do not go together: one of them is null"
    if score is None or data is None:
        return
    if score.file != item.file or FORMATS.get(score.runtime) != item.format:
        yield f"{path} is of {score.file!r} in {score.runtime!r}, expected {item.file!r} in a runtime that runs it"
    known = task_head(manifest.task).metrics
    if score.metric not in known:
        yield f"{path}.metric is {score.metric!r}, expected {' or '.join(known)}"
    if score.examples != data.examples or score.examples < 1:
        yield f"{path}.examples is {score.examples}, expected {data.examples}, those of the evaluation data"
        return
    if score.metric not in METRICS:
        return
    metric = METRICS[score.metric]
    if not metric.low <= score.low <= score.value <= score.high <= metric.high:
        span = f"{metric.low:g} to {metric.high:g}" if metric.high < math.inf else f"{metric.low:g} or more"
        yield f"{path} is {score.value} in {score.low} to {score.high}, expected {span} and the value in its interval"
    right = score.value * score.examples
    if metric.is_share and abs(right - round(right)) > _CLOSE * score.examples:
        yield f"{path}.value is {score.value}, which is no number of right answers among {score.examples}"
    yield from _paired(score, item, manifest, path)


def _paired(score: Score, item: Artifact, manifest: Manifest, path: str) -> Iterator[str]:
    expected = None if item.role == "baseline" else f"baseline/float32.{item.format}"
    known = {None, *(each.file for each in manifest.artifacts), *(each.file for each in manifest.left_out)}
    if score.baseline != expected or score.baseline not in known:
        yield f"{path}.baseline is {score.baseline!r}, expected {expected!r}"
        return
    change, low, high = score.difference, score.difference_low, score.difference_high
    numbers = (change, low, high, score.agreement, score.flips)
    unpaired = expected is None and score.mcnemar_p is not None
    if unpaired or any((number is None) != (expected is None) for number in numbers):
        yield f"{path} is compared with {expected!r}, which its difference, agreement and flips do not fit"
    if change is None or low is None or high is None or score.agreement is None or score.flips is None:
        return
    most = METRICS[score.metric].most_change
    if not -most <= low <= change <= high <= most:
        span = f"{-most:g} to {most:g}" if most < math.inf else "a number"
        yield f"{path}.difference is {change} in {low} to {high}, expected {span} and the value in its interval"
    if not 0 <= score.flips <= score.examples or abs(score.agreement - 1 + score.flips / score.examples) > _CLOSE:
        yield f"{path} has {score.flips} flips of {score.examples} texts, but agreement {score.agreement}"
    if score.mcnemar_p is not None and not 0 <= score.mcnemar_p <= 1:
        yield f"{path}.mcnemar_p is {score.mcnemar_p}, expected 0 to 1"
    other = next((each.score for each in manifest.artifacts if each.file == expected), None)
    if other is not None and abs(score.value - other.value - change) > _CLOSE * max(1.0, abs(score.value)):
        yield f"{path}.difference is {change}, but {score.value} minus {other.value} of {expected} is not"
