"""What makes a bundle: export, the recipes it follows, and the whole path on real texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Force, Json, LabelColumn, RecipeName, TextColumn, numbers, words
from edgebert.errors import DataError, OutputError, UsageError


def export(
    model: Annotated[str, typer.Argument(help="Checkpoint folder or Hub id of a fine-tuned DistilBERT.")],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    recipe: RecipeName = "int8",
    train: Annotated[Path | None, typer.Option(help="Texts a recipe that prunes learns from; also .txt.")] = None,
    evaluation: Annotated[
        Path | None, typer.Option("--eval", help="Labelled texts (.csv, .tsv, .jsonl, .gz) to score every file on.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Model to compare with, as the one a pruned MODEL was cut from.", show_default="MODEL"),
    ] = None,
    formats: Annotated[
        str | None, typer.Option(help="Formats to make, as in onnx,tflite.", show_default="the recipe's")
    ] = None,
    lengths: Annotated[
        str | None, typer.Option(help="TFLite input lengths in tokens, as in 16,32,64.", show_default="the recipe's")
    ] = None,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    *,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Leave the FP32 files out of the bundle once all is compared.")
    ] = False,
    allow_added_tokens: Annotated[
        bool,
        typer.Option(
            "--allow-added-tokens",
            help="Export a tokenizer with added tokens, e.g. <url>; your app's tokenizer must read text.added_tokens.",
        ),
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Turn a fine-tuned DistilBERT into a bundle of verified int8 files, pruned before if the recipe says so."""
    from edgebert.bundle import MANIFEST
    from edgebert.cli.render import EXPORT_COLUMNS, export_notes, export_rows
    from edgebert.data import read_dataset, read_training
    from edgebert.prediction import labels_of
    from edgebert.recipe import check_training, load_recipe, narrowed
    from edgebert.staging import check_folder

    plan = narrowed(
        load_recipe(recipe),
        formats=None if formats is None else words(formats),
        lengths=None if lengths is None else numbers(lengths, "--lengths", example="16,32,64"),
    )
    check_training(plan, given=train is not None)
    check_folder(out, force=force, marker=MANIFEST)
    labels = labels_of(model)
    if baseline is not None:
        labels_of(baseline)
    data, training = None, None
    if evaluation is not None:
        data = read_dataset(evaluation, labels=labels, text_column=text_column, label_column=label_column)
    if train is not None:
        training = read_training(train, labels=labels, text_column=text_column, label_column=label_column)

    from edgebert.pipeline import export_bundle  # loads torch

    with output.progress_bar() as progress:
        bundle = export_bundle(
            model,
            out,
            recipe=plan,
            training=training,
            baseline=baseline,
            evaluation=data,
            keep_baselines=not no_baseline,
            allow_added_tokens=allow_added_tokens,
            force=force,
            progress=progress,
        )
    if as_json:
        output.show_json(bundle.manifest)
        return
    output.show_table(EXPORT_COLUMNS, export_rows(bundle))
    for note in export_notes(bundle.manifest):
        output.show_note(note)
    if bundle.manifest.evaluation is not None:
        output.show_truncated(bundle.manifest.evaluation.truncated, bundle.manifest.text.max_length)
    output.show_note(f"wrote {out}")


def strip(
    bundle: Annotated[Path, typer.Argument(help="Bundle.")],
    out: Annotated[Path, typer.Option(help="Folder to make.")],
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Copy a bundle without its FP32 baselines: a slim bundle."""
    from edgebert.slim import strip as copy

    made = copy(bundle, out, force=force)
    if as_json:
        output.show_json(made.manifest)
        return
    saved = sum(item.size_bytes for item in made.manifest.left_out) / 1e6
    output.show_note(f"wrote {out}, {saved:.1f} MB smaller than {bundle}")


def recipes(
    name: Annotated[str | None, typer.Argument(help="Recipe to print as TOML.")] = None, *, as_json: Json = False
) -> None:
    """List the built-in recipes, or print one to start your own from."""
    from edgebert.cli.render import RECIPE_COLUMNS, recipe_rows
    from edgebert.recipe import built_in_recipes, load_recipe, recipe_text

    if as_json:
        output.show_json(list(built_in_recipes()) if name is None else load_recipe(name))
    elif name is not None:
        output.show_text(*recipe_text(name).rstrip().split("\n"))
    else:
        output.show_table(RECIPE_COLUMNS, recipe_rows(built_in_recipes()))


def demo(
    out: Annotated[Path, typer.Option(help="Folder for checkpoint, texts and bundle.")] = Path("edgebert-demo"),
    train: Annotated[Path | None, typer.Option(help="Training texts of your own.")] = None,
    evaluation: Annotated[Path | None, typer.Option("--eval", help="Held-back texts of your own.")] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Built-in recipe (edgebert recipes) or a .toml file.", show_default="int8, and beside it prune50-int8"
        ),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Fine-tune a real encoder on real texts, export it whole and pruned, score and time it: the whole path."""
    from edgebert.cli.render import COMPARED_COLUMNS, compared_rows
    from edgebert.recipe import load_recipe
    from edgebert.staging import check_parent

    plan = None if recipe is None else load_recipe(recipe)
    if (train is None) != (evaluation is None):
        raise UsageError("--train and --eval go together", hint="give both files, or neither")
    for file in (train, evaluation):
        if file is not None and not file.is_file():
            raise DataError(f"{file}: there is no such file", hint="give a file of labelled texts")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: exists already, and is not a folder", hint="give another name")
    check_parent(out)

    from edgebert.demo.run import run_demo  # loads torch

    with output.progress_bar() as progress:
        made = run_demo(out, train=train, evaluation=evaluation, recipe=plan, progress=progress)
    if as_json:
        pruned = made.pruned.manifest if made.pruned else None
        files = list(made.files)
        predictions = made.predictions
        output.show_json(
            {"manifest": made.bundle.manifest, "pruned": pruned, "files": files, "predictions": predictions}
        )
        return
    if made.reused:
        output.show_note(f"taken from an earlier run: {', '.join(made.reused)}")
    output.show_table(COMPARED_COLUMNS, compared_rows(made.files))
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
