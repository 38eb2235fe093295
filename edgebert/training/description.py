"""What a fine-tuning leaves for people in the checkpoint folder: a learning curve, and a model card for the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgebert.data import Dataset
from edgebert.errors import MissingExtraError
from edgebert.manifest import Score
from edgebert.metrics import METRICS
from edgebert.plotting import BLUE, GREEN, ORANGE, open_axes, svg_figure
from edgebert.printable import printable
from edgebert.progress import note
from edgebert.tasks import task_head
from edgebert.training.course import Epoch
from edgebert.training.options import FinetuneOptions

CURVE = "learning_curve.svg"
"""Name of the picture in the folder."""


def draw_curve(epochs: Sequence[Epoch], kept: int, metric: str, path: Path) -> None:
    """Draw the losses of each epoch, and the metric where there is one; without matplotlib only a note is given."""
    numbers = range(1, len(epochs) + 1)
    try:
        with svg_figure(path, height=3.2) as figure:
            scored = [(number, one) for number, one in zip(numbers, epochs, strict=True) if one.score is not None]
            axes = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
            axes[0].plot(numbers, [epoch.train_loss for epoch in epochs], "o-", color=BLUE, label="training")
            open_axes(axes[0], "epoch", "loss")
            if scored:
                places = [number for number, _ in scored]
                axes[0].plot(places, [epoch.loss for _, epoch in scored], "o-", color=ORANGE, label="evaluation")
                axes[0].legend(frameon=False)
                axes[1].plot(places, [epoch.score for _, epoch in scored], "o-", color=GREEN)
                axes[1].axvline(kept, color=GREEN, linestyle=":", linewidth=1)
                open_axes(axes[1], "epoch", metric)
            for one in axes:
                one.set_xticks([*numbers] if len(epochs) <= 10 else [1, kept, len(epochs)])
    except MissingExtraError:
        note("no learning curve is drawn: matplotlib is not installed (extra report)")


def card(
    train: Dataset,
    evaluation: Dataset | None,
    options: FinetuneOptions,
    epochs: Sequence[Epoch],
    kept: int,
    score: Score | None,
    base: str | Path,
    teacher: str | Path | None,
) -> str:
    """Return a model card in Markdown, with the front matter that the Hub reads."""
    from huggingface_hub import EvalResult, ModelCardData

    head = task_head(train.task)
    # A path of this machine is nobody's business.
    is_hub = isinstance(base, str) and base.count("/") == 1 and not Path(base).exists()
    results = None
    if score is not None and evaluation is not None:
        results = [
            EvalResult(
                task_type=head.hub,
                dataset_type=evaluation.name,
                dataset_name=evaluation.name,
                metric_type=score.metric,
                metric_name=METRICS[score.metric].name,
                metric_value=score.value,
            )
        ]
    data = ModelCardData(
        base_model=str(base) if is_hub else None,
        library_name="sentence-transformers" if train.task == "feature-extraction" else "transformers",
        pipeline_tag="sentence-similarity" if train.task == "feature-extraction" else head.hub,
        tags=["distilbert", "edgebert"],
        model_name="DistilBERT" if results else None,
        eval_results=results,
    )
    lines = ["---", data.to_yaml().strip(), "---", "", f"# DistilBERT for {train.task.replace('-', ' ')}", ""]
    trained = f"Fine-tuned on {len(train.examples):,} examples of `{printable(train.name)}`"
    lines.append(f"{trained}{', with a teacher' if teacher is not None else ''}.")
    if train.labels:
        lines += ["", "Labels: " + ", ".join(f"`{printable(label)}`" for label in train.labels) + "."]
    if score is not None and evaluation is not None:
        lines += [
            "",
            f"{METRICS[score.metric].name} on {score.examples:,} examples of `{printable(evaluation.name)}`:",
            f"**{score.value:.4f}** (95 % interval {score.low:.4f} to {score.high:.4f}).",
        ]
        if options.patience is not None:
            lines.append("The epoch was chosen by this very metric, so the number is a little too good.")
    lines += [
        "",
        "| epoch | training loss | evaluation loss | metric |",
        "| --- | --- | --- | --- |",
        *(_row(number, epoch, is_kept=number == kept) for number, epoch in enumerate(epochs, 1)),
        "",
        f"Learning rate {options.learning_rate:g}, batch size {options.batch_size}, seed {options.seed},",
        f"at most {options.max_length} tokens, computed in {options.precision}.",
        "",
    ]
    return "\n".join(lines)


def _row(number: int, epoch: Epoch, *, is_kept: bool) -> str:
    shown = ["-" if value is None else f"{value:.4f}" for value in (epoch.train_loss, epoch.loss, epoch.score)]
    return f"| {number}{' (kept)' if is_kept else ''} | {' | '.join(shown)} |"
