from __future__ import annotations

import dataclasses
import re
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bundle import Bundle, file_entry, open_bundle
from edgebert.embedding.android import HEADER, check_package, constant_names, kotlin_source, string_literal
from edgebert.embedding.embed import choose_artifact, shipped_files
from edgebert.embedding.places import folder_place
from edgebert.errors import BundleError, UsageError
from edgebert.meaning import Task, TaskSettings
from tests.support.small_bundles import small_bundle

GOLDEN = Path(__file__).parents[1] / "golden" / "embed"
LABELS = ("very negative", "neutral", "très positif", "5 $tars", "#", "😀", 'say "no"\\\n')

WORDS = re.compile(
    r"(?P<space>[ \n]+)|(?P<comment>//[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?L?)|(?P<mark>[(){}<>:,.=?])"
)
ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "'": "'", '"': '"', "\\": "\\", "$": "$"}


def read_literal(source: str, start: int) -> tuple[str, int]:
    """Return the value of the Kotlin string literal that begins at ``start``, and where it ends.

    By Kotlin's grammar: no line break, a template begins with a dollar and a letter, underscore, backtick or brace.
    """
    assert source[start] == '"'
    units: list[int] = []
    place = start + 1
    while source[place] != '"':
        character = source[place]
        assert character not in "\n\r"
        if character == "\\":
            if source[place + 1] == "u":
                digits = source[place + 2 : place + 6]
                assert len(digits) == 4
                assert set(digits) <= set(string.hexdigits)
                units.append(int(digits, 16))
                place += 6
            else:
                units.append(ord(ESCAPED[source[place + 1]]))
                place += 2
            continue
        assert not (character == "$" and re.match(r"[A-Za-z_`{]", source[place + 1]))
        units.append(ord(character))
        place += 1
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "surrogatepass"), place + 1


def read_words(source: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of every token of a Kotlin file; strings are yielded as their values."""
    place = 0
    while place < len(source):
        if source[place] == '"':
            value, place = read_literal(source, place)
            yield "string", value
            continue
        match = WORDS.match(source, place)
        assert match, f"no Kotlin at {source[place : place + 40]!r}"
        place = match.end()
        assert match.lastgroup is not None
        if match.lastgroup not in {"space", "comment"}:
            yield match.lastgroup, match[0]


def read_labels(source: str) -> list[tuple[str, str]]:
    """Return name and text of each constant of the enum, having read the whole file."""
    words = list(read_words(source))
    depth = 0
    for kind, text in words:
        if kind == "mark":
            depth += (text in "({") - (text in ")}")
            assert depth >= 0
    assert depth == 0
    start = words.index(("name", "Label")) + words[words.index(("name", "Label")) :].index(("mark", "{"))
    found, place = [], start + 1
    while words[place] != ("mark", "}"):
        (name, opened, text, closed, comma) = words[place : place + 5]
        assert (opened, closed, comma) == (("mark", "("), ("mark", ")"), ("mark", ","))
        assert name[0] == "name"
        assert text[0] == "string"
        found.append((name[1], text[1]))
        place += 5
    return found


def source_of(bundle: Bundle, *, file: str = "int8.onnx", package: str = "com.example.app") -> str:
    artifact = choose_artifact(bundle, file)
    files = shipped_files(bundle, artifact, folder_place(bundle.root / "unused"))
    return kotlin_source(bundle.manifest, artifact, files, package=package, folder="edgebert")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return open_bundle(small_bundle(tmp_path_factory.mktemp("kotlin") / "bundle", labels=LABELS))


def test_the_file_is_as_agreed(bundle: Bundle):
    """The whole file for labels with a dollar, quotes, a line break, accents and an emoji, byte by byte."""
    assert source_of(bundle) == (GOLDEN / "EdgebertModel.kt").read_text(encoding="utf-8")


def test_the_file_reads_back(bundle: Bundle):
    """Read by Kotlin's rules, the constants are the labels in their order, and each file stands with its hash."""
    source = source_of(bundle)
    assert [text for _, text in read_labels(source)] == list(LABELS)
    texts = [text for kind, text in read_words(source) if kind == "string"]
    for name in ("edgebert.json", "int8.onnx", "vocab.txt", "golden.json"):
        place = texts.index(f"edgebert/{name}")
        assert texts[place + 1] == file_entry(bundle.root, name).sha256
    assert source.startswith(HEADER)
    assert file_entry(bundle.root, "edgebert.json").sha256 in source.splitlines()[1]


def test_a_tflite_file_has_its_lengths(bundle: Bundle):
    """An ONNX file takes every length, so its list is empty; a TFLite file names its signatures."""
    assert "lengths: List<Int> = listOf()" in source_of(bundle)
    assert "lengths: List<Int> = listOf(8, 16)" in source_of(bundle, file="int8.tflite")


@pytest.mark.parametrize(
    ("task", "labels", "settings", "said"),
    [
        ("token-classification", ("O", "B-person", "I-person"), {}, ["enum class EntityType", 'PERSON("person")']),
        (
            "multi-label-classification",
            ("a", "b"),
            {"thresholds": (0.5, 0.25)},
            ["enum class Label", "listOf(0.5, 0.25)"],
        ),
        ("feature-extraction", (), {"width": 384}, ["const val WIDTH: Int = 384"]),
        ("question-answering", (), {}, ['TASK: String = "question-answering"']),
    ],
)
def test_each_task_has_the_types_of_its_answers(
    bundle: Bundle, task: Task, labels: tuple[str, ...], settings: dict[str, Any], said: list[str]
):
    """Entities have an enum of their types, several labels their thresholds, embeddings their width."""
    manifest = dataclasses.replace(bundle.manifest, task=task, labels=labels, settings=TaskSettings(**settings))
    artifact = choose_artifact(bundle, "int8.onnx")
    files = shipped_files(bundle, artifact, folder_place(bundle.root / "unused"))
    source = kotlin_source(manifest, artifact, files, package="com.example.app", folder="edgebert")
    for line in said:
        assert line in source
    assert ("enum class" in source) == bool(labels)
    assert "\n\n\n" not in source


@given(labels=st.lists(st.text(max_size=80), min_size=1, max_size=8))
def test_any_labels_give_kotlin(bundle: Bundle, labels: list[str]):
    """Whatever labels are called, the file is Kotlin in ASCII, gives them back exactly, and names each one once."""
    named = replace(bundle, manifest=replace(bundle.manifest, labels=tuple(labels)))
    source = source_of(named)
    assert source.isascii()
    found = read_labels(source)
    assert [text for _, text in found] == labels
    names = [name for name, _ in found]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in names)


