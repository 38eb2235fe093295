"""What goes where: results to standard output, everything else to standard error, and nothing of the libraries."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.benchmarking.report import write_report
from edgebert.bundle import SCHEMA
from edgebert.cli import output
from edgebert.cli.app import app
from edgebert.errors import CheckFailed, UsageError
from tests.support import fakes
from tests.support import report_values as rv


def test_a_long_value_does_not_fill_the_screen(capsys):
    """Of a message with a huge value both ends are shown."""
    output.show_error(UsageError(f"config.json: dim is '{'y' * 70_000}', not an integer"))
    said = capsys.readouterr().err
    assert said.startswith("error: config.json: dim is 'yyy")
    assert said.endswith("yyy', not an integer\n")
    assert len(said) < 1100


def test_an_error_is_two_lines_at_most(capsys):
    """error: what; hint: what to do, where there is anything to do."""
    output.show_error(UsageError("this is wrong", hint="do that"))
    output.show_error(CheckFailed("that is wrong"))
    assert capsys.readouterr() == ("", "error: this is wrong\nhint: do that\nerror: that is wrong\n")


def test_what_nobody_foresaw_is_one_line_too(cli):
    """A mistake of ours is a line, a hint and exit code 3; --verbose shows where it was made."""

    def broken() -> None:
        raise RuntimeError("the converter\nfell over")

    app.command("broken")(broken)
    try:
        short, long = cli("broken"), cli("--verbose", "broken")
    finally:
        app.registered_commands.pop()
    assert short.code == long.code == 3
    assert short.err.splitlines()[0] == "error: unexpected RuntimeError: the converter fell over"
    assert len(short.err.splitlines()) == 2
    assert "Traceback" in long.err


def test_a_table_is_plain_text_that_no_narrow_terminal_breaks(capsys):
    """Numbers are right-aligned, markup is text, a long row stays one line when it goes to a file."""
    output.show_table(("file", "size"), [["[bold]a[/bold]", "1.5"], ["b" * 100, "10.25"]])
    out = capsys.readouterr().out
    lines = [line.rstrip() for line in out.splitlines() if line.strip()]
    assert lines[0].split() == ["file", "size"]
    assert lines[-2].split() == ["[bold]a[/bold]", "1.5"]
    assert lines[-1].split() == ["b" * 100, "10.25"]
    assert len(lines[-2]) == len(lines[-1])
    assert "\x1b" not in out


def test_a_table_wraps_its_texts_on_a_narrow_terminal():
    """On 80 columns the table of recipes is still a table: a row begins with its name, and no line is longer."""
    lines = on_terminal("recipes")
    assert max(map(len, lines)) <= 80
    assert lines[1] == "─" * len(lines[1])
    names = [line.split()[0] for line in lines[2:] if not line.startswith(" ")]
    assert "int8-legacy" in names
    assert len(names) == len(set(names)) == 5


def test_results_fit_a_terminal_of_80_columns(tmp_path):
    """No line is longer, and a row still begins with its file."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    for path, median_ns in ((old, 10e6), (new, 12e6)):
        times = {rv.INT8: rv.make_times(median_ns, seed=4), rv.FLOAT: rv.make_times(40e6, seed=3)}
        write_report(rv.make_report(rv.make_measurement(times), rv.make_emulated()), path)
    for words in (("inspect", fakes.shared_bundle()), ("report", old), ("compare", old, new)):
        lines = on_terminal(*words)
        assert [line for line in lines if len(line) > 80] == [], words
        assert any(line.startswith("file ") for line in lines), words


def on_terminal(*words: object, columns: int = 80) -> list[str]:
    """Return the lines that a command shows on a terminal."""
    master, terminal = os.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm"}
    command = [sys.executable, "-c", "from edgebert.cli.app import main; main()", *map(str, words)]
    subprocess.run(command, stdout=terminal, stderr=subprocess.DEVNULL, env=environment, check=True)
    os.close(terminal)
    lines = os.read(master, 100_000).decode().splitlines()
    os.close(master)
    return lines


