"""The typer app: every command is read here, calls the library once, and shows what came of it."""

from __future__ import annotations

import io
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Force, Json, LabelColumn, RecipeName, TextColumn, lines_of_stdin, numbers, words
from edgebert.cli.benching import bench, devices, emulator_app, runtime_app
from edgebert.cli.embedding import embed
from edgebert.cli.judging import check, compare
from edgebert.cli.planning import plan
from edgebert.cli.pruning import prune
from edgebert.cli.reporting import report
from edgebert.cli.training import finetune, import_bert
from edgebert.errors import CheckFailed, EdgebertError, EnvironmentProblem, UsageError

app = typer.Typer(
    name="edgebert",
    help="Take a fine-tuned DistilBERT to phones and edge boards: int8 ONNX and TFLite files, with proof of accuracy.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, value: bool) -> None:
    if value:
        from importlib import metadata

        output.show_text(f"edgebert {metadata.version('edgebert')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also show what the libraries underneath write, and tracebacks.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Example: edgebert export ./model --recipe prune50-int8 --train train.tsv --eval dev.tsv --out bundle"
)
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
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Turn a fine-tuned DistilBERT into a bundle of verified int8 files, pruned before if the recipe says so."""
    from edgebert.cli.render import EXPORT_COLUMNS, export_notes, export_rows
    from edgebert.data import read_dataset, read_training
    from edgebert.evaluation import labels_of
    from edgebert.pipeline import export_bundle

    data, training = None, None
    if evaluation is not None:
        data = read_dataset(evaluation, labels=labels_of(model), text_column=text_column, label_column=label_column)
    if train is not None:
        training = read_training(train, labels=labels_of(model), text_column=text_column, label_column=label_column)
    with output.progress_bar() as progress:
        bundle = export_bundle(
            model,
            out,
            recipe=recipe,
            training=training,
            baseline=baseline,
            evaluation=data,
            formats=None if formats is None else words(formats),  # type: ignore[arg-type]  # the recipe checks them
            lengths=None if lengths is None else numbers(lengths, "--lengths"),
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


@app.command(epilog="Example: edgebert evaluate bundle --data dev.tsv --runtime litert")
def evaluate(
    target: Annotated[str, typer.Argument(help="Bundle, checkpoint folder or Hub id.")],
    data: Annotated[Path, typer.Option(help="Labelled texts: .csv, .tsv or .jsonl, gzipped or not.")],
    runtime: Annotated[
        str | None, typer.Option(help="onnxruntime, litert, tflite-runtime, or torch for a checkpoint.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="Only this file of the bundle, as in int8.onnx.")] = None,
    metric: Annotated[str, typer.Option(help="accuracy or macro_f1.")] = "accuracy",
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    *,
    as_json: Json = False,
) -> None:
    """Score every file of a bundle, text by text against its float baseline."""
    from edgebert.cli.render import SCORE_COLUMNS, score_rows
    from edgebert.data import read_dataset
    from edgebert.evaluation import evaluate as score
    from edgebert.evaluation import labels_of

    labels = labels_of(target)
    examples = read_dataset(data, labels=labels, text_column=text_column, label_column=label_column)
    with output.progress_bar() as progress:
        found = score(target, examples, runtime=runtime, file=file, metric=metric, progress=progress)
    if as_json:
        output.show_json({"results": found.results, "truncated": found.truncated})
        return
    output.show_table(SCORE_COLUMNS, score_rows(found.results))
    output.show_truncated(found.truncated, None)


@app.command(epilog='Example: edgebert predict bundle "I love it" "Not for me"   or: edgebert predict bundle < texts')
def predict(
    target: Annotated[str, typer.Argument(help="Bundle, checkpoint folder or Hub id.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, one a line from standard input.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="File of the bundle, as in int8.tflite.")] = None,
    runtime: Annotated[str | None, typer.Option(help="Runtime to run it in.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Label texts."""
    from edgebert.evaluation import predict as answer

    given = texts or lines_of_stdin()
    predictions = answer(target, given, file=file, runtime=runtime)
    if as_json:
        output.show_json(list(predictions))
        return
    width = max((len(item.label) for item in predictions), default=0)
    for item in predictions:
        shown = " ".join(item.text.split())
        output.show_text(f"{item.label:<{width}}  {item.probability:.3f}  {shown}")


@app.command(epilog="Example: edgebert inspect bundle")
def inspect(
    bundle: Annotated[Path, typer.Argument(help="Bundle.")],
    *,
    as_json: Json = False,
) -> None:
    """Show what is inside a bundle: sizes by part, operators, inputs and outputs, lengths, versions."""
    from edgebert.bundle import open_bundle
    from edgebert.cli.render import inspection_head, inspection_rows

    opened = open_bundle(bundle)
    if as_json:
        output.show_json(opened.manifest)
        return
    output.show_text(f"{bundle}: {inspection_head(opened.manifest)}\n")
    for item in (*opened.shipped, *opened.baseline):
        output.show_table((item.file, ""), inspection_rows(item))


@app.command(epilog="Example: edgebert verify bundle --runtime onnxruntime")
def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle.")],
    runtime: Annotated[
        list[str] | None, typer.Option(help="Runtime to run it in; repeatable.", show_default="all installed")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Check hashes, sizes, golden ids and golden logits; exit 1 when anything is wrong."""
    from edgebert.verification import verify as check

    checks = check(bundle, runtimes=tuple(runtime) if runtime else None)
    failed = [item for item in checks if item.ok is False]
    if as_json:
        output.show_json({"ok": not failed, "checks": checks})
    else:
        marks = {True: "ok", False: "FAILED", None: "not run"}
        for item in checks:
            where = f"{item.file} in {item.runtime}" if item.runtime else item.file
            output.show_text(f"{marks[item.ok]:<8} {item.what:<10} {where}: {item.detail}")
            if item.ok is False and item.hint:
                output.show_text(f"{'':<19} {item.hint}")
    if failed:
        names = ", ".join(dict.fromkeys(item.file for item in failed))
        raise CheckFailed(f"{bundle}: {len(failed)} of {len(checks)} checks failed: {names}")


app.command(epilog="Example: edgebert finetune ./base --train train.tsv --eval dev.tsv --out ./model --epochs 2")(
    finetune
)
app.command(epilog="Example: edgebert prune ./model --train train.tsv --keep 0.35 --distill 2 --out ./pruned")(prune)
app.command(epilog="Example: edgebert plan ./model --train train.tsv --eval dev.tsv --max-drop 1 --max-mb 20")(plan)
app.command(epilog="Example: edgebert bench bundle --device adb:SERIAL --data dev.tsv --accuracy all --out phone.json")(
    bench
)
app.command(epilog="Example: edgebert devices")(devices)
app.command(epilog="Example: edgebert embed bundle --android app/src/main/assets --kotlin-package com.example.app")(
    embed
)
app.command(epilog="Example: edgebert report phone.json board.json --html report.html")(report)
app.command(epilog="Example: edgebert compare last-release.json report.json")(compare)
app.command(
    epilog="Example: edgebert check bundle --report phone.json --max-drop 1 --max-mb 30 --min-speedup 3 --max-p90-ms 25"
)(check)
app.add_typer(runtime_app, name="runtime")
app.add_typer(emulator_app, name="emulator")
app.command("import-bert", epilog="Example: edgebert import-bert ./all-MiniLM-L6-v2 --out ./base")(import_bert)


@app.command(epilog="Example: edgebert recipes int8")
def recipes(
    name: Annotated[str | None, typer.Argument(help="Recipe to print as TOML.")] = None, *, as_json: Json = False
) -> None:
    """List the built-in recipes, or print one to start your own from."""
    from edgebert.cli.render import RECIPE_COLUMNS, recipe_rows
    from edgebert.recipe import built_in_recipes, load_recipe, recipe_text

    if as_json:
        output.show_json(list(built_in_recipes()) if name is None else load_recipe(name))
    elif name is not None:
        output.show_text(recipe_text(name).rstrip())
    else:
        output.show_table(RECIPE_COLUMNS, recipe_rows(built_in_recipes()))


@app.command(epilog="Example: edgebert doctor --json")
def doctor(*, as_json: Json = False) -> None:
    """Show which runtimes and extras are installed, what clashes, whether this CPU can be trusted, and the mends."""
    from edgebert.doctor import diagnose

    findings = diagnose()
    if as_json:
        output.show_json(list(findings))
    else:
        for item in findings:
            output.show_text(f"{item.status:<8} {item.topic}: {item.detail}")
            if item.mend:
                output.show_text(f"{'':<8} -> {item.mend}")
    if clashes := [item.topic for item in findings if item.status == "clash"]:
        raise EnvironmentProblem(f"{len(clashes)} clash: {', '.join(clashes)}")


@app.command(epilog="Example: edgebert demo --out build/demo")
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
    from edgebert.demo.run import run_demo

    with output.progress_bar() as progress:
        made = run_demo(out, train=train, evaluation=evaluation, recipe=recipe, progress=progress)
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
    output.show_text("times: on this machine, one thread, one text after another\n")
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


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    # Nothing edgebert or its dependencies run may phone home, whatever the command.
    for name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ[name] = "1"
    # Texts come and go as UTF-8, whatever the locale; a file name that is none keeps its bytes.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    if "_EDGEBERT_COMPLETE" in os.environ:
        app(prog_name="edgebert")  # the shell asks what could come next: typer answers and leaves
    verbose = "--verbose" in given
    with output.quiet_libraries(verbose=verbose):
        code = _run(given or ["--help"], verbose=verbose)
    sys.exit(code)


def _run(given: list[str], *, verbose: bool) -> int:
    # Typer's own main would turn an interrupt and a broken pipe into exit codes of its own before they got here.
    command = typer.main.get_command(app)
    try:
        with command.make_context("edgebert", list(given)) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as leave:
        return leave.exit_code
    except EdgebertError as error:
        return _failed(error, verbose=verbose)
    except typer.TyperException as error:
        return _failed(_usage_error(error), verbose=verbose)
    except KeyboardInterrupt:
        output.show_note("interrupted; nothing was left half-written")
        return 130
    except (BrokenPipeError, SystemExit):  # rich, which prints tables and help, makes the second of the first
        _let_go_of_output()  # the reader has seen enough
    except OSError as error:
        _let_go_of_output()
        where = error.filename or "the system"
        return _failed(EnvironmentProblem(f"{where}: {error.strerror or error}"), verbose=verbose)
    except MemoryError:
        return _failed(EnvironmentProblem("not enough memory"), verbose=verbose)
    except Exception as error:  # noqa: BLE001  # a mistake of ours or of a converter: still one line, not a page
        mistake = EnvironmentProblem(
            f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            hint="edgebert --verbose COMMAND ... shows where; please report it",
        )
        return _failed(mistake, verbose=verbose)
    return 0


def _let_go_of_output() -> None:
    """Send what is still buffered nowhere if it cannot be written, so that leaving does not fail on it once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(error: EdgebertError, *, verbose: bool) -> int:
    if verbose:
        traceback.print_exc()
    output.show_error(error)
    return error.exit_code


def _usage_error(error: typer.TyperException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "edgebert"
    return UsageError(" ".join(error.format_message().split()), hint=f"{command} --help")
