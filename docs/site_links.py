# ruff: noqa: INP001
"""Hooks of mkdocs: the pages outside ``docs/`` join the site, and links between files become links between pages.

A link in a page is written as the repository has it, so that a code host can follow it. The site has no folder
``docs`` and only some of the other files, so each link is rewritten here. mkdocs then checks it: a dead link fails
``make docs``.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

import edgebert

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "android-demo/README.md",
    "android-demo/core/README.md",
    "benchmarks/README.md",
    "benchmarks/RESULTS.md",
    "export/README.md",
)
HOME = "index.md"  # what a link to the README becomes

_PIECE = re.compile(
    r"^(?P<fence>```+|~~~+).*?^(?P=fence)[ ]*$"  # a block of code
    r"|(?P<text>!?\[[^\]]*\])\((?P<target>[^)\s]+)\)"  # a link, whose text may hold code
    r"|`[^`\n]+`",  # code in a line
    re.MULTILINE | re.DOTALL,
)
API = "<!-- api -->"  # where the Python page has the names of the library


def repository_path(page: str) -> str:
    """Return where the repository has a page of the site."""
    return page if page in OUTSIDE else f"docs/{page}"


def site_path(file: str) -> str | None:
    """Return the page or picture of the site for a file or folder of the repository; ``None`` where there is none."""
    if (ROOT / file / "README.md").is_file():
        file = posixpath.join(file, "README.md")
    if file == "README.md":
        return HOME
    is_outside = file in OUTSIDE or (file.startswith("benchmarks/results/") and file.endswith(".svg"))
    if is_outside:
        return file
    is_page = file.startswith("docs/") and file.endswith((".md", ".svg", ".png"))
    return file.removeprefix("docs/") if is_page else None


def site_link(page: str, text: str, target: str) -> str:
    """Return what stands for a link on the site.

    Args:
        page: Path of the page on the site.
        text: The link as far as its target, in brackets.
        target: Target relative to the page's place in the repository.
    """
    path, hash_sign, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return f"{text}({target})"
    file = posixpath.normpath(posixpath.join(posixpath.dirname(repository_path(page)), path))
    found = site_path(file)
    if found is None and (ROOT / file).exists():
        return text[1:-1]  # a file of the repository that is not on the site: its name remains
    found = found or path
    return f"{text}({posixpath.relpath(found, posixpath.dirname(page) or '.')}{hash_sign}{anchor})"


def site_markdown(page: str, markdown: str) -> str:
    """Return the Markdown of a page with the links of the site; code stays as it is."""

    def piece(match: re.Match[str]) -> str:
        return site_link(page, match["text"], match["target"]) if match["target"] else match.group()

    return _PIECE.sub(piece, markdown)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside ``docs/`` and their pictures."""
    pictures = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "benchmarks" / "results").glob("*.svg"))
    for name in (*OUTSIDE, *pictures):
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Rewrite the links of a page, and let mkdocstrings describe the library where the page asks for it."""
    described = "\n\n".join(f"::: edgebert.{name}" for name in edgebert.__all__)
    return site_markdown(page.file.src_uri, markdown).replace(API, described)
