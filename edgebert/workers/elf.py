"""What an ELF file says of itself: which machine runs it, and which libraries it needs."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebert.errors import EnvironmentProblem, MissingExtraError

_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Elf:
    """A 64-bit little-endian ELF file.

    Attributes:
        machine: ``aarch64``, ``x86_64``, or the name or number of any other.
        interpreter: Path of the loader it asks for; empty for a library.
        needed: Names of the libraries it needs, in its own order.
    """

    machine: str
    interpreter: str
    needed: tuple[str, ...]


def read_elf(content: bytes) -> Elf | None:
    """Return what an ELF file says; ``None`` for everything else, a damaged one among it.

    Raises:
        MissingExtraError: pyelftools is not installed.
    """
    if content[:6] != b"\x7fELF\x02\x01":
        return None
    try:
        from elftools.common.exceptions import ELFError
        from elftools.elf.dynamic import DynamicSegment
        from elftools.elf.elffile import ELFFile
        from elftools.elf.segments import InterpSegment
    except ImportError as error:
        raise MissingExtraError("pyelftools", extra="workers", purpose="reading programs of another machine") from error
    interpreter, needed = "", []
    try:
        file = ELFFile(io.BytesIO(content))
        for segment in file.iter_segments():
            if isinstance(segment, InterpSegment):
                interpreter = segment.get_interp_name()
            elif isinstance(segment, DynamicSegment):
                needed = [tag.needed for tag in segment.iter_tags("DT_NEEDED")]  # type: ignore[attr-defined]  # set by its kind
        machine = file["e_machine"]
    # What pyelftools runs into in a damaged file, beside its own errors.
    except (ELFError, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError):
        return None
    return Elf(machine=_MACHINES.get(machine, str(machine)), interpreter=interpreter, needed=tuple(needed))


def needed_libraries(
    programs: Iterable[Path], *, present: Collection[str], offered: Mapping[str, Path]
) -> dict[str, Path]:
    """Return the libraries that programs cannot start without, and those that these need in turn, by name.

    Args:
        programs: ELF files; what is none needs nothing.
        present: Names of libraries that are beside the programs already.
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
