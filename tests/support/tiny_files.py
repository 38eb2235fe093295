"""Small files made without torch: models whose answer is known by hand, a tokenizer, a manifest, a bundle.

A tiny model answers ``(sum * 2^-8, sum * -2^-7)`` for the sum of the ids it is shown, which float32 computes exactly.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.architecture import Architecture
from edgebert.bundle import GOLDEN, SCHEMA, TOKENIZER, file_entry, write_manifest
from edgebert.golden import GOLDEN_SCHEMA, Golden, GoldenCase, GoldenWindow, Tensor
from edgebert.jsonio import dumps
from edgebert.manifest import (
    Artifact,
    EvaluationData,
    Manifest,
    Operator,
    Package,
    Part,
    Provenance,
    Score,
    TensorSpec,
    TextSpec,
    Verification,
)
from edgebert.recipe import Recipe, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tokenizers import Tokenizer

SCALE = (2.0**-8, -(2.0**-7))
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
WORDS = ("good", "bad", "cafe", "battery", "mask", "naive", "straße", "σας", "価", "格", "##ful", "##ly", "##ing", "un")
MARKS = "[]!?.,;:'\"()#@$%&*+-/<=>_~—…。，"
VOCABULARY = (*SPECIALS, *LETTERS, *(f"##{letter}" for letter in LETTERS), *MARKS, *WORDS)
SPEC = TextSpec(lower_case=True, max_length=8, lengths=(4, 8), pad_id=0, cls_id=2, sep_id=3, unk_id=1)


def answer(ids: Iterable[int], scale: Sequence[float] = SCALE) -> tuple[float, ...]:
    """Return the logits of a tiny model."""
    return tuple(sum(ids) * factor for factor in scale)


def logits(values: Iterable[float]) -> dict[str, Tensor]:
    """Return the outputs of a classifier, as golden files and workers state them."""
    numbers = tuple(float(value) for value in values)
    return {"logits": Tensor(shape=(len(numbers),), values=numbers)}


def golden_case(text: str, ids: Sequence[int], values: Iterable[float]) -> GoldenCase:
    """Return a golden text of a classifier that reads it as one input."""
    return GoldenCase(texts=(text,), windows=(GoldenWindow(input_ids=tuple(ids), outputs=logits(values)),))


def logits_of(case: GoldenCase) -> tuple[float, ...]:
    """Return the logits of a golden text of a classifier."""
    return case.windows[0].outputs["logits"].values


def write_onnx(path: Path, *, scale: Sequence[float] = SCALE, output: str = "logits") -> Path:
    """Write a tiny ONNX file with dynamic batch and length."""
    from onnx import TensorProto, helper, save

    def tensor(name: str, kind: int, shape: list[str | int]):
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["input_ids", "attention_mask"], ["seen"]),
            helper.make_node("Cast", ["seen"], ["real"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["real", "axis"], ["sum"], keepdims=1),
            helper.make_node("Mul", ["sum", "scale"], [output]),
        ],
        "tiny",
        [tensor(name, TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")],
        [tensor(output, TensorProto.FLOAT, ["batch", len(scale)])],
        [
            helper.make_tensor("axis", TensorProto.INT64, [1], [1]),
            helper.make_tensor("scale", TensorProto.FLOAT, [1, len(scale)], list(scale)),
        ],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def write_tflite(
    path: Path,
    *,
    scale: Sequence[float] = SCALE,
    lengths: Sequence[int] = SPEC.lengths,
    prefix: str = "len",
    output: str = "logits",
) -> Path:
    """Write a tiny TFLite file with one signature for each length, in the order given."""
    import flatbuffers
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    kinds = {"CAST": 1, "MUL": 1, "SUM": 1}
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT() for _ in range(3)]
    model.buffers[1].data = np.frombuffer(np.array([1], np.int32).tobytes(), np.uint8)
    model.buffers[2].data = np.frombuffer(np.array(scale, np.float32).tobytes(), np.uint8)
    model.operatorCodes = []
    for name, version in kinds.items():
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = version
        model.operatorCodes.append(code)
    model.subgraphs, model.signatureDefs = [], []

    def tensor(name: str, kind: int, shape: Sequence[int], buffer: int = 0):
        made = schema.TensorT()
        made.name, made.type, made.shape, made.buffer = name, kind, np.array(shape, np.int32), buffer
        return made

    def step(kind: str, inputs: Sequence[int], result: int, options: object = None):
        made = schema.OperatorT()
        made.opcodeIndex = list(kinds).index(kind)
        made.inputs, made.outputs = np.array(inputs, np.int32), np.array([result], np.int32)
        if options is not None:
            made.builtinOptions = options
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        return made

    def named(name: str, index: int):
        made = schema.TensorMapT()
        made.name, made.tensorIndex = name, index
        return made

    whole, real = schema.TensorType.INT32, schema.TensorType.FLOAT32
    for index, length in enumerate(lengths):
        graph, signature, keep = schema.SubGraphT(), schema.SignatureDefT(), schema.ReducerOptionsT()
        keep.keepDims = True
        graph.name = signature.signatureKey = f"{prefix}{length}"
        graph.tensors = [
            tensor("input_ids", whole, [1, length]),
            tensor("attention_mask", whole, [1, length]),
            tensor("real_ids", real, [1, length]),
            tensor("real_mask", real, [1, length]),
            tensor("seen", real, [1, length]),
            tensor("axis", whole, [1], 1),
            tensor("sum", real, [1, 1]),
            tensor("scale", real, [1, len(scale)], 2),
            tensor(output, real, [1, len(scale)]),
        ]
        graph.inputs, graph.outputs = np.array([0, 1], np.int32), np.array([8], np.int32)
        graph.operators = [
            step("CAST", [0], 2),
            step("CAST", [1], 3),
            step("MUL", [2, 3], 4, schema.MulOptionsT()),
            step("SUM", [4, 5], 6, keep),
            step("MUL", [6, 7], 8, schema.MulOptionsT()),
        ]
        signature.subgraphIndex = index
        signature.inputs, signature.outputs = [named("input_ids", 0), named("attention_mask", 1)], [named(output, 8)]
        model.subgraphs.append(graph)
        model.signatureDefs.append(signature)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def make_tokenizer(*, lower_case: bool = True) -> Tokenizer:
    """Return a WordPiece tokenizer of ``VOCABULARY`` with BERT's normalizer, pre-tokenizer and special tokens."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    ids = {token: index for index, token in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens(list(SPECIALS))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower_case)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def make_score(file: str, value: float, *, baseline: str | None) -> Score:
    """Return a score on 1,000 examples, paired with a baseline if one is named."""
    paired = {} if baseline is None else _PAIRED
    runtime = "onnxruntime" if file.endswith("onnx") else "litert"
    return Score(
        file=file,
        runtime=runtime,
        metric="accuracy",
        value=value,
        low=value - 0.0175,
        high=value + 0.0125,
        examples=1000,
        baseline=baseline,
        **paired,
    )


