"""What training and pruning came to, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebert.cli import output
from edgebert.cli.layout import in_each_layer

if TYPE_CHECKING:
    from pathlib import Path

    from edgebert.architecture import Architecture, Pruning
    from edgebert.data import Dataset
    from edgebert.training.finetune import FinetuneResult


def show_finetuned(result: FinetuneResult, train: Dataset, evaluation: Path | None) -> None:
    """Print what each epoch came to, which one is kept, and how good it is."""
    from edgebert.metrics import METRICS
    from edgebert.training.trainer import best_epoch

    metric = METRICS[result.metric]
    columns, rows = ["epoch", "training loss"], []
    if result.score is not None:
        columns += ["evaluation loss", output.metric_column(result.metric)]
    for number, epoch in enumerate(result.epochs, 1):
        row = [str(number), f"{epoch.train_loss:.3f}"]
        if result.score is not None:
            row.append("-" if epoch.loss is None else f"{epoch.loss:.3f}")
            row.append("-" if epoch.score is None else metric.shown(epoch.score))
        rows.append([*row, "kept" if number == result.best_epoch else ""])
    output.show_table([*columns, ""], rows)
    output.show_text()
    if result.score is not None:
        score, unit = result.score, " %" * metric.in_points
        ends = f"95 % interval {metric.shown(score.low)} to {metric.shown(score.high)}"
        said = f"{metric.shown(score.value)}{unit} ({ends}) on the {score.examples:,} examples of {evaluation}"
        output.show_hanging(f"{metric.name}: ", said)
        best = best_epoch(result.epochs, is_error=metric.is_error)
        if best not in {0, result.best_epoch}:
            output.show_note(f"epoch {best} had the best {metric.name}; --patience keeps it instead of the last one")
    labels = f"{len(result.labels)} labels, " if result.labels else ""
    output.show_note(f"wrote {result.path}: {labels}{len(train.examples):,} training examples")


def show_pruned(record: Pruning, after: Architecture) -> None:
    """Print what pruning left of a checkpoint, and how the numbers came about."""
    output.show_table(("", "before", "after"), _pruning_rows(record, after))
    output.show_text()
    for said in _pruning_notes(record):
        output.show_hanging("", said)


def _pruning_rows(record: Pruning, after: Architecture) -> list[list[str]]:
    """Return what is left beside what there was before the first cut."""
    before = record.original
    rows = [
        ["layers", str(before.layers), str(after.layers)],
        ["heads", in_each_layer(before.heads), in_each_layer(after.heads)],
        ["neurons", in_each_layer(before.neurons), in_each_layer(after.neurons)],
        ["tokens", f"{before.vocabulary:,}", f"{after.vocabulary:,}"],
        ["multiply-accumulates", "100.0 %", f"{100 * record.macs_share:.1f} %"],
    ]
    if (cut := record.vocabulary) is not None:
        rows += [
            ["unknown words *", f"{100 * cut.unknown_before:.2f} %", f"{100 * cut.unknown_after:.2f} %"],
            ["tokens a text *", f"{cut.tokens_per_text_before:.1f}", f"{cut.tokens_per_text_after:.1f}"],
        ]
        if cut.accuracy_before is not None and cut.accuracy_after is not None:
            rows.append(["accuracy *", f"{100 * cut.accuracy_before:.1f} %", f"{100 * cut.accuracy_after:.1f} %"])
    return rows


def _pruning_notes(record: Pruning) -> list[str]:
    """Return what the reader of that table should know about its numbers."""
    notes = []
    if (cut := record.vocabulary) is not None:
        notes.append(
            f"* by the vocabulary cut alone, on {cut.texts} training texts that were held out of it; it saves "
            f"{cut.bytes_saved / 1e6:.1f} MB of FP32 embeddings, a quarter of that in int8"
        )
    if (recovery := record.distillation) is not None:
        notes.append(
            f"distilled: answers as the original on {100 * recovery.agreement_after:.1f} % of "
            f"{recovery.held_out} held-out texts ({100 * recovery.agreement_before:.1f} % before)"
        )
    return notes
