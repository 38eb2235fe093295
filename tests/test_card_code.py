from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
from pathlib import Path
from typing import get_args

import pytest

from edgebert.card_code import run_text
from edgebert.manifest import Manifest
from edgebert.meaning import Task
from tests.support.task_bundles import task_bundle
from tests.support.tiny_files import make_manifest, write_bundle

ROOT = Path(__file__).parents[1]
JAVA = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "android-demo").rglob("main/**/*.java")} | {
    path.stem: path.read_text(encoding="utf-8")
    for path in (ROOT / "android-demo" / "app" / "src").glob("*/java/io/edgebert/*/*Backend.java")
}
ANSWERS = {
    "text-classification": "Classification",
    "multi-label-classification": "LabelScores",
    "token-classification": "Entity",
    "question-answering": "Span",
}


def blocks(manifest: Manifest) -> dict[str, str]:
    """Return the code of a card by its language."""
    return dict(re.findall(r"```(\w+)\n(.*?)```", run_text(manifest), flags=re.DOTALL))


@pytest.mark.parametrize("task", get_args(Task))
def test_the_lines_of_python_run(task: Task, tmp_path: Path):
    """What a card has to copy answers with the bundle, whatever its task."""
    if task == "text-classification":
        root = tmp_path / "bundle"
        manifest = write_bundle(root)
    else:
        root, manifest = task_bundle(task).bundle.root, task_bundle(task).bundle.manifest
    code = blocks(manifest)["python"].replace('"bundle"', repr(os.fspath(root)))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "card", "exec"), {})
    assert printed.getvalue().strip()


@pytest.mark.parametrize("task", get_args(Task))
def test_the_lines_of_kotlin_name_what_there_is(task: Task):
    """Every class and function that a card names is in the Java of the Android demo, and it takes five lines."""
    lines = blocks(dataclasses.replace(make_manifest(), task=task))["kotlin"].strip().splitlines()
    assert len(lines) == 5
    code = "\n".join(lines)
    for owner, name in re.findall(r"\b([A-Z]\w+)\.(\w+)\(", code):
        assert re.search(rf"public static .*\b{name}\(", JAVA[owner]), (owner, name)
    for made in re.findall(r"(?<![.\w])([A-Z]\w+)\(", code):
        assert made == "File" or f"{made}(" in JAVA[made]
    for owner, name in (("Bundle", "manifest"), ("Manifest", "artifact"), ("ModelStore", "path"), ("Answer", "value")):
        assert f".{name}(" in code
        assert re.search(rf"public .*\b{name}\(", JAVA[owner])
    last = lines[-1].partition(".value()")[2]
    for name in re.findall(r"\.(\w+)\(\)", last):
        assert name == "toList" or re.search(rf"public .*\b{name}\(\)", JAVA[ANSWERS[task]])


def test_only_what_ships_is_run():
    """A bundle without an ONNX file has no lines for a browser, and its Kotlin opens the TFLite file."""
    manifest = make_manifest()
    tflite = dataclasses.replace(
        manifest, artifacts=tuple(item for item in manifest.artifacts if item.format == "tflite")
    )
    found = blocks(tflite)
    assert "javascript" not in found
    assert 'artifact("int8.tflite")' in found["kotlin"]
    assert "LiteRtBackend" in found["kotlin"]
    assert "--file int8.tflite" in run_text(tflite)
    assert 'artifact("int8.onnx")' in blocks(manifest)["kotlin"]
