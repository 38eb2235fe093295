"""Makes the runtime out of Debian's packages, wheels and the worker."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from edgebert.arguments import expect, path_of
from edgebert.errors import EnvironmentProblem, OutputError
from edgebert.locks import lock
from edgebert.outputs import check_output
from edgebert.progress import Progress, silent
from edgebert.staging import staged_folder
from edgebert.workers.archive import (
    LOADER,
    MANIFEST,
    PYTHON,
    RUNTIME_SCHEMA,
    WORKER_ARCHIVE,
    RuntimePackage,
    WorkerManifest,
    is_safe_name,
    write_runtime,
)
from edgebert.workers.elf import library_index, needed_libraries
from edgebert.workers.fetch import RELEASE, deb_version, fetch_debs, fetch_wheels, unpack_deb
from edgebert.workers.unpack import read_runtime, unpack_runtime

WHEELS = (
    "ai-edge-litert==2.3.0",
    "numpy==2.4.6",
    "onnxruntime==1.31.1",
    "tokenizers==0.23.3",
)
"""What the worker imports, in the versions of the repository's constraints.txt, which a test compares."""

DEBS = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib"),
    *("libc6", "libstdc++6", "libgcc-s1", "zlib1g", "libexpat1", "libffi8", "libbz2-1.0", "liblzma5"),
    # for their texts alone: the licences that the others point to
    *("base-files", "gcc-12-base"),
)

WORKER = Path(__file__).parents[1] / "ondevice"

# What an interpreter and its standard library are not asked for on a device. Without _hashlib and _ssl there is no
# OpenSSL: hashlib then takes the hashes that are built into the interpreter.
_NOT_STDLIB = re.compile(
    r"(test|tests|tkinter|idlelib|ensurepip|lib2to3|turtledemo|distutils|pydoc_data|venv|curses|dbm|sqlite3|wsgiref"
    r"|config-[^/]*|__pycache__|__phello__)/"
    r"|(turtle|pydoc|sitecustomize|LICENSE)\.(py|txt)$"
    r"|lib-dynload/(_ssl|_hashlib|_curses\w*|_dbm|_sqlite3|_crypt|_test\w*|_ctypes_test|_xxtestfuzz|xxlimited\w*|_uuid"
    r"|audioop|nis|ossaudiodev|readline|termios|_tkinter|_gdbm|_codecs_\w+|_xxsubinterpreters)\."
)
# What a wheel holds beside what inference takes: tests, headers, types, tools that convert, train and draw, ONNX
# Runtime's C library (the extension module has the same code linked in), LiteRT's accelerator for GPUs.
_NOT_SITE = re.compile(
    r"(^|/)(tests?|__pycache__|include|sboms)/"
    r"|\.(pyi|h|hpp|pxd|a|c|typed|css|template|ini|build|f90|f|csv|toml|pyf)$"
    r"|^numpy/(f2py|distutils|_pyinstaller|conftest\.py|_core/(_\w*tests|_simd)\.)"
    r"|^onnxruntime/(transformers|quantization|tools|datasets|backend|capi/libonnxruntime\.so)"
    r"|^ai_edge_litert/(aot|tools|libLiteRtWebGpuAccelerator\.so|pywrap_genai_ops\.so|format_converter_wrapper"
    r"|_pywrap_(?!litert_interpreter_wrapper)|[^/]*_pb2\.py|schema_py_generated\.py)"
    r"|^tokenizers/tools/"
    r"|\.dist-info/(RECORD|WHEEL|entry_points\.txt|top_level\.txt|INSTALLER|REQUESTED)$"
    r"|\.data/"
)


