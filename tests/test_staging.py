"""A folder appears whole under its name or not at all, and replaces only one of its kind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from edgebert import staging
from edgebert.errors import DataError, EnvironmentProblem, OutputError
from edgebert.staging import reading, staged_folder, writing
from tests.support.staged_folders import MARKER, made, tree, write


def test_the_folder_appears_when_the_block_ends(tmp_path: Path):
    """Before the end of the block there is no folder of the final name; after it, that folder and nothing else."""
    out = tmp_path / "a" / "b" / "out"
    with staged_folder(out, force=False, marker=MARKER) as stage:
        assert stage.is_dir()
        assert stage.parent == out.parent
        (stage / MARKER).write_text("new", encoding="utf-8")
        assert not out.exists()
    assert tree(tmp_path / "a" / "b") == {"out": None, f"out/{MARKER}": "new"}


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), KeyboardInterrupt(), SystemExit(3), MemoryError(), OSError(errno.EIO, "input/output error")],
)
@pytest.mark.parametrize("before", [False, True])
def test_nothing_is_left_of_a_block_that_fails(error: BaseException, before: bool, tmp_path: Path):
    """Whatever ends the block, the same error comes out, and the place is as it was: empty, or with the old folder."""
    out = tmp_path / "out"
    if before:
        write(out, "old")
    expected = tree(tmp_path)

    def fail() -> None:
        with staged_folder(out, force=True, marker=MARKER) as stage:
            (stage / MARKER).write_text("new", encoding="utf-8")
            raise error

    with pytest.raises(type(error)) as caught:
        fail()
    assert caught.value is error
    assert tree(tmp_path) == expected


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_problem_of_the_machine(number: int, tmp_path: Path):
    """No room, no quota and no larger file are one kind of error, with exit code 3 and nothing left."""

    def fail() -> None:
        with staged_folder(tmp_path / "out", force=False, marker=MARKER) as stage:
            (stage / "part.bin").write_bytes(b"half")
            raise OSError(number, os.strerror(number))

    with pytest.raises(EnvironmentProblem, match="no room left on the disk") as caught:
        fail()
    assert caught.value.exit_code == 3
    assert tree(tmp_path) == {}


def test_an_existing_folder_is_not_touched_without_force(tmp_path: Path):
    """A folder of the same kind, an empty one, and a file of that name are all refused as they are."""
    write(tmp_path / "bundle", "old")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    expected = tree(tmp_path)
    for name in ("bundle", "empty", "file"):
        with pytest.raises(OutputError, match=f"{name}: exists already") as caught:
            write(tmp_path / name)
        assert "--force" in caught.value.hint
        assert caught.value.exit_code == 2
    assert tree(tmp_path) == expected


def test_force_replaces_the_whole_folder_of_the_same_kind(tmp_path: Path):
    """With force, a folder with the marker is replaced, not merged: what only the old one had is gone."""
    out = tmp_path / "out"
    write(out, "old")
    (out / "extra.txt").write_text("only here", encoding="utf-8")
    write(out, "new", force=True)
    assert tree(tmp_path) == made("out")


def test_force_takes_an_empty_folder(tmp_path: Path):
    """With force, an empty folder is as good as none."""
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", force=True)
    assert tree(tmp_path) == made("out")


@pytest.mark.parametrize("content", ["thesis.txt", f"sub/{MARKER}", f"{MARKER}/inside", ".hidden"])
def test_force_never_deletes_other_things(content: str, tmp_path: Path):
    """With force, a folder that holds anything but a marker file of the kind at its top stays as it is."""
    out = tmp_path / "out"
    (out / content).parent.mkdir(parents=True)
    (out / content).write_text("mine", encoding="utf-8")
    expected = tree(tmp_path)
    with pytest.raises(OutputError, match="not replaced: it holds other things"):
        write(out, force=True)
    assert tree(tmp_path) == expected


def test_force_never_replaces_a_file_or_a_device(tmp_path: Path):
    """With force, a file stays, and so does what is neither file nor folder."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path / "file", tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(OutputError, match="exists already"):
            write(out, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_that_somebody_else_made_meanwhile_stays(force: bool, tmp_path: Path):
    """A folder that appears under the final name while the block runs is not replaced by what the block made."""
    out = tmp_path / "out"

    def lose() -> None:
        with staged_folder(out, force=force, marker=MARKER) as stage:
            (stage / MARKER).write_text("mine", encoding="utf-8")
            out.mkdir()
            (out / "theirs.txt").write_text("theirs", encoding="utf-8")

    with pytest.raises(OutputError):
        lose()
    assert tree(tmp_path) == {"out": None, "out/theirs.txt": "theirs"}


def test_a_link_is_followed(tmp_path: Path):
    """A link stays one: the folder that it names is made or replaced, where that folder lies."""
    disk = tmp_path / "disk"
    (tmp_path / "link").symlink_to(disk / "out")
    disk.mkdir()
    for content in ("old", "new"):
        write(tmp_path / "link", content, force=True)
        assert tree(disk) == made("out", content)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "link"]
    assert (tmp_path / "link" / MARKER).read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("parent", ["file", "file/below", "loop"])
