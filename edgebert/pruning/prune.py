"""Pruning in one screen: vocabulary, scores, cut to a budget, repair, and recovery by distillation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from types import NoneType

import numpy as np

from edgebert.architecture import PRUNING_SCHEMA, Pruning, TextSource
from edgebert.arguments import PLACE, expect, path_of, strings_of
from edgebert.checkpoint import Checkpoint, Model, load_model, save_model
from edgebert.data import TrainingTexts, read_training
from edgebert.errors import DataError
from edgebert.network import enough_memory
from edgebert.progress import Progress, silent
from edgebert.pruning.cost import mac_costs, macs
from edgebert.pruning.latency import LatencyTable, latency_costs, measure_latency, read_table, write_table
from edgebert.pruning.plan import cut_to_budget
from edgebert.pruning.scores import Gradients, gate_gradients
from edgebert.pruning.vocabulary import prune_vocabulary
from edgebert.recipe import PruneOptions
from edgebert.staging import staged_folder
from edgebert.text import TextEncoder
from edgebert.training.distill import distill
from edgebert.training.items import Item, check_gold, items_of
from edgebert.training.options import LONGEST, DistillOptions

SAMPLE = 1024
"""Texts whose gradients rank heads and neurons."""

FEWEST = 32
"""Texts without which nothing is ranked."""

_FIT_TOKENS = 60_000
_PROBE = 512
_UNFITTED = 1000  # as many texts at the end of the order as a distillation holds out at most


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The training texts in a seeded order: the first rank, all fit within bounds, the last probe.

    Attributes:
        items: What they are to the model.
        ids: Token IDs of each window.
        lengths: How many windows have how many tokens.
    """

    items: tuple[Item, ...]
    ids: tuple[tuple[int, ...], ...]
    lengths: Counter[int]


