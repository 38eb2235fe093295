"""Every field of a manifest is changed, with a digest that fits: found, or on the list of what verify cannot know."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgebert.bundle import MANIFEST, open_bundle
from edgebert.errors import BundleError
from edgebert.verification import verify
from tests.support import fakes

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
OTHER = {
    "shipped": "baseline",
    "baseline": "shipped",
    "onnx": "tflite",
    "tflite": "onnx",
    "int8": "float32",
    "float32": "int8",
    "gelu": "relu",
    "macs": "latency",
    "accuracy": "macro_f1",
    "onnxruntime": "litert",
    "litert": "onnxruntime",
}
LARGE = 1e9


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value that holds no others; of a list of alike items, those of the first and the last."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    children = list(items)
    if path[-1:] in {("operators",), ("parts",), ("packages",), ("files",), ("left_out",)}:
        children = [children[0], children[-1]] if children else []
    if not children:
        yield path
    for key, item in children:
        yield from leaves(item, (*path, key))


def lists(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every list that is not empty."""
    if isinstance(value, list) and value:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from lists(item, (*path, key))


def at(plain: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        plain = plain[key]
    return plain


def replaced(plain: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(plain)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def near(value: Any) -> Any:
    """Return another value of the same kind that looks as good."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case float():
            return value * 0.999 if value else 0.001
        case str() if re.fullmatch("[0-9a-f]{64}", value):
            return ("1" if value[0] == "0" else "0") + value[1:]
        case str():
            return OTHER.get(value, value + "x")
        case None:
            return 1
        case _:
            return ["other"]


def name_of(path: tuple[Any, ...]) -> str:
    """Return a path as the page writes it: without the numbers of list items."""
    return ".".join(key for key in path if isinstance(key, str))


def documented(heading: str) -> set[str]:
    """Return the fields of a list in the page; a field that ends with a star stands for all that begin so."""
    section = PAGE.read_text(encoding="utf-8").partition(f"### {heading}\n")[2].partition("\n#")[0]
    return set(re.findall(r"`([a-z0-9_.*]+)`", "\n".join(line for line in section.splitlines() if line[:1] == "|")))


def matches(name: str, listed: set[str]) -> str | None:
    """Return the entry of the list that a field belongs to."""
    for entry in listed:
        if name == entry or (entry.endswith("*") and name.startswith(entry[:-1])):
            return entry
    return None


class Changed:
    """A bundle whose manifest is changed and put back."""

    def __init__(self, root: Path) -> None:
        self.root, self.path = root, root / MANIFEST
        self.content = self.path.read_bytes()
        self.plain = json.loads(self.content)

    def is_found(self, plain: Any) -> bool:
        """Return whether verify exits 1; no model is run, so that only what is compared can tell."""
        fakes.write_manifest(self.path, plain)
        try:
            return any(check.ok is False for check in verify(self.root, runtimes=()))
        except BundleError:
            return True
        finally:
            self.path.write_bytes(self.content)


@pytest.fixture(scope="module")
def changed(whole: Path) -> Changed:
    return Changed(whole)


def test_nothing_is_found_in_what_was_exported(changed: Changed):
    """The manifest as it was written, and written again by the test's own writer, agrees with every file."""
    assert not changed.is_found(changed.plain)
    assert [check.detail for check in verify(changed.root, runtimes=()) if check.ok is False] == []


def test_every_field_is_compared_bounded_or_listed(changed: Changed, slim: Path):
    """A near and a far value are put into every field: the page lists exactly what is not found, and what only far."""
    statements, bounded = documented("Statements"), documented("Bounds")
    assert statements
    assert bounded
    wrong, seen = [], set()
    thin = Changed(slim)
    fields = [(changed, path) for path in leaves(changed.plain) if path != ("digest",)]
    for bundle, path in [*fields, *((thin, path) for path in leaves(thin.plain) if path[0] == "left_out")]:
        name, value = name_of(path), at(bundle.plain, path)
        is_near = bundle.is_found(replaced(bundle.plain, path, near(value)))
        is_number = not is_near and type(value) in (int, float)
        is_far = is_number and bundle.is_found(replaced(bundle.plain, path, type(value)(LARGE)))
        found = "compared" if is_near else "bounded" if is_far else "a statement"
        listed = matches(name, statements) or matches(name, bounded)
        expected = "a statement" if matches(name, statements) else "bounded" if listed else "compared"
        if expected == "a statement" and found == "bounded":
            found = expected  # the page says that of all numbers among them
        # Of a list of alike things, one may be compared though the field is a statement in another.
        seen |= {listed} if listed and found == expected else set()
        if found != expected and not (listed and found == "compared"):
            wrong.append((path, found, expected))
    assert wrong == []
    assert (statements | bounded) - seen == set()


def test_every_list_is_compared_or_listed(changed: Changed):
    """An item dropped, doubled, or all in another order: found, but for lists that are statements or unordered."""
    statements, unordered = documented("Statements"), {"artifacts", "files", "recipe.targets"}
    wrong = []
    for path in lists(changed.plain):
        items, name = at(changed.plain, path), name_of(path)
        turned = items if name in unordered else items[::-1]
        for other in (items[1:], [*items, items[-1]], turned):
            is_other = other != items and not matches(name, statements)
            if is_other and not changed.is_found(replaced(changed.plain, path, other)):
                wrong.append((path, other))
    assert wrong == []


def test_without_a_new_digest_every_change_is_found_when_the_bundle_is_opened(changed: Changed):
    """Whoever changes a field and leaves the digest is found before any file is read, whatever the field is."""
    for path in leaves(changed.plain):
        plain = replaced(changed.plain, path, near(at(changed.plain, path)))
        changed.path.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        try:
            with pytest.raises(BundleError):
                open_bundle(changed.root, check=False)
        finally:
            changed.path.write_bytes(changed.content)