def build_worker(
    out: str | Path, *, cache: str | Path, progress: Progress = silent, force: bool = False
) -> WorkerManifest:
    """Make the runtime file for aarch64 and return its manifest; the same parts give the same bytes.

    Args:
        out: The .tar.gz to make; it appears whole or not at all.
        cache: Folder for what is downloaded; a second run takes it from there.
        progress: Told what is being done.
        force: Replace an existing file instead of refusing.

    Returns:
        What is in the archive: packages with versions, and files with sizes in bytes and hashes.

    Raises:
        EnvironmentProblem: This machine is no Debian or Ubuntu, has no connection, or no room on its disk.
        OutputError: ``out`` exists and ``force`` is off, it is no worker archive, or it cannot be written.

    Examples:
        >>> manifest = edgebert.build_worker("worker-aarch64.tar.gz", cache="cache")
    """
    out, cache = path_of("out", out), path_of("cache", cache)
    expect("force", force, bool)
    expect("progress", progress, Callable)
    check_linux("edgebert worker build")
    check_output(out, WORKER_ARCHIVE, force=force, parents=True)
    with locked(cache):
        return _build(out, cache, progress)


def check_linux(command: str) -> None:
    """Refuse another system than Linux, before anything is fetched or written.

    Args:
        command: What was asked for.

    Raises:
        EnvironmentProblem: This is another system.
    """
    if not sys.platform.startswith("linux"):
        raise EnvironmentProblem(
            f"`{command}` needs Linux, but this is {sys.platform}", hint="run it on Debian or Ubuntu"
        )


def select_files(debs: Path, site: Path, worker: Path) -> dict[str, Path]:
    """Return what goes into a runtime: path below its root -> where that file is now.

    Args:
        debs: Folder with one unpacked Debian package in each folder.
        site: Folder that the wheels were unpacked to.
        worker: Folder with the worker's modules.

    Raises:
        EnvironmentProblem: A program in it needs a library that no package has.
    """
    files = {PYTHON: debs / "python3.11-minimal" / "usr/bin/python3.11"}
    for package in ("libpython3.11-minimal", "libpython3.11-stdlib"):
        base = debs / package / "usr/lib"
        files |= _below(base, "lib", keep=lambda name: name.startswith("python3.11/") and not _NOT_STDLIB.search(name))
    files |= _below(site, "site", keep=lambda name: not _NOT_SITE.search(name))
    files |= {f"worker/edgebert/ondevice/{path.name}": path for path in sorted(worker.glob("*.py"))}
    programs = [path for name, path in files.items() if ".so" in Path(name).name or name == PYTHON]
    present = {Path(name).name for name in files if name.startswith("site/")}
    libraries = needed_libraries(programs, present=present, offered=library_index(sorted(debs.iterdir())))
    files |= {f"lib/{name}": path for name, path in libraries.items()}
    if LOADER not in files:
        raise EnvironmentProblem(f"none of the fetched packages has {Path(LOADER).name}")
    return files | _licences(debs)


def cached_runtime(cache: Path, *, progress: Progress = silent) -> Path:
    """Return the runtime file of this version of edgebert, made first if the cache does not have it.

    Raises:
        EnvironmentProblem: As ``build_worker``.
        OutputError: The cache cannot be written.
    """
    path = runtime_path(cache)
    with locked(cache):
        if not path.is_file():
            _build(path, cache, progress)
    return path


