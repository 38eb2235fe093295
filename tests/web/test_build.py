"""The command that puts the web demo together says in one line what is wrong, and leaves no half of anything."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import get_args

import pytest

from edgebert.errors import EnvironmentProblem
from edgebert.meaning import Task
from tests.support import fakes
from tests.support.node import REPOSITORY
from tests.support.small_bundles import small_bundle
from tests.web.pages import runtime, script, serving

PAGE = REPOSITORY / "docs" / "web-demo"


@pytest.fixture
def run(capsys):
    """Return a function that runs the script in this process: its exit code and what it said."""

    def ran(*arguments):
        code = script("build").main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ran


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_page_is_put_together(run, tmp_path):
    """Page, runtime and what ships of the bundle lie in one folder; baselines and tokenizer.json stay behind."""
    runtime()
    bundle = small_bundle(tmp_path / "bundle")
    code, out, err = run("--bundle", bundle, "--out", tmp_path / "page")
    assert (code, err) == (0, "")
    assert out == f"wrote {tmp_path / 'page'}: the page with int8.onnx\n"
    found = names(tmp_path / "page")
    assert [name for name in found if name.startswith("bundle/")] == [
        f"bundle/{name}" for name in ("edgebert.json", "golden.json", "int8.onnx", "vocab.txt")
    ]
    assert [name for name in found if name.startswith("runtime/")] == sorted(
        f"runtime/{name}" for name in script("build").RUNTIME
    )
    assert {f"js/{path.name}" for path in (PAGE / "js").iterdir()} < set(found)


def test_examples_come_from_a_file(run, tmp_path):
    """One example a line; without a file there are some for the task."""
    runtime()
    bundle, out, file = small_bundle(tmp_path / "bundle"), tmp_path / "page", tmp_path / "examples.txt"

    def shown():
        return json.loads((out / "edgebert-web-demo.json").read_text(encoding="utf-8"))["examples"]

    assert run("--bundle", bundle, "--out", out)[0] == 0
    assert [tuple(texts) for texts in shown()] == list(script("build").EXAMPLES["text-classification"])
    file.write_text("first caf\u00e9\n\n second \n", encoding="utf-8")
    assert run("--bundle", bundle, "--out", out, "--examples", file)[0] == 0
    assert shown() == [["first caf\u00e9"], ["second"]]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 examples; expected 1 to 6"),
        (b"a\n" * 7, "7 examples; expected 1 to 6"),
        (b"a\nb\tc\n", "example 2 has 2 texts; a model for text-classification needs 1"),
        (b"\xff", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_examples_that_do_not_fit_are_refused(run, tmp_path, content, words):
    """One line says what is wrong with the file, and no page is made."""
    file = tmp_path / "examples.txt"
    if content is not None:
        file.write_bytes(content)
    code, _, err = run("--bundle", small_bundle(tmp_path / "bundle"), "--out", tmp_path / "page", "--examples", file)
    assert code == 2
    assert err.startswith(f"error: {file}: ")
    assert words in err
    assert not (tmp_path / "page").exists()
    assert run("--examples", file, "--serve", "--out", tmp_path / "page")[0] == 2


def test_every_task_has_examples():
    """Each task has examples with as many texts as the page has fields."""
    examples = script("build").EXAMPLES
    assert set(examples) == set(get_args(Task))
    for task, texts in examples.items():
        fields = 2 if task in {"question-answering", "feature-extraction"} else 1
        assert {len(each) for each in texts} == {fields}
        assert 1 <= len(texts) <= script("build").MOST_EXAMPLES


def test_a_second_run_replaces_the_first(run, tmp_path):
    """The same command again, with another bundle, replaces the folder that it made."""
    runtime()
    for labels in (("no", "yes"), ("red", "green")):
        bundle = small_bundle(tmp_path / labels[0], labels=labels)
        assert run("--bundle", bundle, "--out", tmp_path / "page")[0] == 0
        made = json.loads((tmp_path / "page" / "bundle" / "edgebert.json").read_text(encoding="utf-8"))
        assert made["labels"] == list(labels)


def test_a_folder_of_somebody_else_is_left_alone(run, tmp_path):
    """A folder that holds other things is never replaced."""
    runtime()
    bundle = small_bundle(tmp_path / "bundle")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    code, _, err = run("--bundle", bundle, "--out", tmp_path / "mine")
    assert code == 2
    assert err.startswith(f"error: {tmp_path / 'mine'}: not replaced: it holds other things")
    assert names(tmp_path / "mine") == ["index.html"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "mine"]


@pytest.mark.parametrize(
    ("damage", "code", "words"),
    [
        (lambda bundle: fakes.flip_byte(bundle / "int8.onnx"), 1, "int8.onnx"),
        (lambda bundle: (bundle / "int8.onnx").unlink(), 1, "int8.onnx"),
        (lambda bundle: (bundle / "edgebert.json").unlink(), 2, "edgebert.json"),
        (lambda bundle: fakes.edit_json(bundle / "edgebert.json", schema=99), 1, "99"),
    ],
    ids=["flipped", "missing", "no-manifest", "newer"],
)
def test_a_damaged_bundle_makes_no_page(run, tmp_path, damage, code, words):
    """A bundle that is not whole is refused, in one line and a hint, and nothing is left behind."""
    bundle = small_bundle(tmp_path / "bundle")
    damage(bundle)
    found, out, err = run("--bundle", bundle, "--out", tmp_path / "page")
    assert (found, out) == (code, "")
    assert words in err.splitlines()[0]
    assert len(err.splitlines()) <= 2
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_bundle_without_onnx_is_refused(run, tmp_path):
    """A browser cannot run a TFLite file, and a baseline never ships."""
    bundle = small_bundle(tmp_path / "bundle", shipped=("int8.tflite",))
    code, _, err = run("--bundle", bundle, "--out", tmp_path / "page")
    assert code == 2
    assert "ships no ONNX file" in err


@pytest.mark.parametrize("arguments", [(), ("--serve",)])
def test_there_must_be_something_to_do(run, tmp_path, arguments):
    """Without a bundle there is nothing to build, and an empty folder is not served."""
    code, _, err = run(*arguments, "--out", tmp_path / "page")
    assert code == 2
    assert err.startswith("error: ")


def test_without_npm_the_script_says_so(tmp_path, monkeypatch):
    """Where npm is missing, the error names it and nothing is made."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="npm is not installed"):
        script("build").fetch_runtime(tmp_path / "fetched")
    assert list(tmp_path.iterdir()) == []