def test_progress_without_a_terminal_is_a_line_for_each_stage_and_tenth(capsys):
    """A log holds no bars and not a line for every text."""
    with output.progress_bar() as progress:
        progress("loading", 0, 3)
        for index in range(100):
            progress("scoring", index + 1, 100)
        progress("writing", 2, 3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "loading"
    assert lines[-1] == "writing"
    assert len([line for line in lines if line.startswith("scoring")]) == 11


def test_a_detail_of_a_stage_makes_no_lines_of_its_own(capsys):
    """A loss that changes at every step stands in the lines that a log gets anyway."""
    with output.progress_bar() as progress:
        progress("distilling", 0, 100)
        for index in range(100):
            progress(f"distilling | loss {1 - index / 200:.3f}", index + 1, 100)
        progress("writing", 0, 1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["distilling", "distilling 10/100 | loss 0.955", "distilling 20/100 | loss 0.905"]
    assert lines[-2:] == ["distilling 100/100 | loss 0.505", "writing"]
    assert len(lines) == 12


def test_a_detail_of_a_stage_does_not_restart_its_bar():
    """On a terminal the latest loss is beside the bar, and the time since the stage began goes on."""
    code = (
        "import time\n"
        "from edgebert.cli import output\n"
        "with output.progress_bar() as progress:\n"
        "    for step in range(1, 13):\n"
        "        progress(f'distilling | loss {1 / step:.3f}', step, 12)\n"
        "        time.sleep(0.1)\n"
    )
    master, terminal = os.openpty()
    environment = {**os.environ, "COLUMNS": "120", "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", code], stderr=terminal, env=environment, check=True)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that nobody writes to it any more
        while part := os.read(master, 4096):
            shown += part
    os.close(master)
    assert "distilling | loss 0.083" in shown.decode()
    assert re.search(r"12/12 0:00:0[1-9]", shown.decode())


def test_help_loads_nothing_heavy():
    """In a fresh process, --help, --version and recipes import neither numpy nor any runtime or framework."""
    code = (
        "import json, sys\n"
        "from edgebert.cli.app import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "except SystemExit:\n"
        "    pass\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr)\n"
    )
    heavy = {
        "accelerate",
        "ai_edge_litert",
        "huggingface_hub",
        "litert_torch",
        "matplotlib",
        "numpy",
        "onnx",
        "onnxruntime",
        "safetensors",
        "scipy",
        "tensorflow",
        "tokenizers",
        "torch",
        "transformers",
    }
    for words in (["--help"], ["--version"], ["export", "--help"], ["recipes"], ["nonsense"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
        assert not heavy & set(json.loads(done.stderr.splitlines()[-1])), words


def test_a_program_reads_json_and_nothing_else(program, tmp_path):
    """Standard output is one JSON value; standard error has stages and notes and no word of the libraries."""
    words = ("--out", tmp_path / "bundle", "--lengths", "8", "--json")
    out, err = (started := program("export", fakes.shared_checkpoint(), *words)).communicate(timeout=200)
    assert started.returncode == 0, err
    assert json.loads(out)["schema"] == SCHEMA
    stages = (
        "loading the checkpoint",
        "computing golden logits",
        "writing baseline/float32.onnx",
        "writing int8.onnx",
        "writing baseline/float32.tflite",
        "writing int8.tflite",
        "writing the manifest",
    )
    assert err.splitlines() == list(stages)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_verbose_shows_the_traceback_and_keeps_the_code(program, tmp_path, at):
    """The same refusal, with where it came from, with --verbose before the command or after it."""
    words = ["inspect", tmp_path / "none"]
    words.insert(at, "--verbose")
    started = program(*words)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (2, "")
    assert "Traceback" in err
    assert f"error: {tmp_path / 'none'}: there is no such folder" in err


def test_telemetry_is_off_before_anything_is_loaded(program, tmp_path):
    """The command line sets what the libraries read, also where a user set the contrary."""
    code = (
        "import os, sys\n"
        "from edgebert.cli.app import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "names = ('ORT_DISABLE_TELEMETRY', 'HF_HUB_DISABLE_TELEMETRY', 'DO_NOT_TRACK')\n"
        "print([os.environ[name] for name in names])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"ORT_DISABLE_TELEMETRY": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "['1', '1', '1']"


@pytest.mark.parametrize("words", [("recipes", "int8"), ("inspect", "BUNDLE"), ("--help",)])
def test_a_reader_that_leaves_is_no_error(program, words):
    """`edgebert ... | head -0` ends quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    started = program(*(fakes.shared_bundle() if word == "BUNDLE" else word for word in words), stdout=writing)
    os.close(writing)
    _, err = started.communicate(timeout=60)
    assert (started.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_that_takes_nothing_is_an_error(program):
    """`edgebert recipes int8 > /dev/full` says so and exits 3."""
    with Path("/dev/full").open("w") as full:
        started = program("recipes", "int8", stdout=full)
        _, err = started.communicate(timeout=60)
    assert started.returncode == 3
    assert err.startswith("error: ")
    assert "No space left" in err
    assert len(err.splitlines()) == 1


def test_texts_come_through_a_pipe(program):
    """One text a line in, one answer a line out, whatever the language of the terminal."""
    texts = ["good", "naïve café", "价格 😀"]
    started = program("predict", fakes.shared_bundle(), env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""})
    out, err = started.communicate("\n".join(texts) + "\n", timeout=60)
    assert (started.returncode, err) == (0, "")
    assert [line.split(maxsplit=2)[2] for line in out.splitlines()] == texts


def test_the_shell_can_complete_a_command(program):
    """bash asks by an environment variable and gets the names that fit."""
    asked = {"_EDGEBERT_COMPLETE": "complete_bash", "COMP_WORDS": "edgebert ins", "COMP_CWORD": "1"}
    out, _ = program(env=asked).communicate(timeout=60)
    assert out.split() == ["inspect"]


def test_libraries_are_silenced_and_our_lines_are_not(tmp_path):
    """What native code writes to descriptor 2 is dropped, what edgebert writes is kept, and both end with the block."""
    code = (
        "import logging, os, sys, warnings\n"
        "from edgebert.cli import output\n"
        "from edgebert.cli.libraries import quiet_libraries\n"
        "with quiet_libraries(verbose=False):\n"
        "    os.write(2, b'noise of native code\\n')\n"
        "    logging.getLogger('library').warning('noise of a logger')\n"
        "    warnings.warn('noise of a library')\n"
        "    output.show_note('our note')\n"
        "os.write(2, b'after\\n')\n"
        "logging.getLogger('library').warning('logger after')\n"
        "with quiet_libraries(verbose=True):\n"
        "    os.write(2, b'verbose\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["our note", "after", "logger after", "verbose"]
