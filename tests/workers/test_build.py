from __future__ import annotations

import tarfile
from pathlib import Path, PurePosixPath

import pytest

from edgebert.errors import EnvironmentProblem, OutputError
from edgebert.workers.archive import LOADER, PYTHON
from edgebert.workers.build import (
    WHEELS,
    WORKER,
    build_worker,
    cached_runtime,
    downloaded,
    select_files,
    unpacked_runtime,
)
from edgebert.workers.elf import read_elf
from tests.support.elves import library
from tests.support.emulated import emulator_or_skip

ROOT = Path(__file__).parents[2]
LIBRARIES = "usr/lib/aarch64-linux-gnu"


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def parts(folder: Path) -> tuple[Path, Path, Path]:
    """Return unpacked packages, wheels and a worker, all tiny."""
    debs = put(
        folder / "debs",
        {
            "python3.11-minimal/usr/bin/python3.11": library(["libc.so.6"], interpreter="/lib/ld-linux-aarch64.so.1"),
            "libpython3.11-minimal/usr/lib/python3.11/os.py": b"",
            "libpython3.11-minimal/usr/lib/python3.11/test/test_os.py": b"",
            "libpython3.11-minimal/usr/lib/python3.12/os.py": b"",
            "libpython3.11-stdlib/usr/lib/python3.11/lib-dynload/_ctypes.so": library(["libffi.so.8"]),
            "libpython3.11-stdlib/usr/lib/python3.11/lib-dynload/_ssl.cpython-311.so": library(["libssl.so.3"]),
            f"libc6/{LIBRARIES}/libc.so.6": library(["ld-linux-aarch64.so.1"]),
            f"libc6/{LIBRARIES}/ld-linux-aarch64.so.1": library([]),
            f"libc6/{LIBRARIES}/libunused.so.1": library([]),
            f"libffi8/{LIBRARIES}/libffi.so.8.1": library(["libc.so.6"]),
            "base-files/usr/share/common-licenses/GPL-3": b"GPL",
        },
    )
    (debs / "libffi8" / LIBRARIES / "libffi.so.8").symlink_to("libffi.so.8.1")
    for package in debs.iterdir():
        put(package / "usr/share/doc", {f"{package.name}/copyright": package.name.encode()})
    site = put(
        folder / "site",
        {
            "numpy/_core/umath.so": library(["libblas-1.so"]),
            "numpy.libs/libblas-1.so": library(["libc.so.6"]),
            "numpy/tests/test_x.py": b"",
            "numpy/__init__.pyi": b"",
            "onnxruntime/capi/state.so": library([]),
            "onnxruntime/transformers/big.py": b"",
            "onnxruntime-1.dist-info/METADATA": b"",
            "onnxruntime-1.dist-info/RECORD": b"",
            "onnxruntime-1.dist-info/licenses/LICENSE": b"",
        },
    )
    return debs, site, put(folder / "worker", {"__main__.py": b"", "notes.txt": b""})


