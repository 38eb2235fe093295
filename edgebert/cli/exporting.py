"""The commands that make a bundle: export, strip, the recipes, and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import edgebert
from edgebert.cli import output
from edgebert.cli.answering import Aggregation, NoAnswer, Stride, Threshold, answer_options
from edgebert.cli.layout import Column
from edgebert.cli.options import (
    DataColumns,
    Force,
    Json,
    LabelColumn,
    Model,
    PairColumn,
    TextColumn,
    Wide,
    argument,
    numbers,
    option,
    words,
)
from edgebert.errors import DataError, OutputError, UsageError
from edgebert.recipe import built_in_recipes, check_training, load_recipe, narrowed, recipe_text
from edgebert.staging import check_folder, check_parent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.bundle import Bundle
    from edgebert.demo.run import Compared
    from edgebert.manifest import Artifact, Manifest

_RECIPE = "Built-in recipe (edgebert recipes) or a .toml file."


def export(
    model: Model,
    out: Annotated[Path, option("Folder to make.")],
    recipe: Annotated[str, option(_RECIPE)] = "int8",
    train: Annotated[Path | None, option("Texts a recipe that prunes learns from; also .txt.")] = None,
    evaluation: Annotated[Path | None, option("Data file with right answers to score every file on.", "--eval")] = None,
    baseline: Annotated[
        str | None, option("Model to compare with, as the one a pruned MODEL was cut from.", default="MODEL")
    ] = None,
    formats: Annotated[str | None, option("Formats to make, as in onnx,tflite.", default="the recipe's")] = None,
    lengths: Annotated[
        str | None, option("TFLite input lengths in tokens, as in 16,32,64.", default="the recipe's")
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    aggregation: Aggregation = None,
    threshold: Threshold = None,
    no_answer: NoAnswer = None,
    stride: Stride = None,
    *,
    no_baseline: Annotated[
        bool, option("Leave the FP32 files out of the bundle once all is compared.", "--no-baseline")
    ] = False,
    allow_added_tokens: Annotated[
        bool,
        option(
            "Export a tokenizer with added tokens, e.g. <url>; your app's tokenizer must read text.added_tokens.",
            "--allow-added-tokens",
        ),
    ] = False,
    force: Force = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Turn a fine-tuned DistilBERT into a bundle of verified int8 files, pruned before if the recipe says so."""
    from edgebert.bundle import MANIFEST
    from edgebert.prediction import task_of

    plan = narrowed(
        load_recipe(recipe),
        formats=None if formats is None else words(formats),
        lengths=None if lengths is None else numbers(lengths, "--lengths", example="16,32,64"),
    )
    check_training(plan, given=train is not None)
    check_folder(out, force=force, marker=MANIFEST)
    task, meaning = task_of(model)
    options = answer_options(aggregation=aggregation, threshold=threshold, no_answer=no_answer, stride=stride)
    options.applied(meaning, task)
    options.check_stride(plan.lengths[-1])
    columns = DataColumns(text_column, pair_column, label_column)
    if baseline is not None:
        task_of(baseline)
    data, training = None, None
    if evaluation is not None:
        data = columns.dataset(evaluation, task, meaning)
    if train is not None:
        training = columns.training(train, task, meaning)
    with output.progress_bar() as progress:
        bundle = edgebert.export_bundle(
            model,
            out,
            recipe=plan,
            training=training,
            baseline=baseline,
            evaluation=data,
            options=options,
            keep_baselines=not no_baseline,
            allow_added_tokens=allow_added_tokens,
            force=force,
            progress=progress,
        )
    if as_json:
        output.show_json(bundle.manifest)
        return
    show_files(bundle, wide=wide)
    for note in _export_notes(bundle.manifest):
        output.show_note(note)
    if bundle.manifest.evaluation is not None:
        output.show_truncated(bundle.manifest.evaluation.truncated, bundle.manifest.text.max_length)
    output.show_note(f"wrote {out}")