_PAIRED = {
    "difference": -0.003,
    "difference_low": -0.0081,
    "difference_high": 0.0019,
    "agreement": 0.991,
    "flips": 9,
    "mcnemar_p": 0.5078125,
}


def make_artifact(target: Target, *, role: str = "shipped", value: float | None = None, size: int = 1000) -> Artifact:
    """Return an artifact; its hash is of no file."""
    onnx = target.format == "onnx"
    file = target.file if role == "shipped" else f"baseline/{target.file}"
    baseline = f"baseline/float32.{target.format}" if role == "shipped" else None
    whole = "int64" if onnx else "int32"
    return Artifact(
        file=file,
        role=role,
        format=target.format,
        precision=target.precision,
        inputs=tuple(
            TensorSpec(name=name, dtype=whole, shape=("batch" if onnx else 1, "length"))
            for name in ("input_ids", "attention_mask")
        ),
        outputs=(TensorSpec(name="logits", dtype="float32", shape=("batch" if onnx else 1, 2)),),
        lengths=() if onnx else SPEC.lengths,
        opset=17 if onnx else None,
        ir_version=8 if onnx else None,
        operators=(Operator(name="Mul" if onnx else "MUL", version=14 if onnx else 1, count=2),),
        parts=(Part(name="head", size_bytes=8),),
        size_bytes=size,
        sha256="0" * 64,
        tolerance=0.03125,
        verified=(
            Verification(
                runtime="onnxruntime" if onnx else "litert",
                version="1.2.3",
                cpu="x86_64 avx512_vnni",
                texts=16,
                max_difference=0.03125,
            ),
        ),
        score=None if value is None else make_score(file, value, baseline=baseline),
    )


