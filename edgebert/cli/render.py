"""Values of the library as rows of tables."""

from __future__ import annotations

from edgebert.bundle import Bundle
from edgebert.card import agreement_text, change_text, share_of_float
from edgebert.types import Artifact, Score

EXPORT_COLUMNS = (
    "file",
    "runtime",
    "size MB",
    "of float",
    "accuracy %",
    "change (95 % interval)",
    "agreement",
    "parity",
)
SCORE_COLUMNS = (
    "file",
    "runtime",
    "metric",
    "value %",
    "95 % interval",
    "change (95 % interval)",
    "agreement",
    "flips",
)


def export_rows(bundle: Bundle) -> list[list[str]]:
    """Return the closing table of an export, baselines last."""
    return [_export_row(bundle, item) for item in (*bundle.shipped, *bundle.baseline)]


def _export_row(bundle: Bundle, item: Artifact) -> list[str]:
    verified = item.verified[0]
    score = item.score
    return [
        item.file,
        f"{verified.runtime} {verified.version}",
        f"{item.size_bytes / 1e6:.1f}",
        f"{share_of_float(bundle.manifest, item):.3f}",
        f"{100 * score.value:.2f}" if score else "-",
        change_text(score) or "-",
        agreement_text(score) or "-",
        f"{verified.max_difference:.1e} of {item.tolerance:.1e}",
    ]


def score_rows(scores: tuple[Score, ...]) -> list[list[str]]:
    """Return one row for each score."""
    return [
        [
            score.file,
            score.runtime,
            score.metric,
            f"{100 * score.value:.2f}",
            f"{100 * score.low:.2f} to {100 * score.high:.2f}",
            change_text(score) or "-",
            agreement_text(score) or "-",
            "-" if score.flips is None else f"{score.flips} of {score.examples}",
        ]
        for score in scores
    ]


def inspection_rows(item: Artifact) -> list[list[str]]:
    """Return what is to be said of one model file, as name and value."""
    total = item.size_bytes
    parts = [
        [f"  {part.name}", f"{part.size_bytes / 1e6:9.3f} MB  {part.size_bytes / total:6.1%}"] for part in item.parts
    ]
    verified = [
        f"{v.runtime} {v.version} on {v.cpu}: within {v.max_difference:.1e} on {v.texts} texts" for v in item.verified
    ]
    versions = f"opset {item.opset}, IR {item.ir_version}" if item.format == "onnx" else "TFLite schema 3"
    operators = ", ".join(
        f"{o.name} x{o.count}" + (f" v{o.version}" if item.format == "tflite" else "") for o in item.operators
    )
    tensors = [
        [kind, f"{tensor.name} {tensor.dtype}[{', '.join(map(str, tensor.shape))}]"]
        for kind, group in (("input", item.inputs), ("output", item.outputs))
        for tensor in group
    ]
    return [
        ["role", item.role],
        ["size", f"{total / 1e6:9.3f} MB"],
        *parts,
        *tensors,
        ["lengths", ", ".join(map(str, item.lengths)) or "any"],
        ["versions", versions],
        ["operators", operators],
        ["tolerance", f"{item.tolerance:.3g}"],
        *(["verified", line] for line in verified),
        ["sha256", item.sha256],
    ]
