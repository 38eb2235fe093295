"""The command that finds out what to ship within a budget."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import edgebert
from edgebert.arguments import MOST_SEED
from edgebert.cli import output
from edgebert.cli.layout import Column
from edgebert.cli.options import (
    DataColumns,
    Json,
    LabelColumn,
    Model,
    PairColumn,
    Restart,
    TextColumn,
    Wide,
    option,
    within,
)
from edgebert.errors import CheckFailed, EnvironmentProblem, UsageError
from edgebert.recipe import Format

if TYPE_CHECKING:
    from edgebert.planning.values import Bounds, Measured, SearchResult

DECISIONS = {"pass": "passed", "fail": "failed", "undecided": "undecided"}


def plan(
    model: Model,
    train: Annotated[Path, option("Data file to prune with; labels are optional.", metavar="FILE")],
    evaluation: Annotated[
        Path, option("Data file with right answers; every candidate is scored on it.", "--eval", metavar="FILE")
    ],
    max_drop: Annotated[
        float | None,
        option(
            "Largest drop of the task's metric against the original: in points for a percentage, else a plain number.",
            default="1 point, or 0.01 for a correlation or cosine",
        ),
    ] = None,
    max_mb: Annotated[
        float | None, option("Largest file size, in MB (1,000,000 bytes).", metavar="MB", default="no limit")
    ] = None,
    min_speedup: Annotated[
        float | None,
        option(
            "Smallest speed-up over the FP32 original, e.g. 3; files are timed on this machine.",
            metavar="TIMES",
            default="no limit, not timed",
        ),
    ] = None,
    out: Annotated[Path, option("Folder for state, picture and recipe.", "--out", "-o", metavar="FOLDER")] = Path(
        "edgebert-plan"
    ),
    shares: Annotated[
        list[str] | None,
        option(
            "Share of the multiply-accumulates to try, e.g. 0.5,0.35.",
            metavar="SHARE",
            default="nine, from 1 to 0.2",
            commas=True,
        ),
    ] = None,
    formats: Annotated[Format, option("File format to search; tflite takes far longer.")] = "onnx",
    seed: Annotated[
        int, option("Seed of pruning, distillation and the sample of timed texts.", check=within(0, MOST_SEED))
    ] = 0,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    recover: Annotated[
        bool, option("Also try distillation to recover accuracy, where it can change the pick.", "--recover")
    ] = False,
    measure: Annotated[bool, option("Time the files even without --min-speedup.", "--measure")] = False,
    restart: Restart = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Search for the best file within limits on accuracy, size and speed; an interrupted search resumes.

    Tries how much to prune, whether to cut the vocabulary, and the precision. The state of the search, the picture
    `plan.svg` and the recipe of the pick, `pick.toml`, are written to `--out`. The same command with other limits
    reuses what was measured.

    Exit code 1: no candidate is within the limits. The message says which limit to relax and by how much.
    """
    from edgebert.metrics import METRICS
    from edgebert.planning.state import check_folder, kept
    from edgebert.planning.values import RECOVERY_EPOCHS, SHARES, PlanOptions
    from edgebert.prediction import task_of
    from edgebert.tasks import task_head

    options = PlanOptions(
        shares=SHARES if shares is None else _shares(shares),
        format=formats,
        recovery_epochs=RECOVERY_EPOCHS if recover else 0.0,
        is_timed=measure,
        seed=seed,
    )
    check_folder(out)
    task, meaning = task_of(model)
    drop = METRICS[task_head(task).metrics[0]].usual_drop if max_drop is None else max_drop
    assert drop is not None, "the first metric of each task has one"
    bounds = edgebert.Bounds(max_drop=drop, max_mb=max_mb, min_speedup=min_speedup)
    named = DataColumns(text_column, pair_column, label_column)
    training, data = named.training(train, task, meaning), named.dataset(evaluation, task, meaning)
    try:
        with output.progress_bar() as progress:
            found = edgebert.plan(
                model, training, data, out, bounds=bounds, options=options, force=restart, progress=progress
            )
    except (KeyboardInterrupt, EnvironmentProblem):
        output.show_note(kept(out))
        raise
    columns = {"--text-column": text_column, "--pair-column": pair_column, "--label-column": label_column}
    command = None if found.pick is None else _command(found.pick, model, train, evaluation, out, columns)
    if as_json:
        output.show_json(_plain(found, command))
    else:
        _show(found, out, command, wide=wide)
    if training.sha256 == data.sha256:
        output.show_note("the texts of --eval took part in the pruning: scores on new ones will be worse")
    if found.pick is None:
        raise _infeasible(found)


def _shares(given: list[str]) -> tuple[float, ...]:
    text = ",".join(given)
    try:
        return tuple(float(word) for word in given)
    except ValueError as error:
        raise UsageError(f"--shares is {text!r}, not numbers separated by commas", hint="e.g. 0.5,0.35") from error


