from __future__ import annotations

import json

import pytest

from tests.android.calls import edit_manifest, error_of, shipped
from tests.support import fakes

ADDED = {"content": "<url>", "id": 200, "normalized": True, "special": False}


def test_folder_without_a_bundle(jvm, tmp_path):
    """Where there is no manifest, the message says which file is missing."""
    kind, message = error_of(jvm, "open", folder=str(tmp_path))
    assert (kind, message) == ("MISSING_FILE", "edgebert.json: missing from the bundle; copy the bundle again")


def test_newer_schema_is_refused_before_anything_else(jvm, bundle):
    """A manifest of a newer schema is refused with both numbers, however its other fields look."""
    (bundle / "edgebert.json").write_text('{"schema": 6, "task": 5}')
    kind, message = error_of(jvm, "open", folder=str(bundle))
    assert kind == "NEWER_SCHEMA"
    assert "schema 6" in message
    assert "up to 5" in message


def test_newer_golden_schema_is_refused(jvm):
    """Golden texts of a newer schema are refused as well."""
    assert error_of(jvm, "golden", text='{"schema": 4, "cases": 0}')[0] == "NEWER_SCHEMA"


def test_unknown_task_is_refused(jvm, bundle):
    """A task that this library does not know is named, with those it knows."""
    edit_manifest(bundle, task="fill-mask")
    kind, message = error_of(jvm, "open", folder=str(bundle))
    assert kind == "UNKNOWN_TASK"
    assert '"fill-mask"' in message
    assert "it knows text-classification" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1, column 1: no valid JSON: a value is expected"),
        ("[]", "holds no JSON object"),
        ('{"schema": 1', "line 1, column 13: no valid JSON: ',' is expected"),
        ('{"schema": "2"}', "schema is not an integer"),
        ('{"schema": 0}', "schema is 0, but the first was 1"),
        ("{}", "schema is missing"),
        ('{"schema": 2}', "task is missing"),
        ("\ufeff{}", "column 1: no valid JSON"),
    ],
)
def test_damaged_manifests(jvm, bundle, content, message):
    """A manifest that is no JSON, or lacks a field, is an error that names the place."""
    (bundle / "edgebert.json").write_text(content, encoding="utf-8")
    kind, found = error_of(jvm, "open", folder=str(bundle))
    assert kind == "DAMAGED_FILE"
    assert found.startswith("edgebert.json: ")
    assert message in found


def test_manifest_that_is_not_utf8(jvm, bundle):
    """A manifest in another encoding is refused."""
    (bundle / "edgebert.json").write_bytes(b'{"schema": "\xe9"}')
    assert error_of(jvm, "open", folder=str(bundle)) == ("DAMAGED_FILE", "edgebert.json: is not UTF-8")


def test_manifest_that_is_far_too_large(jvm, bundle):
    """A file that is no manifest does not fill the memory."""
    with (bundle / "edgebert.json").open("wb") as stream:
        stream.truncate(1 << 40)
    assert error_of(jvm, "open", folder=str(bundle)) == ("DAMAGED_FILE", "edgebert.json: is far too large")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("labels",), [], "labels is empty"),
        (("labels",), ["a", 1], "labels[1] is not a string"),
        (("labels",), "ab", "labels is not a list"),
        (("text", "max_length"), 1, "text.max_length is 1, but the shortest input has 2 tokens"),
        (("text", "max_length"), 16.5, "text.max_length is not an integer"),
        (("text", "max_length"), 1 << 40, "text.max_length is 1099511627776, which is too large"),
        (("text", "pad_id"), -1, "text.pad_id is -1, but should not be negative"),
        (("text", "lower_case"), 1, "text.lower_case is not a boolean"),
        (("text", "added_tokens"), None, "text.added_tokens is not a list"),
        (("text", "added_tokens"), [{"id": 200, "normalized": True}], "text.added_tokens[0].content is missing"),
        (("text", "added_tokens"), [ADDED | {"content": ""}], "text.added_tokens[0].content is empty"),
        (
            ("text", "added_tokens"),
            [ADDED, ADDED | {"id": -1}],
            "text.added_tokens[1].id is -1, but should not be negative",
        ),
        (("text", "added_tokens"), [ADDED | {"normalized": 1}], "text.added_tokens[0].normalized is not a boolean"),
        (("text", "lengths"), [16, 8], "text.lengths is not a list of ascending lengths"),
        (("text", "lengths"), [0, 8], "text.lengths is not a list of ascending lengths"),
        (("artifacts", 0, "role"), "other", 'artifacts[0].role is "other", neither shipped nor baseline'),
        (("artifacts", 0, "tolerance"), 0, "artifacts[0].tolerance is 0.0, but should be above 0"),
        (("artifacts", 0, "size_bytes"), -1, "artifacts[0].size_bytes is -1, but should not be negative"),
        (("artifacts", 0, "sha256"), "AB" * 32, "artifacts[0].sha256 is no hash of 64 hexadecimal digits"),
        (("artifacts", 0, "sha256"), "ab", "artifacts[0].sha256 is no hash of 64 hexadecimal digits"),
        (("artifacts", 0, "inputs"), [3], "artifacts[0].inputs[0] is not an object"),
        (("files", 0, "file"), "golden.json", "files list golden.json twice"),
        (("files",), {}, "files is not a list"),
        (("artifacts", 0, "outputs", 0, "shape"), ["batch", 0.5], "artifacts[0].outputs[0].shape[1] is not a size"),
        (("original",), {"text": 1}, "original.text is not an object"),
    ],
)
def test_fields_that_cannot_be(jvm, bundle, path, value, message):
    """A field with a value that cannot be is an error that names it."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    place = manifest
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    if path == ("files", 0, "file"):
        manifest["files"].append(manifest["files"][0])
    fakes.write_manifest(bundle / "edgebert.json", manifest)
    kind, found = error_of(jvm, "open", folder=str(bundle))
    assert (kind, found) == ("DAMAGED_FILE", f"edgebert.json: {message}")


@pytest.mark.parametrize(
    "file", ["", "/etc/passwd", "../int8.onnx", "a/../../b", "a\\b", "C:b", "a\0b", "./a", "a//b", "a/", ".."]
)
def test_paths_that_leave_the_bundle(jvm, bundle, file):
    """A manifest that names a file outside the bundle is refused."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    manifest["files"][0]["file"] = file
    fakes.write_manifest(bundle / "edgebert.json", manifest)
    kind, message = error_of(jvm, "open", folder=str(bundle))
    assert kind == "DAMAGED_FILE"
    assert "leaves the bundle" in message


