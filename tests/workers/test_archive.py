from __future__ import annotations

import dataclasses
import gzip
import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert import jsonio
from edgebert.errors import BundleError, EnvironmentProblem, OutputError
from edgebert.workers.archive import (
    LOADER,
    MANIFEST,
    PYTHON,
    RuntimeFile,
    RuntimePackage,
    WorkerManifest,
    is_safe_name,
    write_runtime,
)
from edgebert.workers.unpack import check_runtime, read_runtime, unpack_runtime
from tests.support.full_disk import files_of_at_most

PACKAGES = (RuntimePackage(name="numpy", version="2.4.6", origin="PyPI"),)
CONTENT = {PYTHON: b"python", LOADER: b"loader", "site/numpy/__init__.py": b"", "licences/libc6": b"LGPL" * 9000}


def sources(folder: Path) -> dict[str, Path]:
    """Write small files and return where they are, by their path in the runtime."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for index, (name, content) in enumerate(CONTENT.items()):
        found[name] = folder / str(index)
        found[name].write_bytes(content)
    return found


def made(folder: Path) -> Path:
    """Return a small runtime."""
    path = folder / "runtime.tar.gz"
    write_runtime(path, sources(folder / "sources"), PACKAGES)
    return path


def changed(path: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """Write the archive anew after ``change`` has had its members."""
    with tarfile.open(path) as archive:
        members = [(member, stream.read() if (stream := archive.extractfile(member)) else b"") for member in archive]
    change(members)
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return path


def with_manifest(path: Path, manifest: WorkerManifest) -> Path:
    """Replace the manifest in the archive."""

    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        content = jsonio.dumps(manifest).encode()
        members[0][0].size = len(content)
        members[0] = (members[0][0], content)

    return changed(path, change)


def test_a_runtime_comes_back_as_it_was_written(tmp_path: Path):
    """What was written is what is unpacked, programs can be started, and all three manifests are the same."""
    path = tmp_path / "runtime.tar.gz"
    written = write_runtime(path, sources(tmp_path / "sources"), PACKAGES)
    unpacked = unpack_runtime(path, tmp_path / "root")
    assert written == read_runtime(path) == check_runtime(path) == unpacked
    assert {name: (tmp_path / "root" / name).read_bytes() for name in CONTENT} == CONTENT
    assert (tmp_path / "root" / LOADER).stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "root" / "licences/libc6").stat().st_mode & 0o777 == 0o644
    assert written.size_bytes == sum(map(len, CONTENT.values()))
    assert jsonio.loads(WorkerManifest, (tmp_path / "root" / MANIFEST).read_text(), source="") == written


def test_the_same_content_gives_the_same_bytes(tmp_path: Path):
    """Neither the hour, nor the names of the archive and of the sources, nor their order show in the bytes."""
    first = made(tmp_path / "a")
    files = sources(tmp_path / "another folder")
    for path in files.values():
        path.touch()
        path.chmod(0o600)
    write_runtime(tmp_path / "other-name.tgz", dict(reversed(files.items())), PACKAGES)
    assert first.read_bytes() == (tmp_path / "other-name.tgz").read_bytes()


def test_the_archive_names_no_time_and_no_owner(tmp_path: Path):
    """Every member is a plain file of nobody, of the year 1970, in the oldest format, the manifest first."""
    with tarfile.open(made(tmp_path)) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == [MANIFEST, *sorted(CONTENT)]
    assert {(member.mtime, member.uid, member.gid, member.uname, member.isreg()) for member in members} == {
        (0, 0, 0, "", True)
    }
    assert gzip.decompress((tmp_path / "runtime.tar.gz").read_bytes())[257:265] == b"ustar\x0000"


def test_the_command_starts_where_the_runtime_lies(tmp_path: Path):
    """No placeholder is left in command and environment, and no path in them lies outside of the root."""
    manifest = read_runtime(made(tmp_path))
    command, variables = manifest.command("/data/local/tmp/r"), manifest.variables("/data/local/tmp/r")
    assert command[0] == f"/data/local/tmp/r/{LOADER}"
    assert command[-2:] == ("-m", "edgebert.ondevice")
    words = [*command, *(path for value in variables.values() for path in value.split(":"))]
    assert all(word.startswith("/data/local/tmp/r") for word in words if "/" in word)
    assert "{" not in "".join(words)
    assert variables["ORT_DISABLE_TELEMETRY"] == "1"


def test_an_existing_file_is_kept_unless_forced(tmp_path: Path):
    """A file that is there is refused and left alone; with force an archive is replaced, but nothing else."""
    path = tmp_path / "runtime.tar.gz"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_runtime(path, sources(tmp_path / "s"), PACKAGES)
    assert path.read_text() == "mine"
    with pytest.raises(OutputError, match="not a worker archive"):
        write_runtime(path, sources(tmp_path / "s"), PACKAGES, force=True)
    assert path.read_text() == "mine"
    path.unlink()
    for force in (False, True):
        write_runtime(path, sources(tmp_path / "s"), PACKAGES, force=force)
        assert read_runtime(path).packages == PACKAGES
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError):
        write_runtime(tmp_path / "folder", sources(tmp_path / "s"), PACKAGES, force=True)


def test_a_full_disk_leaves_nothing(tmp_path: Path):
    """When there is no room the old file stays, and no half-written one is left beside it."""
    path = made(tmp_path)
    before = path.read_bytes()
    with files_of_at_most(200):
        with pytest.raises(EnvironmentProblem, match="no room"):
            write_runtime(path, sources_of(tmp_path), PACKAGES, force=True)
        with pytest.raises(EnvironmentProblem, match="no room"):
            unpack_runtime(path, tmp_path / "root")
    assert path.read_bytes() == before
    assert {entry.name for entry in tmp_path.iterdir()} == {"runtime.tar.gz", "sources"}


def sources_of(folder: Path) -> dict[str, Path]:
    return {name: folder / "sources" / str(index) for index, name in enumerate(CONTENT)}


@pytest.mark.parametrize(
    "name", ["/etc/x", "../x", "a/../../x", "a//b", "./a", "", ".", "a\\b", "C:x", "a\nb", "a/", "n" * 300, "n" * 101]
)
def test_names_that_lead_out_are_unsafe(name: str):
    """Absolute, upward, doubled, foreign, unprintable and too long names are refused."""
    assert not is_safe_name(name)


@given(st.text(max_size=30))
def test_a_safe_name_stays_below_its_folder(name: str):
    """Whatever a safe name is, joined to a folder and resolved it lies below that folder."""
    if is_safe_name(name):
        joined = Path("/some/folder", name)
        assert joined.is_relative_to("/some/folder")
        assert ".." not in joined.parts


@pytest.mark.parametrize("name", ["../outside", "/outside", "site/../../outside"])
def test_a_manifest_that_leads_out_is_refused(name: str, tmp_path: Path):
    """A runtime whose manifest names a path outside of the root is refused before anything is written."""
    path = made(tmp_path)
    manifest = read_runtime(path)
    files = (dataclasses.replace(manifest.files[0], path=name), *manifest.files[1:])
    with_manifest(path, dataclasses.replace(manifest, files=files))
    with pytest.raises(BundleError, match="leads out"):
        unpack_runtime(path, tmp_path / "deep" / "root")
    assert not (tmp_path / "deep" / "root").exists()
    assert not (tmp_path / "deep" / "outside").exists()


def link(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[1][0].type, members[1][0].linkname = tarfile.SYMTYPE, "/etc/passwd"


def other(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[1] = (members[1][0], bytes(len(members[1][1]) - 1) + b"x")


def longer(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members[1][0].size += 1
    members[1] = (members[1][0], members[1][1] + b"x")


def header(**fields: object) -> Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]:
    """Return a change of the header of a file."""

    def change(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        for name, value in fields.items():
            setattr(members[3][0], name, value)

    return change


def more(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    members.append((tarfile.TarInfo("../../outside"), b""))


CHANGES = {
    "a link in place of a file": (link, "is not what"),
    "a setuid program": (header(mode=0o4755), "is not what"),
    "a file that all may write": (header(mode=0o666), "is not what"),
    "a data file that is a program": (header(mode=0o755), "is not what"),
    "a hard link": (header(type=tarfile.LNKTYPE, linkname="runtime.json"), "is not what"),
    "a device": (header(type=tarfile.CHRTYPE), "is not what"),
    "a pipe": (header(type=tarfile.FIFOTYPE), "is not what"),
    "a folder": (header(type=tarfile.DIRTYPE), "not named|is not what"),
    "a file of the oldest type": (header(type=tarfile.AREGTYPE), "is not what"),
    "a file with holes": (header(type=tarfile.GNUTYPE_SPARSE), "is not what"),
    "a header with more than ASCII in a longer form": (header(uname="\u00e9" * 40), "not named"),
    "other content of the same size": (other, "sha256"),
    "a file of another size": (longer, "is not what"),
    "a file that the manifest does not name": (more, "not named"),
    "a file that appears twice": (lambda members: members.append(members[-1]), "twice"),
    "a file less": (lambda members: members.pop(), "1 files are missing, as site"),
    "the manifest at another place": (lambda members: members.reverse(), "first member"),
    "no member at all": (lambda members: members.clear(), "first member"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_archive_that_was_changed_is_not_unpacked(what: str, tmp_path: Path):
    """Whatever differs from the manifest is found, and no folder is left."""
    change, words = CHANGES[what]
    path = changed(made(tmp_path), change)
    for read in (check_runtime, lambda path: unpack_runtime(path, tmp_path / "root")):
        with pytest.raises(BundleError, match=words):
            read(path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"runtime.tar.gz", "sources"}


def with_tail(path: Path, change: Callable[[bytes], bytes]) -> Path:
    """Change the bytes of the archive inside the compression."""
    path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes())), mtime=0))
    return path


def hidden(tar: bytes) -> bytes:
    """Put a member behind the end of the archive, where programs differ in what they read."""
    extra = io.BytesIO()
    with tarfile.open(fileobj=extra, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("hidden"))
    return tar + extra.getvalue()


TAILS = {
    "a member behind the end": hidden,
    "a byte behind the end": lambda tar: tar + b"x",
    "many zeros behind the end": lambda tar: tar + bytes(100_000),
    "no end": lambda tar: tar.rstrip(b"\0"),
}


@pytest.mark.parametrize("what", TAILS)
def test_nothing_follows_the_last_member(what: str, tmp_path: Path):
    """What stands behind the end of the archive, which another program could read, is refused."""
    path = with_tail(made(tmp_path), TAILS[what])
    with pytest.raises(BundleError, match=r"something follows|ends too early"):
        check_runtime(path)


def test_a_name_in_two_readings_is_refused(tmp_path: Path):
    """A header of GNU's format, where the bytes of a prefix mean something else, is refused."""
    path = made(tmp_path)
    with tarfile.open(path) as archive:
        members = [(member, archive.extractfile(member).read()) for member in archive]
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(BundleError, match="another format than ustar"):
        check_runtime(path)


