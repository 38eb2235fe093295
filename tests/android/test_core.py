from __future__ import annotations

import hashlib
import json
import math
import re

import numpy as np
import pytest

if not __import__("os").environ.get("EDGEBERT_ANDROID"):
    pytest.skip("not all of the core passes yet: EDGEBERT_ANDROID=1 runs it", allow_module_level=True)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebert.bundle import open_bundle
from edgebert.tasks import decode
from edgebert.text import fitting_length
from tests import fakes
from tests.android.jvm import REPOSITORY, CoreError, script

# The fixture keeps nothing between examples but the JVM.
shared_jvm = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def bundle(tmp_path):
    """A bundle to damage."""
    return fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")


def shipped(folder):
    return next(artifact for artifact in open_bundle(folder).shipped if artifact.format == "onnx")


def runs(rows):
    """Return outputs of a backend, run by run, as the driver reads them: numbers as text, so that NaN is one."""
    java = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return [{"outputs": [{"values": [java.get(text, text) for text in map(repr, map(float, row))]}]} for row in rows]


def golden_logits(folder):
    return [list(case.logits) for case in open_bundle(folder).golden().cases]


def self_test(jvm, folder, rows):
    jvm.call("open", folder=str(folder))
    return jvm.call("self-test", file=shipped(folder).file, runs=runs(rows))


def error_of(jvm, call, **arguments):
    with pytest.raises(CoreError) as caught:
        jvm.call(call, **arguments)
    return caught.value.kind, caught.value.message


def edit_manifest(folder, **changes):
    fakes.edit_json(folder / "edgebert.json", **changes)


# ------------------------------------------------------------------------------------------------------- a good bundle


def test_manifest_is_read_as_python_reads_it(jvm):
    """Task, labels, text rules and model files of a bundle are those that Python reads."""
    manifest = open_bundle(fakes.shared_bundle()).manifest
    facts = jvm.call("open", folder=str(fakes.shared_bundle()))
    assert facts == {
        "schema": manifest.schema,
        "task": manifest.task,
        "labels": list(manifest.labels),
        "max_length": manifest.text.max_length,
        "lengths": list(manifest.text.lengths),
        "original": False,
        "artifacts": [
            [
                item.file,
                item.role == "baseline",
                item.format,
                item.precision,
                [[tensor.name, tensor.dtype] for tensor in item.inputs],
                [[tensor.name, tensor.dtype] for tensor in item.outputs],
                list(item.lengths),
                item.size_bytes,
                item.sha256,
                item.tolerance,
                "vocab.txt",
                "golden.json",
            ]
            for item in manifest.artifacts
        ],
    }


def test_golden_texts_are_read_as_python_reads_them(jvm):
    """Texts, ids and logits of golden.json come through unchanged."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    cases = jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    expected = open_bundle(fakes.shared_bundle()).golden().cases
    assert [(text, tuple(ids)) for text, ids, _ in cases] == [(case.text, case.input_ids) for case in expected]
    found = np.array([logits for *_, logits in cases], dtype=np.float32)
    assert np.array_equal(found, np.array([case.logits for case in expected], dtype=np.float32))


def test_golden_ids_of_a_bundle(jvm):
    """The tokenizer of a bundle gives the golden ids of the bundle."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    cases = jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    length = open_bundle(fakes.shared_bundle()).manifest.text.max_length
    rows = jvm.call("encode", texts=[text for text, *_ in cases], max_length=length)
    assert [row[0] for row in rows] == [ids for _, ids, _ in cases]
    assert any(row[3] for row in rows)


def test_files_that_are_right_pass(jvm):
    """Every file that the manifest lists is found right, and copied to the last byte."""
    bundle = open_bundle(fakes.shared_bundle())
    jvm.call("open", folder=str(fakes.shared_bundle()))
    for entry in bundle.entries:
        assert jvm.call("check", file=entry.file)
        assert jvm.call("copy", file=entry.file) == entry.size_bytes