@given(text=st.text(st.characters(codec=None)))
def test_a_literal_gives_its_text_back(text: str):
    """Also with lone surrogates, templates, quotes and control characters."""
    literal = string_literal(text)
    assert all(" " <= character <= "~" for character in literal)
    value, end = read_literal(literal, 0)
    assert end == len(literal)
    # Two lone halves side by side are the same UTF-16 as the character that they make.
    assert value.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("negative", "POSITIVE"), ("NEGATIVE", "POSITIVE")),
        (("veryGood", "LABEL_0"), ("VERY_GOOD", "LABEL_0")),
        (("1 star", "1", "5 stars"), ("LABEL_1_STAR", "LABEL_1", "LABEL_5_STARS")),
        (("é", "E", "e"), ("E", "E_2", "E_3")),
        (("a", "a_2", "a "), ("A", "A_2", "A_3")),
        (("😀", "", "好"), ("LABEL", "LABEL_2", "LABEL_3")),
        (("x" * 70,), ("X" * 60,)),
    ],
)
def test_constants_are_named_after_labels(labels: tuple[str, ...], names: tuple[str, ...]):
    """Capitals and underscores; what is no letter goes, and who comes later to a taken name gets a number."""
    assert constant_names(labels) == names


@pytest.mark.parametrize("package", ["app", "com.example.app", "com.example_2.App", "a._b.c9"])
def test_names_of_packages(package: str):
    """Identifiers in ASCII, separated by dots."""
    check_package(package)


@pytest.mark.parametrize(
    "package",
    [
        "",
        ".",
        "com.",
        ".com",
        "com..app",
        "com.9app",
        "com.my-app",
        "com.app;",
        "com.in.app",
        "fun",
        "a.`b`",
        "ä.b",
        "_",
        "a/b",
    ],
)
def test_what_is_no_package(package: str):
    """Empty parts, other characters, keywords of Kotlin and names of underscores alone; the value is in the message."""
    with pytest.raises(UsageError, match=r"--kotlin-package") as caught:
        check_package(package)
    assert repr(package) in caught.value.message


def test_a_number_too_large_for_an_app(bundle: Bundle):
    """A manifest whose length exceeds a Kotlin Int is refused instead of written."""
    text = replace(bundle.manifest.text, max_length=2**31)
    with pytest.raises(BundleError, match="max_length is 2147483648"):
        source_of(replace(bundle, manifest=replace(bundle.manifest, text=text)))


def test_the_digest_is_that_of_the_manifest(bundle: Bundle):
    """The constant that an app gives to `Bundle.open` is the digest; a bundle of an older schema has none."""
    assert bundle.manifest.digest is not None
    assert f'val digest: String? = "{bundle.manifest.digest}"' in source_of(bundle)
    older = replace(bundle, manifest=replace(bundle.manifest, schema=2, digest=None))
    assert "val digest: String? = null" in source_of(older)
