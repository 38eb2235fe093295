"""Makes ONNX Runtime's Java API for Android run on the JVM of a desktop Linux, and compiles the demo's backend for it.

The Java classes and the version are those of the app. The JNI library of the Android package, which stands between
these and the native one, is built against Android's C library; some of its tables are changed so that glibc loads it.
"""

from __future__ import annotations

import platform
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgebert.errors import CheckFailed, EnvironmentProblem
from export.apk import fetch
from export.apk.java import compile_java, program
from export.apk.project import BUILD, DEMO
from export.apk.tools import AAR

BACKEND = DEMO / "app" / "src" / "onnxruntime" / "java"

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
        EnvironmentProblem: Not on this machine, or the package cannot be had.
        CheckFailed: The package is not the one that is expected, or the backend does not compile.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise EnvironmentProblem("the package has a desktop library for Linux on x86-64 only")
    program("javac")
    aar, library = fetch.extracted("onnxruntime", AAR, _LIBRARY)
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
    backend = compile_java(sources, out / "backend", classpath=[core, classes])
    return Desktop(classpath=(core, backend, classes), native=native)


def for_glibc(content: bytes) -> bytes:
    """Return a shared library for Android's C library on x86-64, changed so that glibc loads it.

    It must use nothing of the C library but functions that both have. Its dependencies on Android's libraries and the
    tables that ask for versions of symbols are made void, and functions that the desktop does not have become optional.

    Raises:
        CheckFailed: It is no such library.
    """
    if content[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", content, 18) != (62,):
        raise CheckFailed("the JNI library is no ELF file for x86-64")
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
        raise CheckFailed(f"the JNI library is damaged: {error}") from error
    if not any(kind == _DYNAMIC for kind, *_ in sections):
        raise CheckFailed("the JNI library has no dynamic section")
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