def test_baselines_of_a_pruned_model_have_text_rules_of_their_own(jvm, bundle):
    """Where the manifest names an original, baselines are fed with its vocabulary and what ships with its own."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    edit_manifest(bundle, original={"text": manifest["text"] | {"max_length": 11}})
    facts = jvm.call("open", folder=str(bundle))
    files = {(baseline, *rest) for _, baseline, *_, rest in [(a[0], a[1], a[10:]) for a in facts["artifacts"]]}
    assert files == {
        (True, "baseline/vocab.txt", "baseline/golden.json"),
        (False, "vocab.txt", "golden.json"),
    }
    for name in ("vocab.txt", "golden.json"):
        content = (bundle / name).read_bytes()
        (bundle / "baseline" / name).write_bytes(content)
        entry = {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest["files"].append({"file": f"baseline/{name}", **entry})
    edit_manifest(bundle, files=manifest["files"])
    jvm.call("open", folder=str(bundle))
    jvm.call("artifact", file="baseline/float32.onnx")


def test_schema_1_is_read(jvm, bundle):
    """A bundle of the first schema, which knows no original, is read."""
    edit_manifest(bundle, schema=1, original=..., pruning=...)
    facts = jvm.call("open", folder=str(bundle))
    assert (facts["schema"], facts["original"]) == (1, False)


# ------------------------------------------------------------------------------------------------------- a bad bundle


def test_folder_without_a_bundle(jvm, tmp_path):
    """Where there is no manifest, the message says which file is missing."""
    kind, message = error_of(jvm, "open", folder=str(tmp_path))
    assert (kind, message) == ("MISSING_FILE", "edgebert.json: missing from the bundle; copy the bundle again")


def test_newer_schema_is_refused_before_anything_else(jvm, bundle):
    """A manifest of a newer schema is refused with both numbers, however its other fields look."""
    (bundle / "edgebert.json").write_text('{"schema": 3, "task": 5}')
    kind, message = error_of(jvm, "open", folder=str(bundle))
    assert kind == "NEWER_SCHEMA"
    assert "schema 3" in message
    assert "up to 2" in message


def test_newer_golden_schema_is_refused(jvm):
    """Golden texts of a newer schema are refused as well."""
    assert error_of(jvm, "golden", text='{"schema": 2, "cases": 0}')[0] == "NEWER_SCHEMA"


def test_unknown_task_is_refused(jvm, bundle):
    """A task that this library does not know is named, with those it knows."""
    edit_manifest(bundle, task="question-answering")
    kind, message = error_of(jvm, "open", folder=str(bundle))
    assert kind == "UNKNOWN_TASK"
    assert '"question-answering"' in message
    assert "it knows sequence-classification" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1, column 1: no valid JSON: a value is expected"),
        ("[]", "holds no JSON object"),
        ('{"schema": 1', "line 1, column 13: no valid JSON: ',' is expected"),
        ('{"schema": "2"}', "schema is not a whole number"),
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
        (("labels",), ["a", 1], "labels[1] is not text"),
        (("labels",), "ab", "labels is not a list"),
        (("text", "max_length"), 1, "text.max_length is 1, but the shortest input has 2 tokens"),
        (("text", "max_length"), 16.5, "text.max_length is not a whole number"),
        (("text", "max_length"), 1 << 40, "text.max_length is 1099511627776, which is too large"),
        (("text", "pad_id"), -1, "text.pad_id is -1, but should not be negative"),
        (("text", "lower_case"), 1, "text.lower_case is not true or false"),
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
    (bundle / "edgebert.json").write_text(json.dumps(manifest))
    kind, found = error_of(jvm, "open", folder=str(bundle))
    assert (kind, found) == ("DAMAGED_FILE", f"edgebert.json: {message}")


@pytest.mark.parametrize(
    "file", ["", "/etc/passwd", "../int8.onnx", "a/../../b", "a\\b", "C:b", "a\0b", "./a", "a//b", "a/", ".."]
)
def test_paths_that_leave_the_bundle(jvm, bundle, file):
    """A manifest that names a file outside the bundle is refused."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    manifest["files"][0]["file"] = file
    (bundle / "edgebert.json").write_text(json.dumps(manifest))
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
        ('[{"text": "a", "input_ids": [1.5], "logits": [1]}]', "cases[0].input_ids[0] is not a whole number"),
        ('[{"text": "a", "input_ids": [1], "logits": ["1"]}]', "cases[0].logits[0] is not a number"),
        ('[{"text": null, "input_ids": [1], "logits": [1]}]', "cases[0].text is not text"),
        ('[{"input_ids": [1], "logits": [1]}]', "cases[0].text is missing"),
    ],
)
def test_damaged_golden_texts(jvm, cases, message):
    """Golden texts with a field that cannot be are refused with its name."""
    kind, found = error_of(jvm, "golden", text=f'{{"schema": 1, "cases": {cases}}}')
    assert (kind, found) == ("DAMAGED_FILE", f"golden.json: {message}")


