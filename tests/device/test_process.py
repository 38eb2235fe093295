from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device.process import open_local, run_program, spared_programs, stopped_programs
from edgebert.errors import DeviceGone, DeviceProblem, EnvironmentProblem, UsageError


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_program_starts_leaves_none_behind(number, monkeypatch):
    """It comes when the program runs but nothing refers to it yet: the program ends, and then the signal is handled."""
    started = []

    class Interrupted(subprocess.Popen):
        def __init__(self, *args, **changes):
            super().__init__(*args, **changes)
            started.append(self)
            signal.raise_signal(number)

    def stop(number, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(number, stop)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_program(["sleep", "60"], timeout_s=90)
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_a_signal_while_handlers_come_back_holds_none_of_them_for_good(monkeypatch):
    """One that comes when the first of them is back is handled when all are."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    set_handler, calls = signal.signal, []

    def stop(number, frame):
        raise KeyboardInterrupt

    def interrupted(number, handler):
        before = set_handler(number, handler)
        calls.append(handler)
        if calls.count(stop) == 1 and handler is stop:
            signal.raise_signal(number)
        return before

    try:
        for number in handlers:
            set_handler(number, stop)
        monkeypatch.setattr(signal, "signal", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_program(["sleep", "60"], timeout_s=90)
        assert [signal.getsignal(number) for number in handlers] == [stop] * 3
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(handlers) == set()
    finally:
        for number, handler in handlers.items():
            set_handler(number, handler)


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


@pytest.fixture
def device():
    opened = open_local()
    yield opened
    opened.close()


def test_temporary_folder_goes_with_the_device():
    """Without a root everything lies in a folder that closing removes, as often as it is closed."""
    device = open_local()
    assert Path(device.root).is_dir()
    device.close()
    device.close()
    assert not Path(device.root).exists()


def test_own_folder_stays(tmp_path):
    """A root that the user named is made and stays."""
    device = open_local(tmp_path / "a" / "b")
    device.close()
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("root", ["/", "~", "~/..", "/proc/none"])
def test_unfit_root(root):
    """The root of the disk, the home folder, what lies above it and what cannot be made are refused."""
    with pytest.raises(UsageError):
        open_local(Path(root))


def test_run(device):
    """A program runs in the root with its input and the variables added."""
    done = device.run(["sh", "-c", 'pwd; cat; echo "$A"; exit 3'], stdin=b"in\n", environment={"A": "x"})
    assert (done.code, done.stdout.decode()) == (3, f"{device.root}\nin\nx\n")


def test_codes_are_those_of_a_shell(device):
    """A program that is absent ends with 127 and one killed by signal 9 with 137, as on a board."""
    assert device.run(["no-such-program"]).code == 127
    assert device.run(["sh", "-c", "kill -9 $$"]).code == 137


def test_timeout(device):
    """A program that takes too long means that the device is gone."""
    with pytest.raises(DeviceGone):
        device.run(["sleep", "30"], timeout_s=0.2)


def test_push_again_and_over_a_link(device, tmp_path):
    """A push makes its folders, replaces what was there, and leaves nothing else, even for the very same file."""
    source = tmp_path / "model"
    source.write_bytes(b"one")
    for _ in range(2):
        device.push(source, "files/a b/model")
    other = tmp_path / "other"
    other.write_bytes(b"two")
    device.push(other, "files/a b/model")
    folder = Path(device.root, "files", "a b")
    assert [path.name for path in folder.iterdir()] == ["model"]
    assert (folder / "model").read_bytes() == b"two"
    assert source.read_bytes() == b"one"


def test_push_of_a_link_takes_the_file_it_leads_to(device, tmp_path):
    """A file of a bundle in the Hub's cache is a relative link; what is pushed is no link, and is as the file is."""
    (tmp_path / "blob").write_bytes(b"weights")
    (tmp_path / "model").symlink_to("blob")
    device.push(tmp_path / "model", "files/model")
    pushed = Path(device.root, "files", "model")
    assert not pushed.is_symlink()
    assert pushed.read_bytes() == b"weights"


def test_push_refusals(device, tmp_path):
    """A file that is absent is the user's mistake; a name that is taken by a folder is the device's problem."""
    with pytest.raises(UsageError, match="no such file"):
        device.push(tmp_path / "absent", "x")
    Path(device.root, "taken", "inner").mkdir(parents=True)
    source = tmp_path / "model"
    source.write_bytes(b"one")
    with pytest.raises(DeviceProblem, match="taken cannot be written"):
        device.push(source, "taken")
    assert [path.name for path in Path(device.root).iterdir()] == ["taken"]


FULL = """
import sys
from pathlib import Path
from edgebert.device.process import open_local
from edgebert.errors import DeviceProblem
device = open_local(Path(sys.argv[1]))
try:
    device.push(Path(sys.argv[2]), "files/big")
except DeviceProblem as error:
    print(error.message, [str(p.name) for p in Path(sys.argv[1], "files").iterdir()])
"""


def test_disk_full(tmp_path):
    """A full disk is 'no room', and half a file does not stay on it."""
    small, source = tmp_path / "small", tmp_path / "big"
    small.mkdir()
    source.write_bytes(b"x" * 3_000_000)
    script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1" "$4"'
    done = subprocess.run(
        ["unshare", "-r", "-m", "sh", "-c", script, "sh", str(small), sys.executable, FULL, str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr.strip()}")
    assert done.stdout.strip() == "local: no room on the disk for files/big []", done.stderr
