"""Compares the hand-written signatures of android.* with those of Android 16, of a package made from the real ones.

The app is compiled with signatures in `stubs`, for no package registry has Android's own. A wrong one would
compile here and fail on every phone. Compared are classes, what they extend, fields, names, parameters and results. The
package is made for Python, which cannot tell an `int` that is returned from a `long`, nor a `char` from a string.
"""

from __future__ import annotations

import ast
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.apk.java import program, run

_ANY = "?"  # a type variable: whatever its bound says
_RESULTS = {
    "int": {"int", "long", "short", "byte"},
    "bool": {"boolean"},
    "str": {"String", "char"},
    "float": {"float", "double"},
}


@dataclass(frozen=True)
class Member:
    """A method, a constructor or a field, with the last parts of its types' names.

    Attributes:
        name: Its name; that of a constructor is ``__init__``.
        parameters: Types of the parameters; ``None`` for a field.
        result: Type of the result or of the field; empty for a constructor.
        static: Whether it belongs to the class.
    """

    name: str
    parameters: tuple[str, ...] | None
    result: str
    static: bool


def written(classes: Path) -> Iterator[tuple[str, list[str], list[Member]]]:
    """Yield name, supertypes and members of each class that was compiled."""
    files = sorted(classes.rglob("*.class"))
    said = run([Path(program("javac")).with_name("javap"), "-protected", *files])
    for head, body in re.findall(r"^(\S.*?) \{\n(.*?)^\}", said, re.MULTILINE | re.DOTALL):
        plain = _without_generics(head)
        found = re.search(r"(?:class|interface) (\S+)(.*)", plain)
        assert found is not None
        supers = [_last(name) for name in re.split(r"extends|implements|,", found[2]) if name.strip()]
        yield found[1], supers, [_written_member(line, found[1]) for line in body.strip().splitlines()]


def _written_member(line: str, owner: str) -> Member:
    plain = _without_generics(line.strip().rstrip(";"))
    plain = plain.partition(" throws ")[0]
    front, bracket, rest = plain.partition("(")
    *words, name = front.split()
    static = "static" in words
    if not bracket:
        return Member(name, None, _last(words[-1]), static)
    parameters = tuple(_last(part) for part in rest.rstrip(")").split(",") if part.strip())
    if name == owner:
        return Member("__init__", parameters, "", static=False)
    return Member(name, parameters, _last(words[-1]), static)


def _without_generics(text: str) -> str:
    while "<" in text:
        text = re.sub(r"<[^<>]*>", "", text)
    return text


def _last(name: str) -> str:
    if name.strip().endswith(("[]", "...")):
        return "[]"
    last = re.split(r"[.$]", name.strip())[-1]
    return _ANY if re.fullmatch(r"[A-Z]", last) else last


class Reference:
    """The signatures of Android, from the package."""

    def __init__(self, package: Path) -> None:
        self._package = zipfile.ZipFile(package)
        self._files: dict[str, ast.Module | None] = {}

    def find(self, name: str) -> ast.ClassDef | None:
        """Return a class by its name, as ``android.view.View$OnClickListener``."""
        package, _, nested = name.rpartition(".")
        tree: ast.Module | ast.ClassDef | None = self._file(package)
        for part in nested.split("$"):
            if tree is None:
                return None
            tree = next((item for item in tree.body if isinstance(item, ast.ClassDef) and item.name == part), None)
        assert not isinstance(tree, ast.Module)
        return tree

    def _file(self, package: str) -> ast.Module | None:
        if package not in self._files:
            path = "/".join(["android-stubs", *package.split(".")[1:], "__init__.pyi"])
            known = path in self._package.namelist()
            self._files[package] = ast.parse(self._package.read(path)) if known else None
        return self._files[package]


def members(node: ast.ClassDef) -> set[Member]:
    """Return the members of a class of the package."""
    found = set()
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            static = isinstance(item.annotation, ast.Subscript) and _name(item.annotation.value) == "ClassVar"
            kind = item.annotation.slice if isinstance(item.annotation, ast.Subscript) and static else item.annotation
            found.add(Member(item.target.id, None, _type(kind), static))
        elif isinstance(item, ast.FunctionDef):
            static = any(_name(decorator) == "staticmethod" for decorator in item.decorator_list)
            taken = [*item.args.posonlyargs, *item.args.args][0 if static else 1 :]
            parameters = [_parameter(argument.annotation) for argument in taken] + (["[]"] if item.args.vararg else [])
            result = "" if item.name == "__init__" else _type(item.returns)
            found.add(Member(item.name, tuple(parameters), result, static=static))
    return found


def _alternatives(node: ast.expr | None) -> list[str]:
    if isinstance(node, ast.BinOp):
        return _alternatives(node.left) + _alternatives(node.right)
    if isinstance(node, ast.Constant) and node.value is None:
        return ["None"]
    return [_name(node)]


def _name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Subscript):
        node = node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else str(getattr(node, "value", ""))


def _parameter(node: ast.expr | None) -> str:
    names = _alternatives(node)
    for name in names:
        if re.fullmatch(r"j(int|long|short|byte|boolean|char|float|double)", name):
            return name[1:]
    return "String" if "String" in names else _java(names[0])


def _type(node: ast.expr | None) -> str:
    names = [name for name in _alternatives(node) if name != "None"]
    return _java(names[0]) if names else "void"


def _java(name: str) -> str:
    if name.startswith("JavaArray"):
        return "[]"
    if name == "Type":
        return "Class"
    return _ANY if name.startswith("_") else name


def _agree(own: Member, real: Member) -> bool:
    if (own.name, own.static) != (real.name, real.static):
        return False
    results = _RESULTS.get(real.result, {real.result})
    if own.result not in results and _ANY not in (own.result, real.result):
        return False
    if own.parameters is None or real.parameters is None:
        return own.parameters == real.parameters
    pairs = list(zip(own.parameters, real.parameters, strict=False))
    same = len(own.parameters) == len(real.parameters)
    return same and all(one == other or _ANY in (one, other) for one, other in pairs)


def differences(classes: Path, reference: Reference) -> tuple[int, list[str]]:
    """Return how many members were compared, and what differs, a line each."""
    count, wrong = 0, []
    for name, supers, own in written(classes):
        node = reference.find(name)
        if node is None:
            wrong.append(f"{name}: there is no such class")
            continue
        bases = {_name(base) for base in node.bases}
        wrong += [f"{name}: does not extend {each}" for each in supers if each not in bases]
        real = members(node)
        for member in own:
            count += 1
            if not any(_agree(member, other) for other in real):
                wrong.append(
                    f"{name}: {member.name}({', '.join(member.parameters or ())}) {member.result} is not there"
                )
    return count, wrong
