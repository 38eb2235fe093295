from __future__ import annotations

import hashlib
import json

import numpy as np

from edgebert.bundle import open_bundle
from tests.android.calls import edit_manifest, error_of, shipped
from tests.support import fakes


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
    assert [(text, tuple(ids)) for text, ids, _ in cases] == [(case.text, case.input_ids) for case in expected]
    found = np.array([logits for *_, logits in cases], dtype=np.float32)
    assert np.array_equal(found, np.array([case.logits for case in expected], dtype=np.float32))


def test_golden_texts_of_schema_2_are_those_of_schema_1(jvm):
    """Outputs by name and shape hold what the plain logits held."""
    cases = json.loads((fakes.shared_bundle() / "golden.json").read_text(encoding="utf-8"))["cases"]
    nested = [
        {
            "texts": [case["text"]],
            "windows": [
                {
                    "input_ids": case["input_ids"],
                    "outputs": {"logits": {"shape": [len(case["logits"])], "values": case["logits"]}},
                }
            ],
        }
        for case in cases
    ]
    flat = jvm.call("golden", text=json.dumps({"schema": 1, "cases": cases}))
    assert jvm.call("golden", text=json.dumps({"schema": 2, "cases": nested})) == flat


def test_a_task_has_the_name_of_the_hub_as_well(jvm, bundle):
    """Manifests name a task as before schema 4, or as the Hub does."""
    edit_manifest(bundle, task="text-classification")
    assert jvm.call("open", folder=str(bundle))["task"] == "text-classification"


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


def test_schema_1_is_read(jvm, bundle):
    """A bundle of the first schema, which knows no original, is read."""
    edit_manifest(bundle, schema=1, digest=..., original=..., pruning=...)
    facts = jvm.call("open", folder=str(bundle))
    assert (facts["schema"], facts["original"]) == (1, False)
