"""What a process leaves that is killed or interrupted or runs out of disk: nothing that the next one cannot clear."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert import staging
from edgebert.errors import OutputError
from tests.support.staged_folders import MARKER, made, tree, write

ROOT = Path(__file__).parents[1]


def child(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a fresh interpreter on some code that imports this very library."""
    words = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def leftover(out: Path, number: int = 0, end: str = "") -> Path:
    """Make what a process that has died would have left."""
    left = out.parent / f".{out.name}.partial-{number:016x}{end}"
    left.mkdir(parents=True)
    (left / "part.bin").write_text("half", encoding="utf-8")
    return left


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


HANG = """
import sys, time
from pathlib import Path
from edgebert.staging import staged_folder

with staged_folder(Path(sys.argv[1]), force=True, marker="edgebert.json") as stage:
    (stage / "part.bin").write_text("half")
    print("ready", flush=True)
    if sys.stdin.read():
        (stage / "part.bin").unlink()
        (stage / "edgebert.json").write_text("theirs")
"""


def started(out: Path, *, prefix: tuple[str, ...] = ()) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that is making a folder; return it and the unfinished folder."""
    process = child(HANG, out, prefix=prefix)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    (stage,) = (path for path in out.parent.iterdir() if path.name.startswith(f".{out.name}.partial-"))
    return process, stage


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_uses_is_kept(tmp_path: Path):
    """Leftovers for the same folder go; the stage of a living process and leftovers for other folders stay."""
    out = tmp_path / "out"
    process, stage = started(out)
    gone = [leftover(out, number) for number in (1, 2)]
    other = leftover(tmp_path / "outer")
    write(out)
    assert not any(left.exists() for left in gone)
    assert (stage / "part.bin").read_text(encoding="utf-8") == "half"
    assert (other / "part.bin").is_file()
    process.kill()
    process.communicate()


def test_the_stage_of_another_namespace_is_kept(tmp_path: Path):
    """A process whose number nobody knows here, as in a container, keeps its stage, and finishes its folder."""
    apart = ("unshare", "--user", "--map-root-user", "--pid", "--fork")
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("may not make a namespace of process numbers here")
    out = tmp_path / "out"
    process, stage = started(out, prefix=apart)
    write(tmp_path / "out", "mine")
    assert (stage / "part.bin").is_file()
    process.communicate("go on")
    assert process.returncode == 0
    assert tree(tmp_path) == {"out": None, f"out/{MARKER}": "theirs"}


def test_a_file_at_work_is_kept_and_a_dead_one_removed(tmp_path: Path):
    """Of two unfinished files of one name, the one that nobody holds goes."""
    dead = tmp_path / ".state.json.partial-0123456789abcdef"
    dead.write_text("half", encoding="utf-8")
    with staging.staged_file(tmp_path / "state.json") as stream:
        stream.write(b"first")
        assert not dead.exists()
        staging.replace_file(tmp_path / "state.json", b"second")
        assert (tmp_path / "state.json").read_bytes() == b"second"
    assert (tmp_path / "state.json").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("name", ["out[1]", "*", "?", "[a-z]", "a b", "é", "-f", ".hidden"])
def test_odd_names_clear_only_their_own_leftovers(name: str, tmp_path: Path):
    """A name that would be a pattern is a name: its leftovers go, those for another folder stay."""
    out = tmp_path / name
    gone = leftover(out)
    kept = [leftover(tmp_path / other) for other in ("out1", "b", "x")]
    write(out)
    assert not gone.exists()
    assert all(left.is_dir() for left in kept)
    assert (out / MARKER).is_file()


@pytest.mark.parametrize("tag", ["notes", "1-notes", "", "x-00beef", "0123456789abcdef.old.old", "0123456789ABCDEF"])
def test_a_folder_that_only_looks_like_a_leftover_is_kept(tag: str, tmp_path: Path):
    """Nothing is deleted that this library cannot have made."""
    mine = tmp_path / f".out.partial-{tag}"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine", encoding="utf-8")
    write(tmp_path / "out")
    assert (mine / "thesis.txt").is_file()


def test_a_link_with_the_name_of_a_leftover_is_not_followed(tmp_path: Path):
    """What such a link names is neither removed nor written to."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine", encoding="utf-8")
    for kind in ("", ".old"):
        (tmp_path / f".out.partial-0123456789abcdef{kind}").symlink_to(tmp_path / "mine")
    write(tmp_path / "out")
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "out" / MARKER).is_file()


