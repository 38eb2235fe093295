"""Whatever a device, file, label or text is called: every sink shows it on one line, and nothing of it is obeyed."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.gate.results import CheckResult, github, junit
from edgebert.benchmarking.render.text import csv_text, markdown_text
from edgebert.card import card_text
from edgebert.cli import output
from edgebert.errors import UsageError
from edgebert.plotting import svg_figure
from edgebert.printable import log_line, markdown, markdown_code, markdown_table, printable
from tests.support import report_values as rv
from tests.support.tiny_files import make_manifest

FRAGMENTS = [
    "::error title=x::y",
    " ::set-output name=a::b",
    "##[error]no",
    "##vso[task.complete]",
    "\x1b[31m\x1b]0;title\x07",
    "\x9b2J",
    "\u202egnp.exe",
    "\u2066\u200b\ufeff",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "\r\n",
    "\ud800\udfff",
    "\u200d\u200c",
    "a|b||",
    "``` `x`` ",
    "<script>alert(1)</script><!--",
    "&lt;&#60;",
    "[a](javascript:x) ![i](http://e.x/i.png) <http://e.x>",
    "https://e.x www.e.x me@e.x",
    "# h",
    "- a",
    "1. b",
    "$x^2$ \\n \\",
    "=cmd|'/c calc'!A1",
    "%0A%25",
    "]]>",
    "\u3000\xa0",
    "ordinary words",
    "\U0001f600 你好",
]
hostile = st.lists(st.sampled_from(FRAGMENTS) | st.text(st.characters(codec=None), max_size=8), max_size=5).map("".join)


def is_calm(line: str) -> bool:
    """Tell whether a line has only letters that are seen, and no CI service takes it for a command."""
    shown = all(letter.isprintable() or letter in "\u200c\u200d" for letter in line)
    return shown and not line.lstrip().startswith("::") and not re.search(r"##[a-z]*\[", line, re.IGNORECASE)


@given(hostile)
def test_a_text_is_one_line_of_letters_that_are_seen(text: str) -> None:
    """Escapes take the place of what is not seen, what is seen stays, and a second time changes nothing."""
    line = printable(text)
    assert all(letter.isprintable() or letter in "\u200c\u200d" for letter in line)
    assert len(line.splitlines()) <= 1
    assert printable(line) == line
    assert line.encode().decode() == line
    if text.isprintable():
        assert line == text
    assert is_calm(log_line(text))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\u202egnp", r"\u202egnp"),
        ("\ud800", r"\ud800"),
        ("a\u3000b\xa0c", "a b c"),
        ("\U000e0041", r"\U000e0041"),
        ("می\u200cشود", "می\u200cشود"),
    ],
)
def test_escapes_are_those_of_python(text: str, line: str) -> None:
    """A control letter, an override of the direction, half a surrogate pair, blanks, a tag; a joiner stays."""
    assert printable(text) == line


@given(st.lists(hostile, min_size=1, max_size=3))
def test_lines_of_the_terminal_stay_lines(texts: list[str]) -> None:
    """Texts, notes, errors and hints: as many lines as were shown, each calm, on either stream."""
    with pytest.MonkeyPatch.context() as patch:
        out, err = io.StringIO(), io.StringIO()
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        output.show_text(*texts)
        for text in texts:
            output.show_note(text)
        output.show_error(UsageError(texts[0], hint=f"see {texts[-1]}"))
    shown, told = out.getvalue().split("\n"), err.getvalue().split("\n")
    assert (len(shown), len(told)) == (len(texts) + 1, len(texts) + 3)
    assert all(map(is_calm, shown + told))


@given(st.lists(st.tuples(hostile, hostile, hostile), min_size=1, max_size=3))
@settings(max_examples=40, deadline=None)
def test_tables_of_the_terminal_have_no_line_of_their_cells(rows: list[tuple[str, str, str]]) -> None:
    """Wide cells are folded, wider ones listed: no line of either begins with what a cell holds as a command."""
    for repeat in (1, 20, 60):
        with pytest.MonkeyPatch.context() as patch:
            out = io.StringIO()
            patch.setattr(sys, "stdout", out)
            output.show_table(("name", "second", "third"), [tuple(cell * repeat for cell in row) for row in rows])
            output.show_table(("name", ""), [(row[0] * repeat, row[1] * repeat) for row in rows])
        assert all(map(is_calm, out.getvalue().split("\n")))


@given(st.dictionaries(hostile, hostile, max_size=4))
def test_json_means_the_same_and_steers_nothing(value: dict[str, str]) -> None:
    """The document parses to the value that was shown; every letter of it is seen."""
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO()
        patch.setattr(sys, "stdout", out)
        output.show_json(value)
    assert json.loads(out.getvalue()) == {
        # What JSON has as two halves of a pair is one letter when it is read.
        json.loads(json.dumps(name)): json.loads(json.dumps(text))
        for name, text in value.items()
    }
    assert all(map(is_calm, out.getvalue().split("\n")))


@given(hostile, hostile)
def test_annotations_and_junit_say_what_was_found(device: str, detail: str) -> None:
    """GitHub's own rules read the title and the text back; the XML parses to the printable texts."""
    finding = CheckResult(limit="--max-mb 1", file="a.onnx", device=device, verdict="fail", value="2 MB", detail=detail)
    (line,) = github([finding])
    assert printable(line) == line
    found = re.fullmatch(r"::error title=([^:,]*)::(.*)", line)
    assert found is not None
    title = found[1].replace("%2C", ",").replace("%3A", ":").replace("%25", "%")
    assert title == "a.onnx --max-mb 1" + (f" on {printable(device)}" if device else "")
    assert found[2].replace("%25", "%") == f"fail: 2 MB ({printable(detail)})"
    failure = next(ET.fromstring(junit([finding], bundle=device)).iter("failure"))
    assert (failure.text or "") == printable(detail)


