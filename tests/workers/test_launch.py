from __future__ import annotations

import hashlib
import io
import os
import platform
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from edgebert import jsonio
from edgebert.device.process import open_local
from edgebert.errors import BundleError, DeviceGone, DeviceProblem, UsageError
from edgebert.workers.archive import RUNTIME_SCHEMA, RuntimeFile, WorkerManifest
from edgebert.workers.launch import _UNPACK, prepare


@pytest.fixture
def device(tmp_path):
    opened = open_local(tmp_path / "device")
    yield opened
    opened.close()


class Elsewhere:
    """A board that runs on this machine: programs are real, only its kind and `uname` are another's."""

    kind = "ssh"
    url = "ssh:pi@board"
    cpu = ""

    def __init__(self, device, machine=None):
        self.device = device
        self.root = device.root
        self.machine = machine
        self.pushed = []

    def run(self, argv, **options):
        """Run it here, unless it asks for the machine."""
        if tuple(argv) == ("uname", "-m") and self.machine:
            argv = ("echo", self.machine)
        return self.device.run(argv, **options)

    def push(self, source, name):
        """Note the name."""
        self.pushed.append(name)
        self.device.push(source, name)

    def close(self):
        """Close what it stands on."""
        self.device.close()


def write_runtime_file(path, *, machine, size=0):
    """Write a runtime that holds one shell script, which prints its folder and arguments."""
    files = {"start": b'echo "$WHERE $*"\n', "ballast": bytes(size), "bin/program": b"#!/bin/sh\n"}
    manifest = WorkerManifest(
        schema=RUNTIME_SCHEMA,
        machine=machine,
        argv=("sh", "{root}/start"),
        environment=(("WHERE", "{root}/x"),),
        packages=(),
        files=tuple(
            RuntimeFile(
                path=name,
                size_bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                executable=name.startswith("bin/"),
            )
            for name, content in files.items()
        ),
    )
    members = {"runtime.json": jsonio.dumps(manifest).encode(), **files}
    with tarfile.open(path, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if name.startswith("bin/") else 0o644
            archive.addfile(member, io.BytesIO(content))
    return path


def test_this_machine_runs_this_python(device):
    """Without anything named, a local worker is this Python with the packages of this process."""
    launcher = prepare(device, python=None, runtime=None)
    assert launcher.argv[0] == sys.executable
    done = device.run((*launcher.argv, "describe"), environment=launcher.environment)
    assert done.code == 0
    assert done.stdout.startswith(b"edgebert-worker ")


def test_named_python_gets_the_worker_once(device):
    """A named Python gets the worker's sources below a folder named by their hash, once, and runs those."""
    board = Elsewhere(device)
    first = prepare(board, python=sys.executable, runtime=None)
    assert prepare(board, python=sys.executable, runtime=None) == first
    assert len(board.pushed) == 1
    assert first.worker == sys.executable
    (folder,) = Path(device.root).iterdir()
    assert folder.name.startswith("worker-")
    where = "import edgebert.ondevice.__main__ as m; print(m.__file__)"
    done = device.run((sys.executable, "-c", where), environment=first.environment)
    assert done.stdout.decode().strip() == str(folder / "edgebert" / "ondevice" / "__main__.py")
    before = sorted(folder.rglob("*"))
    assert device.run((*first.argv, "describe"), environment=first.environment).stdout.startswith(b"edgebert-worker ")
    assert sorted(folder.rglob("*")) == before, "the worker left byte code behind"


@pytest.mark.parametrize("python", ["no-such-python", "true", "/"])
def test_no_python_there(device, python):
    """A Python that is absent, or something else, is named before anything is pushed."""
    board = Elsewhere(device)
    with pytest.raises(DeviceProblem, match="is no Python that starts"):
        prepare(board, python=python, runtime=None)
    assert board.pushed == []


def test_python_too_old(device, tmp_path):
    """A Python older than the worker's syntax is refused with its version."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho edgebert 3.8\n")
    old.chmod(0o755)
    with pytest.raises(DeviceProblem, match=r"is Python 3\.8"):
        prepare(device, python=str(old), runtime=None)


@pytest.mark.parametrize("python", ["", "-c"])
def test_python_that_is_an_option(device, python):
    """An empty text or an option is no program."""
    with pytest.raises(UsageError):
        prepare(device, python=python, runtime=None)


@pytest.mark.parametrize("machine", ["aarch64", "arm64", "armv7l"])
def test_a_board_needs_a_worker(device, machine):
    """Without Python or runtime a board is refused, and the hint names what would run on that machine."""
    with pytest.raises(DeviceProblem) as caught:
        prepare(Elsewhere(device, machine), python=None, runtime=None)
    assert "--python" in caught.value.hint
    assert ("edgebert worker build" in caught.value.hint) == (machine != "armv7l")
    assert not isinstance(caught.value, DeviceGone)


def test_both_are_too_much(device, tmp_path):
    """A Python and a runtime at once are contradictory."""
    with pytest.raises(UsageError):
        prepare(device, python="python3", runtime=tmp_path / "x")


def test_runtime_is_unpacked_once(device, tmp_path):
    """A runtime is pushed and unpacked once, starts from where it lies, and is named by its whole hash."""
    board = Elsewhere(device)
    runtime = write_runtime_file(tmp_path / "r.tar.gz", machine=platform.machine())
    launcher = prepare(board, python=None, runtime=runtime)
    assert prepare(board, python=None, runtime=runtime) == launcher
    assert len(board.pushed) == 1
    assert len(launcher.worker) == 64
    folder = Path(device.root, f"runtime-{launcher.worker[:16]}")
    assert list(Path(device.root).iterdir()) == [folder]
    done = device.run((*launcher.argv, "run"), environment=launcher.environment)
    assert done.stdout.decode() == f"{folder}/x run\n"


def test_runtime_for_another_machine(device, tmp_path):
    """A runtime for another machine is refused before it is pushed, and both machines are named."""
    board = Elsewhere(device, "armv7l")
    runtime = write_runtime_file(tmp_path / "r.tar.gz", machine="aarch64")
    with pytest.raises(DeviceProblem, match=r"r\.tar\.gz is for aarch64, and this device is armv7l"):
        prepare(board, python=None, runtime=runtime)
    assert board.pushed == []


def test_no_runtime(device, tmp_path):
    """What is no runtime is refused before it is pushed."""
    other = tmp_path / "other.tar.gz"
    other.write_bytes(b"hello")
    with pytest.raises(BundleError):
        prepare(device, python=None, runtime=other)


@pytest.mark.parametrize("program", ["tar", "chmod"])
def test_half_an_unpacking_is_never_used(program, device, tmp_path, monkeypatch):
    """A runtime that cannot be unpacked to its end leaves no folder, and is unpacked anew the next time."""
    runtime = write_runtime_file(tmp_path / "r.tar.gz", machine=platform.machine())
    failing = tmp_path / "bin" / program
    failing.parent.mkdir()
    failing.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    failing.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{failing.parent}:{os.environ['PATH']}")
        with pytest.raises(DeviceProblem, match=r"runtime-.* cannot be written below"):
            prepare(device, python=None, runtime=runtime)
    assert list(Path(device.root).iterdir()) == []
    assert prepare(device, python=None, runtime=runtime).argv[0] == "sh"


def test_an_archive_unlike_its_list_never_reaches_the_device(device, tmp_path):
    """A worker archive with one member that its list does not name is refused before it is pushed."""
    board = Elsewhere(device)
    runtime = write_runtime_file(tmp_path / "r.tar.gz", machine=platform.machine())
    with tarfile.open(runtime) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]
    extra = tarfile.TarInfo("bin/extra")
    extra.mode = 0o4755
    with tarfile.open(runtime, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for member, content in [*members, (extra, b"")]:
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(BundleError, match=r"r\.tar\.gz: the member 'bin/extra' is not named in runtime\.json"):
        prepare(board, python=None, runtime=runtime)
    assert board.pushed == []
    assert list(Path(device.root).iterdir()) == []


def test_owner_and_modes_are_not_those_of_the_archive(device, tmp_path):
    """What is unpacked belongs to the user of the device, and has the two modes that are set, whatever the tar says.

    The shell text of the push is run with an archive that no check has seen, as by an older edgebert.
    """
    archive = Path(device.root, "a.tar.gz")
    with tarfile.open(archive, "w:gz", format=tarfile.USTAR_FORMAT) as packed:
        for name, mode in {"setuid": 0o6755, "open": 0o666, "folder/closed": 0o400, "sticky": 0o1777}.items():
            member = tarfile.TarInfo(name)
            member.mode, member.uid, member.gid, member.uname, member.gname = mode, 12345, 12345, "daemon", "daemon"
            packed.addfile(member)
    assert device.run(("sh", "-c", _UNPACK, "sh", "a.tar.gz", "out", "word")).code == 0
    found = {path.name: path.stat() for path in Path(device.root, "out").rglob("*")}
    assert {name: oct(stat.st_mode & 0o7777) for name, stat in found.items() if name != "folder"} == {
        "setuid": "0o755",
        "open": "0o644",
        "closed": "0o644",
        "sticky": "0o755",
    }
    assert {(stat.st_uid, stat.st_gid) for stat in found.values()} == {(os.getuid(), os.getgid())}


def test_what_a_killed_unpacking_left_is_not_used(device, tmp_path):
    """A folder that another session left half-made has another name, and does not stand in for the runtime."""
    runtime = write_runtime_file(tmp_path / "r.tar.gz", machine=platform.machine())
    launcher = prepare(device, python=None, runtime=runtime)
    folder = Path(launcher.argv[1]).parent
    half = folder.with_name(f"{folder.name}.0a1b2c3d.partial")
    shutil.rmtree(folder)
    half.mkdir()
    prepare(device, python=None, runtime=runtime)
    assert (folder / "start").is_file()
