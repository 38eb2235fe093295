from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edgebert.errors import EnvironmentProblem
from edgebert.workers.fetch import (
    KEYRING,
    MIRROR,
    RELEASE,
    deb_version,
    fetch_debs,
    fetch_wheels,
    host_architecture,
    unpack_deb,
)

needs_debian = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("apt-get", "dpkg-deb")) or not KEYRING.is_file(),
    reason="no Debian or Ubuntu, or one without debian-archive-keyring",
)
NOBODY = "http://127.0.0.1:9"
"""The port of the discard service, where nobody listens."""


def deb(folder: Path, *, name: str = "tiny", version: str = "1.2-3") -> Path:
    """Make a real Debian package with one file below usr/ and one below lib/."""
    tree = folder / f"tree-{name}"
    for path in ("usr/lib/of-usr", "lib/of-lib"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(path)
    (tree / "DEBIAN").mkdir()
    control = f"Package: {name}\nVersion: {version}\nArchitecture: arm64\nMaintainer: t <t@t>\nDescription: t\n"
    (tree / "DEBIAN" / "control").write_text(control)
    (tree / "DEBIAN" / "postinst").write_text("#!/bin/sh\ntouch /edgebert-was-here\n")
    (tree / "DEBIAN" / "postinst").chmod(0o755)
    made = folder / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--build", "-Znone", tree, made], check=True, capture_output=True)
    return made


@pytest.mark.parametrize("tool", ["apt-get", "dpkg-deb"])
def test_another_system_is_told_what_it_lacks(tool: str, tmp_path: Path, monkeypatch):
    """Where apt or dpkg is missing, one line names the tool, and the hint names a system that has it."""
    for other in {"apt-get", "dpkg", "dpkg-deb", "tar"} - {tool}:
        (tmp_path / other).write_text("#!/bin/sh\n")
        (tmp_path / other).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=f"^{tool} is not on this machine") as caught:
        fetch_debs(["base-files"], architecture="arm64", suites=RELEASE, folder=tmp_path, with_dependencies=False)
    assert "Debian" in caught.value.hint


@needs_debian
@pytest.mark.parametrize(
    ("targets", "named", "archive"),
    [
        ("http://a/ubuntu/ Ubuntu\nhttp://b/debian/ Debian\n", "", "http://b/debian"),
        # A container without lists: apt cannot say whose archive it is.
        ("http://b/linux/debian/ \nhttp://c/debian \n", "", "http://c/debian"),
        ("http://c/debian/ Other\nhttp://b/debian/ Debian\n", "https://mine/debian/", "https://mine/debian"),
        ("", "file:/srv/debian", "file:/srv/debian"),
        ("http://a/ubuntu/ Ubuntu\nhttp://c/debian/ Other\n", "", None),
        ("", "", None),
    ],
)
def test_the_archive_is_the_machines_own_or_named(targets, named, archive, tmp_path: Path, monkeypatch):
    """A named one comes first, then one that is Debian's, then one that may be; without any, the hint says how."""
    apt = tmp_path / "apt-get"
    apt.write_text(f"#!/bin/sh\n[ $1 = indextargets ] && printf '{targets}' && exit\necho 'E: not here' >&2\nexit 1\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv(MIRROR, named)
    words = f"^the package lists of {archive}: cannot be fetched" if archive else "cannot be fetched: apt .* knows no"
    with pytest.raises(EnvironmentProblem, match=words) as caught:
        fetch_debs(["base-files"], architecture="arm64", suites=RELEASE, folder=tmp_path / "d", with_dependencies=False)
    assert archive or MIRROR in caught.value.hint


@needs_debian
@pytest.mark.parametrize("named", ["debian", "http://a b/debian", "http://a/debian\ndeb [trusted=yes] http://b/debian"])
def test_a_name_that_is_no_address_is_refused(named: str, tmp_path: Path, monkeypatch):
    """What would be another line or option of apt's list is no address."""
    monkeypatch.setenv(MIRROR, named)
    with pytest.raises(EnvironmentProblem, match="no address"):
        fetch_debs(["base-files"], architecture="arm64", suites=RELEASE, folder=tmp_path / "d", with_dependencies=False)


@needs_debian
def test_a_package_is_unpacked_through_links(tmp_path: Path):
    """Files below a linked folder go where the link leads, the link stays, and no script of the package runs."""
    root = tmp_path / "root"
    (root / "usr" / "lib").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")
    unpack_deb(deb(tmp_path), root)
    assert (root / "lib").is_symlink()
    assert {path.name for path in (root / "usr" / "lib").iterdir()} == {"of-usr", "of-lib"}
    assert not Path("/edgebert-was-here").exists()


@needs_debian
def test_a_package_says_its_name_and_version(tmp_path: Path):
    """Name and version are those of the package's control file."""
    assert deb_version(deb(tmp_path, name="other", version="1:7.2+dfsg-7~b1")) == ("other", "1:7.2+dfsg-7~b1")


@needs_debian
def test_a_damaged_package_is_named(tmp_path: Path):
    """A package that is cut off is refused in one line with its name."""
    whole = deb(tmp_path)
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(EnvironmentProblem, match=r"^tiny\.deb: cannot be read: .+") as caught:
        unpack_deb(whole, tmp_path / "root")
    assert "\n" not in caught.value.message


@needs_debian
def test_without_a_connection_one_line_says_so(tmp_path: Path, monkeypatch):
    """With no way to Debian's mirror the packages are not fetched, one line says why, and no file is left."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, NOBODY)
    monkeypatch.setenv(MIRROR, f"{NOBODY}/debian")
    with pytest.raises(EnvironmentProblem, match="cannot be fetched") as caught:
        fetch_debs(["base-files"], architecture="arm64", suites=RELEASE, folder=tmp_path / "d", with_dependencies=False)
    assert "\n" not in caught.value.message
    assert "connected" in caught.value.hint
    assert not (tmp_path / "d").exists()


@needs_debian
def test_the_state_of_this_machine_is_not_touched(tmp_path: Path, monkeypatch):
    """Fetching, even in vain, changes nothing of apt's and dpkg's own lists and files."""

    def state() -> set[tuple[str, int]]:
        folders = ("/var/lib/apt", "/var/lib/dpkg", "/var/cache/apt", "/etc/apt")
        paths = [path for folder in folders for path in Path(folder).rglob("*")]
        return {(str(path), path.lstat().st_mtime_ns) for path in paths}

    before = state()
    monkeypatch.setenv("http_proxy", NOBODY)
    with pytest.raises(EnvironmentProblem):
        fetch_debs(["base-files"], architecture="arm64", suites=RELEASE, folder=tmp_path, with_dependencies=True)
    assert state() == before


def test_wheels_that_do_not_exist_are_named(tmp_path: Path, monkeypatch):
    """A wheel that no index has is named in one line, and no file is left."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(EnvironmentProblem, match=r"^the wheels numpy==0\.0\.1: cannot .*numpy==0\.0\.1") as caught:
        fetch_wheels(["numpy==0.0.1"], folder=tmp_path / "wheels")
    assert "\n" not in caught.value.message
    assert not (tmp_path / "wheels").exists()


@needs_debian
def test_this_machine_has_a_name():
    """The architecture is one word, as Debian writes it."""
    assert host_architecture().isalnum()
