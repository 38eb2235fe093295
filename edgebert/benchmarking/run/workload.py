"""What is run: the user's own texts at their own mix of lengths, the same ones for float and candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgebert.batching import fitting_length
from edgebert.benchmarking.report import TextFacts
from edgebert.benchmarking.schema import gold_hash
from edgebert.benchmarking.suite import Suite
from edgebert.bundle import GOLDEN, Bundle, TextRules, sha256_of
from edgebert.data import check_labels
from edgebert.device.protocol import Series
from edgebert.errors import UsageError
from edgebert.examples import Encoded, Example
from edgebert.golden import Golden
from edgebert.manifest import Artifact, TextSpec
from edgebert.ondevice.session import FORMATS, RUNTIMES
from edgebert.tasks import task_head
from edgebert.text import open_encoder

if TYPE_CHECKING:
    from edgebert.data import Dataset

EVERY_LENGTH = "all"
"""Name of the series that holds texts of all lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the files of one role are fed with.

    Attributes:
        tokenizer: Its file inside the bundle.
        spec: How its texts become ids.
        golden: Golden texts and their logits.
        series: Inputs to time.
        accuracy: Inputs of the accuracy run.
    """

    tokenizer: str
    spec: TextSpec
    golden: Golden
    series: tuple[Series, ...]
    accuracy: tuple[Encoded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Everything a benchmark runs, whatever the device.

    Attributes:
        texts: What a report says of the texts.
        timed: Texts of the series ``all``: the tokenizer is timed on them. None where an input is a pair.
        shipped: Inputs of the shipped files.
        baseline: Inputs of the float baseline: the same texts, in ids of its own tokenizer.
        examples: The examples of the accuracy run, with their right answers; empty without data.
    """

    texts: TextFacts
    timed: tuple[str, ...]
    shipped: Inputs
    baseline: Inputs
    examples: tuple[Example, ...]

    def inputs(self, artifact: Artifact) -> Inputs:
        """Return what a file is fed with."""
        return self.baseline if artifact.role == "baseline" else self.shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkPlan:
    """What every device of a benchmark does.

    Attributes:
        bundle: What is measured.
        workload: On which inputs.
        suite: How.
        files: Files asked for; empty for all that ship.
        runtimes: Runtimes asked for; empty for one for each format.
    """

    bundle: Bundle
    workload: Workload
    suite: Suite
    files: tuple[str, ...]
    runtimes: tuple[str, ...]


def make_workload(bundle: Bundle, data: Dataset | None, suite: Suite) -> Workload:
    """Return what to run: texts of ``data``, or the golden texts of the bundle where there is none.

    Args:
        bundle: The bundle.
        data: Examples with right answers, with the labels of the bundle.
        suite: How many of them.

    Raises:
        UsageError: The suite asks for accuracy, and there is no data.
        DataError: The data has other labels than the model.
        CheckpointError: A tokenizer of the bundle cannot be read.
    """
    if data is None and suite.accuracy != 0:
        raise UsageError("--eval-samples requires right answers", hint="give a data file with --eval FILE")
    if data is not None:
        check_labels(data, bundle.manifest.labels, bundle.manifest.task)
    golden = [Example(texts=case.texts) for case in bundle.golden().cases]
    examples = golden if data is None else data.examples
    head, rules = task_head(bundle.manifest.task), (bundle.text_rules("shipped"), bundle.text_rules("baseline"))

    def encoded(rules: TextRules) -> list[Encoded]:
        encoder = open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)
        return [head.windows(encoder, each, bundle.manifest.settings) for each in examples]

    ours = encoded(rules[0])
    groups = _groups([len(item.windows[0].ids) for item in ours], rules[0].spec.lengths, suite)
    chosen = _sample(len(examples), suite)
    shipped = baseline = _inputs(rules[0], bundle.golden(), groups, chosen, ours)
    if rules[1] != rules[0]:
        baseline = _inputs(rules[1], bundle.golden("baseline"), groups, chosen, encoded(rules[1]))
    if not suite.float_accuracy:
        baseline = replace(baseline, accuracy=())
    asked = () if data is None else tuple(data.examples[index] for index in chosen)
    return Workload(
        texts=TextFacts(
            name=GOLDEN if data is None else data.name,
            sha256=sha256_of(bundle.path(GOLDEN)) if data is None else data.sha256,
            texts=len(examples),
            truncated=sum(item.truncated for item in ours),
            mean_tokens=float(np.mean([item.tokens for item in ours])),
            gold_sha256=gold_hash([example.gold for example in asked]),
        ),
        # A tokenizer of a device is timed on single texts.
        timed=tuple(examples[index].texts[0] for index in groups[0][1]) if len(head.inputs) == 1 else (),
        shipped=shipped,
        baseline=baseline,
        examples=asked,
    )


