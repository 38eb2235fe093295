"""The training loop of a fine-tuning: Hugging Face's Trainer, which ``torchrun`` spreads over processes."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.network import outputs_of, padded
from edgebert.progress import Progress, note
from edgebert.training.course import Course, Epoch, epoch_text, restore, state_of, take_up
from edgebert.training.imitation import computed, hidden_loss, hidden_states
from edgebert.training.items import Item, packed
from edgebert.training.objectives import Objective
from edgebert.training.resume import StateFolder, TrainingState, load_state, save_state

if TYPE_CHECKING:
    import torch
    import transformers

    from edgebert.training.options import FinetuneOptions
    from edgebert.training.teaching import Teacher

WARM_UP_SHARE = 0.06
_WEIGHT_DECAY = 0.01
_SAVE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What is trained, on what.

    Attributes:
        model: The model.
        items: What it learns from.
        objective: The row of its task.
        pad_id: ID of the token that pads a batch.
        options: Hyper-parameters.
        evaluate: Returns loss and metric of the evaluation data, and tells how far it is; ``None`` without such data.
        metric: Name of that metric for people.
        is_error: Whether a lower metric is better.
        weights: Weight of each label in the loss, float32 [labels]; ``None`` weighs all alike.
        teacher: Who is learnt from.
    """

    model: torch.nn.Module
    items: Sequence[Item]
    objective: Objective
    pad_id: int
    options: FinetuneOptions
    evaluate: Callable[[Progress], tuple[float, float]] | None
    metric: str = "score"
    is_error: bool = False
    weights: torch.Tensor | None = None
    teacher: Teacher | None = None


class _Watcher:
    """What the Trainer tells: it reports, evaluates, saves, and takes up a saved training."""

    def __init__(
        self, lesson: Lesson, course: Course, saved: TrainingState | None, place: StateFolder, progress: Progress
    ) -> None:
        self.lesson, self.course, self.saved, self.place, self.progress = lesson, course, saved, place, progress
        self.done, self.saved_at = saved.step if saved else 0, time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.progress("fine-tuning", self.done, state.max_steps)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        import torch

        if self.saved is not None and state.global_step == self.done:
            restore(self.saved, self.lesson.model, kwargs["optimizer"])
        elif self.saved is not None and state.global_step == self.course.began < self.done:
            torch.random.set_rng_state(self.saved.groups["course"]["drawn"])
        if args.world_size > 1:
            # The sampler draws from the global generator, which has to be alike in all processes.
            torch.manual_seed(self.lesson.options.seed + state.global_step)
        if state.global_step >= self.done:
            self.course.losses.clear()
            self.course.began = state.global_step
        if state.global_step == self.course.began:
            self.course.drawn = torch.random.get_rng_state()

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.saved is not None and self.course.began < state.global_step == self.done:
            restore(self.saved, self.lesson.model, kwargs["optimizer"])

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step <= self.done:
            return
        recent = self.course.losses[-20:]
        rate = kwargs["lr_scheduler"].get_last_lr()[0]
        stage = f"fine-tuning | loss {sum(recent) / len(recent):.3f} | learning rate {rate:.1e}"
        self.progress(stage, state.global_step, state.max_steps)
        # Several processes have a generator each: they go on from the end of an epoch only.
        if args.world_size == 1 and time.monotonic() - self.saved_at > _SAVE_EVERY_S:
            self._save(args, state, kwargs["optimizer"])

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step > self.done:

            def tell(what: str, done: int, total: int) -> None:
                self.progress(f"fine-tuning | {what} {done}/{total}", state.global_step, state.max_steps)

            epoch = finish_epoch(self.lesson, self.course, state.global_step, tell)
            if args.process_index == 0:
                count = max(math.ceil(self.lesson.options.epochs), 1)
                note(epoch_text(epoch, len(self.course.epochs), count, self.lesson.metric))
            self._save(args, state, kwargs["optimizer"])
        control.should_training_stop |= is_over(self.lesson, self.course)

    def _save(self, args: Any, state: Any, optimizer: Any) -> None:
        if args.process_index == 0 and state.global_step < state.max_steps:
            save_state(self.place, state_of(self.course, self.lesson.model, optimizer, state.global_step))
            self.saved_at = time.monotonic()


