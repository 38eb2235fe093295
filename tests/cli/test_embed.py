"""The command that puts a bundle into an app says what it did, what the build needs, and what is wrong, in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import fakes
from tests.support.small_bundles import small_bundle

GOLDEN = Path(__file__).parents[1] / "golden" / "embed"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a bundle and an Android module, and work in it."""
    small_bundle(tmp_path / "bundle")
    (tmp_path / "app" / "src" / "main" / "java").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


ANDROID = ("embed", "bundle", "--android", "app/src/main/assets")
KOTLIN = "app/src/main/java/com/example/app/EdgebertModel.kt"


@pytest.mark.parametrize("file", ["int8.onnx", "int8.tflite"])
def test_what_an_android_developer_reads(cli, app, file: str):
    """Files with their sizes, lines for Gradle and R8, megabytes in the APK, on standard output; notes beside it."""
    outcome = cli(*ANDROID, "--kotlin-package", "com.example.app", "--file", file)
    assert outcome.code == 0
    assert outcome.out == (GOLDEN / f"android-{file.rpartition('.')[2]}.txt").read_text(encoding="utf-8")
    lines = outcome.err.splitlines()
    assert lines[-2:] == ["wrote app/src/main/assets/edgebert", f"wrote {KOTLIN}"]
    assert all(line.startswith("note: ") for line in lines[:-2])
    assert (app / KOTLIN).is_file()


def test_the_second_run_says_that_all_is_up_to_date(cli, app):
    """Nothing is said to be written."""
    words = (*ANDROID, "--kotlin-package", "com.example.app")
    cli(*words)
    outcome = cli(*words)
    assert outcome.code == 0
    assert outcome.err.endswith(f"up to date: app/src/main/assets/edgebert, {KOTLIN}\n")
    assert "wrote" not in outcome.err


def test_check_is_for_a_ci(cli, app):
    """Exit 1 and one line with the file while something differs, else exit 0; nothing is written."""
    outcome = cli(*ANDROID, "--check")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == (
        "error: app/src/main/assets/edgebert/edgebert.json: missing\nhint: run the same command without --check\n"
    )
    assert not (app / "app/src/main/assets").exists()
    cli(*ANDROID)
    assert cli(*ANDROID, "--check").code == 0
    fakes.flip_byte(app / "app/src/main/assets/edgebert/int8.onnx")
    assert "edgebert/int8.onnx: differs" in cli(*ANDROID, "--check").err


def test_as_json_it_names_files_places_and_build(cli, app):
    """One object; for a plain folder there is no build."""
    outcome = cli(*ANDROID, "--kotlin-package", "com.example.app", "--json")
    assert outcome.code == 0
    made = outcome.json
    assert set(made) == {"model", "folder", "files", "kotlin", "written", "apk_bytes", "build"}
    assert made["model"] == "int8.onnx"
    assert made["kotlin"] == KOTLIN
    assert made["written"] == [made["folder"], KOTLIN]
    assert set(made["build"]) == {"gradle", "rules", "notes"}
    for entry in made["files"]:
        assert (app / made["folder"] / entry["file"]).stat().st_size == entry["size_bytes"]
    outcome = cli("embed", "bundle", "--into", "web", "--json")
    assert outcome.json["build"] is outcome.json["apk_bytes"] is outcome.json["kotlin"] is None
    assert "tokenizer.json" in {entry["file"] for entry in outcome.json["files"]}


def test_a_plain_folder_has_no_gradle(cli, app):
    """Its files and where they are."""
    outcome = cli("embed", "bundle", "--into", "web")
    assert outcome.code == 0
    assert "gradle" not in outcome.out
    assert outcome.err == "wrote web\n"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("embed", "bundle"), 2, "one of --android and --into"),
        ((*ANDROID, "--into", "web"), 2, "one of --android and --into"),
        (("embed", "bundle", "--into", "web", "--kotlin-package", "com"), 2, "--kotlin-package goes with --android"),
        (("embed", "bundle", "--into", "web", "--folder", "x"), 2, "--folder goes with --android"),
        (("embed", "gone", "--into", "web"), 2, "no such folder"),
        (("embed", "app", "--into", "web"), 2, "no bundle"),
        (("embed", "bundle", "--into", "a/b/web"), 2, "no such folder"),
        (("embed", "bundle", "--into", "bundle"), 2, "is inside the other"),
        (("embed", "bundle", "--into", "app"), 2, "no edgebert.json"),
        (("embed", "bundle", "--into", "bundle/README.md", "--force"), 2, "is inside the other"),
        ((*ANDROID, "--file", "baseline/float32.onnx"), 2, "never ships"),
        ((*ANDROID, "--file", "int4.onnx"), 2, "int4.onnx"),
        ((*ANDROID, "--folder", "../x"), 2, "--folder"),
        ((*ANDROID, "--kotlin-package", "com.fun"), 2, "keyword"),
        ((*ANDROID, "--kotlin-out", "Model.kt"), 2, "--kotlin-package"),
        (("embed", "bundle", "--android", "app"), 2, "not its assets"),
    ],
)
def test_a_refusal_is_one_line_and_leaves_all_as_it_was(cli, app, words, code: int, message: str):
    """The line names what is wrong, a hint follows, and no file or folder is new."""
    before = sorted(app.rglob("*"))
    outcome = cli(*words)
    assert (outcome.code, outcome.out) == (code, "")
    error, hint = outcome.err.splitlines()
    assert error.startswith("error: ")
    assert message in error
    assert hint.startswith("hint: ")
    assert sorted(app.rglob("*")) == before


def test_a_damaged_bundle_is_not_embedded(cli, app):
    """Exit 1, as for every check that fails."""
    fakes.flip_byte(app / "bundle" / "vocab.txt")
    outcome = cli(*ANDROID)
    assert (outcome.code, outcome.out) == (1, "")
    assert "vocab.txt: the content is not what the manifest says" in outcome.err
    assert not (app / "app/src/main/assets").exists()


def test_a_bundle_of_a_newer_schema_is_refused(cli, app):
    """By its number, with the way out."""
    manifest = json.loads((app / "bundle" / "edgebert.json").read_text(encoding="utf-8"))
    fakes.edit_json(app / "bundle" / "edgebert.json", schema=manifest["schema"] + 1)
    outcome = cli(*ANDROID)
    assert outcome.code == 1
    assert f"bundle schema {manifest['schema'] + 1}" in outcome.err