def chosen_files(
    bundle: Bundle, files: Sequence[str] = (), runtimes: Sequence[str] = (), *, present: Sequence[str] | None = None
) -> tuple[tuple[Artifact, str], ...]:
    """Return which file to run in which runtime: in each runtime the float baseline first, then what ships.

    Files are compared within one runtime only, so that a ratio says what the file gains and not what the runtime does.

    Args:
        bundle: The bundle.
        files: Files to measure against their baseline; empty for all that ship.
        runtimes: Runtimes to measure in; empty for one for each format.
        present: Runtimes of the device; ``None`` while they are not known, which takes each for present.

    Raises:
        UsageError: A file or runtime is unknown, or a named runtime runs none of the files.
    """
    wanted = [bundle.artifact(file) for file in dict.fromkeys(files)] or list(bundle.shipped)
    formats = {item.format for item in wanted}
    for name in runtimes:
        if name not in FORMATS:
            raise UsageError(f"unknown runtime {name!r}", hint=f"known: {', '.join(RUNTIMES)}")
        if FORMATS[name] not in formats:
            raise UsageError(f"{bundle.root}: {name} runs none of {', '.join(item.file for item in wanted)}")
    here = [name for name in RUNTIMES if present is None or name in present]
    if runtimes:
        names = [name for name in dict.fromkeys(runtimes) if name in here]
    else:
        firsts = {FORMATS[name]: name for name in reversed(here)}
        names = [name for name in here if firsts[FORMATS[name]] == name]
    return tuple(
        (item, name)
        for name in names
        for item in (
            *(item for item in bundle.baseline if item.format == FORMATS[name] and item.format in formats),
            *(item for item in wanted if item.format == FORMATS[name] and item.role == "shipped"),
        )
    )


def evenly_spread(lengths: Sequence[int], count: int, *, seed: int = 0) -> tuple[int, ...]:
    """Return indices of at most ``count`` texts whose lengths are distributed as all of them are.

    They are taken at even ranks of the sorted lengths, and ordered so that each beginning of the sample is spread as
    evenly as it can be, the first alone being near the median: a trial whose runs are no multiple of the texts has
    nearly the same mix.

    Args:
        lengths: Tokens of each text.
        count: Texts to choose, at most.
        seed: Chooses among texts of equal length.
    """
    size = len(lengths)
    shuffled = np.random.default_rng(seed).permutation(size)
    ranked = sorted(range(size), key=lambda index: (lengths[index], shuffled[index]))
    taken = min(count, size)
    middles = [ranked[(2 * place + 1) * size // (2 * taken)] for place in range(taken)]
    return tuple(middles[place] for place in _scattered(taken))


def _scattered(size: int) -> list[int]:
    """Return 0 to ``size`` - 1 in the order of van der Corput's sequence: the middle, the quarters, the eighths."""
    bits = (size - 1).bit_length()
    halves = (int(format(number, "b").zfill(bits)[::-1], 2) for number in (*range(1, 1 << bits), 0))
    return list(dict.fromkeys(half * size >> bits for half in halves))


def _groups(lengths: Sequence[int], classes: Sequence[int], suite: Suite) -> list[tuple[str, tuple[int, ...]]]:
    """Return name and text indices of each series: all lengths first, then every class that has texts."""
    groups = [(EVERY_LENGTH, evenly_spread(lengths, suite.series_texts, seed=suite.seed))]
    for length in classes:
        members = [
            index
            for index, tokens in enumerate(lengths)
            if tokens <= classes[-1] and fitting_length(tokens, classes) == length
        ]
        if members:
            spread = evenly_spread([lengths[index] for index in members], suite.series_texts, seed=suite.seed)
            groups.append((str(length), tuple(members[place] for place in spread)))
    return groups


def _sample(size: int, suite: Suite) -> tuple[int, ...]:
    """Return the texts of the accuracy run in file order; a larger sample of one seed holds the smaller ones."""
    count = size if suite.accuracy is None else min(suite.accuracy, size)
    return tuple(sorted(int(index) for index in np.random.default_rng(suite.seed).permutation(size)[:count]))


def _inputs(
    rules: TextRules,
    golden: Golden,
    groups: Sequence[tuple[str, tuple[int, ...]]],
    chosen: Sequence[int],
    encoded: Sequence[Encoded],
) -> Inputs:
    return Inputs(
        tokenizer=rules.tokenizer,
        spec=rules.spec,
        golden=golden,
        # An inference is one of one window: of a longer text the first is timed.
        series=tuple(
            Series(name=name, inputs=tuple(encoded[index].windows[0].ids for index in members))
            for name, members in groups
        ),
        accuracy=tuple(encoded[index] for index in chosen),
    )