def strip(
    bundle: Annotated[Path, argument("Bundle.")],
    out: Annotated[Path, option("Folder to make.")],
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Copy a bundle without its FP32 baselines: a slim bundle."""
    made = edgebert.strip(bundle, out, force=force)
    if as_json:
        output.show_json(made.manifest)
        return
    saved = sum(item.size_bytes for item in made.manifest.left_out) / 1e6
    output.show_note(f"wrote {out}, {saved:.1f} MB smaller than {bundle}")


def recipes(
    name: Annotated[str | None, argument("Recipe to print as TOML.")] = None,
    *,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List the built-in recipes, or print one to start your own from."""
    if as_json:
        output.show_json(list(built_in_recipes()) if name is None else load_recipe(name))
    elif name is not None:
        output.show_text(*recipe_text(name).rstrip().split("\n"))
    else:
        columns = (
            "recipe",
            "what it makes",
            Column("files", is_extra=True),
            Column("lengths", is_extra=True),
            "needs",
        )
        rows = [
            (
                item.name,
                item.description,
                ", ".join(target.file for target in item.targets),
                ", ".join(map(str, item.lengths)),
                "--train" if item.prune else "-",
            )
            for item in built_in_recipes()
        ]
        output.show_left_out(output.show_table(columns, rows, wide=wide))


def demo(
    out: Annotated[Path, option("Folder for checkpoint, texts and bundle.")] = Path("edgebert-demo"),
    train: Annotated[Path | None, option("Training texts of your own.")] = None,
    evaluation: Annotated[Path | None, option("Held-back texts of your own.", "--eval")] = None,
    recipe: Annotated[str | None, option(_RECIPE, default="int8, and beside it keep50-int8")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Fine-tune a real encoder on real texts, export it whole and pruned, score and time it: the whole path."""
    plan = None if recipe is None else load_recipe(recipe)
    if (train is None) != (evaluation is None):
        raise UsageError("--train and --eval go together", hint="give both files, or neither")
    for file in (train, evaluation):
        if file is not None and not file.is_file():
            raise DataError(f"{file}: there is no such file", hint="give a data file with right answers")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: exists already, and is not a folder", hint="give another name")
    check_parent(out)

    from edgebert.demo.run import run_demo  # loads torch

    with output.progress_bar() as progress:
        made = run_demo(out, train=train, evaluation=evaluation, recipe=plan, progress=progress)
    if as_json:
        pruned = made.pruned.manifest if made.pruned else None
        files = {"files": list(made.files), "predictions": made.predictions}
        output.show_json({"manifest": made.bundle.manifest, "pruned": pruned, **files})
        return
    if made.reused:
        output.show_note(f"taken from an earlier run: {', '.join(made.reused)}")
    columns = ("file", "size MB", "accuracy %", output.CHANGE, "ms a text", "speed-up")
    output.show_table(columns, _compared_rows(made.files))
    output.show_text("times: on this machine, one thread, one text after another", "")
    for item in made.predictions:
        output.show_text(f"{item.label}  {item.probability:.3f}  {item.text}")
    output.show_text("")
    for what, where in (
        ("checkpoint", made.model),
        ("bundle", made.bundle.root),
        *((("pruned bundle", made.pruned.root),) if made.pruned else ()),
        ("model card", (made.pruned or made.bundle).path("README.md")),
        ("training texts", made.train),
        ("held-back texts", made.evaluation),
    ):
        output.show_text(f"{what:<16} {where}")


def show_files(bundle: Bundle, *, wide: bool = False) -> None:
    """Print the closing table of an export, baselines last; ``wide`` shows all columns."""
    from edgebert.parity import PARITY
    from edgebert.tasks import task_head

    metric = output.metric_column(task_head(bundle.manifest.task).metrics[0])
    columns = (
        "file",
        Column("runtime", is_extra=True),
        "size MB",
        Column("of FP32", is_extra=True),
        metric,
        output.CHANGE,
        "agreement",
        Column("parity", is_extra=True),
    )
    rows = [_export_row(bundle, item) for item in (*bundle.shipped, *bundle.baseline)]
    output.show_left_out(output.show_table(columns, rows, wide=wide))
    if wide:
        output.show_hanging("parity: ", PARITY)


def _export_notes(manifest: Manifest) -> list[str]:
    """Return what the reader of that table should know about how its numbers came about."""
    from edgebert.metrics import METRICS
    from edgebert.tasks import task_head

    notes, pruning, data = [], manifest.pruning, manifest.evaluation
    if added := manifest.text.added_tokens:
        notes.append(
            f"the tokenizer has {len(added)} added token{'s' if len(added) > 1 else ''}, first {added[0].content!r}: "
            f"an app must take them out of texts before WordPiece (text.added_tokens; docs/tokenizer.md, step 1)"
        )
    if data is None:
        metric = METRICS[task_head(manifest.task).metrics[0]].name
        notes.append(f"{metric} was not measured: give --eval FILE to compare every file with the FP32 model")
    if pruning is not None and manifest.original is None:
        notes.append(
            "compared with the pruned FP32 model; give --baseline MODEL to compare with the original it was cut from"
        )
    if pruning is not None and data is not None and pruning.train.sha256 == data.sha256:
        notes.append("the texts of --eval took part in the pruning: scores on new ones will be worse")
    return notes


def _export_row(bundle: Bundle, item: Artifact) -> list[str]:
    from edgebert.card import share_of_float, share_text

    verified = item.verified[0]
    return [
        item.file,
        f"{verified.runtime} {verified.version}",
        f"{item.size_bytes / 1e6:.1f}",
        share_text(share_of_float(bundle.manifest, item)),
        *output.score_cells(item.score),
        f"{verified.max_difference:.1e} of {item.tolerance:.1e}",
    ]


def _compared_rows(files: Sequence[Compared]) -> list[list[str]]:
    """Return one row for each file, baselines last, timed against the FP32 file of its format."""
    float_ns = {item.artifact.format: item.text_ns for item in files if item.artifact.role == "baseline"}
    return [
        [
            f"{item.bundle}/{item.artifact.file}",
            f"{item.artifact.size_bytes / 1e6:.1f}",
            *output.score_cells(item.artifact.score)[:2],
            f"{item.text_ns / 1e6:.2f}",
            f"{float_ns[item.artifact.format] / item.text_ns:.2f} x",
        ]
        for item in sorted(files, key=lambda item: item.artifact.role == "baseline")
    ]
