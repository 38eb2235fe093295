"""The files of several bundles side by side: size, accuracy, and time for a text on this machine."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebert.batching import fitting_length, pad_batch
from edgebert.errors import CheckFailed
from edgebert.manifest import Artifact
from edgebert.ondevice.session import RuntimeFailure
from edgebert.ondevice.timing import time_runs
from edgebert.progress import Progress, silent
from edgebert.runtime import Runner, default_runtime, open_runner
from edgebert.text import open_encoder

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
    """Time every shipped file, and the baselines of the first bundle, on the same texts in turns.

    A slow spell of the machine hits all of them alike: they run every text one after the other, forwards in one round
    and backwards in the next.

    Args:
        bundles: Bundles of one baseline.
        texts: Texts; the first 48 are timed.
        progress: Told after every text.
    """
    entrants = []
    for index, bundle in enumerate(bundles):
        for artifact in (*(() if index else bundle.baseline), *bundle.shipped):
            rules = bundle.text_rules(artifact.role)
            runtime = default_runtime(artifact.format)
            runner = open_runner(bundle.path(artifact.file), runtime=runtime, spec=rules.spec)
            encoder = open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)
            entrants.append((bundle.root.name, artifact, runner, [encoder.encode(text) for text in texts[:TEXTS]]))
    times: list[list[list[int]]] = [[[] for _ in texts[:TEXTS]] for _ in entrants]
    for text in range(len(texts[:TEXTS])):
        for turn in range(_ROUNDS):
            order = range(len(entrants)) if turn % 2 == 0 else reversed(range(len(entrants)))
            for number in order:
                _, _, runner, ids = entrants[number]
                times[number][text] += _time(runner, ids[text])
        progress("timing every file", text + 1, len(texts[:TEXTS]))
    return [
        Compared(bundle=name, artifact=artifact, run_ns=tuple(map(tuple, runs)))
        for (name, artifact, _, _), runs in zip(entrants, times, strict=True)
    ]


def _time(runner: Runner, ids: tuple[int, ...]) -> list[int]:
    lengths = runner.session.lengths
    length = fitting_length(len(ids), lengths) if lengths else len(ids)
    input_ids, attention_mask = pad_batch([ids], runner.spec.pad_id, length=length)
    try:
        return time_runs(runner.session, input_ids, attention_mask, warm_up=1, runs=2)
    except RuntimeFailure as error:
        raise CheckFailed(f"{runner.file}: {runner.session.runtime} fails: {error}") from error
