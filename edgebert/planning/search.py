"""The search: every share of the work, with all tokens or those of the texts only, in float32 and int8, measured."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.arguments import PLACE, expect, path_of
from edgebert.checkpoint import Model, load_model, save_model
from edgebert.data import Dataset, TrainingTexts, check_labels, read_dataset, read_training
from edgebert.errors import CheckpointError
from edgebert.examples import Example
from edgebert.jsonio import dumps
from edgebert.metrics import check_drop
from edgebert.ondevice.session import cpu_name
from edgebert.planning.files import Baseline, answers_of, lengths_of, measured, open_file, timed_texts
from edgebert.planning.front import choose, losses, next_recovery, pareto_front, relaxations
from edgebert.planning.picture import draw_plan
from edgebert.planning.state import (
    FILES,
    ORIGINAL_FILES,
    PICK,
    PLOT,
    WORK,
    SearchKey,
    State,
    add_trial,
    clear,
    open_state,
    prune_options,
    recipe_toml,
    told_what_is_kept,
    writable,
    write_text,
)
from edgebert.planning.values import ORIGINAL, Bounds, Candidate, Measured, PlanOptions, SearchResult
from edgebert.progress import Progress, silent
from edgebert.pruning.prune import prune_model, score
from edgebert.pruning.tokens import kept_tokens
from edgebert.pruning.vocabulary import cut_vocabulary
from edgebert.runtime import default_runtime, installed_version
from edgebert.staging import staged_folder
from edgebert.tasks import task_head

if TYPE_CHECKING:
    from edgebert.pruning.scores import Gradients

_DEFAULTS = PlanOptions()


def plan(
    model: str | Path | Model,
    training: TrainingTexts | str | Path,
    evaluation: Dataset | str | Path,
    out: str | Path,
    *,
    bounds: Bounds,
    options: PlanOptions = _DEFAULTS,
    force: bool = False,
    progress: Progress = silent,
) -> SearchResult:
    """Return what can be made of a model, and which of it to ship within some bounds.

    Every share is pruned without retraining, with all tokens and with those of the training texts only, written in
    float32 and int8, and measured. Then, if asked for, shares are recovered by distillation: from the smallest up,
    those only that keep to the bounds on size and speed, until one is within all bounds. What keeps more costs more, so
    the rest cannot be the pick.

    Each trial is written to ``out`` as soon as it is complete. A search with equal model, texts, format and seed goes
    on from there, whatever its bounds, shares and recovery; an unequal one is refused. The folder gets a picture, and
    the recipe of the pick.

    Args:
        model: Checkpoint folder, Hub id, or a loaded model.
        training: Texts of the task, with labels or without, or the path of their file.
        evaluation: Examples with right answers that took no part in training, or the path of their file.
        out: Folder for the state and the results.
        bounds: What the pick must keep to.
        options: What to try.
        force: Start over where ``out`` holds another search.
        progress: Told what is being done.

    Returns:
        What was measured of every trial, and the pick; ``None`` as the pick where none is within the bounds.

    Raises:
        UsageError: Model, texts or options cannot be used, or ``out`` holds another search.
        OutputError: ``out`` is taken by something else or cannot be written.
        CheckFailed: A runtime fails on a file.
        EnvironmentProblem: Memory or disk is full, or a package is missing.

    Examples:
        >>> bounds = edgebert.Bounds(max_drop=1, max_mb=30)
        >>> found = edgebert.plan("model", "train.tsv", "dev.tsv", "plan", bounds=bounds)
    """
    expect("model", model, Model, *PLACE)
    expect("training", training, TrainingTexts, *PLACE, hint="read the file with read_training")
    expect("evaluation", evaluation, Dataset, *PLACE, hint="read the file with read_dataset")
    out = path_of("out", out)
    expect("bounds", bounds, Bounds)
    expect("options", options, PlanOptions)
    expect("force", force, bool)
    expect("progress", progress, Callable)
    loaded = model if isinstance(model, Model) else load_model(model)
    task, labels = loaded.checkpoint.task, loaded.checkpoint.labels
    check_drop(bounds.max_drop, task_head(task).metrics[0])
    texts = training if isinstance(training, TrainingTexts) else read_training(Path(training), task=task, labels=labels)
    data = evaluation if isinstance(evaluation, Dataset) else read_dataset(Path(evaluation), task=task, labels=labels)
    check_labels(data, labels, task)
    options = replace(
        options,
        shares=tuple(sorted(set(options.shares))),
        is_timed=options.is_timed or bounds.min_speedup is not None,
    )
    state = open_state(out, _fingerprint(loaded, texts, data, options), force=force)
    if force:
        clear(out)
    search = _Search(loaded, texts, data, out, state, options, progress)
    with told_what_is_kept(out):
        trials = [trial for share in options.shares for trial in search.trials(share, distill=0.0)]
        if options.recovery_epochs:
            recovered: list[float] = []
            while (share := next_recovery(trials, recovered, bounds)) is not None:
                trials += search.trials(share, distill=options.recovery_epochs)
                recovered.append(share)
        found = _concluded(trials, bounds, options)
        _write_results(out, found, lengths_of(loaded.checkpoint.architecture.positions))
    return found


class _Search:
    """A search under way: the model, what is computed once for all candidates, and the state on disk."""

    def __init__(
        self,
        model: Model,
        training: TrainingTexts,
        data: Dataset,
        out: Path,
        state: State,
        options: PlanOptions,
        progress: Progress,
    ) -> None:
        self._model, self._training, self._data, self._out = model, training, data, out
        self._state, self._options, self._progress = state, options, progress
        self._work = out / WORK
        # Models of another search that was killed have other names.
        self._tag = hashlib.sha256(dumps(state.fingerprint).encode()).hexdigest()[:12]

    def trials(self, keep: float, *, distill: float) -> list[Measured]:
        """Return the trials of all files of a share; what was measured before is not measured again."""
        candidates = [
            Candidate(keep=keep, vocabulary=vocabulary, precision=precision, distill=distill)
            for vocabulary in (False, True)
            for precision in ("float32", "int8")
        ]
        missing = [candidate for candidate in candidates if self._known(candidate) is None]
        if missing:
            pruned = self._pruned(keep, distill)
            for vocabulary in sorted({candidate.vocabulary for candidate in missing}):
                # Neither gradients nor training see a token that goes, so this is the model that pruning with a cut
                # vocabulary makes, bit for bit, without doing it all again.
                model = cut_vocabulary(pruned, self._tokens) if vocabulary else pruned
                self._measure([item for item in missing if item.vocabulary == vocabulary], model)
            shutil.rmtree(self._folder(keep, distill), ignore_errors=True)
        return [trial for candidate in candidates if (trial := self._known(candidate))]

    def _known(self, candidate: Candidate) -> Measured | None:
        return self._state.trial(candidate, is_timed=self._options.is_timed)

    def _measure(self, candidates: list[Candidate], model: Model) -> None:
        """Write, measure and record files of one model."""
        folder = self._work / FILES
        # What a killed search left there is another model's.
        shutil.rmtree(folder, ignore_errors=True)
        timed = timed_texts(self._data, self._options.seed) if self._options.is_timed else ()
        for candidate in candidates:
            baseline = self._baseline
            opened = baseline.opened
            if candidate != ORIGINAL:
                self._tell(candidate.name)("writing the file", 0, 1)
                opened = open_file(
                    model, self._data, folder, file_format=self._options.format, precision=candidate.precision
                )
            told = self._tell(candidate.name)
            trial = measured(candidate, opened, baseline, self._data, timed=timed, progress=told)
            self._state = add_trial(self._out, self._state, trial)
        shutil.rmtree(folder, ignore_errors=True)

    @cached_property
    def _baseline(self) -> Baseline:
        told = self._tell(ORIGINAL.name)
        told("writing the file", 0, 1)
        folder = self._work / ORIGINAL_FILES
        opened = open_file(
            self._model, self._data, folder, file_format=self._options.format, precision=ORIGINAL.precision
        )
        answers = answers_of(opened, lambda done, total: told("evaluating", done, total))
        return Baseline(opened=opened, answers=answers)

    @cached_property
    def _gradients(self) -> Gradients:
        return score(self._model, self._training, seed=self._options.seed, progress=self._progress)

    @cached_property
    def _tokens(self) -> tuple[int, ...]:
        return kept_tokens(self._model.tokenizer, self._training.texts, progress=self._progress)

    def _pruned(self, keep: float, distill: float) -> Model:
        """Return the pruned model with all its tokens, from disk when a killed search had come that far."""
        options = prune_options(keep, vocabulary=False, distill=distill, seed=self._options.seed)
        if options is None:
            return self._model
        saved = self._folder(keep, distill)
        if saved.is_dir():
            try:
                return load_model(saved)
            except CheckpointError:
                shutil.rmtree(saved)
        pruned = prune_model(
            self._model,
            self._training,
            options,
            gradients=self._gradients,
            work=saved.with_name(saved.name + ".state"),
            progress=self._tell(f"keep {keep:g}"),
        )
        with writable(self._out), staged_folder(saved, force=False, marker="config.json") as stage:
            save_model(pruned, stage)
        return pruned

    def _folder(self, keep: float, distill: float) -> Path:
        return self._work / f"{self._tag}-keep{keep!r}-distill{distill!r}"

    def _tell(self, label: str) -> Progress:
        return lambda stage, done, total: self._progress(f"{label}: {stage}", done, total)


def _concluded(trials: list[Measured], bounds: Bounds, options: PlanOptions) -> SearchResult:
    ordered = tuple(sorted(trials, key=lambda trial: (trial.cost, trial.size_bytes, trial.name)))
    return SearchResult(
        bounds=bounds,
        options=options,
        trials=ordered,
        front=pareto_front(ordered),
        pick=choose(ordered, bounds),
        losses=losses(ordered, bounds),
        relaxations=relaxations(ordered, bounds),
    )


def _write_results(out: Path, found: SearchResult, lengths: tuple[int, ...]) -> None:
    with writable(out):
        draw_plan(found, out / PLOT)
        if found.pick is None:
            (out / PICK).unlink(missing_ok=True)
    if found.pick is not None:
        write_text(out / PICK, recipe_toml(found.pick.candidate, found.options, lengths))
    shutil.rmtree(out / WORK, ignore_errors=True)


def _fingerprint(model: Model, training: TrainingTexts, data: Dataset, options: PlanOptions) -> SearchKey:
    runtime = default_runtime(options.format)
    return SearchKey(
        edgebert=metadata.version("edgebert"),
        model=model.checkpoint.sha256,
        training=_hash(training.examples),
        evaluation=_hash(data.examples),
        format=options.format,
        seed=options.seed,
        runtime=f"{runtime} {installed_version(runtime)}",
        cpu=cpu_name(),
    )


def _hash(examples: Sequence[Example]) -> str:
    """Return a hash of texts, words and right answers, whatever their lines."""
    asked = [(example.texts, example.words, example.gold) for example in examples]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()
