"""What code hosts read: workflows, the action, issue forms, citation and security. They name only what exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgebert.errors import CheckFailed, UsageError
from tests.support import fakes
from tests.support.commands import COMMANDS, GROUP
from tests.test_docs import ROOT, named_command, options_of, text_of
from tests.test_package import PROJECT

FOLDER = ROOT / ".github"
FILES = sorted(FOLDER.rglob("*.yml"))
WORKFLOWS = sorted([*(FOLDER / "workflows").glob("*.yml"), *(FOLDER / "examples").glob("*.yml")])
FORMS = sorted(path for path in (FOLDER / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
ACTION = FOLDER / "actions" / "check"


def plain(path: Path) -> Any:
    return yaml.safe_load(text_of(path))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def strings(value: Any) -> list[str]:
    """Return every string in a YAML value."""
    if isinstance(value, dict):
        return [found for item in value.values() for found in strings(item)]
    if isinstance(value, list):
        return [found for item in value for found in strings(item)]
    return [value] if isinstance(value, str) else []


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in plain(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_commands_and_files_exist(path: Path) -> None:
    """Every edgebert command with its options, every make target and every page that a file names is there."""
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for text in strings(plain(path)):
        commands = re.findall(r"`edgebert ([^`]+)`", text)
        commands += re.findall(r"^edgebert (.+)$", text, re.MULTILINE)
        for words in map(shlex.split, commands):
            while words[0].startswith("-"):
                assert words.pop(0) in options_of(GROUP)
            if words == ["COMMAND"]:
                continue
            command, arguments = named_command(words)
            unknown = {word for word in arguments if word.startswith("-")} - options_of(COMMANDS[command])
            assert not unknown, f"edgebert {' '.join(words)}"
        for target in re.findall(r"^make ([a-z-]+)", text, re.MULTILINE):
            assert target in targets
        for page in re.findall(r"\bdocs/[\w/-]+\.md", text):
            assert (ROOT / page).is_file()
    for comment in re.findall(r"# (?:.* )?edgebert (bench .+)$", text_of(path), re.MULTILINE):
        command, arguments = named_command(shlex.split(comment))
        COMMANDS[command].make_context(command, arguments)


@pytest.mark.parametrize("path", WORKFLOWS, ids=name)
def test_workflows_may_only_read_and_name_versions(path: Path) -> None:
    """A workflow has no right to write, and runs released versions of actions and the Python that was tested."""
    workflow = plain(path)
    assert workflow["permissions"] == {"contents": "read"}
    tested = {item.rpartition(" ")[2] for item in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", item)}
    for job in workflow["jobs"].values():
        assert set(job.get("strategy", {}).get("matrix", {}).get("python", [])) <= tested
    for step in steps(path):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.search(r"@(v\d+|REF)$", step["uses"])
        version = step.get("with", {}).get("python-version", "")
        assert version in {"", "${{ matrix.python }}", *tested}
        assert "${{" not in step.get("run", ""), "an expression in a script is run as part of it"


def test_the_project_runs_what_the_pages_name() -> None:
    """Its own workflow runs the test command of the README, builds the site, and builds and starts the package."""
    run = [step["run"] for step in steps(FOLDER / "workflows" / "test.yml") if "run" in step]
    assert {"make test PYTHON=python", "make docs PYTHON=python", "python -m build", "edgebert doctor"} <= set(run)


def test_the_action_passes_every_input_on() -> None:
    """Each input is an option of edgebert check, or the bundle; the example gives inputs that there are."""
    action = plain(ACTION / "action.yml")
    inputs = set(action["inputs"])
    assert {f"--{item}" for item in inputs - {"bundle"}} <= options_of(COMMANDS["check"])
    variables = action["runs"]["steps"][-1]["env"]
    assert variables == {item.upper().replace("-", "_"): f"${{{{ inputs.{item} }}}}" for item in action["inputs"]}
    assert all("${{" not in step["run"] for step in action["runs"]["steps"])
    (used,) = [
        step for step in steps(FOLDER / "examples" / "release-gate.yml") if "/actions/check@" in step.get("uses", "")
    ]
    assert set(used["with"]) <= inputs
    assert (FOLDER.parent / used["uses"].partition("/edgebert/")[2].partition("@")[0]).is_dir()


def check(folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the action as a runner does, with the defaults of its inputs."""
    action = plain(ACTION / "action.yml")["inputs"]
    given = {key: str(value.get("default", "")) for key, value in action.items()} | inputs
    variables = {key.upper().replace("-", "_"): value for key, value in given.items()}
    program = folder / "edgebert"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m edgebert "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", ACTION / "check.sh"],
        env=os.environ | variables | {"PATH": path, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_action_writes_annotations_and_junit(tmp_path: Path) -> None:
    """A limit that is missed fails the step with an annotation, and the JUnit file names it; kept, all is quiet."""
    bundle = str(fakes.shared_bundle())
    failed = check(tmp_path, bundle=bundle, **{"max-mb": "0.001", "file": "int8.onnx"})
    assert failed.returncode == CheckFailed.exit_code
    assert "::error title=int8.onnx --max-mb 0.001::" in failed.stderr
    (case,) = ET.parse(tmp_path / "edgebert-check.xml").getroot().iter("testcase")
    assert case.find("failure") is not None
    kept = check(tmp_path, bundle=bundle, **{"max-mb": "100", "junit": "other.xml"})
    assert (kept.returncode, "::error" in kept.stderr) == (0, False)
    assert (tmp_path / "other.xml").is_file()


def test_the_action_never_runs_an_input(tmp_path: Path) -> None:
    """A name with a command in it is a name; a word that is neither true nor false is refused."""
    done = check(tmp_path, bundle="$(touch hacked); touch hacked", **{"max-mb": "1"})
    assert done.returncode == UsageError.exit_code
    assert not (tmp_path / "hacked").exists()
    assert check(tmp_path, bundle="--help", **{"max-mb": "1"}).returncode == UsageError.exit_code
    refused = check(tmp_path, bundle="x", **{"allow-undecided": "yes"})
    assert (refused.returncode, refused.stderr) == (2, "allow-undecided is 'yes': expected true or false\n")


@pytest.mark.parametrize("path", FORMS, ids=name)
def test_issue_forms_have_what_forms_need(path: Path) -> None:
    """A name, a description, and questions with distinct ids and labels, of kinds that there are."""
    form = plain(path)
    assert form.keys() == {"name", "description", "labels", "body"}
    asked = [item for item in form["body"] if item["type"] != "markdown"]
    assert {item["type"] for item in asked} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({item["id"] for item in asked}) == len({item["attributes"]["label"] for item in asked}) == len(asked)
    assert all(item["attributes"].get("options") for item in asked if item["type"] == "dropdown")


def test_the_citation_states_the_package() -> None:
    """Version and licence are those of pyproject.toml."""
    citation = plain(ROOT / "CITATION.cff")
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}


def test_what_the_security_page_promises_of_the_code_holds() -> None:
    """No module turns on code of a checkpoint, reads a pickle, or starts a shell."""
    promised = re.compile(r"trust_remote_code=True|\bimport pickle\b|torch\.load\(|shell=True|weights_only=False")
    for path in (ROOT / "edgebert").rglob("*.py"):
        assert promised.findall(text_of(path)) == [], path
