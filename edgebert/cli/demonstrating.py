"""The command that goes the whole way once: demo."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from edgebert.cli import output
from edgebert.cli.choices import complete_recipe
from edgebert.cli.exporting import RECIPE
from edgebert.cli.options import (
    Json,
    option,
)
from edgebert.errors import DataError, OutputError, UsageError
from edgebert.recipe import load_recipe
from edgebert.staging import check_parent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.demo.run import Compared


def demo(
    out: Annotated[Path, option("Folder for checkpoint, data and bundles.", "--out", "-o", metavar="FOLDER")] = Path(
        "edgebert-demo"
    ),
    train: Annotated[
        Path | None, option("Training file of your own; needs --eval.", metavar="FILE", default="public reviews")
    ] = None,
    evaluation: Annotated[
        Path | None, option("Held-out file of your own; needs --train.", "--eval", metavar="FILE")
    ] = None,
    recipe: Annotated[
        str | None, option(RECIPE, metavar="RECIPE", default="int8 and keep50-int8", complete=complete_recipe)
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Run the whole workflow once: fine-tune, export, prune, score and time.

    Without `--train` and `--eval` it downloads rated sentences of reviews and tweets with pip, and checks their hash. A
    second run reuses the trained checkpoint. Latency is that of this machine, not of a phone.
    """
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