def make_trainer(
    lesson: Lesson, course: Course, folder: Path, place: StateFolder, progress: Progress
) -> transformers.Trainer:
    """Return a trainer that keeps ``course`` up to date, and goes on from a state at ``place`` where there is one.

    The steps that are done are walked through without computing anything, so that the order of the items and the
    learning rate are those of a training in one go. The Trainer's own checkpoints would be pickles; nothing is written
    to ``folder``.
    """
    import torch
    import transformers

    options, saved = lesson.options, load_state(place)
    done = saved.step if saved else 0
    if saved is not None:
        take_up(course, saved)

    class _Trainer(transformers.Trainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            if self.state.global_step < done:
                return torch.zeros((), device=self.args.device)
            return super().training_step(*args, **kwargs)

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            loss = batch_loss(lesson, model, inputs)
            course.losses.append(float(loss.detach()))
            return loss

    watcher: Any = type("_TrainerWatcher", (_Watcher, transformers.TrainerCallback), {})
    has_cuda = torch.cuda.is_available()
    known = {field.name for field in dataclasses.fields(transformers.TrainingArguments)}
    # transformers 5 renamed the first to the second.
    grouping = (
        {"group_by_length": True} if "group_by_length" in known else {"train_sampling_strategy": "group_by_length"}
    )
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),  # nothing is written there: neither checkpoints nor logs are asked for
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        lr_scheduler_type="linear",
        weight_decay=_WEIGHT_DECAY,
        per_device_train_batch_size=options.batch_size,
        label_names=["targets"],
        seed=options.seed,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not has_cuda,
        bf16=options.precision == "bfloat16",
        dataloader_pin_memory=has_cuda,
        remove_unused_columns=False,
        **grouping,
    )
    per_epoch = math.ceil(len(lesson.items) / (options.batch_size * arguments.world_size))
    arguments.warmup_steps = math.ceil(WARM_UP_SHARE * math.ceil(options.epochs * per_epoch))
    trainer = _Trainer(
        model=lesson.model,
        args=arguments,
        # The Trainer groups by the length of the first.
        train_dataset=[{"input_ids": max(item.windows, key=len), "item": item} for item in lesson.items],
        data_collator=partial(_batch, lesson.objective, lesson.pad_id),
        callbacks=[watcher(lesson, course, saved, place, progress)],
    )
    trainer.remove_callback(transformers.PrinterCallback)  # a library does not print
    return trainer