def make_manifest(*artifacts: Artifact, evaluation: EvaluationData | None = None) -> Manifest:
    """Return a manifest of some artifacts, or of an int8 file and its baseline in both formats."""
    targets = tuple(Target(format=name, precision="int8") for name in ("onnx", "tflite"))
    floats = tuple(Target(format=name, precision="float32") for name in ("onnx", "tflite"))
    made = [make_artifact(target, size=1000) for target in targets]
    made += [make_artifact(target, role="baseline", size=4000) for target in floats]
    made = list(artifacts) or made
    shipped = [item for item in made if item.role == "shipped"]
    targets = tuple(Target(format=item.format, precision=item.precision) for item in shipped)
    return Manifest(
        schema=SCHEMA,
        task="text-classification",
        labels=("negative", "positive"),
        text=SPEC,
        architecture=Architecture(
            hidden=32,
            head_dim=8,
            heads=(4, 2),
            neurons=(64, 24),
            vocabulary=len(VOCABULARY),
            positions=64,
            activation="gelu",
        ),
        recipe=Recipe(name="int8", description="dynamic int8", targets=targets, lengths=SPEC.lengths),
        artifacts=tuple(made),
        files=(),
        evaluation=evaluation,
        provenance=Provenance(
            edgebert="0.1.0",
            checkpoint="tiny",
            checkpoint_sha256="0123456789abcdef" * 4,
            packages=(Package(name="numpy", version="2.0.0"), Package(name="onnx", version="1.17.0")),
        ),
    )


GOLDEN_TEXTS = ("", "good", "bad battery [MASK]", "café naïve good good good good good")


def write_bundle(root: Path, *, formats: Sequence[str] = ("onnx",)) -> Manifest:
    """Write a bundle of tiny files into ``root`` and return its manifest."""
    from dataclasses import replace

    from edgebert.text import TextEncoder

    (root / "baseline").mkdir(parents=True)
    tokenizer = make_tokenizer()
    (root / TOKENIZER).write_text(tokenizer.to_str(), encoding="utf-8")
    (root / "vocab.txt").write_text("".join(f"{token}\n" for token in VOCABULARY), encoding="utf-8")
    encoder = TextEncoder(tokenizer, SPEC.max_length)
    ids = [encoder.encode(text) for text in GOLDEN_TEXTS]
    cases = [golden_case(text, row, answer(row)) for text, row in zip(GOLDEN_TEXTS, ids, strict=True)]
    golden = Golden(schema=GOLDEN_SCHEMA, cases=tuple(cases))
    (root / GOLDEN).write_text(dumps(golden), encoding="utf-8")
    artifacts = []
    for name in formats:
        for role, precision in (("shipped", "int8"), ("baseline", "float32")):
            artifact = make_artifact(Target(format=name, precision=precision), role=role)
            path = root / artifact.file
            (write_onnx if name == "onnx" else write_tflite)(path)
            entry = file_entry(root, artifact.file)
            artifacts.append(replace(artifact, size_bytes=entry.size_bytes, sha256=entry.sha256))
    files = tuple(file_entry(root, name) for name in (TOKENIZER, "vocab.txt", GOLDEN))
    manifest = replace(make_manifest(*artifacts), files=files)
    return write_manifest(root, manifest)
