"""Makes ONNX Runtime's Java API for Android run on the JVM of a desktop Linux, and compiles the demo's backend for it.

    python android-demo/scripts/desktop_ort.py [--out FOLDER]

The Java classes and the version are those of the app. The JNI library of the Android package, which stands between
these and the native one, is built against Android's C library; some of its tables are changed so that glibc loads it.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build_core
import fetch

BUILD = build_core.DEMO.parent / "build" / "android"
BACKEND = build_core.DEMO / "app" / "src" / "onnxruntime" / "java"

_AAR = "package/Plugins/Android/onnxruntime.aar"
_LIBRARY = "package/Plugins/Linux/x64/libonnxruntime.so"
_GLUE = "jni/x86_64/libonnxruntime4j_jni.so"

# What Android calls the C library; the JVM that loads the glue has glibc loaded long before.
_BIONIC = frozenset({"libc.so", "libdl.so", "liblog.so", "libm.so"})

# The desktop library has no NNAPI. Nothing may call it there.
_ABSENT = frozenset({"OrtSessionOptionsAppendExecutionProvider_Nnapi"})

_DYNAMIC, _DYNSYM = 6, 11  # sh_type of a section header
_NEEDED = 1  # d_tag of a dynamic entry
_VERSIONS = (0x6FFFFFF0, 0x6FFFFFFE, 0x6FFFFFFF)  # VERSYM, VERNEED, VERNEEDNUM
_UNUSED = 0x6FFFFD00  # a tag of the range for operating systems, which no loader knows and every loader skips
_WEAK = 2


class UnsupportedError(Exception):
    """This machine has no JDK, or is none that the package has a library for."""


class BadLibraryError(Exception):
    """The native library is not built as this script expects."""


@dataclass(frozen=True)
class Desktop:
    """What a JVM needs to run the demo's backend.

    Attributes:
        classpath: Classes of the core, of the backend and of ONNX Runtime.
        native: Folder of the native libraries; it goes into ``LD_LIBRARY_PATH`` and into the property
            ``onnxruntime.native.path``.
    """

    classpath: tuple[Path, ...]
    native: Path


def desktop_ort(core: Path, out: Path = BUILD / "desktop-ort") -> Desktop:
    """Return ONNX Runtime for the JVM of this machine, with the demo's backend compiled against it.

    Args:
        core: Classes of the core.
        out: Folder for what is made; what is there already is kept.

    Raises:
        UnsupportedError: Not on this machine.
        BadLibraryError: The package holds another library than expected.
        fetch.FetchError: The package cannot be had.
        fetch.WrongContentError: The package is not the one that is expected.
        subprocess.CalledProcessError: The backend does not compile.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise UnsupportedError("the package has a desktop library for Linux on x86-64 only")
    if shutil.which("javac") is None:
        raise UnsupportedError("there is no javac: install a JDK (Debian: openjdk-17-jdk-headless)")
    aar, library = fetch.extracted("onnxruntime", _AAR, _LIBRARY)
    with fetch.locked(out):
        classes, glue = fetch.extracted_from(aar, aar.with_suffix(""), "classes.jar", _GLUE)
        native = out / "native"
        native.mkdir(exist_ok=True)
        _replace(native / glue.name, for_glibc(glue.read_bytes()))
        link = native / library.name
        if not link.exists() or not link.samefile(library):
            link.unlink(missing_ok=True)
            link.symlink_to(library)
    sources = sorted(BACKEND.rglob("*.java"))
    backend = build_core.compile_java(sources, out / "backend", classpath=[core, classes])
    return Desktop(classpath=(core, backend, classes), native=native)


def for_glibc(content: bytes) -> bytes:
    """Return a shared library for Android's C library on x86-64, changed so that glibc loads it.

    It must use nothing of the C library but functions that both have. Its dependencies on Android's libraries and the
    tables that ask for versions of symbols are made void, and functions that the desktop does not have become optional.

    Raises:
        BadLibraryError: It is no such library.
    """
    if content[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", content, 18) != (62,):
        raise BadLibraryError("the JNI library is no ELF file for x86-64")
    data = bytearray(content)
    try:
        sections = list(_sections(content))
        for kind, offset, size, link in sections:
            names = sections[link][1]
            if kind == _DYNAMIC:
                for place in range(offset, offset + size, 16):
                    tag, value = struct.unpack_from("<QQ", content, place)
                    if tag in _VERSIONS or (tag == _NEEDED and _name(content, names + value) in _BIONIC):
                        struct.pack_into("<QQ", data, place, _UNUSED, 0)
            elif kind == _DYNSYM:
                for place in range(offset, offset + size, 24):
                    name, info = struct.unpack_from("<IB", content, place)
                    if _name(content, names + name) in _ABSENT:
                        data[place + 4] = _WEAK << 4 | info & 0xF
    except (struct.error, ValueError, IndexError) as error:
        raise BadLibraryError(f"the JNI library is damaged: {error}") from error
    if not any(kind == _DYNAMIC for kind, *_ in sections):
        raise BadLibraryError("the JNI library has no dynamic section")
    return bytes(data)


def _sections(content: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield type, place, size and link of each section."""
    (table,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    for index in range(count):
        place = table + index * size
        (kind,) = struct.unpack_from("<I", content, place + 4)
        offset, length, link = struct.unpack_from("<QQI", content, place + 24)
        yield kind, offset, length, link


def _name(content: bytes, place: int) -> str:
    return content[place : content.index(b"\0", place)].decode("ascii")


def _replace(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as folder:
        part = Path(folder) / path.name
        part.write_bytes(content)
        part.replace(path)


def main(arguments: Sequence[str]) -> int:
    """Make it and say how to start a JVM with it; return the exit code."""
    parser = argparse.ArgumentParser(description="Make ONNX Runtime's Java API for Android run on a desktop JVM.")
    parser.add_argument("--out", type=Path, default=BUILD / "desktop-ort", help="folder for what is made")
    options = parser.parse_args(arguments)
    try:
        desktop = desktop_ort(build_core.compile_core(BUILD / "classes"), options.out)
    except (UnsupportedError, build_core.NoCompilerError, fetch.FetchError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    except (BadLibraryError, fetch.WrongContentError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        return 1
    classpath = ":".join(map(str, desktop.classpath))
    sys.stdout.write(
        f"ORT_DISABLE_TELEMETRY=1 LD_LIBRARY_PATH={desktop.native} \\\n"
        f"  java -Donnxruntime.native.path={desktop.native} -cp {classpath} ...\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
