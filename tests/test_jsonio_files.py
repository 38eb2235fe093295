"""Files of a known schema, and values of several kinds in them."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from edgebert.errors import DataError, UsageError, upgrade_line
from edgebert.jsonio import dumps, loads, read


@dataclasses.dataclass(frozen=True, kw_only=True)
class Circle:
    """A member of a tagged union with one kind."""

    radius: float
    kind: typing.Literal["circle"] = "circle"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Box:
    """A member with two kinds."""

    width: int
    height: int = 1
    kind: typing.Literal["square", "box"]


Shape = Circle | Box


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawing:
    """A versioned file with members."""

    schema: int
    shapes: tuple[Shape, ...] = ()
    frame: Circle | Box | None = None


def test_a_tagged_union_is_read_by_its_kind():
    """A value, a field and an item that may be of several dataclasses becomes the one whose ``kind`` it states."""
    drawing = Drawing(schema=1, shapes=(Box(kind="box", width=2), Circle(radius=0.5)), frame=Circle(radius=1.0))
    assert loads(Drawing, dumps(drawing), source="x.json") == drawing
    assert loads(Drawing, '{"schema": 1, "frame": null}', source="x.json") == Drawing(schema=1)
    assert loads(Shape, '{"kind": "square", "width": 2}', source="x.json") == Box(kind="square", width=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "x.json: the top level is [], not an object"),
        ('{"width": 2}', "x.json: the key 'kind' is missing"),
        ('{"kind": "disc"}', "x.json: kind is \"disc\", not one of 'circle', 'square', 'box'"),
        ('{"kind": ["circle"]}', "x.json: kind is [\"circle\"], not one of 'circle', 'square', 'box'"),
        ('{"kind": "circle", "width": 2}', "x.json: unknown key 'width'"),
    ],
)
def test_what_no_member_of_a_tagged_union_describes_is_refused(text: str, words: str):
    """A missing or unknown kind is named, and so is a field of another kind; nothing is guessed."""
    with pytest.raises(UsageError) as caught:
        loads(Shape, text, source="x.json")
    assert caught.value.message == words


def read_drawing(path: Path, **options: Any) -> Drawing:
    given = {"what": "drawing", "newest": 3, "oldest": 2, "keys": ("shapes",), "error": DataError, "hint": "draw again"}
    return read(Drawing, path, **{**given, **options})


def test_a_file_of_a_known_schema_is_read(tmp_path: Path):
    """The oldest and the newest schema are read, from the file or from content that was read before."""
    path = tmp_path / "x.json"
    path.write_text('{"schema": 2, "shapes": []}', encoding="utf-8")
    assert read_drawing(path) == Drawing(schema=2)
    assert read_drawing(path, content=b'{"schema": 3, "shapes": []}') == Drawing(schema=3)


@pytest.mark.parametrize(
    ("content", "words", "hint"),
    [
        (None, "cannot be read: No such file or directory", "draw again"),
        (b"\xff", "not UTF-8 at byte 0", "draw again"),
        (b"{", "line 1, column 2: not JSON", "draw again"),
        (b'{"shapes": []}', "not a drawing: there is no schema number", "draw again"),
        (b'{"schema": true, "shapes": []}', "not a drawing: there is no schema number", "draw again"),
        (b'{"schema": 9}', "not a drawing: the key 'shapes' is missing", "draw again"),
        (b'{"schema": 4, "shapes": 5}', "drawing schema 4; this edgebert reads up to 3", upgrade_line()),
        (b'{"schema": 1, "shapes": 5}', "drawing schema 1; this edgebert reads 2 and newer", "draw again"),
        (b'{"schema": 2, "shapes": 5}', "shapes is 5, not a list", "draw again"),
    ],
)
def test_a_versioned_file_is_refused_in_one_style(content: bytes | None, words: str, hint: str, tmp_path: Path):
    """Whatever is wrong, the error is of the asked kind, names the file, and has the hint of the caller or pip's."""
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_drawing(path)
    assert caught.value.message.startswith(f"{path}: {words}")
    assert caught.value.hint == hint


def test_a_check_comes_before_the_fields(tmp_path: Path):
    """The caller's check sees the JSON value of a file whose fields are wrong, and its refusal comes out."""

    def check(plain: dict[str, Any]) -> None:
        raise DataError(f"no {plain['shapes']}", hint="look")

    with pytest.raises(DataError, match="no 5") as caught:
        read_drawing(tmp_path / "x.json", content=b'{"schema": 2, "shapes": 5}', check=check)
    assert caught.value.hint == "look"


def test_only_an_older_file_is_upgraded(tmp_path: Path):
    """What is read of an older schema is what the caller makes of its JSON value; the newest is read as it is."""

    def upgrade(plain: dict[str, Any]) -> dict[str, Any]:
        return {"schema": 3, "shapes": plain["forms"]}

    options = {"upgrade": upgrade, "keys": ()}
    assert read_drawing(tmp_path / "x", content=b'{"schema": 2, "forms": []}', **options) == Drawing(schema=3)
    with pytest.raises(DataError, match="unknown key 'forms'"):
        read_drawing(tmp_path / "x", content=b'{"schema": 3, "forms": []}', **options)
