"""Every option of every command: a wrong value is refused before the work, a repeated one too; ``~`` is a home."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from edgebert.cli.commands import with_home
from tests.cli.prune_files import rows
from tests.support import fakes
from tests.support.commands import CLEAR, COMMANDS

ROOT = Path(__file__).parents[2]

# What each option refuses, by its name, or by command and name where a name means several things.
INTEGER, NUMBER, SEED = ("two", "-1"), ("two", "nan", "-1", "inf"), ("two", "-1", "9" * 30)
MISSING, TAKEN, NO_FOLDER = "none.tsv", "taken", "none/none/x"
BAD: dict[str, tuple[str, ...]] = {
    "--train": (MISSING,),
    "--eval": (MISSING,),
    "--keep-tokens-of": (MISSING,),
    "--suite": (MISSING,),
    "--report": (MISSING,),
    "--worker": (MISSING, "text.tsv"),
    "--latency-table": ("text.tsv", "taken"),
    "--out": ("taken", "text.tsv/x"),
    "demo --out": ("text.tsv", "text.tsv/x"),
    "--key": ("none.pem", "text.tsv"),
    "--new-key": ("text.tsv", NO_FOLDER),
    "--public-key": ("none.pub", "text.tsv"),
    "--html": ("taken", NO_FOLDER, "text.tsv"),
    "--junit": ("taken", NO_FOLDER, "text.tsv"),
    "--android": (NO_FOLDER,),
    "--into": (NO_FOLDER, "text.tsv/x"),
    "--kotlin-out": ("none/Model.kt", "Model.java"),
    "--kotlin-package": ("1bad", "no spaces"),
    "--folder": ("../x", ".x"),
    "--recipe": ("nope", "none.toml"),
    "--baseline": ("./none",),
    "--formats": ("pdf", ",", "onnx,pdf"),
    "--lengths": ("two", "5", "9999", ","),
    "--runtime": ("nope",),
    "--file": ("nope.onnx",),
    "--metric": ("f1",),
    "--text-column": ("nope",),
    "--label-column": ("nope",),
    "--pair-column": ("nope",),
    "--task": ("nope",),
    "--teacher": ("./none",),
    "--class-weights": ("nope",),
    "--precision": ("int8",),
    "bench --device": ("nope:1", "ssh:", "local:x"),
    "check --device": ("nope",),
    "--cores": ("x", "1,1"),
    "--eval-samples": ("some", "-1"),
    "--aggregation": ("nope", "max"),
    "--threshold": ("two", "-1", "nan", "2", "a=", "a=b", "0.4"),
    "--stride": ("two", "-1", "1000", "3"),
    "--threads": ("two", "0", "-1"),
    "--shares": ("two", "2", "0"),
    "--allow": ("nope",),
    "--seed": SEED,
}
# What a value does not say by itself: only a device, or the report, knows it.
FREE = {"bench --python", "check --series", "predict --question", "predict --context"}

# Only with the extra that reads keys is one refused for what it is.
KEYS = {"--key", "--new-key", "--public-key"}

WHOLE = {"prune --keep", "prune --latency-share"}


def refused(name: str, option: Any) -> tuple[str, ...]:
    """Return values that an option has to refuse; flags have none."""
    long = option.opts[0]
    if option.is_flag or f"{name} {long}" in FREE or (long in KEYS and find_spec("cryptography") is None):
        return ()
    if found := BAD.get(f"{name} {long}") or BAD.get(long):
        return found
    kinds = typing.get_args(typing.get_type_hints(COMMANDS[name].callback)[option.name])
    kind = next(iter(kinds), typing.get_type_hints(COMMANDS[name].callback)[option.name])
    if kind in {int, float}:
        more = ("50", "0") if f"{name} {long}" in WHOLE else ()
        return (*(INTEGER if kind is int else NUMBER), *more)
    pytest.fail(f"{name} {long} is new: say in this file what it refuses")


def right(folder: Path) -> dict[str, list[str]]:
    """Return arguments with which each command would begin its work."""
    model, bundle = str(fakes.shared_checkpoint()), str(fakes.shared_bundle())
    texts = str(folder / "train.csv")
    return {
        "export": [model, "--out", "new"],
        "evaluate": [bundle, "--eval", texts],
        "predict": [bundle, "good"],
        "inspect": [bundle],
        "verify": [bundle],
        "sign": [],
        "strip": [bundle, "--out", "new"],
        "finetune": [model, "--train", texts, "--out", "new"],
        "prune": [model, "--train", texts, "--out", "new", "--keep", "0.5"],
        "plan": [model, "--train", texts, "--eval", texts, "--out", "new"],
        "bench": [bundle, "--out", "new.json"],
        "devices": [],
        "embed": [bundle, "--into", "new"],
        "report": ["report.json"],
        "compare": ["report.json", "report.json"],
        "check": [bundle, "--max-mb", "100"],
        "import-bert": [model, "--out", "new"],
        "recipes": [],
        "doctor": [],
        "demo": [],
        "worker build": ["--out", "new.tar.gz"],
        "emulator setup": [],
    }


def with_value(name: str, words: list[str], option: str, value: str) -> list[str]:
    """Return a command line with one option in the place of what it had, and what that option needs beside it."""
    words = list(words)
    if option in words:
        at = words.index(option)
        del words[at : at + 2]
    more = {
        "prune --latency-table": ["--latency-share", "0.5"],
        "prune --learning-rate": ["--distill", "1"],
        "prune --keep-tokens-of": ["--cut-vocabulary"],
        "bench --worker": ["--device", "ssh:nobody@localhost"],
        "bench --text-column": ["--eval", "train.csv"],
        "bench --label-column": ["--eval", "train.csv"],
        "bench --pair-column": ["--eval", "train.csv"],
        "export --text-column": ["--eval", "train.csv"],
        "export --pair-column": ["--eval", "train.csv"],
        "finetune --patience": ["--eval", "train.csv"],
        "export --label-column": ["--eval", "train.csv"],
        "check --device": ["--report", "report.json"],
        "sign --key": [str(fakes.shared_bundle())],
    }.get(f"{name} {option}", [])
    if option == "--latency-share" or "--latency-share" in more:
        at = words.index("--keep")
        del words[at : at + 2]
    if name == "embed" and option in {"--android", "--folder", "--kotlin-package", "--kotlin-out"}:
        del words[words.index("--into") : words.index("--into") + 2]
        more = [] if option == "--android" else ["--android", "app/src/main/assets"]
        more += ["--kotlin-package", "com.example.app"] if option == "--kotlin-out" else []
    return [*name.split(), *words, *more, f"{option}={value}"]


def cases(folder: Path) -> Iterator[list[str]]:
    arguments = right(folder)
    for name, command in COMMANDS.items():
        for item in command.params:
            if item.param_type_name == "option" and item.name != "help":
                for value in refused(name, item):
                    yield with_value(name, arguments[name], item.opts[0], value)


# Without these, work that begins ends with exit code 3.
PROGRAM = """
import contextlib, io, json, sys