def _show(found: SearchResult, out: Path, command: str | None, *, wide: bool) -> None:
    from edgebert.planning.front import RULE
    from edgebert.planning.state import PLOT

    if found.pick is not None:
        output.show_text(f"pick: {found.pick.name}")
        output.show_hanging("      ", RULE)
        output.show_hanging("      ", _verdict(found.pick, found.bounds))
        output.show_text(f"      {command}", "")
    is_timed = found.options.is_timed
    columns = (
        "not beaten in all at once",
        "size MB",
        Column("work %", is_extra=True),
        *(("speed-up (95 % interval)",) if is_timed else ()),
        Column(_metric(found), is_extra=is_timed),
        "drop (95 % interval)",
        "",
    )
    left_out = output.show_table(columns, [_row(found, trial) for trial in found.front], wide=wide)
    if found.losses:
        output.show_text()
        output.show_table(("not picked", "why"), [(loss.trial.name, loss.reason) for loss in found.losses])
    if is_timed:
        output.show_note("times are those of this machine, not of a phone")
    output.show_left_out(left_out)
    output.show_note(f"drew {out / PLOT}")


def _metric(found: SearchResult) -> str:
    metric = found.trials[0].metric
    return f"{metric.name} %" if metric.in_points else metric.name


def _row(found: SearchResult, trial: Measured) -> list[str]:
    from edgebert.planning.front import amount

    timed = [_speed(found, trial)] if found.options.is_timed else []
    lost, low, high = map(trial.drop_text, (trial.drop, *trial.drop_interval))
    drop = f"{lost} ({low} to {high})"
    return [
        trial.name,
        amount(trial.size_mb),
        f"{100 * trial.work:.1f}",
        *timed,
        trial.metric.shown(trial.score.value),
        "the FP32 original" if trial.score.difference is None else drop,
        "<- pick" if trial == found.pick else "",
    ]


def _speed(found: SearchResult, trial: Measured) -> str:
    from edgebert.planning.front import speed_decision, speed_text

    least = found.bounds.min_speedup
    return speed_text(trial) if least is None else f"{speed_text(trial)}, {DECISIONS[speed_decision(trial, least)]}"


def _verdict(pick: Measured, bounds: Bounds) -> str:
    from edgebert.planning.front import is_certain

    lost, low, high = map(pick.drop_text, (pick.drop, *pick.drop_interval))
    unit = f" {pick.metric.unit}" if pick.metric.unit else ""
    drop = f"drop {lost}{unit}, 95 % interval {low} to {high}"
    if is_certain(pick, bounds):
        return f"{drop}, all of it within {bounds.max_drop:g}"
    return f"{drop}, which reaches across {bounds.max_drop:g}: more --eval texts would tell"


def _command(
    pick: Measured, model: str, train: Path, evaluation: Path, out: Path, columns: dict[str, str | None]
) -> str:
    from edgebert.planning.state import PICK

    is_pruned = pick.candidate.keep < 1 or pick.candidate.vocabulary
    arguments = ["edgebert", "export", model, "--recipe", str(out / PICK)]
    arguments += ["--train", str(train)] if is_pruned else []
    arguments += ["--eval", str(evaluation), "--out", "bundle"]
    for name, column in columns.items():
        arguments += [name, column] if column else []
    return shlex.join(arguments)


def _plain(found: SearchResult, command: str | None) -> dict[str, object]:
    from edgebert.planning.front import speed_decision

    least = found.bounds.min_speedup

    def row(trial: Measured) -> dict[str, object]:
        low, high = trial.drop_interval
        speed = trial.speed if found.options.is_timed else None
        return {
            "name": trial.name,
            "candidate": trial.candidate,
            "size_bytes": trial.size_bytes,
            "work": trial.work,
            "speedup": speed and speed.value,
            "speedup_low": speed and speed.low,
            "speedup_high": speed and speed.high,
            "speedup_decision": None if least is None else DECISIONS[speed_decision(trial, least)],
            "metric": trial.score.metric,
            "accuracy": trial.score.value,
            "accuracy_low": trial.score.low,
            "accuracy_high": trial.score.high,
            "drop": trial.drop,
            "drop_low": low,
            "drop_high": high,
            "front": trial in found.front,
        }

    return {
        "bounds": found.bounds,
        "pick": None if found.pick is None else found.pick.name,
        "command": command,
        "trials": [row(trial) for trial in found.trials],
        "losses": [{"name": loss.trial.name, "reason": loss.reason} for loss in found.losses],
        "relaxations": [{"bounds": item.bounds, "name": item.trial.name} for item in found.relaxations],
    }


def _infeasible(found: SearchResult) -> CheckFailed:
    from edgebert.planning.front import relaxation_text

    ways = ", or ".join(relaxation_text(item, found.bounds) for item in found.relaxations)
    hint = "relax the bound as told: what was measured is kept, the same command answers at once"
    if not found.options.recovery_epochs:
        hint = "--recover may win back what was lost; what was measured is kept, so a relaxed bound is answered at once"
    if any("undecided" in loss.reason for loss in found.losses):
        hint = f"{hint}; --restart times undecided candidates again, best on a machine that does nothing else"
    return CheckFailed(f"no candidate is within the bounds: {ways}", hint=hint)