MARKDOWN = MarkdownIt("commonmark").enable("table")


@given(hostile)
def test_markdown_shows_a_text_as_it_is(text: str) -> None:
    """In a paragraph, a list, a cell and as code an independent reader of Markdown gets the text, and nothing else."""
    line = " ".join(printable(text).split(" ")).strip(" ")
    shown = escape(line).replace("&#x27;", "'")
    assert MARKDOWN.render(f"It is {markdown(line)}.\n") == f"<p>It is {shown}.</p>\n"
    if not line:
        return
    if line[0] not in "-+=":
        assert MARKDOWN.render(f"- {markdown(line)}\n") == f"<ul>\n<li>{shown}</li>\n</ul>\n"
    cells = MARKDOWN.render(markdown_table((line, "b"), [(line, line), (markdown_code(line), "")], right={1}))
    right = '<td style="text-align:right">'
    assert f"<th>{shown}</th>" in cells
    assert cells.count(f"<td>{shown}</td>") == cells.count(f"{right}{shown}</td>") == 1
    assert cells.count(f"<td><code>{shown}</code></td>") == cells.count(f"{right}</td>") == 1
    assert MARKDOWN.render(f"is {markdown_code(line)}.\n") == f"<p>is <code>{shown}</code>.</p>\n"


@given(hostile, hostile)
@settings(max_examples=40)
def test_a_model_card_is_that_of_harmless_names(name: str, label: str) -> None:
    """Folder name and labels change texts of the card: no heading, link, table, picture or HTML more than otherwise."""

    def parts(checkpoint: str, first: str) -> list[str]:
        manifest = make_manifest()
        source = replace(manifest.provenance, checkpoint=checkpoint)
        text = card_text(replace(manifest, labels=(first, "positive"), provenance=source), plot=None)
        tokens = MARKDOWN.parse(text.partition("\n---\n")[2])  # what is before is YAML
        kinds = [token.type for token in tokens]
        return kinds + [child.type for token in tokens for child in token.children or () if child.type != "text"]

    assert parts(name, label) == parts("harmless", "negative")


@given(hostile)
@settings(max_examples=15, deadline=None)
def test_reports_of_a_hostile_device_have_the_shape_of_any_other(name: str) -> None:
    """Markdown of a report has the elements of a harmless one; CSV has its rows, and no cell is a formula."""

    def report(device: str):
        return rv.make_report(rv.make_measurement(device=rv.make_device(device or "x")))

    shown = markdown_text([report(name)])
    kinds = [[token.type for token in MARKDOWN.parse(text)] for text in (shown, markdown_text([report("harmless")]))]
    assert all(map(is_calm, shown.split("\n")))
    assert kinds[0] == kinds[1]
    table = csv_text(sections([report(name)]))
    assert all(map(is_calm, table.split("\n")))
    rows = list(csv.reader(io.StringIO(table)))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not any(row[0].startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows)


@pytest.mark.parametrize("text", [part for part in FRAGMENTS if "\ud800" not in part])
def test_pictures_draw_a_text_and_no_formula(text: str, tmp_path: Path) -> None:
    """The SVG parses, and the text of a legend is the printable one, dollar signs included."""
    with svg_figure(tmp_path / "a.svg", height=2.0, letters="none") as figure:
        axes = figure.subplots()
        axes.plot([0, 1], label=f"x{printable(text)}")
        axes.legend()
    root = ET.parse(tmp_path / "a.svg").getroot()
    texts = ["".join(item.itertext()) for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert f"x{printable(text)}".split() in [found.split() for found in texts]


def test_a_hostile_argument_makes_one_line_of_error() -> None:
    """The whole program: a path with line breaks and escape sequences is shown, not obeyed."""
    path = "no\n::error title=x::y\n\x1b[31m\u202e##[error]z"
    done = subprocess.run(
        [sys.executable, "-m", "edgebert", "inspect", path], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 2
    lines = done.stderr.rstrip("\n").split("\n")
    assert re.match(r"error: no\\n::error title=x::y\\n\\x1b\[31m\\u202e", lines[0])
    assert all(map(is_calm, lines))
