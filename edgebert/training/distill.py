"""Distillation: a pruned model learns to answer as the model it was cut from.

The triple loss of DistilBERT (Sanh et al. 2019, arXiv:1910.01108) carried to fine-tuning: soft targets at a
temperature, hidden states (by their squared distance, where the paper takes the cosine), and the right answers.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from edgebert.architecture import Distillation
from edgebert.intervals import paired_difference_interval
from edgebert.network import enough_memory
from edgebert.progress import Progress, silent
from edgebert.training.items import ItemPair, pair_items
from edgebert.training.loop import DistillSetup, agreements, train, with_teacher_outputs
from edgebert.training.objectives import OBJECTIVES
from edgebert.training.options import LONGEST, DistillOptions
from edgebert.training.resume import StateFolder, drop_state

if TYPE_CHECKING:
    from pathlib import Path

    from edgebert.checkpoint import Model
    from edgebert.data import TrainingTexts

_MOST_HELD_OUT = 1000
_CERTAINTY = 0.99
_DEFAULTS = DistillOptions()


def distill(
    student: Model,
    teacher: Model,
    training: TrainingTexts,
    *,
    options: DistillOptions = _DEFAULTS,
    layers: tuple[int, ...] | None = None,
    work: Path | None = None,
    progress: Progress = silent,
) -> tuple[Model, Distillation]:
    """Return the student after it learned the teacher's answers to some texts, and how far it got.

    The weights are averaged over the second half of the training. A part of the texts is held out: if the student as
    it was agrees with the teacher on more of them, by more than chance, it is returned instead. Lower losses there are
    no better guide: the teacher has seen these texts, so whatever stays next to it looks good. Neither model is
    changed. On a CPU, equal arguments, library versions and thread counts give equal weights.

    Args:
        student: The pruned model.
        teacher: The model it was cut from: same labels and width, perhaps another vocabulary.
        training: Two examples or more, with right answers or without.
        options: Hyper-parameters.
        layers: The teacher's layers that the student's layers came from; ``None`` when they have equally many.
        work: Folder for the state of the training: a killed one, called again with equal arguments, goes on from
            there to the very weights it would have reached. The state is removed at the end.
        progress: Called as ``progress("distilling | loss 0.231", step, total)`` with optimizer steps.

    Raises:
        UsageError: The training diverged.
        OutputError: ``work`` cannot be written.
        EnvironmentProblem: The memory or the disk is full.
    """
    import torch

    origins = layers or tuple(range(teacher.checkpoint.architecture.layers))
    what = f"distilling with batches of {options.batch_size} texts of up to {LONGEST} tokens"
    hint = "use a smaller batch size, or close other programs"
    with enough_memory(what, hint=hint), torch.random.fork_rng(devices=[]):
        kept, held_out = _split(student, teacher, training, options)
        setup = DistillSetup(
            student=copy.deepcopy(student.module),
            teacher=teacher.module,
            layers=_aims(origins, teacher.checkpoint.architecture.layers),
            pad_ids=(student.pad_id, teacher.pad_id),
            objective=OBJECTIVES[student.checkpoint.task],
            options=options,
        )
        held_out_batches = with_teacher_outputs(setup, held_out)
        before = agreements(setup, held_out_batches)
        state = None
        if work:
            state = StateFolder(path=work, fingerprint=_fingerprint(student, teacher, training, options, origins))
        setup.student.load_state_dict(train(setup, kept, state, progress))
        after = agreements(setup, held_out_batches)
        if paired_difference_interval(before, after, level=_CERTAINTY)[1] < 0:
            setup.student.load_state_dict(student.module.state_dict())
            after = before
    setup.student.requires_grad_(requires_grad=False)
    if work:
        drop_state(work)
    return dataclasses.replace(student, module=setup.student), Distillation(
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        temperature=options.temperature,
        labelled=all(example.gold is not None for example in training.examples),
        held_out=len(before),
        agreement_before=float(before.mean()),
        agreement_after=float(after.mean()),
        precision=options.precision,
    )


def _split(
    student: Model, teacher: Model, training: TrainingTexts, options: DistillOptions
) -> tuple[list[ItemPair], list[ItemPair]]:
    """Return the items to learn from and those held out."""
    length = min(LONGEST, student.checkpoint.architecture.positions)
    checkpoint = student.checkpoint
    examples = pair_items(
        training.examples,
        student.tokenizer,
        teacher.tokenizer,
        checkpoint.task,
        checkpoint.meaning,
        max_length=length,
    )
    count = min(max(round(options.held_out * len(examples)), 1), _MOST_HELD_OUT, len(examples) - 1)
    # The last of the order: pruning with this seed ranks and re-fits on the first, which then flatter the start.
    held_out = set(np.random.default_rng(options.seed).permutation(len(examples))[-count:].tolist())
    parts: tuple[list[ItemPair], list[ItemPair]] = ([], [])
    for index, items in enumerate(examples):
        parts[index in held_out].extend(items)
    return parts


def _aims(origins: tuple[int, ...], layers: int) -> tuple[int, ...]:
    """Return the teacher's layer whose output each student layer aims at.

    It is the one below the next layer that was kept: what follows the student's layer expects that one's output.
    """
    return tuple(following - 1 for following in (*origins[1:], layers))


def _fingerprint(
    student: Model, teacher: Model, training: TrainingTexts, options: DistillOptions, origins: tuple[int, ...]
) -> str:
    """Return a hash of all that decides the result: 64 hex digits."""
    examples = [(example.texts, example.gold, example.words) for example in training.examples]
    settings = [dataclasses.asdict(options), origins, training.sha256, examples]
    total = hashlib.sha256(json.dumps(settings).encode())
    for model in (student, teacher):
        total.update(model.tokenizer.to_str().encode())
        for name, tensor in model.module.state_dict().items():
            total.update(f"{name} {tuple(tensor.shape)}".encode())
            total.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
    return total.hexdigest()
