from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import re
import shlex
import types
import typing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import edgebert
from edgebert.bundle import SCHEMA
from edgebert.golden import GOLDEN_SCHEMA, Golden
from edgebert.manifest import Manifest
from edgebert.parity import FLOAT_TOLERANCE, RELATIVE_TOLERANCE
from edgebert.recipe import built_in_recipes
from tests.support.commands import COMMANDS, GROUP

ROOT = Path(__file__).parents[1]
# Folders that hold no documents of ours are left out by name, so that a new document anywhere else is found.
SKIPPED = {"build", "dist", "golden", "node_modules", "pictures"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in SKIPPED for part in path.relative_to(ROOT).parts)
)
FORMAT = ROOT / "docs" / "bundle-format.md"

_FENCE = re.compile(r"^```(?P<kind>[a-z]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_PROGRAM = re.compile(r"^(?:\$ )?(?:\.venv/bin/)?edgebert(?: (?P<rest>.*))?$")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", text_of(path))


def blocks(path: Path, *kinds: str) -> list[str]:
    """Return the code blocks of some kinds."""
    return [match["body"] for match in _FENCE.finditer(text_of(path)) if match["kind"] in kinds]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(slug)
    return found


def command_lines(path: Path) -> list[list[str]]:
    """Return the arguments of every line of a console block that calls edgebert."""
    found = []
    for block in blocks(path, "console", "sh", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if match := _PROGRAM.match(line.split(" # ")[0].split(" | ")[0].split(" < ")[0].split(" > ")[0].strip()):
                found.append(shlex.split(match["rest"] or ""))
    return found


def mentions(path: Path) -> list[list[str]]:
    """Return the words after ``edgebert`` of every code span that begins with it."""
    spans = [_PROGRAM.match(span) for span in _SPAN.findall(prose(path))]
    return [match["rest"].split() for match in spans if match and match["rest"]]


def options_of(command: Any) -> set[str]:
    own = {name for item in command.params for name in (*item.opts, *item.secondary_opts) if name.startswith("-")}
    return own | {"--help", "-h"}


def dataclasses_in(kind: Any) -> dict[str, Any]:
    """Return a dataclass and all that its fields hold, by name."""
    found = {}
    pending = [kind]
    while pending:
        kind = pending.pop()
        if dataclasses.is_dataclass(kind):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                pending.extend(typing.get_type_hints(kind).values())
        else:
            pending.extend(typing.get_args(kind))
    return found


def in_words(kind: Any) -> str:
    """Return how the page writes a type."""
    plain = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if origin is dict:
        return f"object of {in_words(parts[1])}"
    if origin is tuple:
        return f"list of {in_words(parts[0])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(in_words, parts))
    if dataclasses.is_dataclass(kind):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return plain[kind]


def described_fields(page: str) -> dict[str, list[tuple[str, str]]]:
    """Return name and type of the fields in the table under each heading that has such a table."""
    found = {}
    for section in re.split(r"^#{2,} ", page, flags=re.MULTILINE)[1:]:
        heading, _, rest = section.partition("\n")
        if "| field | type | meaning |" in rest:
            found[heading] = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", rest, re.MULTILINE)
    return found


VALUES = dataclasses_in(Manifest) | dataclasses_in(Golden)


def test_the_pages_are_found():
    """The pages that the README promises are among those that are tested."""
    names = {relative(page) for page in PAGES}
    wanted = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
    wanted |= {f"docs/{name}.md" for name in ("architecture", "bundle-format", "cli", "troubleshooting")}
    assert wanted <= names


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path):
    """Every relative link and picture exists, and its anchor is a heading there."""
    wrong = []
    for match in _LINK.finditer(prose(page)):
        file, _, anchor = unquote(match["target"]).partition("#")
        if re.match(r"[a-z]+:", file):
            continue
        target = (page.parent / file).resolve() if file else page
        exists = target.is_relative_to(ROOT) and target.exists()
        if not exists or (anchor and anchor not in anchors(target)):
            wrong.append(match["target"])
    assert not wrong


def named_command(words: list[str]) -> tuple[str, list[str]]:
    """Return the command that a line calls, of one word or two, and its arguments."""
    for count in (1, 2):
        if (name := " ".join(words[:count])) in COMMANDS:
            return name, words[count:]
    raise AssertionError(f"no such command: edgebert {' '.join(words)}")


