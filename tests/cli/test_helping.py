"""The help of every command: narrow, complete, of one source; choices, lists and completion."""

from __future__ import annotations

import os
import typing
from pathlib import Path

import pytest

from edgebert.cli import choices, helping
from edgebert.cli.options import start_over
from edgebert.metrics import METRICS
from edgebert.ondevice.session import RUNTIMES
from tests.support import fakes
from tests.support.commands import COMMANDS, GROUP

NAMES = sorted(COMMANDS)


@pytest.mark.parametrize("name", NAMES)
def test_help_fits_a_narrow_terminal(cli, monkeypatch: pytest.MonkeyPatch, name: str):
    """At 80 columns no line is longer, but for an example that is there to be copied."""
    monkeypatch.setenv("COLUMNS", "80")
    shown = cli(*name.split(), "--help").out
    text, _, examples = shown.partition("\nExamples:\n")
    assert examples
    assert max(map(len, text.splitlines())) <= 80
    assert "<str>" not in shown
    assert "<bool>" not in shown
    assert "{" not in shown.partition("\n\n")[0]


@pytest.mark.parametrize("name", NAMES)
def test_help_shows_every_option_with_its_default(cli, name: str):
    """Each name, the meaning and the default in words are there; common options too."""
    shown = " ".join(cli(*name.split(), "--help").out.split())
    for item in COMMANDS[name].params:
        assert " ".join(str(item.help).split()) in shown
        assert all(fact in shown for fact in helping.facts_of(item))
    assert "-q, --quiet" in shown
    assert "-v, --verbose" in shown


def test_commands_are_listed_by_topic(cli):
    """Every command is under one of four topics."""
    assert list(helping.topics(GROUP)) == ["Make", "Measure", "Ship", "Environment"]
    shown = cli("--help").out
    assert [line[:-1] for line in shown.splitlines() if line in {"Make:", "Measure:", "Ship:", "Environment:"}] == [
        *helping.topics(GROUP)
    ]


def test_every_out_has_a_short_name():
    """``-o`` is ``--out`` wherever there is one."""
    for name, command in COMMANDS.items():
        for item in command.params:
            assert ("--out" in item.opts) == ("-o" in item.opts), name


def test_every_command_that_prints_a_result_prints_json():
    """Each has --json."""
    assert [
        name for name in NAMES if "--json" not in {each for item in COMMANDS[name].params for each in item.opts}
    ] == []


def test_defaults_have_units(cli):
    """A number has its unit beside it."""
    shown = " ".join(cli("finetune", "--help").out.split())
    for said in ("[default: 128 tokens]", "[default: 32 examples]", "[default: 3 epochs]"):
        assert said in shown


def test_the_choices_are_those_of_the_library():
    """A metric or runtime that is added is a choice of the command line too."""
    assert typing.get_args(choices.Metric) == tuple(METRICS)
    assert typing.get_args(choices.Runtime) == RUNTIMES
    assert typing.get_args(choices.AnyRuntime) == (*RUNTIMES, "torch")
    from edgebert.benchmarking.analysis.compare import CONDITIONS

    assert typing.get_args(choices.Condition) == CONDITIONS


def completed(command: str, words: str) -> list[str]:
    """Return what the shell is offered after some words."""
    import subprocess
    import sys

    line = f"edgebert {command} {words}"
    environment = os.environ | {
        "_EDGEBERT_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-m", "edgebert"], env=environment, capture_output=True, text=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("--recipe keep", ["keep25-vocab-distill-int8", "keep35-distill-int8", "keep50-int8"]),
        ("--formats onnx,t", ["onnx,tflite"]),
        ("--aggregation a", ["average"]),
    ],
)
def test_values_are_completed(words: str, offered: list[str]):
    """Names of recipes, choices, and the next word of a list."""
    assert completed("export model", words) == offered


@pytest.mark.parametrize(
    ("function", "begun", "offered"),
    [
        (choices.complete_device, "", ["local", "adb:", "ssh:", "emulator:"]),
        (choices.complete_device, "ad", ["adb:"]),
        (choices.complete_cores, "b", ["big"]),
        (choices.complete_count, "", ["all"]),
    ],
)
def test_names_that_may_be_more_are_completed(function, begun: str, offered: list[str]):
    """Kinds of devices and cores, and the word for all."""
    assert function(begun) == offered


def test_a_list_may_be_repeated_or_have_commas(cli, tmp_path: Path):
    """Both ways, mixed, and in capitals."""
    words = ("verify", fakes.shared_bundle(), "--json", "--runtime")
    one = cli(*words, "onnxruntime,LiteRT")
    two = cli(*words, "onnxruntime", "--runtime", "litert")
    assert one.code == two.code == 0, one.err
    assert one.out == two.out
    refused = cli(*words, "onnxruntime,nope")
    assert refused.code == 2
    assert refused.err.startswith("error: --runtime is 'nope'\nhint: give one of onnxruntime, litert")


@pytest.mark.parametrize("short", ["-q", "--quiet"])
def test_quiet_leaves_results_and_errors(cli, tmp_path: Path, short: str):
    """No progress, no notes; what was asked for is on standard output, and an error is told."""
    told = cli("recipes", "prune50-int8")
    assert told.err.startswith("note: ")
    for words in ((short, "recipes", "prune50-int8"), ("recipes", "prune50-int8", short)):
        quiet = cli(*words)
        assert (quiet.code, quiet.out, quiet.err) == (0, told.out, "")
    failed = cli("recipes", "nope", short)
    assert failed.err.startswith("error: ")
    assert cli("recipes", "prune50-int8").err == told.err, "the next command is not quiet"


def test_a_short_name_of_verbose(cli):
    """``-v`` is ``--verbose``."""
    assert "Traceback" in cli("recipes", "nope", "-v").err
    assert "Traceback" not in cli("recipes", "nope").err


def test_restart_discards_the_state_of_a_training(tmp_path: Path):
    """What an interrupted training left beside the output goes, and nothing else."""
    state = tmp_path / "out.state"
    state.mkdir()
    (state / "training.json").write_text("{}")
    (tmp_path / "other.state").mkdir()
    start_over(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["other.state"]


@pytest.mark.parametrize("name", ["export", "finetune", "prune", "plan", "bench"])
def test_every_command_that_resumes_can_restart(name: str):
    """One option, of one meaning."""
    assert "--restart" in {each for item in COMMANDS[name].params for each in item.opts}
