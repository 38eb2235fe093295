"""What can be wrong with the bundle of a page, and words of what the page then says."""

from __future__ import annotations

import json

from tests.support import fakes


def other_vocabulary(root):
    lines = (root / "vocab.txt").read_text(encoding="utf-8").split("\n")
    first, second = lines.index("good"), lines.index("battery")
    lines[first], lines[second] = lines[second], lines[first]
    (root / "vocab.txt").write_text("\n".join(lines), encoding="utf-8")
    fakes.restate(root, "vocab.txt")


def other_model(root):
    from edgebert.convert.onnx import write_onnx

    weights = fakes.random_weights(
        1, hidden=32, head_dim=8, heads=(4, 4), neurons=(64, 64), vocabulary=len(fakes.VOCABULARY), positions=64
    )
    write_onnx(weights, root / "int8.onnx", int8=True)
    fakes.restate(root, "int8.onnx")


def other_golden(root):
    golden = json.loads((root / "golden.json").read_text(encoding="utf-8"))
    golden["cases"][1]["windows"][0]["outputs"]["logits"]["values"][0] += 100
    (root / "golden.json").write_text(json.dumps(golden), encoding="utf-8")
    fakes.restate(root, "golden.json")


OTHER_ANSWERS = {
    "vocabulary": (other_vocabulary, "Ids of "),
    "model": (other_model, "Logits of "),
    "golden": (other_golden, "Logits of "),
}
"""Changes that leave a bundle whole, but give other answers than it was made with."""


def other_letter(root):
    content = (root / "edgebert.json").read_text(encoding="utf-8")
    (root / "edgebert.json").write_text(content.replace("negative", "nagative", 1), encoding="utf-8")


def without_onnx(root):
    manifest = json.loads((root / "edgebert.json").read_text(encoding="utf-8"))
    artifacts = [item for item in manifest["artifacts"] if item["role"] == "baseline"]
    fakes.edit_json(root / "edgebert.json", artifacts=artifacts)


def empty_token(root):
    text = json.loads((root / "edgebert.json").read_text(encoding="utf-8"))["text"]
    token = {"content": "", "id": 999, "normalized": True, "special": False}
    fakes.edit_json(root / "edgebert.json", text=text | {"added_tokens": [token]})


def nonsense_model(root):
    fakes.replace_artifact(root, "int8.onnx", b"no model at all")


DAMAGES = {
    "vocabulary": (lambda root: fakes.flip_byte(root / "vocab.txt"), "vocab.txt is damaged: it has the sha256"),
    "model": (lambda root: fakes.flip_byte(root / "int8.onnx"), "int8.onnx is damaged: it has the sha256"),
    "short": (lambda root: (root / "golden.json").write_text("{}"), "golden.json is damaged: it has 2 bytes"),
    "long": (lambda root: (root / "vocab.txt").write_bytes(bytes(9999)), "vocab.txt is damaged: it has more than"),
    "missing-manifest": (lambda root: (root / "edgebert.json").unlink(), "edgebert.json of the bundle is missing"),
    "missing-model": (lambda root: (root / "int8.onnx").unlink(), "int8.onnx of the bundle is missing (HTTP 404)"),
    "no-json": (lambda root: (root / "edgebert.json").write_text("<html>"), "edgebert.json is damaged: it is no JSON"),
    "letter": (other_letter, "edgebert.json is damaged: its content is not what its digest says"),
    "newer": (lambda root: fakes.edit_json(root / "edgebert.json", schema=99), "made by a newer edgebert (schema 99)"),
    "task": (lambda root: fakes.edit_json(root / "edgebert.json", task="fill-mask"), "does not know"),
    "labels": (
        lambda root: fakes.edit_json(root / "edgebert.json", labels=["one"]),
        "2 logits for a text, but the manifest has 1 labels",
    ),
    "no-labels": (lambda root: fakes.edit_json(root / "edgebert.json", labels=...), "labels is missing"),
    "empty-token": (empty_token, "the content of an added token is empty"),
    "no-onnx": (without_onnx, "ships no ONNX file"),
    "nonsense": (nonsense_model, "ONNX Runtime cannot open the model"),
}
"""Damages, each with words of the sentence in which the page says what is wrong."""