def _batch(objective: Objective, pad_id: int, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Return items as tensors: IDs and mask, int64 [windows, longest], and targets as the task packs them."""
    items = [row["item"] for row in rows]
    ids, mask = padded([window for item in items for window in item.windows], pad_id)
    targets = packed([item.targets for item in items], objective, ids.shape[1])
    assert targets is not None, "data without right answers is refused"
    return {"input_ids": ids, "attention_mask": mask, "targets": targets}


def batch_loss(lesson: Lesson, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the loss of a batch, float32 []: on the right answers, and with a teacher the three of distillation."""
    import torch

    ids, mask, targets = batch["input_ids"], batch["attention_mask"], batch["targets"]
    weights = None if lesson.weights is None else lesson.weights.to(ids.device)
    options, teacher = lesson.options, lesson.teacher
    watched = teacher.layers if teacher is not None and options.hidden_weight else ()
    with hidden_states(lesson.model, range(len(watched))) as states:
        outputs = computed(model, ids, mask, options.precision)
    loss = lesson.objective.loss(outputs, targets, mask, "mean", weights)
    if teacher is None:
        return loss
    # Not in inference mode: a loss keeps what the teacher gives for its gradient, which such tensors refuse.
    with torch.no_grad(), hidden_states(teacher.module, watched) as aims:
        wanted = computed(teacher.module, ids, mask, options.precision)
    loss = options.task_weight * loss
    loss = loss + options.soft_weight * lesson.objective.soft(outputs, wanted, mask, options.temperature)
    for state, aim in zip(states, aims, strict=True):
        loss = loss + options.hidden_weight / len(watched) * hidden_loss(state, aim, mask, "cosine")
    return loss


def finish_epoch(lesson: Lesson, course: Course, step: int, progress: Progress) -> Epoch:
    """Evaluate the model, and keep its weights where they are the best so far and training may stop early."""
    train_loss = math.fsum(course.losses) / max(len(course.losses), 1)
    epoch = Epoch(step=step, train_loss=train_loss)
    if lesson.evaluate is not None:
        lesson.model.train(mode=False)
        loss, score = lesson.evaluate(progress)
        lesson.model.train()
        epoch = dataclasses.replace(epoch, loss=loss, score=score)
    course.epochs.append(epoch)
    if lesson.options.patience is not None and best_epoch(course.epochs, is_error=lesson.is_error) == len(
        course.epochs
    ):
        course.best = {name: tensor.detach().cpu().clone() for name, tensor in lesson.model.state_dict().items()}
    return epoch


def is_over(lesson: Lesson, course: Course) -> bool:
    """Return whether the metric has not improved for as many epochs as the options have patience."""
    patience = lesson.options.patience
    best = best_epoch(course.epochs, is_error=lesson.is_error)
    return patience is not None and len(course.epochs) - best >= patience


def best_epoch(epochs: Sequence[Epoch], *, is_error: bool) -> int:
    """Return the number of the epoch with the best metric, from 1; the first of equal ones, 0 where none has one."""
    scores = [(-epoch.score if is_error else epoch.score) for epoch in epochs if epoch.score is not None]
    scores = [-math.inf if math.isnan(score) else score for score in scores]
    return scores.index(max(scores)) + 1 if scores else 0


def mean_loss(
    lesson_model: torch.nn.Module, items: Sequence[Item], objective: Objective, pad_id: int, progress: Progress
) -> float:
    """Return the mean loss of items that have targets, over batches of 32 of similar length."""
    import torch

    from edgebert.batching import batches_by_length

    device = next(lesson_model.parameters()).device
    total = count = 0.0
    for chosen in batches_by_length([item.length for item in items], 32):
        batch = _batch(objective, pad_id, [{"item": items[index]} for index in chosen])
        ids, mask, targets = (batch[name].to(device) for name in ("input_ids", "attention_mask", "targets"))
        with torch.inference_mode():
            loss = objective.loss(outputs_of(lesson_model, ids, mask), targets, mask, "mean")
        total, count = total + float(loss) * len(chosen), count + len(chosen)
        progress("evaluation loss", int(count), len(items))
    return total / count


def label_weights(items: Sequence[Item], labels: int, *, are_several: bool) -> torch.Tensor:
    """Return weights by which rare labels count as much as frequent ones, float32 [labels].

    One label, or one a token: examples / (labels x examples of the label), as scikit-learn's ``balanced``. Several
    labels: the examples without the label for each that has it. A label that never occurs weighs 1.
    """
    import torch

    targets = [target for item in items for target in item.targets or ()]
    if are_several:
        given = torch.tensor(targets, dtype=torch.float64).sum(dim=0)
        weights = (len(targets) - given) / given
    else:
        found = torch.tensor([int(number) for number in chain.from_iterable(targets) if number >= 0])
        given = torch.bincount(found, minlength=labels).double()
        weights = len(found) / (labels * given)
    return torch.where(given > 0, weights, 1.0).float()
