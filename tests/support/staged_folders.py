"""A folder made as the library makes its own, and what a place holds afterwards."""

from __future__ import annotations

from pathlib import Path

from edgebert.staging import staged_folder

MARKER = "edgebert.json"


def write(out: Path, content: str = "new", *, force: bool = False) -> None:
    """Make a folder as the library does."""
    with staged_folder(out, force=force, marker=MARKER) as stage:
        (stage / "sub").mkdir()
        (stage / "sub" / "model.bin").write_text(content, encoding="utf-8")
        (stage / MARKER).write_text(content, encoding="utf-8")


def tree(folder: Path) -> dict[str, str | None]:
    """Return every path below a folder with its text; links with where they lead."""
    found: dict[str, str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = None if path.is_dir() else path.read_text(encoding="utf-8")
    return found


def made(name: str, content: str = "new") -> dict[str, str | None]:
    """Return the tree of a folder that ``write`` made."""
    return {name: None, f"{name}/sub": None, f"{name}/sub/model.bin": content, f"{name}/{MARKER}": content}
