from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.errors import EnvironmentProblem, MissingExtraError
from edgebert.workers.elf import Elf, library_index, needed_libraries, read_elf
from tests.support.elves import library, program

NAMES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=5)


@given(NAMES, st.booleans())
def test_the_libraries_a_file_names_are_read_back(names: list[str], is_program: bool):
    """Names and loader that were written into an ELF file are what is read from it, in the same order."""
    loader = "/lib/ld-linux-aarch64.so.1" if is_program else ""
    found = read_elf(library(names, interpreter=loader))
    assert found == Elf(machine="aarch64", interpreter=loader, needed=tuple(names))


def test_a_static_program_needs_nothing():
    """A program without a dynamic section needs no library and no loader."""
    assert read_elf(program([0])) == Elf(machine="aarch64", interpreter="", needed=())


def test_this_python_is_read():
    """A real program of this machine has a loader that is there, or is static."""
    found = read_elf(Path(sys.executable).resolve().read_bytes())
    assert found is not None
    assert not found.interpreter or Path(found.interpreter).exists()
    assert any(name.startswith("libc.") for name in found.needed) == bool(found.interpreter)


@given(st.binary(max_size=300))
def test_other_content_is_no_elf_file(content: bytes):
    """Content that does not begin like an ELF file is none, whatever follows."""
    assert read_elf(b"#!" + content) is None


@given(st.data())
def test_damage_never_raises(data: st.DataObject):
    """An ELF file that is cut or changed anywhere is either read or refused, without an error."""
    whole = bytearray(library(["libc.so.6", "libm.so.6"], interpreter="/lib/ld.so"))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(16, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    assert isinstance(read_elf(bytes(whole)), Elf | None)
    assert isinstance(read_elf(bytes(whole[:cut])), Elf | None)


def put(folder: Path, **libraries: list[str]) -> dict[str, Path]:
    """Write libraries (``a`` is liba.so) that need others, and return them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, needed in libraries.items():
        (folder / f"lib{name}.so").write_bytes(library(needed))
    return {path.name: path for path in folder.iterdir()}


def test_what_a_library_needs_comes_along(tmp_path: Path):
    """Libraries are followed to the end, circles among them, and those that nothing names stay out."""
    offered = put(tmp_path, a=["libb.so"], b=["libc.so", "liba.so"], c=["libhere.so"], unused=[])
    start = tmp_path / "program"
    start.write_bytes(library(["liba.so"], interpreter="/lib/ld.so"))
    found = needed_libraries([start], present={"libhere.so"}, offered=offered)
    assert found == {name: offered[name] for name in ("liba.so", "libb.so", "libc.so")}


def test_a_missing_library_is_named(tmp_path: Path):
    """A library that nobody offers is named together with the file that needs it."""
    offered = put(tmp_path, a=["libgone.so.1"])
    with pytest.raises(EnvironmentProblem, match=r"liba\.so: needs libgone\.so\.1"):
        needed_libraries(offered.values(), present=(), offered=offered)


def test_the_index_follows_links_inside_a_package(tmp_path: Path):
    """A library is found under its link's name; a link that leads nowhere is left out."""
    folder = tmp_path / "package" / "usr" / "lib" / "aarch64-linux-gnu"
    put(folder, a=[])
    (folder / "liba.so.1").symlink_to("liba.so")
    (folder / "libgone.so").symlink_to("/nowhere/libgone.so")
    index = library_index([tmp_path / "package"])
    assert index == {"liba.so": folder / "liba.so", "liba.so.1": folder / "liba.so"}


def test_without_pyelftools_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    """Where pyelftools is not installed, an ELF file is refused with the line that installs it; others are none."""
    monkeypatch.setitem(sys.modules, "elftools.elf.elffile", None)
    assert read_elf(b"#!/bin/sh\n") is None
    with pytest.raises(MissingExtraError, match="pyelftools") as caught:
        read_elf(program([0]))
    assert caught.value.extra == "workers"