def runtime_path(cache: Path) -> Path:
    """Return where the cache keeps the runtime file of this version of edgebert; it need not be there yet."""
    digest = hashlib.sha256(repr((RUNTIME_SCHEMA, RELEASE, DEBS, WHEELS, _NOT_STDLIB, _NOT_SITE)).encode())
    for path in sorted(WORKER.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return cache / f"runtime-aarch64-{digest.hexdigest()[:16]}.tar.gz"


def unpacked_runtime(cache: Path) -> tuple[Path, WorkerManifest]:
    """Return the folder of the unpacked runtime and its manifest; ``cached_runtime`` must have made the file.

    Raises:
        BundleError: The file is damaged.
        OutputError: The cache cannot be written.
    """
    path = runtime_path(cache)
    folder = path.with_name(path.name.removesuffix(".tar.gz"))
    with locked(cache):
        if not (folder / MANIFEST).is_file():
            unpack_runtime(path, folder)
    return folder, read_runtime(path)


def cached_debs(
    cache: Path, packages: Sequence[str], *, architecture: str, suites: Sequence[str], with_dependencies: bool
) -> tuple[Path, ...]:
    """Return the files of Debian packages, from the cache if they were fetched before; arguments of ``fetch_debs``."""
    return downloaded(
        cache,
        (architecture, *suites, *packages),
        lambda to: fetch_debs(
            packages, architecture=architecture, suites=suites, folder=to, with_dependencies=with_dependencies
        ),
    )


@contextlib.contextmanager
def unpacked_debs(cache: Path, debs: Iterable[Path]) -> Iterator[Path]:
    """Give a folder with each Debian package unpacked in a folder of its name; it goes with the end of the block."""
    with tempfile.TemporaryDirectory(prefix="debs-", dir=cache) as name:
        for deb in debs:
            unpack_deb(deb, Path(name, deb_version(deb)[0]))
        yield Path(name)


def downloaded(cache: Path, key: Sequence[str], fetch: Callable[[Path], object]) -> tuple[Path, ...]:
    """Return the files that ``fetch`` puts into a folder, from the cache if they were fetched before under ``key``."""
    folder = cache / "downloads" / hashlib.sha256("\0".join(key).encode()).hexdigest()[:16]
    if not folder.is_dir():
        with staged_folder(folder, force=False, marker="") as stage:
            fetch(stage)
    return tuple(sorted(folder.iterdir()))


@contextlib.contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Hold a cache folder alone, waiting for whoever holds it; made if need be.

    Raises:
        OutputError: The folder cannot be made or written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        stream = (cache / ".lock").open("wb")
    except OSError as error:
        raise OutputError(f"{cache}: cannot be used as a cache: {error.strerror}") from error
    with stream:
        lock(stream.fileno(), wait=True)
        yield


def _build(out: Path, cache: Path, progress: Progress) -> WorkerManifest:
    progress("fetching Debian's packages", 0, 4)
    debs = cached_debs(cache, DEBS, architecture="arm64", suites=RELEASE, with_dependencies=False)
    progress("fetching the wheels", 1, 4)
    wheels = downloaded(cache, WHEELS, lambda to: fetch_wheels(WHEELS, folder=to))
    progress("unpacking", 2, 4)
    with unpacked_debs(cache, debs) as root, tempfile.TemporaryDirectory(prefix="site-", dir=cache) as site:
        for wheel in wheels:
            _unpack_wheel(wheel, Path(site))
        files = select_files(root, Path(site), WORKER)
        progress("packing", 3, 4)
        origins = [(deb_version(deb), "Debian") for deb in debs]
        origins += [((pin.partition("==")[0], pin.partition("==")[2]), "PyPI") for pin in WHEELS]
        packages = (RuntimePackage(name=name, version=version, origin=origin) for (name, version), origin in origins)
        manifest = write_runtime(out, files, tuple(packages), force=True)
        progress("packing", 4, 4)
    return manifest


def _below(base: Path, prefix: str, *, keep: Callable[[str], bool]) -> dict[str, Path]:
    found = {}
    for path in sorted(base.rglob("*")):
        name = path.relative_to(base).as_posix()
        if path.is_file() and keep(name):
            found[f"{prefix}/{name}"] = path
    return found


def _licences(debs: Path) -> dict[str, Path]:
    """Return the copyright file of each package, and the licences that these point to."""
    found = _below(debs / "base-files/usr/share/common-licenses", "licences/common-licenses", keep=bool)
    for package in sorted(debs.iterdir()):
        folder = package / "usr/share/doc" / package.name
        if folder.is_symlink():  # packages made of one source share a folder
            folder = debs / folder.readlink().name / "usr/share/doc" / folder.readlink().name
        if not (folder / "copyright").is_file():
            raise EnvironmentProblem(f"{package.name}: the package has no copyright file")
        found[f"licences/{package.name}"] = folder / "copyright"
    return found


def _unpack_wheel(wheel: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if not is_safe_name(name.rstrip("/")):
                    raise EnvironmentProblem(
                        f"{wheel.name}: the member {name!r} leads out of it, or its name is too long"
                    )
            archive.extractall(folder)
    # Another kind of encryption or compression, or a file that is a folder too.
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError) as error:
        raise EnvironmentProblem(f"{wheel.name}: cannot be unpacked: {error}", hint="remove the cache") from error