# ---------------------------------------------------------------------------------------------------------------- JSON


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
FLAT = SCALARS | st.lists(SCALARS, max_size=4) | st.dictionaries(st.text(), SCALARS, max_size=4)
JSON = FLAT | st.lists(FLAT, max_size=4) | st.dictionaries(st.text(), FLAT, max_size=4)


@shared_jvm
@given(value=JSON, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_json_comes_back(jvm, value, indent, ascii_only):
    """Whatever Python writes as JSON is read and written again as the same value."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = jvm.call("json", text=text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "{", "[", '"', "[1,]", '{"a":1,}', "{'a':1}", "{a:1}", '{"a" 1}', "[1 2]", "1 2", "nul", "True"),
        *("NaN", "-Infinity", "01", "-", "1.", ".5", "1e", "+1", "1e999", "9223372036854775808", "0x10"),
        *(
            '"\\x"',
            '"\\u12"',
            '"\\u00g0"',
            '"a\nb"',
            '"\\ud800"',
            '"\\udc00\\ud800"',
            '"\\ud800a"',
            "[" * 65 + "]" * 65,
        ),
        *('{"a":1,"a":2}', "\ufeff1", "/**/1", "\u00a01", '"\\u\uff11\uff11\uff11\uff11"'),
    ],
)
def test_what_is_no_json_is_refused(jvm, text):
    """Text that is no JSON, or ambiguous, or would exhaust the stack, is an error with line and column."""
    kind, message = error_of(jvm, "json", text=text)
    assert kind == "DAMAGED_FILE"
    assert re.match(r"file\.json: line 1, column \d+: no valid JSON: ", message)


def test_json_errors_name_the_line(jvm):
    """Lines and columns count from 1."""
    _, message = error_of(jvm, "json", text='{\n  "a": 1,\n  "a": 2\n}')
    assert message == 'file.json: line 3, column 6: no valid JSON: the key "a" stands twice in one object'


# ------------------------------------------------------------------------------------------------ from logits to labels


@shared_jvm
@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=2, max_size=9))
def test_answers_are_those_of_python(jvm, logits):
    """Label and probabilities are those that Python makes of the same logits, however large they are."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    labels = [f"label {index}" for index in range(len(logits))]
    found = jvm.call("answer", text="good", labels=labels, lengths=[], runs=runs([logits]))
    expected = decode("good", np.array(logits, dtype=np.float32), tuple(labels))
    assert found["label"] == expected.label == labels[found["index"]]
    assert found["probabilities"] == pytest.approx(expected.probabilities, rel=1e-12, abs=1e-300)
    assert found["probability"] == max(found["probabilities"])
    assert math.fsum(found["probabilities"]) == pytest.approx(1, rel=1e-12)


def answer(jvm, text, *, lengths=(), labels=("negative", "positive"), logits=(0.0, 1.0)):
    jvm.call("open", folder=str(fakes.shared_bundle()))
    jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    return jvm.call("answer", text=text, labels=list(labels), lengths=list(lengths), runs=runs([logits]))


@pytest.mark.parametrize("lengths", [(), (8, 16), (16,), (4, 5, 6, 16)])
@pytest.mark.parametrize("text", ["good", "not very good", "good " * 50])
def test_texts_are_run_at_the_smallest_length(jvm, text, lengths):
    """The model gets the ids and mask that Python feeds: filled up to the smallest length, or not at all."""
    found = answer(jvm, text, lengths=lengths)
    size = sum(found["attention_mask"])
    length = fitting_length(size, lengths) if lengths else size
    ids = jvm.call("encode", texts=[text], max_length=16)[0][0]
    assert found["length"] == len(found["input_ids"]) == len(found["attention_mask"]) == length
    assert found["input_ids"] == [*ids, *[0] * (length - size)]
    assert found["attention_mask"] == [1] * size + [0] * (length - size)
    assert found["truncated"] is (len(text) > 100)
    assert found["timed"] is True


def test_text_that_no_length_holds(jvm):
    """A model file whose signatures are shorter than its texts is an error, not a wrong answer."""
    with pytest.raises(CoreError, match="16 tokens do not fit into the model, which takes 8") as caught:
        answer(jvm, "good " * 50, lengths=(4, 8))
    assert caught.value.kind == "BAD_REQUEST"


@shared_jvm
@given(st.integers(1, 600), st.lists(st.integers(1, 512), unique=True).map(sorted))
def test_length_choice_is_that_of_python(jvm, tokens, lengths):
    """The smallest length that fits is chosen as in Python; without lengths, every length goes."""
    if not lengths:
        assert jvm.call("length", tokens=tokens, lengths=[]) == tokens
    elif tokens <= lengths[-1]:
        assert jvm.call("length", tokens=tokens, lengths=lengths) == fitting_length(tokens, lengths)
    else:
        assert error_of(jvm, "length", tokens=tokens, lengths=lengths)[0] == "BAD_REQUEST"


def test_closed_models_answer_no_more(jvm):
    """Closing frees the runtime once, however often it is done, and a question after that is an error."""
    found = answer(jvm, "good")
    assert found["closings"] == 1
    assert found["after"] == "CLOSED"


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u200b\ufeff", "\u3000\x00\x07"])
def test_empty_texts_are_not_answered(jvm, text):
    """A text in which nothing is left after cleaning gets a message and no label."""
    with pytest.raises(CoreError, match="nothing to read in the text") as caught:
        answer(jvm, text)
    assert caught.value.kind == "EMPTY_TEXT"


def test_hundred_thousand_characters_are_answered(jvm):
    """A text of 100,000 characters is cut, and the answer says so."""
    found = answer(jvm, "It is great! " * 7700, lengths=fakes.LENGTHS)
    assert found["label"] == "positive"
    assert found["truncated"] is True
    assert found["length"] == max(fakes.LENGTHS)


@pytest.mark.parametrize("count", [1, 3])
def test_other_number_of_labels_than_logits(jvm, count):
    """A model that gives more or fewer logits than there are labels is refused, not decoded by chance."""
    with pytest.raises(CoreError, match=f"the model gives {count} logits, but the manifest has 2 labels") as caught:
        answer(jvm, "good", logits=[0.5] * count)
    assert caught.value.kind == "LABEL_MISMATCH"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_no_numbers(jvm, value):
    """A runtime that gives NaN or infinity gets a message that names the label, and no answer."""
    with pytest.raises(CoreError, match="for the label positive, which is no number") as caught:
        answer(jvm, "good", logits=[0.5, value])
    assert caught.value.kind == "RUNTIME_FAILURE"


def test_first_of_equal_labels_wins(jvm):
    """Of labels with the same logit the first is the answer, as in Python."""
    assert answer(jvm, "good", logits=[0.25, 0.25])["label"] == "negative"


# ----------------------------------------------------------------------------------------------------------- self-test


def test_self_test_passes_where_logits_are_within_tolerance(jvm):
    """Golden logits pass, also where each is nearly as far off as the tolerance allows."""
    folder = fakes.shared_bundle()
    rows = golden_logits(folder)
    found = self_test(jvm, folder, rows)
    assert found == {"passed": True, "texts": len(rows), "max_difference": 0, "problems": [], "check": None}
    off = 0.99 * shipped(folder).tolerance
    found = self_test(jvm, folder, [[value + off for value in row] for row in rows])
    assert found["passed"]
    assert found["max_difference"] == pytest.approx(off, rel=1e-3)


def test_self_test_says_which_text_differs(jvm):
    """One logit beyond the tolerance fails the test; the message has the text and both rows."""
    folder = fakes.shared_bundle()
    rows = golden_logits(folder)
    rows[1][0] += 1.01 * shipped(folder).tolerance
    found = self_test(jvm, folder, rows)
    assert not found["passed"]
    assert [problem[:22] for problem in found["problems"]] == ['logits of "excellent" ']
    assert found["check"].startswith("SELF_TEST_FAILED: the model does not give the answers it was made with (1 of ")


def test_self_test_does_not_pass_nan(jvm):
    """NaN is no number within any tolerance."""
    folder = fakes.shared_bundle()
    rows = golden_logits(folder)
    rows[2][1] = math.nan
    found = self_test(jvm, folder, rows)
    assert (found["passed"], len(found["problems"]), found["max_difference"]) == (False, 1, None)


def test_self_test_refuses_a_model_that_answers_all_texts_alike(jvm, bundle):
    """Even a tolerance as wide as the logits does not let a constant model pass."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    for artifact in manifest["artifacts"]:
        artifact["tolerance"] = 1e6
    edit_manifest(bundle, artifacts=manifest["artifacts"])
    found = self_test(jvm, bundle, [[0.0, 0.0]])
    assert found["problems"] == ["the model gives the same logits for every text"]


def test_self_test_says_which_id_differs(jvm, bundle):
    """A tokenizer that gives another id fails the test, with the place and both ids."""
    golden = json.loads((bundle / "golden.json").read_text())
    true = golden["cases"][2]["input_ids"][3]
    golden["cases"][2]["input_ids"][3] = 77
    (bundle / "golden.json").write_text(json.dumps(golden))
    fakes.restate(bundle, "golden.json")
    rows = [case["logits"] for index, case in enumerate(golden["cases"]) if index != 2]
    problems = self_test(jvm, bundle, rows)["problems"]
    assert problems == [
        f'ids of "The battery lasts all day, and the scree..." differ from place 3 on: {true} instead of 77'
    ]


def test_self_test_counts_logits(jvm):
    """A model with another number of logits fails for every text."""
    folder = fakes.shared_bundle()
    found = self_test(jvm, folder, [[0.0, float(index), 1.0] for index in range(16)])
    assert found["problems"][0] == '"" got 3 logits instead of 2'
    assert len(found["problems"]) == found["texts"]


# ---------------------------------------------------------------------------------------------------------- statistics


@shared_jvm
@given(st.lists(st.integers(0, 1 << 30), min_size=1, max_size=50), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(jvm, times, share):
    """Medians and quantiles are numpy's linear ones."""
    found = jvm.call("quantile", times=times, share=share)
    assert found == pytest.approx(float(np.quantile(times, share)), rel=1e-9, abs=1e-6)


# -------------------------------------------------------------------------------------------------------------- worker

LOADED = "load on edgebert-model"
OUT_OF_MEMORY = "good: OUT_OF_MEMORY: there is not enough memory for the model; close other apps"
RUNTIME_FAILURE = "good: RUNTIME_FAILURE: the model failed: java.lang.IllegalStateException: bad state"


@pytest.mark.parametrize(
    ("scenario", "events"),
    [
        ("two questions", [LOADED, "run", "ran", "good: positive", "run", "ran", "good: positive", "closed"]),
        ("three quick taps", [LOADED, "run", "ran", "run", "ran", "great: positive", "closed"]),
        ("turned in mid-run", [LOADED, "run", "ran", "closed"]),
        ("closed in mid-run", [LOADED, "run", "close returned", "ran", "closed"]),
        ("asked after close", ["good: CLOSED: the model was closed"]),
        (
            "missing at first",
            [LOADED, "good: MISSING_FILE: int8.onnx: missing", LOADED, "run", "ran", "good: positive", "closed"],
        ),
        (
            "out of memory",
            [LOADED, "run", "closed", OUT_OF_MEMORY, LOADED, "run", "ran", "good: positive", "closed"],
        ),
        (
            "runtime throws",
            [LOADED, "run", RUNTIME_FAILURE, "run", RUNTIME_FAILURE, "closed"],
        ),
    ],
)
def test_worker(jvm, scenario, events):
    """What users do to a running model ends in the latest answer or a message, never in a crash or a stale answer."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    assert jvm.call("worker", scenario=scenario) == events


# ------------------------------------------------------------------------------------------------------------- sources


def test_core_needs_nothing_but_java():
    """The core imports java.* alone, so that every app and every JVM can take it."""
    build = script("build_core")
    imports = {
        name
        for path in build.sources(tests=False)
        for name in re.findall(r"^import (?:static )?([\w.]+);", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name for name in imports if not name.startswith("java.")} == set()
    assert "java.security.MessageDigest" in imports


def test_core_compiles_with_the_language_level_of_gradle():
    """The script and the Gradle file compile for the same Java."""
    gradle = (REPOSITORY / "android-demo" / "core" / "build.gradle.kts").read_text(encoding="utf-8")
    assert f"options.release = {script('build_core').RELEASE}" in gradle


def test_core_is_compiled_once(tmp_path):
    """Compiling again does nothing until a source or a class folder changes."""
    build = script("build_core")
    try:
        out = build.compile_core(tmp_path / "classes")
    except build.NoCompilerError:
        pytest.skip("there is no JDK")
    classes = sorted(out.rglob("*.class"))
    assert len(classes) >= len(build.sources(tests=False))
    before = classes[0].stat().st_mtime_ns
    build.compile_core(tmp_path / "classes")
    assert classes[0].stat().st_mtime_ns == before
    (out / "sources.sha256").unlink()
    build.compile_core(tmp_path / "classes")
    assert classes[0].stat().st_mtime_ns > before


def test_missing_compiler_is_an_error_of_its_own(tmp_path, monkeypatch):
    """Without a JDK the script says what to install, and makes nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    build = script("build_core")
    with pytest.raises(build.NoCompilerError, match="install a JDK"):
        build.compile_core(tmp_path / "classes")
    assert list(tmp_path.iterdir()) == []