def test_npm_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """An npm that cannot fetch is an error with npm's own words, and no folder is left."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "npm").write_text("#!/bin/sh\necho 'npm error code E_NO_NETWORK' >&2\nexit 1\n")
    (tools / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    with pytest.raises(EnvironmentProblem, match="npm error code E_NO_NETWORK"):
        script("build").fetch_runtime(tmp_path / "fetched")
    assert [path.name for path in tmp_path.iterdir()] == ["tools"]


def test_another_runtime_than_the_pinned_one_is_refused(run, tmp_path, monkeypatch):
    """Files that npm brings are compared with the hashes in the script, whatever the registry sent."""
    tools = tmp_path / "tools"
    tools.mkdir()
    dist = "node_modules/onnxruntime-web/dist"
    files = " ".join(f"{dist}/{name}" for name in script("build").RUNTIME)
    (tools / "npm").write_text(f"#!/bin/sh\nmkdir -p {dist}\nfor f in {files}; do echo other > $f; done\n")
    (tools / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    with pytest.raises(Exception, match="not the files of onnxruntime-web") as caught:
        script("build").fetch_runtime(tmp_path / "fetched")
    assert caught.value.exit_code == 1


def test_files_are_served_to_this_machine_with_their_types(tmp_path):
    """Modules and WebAssembly have the types that browsers insist on, and nothing is kept without asking."""
    kinds = {"a.js": "text/javascript", "a.mjs": "text/javascript", "a.wasm": "application/wasm", "a.css": "text/css"}
    for name in kinds:
        (tmp_path / name).write_text("")
    with serving(tmp_path) as address:
        assert address.startswith("http://127.0.0.1:")
        for name, kind in kinds.items():
            with urllib.request.urlopen(address + name, timeout=10) as answer:
                assert answer.headers["Content-Type"].partition(";")[0] == kind
                assert answer.headers["Cache-Control"] == "no-cache"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(address + "missing.txt", timeout=10)


def test_a_port_that_is_taken_is_named(run, tmp_path):
    """Two servers at one port: the second says which one is taken."""
    (tmp_path / "edgebert-web-demo.json").write_text("{}")
    with serving(tmp_path) as address:
        port = address.rstrip("/").rpartition(":")[2]
        code, _, err = run("--serve", "--out", tmp_path, "--port", port)
    assert code == 3
    assert f"port {port} cannot be used" in err


def test_the_lock_file_pins_every_package_and_names_no_host():
    """Each package has one version and a hash; where it comes from is left to the user's npm."""
    text = (PAGE / "package-lock.json").read_text(encoding="utf-8")
    assert not re.search(r"https?:|resolved", text)
    packages = {name: each for name, each in json.loads(text)["packages"].items() if name}
    assert packages["node_modules/onnxruntime-web"]["version"] == script("build").VERSION
    assert all(re.match(r"sha512-", each["integrity"]) and each["version"] for each in packages.values())
    wanted = json.loads((PAGE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert wanted == {"onnxruntime-web": script("build").VERSION}
