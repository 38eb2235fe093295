"""Trials with given measurements, for what is computed from them."""

from __future__ import annotations

from typing import Literal

from hypothesis import strategies as st

from edgebert.manifest import Score
from edgebert.planning.values import Candidate, Measured


def make_trial(
    *,
    keep: float = 0.5,
    vocabulary: bool = False,
    precision: Literal["float32", "int8"] = "int8",
    distill: float = 0.0,
    size: int = 20_000_000,
    work: float = 0.5,
    drop: float = 0.5,
    margin: float = 1.0,
    speedup: float | None = None,
    noise: float = 1.0,
) -> Measured:
    """Return a trial whose accuracy is ``drop`` points below 90 %, with an interval of ``margin`` points on both sides.

    With ``speedup``, three processes took the original 1 ms, 3 ms and 2 ms, and the interval is as wide as ``noise``.
    """
    value = 0.9 - drop / 100
    timed = {}
    if speedup is not None:
        baseline = ((10**9,) * 3, (3 * 10**9, 10**9, 9 * 10**9), (2 * 10**9,))
        rows = zip(baseline, (1 / noise, 1.0, noise), strict=True)
        run_ns = tuple(tuple(round(ns * factor / speedup) for ns in row) for row, factor in rows)
        timed = {"baseline_ns": baseline, "run_ns": run_ns}
    return Measured(
        candidate=Candidate(keep=keep, vocabulary=vocabulary, precision=precision, distill=distill),
        size_bytes=size,
        work=work,
        score=Score(
            file="int8.onnx",
            runtime="onnxruntime",
            metric="accuracy",
            value=value,
            low=max(value - 0.02, 0.0),
            high=min(value + 0.02, 1.0),
            examples=872,
            baseline="the float original",
            difference=-drop / 100,
            difference_low=-(drop + margin) / 100,
            difference_high=-(drop - margin) / 100,
            agreement=0.97,
            flips=26,
            mcnemar_p=0.5,
        ),
        **timed,
    )


def few_trials(*, is_timed: bool = False) -> st.SearchStrategy[list[Measured]]:
    """Return up to eight trials with measurements so coarse that ties are common, each with a name of its own."""
    drawn = st.fixed_dictionaries(
        {
            "size": st.integers(1, 6).map(lambda count: count * 3_330_001),
            "work": st.sampled_from([0.2, 0.201, 0.35, 0.5, 1.0]),
            "drop": st.sampled_from([-0.5, 0.0, 0.115, 0.9999, 1.0, 2.294, 7.3]),
            "distill": st.sampled_from([0.0, 2.0]),
            "speedup": st.sampled_from([0.9, 1.0, 3.337, 8.0]) if is_timed else st.none(),
        }
    )
    rows = st.lists(drawn, min_size=1, max_size=8)
    return rows.map(lambda found: [make_trial(keep=(index + 1) / 10, **row) for index, row in enumerate(found)])
