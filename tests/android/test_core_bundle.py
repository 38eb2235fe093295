from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from tests.android.calls import edit_manifest, error_of, golden_logits, shipped
from tests.support import fakes

OLDER = Path(__file__).parents[1] / "golden" / "bundles"


def test_manifest_is_read_as_python_reads_it(jvm):
    """Task, labels, text rules and model files of a bundle are those that Python reads."""
    manifest = open_bundle(fakes.shared_bundle()).manifest
    facts = jvm.call("open", folder=str(fakes.shared_bundle()))
    assert facts == {
        "schema": manifest.schema,
        "digest": manifest.digest,
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
    assert [(tuple(texts), [tuple(ids) for ids, *_ in windows]) for texts, windows in cases] == [
        (case.texts, [window.input_ids for window in case.windows]) for case in expected
    ]
    found = np.array([windows[0][2]["logits"] for _, windows in cases], dtype=np.float32)
    assert np.array_equal(found, np.array(golden_logits(fakes.shared_bundle()), dtype=np.float32))


def test_golden_ids_of_a_bundle(jvm):
    """The tokenizer of a bundle gives the golden ids of the bundle."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    cases = jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    length = open_bundle(fakes.shared_bundle()).manifest.text.max_length
    rows = jvm.call("encode", texts=[text for (text,), _ in cases], max_length=length)
    assert [row[0] for row in rows] == [windows[0][0] for _, windows in cases]
    assert any(row[-1] for row in rows)


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


def test_an_app_opens_the_bundle_that_it_was_built_with(jvm, bundle):
    """The digest that the Kotlin file states is compared with the manifest's; another bundle is refused."""
    digest = open_bundle(bundle).manifest.digest
    assert jvm.call("open", folder=str(bundle), digest=digest)["digest"] == digest
    edit_manifest(bundle, labels=["other", "labels"])
    assert jvm.call("open", folder=str(bundle))["labels"] == ["other", "labels"]
    kind, message = error_of(jvm, "open", folder=str(bundle), digest=digest)
    assert kind == "DAMAGED_FILE"
    assert message.startswith("edgebert.json: is not the manifest that the app was built with (its digest differs)")


def test_a_changed_manifest_is_found(jvm, bundle):
    """A changed letter of a label, whatever its language, is found by the digest before any file is opened."""
    edit_manifest(bundle, labels=["schlecht", "großartig 😀"])
    assert jvm.call("open", folder=str(bundle))["labels"] == ["schlecht", "großartig 😀"]
    content = (bundle / "edgebert.json").read_bytes()
    for old, new in ((b"schlecht", b"schlichz"), (b'"pad_id": 0', b'"pad_id": 1'), (b"}", b"} ")):
        assert old in content
        (bundle / "edgebert.json").write_bytes(content.replace(old, new, 1))
        kind, message = error_of(jvm, "open", folder=str(bundle))
        assert kind == "DAMAGED_FILE"
        assert message == "edgebert.json: its content is not what its digest says; copy the bundle again"
    (bundle / "edgebert.json").write_bytes(content.replace(b'"digest": ', b'"other": '))
    assert error_of(jvm, "open", folder=str(bundle))[1] == "edgebert.json: digest is missing"


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_bundles_of_older_schemas_are_read(jvm, tmp_path, schema):
    """Manifests of each older schema are read, with the name that the task has today."""
    shutil.copy(OLDER / f"edgebert-{schema}.json", tmp_path / "edgebert.json")
    facts = jvm.call("open", folder=str(tmp_path))
    assert (facts["schema"], facts["task"], facts["original"]) == (schema, "text-classification", False)
    assert facts["digest"] == json.loads((tmp_path / "edgebert.json").read_text(encoding="utf-8")).get("digest")
    assert [(item[0], item[5]) for item in facts["artifacts"]] == [
        (file, [["logits", "float32"]]) for file in ("baseline/float32.onnx", "int8.onnx")
    ]


def test_golden_texts_of_schema_1_are_read(jvm):
    """Golden texts of schema 1, which knew one text and its logits, are read."""
    text = (OLDER / "golden-1.json").read_text(encoding="utf-8")
    assert jvm.call("golden", text=text) == [[["good"], [[[2, 109, 3], None, {"logits": [0.5, 0.5]}]]]]