def listed(path: str, **fields: object) -> RuntimeFile:
    return RuntimeFile(**{"path": path, "size_bytes": 0, "sha256": "0" * 64, "executable": False, **fields})


LISTS = {
    "a file that is a folder too": (
        [listed("a/b"), listed("a")],
        r"files\[1\].*'a', which is a file and a folder",
    ),
    "the manifest as a folder": ([listed("runtime.json/a")], "runtime.json is a file and a folder"),
    "the manifest as a file": ([listed("runtime.json")], "which occurs twice"),
    "a path twice": ([listed("a"), listed("a")], "which occurs twice"),
    "a name of 300 characters": ([listed("n" * 300)], "too long"),
    "a path of 300 characters": ([listed("/".join("abc" * 100))], "too long"),
    "a name of 100,000 characters": ([listed("n" * 100_000)], "too long"),
    "a negative size": ([listed("a", size_bytes=-1)], r"files\[0\].size_bytes is -1"),
    "a size beyond every disk": ([listed("a", size_bytes=2**52)], "expected at most"),
    "a size of more than 64 bits": ([listed("a", size_bytes=2**63)], r"files\[0\].size_bytes"),
    "a size of a thousand digits": ([listed("a", size_bytes=10**1000)], "expected at most|size_bytes"),
}