def test_the_wheels_are_those_of_the_constraints():
    """Each wheel has the version that the repository is tested with."""
    pins = set((ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines())
    assert set(WHEELS) <= pins


def test_only_what_a_worker_needs_is_taken(tmp_path: Path):
    """Programs, their libraries to the end, and licences are in; tests, types, tools and unused libraries are not."""
    files = select_files(*parts(tmp_path))
    packages = {path.name for path in (tmp_path / "debs").iterdir()}
    assert {name for name in files if not name.startswith("licences/")} == {
        PYTHON,
        LOADER,
        "lib/libc.so.6",
        "lib/libffi.so.8",
        "lib/python3.11/os.py",
        "lib/python3.11/lib-dynload/_ctypes.so",
        "site/numpy/_core/umath.so",
        "site/numpy.libs/libblas-1.so",
        "site/onnxruntime/capi/state.so",
        "site/onnxruntime-1.dist-info/METADATA",
        "site/onnxruntime-1.dist-info/licenses/LICENSE",
        "worker/edgebert/ondevice/__main__.py",
    }
    assert {name for name in files if name.startswith("licences/")} == {
        "licences/common-licenses/GPL-3",
        *(f"licences/{package}" for package in packages),
    }


def test_a_package_that_shares_its_licence_has_it_too(tmp_path: Path):
    """A package whose documentation is a link to another one's gets the copyright file of that one."""
    debs, site, worker = parts(tmp_path)
    folder = debs / "libffi8" / "usr/share/doc/libffi8"
    (folder / "copyright").unlink()
    folder.rmdir()
    folder.symlink_to("libc6")
    assert select_files(debs, site, worker)["licences/libffi8"].read_text() == "libc6"


def test_a_package_without_a_licence_is_refused(tmp_path: Path):
    """Nothing is given away whose licence is not known."""
    debs, site, worker = parts(tmp_path)
    (debs / "libffi8" / "usr/share/doc/libffi8/copyright").unlink()
    with pytest.raises(EnvironmentProblem, match="libffi8: the package has no copyright file"):
        select_files(debs, site, worker)


def test_a_library_that_no_package_has_is_named(tmp_path: Path):
    """A program that would not start is found when the runtime is made, not on the device."""
    debs, site, worker = parts(tmp_path)
    (debs / "libffi8" / LIBRARIES / "libffi.so.8").unlink()
    with pytest.raises(EnvironmentProblem, match=r"_ctypes\.so: needs libffi\.so\.8"):
        select_files(debs, site, worker)


def test_what_was_fetched_is_not_fetched_again(tmp_path: Path):
    """A second request for the same is served from the cache; a failed one leaves nothing there."""

    def fail(to: Path) -> None:
        (to / "half").touch()
        raise EnvironmentProblem("offline")

    with pytest.raises(EnvironmentProblem, match="offline"):
        downloaded(tmp_path, ("a", "b"), fail)
    first = downloaded(tmp_path, ("a", "b"), lambda to: (to / "file").write_text("x"))
    assert downloaded(tmp_path, ("a", "b"), fail) == first
    assert [path.name for path in first] == ["file"]
    with pytest.raises(EnvironmentProblem):
        downloaded(tmp_path, ("ab",), fail)


def test_an_existing_file_is_refused_before_anything_is_fetched(tmp_path: Path):
    """The place is looked at first, so that nobody waits for nothing."""
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match="exists already"):
        build_worker(tmp_path / "out", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_file_of_another_kind_is_refused_before_anything_is_fetched(tmp_path: Path):
    """Also with `force`: what is no worker archive is never replaced, and that is said before the packages come."""
    (tmp_path / "data.tsv").write_text("text\tlabel\n", encoding="utf-8")
    with pytest.raises(OutputError, match="not a worker archive"):
        build_worker(tmp_path / "data.tsv", cache=tmp_path / "cache", force=True)
    assert not (tmp_path / "cache").exists()


def test_the_real_runtime_is_whole():
    """Every program and library in it is for aarch64, and whatever these need is in it, in lib or beside them."""
    root, manifest = unpacked_runtime(emulator_or_skip())
    names = {PurePosixPath(file.path).name for file in manifest.files if ".so" in file.path}
    programs = 0
    for file in manifest.files:
        elf = read_elf((root / file.path).read_bytes())
        if elf is not None:
            programs += 1
            assert elf.machine == "aarch64", file.path
            assert set(elf.needed) <= names, file.path
    assert programs > 50
    assert manifest.size_bytes < 150_000_000
    origins = {package.name: package.origin for package in manifest.packages}
    assert {"numpy", "onnxruntime", "ai-edge-litert", "tokenizers"} <= {n for n, o in origins.items() if o == "PyPI"}
    licences = {PurePosixPath(file.path).name for file in manifest.files if file.path.startswith("licences/")}
    assert {name for name, origin in origins.items() if origin == "Debian"} <= licences


def test_the_real_runtime_holds_the_worker_as_it_is():
    """The worker's modules travel unchanged, and no other module of edgebert with them."""
    with tarfile.open(cached_runtime(emulator_or_skip())) as archive:
        inside = {
            member.name: archive.extractfile(member).read()
            for member in archive
            if member.name.startswith("worker/") and member.isreg()
        }
    assert inside == {f"worker/edgebert/ondevice/{path.name}": path.read_bytes() for path in WORKER.glob("*.py")}


def test_building_twice_gives_the_same_file(tmp_path: Path):
    """A runtime that is made anew from the same packages has the same sha256."""
    cache = emulator_or_skip()
    build_worker(tmp_path / "again.tar.gz", cache=cache)
    assert (tmp_path / "again.tar.gz").read_bytes() == cached_runtime(cache).read_bytes()
