"""A file that the user names is written whole, through devices, pipes and links, and never over other things."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.errors import EnvironmentProblem, OutputError
from edgebert.outputs import FileKind, begins_with, check_output, opened_output, write_output

ROOT = Path(__file__).parents[1]
KIND = FileKind(name="a note", is_one=begins_with("note: "))


def write(path: Path, text: str = "note: new", *, force: bool = True) -> None:
    write_output(path, text.encode(), KIND, force=force)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_written(tmp_path: Path):
    """It appears with its content when the block ends, and nothing else does."""
    with opened_output(tmp_path / "note", KIND, force=False) as stream:
        stream.write(b"note: new")
        assert not (tmp_path / "note").exists()
    assert (tmp_path / "note").read_text() == "note: new"
    assert names(tmp_path) == ["note"]


def test_only_a_file_of_the_kind_is_replaced_and_only_when_told(tmp_path: Path):
    """Without force nothing is; with it a file of the kind or an empty one is, and anything else stays."""
    (tmp_path / "old").write_text("note: old")
    (tmp_path / "empty").touch()
    (tmp_path / "thesis").write_text("mine")
    for name in ("old", "empty", "thesis"):
        with pytest.raises(OutputError, match="exists already") as caught:
            write(tmp_path / name, force=False)
        assert "--force to replace a note" in caught.value.hint
    for name in ("old", "empty"):
        write(tmp_path / name)
        assert (tmp_path / name).read_text() == "note: new"
    with pytest.raises(OutputError, match="thesis: not replaced: it is not a note"):
        write(tmp_path / "thesis")
    assert (tmp_path / "thesis").read_text() == "mine"
    assert names(tmp_path) == ["empty", "old", "thesis"]


@given(content=st.binary(max_size=200))
def test_what_is_not_of_the_kind_is_never_touched(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    """A file of any bytes is replaced if the kind's mark is in it or it is empty, else it keeps every byte."""
    path = tmp_path_factory.mktemp("any") / "file"
    path.write_bytes(content)
    if not content or b"note: " in content:
        write(path)
        assert path.read_bytes() == b"note: new"
    else:
        with pytest.raises(OutputError):
            write(path)
        assert path.read_bytes() == content


def test_a_link_stays_and_its_target_is_replaced_whole(tmp_path: Path):
    """The link, also one to a name that is not there yet, leads to the new file; its target is judged as any file."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old").write_text("note: old")
    (tmp_path / "disk" / "mine").write_text("mine")
    for name in ("old", "new", "mine"):
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
    for name in ("old", "new"):
        write(tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "disk" / name).read_text() == "note: new"
    with pytest.raises(OutputError, match="not replaced"):
        write(tmp_path / "mine")
    assert (tmp_path / "mine").is_symlink()
    assert names(tmp_path / "disk") == ["mine", "new", "old"]


def test_a_pipe_is_written_through(tmp_path: Path):
    """A named pipe stays one, and its reader gets every byte."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe, "note: " + "x" * 200_000, force=False)
    reader.join()
    assert got == [b"note: " + b"x" * 200_000]
    assert pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_device_is_a_problem_of_the_machine():
    """No room on a device is exit code 3, and the device stays one."""
    with pytest.raises(EnvironmentProblem, match="/dev/full: no room left") as caught:
        write(Path("/dev/full"))
    assert caught.value.exit_code == 3
    assert Path("/dev/full").is_char_device()


def test_the_null_device_is_written_through():
    """Nothing is left, nothing is replaced."""
    write(Path(os.devnull), force=False)
    assert Path(os.devnull).is_char_device()


CODE = """
import sys
from pathlib import Path
from edgebert.outputs import FileKind, begins_with, write_output

print("before")
write_output(Path(sys.argv[1]), b"note: new\\n", FileKind(name="a note", is_one=begins_with("note")), force=False)
print("after")
"""


def child(*words: object, **streams: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, "-c", CODE, *map(str, words)], env=environment, text=True, **streams)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("kind", ["pipe", "file"])
def test_standard_output_is_written_to_in_its_place(kind: str, name: str, tmp_path: Path):
    """Led to a pipe or to a file, standard output holds what came before, the file, and what came after."""
    if not Path(name).exists():
        pytest.skip(f"there is no {name}")
    if kind == "pipe":
        text = child(name, stdout=subprocess.PIPE, check=True).stdout
    else:
        with (tmp_path / "shell").open("w") as stream:
            child(name, stdout=stream, check=True)
        text = (tmp_path / "shell").read_text()
    assert text == "before\nnote: new\nafter\n"


def test_standard_error_is_written_to(tmp_path: Path):
    """So is standard error."""
    done = child("/dev/stderr", capture_output=True, check=True)
    assert (done.stdout, done.stderr) == ("before\nafter\n", "note: new\n")


@pytest.mark.parametrize("place", ["none/note", "file/note", "folder", "loop", ".", "..", "x" * 300, "closed/note"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(place: str, tmp_path: Path, monkeypatch):
    """A folder that is missing, a file or closed, a folder in its place, a link in a circle: one line that names it."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("closed").mkdir(mode=0o500)
    Path("loop").symlink_to("loop")
    if place.startswith("closed") and os.access("closed", os.W_OK):
        pytest.skip("nothing is closed to this user")
    with pytest.raises(OutputError, match=r"cannot be written|is a folder|not the name") as caught:
        check_output(Path(place), KIND, force=True)
    assert caught.value.message.startswith(f"{Path(place)}: ")
    assert Path("file").read_text() == "mine"


def test_a_socket_is_refused(tmp_path: Path, monkeypatch):
    """What is neither file nor pipe nor terminal is not replaced."""
    import socket

    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        with pytest.raises(OutputError, match="neither file, pipe nor terminal"):
            write(Path("socket"))
        assert Path("socket").is_socket()


def test_a_file_of_the_name_that_was_used_for_unfinished_ones_survives(tmp_path: Path):
    """Unfinished files have names that nobody can foresee: ``X.partial`` is the user's, a link of it leads nowhere."""
    (tmp_path / "note.partial").write_text("mine")
    write(tmp_path / "note")
    assert (tmp_path / "note.partial").read_text() == "mine"
    (tmp_path / "note.partial").unlink()
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / "note.partial").symlink_to("thesis")
    write(tmp_path / "note")
    assert (tmp_path / "thesis").read_text() == "mine"
    assert names(tmp_path) == ["note", "note.partial", "thesis"]


def test_nothing_is_left_of_a_block_that_fails(tmp_path: Path):
    """The old file stays whole, and there is no other."""
    write(tmp_path / "note", "note: old")

    def fail() -> None:
        with opened_output(tmp_path / "note", KIND, force=True) as stream:
            stream.write(b"note: ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "note").read_text() == "note: old"
    assert names(tmp_path) == ["note"]


def test_permissions_are_passed_on(tmp_path: Path):
    """A file that only its owner may read stays one when it is replaced."""
    write(tmp_path / "note", "note: old")
    (tmp_path / "note").chmod(0o600)
    write(tmp_path / "note")
    assert (tmp_path / "note").stat().st_mode & 0o777 == 0o600
