"""The model card of a bundle: ``README.md`` and a plot of size against accuracy, made from the manifest alone."""

from __future__ import annotations

from pathlib import Path

from edgebert.errors import MissingExtraError
from edgebert.types import Artifact, Manifest, Score

PLOT = "size-accuracy.svg"


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write ``README.md`` and, where there are scores, the plot into a bundle's folder.

    Raises:
        MissingExtraError: There are scores to draw, but matplotlib is not installed.
    """
    scored = any(item.score for item in manifest.artifacts)
    if scored:
        draw_size_accuracy(manifest, folder / PLOT)
    (folder / "README.md").write_text(card_text(manifest, plot=PLOT if scored else None), encoding="utf-8")


def card_text(manifest: Manifest, *, plot: str | None) -> str:
    """Return the Markdown of a model card; ``plot`` is the file of its picture."""
    sections = [_introduction(manifest), "\n".join(_table(manifest))]
    if plot:
        sections.append(f"![Size of each file against its accuracy]({plot})")
    sections += [_evaluation(manifest), _use(manifest), _shape(manifest)]
    return "\n\n".join(sections) + "\n"


def _introduction(manifest: Manifest) -> str:
    source, labels = manifest.provenance, ", ".join(f"`{label}`" for label in manifest.labels)
    return f"""# {source.checkpoint}: {manifest.recipe.description}

A DistilBERT for {manifest.task.replace("-", " ")} with the labels {labels}, made by edgebert {source.edgebert}
with the recipe `{manifest.recipe.name}` from the checkpoint `{source.checkpoint}`
(sha256 `{source.checkpoint_sha256[:16]}…`)."""


def _evaluation(manifest: Manifest) -> str:
    data = manifest.evaluation
    if data is None:
        return "No evaluation data was given: whether int8 keeps the accuracy on your texts is not known."
    cut = f", {data.truncated} of them cut at {manifest.text.max_length} tokens" if data.truncated else ""
    return f"""Scored on {data.examples} texts of `{data.name}`{cut}. The change is paired with the float file
of the same format, text by text; its 95 % interval is Newcombe's (1998). Agreement is the share of texts on which both
give the same label."""


def _use(manifest: Manifest) -> str:
    text, formats = manifest.text, {item.format for item in manifest.artifacts}
    casing = "lower-cased and " if text.lower_case else ""
    lengths = ", ".join(map(str, text.lengths))
    rules = {
        "onnx": "- ONNX: int64 inputs of any length; run one text at a time, without padding.",
        "tflite": f"- TFLite: int32 inputs; signatures `len{text.lengths[0]}`, ... for the lengths {lengths}; use the "
        f"smallest that fits and pad with {text.pad_id}.",
    }
    return f"""## Use

Texts are {casing}split by the WordPiece tokenizer in `tokenizer.json` (`vocab.txt` lists the same tokens), with `[CLS]`
in front and `[SEP]` behind, and cut at {text.max_length} tokens. Inputs are `input_ids` and `attention_mask`; the
output is `logits`, in the order of the labels above.

{chr(10).join(rule for name, rule in rules.items() if name in formats)}

`golden.json` holds texts with the ids and logits that every app must reproduce: ids exactly, logits within the
tolerance that `edgebert.json` states for the file. `baseline/` is for measuring; it does not go into an app."""


def _shape(manifest: Manifest) -> str:
    shape, packages = manifest.architecture, manifest.provenance.packages
    return f"""## Shape

{shape.layers} layers, hidden size {shape.hidden}, heads {_widths(shape.heads)}, neurons {_widths(shape.neurons)},
{shape.vocabulary} tokens, {shape.positions} positions.

Made with {", ".join(f"{item.name} {item.version}" for item in packages)}."""


def draw_size_accuracy(manifest: Manifest, path: Path) -> None:
    """Draw size in MB against accuracy, with 95 % intervals, as an SVG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", extra="onnx", purpose="drawing the model card") from error
    scored = [(item, item.score) for item in manifest.artifacts if item.score]
    # A fixed salt, no date, and no settings of the user's: equal manifests give equal pictures.
    with style.context(["default", {"svg.hashsalt": "edgebert", "font.size": 10, "svg.fonttype": "path"}]):
        figure = Figure(figsize=(7.0, 4.0), layout="constrained")
        axes = figure.subplots()
        for item, score in scored:
            _draw_point(axes, item, score)
        axes.set_xlabel("file size (MB)")
        axes.set_ylabel(f"{scored[0][1].metric.replace('_', ' ')} (%)")
        axes.set_xlim(0, max(item.size_bytes for item, _ in scored) / 1e6 * 1.35)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": "edgebert"})


def _draw_point(axes: object, item: Artifact, score: Score) -> None:
    value, size = 100 * score.value, item.size_bytes / 1e6
    marker = "o" if item.format == "onnx" else "s"
    axes.errorbar(  # type: ignore[attr-defined]
        [size],
        [value],
        yerr=[[value - 100 * score.low], [100 * score.high - value]],
        fmt=marker,
        capsize=4,
        markersize=7,
        color="#8a8f98" if item.role == "baseline" else ("#0f6fc5" if item.format == "onnx" else "#d9730d"),
        label=f"{item.file}: {size:.1f} MB, {value:.1f} %",
    )


def _table(manifest: Manifest) -> list[str]:
    rows = ["| file | size | share of float | accuracy | change (95 % interval) | agreement | verified in |"]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    for item in manifest.artifacts:
        score = item.score
        verified = ", ".join(f"{found.runtime} {found.version}" for found in item.verified)
        cells = [f"`{item.file}`", f"{item.size_bytes / 1e6:.1f} MB", f"{share_of_float(manifest, item):.1%}"]
        cells += [f"{score.value:.1%}" if score else "", change_text(score), agreement_text(score), verified]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def share_of_float(manifest: Manifest, artifact: Artifact) -> float:
    """Return the size of a file over that of the float baseline of its format."""
    baseline = next(item for item in manifest.artifacts if item.role == "baseline" and item.format == artifact.format)
    return artifact.size_bytes / baseline.size_bytes


def change_text(score: Score | None) -> str:
    """Return the change against the baseline in points, with its interval; empty for a baseline."""
    if score is None or score.difference is None or score.difference_low is None or score.difference_high is None:
        return ""
    return f"{100 * score.difference:+.2f} ({100 * score.difference_low:+.2f} to {100 * score.difference_high:+.2f})"


def agreement_text(score: Score | None) -> str:
    """Return the share of texts on which file and baseline agree; empty for a baseline."""
    return "" if score is None or score.agreement is None else f"{score.agreement:.1%}"


def _widths(values: tuple[int, ...]) -> str:
    return f"{values[0]} in each" if len(set(values)) == 1 else ", ".join(map(str, values))
