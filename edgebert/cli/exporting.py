"""The commands that make a bundle: export, strip, the recipes, and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import edgebert
from edgebert.cli import output
from edgebert.cli.answering import Aggregation, NoAnswer, Stride, Threshold, answer_options
from edgebert.cli.choices import complete_recipe
from edgebert.cli.layout import Column
from edgebert.cli.options import (
    BundleFolder,
    DataColumns,
    Force,
    Json,
    LabelColumn,
    Model,
    PairColumn,
    Restart,
    TextColumn,
    Wide,
    argument,
    numbers,
    option,
    start_over,
)
from edgebert.recipe import Format, built_in_recipes, check_training, load_recipe, narrowed, recipe_text
from edgebert.staging import check_folder

if TYPE_CHECKING:
    from edgebert.bundle import Bundle
    from edgebert.manifest import Artifact, Manifest

RECIPE = "Built-in recipe (edgebert recipes lists them) or a .toml file."


def export(
    model: Model,
    out: Annotated[Path, option("Bundle folder to write.", "--out", "-o", metavar="FOLDER")],
    recipe: Annotated[str, option(RECIPE, metavar="RECIPE", complete=complete_recipe)] = "int8",
    train: Annotated[
        Path | None, option("Data file to prune with, for recipes that prune; labels are optional.", metavar="FILE")
    ] = None,
    evaluation: Annotated[
        Path | None, option("Data file with right answers; every file is scored on it.", "--eval", metavar="FILE")
    ] = None,
    baseline: Annotated[
        str | None,
        option("Model to compare with, e.g. the one that MODEL was pruned from.", metavar="MODEL", default="MODEL"),
    ] = None,
    formats: Annotated[
        list[str] | None,
        option("File format to write.", default="those of the recipe", choices=get_args(Format), commas=True),
    ] = None,
    lengths: Annotated[
        list[str] | None,
        option(
            "Input length of the TFLite files, in tokens, e.g. 16,32,64; the last is the longest input of all files.",
            metavar="N",
            default="those of the recipe",
            commas=True,
        ),
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
        bool, option("Leave the FP32 files out of the bundle after the comparison.", "--no-baseline")
    ] = False,
    allow_added_tokens: Annotated[
        bool,
        option(
            "Accept a tokenizer with added tokens, e.g. <url>; your app must read text.added_tokens.",
            "--allow-added-tokens",
        ),
    ] = False,
    restart: Restart = False,
    force: Force = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Export a fine-tuned DistilBERT as a bundle of verified int8 files for apps.

    `--recipe` says what to make; some recipes prune the model first and need `--train`. [Pruning](pruning.md) says
    which recipe is for what. With `--eval`, the score of every file and its change against FP32 are written into the
    bundle. A pruned file is compared with the model before pruning. An interrupted distillation resumes, and
    `--restart` starts over. `--force` replaces an older bundle, and never a folder that holds other things. `--json`
    prints the manifest, see [bundle format](bundle-format.md).

    A tokenizer with added tokens (`tokenizer.add_tokens(["<url>"])`) needs `--allow-added-tokens`: an app that has only
    `vocab.txt` would split `<url>` into pieces. edgebert's Java core and web page read these tokens from
    `text.added_tokens` of the manifest; [tokenizer](tokenizer.md#1-special-and-added-tokens) shows how to do it
    elsewhere.
    """
    from edgebert.bundle import MANIFEST
    from edgebert.prediction import task_of

    plan = narrowed(
        load_recipe(recipe),
        formats=formats,
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
    if restart:
        start_over(out)
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
    bundle: BundleFolder,
    out: Annotated[Path, option("Bundle folder to write.", "--out", "-o", metavar="FOLDER")],
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Copy a bundle without its FP32 files.

    The FP32 files in `baseline/` are most of the size of a bundle, and no app needs them. `verify`, `predict` and
    `embed` take such a slim bundle like any other; `evaluate` needs the full one to compute the change against FP32.
    See [slim bundles](bundle-format.md#slim-bundles).
    """
    made = edgebert.strip(bundle, out, force=force)
    if as_json:
        output.show_json(made.manifest)
        return
    saved = sum(item.size_bytes for item in made.manifest.left_out) / 1e6
    output.show_note(f"wrote {out}, {saved:.1f} MB smaller than {bundle}")


def recipes(
    name: Annotated[
        str | None, argument("Recipe to print as TOML.", metavar="RECIPE", complete=complete_recipe)
    ] = None,
    *,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List the built-in recipes, or print one as a start for your own.

    Save the printed recipe as a `.toml` file, change it, and give its path to `export --recipe`.
    """
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
        f"{verified.max_difference:.2g} of {item.tolerance:.2g}",
    ]