@pytest.mark.parametrize("what", LISTS)
def test_a_list_that_no_folder_can_hold_is_refused(what: str, tmp_path: Path):
    """A manifest whose list cannot be unpacked is refused in one line, before anything is written."""
    files, words = LISTS[what]
    path = made(tmp_path)
    with_manifest(path, dataclasses.replace(read_runtime(path), files=tuple(files)))
    for read in (read_runtime, check_runtime, lambda path: unpack_runtime(path, tmp_path / "root")):
        with pytest.raises(BundleError, match=words) as caught:
            read(path)
        assert len(caught.value.message) < 1000
    assert {entry.name for entry in tmp_path.iterdir()} == {"runtime.tar.gz", "sources"}


BOMB = """
import resource, sys
from pathlib import Path
from edgebert.workers.unpack import check_runtime
from edgebert.errors import BundleError
resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))
try:
    check_runtime(Path(sys.argv[1]))
except BundleError as error:
    print(error)
"""


@pytest.mark.parametrize("kind", ["pax header", "manifest"])
def test_memory_is_bounded(kind: str, tmp_path: Path):
    """A header or manifest of 900 MB is refused by a process that may use half of that."""
    member = tarfile.TarInfo("runtime.json" if kind == "manifest" else "x")
    member.size = 900 << 20
    member.type = tarfile.XHDTYPE if kind == "pax header" else tarfile.REGTYPE
    path = tmp_path / "bomb.tar.gz"
    with gzip.open(path, "wb", 1) as stream:
        stream.write(member.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(900):
            stream.write(bytes(1 << 20))
    done = subprocess.run([sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bomb.tar.gz: not a worker archive" in done.stdout or "runtime.json: has 943718400 bytes" in done.stdout


@pytest.mark.parametrize(
    "content",
    [b"", b"not an archive", gzip.compress(b"not a tar file" * 99, mtime=0)],
    ids=["empty", "text", "gzip-of-text"],
)
def test_other_files_are_no_runtime(content: bytes, tmp_path: Path):
    """A file of another kind, and a missing one, are refused by name."""
    (tmp_path / "x.tar.gz").write_bytes(content)
    with pytest.raises(BundleError, match=r"x\.tar\.gz: not a worker archive"):
        read_runtime(tmp_path / "x.tar.gz")
    with pytest.raises(BundleError, match="No such file"):
        read_runtime(tmp_path / "missing.tar.gz")


@given(st.data())
def test_a_damaged_archive_is_refused(tmp_path_factory, data: st.DataObject):
    """An archive that is cut anywhere or has a changed byte is unpacked whole or refused by an error of ours."""
    folder = tmp_path_factory.mktemp("damaged")
    path = made(folder)
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(0, len(whole) - 1)) :]
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    try:
        unpack_runtime(path, folder / "root")
    except BundleError:
        assert not (folder / "root").exists()
    else:
        assert {name: (folder / "root" / name).read_bytes() for name in CONTENT} == CONTENT


def test_a_newer_schema_is_named(tmp_path: Path):
    """A runtime of a later version of edgebert is refused with both numbers."""
    path = made(tmp_path)
    with_manifest(path, dataclasses.replace(read_runtime(path), schema=9))
    with pytest.raises(BundleError, match="schema 9; this edgebert reads up to 1"):
        read_runtime(path)