def test_the_reference_of_commands_is_up_to_date():
    """docs/cli.md is what docs/generate.py makes of the program today."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert text_of(ROOT / "docs" / "cli.md") == generate.cli_reference(), "out of date: run python docs/generate.py"


def test_the_reference_names_every_command_and_option():
    """No command and no option of the program is missing from its section of docs/cli.md."""
    sections = dict(
        re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", text_of(ROOT / "docs" / "cli.md"), re.MULTILINE | re.DOTALL)
    )
    for name, command in COMMANDS.items():
        assert command.help
        assert f"$ edgebert {name}" in sections[name]
        for option in options_of(command) - {"--help", "-h"}:
            assert re.search(rf"^\| (`-\w`, )?(`[\w-]+`, )?`{option}`", sections[name], re.MULTILINE), (
                f"{name} {option}"
            )


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_command_lines_parse(page: Path):
    """Every edgebert command line in a console block is one that the program accepts."""
    for words in command_lines(page):
        if words[1:] and words[-1] == "[OPTIONS]":
            words = [word.strip("[].") for word in words[:-1]]
        if words[0].startswith("-"):
            assert words[0] in options_of(GROUP)
            continue
        name, arguments = named_command(words)
        # Values such as PATH stand for themselves; N and NUMBER are for the reader.
        COMMANDS[name].make_context(name, arguments)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_in_sentences_exist(page: Path):
    """Every command and option that a code span names after 'edgebert' exists."""
    for words in mentions(page):
        if words[0] == "COMMAND":
            continue
        command = GROUP if words[0].startswith("-") else COMMANDS[named_command(words)[0]]
        unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in options_of(command)]
        assert not unknown, f"edgebert {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_python_compiles_and_fits_the_library(page: Path):
    """Python in a document compiles, and names of edgebert in it exist and take the arguments that it gives them."""
    for block in blocks(page, "python"):
        tree = ast.parse(block)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "edgebert":
                assert node.attr in edgebert.__all__
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if isinstance(node.func.value, ast.Name) and node.func.value.id == "edgebert":
                called = getattr(edgebert, node.func.attr)
                keywords = {item.arg: None for item in node.keywords if item.arg}
                inspect.signature(called).bind(*[None for _ in node.args], **keywords)


def test_the_python_page_names_everything_public():
    """The table of names has each public name, and no other one."""
    table = text_of(ROOT / "docs" / "python.md").partition("| to | use |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == edgebert.__all__


def test_the_bundle_format_describes_every_field():
    """Each value of manifest and golden texts has a table with exactly its fields, in order, with their types."""
    described = described_fields(text_of(FORMAT))
    assert described.keys() == VALUES.keys()
    for name, value in VALUES.items():
        hints = typing.get_type_hints(value)
        assert described[name] == [(field.name, in_words(hints[field.name])) for field in dataclasses.fields(value)], (
            name
        )


def test_the_bundle_format_states_the_schema():
    """The page names the schema numbers that edgebert writes today, and says what came with each."""
    page = text_of(FORMAT)
    assert f"This page describes schema {SCHEMA}." in page
    assert f"now {SCHEMA} in `edgebert.json` and {GOLDEN_SCHEMA} in `golden.json`" in page
    history = page.partition("| schema of `edgebert.json` |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| (\d+) \|", history, re.MULTILINE) == [str(schema) for schema in range(1, SCHEMA + 1)]


def test_the_bundle_format_states_versions_and_tolerance():
    """Opset, IR version and FP32 tolerance on the page are those of the code."""
    from edgebert.convert.onnx import IR_VERSION, OPSET

    page = text_of(FORMAT)
    assert f"Opset {OPSET}, IR version {IR_VERSION}," in page
    assert f"FP32 files may differ from torch by {FLOAT_TOLERANCE:.4f}, or by {RELATIVE_TOLERANCE:.5f} of" in page


def test_the_readme_is_short():
    """It is read in three minutes: 900 words at most, what is in tables and code included."""
    assert len(text_of(ROOT / "README.md").split()) <= 900


def test_the_guides_list_the_recipes():
    """The table of recipes in the guides has a row with the files of each built-in recipe."""
    rows = re.findall(r"^\| `([\w-]+)` \| (.+?) \| .+ \|$", text_of(ROOT / "docs" / "how-to.md"), re.MULTILINE)
    for recipe in built_in_recipes():
        assert (recipe.name, ", ".join(f"`{target.file}`" for target in recipe.targets)) in rows


def test_the_architecture_page_has_the_layers():
    """The rows of the page's table are the rows that import-linter enforces, from the top down."""
    import tomllib

    contracts = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(item["layers"] for item in contracts if item["id"] == "layers")
    page = text_of(ROOT / "docs" / "architecture.md")
    rows = re.findall(r"^\| [1-8] \| (.+?) \| ", page, re.MULTILINE)
    assert [set(_SPAN.findall(row)) for row in rows] == [set(re.split(r" [:|] ", layer)) for layer in layers]


def messages() -> list[str]:
    """Return every text of the library's source, with ``…`` for what is put into it."""
    found = []
    for path in (ROOT / "edgebert").rglob("*.py"):
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_troubleshooting_quotes_messages_that_exist():
    """Each heading that quotes a message is part of a text in the source, with an ellipsis for what varies."""
    quoted = re.findall(r"^### `(.+)`$", text_of(ROOT / "docs" / "troubleshooting.md"), re.MULTILINE)
    assert len(quoted) > 15
    known = messages()
    assert [heading for heading in quoted if not any(heading in message for message in known)] == []


def test_the_glossary_keeps_words_out():
    """No page but the glossary, and no help text, has a word that the glossary says to avoid."""
    glossary = text_of(ROOT / "docs" / "glossary.md")
    terms, _, avoided = glossary.partition("## Words to avoid")
    words = [word for row in re.findall(r"^\| .+ \| (.+) \|$", avoided, re.MULTILINE)[2:] for word in row.split("; ")]
    assert "float twin" in words
    found = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b", re.IGNORECASE)
    pages = {relative(page): text_of(page) for page in (ROOT / "docs").rglob("*.md")} | {"docs/glossary.md": terms}
    texts = pages | {"README.md": text_of(ROOT / "README.md")} | helps()
    assert {name: hits for name, text in texts.items() if (hits := found.findall(text))} == {}


def helps() -> dict[str, str]:
    """Return the help texts of each command and its options."""
    return {
        f"edgebert {name} --help": " ".join(
            [command.help or "", *(getattr(item, "help", "") or "" for item in command.params)]
        )
        for name, command in COMMANDS.items()
    }
