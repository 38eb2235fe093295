"""Whatever a login prints before, after and around a command, its answer is what the command printed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from edgebert.device.adb import AdbDevice
from edgebert.device.device import Finished
from edgebert.device.shell import RUN_VARIABLE, after_start, between_marks, marked, remote_command, stop_command
from edgebert.device.ssh import open_ssh
from edgebert.errors import DeviceGone, DeviceProblem, UsageError
from edgebert.workers.launch import prepare
from tests.support import kit
from tests.workers.test_launch import write_runtime_file

WORD = "0123456789abcdef"
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12)
NOISE = st.one_of(st.binary(max_size=60), st.sampled_from([b"\x1b]0;pi@board\a", b"Last login: today\n", b"\xc3"]))
RUNS = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def in_shell(line, *, before="", **options):
    """Run a marked line as a login shell would, with what its profile does before."""
    done = subprocess.run(["sh", "-c", f"{before}\n{line}"], capture_output=True, check=False, timeout=60, **options)
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr.decode("utf-8", "replace"))


@settings(max_examples=40)
@given(arguments=st.lists(TEXTS, min_size=1, max_size=3), word=st.from_regex("[0-9a-f]{16}", fullmatch=True))
@example(arguments=["'\"'\"'", "a\nb)", "; exit 9"], word=WORD)
def test_any_text_survives(arguments, word):
    """A marked line changes no argument of the line in it."""
    line = marked(remote_command(("printf", "%s\\0", *arguments), folder="/"), word)
    done = between_marks(in_shell(line), word)
    assert done.stdout.split(b"\0")[:-1] == [argument.encode() for argument in arguments]


@pytest.mark.parametrize("code", [0, 1, 127, 254, 255])
def test_exit_codes_are_kept(code):
    """Every exit code of the line is told, and the shell itself ends with 0."""
    done = in_shell(marked(f"exit {code}", WORD))
    assert (done.code, between_marks(done, WORD).code) == (0, code)


def test_signal_becomes_a_code():
    """A program that signal 9 kills ends with 137."""
    line = remote_command(("sh", "-c", "kill -9 $$"), folder="/")
    assert between_marks(in_shell(marked(line, WORD)), WORD).code == 137


def test_standard_input_passes():
    """The line reads the standard input of the shell, every byte of it."""
    content = bytes(range(256)) * 300
    assert between_marks(in_shell(marked("cat", WORD), input=content), WORD).stdout == content


@given(
    out=st.binary(max_size=40), errors=TEXTS, code=st.integers(0, 255), noise=st.lists(NOISE, min_size=4, max_size=4)
)
def test_noise_around_marks_is_dropped(out, errors, code, noise):
    """Any bytes before and after the marks, in both outputs, change nothing of the answer."""
    begin, end = f"edgebert-{WORD}{{", f"edgebert-{WORD}}}{code};"
    done = Finished(
        code=3,
        stdout=noise[0] + begin.encode() + out + end.encode() + noise[1],
        stderr=(noise[2] + begin.encode() + errors.encode() + end.encode() + noise[3]).decode("utf-8", "replace"),
    )
    assert between_marks(done, WORD) == Finished(code=code, stdout=out, stderr=errors.strip())


@given(cut=st.integers(0, 200))
def test_half_an_answer_is_none(cut):
    """An answer that ends before its last mark is no answer, wherever it is cut."""
    whole = in_shell(marked("printf abc; printf def >&2", WORD))
    cuts = (replace(whole, stdout=whole.stdout[:cut][:-3]), replace(whole, stderr=whole.stderr[:cut][:-1]))
    for short in cuts:  # the exit code at the end of the standard output is not read
        assert between_marks(short, WORD) is None


@pytest.mark.parametrize("trace", ["set -x", "set -v", 'echo "$0 $*"; set -xv', "echo edgebert-{; echo edgebert-} >&2"])
def test_a_shell_that_prints_its_commands_prints_no_mark(trace):
    """A profile that turns on tracing prints the marked line; no part of that is taken for a mark."""
    line = marked("printf abc; printf def >&2; exit 5", WORD)
    for before in (trace, f"{trace}; printf '%s' {shlex.quote(line)}; printf '%s' {shlex.quote(line)} >&2"):
        assert between_marks(in_shell(line, before=before), WORD) == Finished(code=5, stdout=b"abc", stderr="def")


def test_start_is_known():
    """A line that started and did not end is told from one that did not start."""
    done = in_shell(marked("printf abc; printf def >&2; kill -9 $PPID; sleep 1", WORD), before="echo hello >&2")
    assert between_marks(done, WORD) is None
    assert (after_start(done, WORD).stdout, after_start(done, WORD).stderr) == (b"abc", "def")
    assert after_start(in_shell("exit 1"), WORD) is None


# ------------------------------------------------------------------------------------------------------ behind real ssh


class Login:
    """A board whose login prints the files ``out`` and ``errors`` before and after each command."""

    def __init__(self, board, folder):
        self.board, self.folder = board, folder

    def prints(self, *, before=b"", after=b"", errors_before=b"", errors_after=b""):
        """Set what it prints from now on."""
        for name, content in (
            ("out", before),
            ("errors", errors_before),
            ("out.after", after),
            ("errors.after", errors_after),
        ):
            (self.folder / name).write_bytes(content)


@pytest.fixture(scope="module")
def login(tmp_path_factory):
    """A real sshd whose session is a real login shell (bash) with a profile that prints, in a script that prints."""
    for program in ("ssh", "bash"):
        if shutil.which(program) is None:
            pytest.skip(f"no {program}")
    folder = tmp_path_factory.mktemp("login")
    here = shlex.quote(str(folder))
    (folder / ".bash_profile").write_text(f"cat {here}/out; cat {here}/errors >&2\n")
    script = folder / "session"
    script.write_text(
        f'HOME={here} bash --login -c "$1"\ncode=$?\ncat {here}/out.after; cat {here}/errors.after >&2\nexit $code\n'
    )
    with kit.local_sshd(("sh", str(script))) as board:
        made = Login(board, folder)
        made.prints()
        yield made


@pytest.fixture(scope="module")
def quiet(login):
    """That board, opened while its profile prints nothing."""
    login.prints()
    device = open_ssh(login.board.target, root=str(login.folder / "device"), options=login.board.options)
    yield device
    device.close()


@RUNS
@given(before=NOISE, after=NOISE, errors_before=NOISE, errors_after=NOISE, code=st.integers(0, 255))
def test_a_profile_changes_no_answer(login, quiet, before, after, errors_before, errors_after, code):
    """Whatever a profile prints, output, errors and exit code of ``run`` are those of the command alone."""
    login.prints(before=before, after=after, errors_before=errors_before, errors_after=errors_after)
    done = quiet.run(["sh", "-c", f"cat; printf err >&2; exit {code}"], stdin=before + b"\0\r\n" + after)
    assert done == Finished(code=code, stdout=before + b"\0\r\n" + after, stderr="err")


PROFILES = {
    "a line": b"Welcome to the board\n",
    "no line break": b"\x1b]0;pi@board\x07",
    "words that look like an answer": b"/\n/root\naarch64\nx86_64\nedgebert 2.7\n0\n",
    "bytes that are no text": bytes(range(256)),
    "much": b"x" * 200_000 + b"\n",
}


@pytest.mark.parametrize("what", PROFILES)
def test_a_worker_is_prepared_behind_a_profile_that_prints(what, login, tmp_path):
    """Folders, machine, what is there and what is pushed are right behind any profile; the archive starts."""
    noise = PROFILES[what]
    login.prints(before=noise, after=noise, errors_before=noise, errors_after=noise)
    device = open_ssh(login.board.target, root=str(tmp_path / "device"), options=login.board.options)
    try:
        assert device.root == str(tmp_path / "device")
        machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
        worker = write_runtime_file(tmp_path / "r.tar.gz", machine=machine)
        for _ in range(2):
            launcher = prepare(device, python=None, runtime=worker)
        assert device.run((*launcher.argv, "run"), environment=launcher.environment).stdout.endswith(b"/x run\n")
    finally:
        device.close()


def opened(session, tmp_path):
    """Return the error of a board whose login is ``session``."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh program")
    with kit.local_sshd(session) as board, pytest.raises(DeviceProblem) as caught:
        open_ssh(board.target, root=str(tmp_path / "device"), options=board.options)
    assert not isinstance(caught.value, DeviceGone), "a lasting problem would be tried again"
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    ("session", "words"),
    [
        (["sh", "-c", "echo This account is currently not available.; exit 1"], "currently not available"),
        (["sh", "-c", "echo 'rbash: exec: restricted' >&2; exit 1"], "rbash: exec: restricted"),
        (["sh", "-c", "exit 0"], "it said nothing"),
        (["sh", "-c", "echo hello; echo fatal: no shell >&2; exit 128"], "code 128 (hello; fatal: no shell)"),
    ],
)
def test_a_login_that_runs_nothing(session, words, tmp_path):
    """nologin, a restricted shell and a profile that ends the login are named in the board's own words."""
    message = opened(session, tmp_path)
    assert "the login runs no commands" in message
    assert words in message


