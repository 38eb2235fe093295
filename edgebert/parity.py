"""Does a file, in a runtime, on this machine, give the answers of the model it came from?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebert.errors import CheckFailed, ParityError
from edgebert.manifest import Artifact, Golden, GoldenCase, Verification
from edgebert.ondevice.session import cpu_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgebert.runtime import Runner

FLOAT_TOLERANCE, RELATIVE_TOLERANCE = 1e-4, 2e-5


def float_tolerance(logits: NDArray[np.floating[Any]]) -> float:
    """Return the largest difference of a logit that rounding in float32 explains.

    Measured is 7e-7 of the largest logit, whether that is 3 or 3,000.

    Args:
        logits: Those of the golden texts, [texts, labels].
    """
    return max(FLOAT_TOLERANCE, RELATIVE_TOLERANCE * float(np.abs(logits).max(initial=0.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityResult:
    """How far the answers of a file are from those of its model.

    Attributes:
        difference: Largest absolute difference of a logit.
        worst: Index of the golden text it occurred on.
        problem: What is wrong with the output, as in ``is off by 0.5``; empty when it is the same model.
    """

    difference: float
    worst: int
    problem: str


def compare(answers: NDArray[np.floating[Any]], golden: NDArray[np.floating[Any]], tolerance: float) -> ParityResult:
    """Return whether a file computes its model.

    Args:
        answers: Logits of the file, [texts, labels].
        golden: Logits of the model, [texts, labels].
        tolerance: Largest absolute difference of a logit that counts as the same model.
    """
    differences = np.abs(answers - golden).max(axis=1).astype(np.float64)
    worst = int(differences.argmax())
    difference, problem = float(differences[worst]), ""
    if not difference <= tolerance:  # a NaN is within no tolerance
        problem = f"is off by {difference:.4g} (allowed {tolerance:.4g}) on golden text {worst + 1}"
    elif is_constant(answers, golden):
        problem = f"is {answers[0].tolist()} for every golden text"
    return ParityResult(difference=difference, worst=worst, problem=problem)


def is_constant(answers: NDArray[np.floating[Any]], expected: NDArray[np.floating[Any]]) -> bool:
    """Return whether a file answers every golden text alike, and its model does not.

    What a broken kernel does most often is to return zeros, and the tolerance of coarse weights may allow for that.
    A model that gives one answer to every text, up to rounding, has files that do the same.

    Args:
        answers: Logits of the file, [texts, labels].
        expected: Logits of the model, [texts, labels].
    """
    return spread(answers) == 0 and spread(expected) > float_tolerance(expected)


def spread(logits: NDArray[np.floating[Any]]) -> float:
    """Return by how much a logit differs between the golden texts at most; ``logits`` is [texts, labels]."""
    return float(np.ptp(logits, axis=0).max(initial=0.0)) if len(logits) else 0.0


def warnings_of(golden: Golden, artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    """Return what the comparison of files with golden texts cannot find out, a sentence each.

    Args:
        golden: The golden texts that the files are compared with.
        artifacts: The files.
    """
    if len(golden.cases) < 2:
        return ()
    logits = np.array([case.logits for case in golden.cases], dtype=np.float32)  # [texts, labels]
    found = spread(logits)
    if found <= float_tolerance(logits):
        text = f"the model itself is collapsed: it gives every golden text the same logits, within {found:.2g}"
        return (f"{text}; train it again",)
    text = f"exceeds the spread {found:.3g} of the golden logits: parity cannot tell the file from another model"
    return tuple(
        f"{item.file}: the tolerance {item.tolerance:.3g} {text}; measure its accuracy with edgebert evaluate"
        for item in artifacts
        if item.tolerance > found
    )


def check_parity(runner: Runner, golden: Golden, *, tolerance: float) -> Verification:
    """Run every golden text through a file and return what was found.

    Args:
        runner: The open file.
        golden: Texts as ids, with the float32 logits of the checkpoint.
        tolerance: Largest absolute difference of a logit that counts as the same model.

    Raises:
        ParityError: A logit differs by more, or every text gets the same answer; the message names file and output.
        CheckFailed: The runtime fails on a text, or the golden texts cannot be used.
    """
    if not golden.cases:
        raise CheckFailed("golden.json: there are no texts to compare with")
    answers = np.array([_answer(runner, case, number) for number, case in enumerate(golden.cases, start=1)])
    expected = np.array([case.logits for case in golden.cases], dtype=np.float32)  # [texts, labels]
    found = compare(answers, expected, tolerance)
    if found.problem:
        where = "" if found.difference <= tolerance else f", {golden.cases[found.worst].text[:40]!r}"
        raise ParityError(
            f"{runner.file}: {runner.session.runtime} {runner.session.version} computes another model: the output "
            f"'logits' {found.problem}{where}",
            hint=_advice(runner),
        )
    return Verification(
        runtime=runner.session.runtime,
        version=runner.session.version,
        cpu=cpu_name(),
        texts=len(golden.cases),
        max_difference=found.difference,
    )


def _answer(runner: Runner, case: GoldenCase, number: int) -> NDArray[np.float32]:
    tokens, longest = len(case.input_ids), runner.spec.max_length
    if not 0 < tokens <= longest or not all(0 <= token < 2**31 for token in case.input_ids):
        raise CheckFailed(f"golden.json: text {number} has {tokens} ids, not 1 to {longest} ids of a vocabulary")
    logits = runner.logits(case.input_ids)
    if logits.shape != (len(case.logits),):
        raise ParityError(
            f"{runner.file}: {runner.session.runtime} {runner.session.version} computes another model: the output "
            f"'logits' has the shape {list(logits.shape)}, golden text {number} has {len(case.logits)} logits",
            hint="do not ship this file",
        )
    return logits


def _advice(runner: Runner) -> str:
    if runner.session.runtime == "tflite-runtime" and runner.file == "int8.tflite":
        return "tflite-runtime returns zeros for per-channel int8: export with --recipe int8-legacy for it"
    return "do not ship this file in this runtime"
