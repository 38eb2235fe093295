"""The names a user may rely on: they are there, they are described, and they cost nothing until they are used."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgebert
from tests.support.commands import COMMANDS


@pytest.mark.parametrize("name", edgebert.__all__)
def test_a_public_name_resolves_and_is_described(name):
    """Each has a docstring of its own, and each public method or property of a class too."""
    value = getattr(edgebert, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)
    if inspect.isclass(value):
        for key, member in vars(value).items():
            if not key.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
                assert inspect.getdoc(member), f"{name}.{key}"


@pytest.mark.parametrize("name", [name for name in edgebert.__all__ if name.islower()])
def test_the_parameters_of_a_public_function_are_typed(name):
    """Signatures can be read in an editor."""
    signature = inspect.signature(getattr(edgebert, name))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty
        # A bare True or False in a call says nothing.
        if isinstance(parameter.default, bool):
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY


def test_the_names_are_sorted_and_listed():
    """dir() shows what there is."""
    assert edgebert.__all__ == sorted(edgebert.__all__)
    assert dir(edgebert) == sorted(edgebert.__all__)


def test_a_type_checker_sees_the_same_names():
    """Each public name is imported under TYPE_CHECKING from the module that it comes from at run time."""
    tree = ast.parse(Path(edgebert.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(seen) == set(edgebert.__all__)
    for name, module in seen.items():
        assert getattr(edgebert, name).__module__ == module


def test_an_unknown_name_is_an_attribute_error():
    """As for every module."""
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = edgebert.nonsense


def test_importing_edgebert_loads_nothing():
    """Neither a framework nor a runtime, not even numpy."""
    code = "import edgebert, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"numpy", "onnxruntime", "rich", "tokenizers", "torch", "transformers", "typer"}
    assert [name for name in json.loads(done.stdout) if name.startswith("edgebert.")] == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_and_all_its_options_have_help(name):
    """What it does in a sentence, an example to copy, and a line for each argument and option."""
    command = COMMANDS[name]
    assert command.help
    assert command.help[0].isupper()
    assert command.epilog.startswith(f"Example: edgebert {name}")
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name}"
        assert parameter.help.endswith("."), f"{name}: {parameter.name}"


def test_options_of_one_name_mean_one_thing():
    """An option that several commands take is described with the same words, but for data and places."""
    words: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for parameter in command.params:
            words.setdefault(max(parameter.opts, key=len), set()).add(parameter.help)
    for option in ("--json", "--force", "--text-column", "--label-column", "--recipe"):
        assert len(words[option]) == 1, option
