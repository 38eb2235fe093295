"""What a process leaves that is killed or interrupted or runs out of disk: nothing that the next one cannot clear."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.errors import OutputError
from tests.staged_folders import MARKER, made, tree, write

ROOT = Path(__file__).parents[1]


def child(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a fresh interpreter on some code that imports this very library."""
    words = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def leftover(out: Path, pid: int, end: str = "") -> Path:
    """Make what a process of that number would have left."""
    left = out.parent / f".{out.name}.partial-{pid}-00beef{end}"
    left.mkdir(parents=True)
    (left / "part.bin").write_text("half", encoding="utf-8")
    return left


@pytest.fixture
def dead_pid() -> int:
    """Return the number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


FILL = """
import sys
from pathlib import Path
from edgebert.errors import EnvironmentProblem
from edgebert.staging import staged_folder

disk = Path(sys.argv[1])
try:
    with staged_folder(disk / "out", force=False, marker="edgebert.json") as stage:
        for index in range(64):
            (stage / f"{index}.bin").write_bytes(b"x" * 4096)
except EnvironmentProblem as error:
    print("problem:", error.message)
print("left:", sorted(path.name for path in disk.iterdir()))
with staged_folder(disk / "out", force=False, marker="edgebert.json") as stage:
    (stage / "edgebert.json").write_text("small")
print("then:", sorted(path.name for path in disk.iterdir()))
"""


def test_a_disk_that_fills_up_is_left_empty(tmp_path: Path):
    """On a real disk of 64 kB that fills up in mid-block nothing stays behind, and a smaller folder fits then."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare of util-linux to mount a small disk of its own")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=64k edgebert "$0" && exec "$@"'
    small = ("unshare", "--mount", "--map-root-user", "sh", "-c", mount, str(disk))
    if (probe := subprocess.run([*small, "true"], capture_output=True, text=True)).returncode:
        pytest.skip(f"may not mount a small disk here: {probe.stderr.strip()}")
    process = child(FILL, disk, prefix=small)
    output, errors = process.communicate()
    assert errors == ""
    lines = output.splitlines()
    assert lines[0].startswith(f"problem: {disk / 'out'}: no room left on the disk")
    assert lines[1:] == ["left: []", "then: ['out']"]


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_uses_is_kept(tmp_path: Path, dead_pid: int):
    """Leftovers for the same folder go when their process is gone, whatever number it had; others stay."""
    out = tmp_path / "out"
    gone = [leftover(out, pid) for pid in (dead_pid, 10**12)]
    kept = [leftover(out, os.getpid()), leftover(out, os.getppid()), leftover(tmp_path / "outer", dead_pid)]
    write(out)
    assert not any(left.exists() for left in gone)
    assert all((left / "part.bin").is_file() for left in kept)


@pytest.mark.parametrize("name", ["out[1]", "*", "?", "[a-z]", "a b", "é", "-f", ".hidden"])
def test_odd_names_clear_only_their_own_leftovers(name: str, tmp_path: Path, dead_pid: int):
    """A name that would be a pattern is a name: its leftovers go, those of a living process for another folder stay."""
    out = tmp_path / name
    gone = leftover(out, dead_pid)
    kept = [leftover(tmp_path / other, os.getpid()) for other in ("out1", "b", "x")]
    write(out)
    assert not gone.exists()
    assert all(left.is_dir() for left in kept)
    assert (out / MARKER).is_file()


@pytest.mark.parametrize("tag", ["notes", "1-notes", "", "x-00beef", "1-00beef.old.old", "1-00BEEF"])
def test_a_folder_that_only_looks_like_a_leftover_is_kept(tag: str, tmp_path: Path):
    """Nothing is deleted that this library cannot have made."""
    mine = tmp_path / f".out.partial-{tag}"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine", encoding="utf-8")
    write(tmp_path / "out")
    assert (mine / "thesis.txt").is_file()


HANG = """
import sys, time
from pathlib import Path
from edgebert.staging import staged_folder

with staged_folder(Path(sys.argv[1]), force=True, marker="edgebert.json") as stage:
    (stage / "part.bin").write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("before", [False, True])
def test_a_killed_process_leaves_the_place_usable(before: bool, tmp_path: Path):
    """After kill -9 in mid-block the final name is as it was, and the next run succeeds and clears what was left."""
    out = tmp_path / "out"
    if before:
        write(out, "old")
    process = child(HANG, out)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    during = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert [name.partition("partial-")[2].partition("-")[0] for name in during] == [str(process.pid)]
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert {name: text for name, text in tree(tmp_path).items() if not name.startswith(".")} == (
        made("out", "old") if before else {}
    )
    write(out, force=before)
    assert tree(tmp_path) == made("out")


def test_an_interrupted_process_leaves_nothing(tmp_path: Path):
    """Ctrl-C in mid-block removes the half-written folder before the process ends."""
    process = child(HANG, tmp_path / "out")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert "KeyboardInterrupt" in errors
    assert tree(tmp_path) == {}


SWAP = """
import os, signal, sys
from pathlib import Path
from edgebert.staging import staged_folder

real, left = Path.rename, int(sys.argv[3])


def rename(self, target):
    global left
    result = real(self, target)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    return result


Path.rename = rename
with staged_folder(Path(sys.argv[1]), force=True, marker="edgebert.json") as stage:
    (stage / "sub").mkdir()
    for name in ("sub/model.bin", "edgebert.json"):
        (stage / name).write_text("new")
"""


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize("renames", [1, 2, 3])
def test_an_end_between_the_renames_loses_nothing(signal_name: str, renames: int, tmp_path: Path):
    """Ended after any of the renames that replace a folder, the next run finds the old or the new one whole."""
    out = tmp_path / "out"
    write(out, "old")
    process = child(SWAP, out, signal_name, renames)
    process.communicate()
    assert process.returncode != 0
    if signal_name == "SIGINT":
        assert tree(out) in (
            {name.removeprefix("out/"): text for name, text in made("out", kind).items() if "/" in name}
            for kind in ("old", "new")
        )
    with pytest.raises(OutputError, match="exists already"):
        write(out)
    assert tree(tmp_path) == made("out", "old" if renames == 1 else "new")
