"""Verify makes every check it can and names each file that fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert import verification
from edgebert.bundle import sha256_of
from edgebert.errors import BundleError, MissingExtraError, UsageError
from edgebert.examples import Example
from edgebert.golden import GoldenCase, GoldenWindow
from edgebert.meaning import NO_SETTINGS
from edgebert.pipeline import export_bundle
from edgebert.tasks import task_head
from edgebert.text import TextEncoder
from edgebert.verification import Check, verify
from tests.support import cut_models, fakes
from tests.support.tiny_files import make_tokenizer

ARTIFACTS = {"baseline/float32.onnx", "int8.onnx", "baseline/float32.tflite", "int8.tflite"}
TEXT_FILES = {"config.json", "golden.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
RUNTIME_OF = {".onnx": "onnxruntime", ".tflite": "litert"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")


def failed(checks: tuple[Check, ...]) -> set[tuple[str, str]]:
    return {(check.what, check.file) for check in checks if check.ok is False}


def test_a_whole_bundle_passes_every_check():
    """Each file's hash, the golden ids, and the golden logits of each model file in each runtime that is here."""
    checks = verify(fakes.shared_bundle())
    assert all(check.ok for check in checks)
    assert {check.file for check in checks if check.what == "file"} == ARTIFACTS | TEXT_FILES
    assert [check.file for check in checks if check.what == "tokenizer"] == ["tokenizer.json"]
    assert {(check.file, check.runtime) for check in checks if check.what == "logits"} == {
        (file, RUNTIME_OF[Path(file).suffix]) for file in ARTIFACTS
    }
    assert all(check.hint == "" for check in checks)


@pytest.mark.parametrize("name", sorted(ARTIFACTS | TEXT_FILES))
def test_a_flipped_byte_is_found_in_whatever_file(bundle, name):
    """The file is named, and no other is."""
    fakes.flip_byte(bundle / name)
    checks = verify(bundle)
    assert failed(checks) == {("file", name)}
    (check,) = [check for check in checks if check.ok is False]
    assert name in check.detail
    assert check.hint


@pytest.mark.parametrize("name", sorted(ARTIFACTS | {"vocab.txt", "golden.json", "tokenizer.json"}))
def test_a_missing_file_is_found(bundle, name):
    """The file is named as missing."""
    (bundle / name).unlink()
    checks = verify(bundle)
    assert failed(checks) == {("file", name)}
    assert "missing" in next(check.detail for check in checks if check.ok is False)


def test_a_truncated_file_is_found_by_its_size(bundle):
    """Both sizes are given."""
    path = bundle / "int8.tflite"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    (check,) = [check for check in verify(bundle) if check.ok is False]
    assert f"{size - 1} bytes" in check.detail
    assert str(size) in check.detail


def test_every_fault_is_reported_at_once(bundle):
    """Two damaged files and a missing one are three lines of one report; what is whole is still run."""
    fakes.flip_byte(bundle / "int8.onnx")
    fakes.flip_byte(bundle / "vocab.txt")
    (bundle / "baseline/float32.tflite").unlink()
    checks = verify(bundle)
    assert failed(checks) == {("file", "int8.onnx"), ("file", "vocab.txt"), ("file", "baseline/float32.tflite")}
    run = {check.file for check in checks if check.what == "logits"}
    assert run == {"baseline/float32.onnx", "int8.tflite"}


def test_a_file_of_another_model_with_the_right_hash_is_found(bundle, tmp_path):
    """Whoever replaced a file and its hash is found by the golden logits; the other files are fine."""
    checkpoint = fakes.tiny_checkpoint(tmp_path / "other", seed=7)
    other = export_bundle(checkpoint, tmp_path / "other-bundle", formats=("onnx",), lengths=fakes.LENGTHS)
    fakes.replace_artifact(bundle, "int8.onnx", other.path("int8.onnx").read_bytes())
    checks = verify(bundle)
    assert failed(checks) == {("logits", "int8.onnx")}
    detail = next(check.detail for check in checks if check.ok is False)
    assert "int8.onnx" in detail
    assert "off by" in detail


