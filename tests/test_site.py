from __future__ import annotations

import html
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from markdown_it import MarkdownIt

import edgebert

ROOT = Path(__file__).parents[1]
# Builds the site where no connection can be made.
BUILD = """
import socket, sys
def refuse(*arguments):
    raise AssertionError(f"a connection was tried: {arguments}")
socket.socket.connect = socket.getaddrinfo = refuse
from mkdocs.__main__ import cli
cli(["build", "--strict", "--site-dir", sys.argv[1]])
"""
COUNTED = ("h2", "h3", "img", "li", "ol", "pre", "table", "td", "ul")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site, built strictly: a dead link or anchor, or a page that the navigation lacks, fails."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """Return the hooks of the site."""
    spec = importlib.util.spec_from_file_location("site_links", ROOT / "docs" / "site_links.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def article(page: Path) -> str:
    """Return the part of a page of the site that is made from Markdown."""
    return re.search(r"<article.*</article>", page.read_text(encoding="utf-8"), re.DOTALL)[0]


def counts(rendered: str) -> dict[str, int]:
    return {tag: len(re.findall(rf"<{tag}[ >]", rendered)) for tag in COUNTED}


def test_every_page_looks_on_the_site_as_on_a_code_host(site: Path, hooks: ModuleType):
    """Both read each page as having equally many headings, lists, items, tables, cells, blocks of code and pictures."""
    render = MarkdownIt("commonmark").enable("table").render
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    assert len(pages) > 20
    for page in pages:
        name = page.relative_to(site).with_suffix(".md").as_posix()
        if name.endswith("/index.md"):
            name = name.replace("index.md", "README.md")
        if name != "python.md":  # which grows on the site
            source = ROOT / hooks.repository_path(name)
            assert (name, counts(article(page))) == (name, counts(render(source.read_text(encoding="utf-8"))))


def test_pages_load_nothing_from_elsewhere(site: Path):
    """Scripts, styles, fonts and pictures are all part of the site, so that it can be read offline."""
    for page in site.rglob("*.html"):
        tags = re.findall(r"<(?:img|link|script)\b[^>]*>", page.read_text(encoding="utf-8"))
        loaded = [tag for tag in tags if re.search(r'(?:src|href)="?(?:https?:)?//', tag) and "canonical" not in tag]
        assert loaded == []


def test_the_python_page_names_and_describes_the_library(site: Path):
    """Each public name is in the page's table, and the site describes it with its arguments."""
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    rows = page.partition("| to | use |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", rows)) == sorted(edgebert.__all__), "the table under '## Names' in python.md"
    shown = article(site / "python.html")
    for name in edgebert.__all__:
        assert f'id="edgebert.{name}"' in shown


def test_the_search_finds_what_people_look_for(site: Path):
    """The usual headings are titles in the index of the search, and so are the messages of Troubleshooting."""
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    titles = {re.sub(r"<[^>]+>", "", html.unescape(entry["title"])) for entry in index["docs"]}
    assert {"Installation", "Quickstart", "Supported models", "Limitations", "Troubleshooting", "Glossary"} <= titles
    assert "…: no checkpoint: there is no config.json" in titles


@pytest.mark.parametrize(
    ("page", "link", "found"),
    [
        ("verify.md", "[a](tokenizer.md#the-steps)", "[a](tokenizer.md#the-steps)"),
        ("tasks/labels.md", "[a](../pruning.md)", "[a](../pruning.md)"),
        ("tasks/README.md", "[a](../../benchmarks/RESULTS.md)", "[a](../benchmarks/RESULTS.md)"),
        ("benchmarks/README.md", "[a](../docs/cli.md)", "[a](../cli.md)"),
        ("benchmarks/README.md", "[a](../docs/web-demo/)", "[a](../web-demo/README.md)"),
        ("verify.md", "[the README](../README.md)", "[the README](index.md)"),
        ("verify.md", "[`card.py`](../edgebert/card.py) is", "`card.py` is"),
        ("verify.md", "[a](https://example.org/)", "[a](https://example.org/)"),
        ("verify.md", "[a](#here)", "[a](#here)"),
        ("verify.md", "[a](no-such-page.md)", "[a](no-such-page.md)"),
        ("verify.md", "`[a](../README.md)`", "`[a](../README.md)`"),
        ("verify.md", "```text\n[a](../README.md)\n```", "```text\n[a](../README.md)\n```"),
    ],
)
def test_links_of_the_repository_become_links_of_the_site(hooks: ModuleType, page: str, link: str, found: str):
    """Pages outside docs/ are found, what is not on the site loses its link, a dead link stays for mkdocs to refuse."""
    assert hooks.site_markdown(page, link) == found
