"""The model files of a bundle: each written from its model, described, and compared with it as soon as it exists."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.bundle import file_entry
from edgebert.convert.golden import parity_tolerance
from edgebert.convert.weights import Weights, extract_weights
from edgebert.golden import Golden
from edgebert.manifest import Artifact, Role, TextSpec
from edgebert.modelfile import describe
from edgebert.parity import check_parity, warnings_of
from edgebert.progress import warn
from edgebert.recipe import Precision, Target
from edgebert.runtime import default_runtime, open_runner

if TYPE_CHECKING:
    from edgebert.checkpoint import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What files are made from.

    Attributes:
        model: The model.
        spec: How its texts become ids.
        golden: Its golden texts.
    """

    model: Model
    spec: TextSpec
    golden: Golden


def write_artifacts(
    folder: Path, shipped: Source, baseline: Source, *, targets: tuple[Target, ...], start: Callable[[str], None]
) -> tuple[Artifact, ...]:
    """Write every target, and before those of a format the float baseline they are compared with.

    Args:
        folder: Folder of the bundle.
        shipped: What the targets are made from.
        baseline: What the baselines are made from: ``shipped`` itself, or the model it was cut from.
        targets: Files to ship.
        start: Told the name of each step before it is taken.

    Raises:
        ParityError: A file computes something else than its model.
        MissingExtraError: A converter or runtime is not installed.
    """
    work = folder / ".work"
    work.mkdir()
    (folder / "baseline").mkdir(exist_ok=True)
    sources: dict[Role, Source] = {"shipped": shipped, "baseline": baseline}
    weights = {role: extract_weights(source.model) for role, source in sources.items()}
    floats = dict.fromkeys(sources, folder / "baseline" / "float32.tflite")
    if baseline is not shipped:
        floats["shipped"] = work / "float32.tflite"
    artifacts = []
    tolerances: dict[tuple[Precision, bool], float] = {}
    for role, target in _with_baselines(targets):
        file, source = f"baseline/{target.file}" if role == "baseline" else target.file, sources[role]
        start(f"writing {file}")
        _write(weights[role], target, folder / file, lengths=source.spec.lengths, float_file=floats[role])
        key = (target.precision, source is shipped)
        if key not in tolerances:
            tolerances[key] = parity_tolerance(source.model, source.golden, target.precision)
        artifacts.append(_checked(folder, file, role, target, source, tolerances[key]))
    shutil.rmtree(work)
    found = [warnings_of(sources[role].golden, [item for item in artifacts if item.role == role]) for role in sources]
    for text in dict.fromkeys(itertools.chain(*found)):
        warn(text)
    return tuple(artifacts)


def _with_baselines(targets: tuple[Target, ...]) -> list[tuple[Role, Target]]:
    wanted: list[tuple[Role, Target]] = []
    for file_format in dict.fromkeys(target.format for target in targets):
        wanted.append(("baseline", Target(format=file_format, precision="float32")))
        wanted.extend(("shipped", target) for target in targets if target.format == file_format)
    return wanted


def _write(weights: Weights, target: Target, path: Path, *, lengths: tuple[int, ...], float_file: Path) -> None:
    """Write one file; ``float_file`` is where the float TFLite file of its model is, or is put when it is needed."""
    # The converters are imported when a format needs them: a machine may have the extra of one format only.
    if target.format == "onnx":
        from edgebert.convert.onnx import write_onnx

        write_onnx(weights, path, int8=target.precision == "int8")
        return
    from edgebert.convert.tflite import quantize_tflite, write_tflite

    if not float_file.exists():
        write_tflite(weights, float_file, lengths=lengths)
    if target.precision != "float32":
        quantize_tflite(float_file, path, per_tensor=target.precision == "int8-legacy")
    elif path != float_file:
        shutil.copyfile(float_file, path)


def _checked(folder: Path, file: str, role: Role, target: Target, source: Source, tolerance: float) -> Artifact:
    """Compare a file with its model and return what was found out about it."""
    task = source.model.checkpoint.task
    runner = open_runner(folder / file, runtime=default_runtime(target.format), spec=source.spec, task=task)
    verified = check_parity(runner, source.golden, tolerance=tolerance)
    found, entry = describe(folder / file), file_entry(folder, file)
    return Artifact(
        file=file,
        role=role,
        format=target.format,
        precision=target.precision,
        inputs=found.inputs,
        outputs=found.outputs,
        lengths=found.lengths,
        opset=found.opset,
        ir_version=found.ir_version,
        operators=found.operators,
        parts=found.parts,
        size_bytes=entry.size_bytes,
        sha256=entry.sha256,
        tolerance=tolerance,
        verified=(verified,),
        score=None,
    )