@pytest.mark.parametrize("name", sorted(ARTIFACTS))
def test_a_file_that_no_runtime_takes_is_found(bundle, name):
    """Bytes that are no model, with the right hash, fail when they are read and in the runtime, without a traceback."""
    fakes.replace_artifact(bundle, name, b"not a model" * 10)
    assert failed(verify(bundle)) == {("manifest", name), ("logits", name)}


def test_a_tokenizer_that_gives_other_ids_is_found(bundle):
    """Two tokens that changed places are seen on the golden texts."""
    path = bundle / "tokenizer.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    vocab = described["model"]["vocab"]
    vocab["the"], vocab["is"] = vocab["is"], vocab["the"]
    path.write_text(json.dumps(described), encoding="utf-8")
    fakes.restate(bundle, "tokenizer.json")
    checks = verify(bundle)
    assert failed(checks) == {("tokenizer", "tokenizer.json"), ("manifest", "vocab.txt")}
    assert "other ids" in next(check.detail for check in checks if check.what == "tokenizer")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Return a bundle whose baselines are of another model, with other ids, than what ships."""
    return fakes.copy_of(cut_models.shared_cut_bundle(), tmp_path / "two")


def test_a_bundle_of_two_models_passes_every_check(two):
    """Both tokenizers give the golden ids of their own model, and each file its golden logits."""
    checks = verify(two)
    assert all(check.ok for check in checks)
    assert [check.file for check in checks if check.what == "tokenizer"] == [
        "tokenizer.json",
        "baseline/tokenizer.json",
    ]
    assert {check.file for check in checks if check.what == "logits"} == {"int8.onnx", "baseline/float32.onnx"}
    files = {check.file for check in checks if check.what == "file"}
    assert files >= TEXT_FILES | {"baseline/golden.json", "baseline/tokenizer.json", "baseline/vocab.txt"}


@pytest.mark.parametrize("name", ["baseline/golden.json", "baseline/tokenizer.json", "golden.json", "tokenizer.json"])
def test_damaged_texts_of_one_model_leave_the_other_to_be_checked(two, name):
    """The damaged file is named, and files that need it are not run; those of the other model are."""
    fakes.flip_byte(two / name)
    checks = verify(two)
    assert failed(checks) == {("file", name)}
    whole = "int8.onnx" if name.startswith("baseline") else "baseline/float32.onnx"
    assert [check.file for check in checks if check.what == "logits"] == [whole]


def test_a_baseline_tokenizer_that_gives_other_ids_is_found(two):
    """The tokenizer of what ships in the place of the original's is found by the golden ids, whatever its hash."""
    (two / "baseline/tokenizer.json").write_bytes((two / "tokenizer.json").read_bytes())
    fakes.restate(two, "baseline/tokenizer.json")
    assert failed(verify(two)) == {("tokenizer", "baseline/tokenizer.json"), ("manifest", "baseline/vocab.txt")}


def test_golden_texts_of_the_other_model_are_found(two):
    """Golden texts of what ships in the place of the original's fail its ids and its logits."""
    (two / "baseline/golden.json").write_bytes((two / "golden.json").read_bytes())
    fakes.restate(two, "baseline/golden.json")
    assert failed(verify(two)) == {("tokenizer", "baseline/tokenizer.json"), ("logits", "baseline/float32.onnx")}


def test_a_named_runtime_is_the_only_one_asked():
    """Its files are run, the others are only hashed."""
    checks = verify(fakes.shared_bundle(), runtimes=("litert",))
    assert {check.file for check in checks if check.what == "logits"} == {"int8.tflite", "baseline/float32.tflite"}
    assert all(check.ok for check in checks)