sys.modules.update(dict.fromkeys(["torch", "onnxruntime", "ai_edge_litert", "tflite_runtime"]))
from edgebert.cli.app import main

answers = []
for words in json.load(open(sys.argv[1])):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as left:
            answers.append([words, left.code, err.getvalue()])
print(json.dumps(answers))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files that the commands name, right ones and wrong ones."""
    from edgebert.benchmarking.report import write_report
    from tests.support import report_values as rv

    fakes.write_data(tmp_path / "train.csv", rows())
    write_report(rv.make_report(rv.make_measurement()), tmp_path / "report.json")
    (tmp_path / "text.tsv").write_text("mine\n")
    (tmp_path / TAKEN).mkdir()
    (tmp_path / TAKEN / "thesis.txt").write_text("mine\n")
    (tmp_path / "app" / "src" / "main" / "assets").mkdir(parents=True)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_a_wrong_value_is_refused_before_the_work(folder: Path):
    """For every option of every command: exit code 2, one line that names the value, no torch, no runtime, no file."""
    lines = list(cases(folder))
    assert len(lines) > 120
    asked = folder / "asked.json"
    asked.write_text(json.dumps(lines))
    before = contents(folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, asked], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert [words for words, *_ in answers] == lines
    wrong = [answer for answer in answers if answer[1] != 2 or not CLEAR.fullmatch(answer[2])]
    assert wrong == []
    assert contents(folder) == before


def single_options() -> list[tuple[str, str]]:
    return [
        (name, item.opts[0])
        for name, command in COMMANDS.items()
        for item in command.params
        if item.param_type_name == "option" and not item.multiple and (not item.is_flag or item.secondary_opts)
    ]


@pytest.mark.parametrize(("name", "option"), single_options())
def test_an_option_that_takes_one_value_is_refused_when_it_is_given_twice(cli, name: str, option: str):
    """The last one would win without a word; nothing is done instead."""
    command = COMMANDS[name]
    is_flag = next(item for item in command.params if option in item.opts).is_flag
    twice = [option, option] if is_flag else [f"{option}=1", f"{option}=1"]
    outcome = cli(*name.split(), *twice)
    assert outcome.code == 2
    assert outcome.err == f"error: {option} is given 2 times\nhint: give it once\n"


def test_repeatable_options_and_plain_flags_may_be_repeated(cli):
    """``--runtime`` twice names two runtimes, and ``--json`` twice says the same as once."""
    outcome = cli(
        "verify", fakes.shared_bundle(), "--runtime", "onnxruntime", "--runtime", "litert", "--json", "--json"
    )
    assert outcome.code == 0, outcome.err
    assert {item["runtime"] for item in outcome.json["checks"]} >= {"onnxruntime", "litert"}


@pytest.mark.parametrize(
    "words", [["--verbose", "recipes"], ["recipes", "--verbose"], ["recipes", "int8", "--verbose"]]
)
def test_verbose_may_be_anywhere(cli, words: list[str]):
    """Before the command, after it, and after its arguments it is the same option."""
    assert cli(*words).code == 0


def test_verbose_after_two_dashes_is_a_text(cli):
    """What follows ``--`` is no option."""
    outcome = cli("predict", fakes.shared_bundle(), "--json", "--", "--verbose")
    assert [item["text"] for item in outcome.json] == ["--verbose"]


def test_names_of_formats_and_runtimes_may_be_in_capitals(cli, tmp_path: Path):
    """``--formats ONNX`` and ``--runtime ONNXRuntime`` are understood."""
    outcome = cli("export", fakes.shared_checkpoint(), "--out", tmp_path / "b", "--formats", "ONNX", "--lengths", "8")
    assert outcome.code == 0, outcome.err
    assert cli("predict", tmp_path / "b", "good", "--runtime", "ONNXRuntime").code == 0


@pytest.mark.parametrize(("command", "hint"), [("bench", "--threads 1,2,4"), ("export", "--lengths 16,32,64")])
def test_the_hint_for_a_list_names_its_own_option(cli, command: str, hint: str, tmp_path: Path):
    """A wrong word in a list of numbers is answered with an example of that very list."""
    option = hint.split()[0]
    outcome = cli(command, fakes.shared_bundle(), option, "two", "--out", tmp_path / "x")
    assert outcome.code == 2
    assert f"hint: write e.g. {hint}\n" in outcome.err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_replaces_the_tilde(name: str) -> None:
    """No command is registered without what expands its paths."""
    functions = [COMMANDS[name].callback]
    while hasattr(functions[-1], "__wrapped__"):
        functions.append(functions[-1].__wrapped__)
    assert "expanded" in [function.__code__.co_name for function in functions]


def test_paths_are_expanded_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Paths, lists of paths, and names that may be paths; no text, no column, no other list."""
    monkeypatch.setenv("HOME", str(tmp_path))
    seen: dict[str, object] = {}

    @with_home
    def command(**named: object) -> None:
        seen.update(named)

    command(
        out=Path("~/x"), data=[Path("~/y"), Path("z")], model="~/m", recipe="int8", baseline=None,
        texts=["~/x"], text_column="~/x", count=3, other=Path("a/~"), unknown=Path("~nobody-here/x"),
    )  # fmt: skip
    assert seen == {
        "out": tmp_path / "x",
        "data": [tmp_path / "y", Path("z")],
        "model": str(tmp_path / "m"),
        "recipe": "int8",
        "baseline": None,
        "texts": ["~/x"],
        "text_column": "~/x",
        "count": 3,
        "other": Path("a/~"),
        "unknown": Path("~nobody-here/x"),
    }


def test_options_with_an_equals_sign_are_expanded(cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What no shell expands is looked for at home: data, targets, recipes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    done = cli("evaluate", "~/none", "--eval=~/none.csv")
    assert str(tmp_path / "none") in done.err
    done = cli("export", "~/model", "--out=~/out")
    assert str(tmp_path / "model") in done.err
    assert not Path("~").exists()
