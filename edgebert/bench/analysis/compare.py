"""Two reports side by side: faster, slower, no significant change or too noisy, row by row.

Only runs made under equal conditions are compared; what differs is refused by name, unless it is knowingly allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from edgebert.bench.analysis.conditions import CONDITIONS, unequal_conditions
from edgebert.bench.analysis.grouping import grouped, known_file, times_of
from edgebert.bench.analysis.stats import Estimate, Verdict, change, quantiles, verdict
from edgebert.bench.report import Measurement, Report
from edgebert.errors import UsageError
from edgebert.manifest import Role
from edgebert.metrics import paired_score


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row that both reports have.

    Attributes:
        device: Name of the device.
        file: File inside both bundles.
        role: What it is.
        runtime: Runtime.
        threads: Threads one inference could use.
        series: Name of the series.
        old_p50_ns: Median time of the old report, nanoseconds.
        new_p50_ns: That of the new one.
        ratio: Times as fast as before; its interval holds together with those of all other rows.
        verdict: What the ratio says.
        is_same_file: Whether the file is the very same in both: a change is then one of the device.
    """

    device: str
    file: str
    role: Role
    runtime: str
    threads: int
    series: str
    old_p50_ns: float
    new_p50_ns: float
    ratio: Estimate
    verdict: Verdict
    is_same_file: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file of both bundles: sizes in bytes, and what its answers on a device did.

    Attributes:
        file: File inside both bundles.
        device: Device that the answers are of; ``None`` where no device answered the same texts in both reports.
        old_bytes: Size in the old bundle.
        new_bytes: Size in the new one.
        accuracy: New minus old accuracy on the same texts, with its 95 % interval; ``None`` without labels.
        agreement: Share of the texts, 0 to 1, that keep their label; ``None`` without answers.
        examples: Number of those texts.
    """

    file: str
    device: str | None
    old_bytes: int
    new_bytes: int
    accuracy: Estimate | None
    agreement: float | None
    examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from one report to another.

    Attributes:
        rows: Times, where both reports have them.
        files: Sizes and answers.
        allowed: Conditions that differ and were knowingly accepted, one sentence each.
        warnings: What speaks against the comparison.
        level: Confidence level of each row's interval: 95 % for all of them together.
    """

    rows: tuple[Change, ...]
    files: tuple[FileChange, ...]
    allowed: tuple[str, ...]
    warnings: tuple[str, ...]
    level: float


