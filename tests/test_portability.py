"""What needs no Linux runs where Linux's own modules, functions and files are missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import edgebert
from edgebert.errors import EnvironmentProblem
from edgebert.staging import staged_file
from tests.support import fakes
from tests.test_docs import ROOT

SYSTEMS = ("darwin", "win32")

# Python starts a worker of its own, which is to find the same system: what a folder of the search path is called
# sitecustomize is imported by each.
_CUSTOMIZE = """
import os, sys
sys.path.insert(0, {root!r})
from tests.support.other_system import become
become({system!r})
"""

_IMPORT_ALL = """
import importlib, json, pkgutil, sys
import edgebert

names = [module.name for module in pkgutil.walk_packages(edgebert.__path__, "edgebert.")]
for name in names:
    if name != "edgebert.__main__":
        importlib.import_module(name)
print(json.dumps({"modules": len(names), "fcntl": "fcntl" in sys.modules, "fork": hasattr(__import__("os"), "fork")}))
"""

_COMMANDS = """
import json, sys
from edgebert.cli.app import main

codes = {}
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as left:
        codes[" ".join(words)] = left.code
    print("---", file=sys.stderr)
print(json.dumps(codes))
"""


def run(system: str, folder: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python that looks like one on another system."""
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(_CUSTOMIZE.format(root=str(ROOT), system=system), encoding="utf-8")
    variables = os.environ | {"PYTHONPATH": os.pathsep.join((str(site), str(ROOT)))}
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, cwd=folder, env=variables
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_module_imports(system: str, tmp_path: Path) -> None:
    """Modules that only work on Linux import elsewhere too, and say so when they are used."""
    done = run(system, tmp_path, _IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["modules"] > 200
    assert (found["fcntl"], found["fork"]) == ((True, True) if system == "darwin" else (False, False))


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_measuring_half_works(system: str, tmp_path: Path) -> None:
    """Opening, running, checking, copying, embedding and benchmarking a bundle, over an older output as well."""
    bundle = str(fakes.shared_bundle())
    fakes.write_data(tmp_path / "dev.tsv", [(text, index % 2) for index, text in enumerate(fakes.TEXTS)])
    bench = ["bench", bundle, "--file", "int8.onnx", "--runs", "1", "--processes", "1", "--out", "report.json"]
    commands = [
        ["doctor"],
        ["devices"],
        ["inspect", bundle],
        ["verify", bundle, "--runtime", "onnxruntime"],
        ["predict", bundle, "good", "--file", "int8.onnx"],
        ["evaluate", bundle, "--eval", "dev.tsv", "--file", "int8.onnx"],
        ["strip", bundle, "--out", "slim"],
        ["strip", bundle, "--out", "slim", "--force"],
        ["embed", bundle, "--into", "app"],
        bench,
        [*bench, "--force"],
        ["check", bundle, "--report", "report.json", "--max-mb", "100", "--junit", "check.xml"],
        ["check", bundle, "--report", "report.json", "--max-mb", "90", "--junit", "check.xml"],
    ]
    done = run(system, tmp_path, _COMMANDS, json.dumps(commands))
    codes = json.loads(done.stdout.splitlines()[-1])
    assert {words: code for words, code in codes.items() if code} == {}, done.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["measurements"][0]["trials"]
    assert report["measurements"][0]["device"]["hardware"]["features"] == [], "nothing of /proc was read"
    left = {path.name for path in tmp_path.iterdir()} - {"site", "dev.tsv", "slim", "app", "report.json", "check.xml"}
    assert left == set(), "nothing unfinished is left"


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", ["build_worker", "set_up_emulator"])
def test_what_needs_linux_says_so(system: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is fetched or written."""
    monkeypatch.setattr(sys, "platform", system)
    options = {"out": tmp_path / "worker.tar.gz"} if name == "build_worker" else {}
    with pytest.raises(EnvironmentProblem, match="needs Linux"):
        getattr(edgebert, name)(cache=tmp_path / "cache", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("can_rename", [True, False])
def test_a_file_appears_whole_where_open_files_cannot_be_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_rename: bool
) -> None:
    """On Windows it is closed first; either way it replaces the older one, and no descriptor stays open."""
    open_then = []
    rename = Path.replace

    def noticed(path: Path, to: Path) -> Path:
        open_then.append(_is_open(path))
        return rename(path, to)

    monkeypatch.setattr("edgebert.staging.RENAMES_OPEN_FILES", can_rename)
    monkeypatch.setattr(Path, "replace", noticed)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with staged_file(path) as stream:
        stream.write(b"new\n")
    assert path.read_bytes() == b"new\n"
    assert open_then == [can_rename]
    assert not _is_open(path)


def _is_open(path: Path) -> bool:
    """Return whether this process has a descriptor of a file."""
    own = Path("/proc/self/fd")
    return path.resolve() in {item.resolve() for item in own.iterdir()}