@pytest.mark.parametrize("before", [False, True])
def test_a_killed_process_leaves_the_place_usable(before: bool, tmp_path: Path):
    """After kill -9 in mid-block the final name is as it was, and the next run succeeds and clears what was left."""
    out = tmp_path / "out"
    if before:
        write(out, "old")
    process, _ = started(out)
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
    process, _ = started(tmp_path / "out")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert "KeyboardInterrupt" in errors
    assert tree(tmp_path) == {}


SWAP = """
import os, signal, sys
from pathlib import Path
from edgebert import staging
from edgebert.staging import staged_folder

number, left = getattr(signal, sys.argv[2]), int(sys.argv[3])


def counted(function):
    def rename(*names):
        global left
        result = function(*names)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)
        return result

    return rename


if sys.argv[4] == "exchange":
    staging._exchange = counted(staging._exchange)
else:
    staging._exchange = lambda one, other: False
    Path.rename = counted(Path.rename)
with staged_folder(Path(sys.argv[1]), force=True, marker="edgebert.json") as stage:
    (stage / "sub").mkdir()
    for name in ("sub/model.bin", "edgebert.json"):
        (stage / name).write_text("new")
"""


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize(("way", "renames"), [("exchange", 1), ("two steps", 1), ("two steps", 2), ("two steps", 3)])
def test_an_end_between_the_renames_loses_nothing(signal_name: str, way: str, renames: int, tmp_path: Path):
    """Ended after any of the renames that replace a folder, the next run finds the old or the new one whole."""
    out = tmp_path / "out"
    write(out, "old")
    process = child(SWAP, out, signal_name, renames, way)
    process.communicate()
    assert process.returncode != 0
    if signal_name == "SIGINT" or way == "exchange":
        assert tree(out) in (
            {name.removeprefix("out/"): text for name, text in made("out", kind).items() if "/" in name}
            for kind in ("old", "new")
        )
    with pytest.raises(OutputError, match="exists already"):
        write(out)
    assert tree(tmp_path) == made("out", "old" if (way, renames) == ("two steps", 1) else "new")


READ = """
import sys
from pathlib import Path

out, reads = Path(sys.argv[1]), 0
while not (out.parent / "done").exists():
    text = (out / "edgebert.json").read_text()
    assert text in {"old", "new"}, text
    reads += 1
print(reads)
"""


def test_a_reader_finds_a_folder_at_every_moment(tmp_path: Path):
    """While a folder is replaced 300 times, a process that reads it all the time never finds none."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    if not staging._exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("this system cannot exchange two names")
    out = tmp_path / "out"
    write(out, "old")
    reader = child(READ, out)
    for index in range(300):
        write(out, ("new", "old")[index % 2], force=True)
        assert reader.poll() is None
    (tmp_path / "done").touch()
    output, errors = reader.communicate()
    assert errors == ""
    assert int(output) > 300


def test_two_writers_leave_one_whole_folder(tmp_path: Path):
    """Processes that replace the same folder at once all succeed, and the last one's folder is there, whole."""
    out = tmp_path / "out"
    write(out, "old")
    waiting = [child(HANG, out) for _ in range(3)]
    for process in waiting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in waiting:
        assert process.communicate("go on")[1] == ""
    assert tree(tmp_path) == {"out": None, f"out/{MARKER}": "theirs"}
