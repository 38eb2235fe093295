"""The names a user may rely on: they are there, they are described, and they cost nothing until they are used."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
import typing
from pathlib import Path

import pytest

import edgebert
from edgebert import errors
from tests.support import fakes
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


FUNCTIONS = [name for name in edgebert.__all__ if name.islower()]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_of_a_function_is_complete(name):
    """Each has a line for every argument, says what it returns and raises, and has an example that compiles."""
    function = getattr(edgebert, name)
    parts = re.split(r"^(Args|Returns|Raises|Examples):$", inspect.getdoc(function), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert sections.keys() >= {"Returns", "Examples"}
    described = re.findall(r"^    (\w+): \S", sections.get("Args", ""), re.MULTILINE)
    assert described == list(inspect.signature(function).parameters)
    assert "Raises" in sections or not described
    for kind in re.findall(r"^    (\w+): \S", sections.get("Raises", ""), re.MULTILINE):
        assert issubclass(getattr(errors, kind), errors.EdgebertError), kind
    lines = [line.strip() for line in sections["Examples"].splitlines()]
    code = "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))
    called = {node.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Attribute)}
    assert name in called, "the example shows the function itself"


def classes_in(kind: object) -> set[type]:
    """Return the classes that a type is made of."""
    if isinstance(kind, type) and not typing.get_args(kind):
        return {kind}
    return {found for part in typing.get_args(kind) for found in classes_in(part)}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_function_takes_and_returns_can_be_named(name):
    """Every class of edgebert in the signature of a public function is public, so that a program can name it."""
    function = getattr(edgebert, name)
    hints = typing.get_type_hints(function, vars(sys.modules[function.__module__]) | {"Path": Path})
    classes = {found for hint in hints.values() for found in classes_in(hint)}
    own = {found.__name__ for found in classes if found.__module__.startswith("edgebert")}
    assert own <= set(edgebert.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_have_one_order(name):
    """Model or bundle, data, output; then what is given by name, which is all that has a default, but for a report."""
    parameters = list(inspect.signature(getattr(edgebert, name)).parameters.values())
    positional = [item.name for item in parameters if item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert "out" not in positional[:-1], "the output is the last"
    optional = {item.name for item in parameters if item.default is not inspect.Parameter.empty}
    assert optional & set(positional) <= {"report"}
    for item in parameters:
        if "Path" in str(item.annotation):
            assert "str | Path" in str(item.annotation), f"{name}: {item.name}"


def test_every_command_has_a_function():
    """What the command line can do, a program can do as well."""
    functions = {
        "bench": "bench", "check": "check", "compare": "compare", "devices": "found_devices", "doctor": "diagnose",
        "embed": "embed", "emulator setup": "set_up_emulator", "evaluate": "evaluate", "export": "export_bundle",
        "finetune": "finetune", "import-bert": "import_bert", "inspect": "inspect", "plan": "plan",
        "predict": "predict", "prune": "prune", "recipes": "built_in_recipes", "report": "render_report",
        "sign": "sign", "strip": "strip", "verify": "verify", "worker build": "build_worker",
    }  # fmt: skip
    assert COMMANDS.keys() - functions.keys() == {"demo"}, "the demo shows the others"
    assert set(functions.values()) <= set(edgebert.__all__)


def test_no_name_is_that_of_a_module():
    """Importing a module sets its name in the package, which would hide a function of that name."""
    modules = {module.name for module in pkgutil.iter_modules(edgebert.__path__)}
    assert modules & set(edgebert.__all__) == set()


def test_label_names_need_no_weights(tmp_path):
    """Of a checkpoint without weights, and of a bundle whose model files are empty."""
    folder = fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "model")
    (folder / "model.safetensors").unlink()
    assert edgebert.read_labels(str(folder)) == fakes.LABELS
    bundle = fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
    for path in bundle.rglob("*.onnx"):
        path.write_bytes(b"")
    assert edgebert.read_labels(bundle) == fakes.LABELS


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


def test_a_strict_program_uses_every_name():
    """`make lint` checks tests/typing/program.py as strictly as mypy can, and no public name is missing in it."""
    root = Path(__file__).parents[1]
    program = (root / "tests" / "typing" / "program.py").read_text(encoding="utf-8")
    assert set(re.findall(r"\bedgebert\.(\w+)", program)) == set(edgebert.__all__)
    mypy = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert "tests/typing" in mypy["files"]
    assert mypy["strict"]
    (strictest,) = [item for item in mypy["overrides"] if item["module"] == ["program"]]
    assert strictest["disallow_any_expr"]


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
    assert all(line.startswith(f"edgebert {name}") for line in command.epilog.splitlines())
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name}"
        assert parameter.help.endswith("."), f"{name}: {parameter.name}"


def test_options_of_one_name_mean_one_thing():
    """An option that several commands take is described with the same words, but for data and places."""
    words: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for parameter in command.params:
            words.setdefault(max(parameter.opts, key=len), set()).add(parameter.help)
    for option in ("--json", "--force", "--restart", "--wide", "--text-column", "--label-column", "--recipe"):
        assert len(words[option]) == 1, option