@pytest.mark.parametrize(
    ("damage", "kind", "message"),
    [
        (lambda path: path.unlink(), "MISSING_FILE", "missing from the bundle"),
        (fakes.flip_byte, "DAMAGED_FILE", "its hash differs"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "DAMAGED_FILE", "bytes instead of"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "DAMAGED_FILE", "larger than"),
        (lambda path: path.write_bytes(b""), "DAMAGED_FILE", "0 bytes instead of"),
    ],
    ids=["missing", "flipped", "shorter", "longer", "empty"],
)
def test_damaged_files(jvm, bundle, damage, kind, message):
    """A model file that is missing or not what the manifest says is never used; the message names it."""
    file = shipped(bundle).file
    damage(bundle / file)
    jvm.call("open", folder=str(bundle))
    for call in ("check", "copy"):
        found, text = error_of(jvm, call, file=file)
        assert found == kind
        assert text.startswith(f"{file}: ")
        assert message in text


def test_damaged_vocabulary(jvm, bundle):
    """A vocabulary that is not the one of the manifest is no tokenizer."""
    file = shipped(bundle).file
    fakes.flip_byte(bundle / "vocab.txt")
    jvm.call("open", folder=str(bundle))
    kind, message = error_of(jvm, "artifact", file=file)
    assert kind == "DAMAGED_FILE"
    assert message.startswith("vocab.txt: ")


def test_vocabulary_that_is_not_utf8(jvm, bundle):
    """A vocabulary in another encoding is refused even where the manifest has its hash."""
    file = shipped(bundle).file
    (bundle / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    fakes.restate(bundle, "vocab.txt")
    jvm.call("open", folder=str(bundle))
    assert error_of(jvm, "artifact", file=file) == ("DAMAGED_FILE", "vocab.txt: is not UTF-8")


def test_files_that_are_not_listed(jvm):
    """A file that the manifest does not list cannot be asked for, nor can a model file that is not there."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    assert error_of(jvm, "check", file="other.txt") == ("DAMAGED_FILE", "edgebert.json: lists no other.txt")
    kind, message = error_of(jvm, "artifact", file="int4.onnx")
    assert kind == "BAD_REQUEST"
    assert message.startswith("the bundle has no model file int4.onnx; it has ")
    assert shipped(fakes.shared_bundle()).file in message


def test_labels_of_the_app_are_compared(jvm):
    """An app that was built for other labels, or another order of them, is told both."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    assert jvm.call("check labels", labels=list(fakes.LABELS))
    kind, message = error_of(jvm, "check labels", labels=list(reversed(fakes.LABELS)))
    assert kind == "LABEL_MISMATCH"
    assert message == ("the app was built for the labels [positive, negative], but the model has [negative, positive]")


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ("[]", "cases is empty"),
        ('[{"text": "a", "input_ids": [1.5], "logits": [1]}]', "cases[0].input_ids[0] is not an integer"),
        ('[{"text": "a", "input_ids": [1], "logits": ["1"]}]', "cases[0].logits[0] is not a number"),
        ('[{"text": null, "input_ids": [1], "logits": [1]}]', "cases[0].text is not a string"),
        ('[{"input_ids": [1], "logits": [1]}]', "cases[0].text is missing"),
    ],
)
def test_damaged_golden_texts(jvm, cases, message):
    """Golden texts with a field that cannot be are refused with its name."""
    kind, found = error_of(jvm, "golden", text=f'{{"schema": 1, "cases": {cases}}}')
    assert (kind, found) == ("DAMAGED_FILE", f"golden.json: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": []}, "cases[0].texts is empty"),
        ({"texts": [5]}, "cases[0].texts[0] is not a string"),
        ({"windows": []}, "cases[0].windows is empty"),
        ({"windows": [{"input_ids": [1], "outputs": {}}]}, "cases[0].windows[0].outputs is empty"),
        (
            {"windows": [{"input_ids": [1], "outputs": {"logits": {"shape": [3], "values": [1, 2]}}}]},
            "cases[0].windows[0].outputs.logits.values has 2 numbers instead of 3",
        ),
    ],
)
def test_damaged_golden_texts_of_schema_2(jvm, change, message):
    """Golden texts by windows and output names are refused with the field that cannot be."""
    case = {"texts": ["a"], "windows": [{"input_ids": [1], "outputs": {"logits": {"shape": [2], "values": [1, 2]}}}]}
    kind, found = error_of(jvm, "golden", text=json.dumps({"schema": 2, "cases": [case | change]}))
    assert (kind, found) == ("DAMAGED_FILE", f"golden.json: {message}")
