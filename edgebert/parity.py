"""Does a file, in a runtime, on this machine, give the answers of the model it came from?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.errors import CheckFailed, ParityError
from edgebert.examples import Outputs
from edgebert.golden import Golden, GoldenWindow, Tensor
from edgebert.manifest import Artifact, Verification
from edgebert.ondevice.session import cpu_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from edgebert.runtime import Runner

FLOAT_TOLERANCE, RELATIVE_TOLERANCE = 1e-4, 2e-5


def to_arrays(outputs: Mapping[str, Tensor]) -> Outputs:
    """Return outputs that JSON holds as arrays by name, float32."""
    return {name: np.array(tensor.values, dtype=np.float32).reshape(tensor.shape) for name, tensor in outputs.items()}


def to_tensors(outputs: Outputs) -> dict[str, Tensor]:
    """Return outputs as JSON holds them."""
    return {name: Tensor(shape=array.shape, values=tuple(array.ravel().tolist())) for name, array in outputs.items()}


def golden_outputs(golden: Golden) -> list[Outputs]:
    """Return the outputs of every golden input."""
    return [to_arrays(window.outputs) for window in golden.windows]


def values_of(outputs: Sequence[Outputs]) -> NDArray[np.float32]:
    """Return all numbers of some outputs, float32 [numbers]."""
    arrays = [array.ravel() for item in outputs for array in item.values()]
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.float32)


PARITY = (
    "the largest difference from the outputs of the PyTorch model on the golden inputs, and the tolerance. The "
    "tolerance of an int8 file is three times the change that rounding to 8 bits makes in a simulation, so it may be "
    "far above the difference"
)
"""What the two numbers of a parity check mean, for the reader of a table."""


def float_tolerance(outputs: Sequence[Outputs]) -> float:
    """Return the largest difference of a number that rounding in float32 explains.

    Measured is 7e-7 of the largest logit, whether that is 3 or 3,000.

    Args:
        outputs: Those of the golden inputs.
    """
    return max(FLOAT_TOLERANCE, RELATIVE_TOLERANCE * float(np.abs(values_of(outputs)).max(initial=0.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityResult:
    """How far the outputs of a file are from those of its model.

    Attributes:
        difference: Largest absolute difference of a number.
        worst: Index of the golden input it occurred on.
        problem: What is wrong, as in ``the output 'logits' is off by 0.5``; empty when it is the same model.
    """

    difference: float
    worst: int
    problem: str


def compare(found: Sequence[Outputs], golden: Sequence[Outputs], tolerance: float) -> ParityResult:
    """Return whether a file computes its model.

    Args:
        found: Outputs of the file for each golden input.
        golden: Outputs of the model for each golden input, one at least.
        tolerance: Largest absolute difference of a number that counts as the same model.
    """
    worst, difference, name = 0, -1.0, ""
    for index, (ours, theirs) in enumerate(zip(found, golden, strict=True)):
        if (shapes := _shapes(ours)) != (wanted := _shapes(theirs)):
            problem = f"the outputs have the shapes {shapes}, not {wanted}, on golden text {index + 1}"
            return ParityResult(difference=math.inf, worst=index, problem=problem)
        for output, expected in theirs.items():
            distance = float(np.abs(ours[output] - expected).max(initial=0.0))
            distance = math.inf if math.isnan(distance) else distance  # within no tolerance
            if distance > difference:
                worst, difference, name = index, distance, output
    problem = ""
    if difference > tolerance:
        problem = f"the output {name!r} is off by {difference:.4g} (allowed {tolerance:.4g}) on golden text {worst + 1}"
    elif is_constant(found, golden):
        problem = f"the outputs {_shown(found[0])} are the same for every golden text"
    return ParityResult(difference=difference, worst=worst, problem=problem)


def is_constant(found: Sequence[Outputs], golden: Sequence[Outputs]) -> bool:
    """Return whether a file answers every golden input alike, and its model does not.

    What a broken kernel does most often is to return zeros, and the tolerance of coarse weights may allow for that.
    A model that gives one answer to every input, up to rounding, has files that do the same.

    Args:
        found: Outputs of the file for each golden input.
        golden: Outputs of the model for each golden input.
    """
    return spread(found) == 0 and spread(golden) > float_tolerance(golden)


def spread(outputs: Sequence[Outputs]) -> float:
    """Return by how much a number differs between the golden inputs at most; of tokens, those that all inputs have.

    Outputs that are not alike, as in a damaged file, differ without bound.
    """
    widest = 0.0
    for arrays in _by_name(outputs):
        if (shortest := _shortest(arrays, len(outputs))) is None:
            return math.inf
        common = np.stack([array[:shortest] for array in arrays])
        widest = max(widest, float(np.ptp(common, axis=0).max(initial=0.0)))
    return widest


def token_spread(outputs: Sequence[Outputs]) -> float:
    """Return by how much a number differs between the golden inputs at most, or between the tokens of any of them.

    Where inputs have as many rows as tokens, the rows that all of them have are few, and of special tokens: what a
    model answers is in the others.
    """
    widest = spread(outputs)
    for arrays in _by_name(outputs):
        if (shortest := _shortest(arrays, len(outputs))) is not None and shortest < max(map(len, arrays)):
            widest = max(widest, float(np.ptp(np.concatenate(arrays), axis=0).max(initial=0.0)))
    return widest


def _by_name(outputs: Sequence[Outputs]) -> Iterator[list[NDArray[np.float32]]]:
    """Yield the arrays of each output."""
    for name in sorted({name for item in outputs for name in item}):
        yield [np.atleast_1d(item[name]) for item in outputs if name in item]


def _shortest(arrays: Sequence[NDArray[np.float32]], count: int) -> int | None:
    """Return the fewest rows of ``count`` arrays; ``None`` where there are fewer arrays, or rows are not alike."""
    return min(map(len, arrays)) if len(arrays) == count and len({array.shape[1:] for array in arrays}) == 1 else None


def warnings_of(golden: Golden, artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    """Return what the comparison of files with golden inputs cannot find out, a sentence each.

    Args:
        golden: The golden inputs that the files are compared with.
        artifacts: The files.
    """
    if len(golden.windows) < 2:
        return ()
    outputs = golden_outputs(golden)
    found, names = spread(outputs), " and ".join(outputs[0])
    if found <= float_tolerance(outputs):
        text = f"the model itself is collapsed: it gives every golden text the same {names}, within {found:.2g}"
        return (f"{text}; train it again",)
    found = token_spread(outputs)
    text = f"exceeds the spread {found:.3g} of the golden {names}: parity cannot tell the file from another model"
    return tuple(
        f"{item.file}: the tolerance {item.tolerance:.3g} {text}; measure its accuracy with edgebert evaluate"
        for item in artifacts
        if item.tolerance > found
    )


def check_parity(runner: Runner, golden: Golden, *, tolerance: float) -> Verification:
    """Run every golden input through a file and return what was found.

    Args:
        runner: The open file.
        golden: Inputs as ids, with the float32 outputs of the checkpoint.
        tolerance: Largest absolute difference of a number that counts as the same model.

    Raises:
        ParityError: A number differs by more, or every input gets the same answer; the message names file and output.
        CheckFailed: The runtime fails on an input, or the golden inputs cannot be used.
    """
    if not golden.windows:
        raise CheckFailed("golden.json: there are no texts to compare with")
    found = compare(
        [_answer(runner, window, number) for number, window in enumerate(golden.windows, start=1)],
        golden_outputs(golden),
        tolerance,
    )
    if found.problem:
        texts = [case.texts for case in golden.cases for _ in case.windows]
        where = "" if found.difference <= tolerance else f", {' | '.join(texts[found.worst])[:40]!r}"
        raise ParityError(
            f"{runner.file}: {runner.session.runtime} {runner.session.version} computes another model: "
            f"{found.problem}{where}",
            hint=_advice(runner),
        )
    return Verification(
        runtime=runner.session.runtime,
        version=runner.session.version,
        cpu=cpu_name(),
        texts=len(golden.cases),
        max_difference=found.difference,
    )


def _answer(runner: Runner, window: GoldenWindow, number: int) -> Outputs:
    tokens, longest = len(window.input_ids), runner.spec.max_length
    if not 0 < tokens <= longest or not all(0 <= token < 2**31 for token in window.input_ids):
        raise CheckFailed(f"golden.json: text {number} has {tokens} ids, not 1 to {longest} ids of a vocabulary")
    return runner.run(window.input_ids)


def _shapes(outputs: Outputs) -> dict[str, list[int]]:
    return {name: list(outputs[name].shape) for name in sorted(outputs)}


def _shown(outputs: Outputs) -> str:
    return ", ".join(f"{name} {array.ravel()[:5].tolist()}" for name, array in outputs.items())


def _advice(runner: Runner) -> str:
    if runner.session.runtime == "tflite-runtime" and runner.file == "int8.tflite":
        return "tflite-runtime returns zeros for per-channel int8: export with --recipe int8-legacy for it"
    return "do not ship this file in this runtime"
