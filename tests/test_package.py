from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.once import made_once

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
LIBRARY = sorted((ROOT / "edgebert").rglob("*.py"))
WORKER = sorted((ROOT / "edgebert" / "ondevice").glob("*.py"))
MODULES = sorted([*LIBRARY, *(ROOT / "export").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
HEAVY = {
    "ai_edge_litert",
    "ai_edge_quantizer",
    "litert_torch",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "torch",
    "transformers",
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """Return the names of the modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def requirements(*, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> dict[str, Requirement]:
    """Return what pip reads for some extras and dependency groups, with those that they name, by package."""
    texts = list(PROJECT["dependencies"])
    found: dict[str, Requirement] = {}
    for extra in extras:
        texts += EXTRAS[extra]
    for group in groups:
        for entry in PYPROJECT["dependency-groups"][group]:
            if isinstance(entry, str):
                texts.append(entry)
            else:
                found |= requirements(groups=(entry["include-group"],))
    for text in texts:
        needed = Requirement(text)
        if needed.name == PROJECT["name"]:
            found |= requirements(extras=tuple(needed.extras))
        else:
            found[canonicalize_name(needed.name)] = needed
    return found


@pytest.mark.parametrize(
    "module",
    [
        "edgebert",
        "edgebert.bundle",
        "edgebert.cli.app",
        "edgebert.doctor",
        "edgebert.evaluation",
        "edgebert.verification",
    ],
)
def test_importing_loads_nothing_heavy(module: str):
    """A fresh interpreter that imports the library, its command or the measuring half loads no torch or runtime."""
    code = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert {name.partition(".")[0] for name in json.loads(done.stdout)} & HEAVY == set()


def built(folder: Path) -> None:
    """Make an sdist, and a wheel of what is in it, as `python -m build` does, with the packages that are here."""
    words = ["build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True, env=without_path())


def without_path() -> dict[str, str]:
    """Return the environment of a program that shall not find edgebert in this folder."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def package(pattern: str) -> Path:
    (found,) = made_once(built).glob(pattern)
    return found


def test_the_wheel_holds_the_library_and_nothing_else():
    """The wheel has every file of edgebert/, the type marker, recipes and licence among them, and no other package."""
    names = set(zipfile.ZipFile(package("*.whl")).namelist())
    assert {name.partition("/")[0] for name in names} == {"edgebert", f"edgebert-{PROJECT['version']}.dist-info"}
    assert f"edgebert-{PROJECT['version']}.dist-info/licenses/LICENSE" in names
    files = [path for path in (ROOT / "edgebert").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert {name for name in names if name.startswith("edgebert/")} == set(map(relative, files))
    assert {"edgebert/py.typed", "edgebert/recipes/int8.toml", "edgebert/cli/app.py"} <= names


def test_the_sdist_holds_what_tests_and_pages_need():
    """The sdist has the library, its tests and pages, and nothing that was built here."""
    with tarfile.open(package("*.tar.gz")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "SECURITY.md", "Makefile", "mkdocs.yml"}
    wanted |= {"constraints.txt", "docs/cli.md", "tests/test_package.py", ".github/workflows/test.yml"}
    assert wanted <= names
    assert not [name for name in names if name.startswith((".venv", "build/", "dist/")) or "__pycache__" in name]


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_what_is_built_installs_and_runs(tmp_path: Path, pattern: str):
    """In an environment of its own, with nothing of this folder, `edgebert doctor` starts and finds itself there."""
    venv.create(tmp_path / "venv", with_pip=False)
    scripts = Path(sysconfig.get_path("scripts", "venv", vars={"base": str(tmp_path / "venv")}))
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(tmp_path / "venv")}))
    # What edgebert depends on is taken from here: the test needs no connection. Its own installation here is not found,
    # because a path that a .pth file adds comes last, and no .pth file in it is read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = next(path for path in scripts.iterdir() if path.stem == "python")
    install = ["install", "--no-deps", "--no-index", "--no-build-isolation", "--quiet", str(package(pattern))]
    words = [sys.executable, "-m", "pip", "--python", str(python), *install]
    subprocess.run(words, check=True, capture_output=True, env=without_path())
    where = "import edgebert, pathlib; print(pathlib.Path(edgebert.__file__).parent)"
    located, doctor = (
        subprocess.run(command, capture_output=True, text=True, check=True, env=without_path(), cwd=tmp_path).stdout
        for command in ([python, "-c", where], [scripts / "edgebert", "doctor", "--json"])
    )
    assert Path(located.strip()) == site / "edgebert"
    assert {"topic", "status"} <= json.loads(doctor)[0].keys()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_says_what_it_is(path: Path):
    """Each module of the library and of the commands beside it has a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", WORKER, ids=relative)
def test_the_worker_is_python_3_9_and_needs_only_numpy_and_a_runtime(path: Path):
    """What travels to a board parses with the grammar of Python 3.9 and imports nothing that a board lacks."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    known = (sys.stdlib_module_names - {"tomllib"}) | {"ai_edge_litert", "numpy", "onnxruntime", "tflite_runtime"}
    foreign = {name for name in imports(path) if not name.startswith("edgebert.ondevice")}
    assert {name.partition(".")[0] for name in foreign} <= known


CLOCKS = re.compile("(perf_counter|process_time|thread_time)(_ns)?")
"""Stopwatches; ``monotonic`` is for time limits."""
WHOLE_PROGRAMS = {"cuts", "measure", "overhead", "speed"}
"""Modules of the benchmarks that time whole programs: a command, a benchmark, a pruning."""


def test_only_the_worker_reads_the_performance_clock():
    """Inferences are timed in one place: everything else gets its times from workers."""
    readers = set()
    for path in MODULES:
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
        names += [alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
        if any(CLOCKS.fullmatch(name) for name in names):
            readers.add(path)
    others = readers - set(WORKER)
    assert {path for path in others if path.parts[len(ROOT.parts)] != "benchmarks"} == set()
    assert {path.stem for path in others} <= WHOLE_PROGRAMS
    assert len(readers & set(WORKER)) == 1


def test_every_package_that_the_library_imports_is_declared():
    """What edgebert imports is required by it or by one of its extras, not only by chance by something else."""
    owners = metadata.packages_distributions()
    declared = requirements(extras=tuple(EXTRAS)).keys()
    top_level = {name.partition(".")[0] for path in LIBRARY for name in imports(path)}
    for name in top_level - sys.stdlib_module_names - {"edgebert"}:
        assert {canonicalize_name(owner) for owner in owners.get(name, [name])} & declared, name


def test_the_extras_that_errors_name_exist():
    """Each extra that a MissingExtraError sends the user to can be installed."""
    named = {
        keyword.value.value
        for path in LIBRARY
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Constant)
    }
    assert named
    assert named <= EXTRAS.keys()


@pytest.mark.parametrize(
    ("file", "extra", "group"),
    [
        ("constraints.txt", "all", "dev"),
        ("constraints-optimum.txt", "optimum", "test"),
        ("constraints-tflite-runtime.txt", "tflite-runtime", "test"),
    ],
)
def test_what_an_environment_needs_is_pinned_within_its_bounds(file: str, extra: str, group: str):
    """Each requirement of an environment has one exact version in its constraints file, which its bounds admit."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert len(pins) == sum(not line.startswith("#") for line in lines)
    for name, needed in requirements(extras=(extra,), groups=(group,)).items():
        assert pins[name] in needed.specifier, name


def test_no_file_names_a_machine():
    """No text of the repository holds a path of somebody's machine or the host of a package registry."""
    pattern = re.compile(
        r"(?<![\w.~}-])/(?:home|root|tmp|work|Users)/\w|[p]ypi\.org|[p]ythonhosted\.|[n]pmjs\.(?:org|com)"
    )
    for folder, folders, files in os.walk(ROOT):
        kept = {name for name in folders if not name.startswith(".") and name not in {"__pycache__", "build", "dist"}}
        folders[:] = sorted(kept | ({".ci", ".github"} & set(folders)))
        for path in (Path(folder) / name for name in files):
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            assert pattern.findall(text) == [], relative(path)