def prune(
    model: str | Path,
    training: TrainingTexts | str | Path,
    out: str | Path,
    *,
    options: PruneOptions,
    vocabulary: Sequence[str] | None = None,
    latency: LatencyTable | Callable[[], LatencyTable] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Checkpoint:
    """Prune a checkpoint and write the result as a checkpoint folder that everything else takes like any other.

    An interrupted distillation resumes when this is called again with equal arguments: its state is beside
    ``out`` until then, in a folder of that name with ``.state`` at its end.

    Args:
        model: Checkpoint folder or Hub id.
        training: Texts of the task, with labels or without, or the path of their file.
        out: Folder to make.
        options: How much to cut, and how.
        vocabulary: More texts whose tokens have to stay, where the vocabulary is cut.
        latency: Measured costs, or what measures them once all else was found in order, when the share is one of time;
            ``None`` counts multiply-accumulates.
        force: Replace an existing checkpoint folder.
        progress: Told what is being done.

    Returns:
        The checkpoint at ``out``, with the widths of its layers and what was cut.

    Raises:
        UsageError: Model, texts or options cannot be used.
        ParityError: The cut model is not the gated original.
        OutputError: ``out`` is taken or cannot be written.
        EnvironmentProblem: Memory or disk is full, or a package is missing.

    Examples:
        >>> options = edgebert.PruneOptions(keep=0.5)
        >>> edgebert.prune("model", "train.tsv", "pruned", options=options).architecture.layers
        6
    """
    expect("model", model, *PLACE)
    expect("training", training, TrainingTexts, *PLACE, hint="read the file with read_training")
    out = path_of("out", out)
    expect("options", options, PruneOptions)
    vocabulary = None if vocabulary is None else strings_of("vocabulary", vocabulary, what="text")
    expect("latency", latency, LatencyTable, Callable, NoneType)
    expect("force", force, bool)
    expect("progress", progress, Callable)
    with staged_folder(out, force=force, marker="config.json") as stage:
        loaded = load_model(model)
        texts = training
        if not isinstance(texts, TrainingTexts):
            texts = read_training(Path(texts), labels=loaded.checkpoint.labels)
        if callable(latency):
            _check(texts, loaded.checkpoint)
            latency = latency()
        state = out.with_name(out.name + ".state")
        pruned = prune_model(
            loaded, texts, options, vocabulary=vocabulary, latency=latency, work=state, progress=progress
        )
        save_model(pruned, stage)
    return replace(pruned.checkpoint, path=out)


def prune_model(
    model: Model,
    training: TrainingTexts,
    options: PruneOptions,
    *,
    vocabulary: Sequence[str] | None = None,
    latency: LatencyTable | None = None,
    gradients: Gradients | None = None,
    work: Path | None = None,
    progress: Progress = silent,
) -> Model:
    """Return a narrower model; its checkpoint keeps the name and hash of the original and records what was cut.

    Args:
        model: The original; it is not changed.
        training: Texts of the task, with labels or without.
        options: How much to cut, and how.
        vocabulary: More texts whose tokens have to stay, where the vocabulary is cut.
        latency: Measured costs, when the share is one of time; ``None`` counts multiply-accumulates.
        gradients: What ``score`` returned for the same model, texts and seed, to save computing it again.
        work: Folder for the state of the distillation, so that a killed one can go on.
        progress: Told what is being done.

    Raises:
        UsageError: The share cannot be reached, or the texts do not fit the model.
        DataError: There are too few texts to rank by.
        ParityError: The cut model is not the gated original.
        EnvironmentProblem: The memory is full.
    """
    _check(training, model.checkpoint)
    head, before = model.checkpoint.head, model.checkpoint.pruning
    with enough_memory("pruning", hint="close other programs, or give fewer or shorter texts"):
        source, report = model, None
        if options.vocabulary:
            known = set(training.texts)
            more = [text for text in vocabulary or () if text not in known]
            source, report = prune_vocabulary(model, training.examples, more=more, seed=options.seed, progress=progress)
        texts = _prepare(source, training, options.seed)
        pruned, layers = source, tuple(range(source.checkpoint.architecture.layers))
        if options.keep < 1:
            found = cut_to_budget(
                source,
                gradients or _score(source, texts, progress),
                _fitting(texts),
                texts.ids[-min(_PROBE, len(texts.ids) // 5) :],
                cost_model=lambda shape: (
                    mac_costs(shape, texts.lengths, head)
                    if latency is None
                    else latency_costs(latency, shape, head.reads)
                ),
                share=options.keep,
                drop_layers=options.drop_layers,
                progress=progress,
            )
            pruned, layers = found.model, found.keep.layers
    distillation = None
    if options.distill:
        # As usual for fine-tuning: 5e-5 at the width of DistilBERT-base, more where the model is narrower.
        rate = options.learning_rate or 5e-5 * 768 / model.checkpoint.architecture.hidden
        settings = DistillOptions(
            epochs=options.distill, learning_rate=rate, seed=options.seed, precision=options.precision
        )
        pruned, distillation = distill(
            pruned, model, training, options=settings, layers=layers, work=work, progress=progress
        )
    original = before.original if before else model.checkpoint.architecture
    left, whole = (macs(shape, texts.lengths, head) for shape in (pruned.checkpoint.architecture, original))
    record = Pruning(
        schema=PRUNING_SCHEMA,
        original=original,
        original_name=before.original_name if before else model.checkpoint.name,
        original_sha256=before.original_sha256 if before else model.checkpoint.sha256,
        layers=tuple(before.layers[layer] for layer in layers) if before else layers,
        budget="macs" if latency is None else "latency",
        keep=options.keep,
        macs_share=left / whole,
        tokens_per_text=sum(length * count for length, count in texts.lengths.items()) / len(texts.ids),
        sample=min(SAMPLE, len(texts.items)) if options.keep < 1 else 0,
        seed=options.seed,
        train=TextSource(name=training.name, sha256=training.sha256, examples=len(training.examples)),
        vocabulary=report or (before.vocabulary if before else None),
        distillation=distillation,
    )
    return replace(pruned, checkpoint=replace(pruned.checkpoint, pruning=record))


def score(model: Model, training: TrainingTexts, *, seed: int, progress: Progress = silent) -> Gradients:
    """Return the gate gradients that ``prune_model`` ranks by: the same for every share, so a search asks once."""
    return _score(model, _prepare(model, training, seed), progress)


def latency_table(
    model: str | Path, training: TrainingTexts, path: Path | None, *, progress: Progress = silent
) -> LatencyTable:
    """Return what widths cost in time: the table in a file, or measured here at the mean length of the texts.

    Args:
        model: Checkpoint folder or Hub id.
        training: Texts whose mean length is measured.
        path: Table to read; one that is measured is kept there. ``None`` keeps nothing.
        progress: Told about files written and timed.

    Raises:
        UsageError: Model or table cannot be used.
        MissingExtraError: A package that writes or runs the files is missing.
    """
    if path is not None and path.exists():
        return read_table(path)
    loaded = load_model(model)
    shape = loaded.checkpoint.architecture
    encoder = TextEncoder(loaded.tokenizer, min(LONGEST, shape.positions))
    length = round(float(np.mean([len(encoder.encode(text)) for text in training.texts])))
    table = measure_latency(shape, length=length, progress=progress)
    if path is not None:
        write_table(table, path)
    return table


def _check(training: TrainingTexts, checkpoint: Checkpoint) -> None:
    if len(training.examples) < FEWEST:
        raise DataError(
            f"{training.name}: {len(training.examples)} texts are too few to rank heads and neurons by",
            hint=f"give at least {FEWEST}, better {SAMPLE} or more, as the app will see them",
        )
    check_gold(training.examples, checkpoint.meaning, training.name)


def _prepare(model: Model, training: TrainingTexts, seed: int) -> _Texts:
    checkpoint, order = model.checkpoint, np.random.default_rng(seed).permutation(len(training.examples)).tolist()
    examples = [training.examples[index] for index in order]
    length = min(LONGEST, checkpoint.architecture.positions)
    found = items_of(examples, model.tokenizer, checkpoint.task, checkpoint.meaning, max_length=length)
    items = tuple(chain.from_iterable(found))
    ids = tuple(window for item in items for window in item.windows)
    return _Texts(items=items, ids=ids, lengths=Counter(map(len, ids)))


def _score(model: Model, texts: _Texts, progress: Progress) -> Gradients:
    return gate_gradients(model, texts.items[:SAMPLE], progress=progress)


def _fitting(texts: _Texts) -> tuple[tuple[int, ...], ...]:
    """Return the texts to re-fit on: those that do not probe, up to a number of tokens that bounds time and memory."""
    rest = texts.ids[: -min(_UNFITTED, len(texts.ids) // 5)]
    enough = int(np.searchsorted(np.cumsum([len(ids) for ids in rest]), _FIT_TOKENS)) + 1
    return rest[:enough]