def test_nologin_itself(tmp_path):
    """The system's own nologin is named in its own words."""
    program = shutil.which("nologin", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        pytest.skip("no nologin")
    assert "This account is currently not available" in opened([program], tmp_path)


# ----------------------------------------------------------------------------------------------------------- and by adb


@RUNS
@given(before=NOISE, after=NOISE, errors_before=NOISE, errors_after=NOISE, code=st.integers(0, 255))
def test_a_phone_that_prints_changes_no_answer(tmp_path, before, after, errors_before, errors_after, code):
    """Behind an adb that runs the line here and prints around it, the answer is that of the command alone."""
    for name, content in (("a", before), ("b", after), ("c", errors_before), ("d", errors_after)):
        (tmp_path / name).write_bytes(content)
    adb = tmp_path / "adb"
    adb.write_text(
        '#!/bin/sh\ncd "${0%/*}"\ncat a; cat c >&2\nfor line; do :; done\nsh -c "$line"\ncat b; cat d >&2\nexit 0\n'
    )
    adb.chmod(0o755)
    device = AdbDevice("serial", root=str(tmp_path), adb=str(adb))
    done = device.run(["sh", "-c", f"cat; printf err >&2; exit {code}"], stdin=before + b"\0" + after)
    assert done == Finished(code=code, stdout=before + b"\0" + after, stderr="err")


NAMES = st.from_regex(r"[A-Z_][A-Z0-9_]{3,8}", fullmatch=True)
PRINT = ("printf", "%s\\0")


@settings(max_examples=40)
@given(arguments=st.lists(TEXTS, min_size=1, max_size=6))
@example(arguments=["", "'", "\\", "$(id)", "`id`", "a\nb", "*", "~", "-n", "&&", "!", "é\u2028", '"', "#"])
def test_any_text_survives_quoting(arguments):
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
    assert (absent.code != 0, absent.stdout) == (True, b"")


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
