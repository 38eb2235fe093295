from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgebert.device.quoting import RUN_VARIABLE, remote_command, stop_command
from edgebert.errors import UsageError

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{3,8}", fullmatch=True)
PRINT = ("printf", "%s\\0")


def in_shell(line, **options):
    return subprocess.run(["sh", "-c", line], capture_output=True, check=False, timeout=60, **options)


@settings(max_examples=40)
@given(arguments=st.lists(TEXTS, min_size=1, max_size=6))
@example(arguments=["", "'", "\\", "$(id)", "`id`", "a\nb", "*", "~", "-n", "&&", "!", "é\u2028", '"', "#"])
def test_any_text_survives(arguments):
    """Every list of texts without NUL reaches a program behind a real shell unchanged."""
    done = in_shell(remote_command((*PRINT, *arguments), folder="/"))
    assert done.stdout.split(b"\0")[:-1] == [argument.encode() for argument in arguments]


@settings(max_examples=30)
@given(environment=st.dictionaries(NAMES.filter(lambda name: name not in {"PATH", "LANG"}), TEXTS, max_size=3))
def test_environment_survives(environment):
    """Every value of a variable reaches the program unchanged, and no other variable is lost."""
    done = in_shell(remote_command(("env", "-0"), environment=environment, folder="/"))
    seen = dict(line.split(b"=", 1) for line in done.stdout.split(b"\0") if line)
    assert {name: seen[name.encode()] for name in environment} == {n: v.encode() for n, v in environment.items()}
    assert seen[b"PATH"] == os.fsencode(os.environ["PATH"])


def test_folder_is_the_working_folder(tmp_path):
    """A folder with hard characters in its name becomes the working folder; one that is absent runs nothing."""
    folder = tmp_path / "a 'b' $(c)\n d"
    folder.mkdir()
    assert in_shell(remote_command(("pwd",), folder=str(folder))).stdout.decode() == f"{folder}\n"
    absent = in_shell(remote_command(("echo", "ran"), folder=str(tmp_path / "absent")))
    assert (absent.returncode != 0, absent.stdout) == (True, b"")


def test_program_with_an_equals_sign(tmp_path):
    """A program whose path holds an equals sign is run, not taken for a variable."""
    program = tmp_path / "a=b"
    program.write_text('#!/bin/sh\nprintf "%s" "$1"\n')
    program.chmod(0o755)
    assert in_shell(remote_command((str(program), "x y"), folder="/")).stdout == b"x y"


@pytest.mark.parametrize(
    ("argv", "environment"),
    [(("echo", "a\0b"), {}), (("echo",), {"A": "\0"}), (("echo",), {"A=B": "c"}), (("echo",), {"-i": "c"})],
)
def test_what_cannot_be_said(argv, environment):
    """A NUL byte and a variable without a valid name are refused before anything runs."""
    with pytest.raises(UsageError):
        remote_command(argv, environment=environment, folder="/")


def test_stop_kills_what_is_marked_and_nothing_else():
    """Stopping by mark kills the marked program and its child, and leaves an unmarked one alone."""
    marked = subprocess.Popen(
        ["sh", "-c", "sleep 61 & echo $!; wait"], env={**os.environ, RUN_VARIABLE: "m1"}, stdout=subprocess.PIPE
    )
    other = subprocess.Popen(["sleep", "61"], env={**os.environ, RUN_VARIABLE: "m11"})
    try:
        child = int(marked.stdout.readline())
        assert subprocess.run(stop_command("m1"), check=False, timeout=60).returncode == 0
        assert marked.wait(10) == -9
        deadline = time.monotonic() + 10
        while is_running(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_running(child)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
        marked.kill()
        marked.wait()
        marked.stdout.close()


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
