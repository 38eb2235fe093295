"""Values of the library as rows of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebert.architecture import Pruning
from edgebert.bundle import Bundle
from edgebert.card import agreement_text, change_text, cut_text, share_of_float
from edgebert.manifest import Artifact, Manifest, Score
from edgebert.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.checkpoint import Checkpoint
    from edgebert.demo.compare import Compared

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
COMPARED_COLUMNS = ("file", "size MB", "accuracy %", "change (95 % interval)", "ms a text", "as fast as float")
RECIPE_COLUMNS = ("recipe", "what it makes", "files", "lengths", "needs")


def export_rows(bundle: Bundle) -> list[list[str]]:
    """Return the closing table of an export, baselines last."""
    return [_export_row(bundle, item) for item in (*bundle.shipped, *bundle.baseline)]


def export_notes(manifest: Manifest) -> list[str]:
    """Return what the reader of that table should know about how its numbers came about."""
    notes, pruning, data = [], manifest.pruning, manifest.evaluation
    if added := manifest.text.added_tokens:
        notes.append(
            f"the tokenizer has {len(added)} added token{'s' if len(added) > 1 else ''}, first {added[0].content!r}: "
            f"an app must take them out of texts before WordPiece (text.added_tokens; docs/tokenizer.md, step 1)"
        )
    if data is None:
        notes.append("accuracy was not measured: give --eval FILE to compare every file with the float model")
    if pruning is not None and manifest.original is None:
        notes.append(
            "compared with the pruned float model; give --baseline MODEL to compare with the original it was cut from"
        )
    if pruning is not None and data is not None and pruning.train.sha256 == data.sha256:
        notes.append("the texts of --eval took part in the pruning: accuracy on new texts will be lower")
    return notes


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


def recipe_rows(recipes: tuple[Recipe, ...]) -> list[list[str]]:
    """Return one row for each recipe."""
    return [
        [
            item.name,
            item.description,
            ", ".join(target.file for target in item.targets),
            ", ".join(map(str, item.lengths)),
            "--train" if item.prune else "-",
        ]
        for item in recipes
    ]


def compared_rows(files: Sequence[Compared]) -> list[list[str]]:
    """Return one row for each file, baselines first, timed against the float file of its format."""
    float_ns = {item.artifact.format: item.text_ns for item in files if item.artifact.role == "baseline"}
    return [
        [
            f"{item.bundle}/{item.artifact.file}",
            f"{item.artifact.size_bytes / 1e6:.1f}",
            f"{100 * item.artifact.score.value:.2f}" if item.artifact.score else "-",
            change_text(item.artifact.score) or "-",
            f"{item.text_ns / 1e6:.2f}",
            f"{float_ns[item.artifact.format] / item.text_ns:.2f} x",
        ]
        for item in sorted(files, key=lambda item: item.artifact.role == "shipped")
    ]


def pruning_rows(checkpoint: Checkpoint) -> list[list[str]]:
    """Return what pruning left of a checkpoint, beside what there was before the first cut."""
    after, record = checkpoint.architecture, checkpoint.pruning
    assert record is not None
    before = record.original
    rows = [
        ["layers", str(before.layers), str(after.layers)],
        ["heads", ", ".join(map(str, before.heads)), ", ".join(map(str, after.heads))],
        ["neurons", ", ".join(map(str, before.neurons)), ", ".join(map(str, after.neurons))],
        ["tokens", str(before.vocabulary), str(after.vocabulary)],
        ["multiply-accumulates", "100 %", f"{100 * record.macs_share:.1f} %"],
    ]
    if (cut := record.vocabulary) is not None:
        rows += [
            ["unknown words *", f"{100 * cut.unknown_before:.2f} %", f"{100 * cut.unknown_after:.2f} %"],
            ["tokens a text *", f"{cut.tokens_per_text_before:.1f}", f"{cut.tokens_per_text_after:.1f}"],
        ]
        if cut.accuracy_before is not None and cut.accuracy_after is not None:
            rows.append(["accuracy *", f"{100 * cut.accuracy_before:.1f} %", f"{100 * cut.accuracy_after:.1f} %"])
    return rows


def pruning_notes(record: Pruning) -> list[str]:
    """Return what the reader of that table should know about how its numbers came about."""
    notes = []
    if (cut := record.vocabulary) is not None:
        notes.append(
            f"* by the vocabulary cut alone, on {cut.texts} training texts that had no say in such a cut; it saves "
            f"{cut.bytes_saved / 1e6:.1f} MB of float embeddings, a quarter of that in int8"
        )
    if (recovery := record.distillation) is not None:
        notes.append(
            f"distilled: gives the original's label for {100 * recovery.agreement_after:.1f} % of "
            f"{recovery.held_out} held-out texts ({100 * recovery.agreement_before:.1f} % before)"
        )
    return notes


def inspection_head(manifest: Manifest) -> list[str]:
    """Return what is to be said of a bundle as a whole, in a few lines."""
    shape, text, source, pruning = manifest.architecture, manifest.text, manifest.provenance, manifest.pruning
    widths = f"heads {list(shape.heads)}, neurons {list(shape.neurons)}"
    tables = f"vocabulary {shape.vocabulary}, positions {shape.positions}"
    casing = "lower-cased, " if text.lower_case else ""
    made = f"recipe {manifest.recipe.name}; checkpoint {source.checkpoint} ({source.checkpoint_sha256[:12]})"
    lines = [
        f"{manifest.task}, labels {', '.join(manifest.labels)}",
        f"{shape.layers} layers, hidden {shape.hidden}, {widths}, {tables}, {shape.activation}",
        f"texts: {casing}at most {text.max_length} tokens; {made}",
    ]
    if pruning is not None:
        original_name = f"{pruning.original_name} ({pruning.original_sha256[:12]})"
        lines.append(f"pruned from {original_name}: {cut_text(pruning, shape)}")
    if (original := manifest.original) is not None:
        lines.append(f"baselines: of {original.checkpoint} ({original.checkpoint_sha256[:12]})")
    return lines


def inspection_rows(item: Artifact) -> list[list[str]]:
    """Return what is to be said of one model file, as name and value."""
    total = max(item.size_bytes, 1)  # an empty file has no parts, whatever its manifest says
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