def test_a_parent_that_cannot_hold_a_folder_is_refused(parent: str, tmp_path: Path):
    """A parent that is a file, or a link to itself, is an error of the request that names the folder and the reason."""
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "loop").symlink_to("loop")
    expected = tree(tmp_path)
    with pytest.raises(OutputError, match="out: cannot be made: ") as caught:
        write(tmp_path / parent / "out")
    assert caught.value.exit_code == 2
    assert tree(tmp_path) == expected


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc, where even root makes no folder")
def test_a_place_where_nobody_may_write_is_refused():
    """A folder that not even root can make is an error of the request."""
    with pytest.raises(OutputError, match="cannot be made"):
        write(Path("/proc/edgebert/out"))


def test_a_name_too_long_is_refused(tmp_path: Path):
    """A name that the file system does not take, alone or with what the stage adds to it, is refused in our words."""
    for length in (255, 300):
        with pytest.raises(OutputError, match="cannot be made: File name too long"):
            write(tmp_path / ("x" * length))
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("name", ["", ".", "/", "..", "../.."])
def test_a_path_without_a_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The current folder, the root and the folder above cannot be replaced, whatever they hold."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / MARKER).write_text("mine", encoding="utf-8")
    for force in (False, True):
        with pytest.raises(OutputError, match="not the name of a folder to make"):
            write(Path(name), force=force)


def test_a_link_to_itself_is_refused(tmp_path: Path):
    """A final name that is a link in a circle is an error of ours."""
    (tmp_path / "out").symlink_to("out")
    with pytest.raises(OutputError):
        write(tmp_path / "out", force=True)
    assert tree(tmp_path) == {"out": "-> out"}


def test_a_relative_path_is_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A bare name makes the folder in the current one."""
    monkeypatch.chdir(tmp_path)
    write(Path("out"))
    assert tree(tmp_path) == made("out")


def test_a_file_is_replaced_whole_or_stays(tmp_path, monkeypatch):
    """New content appears at once; when the disk takes no more, the old content and nothing else is there."""
    path = tmp_path / "state.json"
    staging.replace_file(path, b"one")
    staging.replace_file(path, b"two")
    assert path.read_bytes() == b"two"

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        staging.replace_file(path, b"three")
    assert path.read_bytes() == b"two"
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("number", "kind", "words", "hint"),
    [
        (errno.ENOSPC, EnvironmentProblem, "x: no room left on the disk: No space left on device", "free some space"),
        (errno.EACCES, OutputError, "x: cannot be written: Permission denied", "choose a place you can write to"),
    ],
)
def test_an_error_of_writing_names_the_place(number: int, kind: type, words: str, hint: str):
    """A full disk is a problem of the machine, anything else one of the place; the caller's words replace ours."""
    with pytest.raises(kind) as caught, writing(Path("x")):
        raise OSError(number, os.strerror(number))
    assert (caught.value.message, caught.value.hint) == (words, hint)
    with pytest.raises(kind) as caught, writing(Path("x"), problem="is not to be had", hint="go", room_hint="go"):
        raise OSError(number, os.strerror(number))
    assert (caught.value.message, caught.value.hint) == (words.replace("cannot be written", "is not to be had"), "go")


def test_a_reader_that_has_gone_is_told_as_it_is():
    """A broken pipe is no failure of the place: the error comes out unchanged, as does what is no error of writing."""
    for error in (BrokenPipeError(errno.EPIPE, "broken"), ValueError("x")):
        with pytest.raises(type(error)) as caught, writing(Path("x")):
            raise error
        assert caught.value is error


def test_an_error_of_reading_names_the_file(tmp_path: Path):
    """A file that is missing or no UTF-8 becomes the caller's error."""
    path = tmp_path / "x"

    def fail() -> None:
        with reading(path, error=DataError, hint="give another"):
            path.read_text(encoding="utf-8")

    with pytest.raises(DataError, match=r"x: cannot be read: No such file or directory$") as caught:
        fail()
    assert caught.value.hint == "give another"
    path.write_bytes(b"ab\xff")
    with pytest.raises(DataError, match=r"x: not UTF-8 at byte 2$"):
        fail()