def test_a_named_runtime_that_is_absent_is_an_error_not_a_pass():
    """The error is the pip line."""
    with pytest.raises(MissingExtraError, match="tflite-runtime"):
        verify(fakes.shared_bundle(), runtimes=("tflite-runtime",))


@pytest.mark.parametrize("name", ["torch", "onnx", ""])
def test_an_unknown_runtime_is_an_error_not_a_pass(name):
    """A typing error must not look like a verified bundle."""
    with pytest.raises(UsageError, match="unknown runtime"):
        verify(fakes.shared_bundle(), runtimes=(name,))


def test_a_runtime_without_a_file_is_an_error_not_a_pass(tmp_path):
    """A bundle without TFLite files cannot be verified in LiteRT."""
    bundle = export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", formats=("onnx",), lengths=(8,))
    with pytest.raises(UsageError, match="litert"):
        verify(bundle.root, runtimes=("litert",))


def test_verify_changes_nothing(bundle):
    """The bundle is the same afterwards, byte by byte."""
    before = {path: sha256_of(path) for path in bundle.rglob("*") if path.is_file()}
    verify(bundle)
    assert {path: sha256_of(path) for path in bundle.rglob("*") if path.is_file()} == before


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    """A checkpoint or an empty folder has no manifest."""
    for folder in (tmp_path, fakes.shared_checkpoint(), tmp_path / "gone"):
        with pytest.raises(UsageError):
            verify(folder)


def test_a_manifest_that_cannot_be_read_is_a_failed_check(bundle):
    """There is nothing to check against."""
    (bundle / "edgebert.json").write_text("{", encoding="utf-8")
    with pytest.raises(BundleError, match=r"edgebert\.json"):
        verify(bundle)


@pytest.mark.parametrize("name", sorted(TEXT_FILES))
@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{}"])
def test_a_text_file_replaced_together_with_its_hash_is_found(bundle, name, content):
    """Whatever is put into a file of texts, with hash and digest computed anew, is a failed check that names it."""
    fakes.replace_artifact(bundle, name, content)
    found = verify(bundle, runtimes=())
    assert any(name in check.file or name in check.detail for check in found if check.ok is False)
    assert all("\n" not in check.detail for check in found)


@pytest.mark.parametrize(
    ("shipped", "other"), [("int8.onnx", "int8.tflite"), ("int8.onnx", "baseline/float32.onnx"), ("int8.tflite", None)]
)
def test_model_files_that_are_swapped_with_their_hashes_are_found(bundle, shipped, other):
    """The file of another format, the float file under the name of the int8 file, and no model at all."""
    content = (bundle / other).read_bytes() if other else b"no model"
    fakes.replace_artifact(bundle, shipped, content)
    assert ("manifest", shipped) in failed(verify(bundle, runtimes=()))


def test_lines_of_the_vocabulary_that_are_swapped_are_found(bundle):
    """An app reads vocab.txt where Python reads tokenizer.json: both must be one tokenizer."""
    lines = (bundle / "vocab.txt").read_text(encoding="utf-8").split("\n")
    first, second = lines.index("good"), lines.index("bad")
    lines[first], lines[second] = lines[second], lines[first]
    fakes.replace_artifact(bundle, "vocab.txt", "\n".join(lines).encode())
    assert failed(verify(bundle, runtimes=())) == {("manifest", "vocab.txt")}


@pytest.mark.parametrize("name", ["other.onnx", "baseline/other.tflite", "int8.data", "added_tokens.json"])
def test_a_file_that_is_not_listed_is_found(bundle, name):
    """Files that a reader might open must be listed; a note of the user's own, or a hidden file, may lie there."""
    for allowed in ("LICENSE", "notes.md", ".gitattributes", "README.md"):
        (bundle / allowed).write_text("mine")
    assert failed(verify(bundle, runtimes=())) == set()
    (bundle / name).write_bytes(b"x")
    (check,) = [check for check in verify(bundle, runtimes=()) if check.ok is False]
    assert name in check.detail


