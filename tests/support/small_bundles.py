"""Bundle folders in milliseconds, for tests of what is done with the files: nothing runs their models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from edgebert.architecture import Architecture
from edgebert.bundle import SCHEMA, file_entry, write_manifest
from edgebert.golden import GOLDEN_SCHEMA, Golden
from edgebert.jsonio import dumps
from edgebert.manifest import Artifact, Manifest, Package, Provenance, TensorSpec, TextSpec
from edgebert.recipe import Recipe, Target
from tests.support import fakes
from tests.support.tiny_files import golden_case

SHIPPED = ("int8.onnx", "int8.tflite")
LENGTHS = (8, 16)


def small_bundle(root: Path, *, labels: Sequence[str] = fakes.LABELS, shipped: Sequence[str] = SHIPPED) -> Path:
    """Write a bundle with all that an export leaves, baselines and model card included, and return its folder."""
    (root / "baseline").mkdir(parents=True)
    (root / "vocab.txt").write_text("".join(f"{token}\n" for token in fakes.VOCABULARY), encoding="utf-8")
    case = golden_case("good", (2, fakes.VOCABULARY.index("good"), 3), (0.5,) * len(labels))
    (root / "golden.json").write_text(dumps(Golden(schema=GOLDEN_SCHEMA, cases=(case,))), encoding="utf-8")
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (root / name).write_text(f'{{"name": "{name}"}}\n', encoding="utf-8")
    (root / "README.md").write_text("# A model\n", encoding="utf-8")
    baselines = sorted({f"baseline/float32.{name.rpartition('.')[2]}" for name in shipped})
    for name in (*shipped, *baselines):
        (root / name).write_bytes(hashlib.sha256(name.encode()).digest() * 100)
    targets = tuple(_target(name) for name in shipped)
    texts = ("config.json", "golden.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
    manifest = Manifest(
        schema=SCHEMA,
        task="text-classification",
        labels=tuple(labels),
        text=TextSpec(lower_case=True, max_length=16, lengths=LENGTHS, pad_id=0, cls_id=2, sep_id=3, unk_id=1),
        architecture=Architecture(
            hidden=8,
            head_dim=4,
            heads=(2,),
            neurons=(8,),
            vocabulary=len(fakes.VOCABULARY),
            positions=64,
            activation="gelu",
        ),
        recipe=Recipe(name="int8", description="8 bits", targets=targets, lengths=LENGTHS),
        artifacts=tuple(_artifact(root, name, len(labels)) for name in (*baselines, *shipped)),
        files=tuple(file_entry(root, name) for name in texts),
        evaluation=None,
        provenance=Provenance(
            edgebert="0.1.0",
            checkpoint="small",
            checkpoint_sha256="0" * 64,
            packages=(Package(name="numpy", version="2.0.0"),),
        ),
    )
    write_manifest(root, manifest)
    return root


def _target(name: str) -> Target:
    precision, _, kind = Path(name).name.rpartition(".")
    assert kind in {"onnx", "tflite"}
    assert precision in {"float32", "int8", "int8-legacy"}
    return Target(format=kind, precision=precision)  # type: ignore[arg-type]


def _artifact(root: Path, name: str, labels: int) -> Artifact:
    target, entry = _target(name), file_entry(root, name)
    onnx = target.format == "onnx"
    whole, batch = ("int64", "batch") if onnx else ("int32", 1)
    return Artifact(
        file=name,
        role="baseline" if name.startswith("baseline/") else "shipped",
        format=target.format,
        precision=target.precision,
        inputs=tuple(
            TensorSpec(name=key, dtype=whole, shape=(batch, "length")) for key in ("input_ids", "attention_mask")
        ),
        outputs=(TensorSpec(name="logits", dtype="float32", shape=(batch, labels)),),
        lengths=() if onnx else LENGTHS,
        opset=17 if onnx else None,
        ir_version=8 if onnx else None,
        operators=(),
        parts=(),
        size_bytes=entry.size_bytes,
        sha256=entry.sha256,
        tolerance=0.0001 if target.precision == "float32" else 0.25,
        verified=(),
        score=None,
    )
