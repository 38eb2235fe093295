from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device.process import run_program, spared_programs, stopped_programs
from edgebert.errors import DeviceGone, EnvironmentProblem, UsageError


@given(content=st.binary(max_size=300))
def test_bytes_pass(content):
    """Every byte given to a program arrives there, and every byte it prints arrives here."""
    assert run_program(["cat"], stdin=content, timeout_s=30).stdout == content


def test_exit_code_and_errors():
    """An exit code is an answer, and standard error comes apart from standard output."""
    done = run_program(["sh", "-c", "echo out; echo err >&2; exit 7"], timeout_s=30)
    assert (done.code, done.stdout, done.stderr) == (7, b"out\n", "err")


def test_large_output_on_both_sides_does_not_block():
    """A program that prints megabytes on both its outputs before it reads its input still ends."""
    script = "import sys; sys.stderr.write('e' * 3_000_000); sys.stdout.write('o' * 3_000_000); sys.stdin.read()"
    done = run_program([sys.executable, "-c", script], stdin=b"i" * 3_000_000, timeout_s=60)
    assert (done.code, len(done.stdout), len(done.stderr)) == (0, 3_000_000, 3_000_000)


def test_stdin_from_a_file(tmp_path):
    """A file can be the standard input, and one that cannot be read is named."""
    source = tmp_path / "input"
    source.write_bytes(bytes(range(256)))
    assert run_program(["cat"], stdin=source, timeout_s=30).stdout == source.read_bytes()
    with pytest.raises(UsageError, match="absent: cannot be read"):
        run_program(["cat"], stdin=tmp_path / "absent", timeout_s=30)


def test_program_that_does_not_read(tmp_path):
    """A program that ends without reading a large input is no error."""
    assert run_program(["true"], stdin=b"x" * 3_000_000, timeout_s=30).code == 0


def test_environment_is_added():
    """Variables are added to those of this process."""
    done = run_program(["sh", "-c", 'printf "%s" "$PATH|$COLOUR"'], environment={"COLOUR": "a b"}, timeout_s=30)
    assert done.stdout.decode() == f"{os.environ['PATH']}|a b"


def test_timeout_kills_with_children(tmp_path):
    """A program that takes too long dies with everything that it had started."""
    mark = tmp_path / "alive"
    script = f"(sleep 2; touch '{mark}') & sleep 60"
    with pytest.raises(DeviceGone, match=r"sh: no answer within 0\.3 s"):
        run_program(["sh", "-c", script], timeout_s=0.3)
    time.sleep(2.5)
    assert not mark.exists()


def test_what_stays_behind_with_standard_error_open_is_not_waited_for():
    """A child that lives on and holds standard error, as the master of a shared ssh connection does, delays nothing."""
    start = time.monotonic()
    done = run_program(["sh", "-c", "sleep 20 > /dev/null < /dev/null & echo $! ; echo done >&2"], timeout_s=60)
    os.kill(int(done.stdout), 9)
    assert time.monotonic() - start < 15
    assert done.stderr == "done"


@pytest.mark.parametrize("argv", [["no-such-program"], ["/"], ["true", "a\0b"]])
def test_cannot_be_started(argv):
    """A program that is absent, no program, or given a NUL byte is one clear error."""
    with pytest.raises(EnvironmentProblem, match="cannot be started"):
        run_program(argv, timeout_s=30)


def waiting(mark, seconds):
    """Return a program that says by a file that it runs, waits, and prints a word."""
    return ["sh", "-c", f"touch '{mark}'; sleep {seconds}; echo done"]


def wait_for(mark):
    deadline = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_stopping_ends_what_runs_in_every_thread(tmp_path):
    """A program that another thread waits for is killed and that thread interrupted; the next ones are refused."""
    marks = [tmp_path / "one", tmp_path / "two"]
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(run_program, waiting(mark, 600), timeout_s=600) for mark in marks]
        for mark in marks:
            wait_for(mark)
        with stopped_programs():
            for item in running:
                with pytest.raises(KeyboardInterrupt):
                    item.result(timeout=60)
            with pytest.raises(KeyboardInterrupt):
                run_program(["true"], timeout_s=30)
            with pytest.raises(KeyboardInterrupt):
                pool.submit(run_program, ["true"], timeout_s=30).result(timeout=60)
    assert run_program(["true"], timeout_s=30).code == 0, "what is over is over"


def test_what_tidies_up_is_spared(tmp_path):
    """A thread that asks for it ends what it began, and may begin more, while all others are stopped."""
    mark = tmp_path / "tidying"

    def tidy():
        with spared_programs():
            first = run_program(waiting(mark, 0.5), timeout_s=60)
            with spared_programs():
                return first, run_program(["echo", "more"], timeout_s=60)

    with ThreadPoolExecutor(1) as pool:
        tidying = pool.submit(tidy)
        wait_for(mark)
        with stopped_programs():
            first, more = tidying.result(timeout=120)
            with pytest.raises(KeyboardInterrupt):
                pool.submit(run_program, ["true"], timeout_s=30).result(timeout=60)
    assert (first.code, first.stdout, more.stdout) == (0, b"done\n", b"more\n")