def test_places_of_tokens_that_are_none_are_found(bundle):
    """Golden texts of a task without places must not have them: an app would compare what nobody checked."""
    golden = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
    window = golden["cases"][2]["windows"][0]
    window["offsets"] = [[0, 0] for _ in window["input_ids"]]
    fakes.replace_artifact(bundle, "golden.json", json.dumps(golden).encode())
    (check,) = [check for check in verify(bundle, runtimes=()) if check.ok is False]
    assert (check.what, check.file) == ("tokenizer", "tokenizer.json")
    assert check.detail.startswith("golden text 3 becomes tokens at other places: ")


@pytest.mark.parametrize("change", ["moved", "none"])
def test_places_of_tokens_are_compared(change):
    """The golden texts of entities and answers say where each token is: another place, or none, is found."""
    head = task_head("question-answering")
    encoder, texts = TextEncoder(make_tokenizer(), 16), ("good?", "\U0001f600 bad battery")
    windows = tuple(
        GoldenWindow(input_ids=window.ids, offsets=window.offsets, outputs={})
        for window in head.windows(encoder, Example(texts=texts), NO_SETTINGS).windows
    )
    assert verification.window_difference(head, encoder, GoldenCase(texts=texts, windows=windows), NO_SETTINGS) == ""
    offsets = None if change == "none" else ((0, 0), *((start + 1, end + 1) for start, end in windows[0].offsets[1:]))
    other = GoldenCase(texts=texts, windows=(replace(windows[0], offsets=offsets), *windows[1:]))
    assert verification.window_difference(head, encoder, other, NO_SETTINGS) == "tokens at other places"
    fewer = GoldenCase(texts=texts, windows=windows[1:])
    assert verification.window_difference(head, encoder, fewer, NO_SETTINGS) == "other ids"


def test_a_bundle_without_a_model_is_refused(bundle):
    """`artifacts` that is empty would leave nothing to compare, and so would baselines alone."""
    plain = json.loads((bundle / "edgebert.json").read_text(encoding="utf-8"))
    for kept in ([], [item for item in plain["artifacts"] if item["role"] == "baseline"]):
        fakes.edit_json(bundle / "edgebert.json", artifacts=kept)
        with pytest.raises(BundleError, match="lists no model file that ships"):
            verify(bundle)


def test_a_bundle_without_golden_texts_fails(bundle):
    """No text, no proof."""
    fakes.replace_artifact(bundle, "golden.json", b'{"schema": 1, "cases": []}')
    assert ("manifest", "golden.json") in failed(verify(bundle, runtimes=()))


@pytest.mark.parametrize(
    "outputs",
    [
        {"logits": {"shape": [3], "values": [0.0, 0.0]}},
        {"logits": {"shape": [2, 1], "values": [0.0, 0.0]}},
        {"logits": {"shape": [3], "values": [0.0, 0.0, 0.0]}},
        {"logits": {"shape": [], "values": [0.0]}},
        {"scores": {"shape": [2], "values": [0.0, 0.0]}},
        {},
    ],
    ids=["fewer-values", "rank", "labels", "scalar", "name", "none"],
)
def test_golden_outputs_of_another_shape_or_name_are_found(bundle, outputs):
    """Outputs of one golden text that no file of the model can have are a failed check, and the others are made."""
    golden = json.loads((bundle / "golden.json").read_text(encoding="utf-8"))
    golden["cases"][1]["windows"][0]["outputs"] = outputs
    fakes.replace_artifact(bundle, "golden.json", json.dumps(golden).encode())
    checks = verify(bundle, runtimes=("onnxruntime",))
    assert ("manifest", "golden.json") in failed(checks)
    assert {check.file for check in checks if check.what == "file"} == ARTIFACTS | TEXT_FILES
