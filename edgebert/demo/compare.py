"""The files of several bundles side by side: size, accuracy, and time for a text on this machine."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebert.bench.run.requests import abba
from edgebert.device.protocol import Request, Series
from edgebert.manifest import Artifact
from edgebert.progress import Progress, silent
from edgebert.runtime import default_runtime
from edgebert.text import open_encoder
from edgebert.workers.measure import measure

if TYPE_CHECKING:
    from edgebert.bundle import Bundle

TEXTS = 48
"""Texts that every file is timed on, each alone and at its own length."""

_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One file of a bundle.

    Attributes:
        bundle: Name of the bundle's folder.
        artifact: What its manifest says of the file.
        run_ns: Times of each text, one inference after another, in nanoseconds.
    """

    bundle: str
    artifact: Artifact
    run_ns: tuple[tuple[int, ...], ...]

    @property
    def text_ns(self) -> float:
        """Nanoseconds for a text on average: the mean over texts of the median over runs."""
        return statistics.fmean(statistics.median(runs) for runs in self.run_ns)


def compare_files(bundles: Sequence[Bundle], texts: Sequence[str], *, progress: Progress = silent) -> list[Compared]:
    """Time every shipped file, and the baselines of the first bundle, on the same texts, interleaved (ABBA).

    Args:
        bundles: Bundles of one baseline.
        texts: Texts; the first 48 are timed.
        progress: Told after every process.

    Raises:
        CheckFailed: A runtime fails on a file.
        EnvironmentProblem: A runtime is not installed, or a worker process does not run.
    """
    files: list[tuple[str, Artifact]] = []
    requests: list[Request] = []
    for index, bundle in enumerate(bundles):
        for artifact in (*(() if index else bundle.baseline), *bundle.shipped):
            rules = bundle.text_rules(artifact.role)
            encoder = open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)
            files.append((bundle.root.name, artifact))
            requests.append(
                Request(
                    file=str(bundle.path(artifact.file)),
                    runtime=default_runtime(artifact.format),
                    pad_id=rules.spec.pad_id,
                    series=tuple(Series(name="text", inputs=(encoder.encode(text),)) for text in texts[:TEXTS]),
                    warm_up=1,
                    runs=2,
                )
            )
    turns = abba(range(len(files)), _ROUNDS)
    trials = measure([requests[turn.entry] for turn in turns], progress=progress, stage="timing every file")
    times: list[list[list[int]]] = [[[] for _ in texts[:TEXTS]] for _ in files]
    for turn, trial in zip(turns, trials, strict=True):
        for row, series in zip(times[turn.entry], trial.series, strict=True):
            row += series.run_ns
    return [
        Compared(bundle=name, artifact=artifact, run_ns=tuple(map(tuple, runs)))
        for (name, artifact), runs in zip(files, times, strict=True)
    ]
