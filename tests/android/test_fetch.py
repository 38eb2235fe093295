from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import stat
import tarfile
import zipfile

import pytest

import export.apk.fetch
from edgebert.errors import CheckFailed, EnvironmentProblem
from export.apk.__main__ import main

fetch = export.apk.fetch


def tgz(members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A package manager whose registry is a folder, and a function that puts a package there."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "registry").mkdir()
    npm = tmp_path / "bin" / "npm"
    npm.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {tmp_path}/asked\n'
        "for last; do :; done\n"
        f'if [ ! -f "{tmp_path}/registry/$last" ]; then echo "npm error 404 no $last" >&2; exit 1; fi\n'
        'while [ "$1" != --pack-destination ]; do shift; done\n'
        f'cp "{tmp_path}/registry/$last" "$2/came.tgz"\n'
    )
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(fetch, "FOLDER", tmp_path / "packages")

    def put(content, *, sha256=None):
        (tmp_path / "registry" / "thing@1.0").write_bytes(content)
        digest = sha256 or hashlib.sha256(content).hexdigest()
        package = dataclasses.replace(fetch.PACKAGES["onnxruntime"], name="thing", version="1.0", sha256=digest)
        monkeypatch.setattr(fetch, "PACKAGES", {"thing": package})

    return put


def left_over(tmp_path):
    return sorted(path.name for path in (tmp_path / "packages").rglob("*") if path.is_file() and path.name != ".lock")


def test_packages_are_fetched_once(registry, tmp_path):
    """The second time, the package manager is not asked."""
    registry(b"content")
    assert fetch.fetched("thing").read_bytes() == b"content"
    assert fetch.fetched("thing").read_bytes() == b"content"
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


def test_wrong_content_is_never_used(registry, tmp_path):
    """A package with another hash than the table states is refused with both, and nothing of it stays."""
    registry(b"content", sha256="0" * 64)
    with pytest.raises(CheckFailed, match=f"thing 1.0 has the sha256 ed70.* instead of {'0' * 64}"):
        fetch.fetched("thing")
    assert left_over(tmp_path) == []


def test_registry_that_fails(registry, tmp_path):
    """What the package manager says last is part of the message."""
    registry(b"content")
    (tmp_path / "registry" / "thing@1.0").unlink()
    with pytest.raises(EnvironmentProblem, match=r"thing@1\.0 cannot be fetched with npm: npm error 404 no thing@1\.0"):
        fetch.fetched("thing")
    assert left_over(tmp_path) == []


def test_missing_package_manager(registry, tmp_path, monkeypatch):
    """Without the package manager, the message names it."""
    registry(b"content")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=r"thing@1\.0 cannot be fetched: npm is not installed"):
        fetch.fetched("thing")


def test_attempts_that_were_killed_do_no_harm(registry, tmp_path):
    """What a killed attempt left behind is removed by the next one."""
    registry(b"content")
    part = tmp_path / "packages" / hashlib.sha256(b"content").hexdigest()[:16] / "part"
    part.mkdir(parents=True)
    (part / "half.tgz").write_bytes(b"con")
    assert fetch.fetched("thing").read_bytes() == b"content"
    assert left_over(tmp_path) == ["package"]


@pytest.mark.parametrize("pack", [tgz, zipped])
def test_members_are_unpacked_once(registry, pack):
    """Files of an archive are unpacked where they are missing, alone."""
    registry(pack({"a/b.so": b"library", "a/c.jar": b"classes", "d": b"more"}))
    library, classes = fetch.extracted("thing", "a/b.so", "a/c.jar")
    assert (library.read_bytes(), classes.read_bytes()) == (b"library", b"classes")
    assert not (library.parents[1] / "d").exists()
    before = library.stat().st_mtime_ns
    assert fetch.extracted("thing", "a/b.so") == [library]
    assert library.stat().st_mtime_ns == before


@pytest.mark.parametrize("pack", [tgz, zipped])
def test_missing_members_are_named(registry, pack):
    """An archive that lacks a file is an error that names it."""
    registry(pack({"a": b"1"}))
    with pytest.raises(CheckFailed, match="lacks b; correct the paths"):
        fetch.extracted("thing", "a", "b")


@pytest.mark.parametrize(
    ("content", "sha256", "code", "said"),
    [
        (b"content", None, 0, "thing: "),
        (b"content", "0" * 64, 1, "error: thing 1.0 has"),
        (None, None, 3, "404"),
    ],
)
def test_command_says_what_it_did(registry, tmp_path, capsys, content, sha256, code, said):
    """The command ends with 0, with 1 for another content, and with 3 where a package cannot be had."""
    registry(content or b"", sha256=sha256)
    if content is None:
        (tmp_path / "registry" / "thing@1.0").unlink()
    with pytest.raises(SystemExit) as left:
        main(["fetch"])
    assert left.value.code == code
    output = capsys.readouterr()
    assert said in output.out + output.err
    assert len((output.out + output.err).splitlines()) == 1


def test_unknown_names_are_refused(registry, capsys):
    """A name that is not in the table is a usage error that lists those that are."""
    registry(b"")
    with pytest.raises(SystemExit) as caught:
        main(["fetch", "other"])
    assert caught.value.code == 2
    assert "no package other; there are thing" in capsys.readouterr().err


def test_every_package_is_pinned():
    """Each entry of the table has an exact version and a hash."""
    for package in fetch.PACKAGES.values():
        assert len(package.sha256) == 64
        assert int(package.sha256, 16) >= 0
        assert package.version[0].isdecimal()