def compare(old: Report, new: Report, *, allow: frozenset[str] = frozenset()) -> Comparison:
    """Return what changed between two reports.

    The runs are independent, so the intervals are unpaired (``stats.change``), and as much wider as it takes that all
    of them hold together at 95 % (Bonferroni): a comparison of many rows raises no more false alarms than one of few.

    Args:
        old: The report to compare with.
        new: The report to judge.
        allow: Names of ``conditions.CONDITIONS`` that may differ.

    Raises:
        UsageError: Conditions differ that are not allowed (all of them are named), a name in ``allow`` is unknown, or
            the reports have nothing in common.
    """
    if unknown := sorted(allow - set(CONDITIONS)):
        raise UsageError(f"unknown condition {unknown[0]!r}", hint=f"known: {', '.join(CONDITIONS)}")
    pairs = _matched(old, new, allow)
    differing = unequal_conditions(old, new, pairs)
    refused = [f"{name}: {text}" for name, text in differing if name not in allow]
    if refused:
        names = sorted({name for name, _ in differing if name not in allow and name in CONDITIONS})
        hint = "measure both under the same conditions"
        if names:
            hint += f", or accept the difference knowingly with {' '.join(f'--allow {name}' for name in names)}"
        raise UsageError(f"the two reports were not made under equal conditions: {'; '.join(refused)}", hint=hint)
    matched = list(_samples(old, new, pairs))
    level = 1 - 0.05 / max(len(matched), 1)
    rows = tuple(_change(old, new, item, level) for item in matched)
    files = tuple(_file_changes(old, new, pairs))
    if not rows and not files:
        raise UsageError(
            "the two reports have no file in common", hint="compare reports of bundles of the same formats"
        )
    return Comparison(
        rows=rows,
        files=files,
        allowed=tuple(f"{name}: {text}" for name, text in differing),
        warnings=tuple(_warnings(rows)),
        level=level,
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    device: str
    file: str
    runtime: str
    threads: int
    series: str
    before: tuple[tuple[int, ...], ...]
    after: tuple[tuple[int, ...], ...]


def _matched(old: Report, new: Report, allow: frozenset[str]) -> list[tuple[Measurement, Measurement]]:
    """Return the measurements of the same device; another device is accepted only where there is one on each side."""
    named = {item.device.name: item for item in old.measurements}
    pairs = [(named[item.device.name], item) for item in new.measurements if item.device.name in named]
    if not pairs and len(old.measurements) == len(new.measurements) == 1:
        return [(old.measurements[0], new.measurements[0])]
    if not pairs and "device" in allow:
        raise UsageError("the two reports have no device in common", hint="compare reports of one device each")
    return pairs


def _samples(old: Report, new: Report, pairs: list[tuple[Measurement, Measurement]]) -> Iterator[_Sample]:
    for before, after in pairs:
        if before.device.is_emulated or after.device.is_emulated:
            continue
        olds, news = grouped(before), grouped(after)
        for key, trials in news.items():
            if key not in olds or known_file(old, key[0]) is None or known_file(new, key[0]) is None:
                continue
            names = dict.fromkeys(item.name for trial in trials.values() for item in trial.series)
            for name in names:
                first, second = times_of(olds[key], name), times_of(trials, name)
                if first and second:
                    yield _Sample(
                        after.device.name,
                        *key,
                        name,
                        tuple(item.run_ns for item in first.values()),
                        tuple(item.run_ns for item in second.values()),
                    )


def _change(old: Report, new: Report, item: _Sample, level: float) -> Change:
    known, former = known_file(new, item.file), known_file(old, item.file)
    assert known is not None
    assert former is not None
    found = change(item.before, item.after, level=level)
    return Change(
        device=item.device,
        file=item.file,
        role=known.role,
        runtime=item.runtime,
        threads=item.threads,
        series=item.series,
        old_p50_ns=quantiles(item.before).p50.value,
        new_p50_ns=quantiles(item.after).p50.value,
        ratio=found,
        verdict=verdict(found),
        is_same_file=known.sha256 == former.sha256,
    )


def _file_changes(old: Report, new: Report, pairs: list[tuple[Measurement, Measurement]]) -> Iterator[FileChange]:
    for known in new.bundle.files:
        former = known_file(old, known.file)
        if former is None:
            continue
        sizes = FileChange(
            file=known.file,
            device=None,
            old_bytes=former.size_bytes,
            new_bytes=known.size_bytes,
            accuracy=None,
            agreement=None,
            examples=0,
        )
        # Answers to other texts say nothing about each other, even where the difference is allowed for the times.
        is_same = old.texts.sha256 == new.texts.sha256 and old.bundle.labels == new.bundle.labels
        answered = list(_answer_changes(sizes, old, new, pairs)) if is_same else []
        yield from answered or [sizes]


def _answer_changes(
    sizes: FileChange, old: Report, new: Report, pairs: list[tuple[Measurement, Measurement]]
) -> Iterator[FileChange]:
    has_labels = old.texts.labels == new.texts.labels
    for before, after in pairs:
        former = {item.runtime: item.predicted for item in before.answers if item.file == sizes.file}
        for item in after.answers:
            first = former.get(item.runtime, ())
            if item.file == sizes.file and first and len(first) == len(item.predicted):
                yield replace(
                    sizes,
                    device=after.device.name,
                    accuracy=_accuracy(new, item.file, item.runtime, first, item.predicted) if has_labels else None,
                    agreement=float(np.mean(np.equal(first, item.predicted))),
                    examples=len(first),
                )


def _accuracy(
    report: Report, file: str, runtime: str, before: tuple[int, ...], after: tuple[int, ...]
) -> Estimate | None:
    if len(report.texts.labels) != len(after):
        return None
    score = paired_score(
        file=file,
        runtime=runtime,
        metric="accuracy",
        expected=np.array(report.texts.labels, dtype=np.int64),
        predicted=np.array(after, dtype=np.int64),
        labels=len(report.bundle.labels),
        baseline_file=file,
        baseline_predicted=np.array(before, dtype=np.int64),
    )
    assert score.difference is not None
    return Estimate(value=score.difference, low=score.difference_low, high=score.difference_high)


def _warnings(rows: tuple[Change, ...]) -> Iterator[str]:
    for row in rows:
        if row.is_same_file and row.verdict in {"faster", "slower"}:
            yield (
                f"{row.device}: {row.file} is the same file in both and yet {row.verdict} "
                f"({row.ratio.value:.2f} times as fast): the device changed between the runs"
            )
