"""What an ELF file says of itself: which machine runs it, and which libraries it needs."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebert.errors import EnvironmentProblem

_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3  # p_type of a program header
_NEEDED, _STRINGS = 1, 5  # d_tag of a dynamic entry
_MACHINES = {62: "x86_64", 183: "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """A 64-bit little-endian ELF file.

    Attributes:
        machine: ``aarch64``, ``x86_64``, or the number of any other.
        interpreter: Path of the loader it asks for; empty for a library.
        needed: Names of the libraries it needs, in its own order.
    """

    machine: str
    interpreter: str
    needed: tuple[str, ...]


def read_elf(content: bytes) -> Elf | None:
    """Return what an ELF file says; ``None`` for everything else, a damaged one among it."""
    if content[:6] != b"\x7fELF\x02\x01":
        return None
    try:
        (machine,) = struct.unpack_from("<H", content, 18)
        (table,) = struct.unpack_from("<Q", content, 32)
        size, count = struct.unpack_from("<HH", content, 54)
        headers = [struct.unpack_from("<IIQQQQ", content, table + size * index) for index in range(count)]
        interpreter = ""
        dynamic: list[tuple[int, int]] = []
        for kind, _, offset, _, _, length in headers:
            if kind == _INTERPRETER:
                interpreter = content[offset : offset + length].rstrip(b"\0").decode("utf-8")
            elif kind == _DYNAMIC:
                dynamic = list(struct.iter_unpack("<QQ", content[offset : offset + length // 16 * 16]))
        loaded = [(address, offset, length) for kind, _, offset, address, _, length in headers if kind == _LOAD]
        strings = next((_offset_of(value, loaded) for tag, value in dynamic if tag == _STRINGS), None)
        needed = tuple(_text_at(content, strings, value) for tag, value in dynamic if tag == _NEEDED)
    except (struct.error, ValueError):  # a UnicodeDecodeError is a ValueError
        return None
    return Elf(machine=_MACHINES.get(machine, str(machine)), interpreter=interpreter, needed=needed)


def needed_libraries(
    programs: Iterable[Path], *, present: Collection[str], offered: Mapping[str, Path]
) -> dict[str, Path]:
    """Return the libraries that programs cannot start without, and those that these need in turn, by name.

    Args:
        programs: ELF files; what is none needs nothing.
        present: Names of libraries that lie beside the programs already.
        offered: Where else libraries may be taken from.

    Raises:
        EnvironmentProblem: A library is neither present nor offered.
    """
    found: dict[str, Path] = {}
    waiting = list(programs)
    while waiting:
        program = waiting.pop()
        elf = read_elf(program.read_bytes())
        for name in elf.needed if elf else ():
            if name in present or name in found:
                continue
            if name not in offered:
                raise EnvironmentProblem(f"{program.name}: needs {name}, which none of the fetched packages has")
            found[name] = offered[name]
            waiting.append(offered[name])
    return found


def library_index(folders: Iterable[Path]) -> dict[str, Path]:
    """Return the shared libraries below unpacked Debian packages by name; the first folder that has one wins."""
    index: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("**/*-linux-gnu/*.so*")):
            if path.is_file():  # a link that leads out of its package is none
                index.setdefault(path.name, path.resolve())
    return index


def _offset_of(address: int, loaded: Iterable[tuple[int, int, int]]) -> int:
    for start, offset, length in loaded:
        if start <= address < start + length:
            return address - start + offset
    raise ValueError("an address outside of what is loaded")


def _text_at(content: bytes, table: int | None, position: int) -> str:
    if table is None:
        raise ValueError("names without a table of them")
    start = table + position
    return content[start : content.index(b"\0", start)].decode("utf-8")
