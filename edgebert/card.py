"""The model card of a bundle: ``README.md`` and its pictures, made from the manifest alone."""

from __future__ import annotations

from pathlib import Path

from edgebert.card_code import inputs_text, run_text
from edgebert.card_cut import cut_sections
from edgebert.card_header import front_matter
from edgebert.card_plots import baseline_bytes, draw_changes, draw_pruning, forest_row
from edgebert.manifest import Artifact, Manifest, Score
from edgebert.metrics import METRICS
from edgebert.printable import markdown, markdown_code, markdown_table
from edgebert.tallies.changes import CHANGE_COLUMNS, change_cells, what_changed
from edgebert.tasks import task_head

PLOT, CUT = "size-accuracy.svg", "pruning.svg"


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write ``README.md`` and its pictures, where there are scores or a cut to draw, into a bundle's folder.

    Raises:
        MissingExtraError: There is something to draw, but matplotlib is not installed.
    """
    scored = any(item.score and item.score.difference is not None for item in manifest.artifacts)
    if scored:
        draw_changes(manifest, folder / PLOT)
    if manifest.pruning is not None:
        draw_pruning(manifest.pruning, manifest.architecture, folder / CUT)
    (folder / "README.md").write_text(card_text(manifest, plot=PLOT if scored else None), encoding="utf-8")


def card_text(manifest: Manifest, *, plot: str | None) -> str:
    """Return the Markdown of a model card; ``plot`` is the file of its picture of changes and sizes.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
    """
    sections = [f"{front_matter(manifest)}\n\n{_introduction(manifest)}", "## Results", _table(manifest)]
    if plot:
        change = f"Change of {_metric(manifest)} from the FP32 model with its 95 % interval"
        sections.append(f"![{change}, and size, of each file]({plot})")
    sections.append(_evaluation(manifest))
    if manifest.evaluation is not None and manifest.evaluation.label_changes:
        sections.append(_changes(manifest))
    sections.append(run_text(manifest))
    if manifest.pruning is not None:
        sections += cut_sections(manifest.pruning, manifest.architecture, picture=CUT)
    sections += [inputs_text(manifest), _origin(manifest)]
    return "\n\n".join(sections) + "\n"


def _introduction(manifest: Manifest) -> str:
    source = manifest.provenance
    made = (
        f"A DistilBERT for {_task_text(manifest)}. edgebert {source.edgebert} made it with the recipe "
        f"{markdown_code(manifest.recipe.name)} from the checkpoint {markdown_code(source.checkpoint)} "
        f"(sha256 `{source.checkpoint_sha256[:16]}…`).{_descent(manifest)}"
    )
    title = f"# {markdown(source.checkpoint)}: {markdown(manifest.recipe.description)}"
    return "\n\n".join([title, _headline(manifest), made])


def _headline(manifest: Manifest) -> str:
    """Return a line for each shipped file: its size and its change of the metric."""
    lines = []
    for item in manifest.artifacts:
        if item.role == "shipped":
            share = share_text(share_of_float(manifest, item))
            said = f"- {markdown_code(item.file)} has {share} of the size of the FP32 model."
            if item.score is not None and item.score.difference is not None:
                metric, row = METRICS[item.score.metric], forest_row(item.file, item.score, item.size_bytes, None)
                change, _, interval = change_text(item.score).partition(" ")
                told = f"{change} {metric.unit}".rstrip()
                said += f" {_capital(metric.name)}: **{row.verdict}**, {told} {interval}."
            lines.append(said)
    return "\n".join(lines)


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


_MOST_LABELS = 12


def _task_text(manifest: Manifest) -> str:
    """Return what the model does, with its labels where these are not too many."""
    said, labels = manifest.task.replace("-", " "), manifest.labels
    if labels:
        named = ", ".join(map(markdown_code, labels[:_MOST_LABELS]))
        more = (
            ""
            if len(labels) <= _MOST_LABELS
            else f" and {len(labels) - _MOST_LABELS} more (all are in `edgebert.json`)"
        )
        said += f" with {len(labels)} {'label' if len(labels) == 1 else 'labels'}: {named}{more}"
    if (width := manifest.settings.width) is not None:
        said += f" (sentence embeddings of {width} numbers)"
    return said


def _descent(manifest: Manifest) -> str:
    """Return what the introduction says of pruning, and of a baseline that is another model."""
    said, pruning, original = "", manifest.pruning, manifest.original
    if pruning is not None:
        name = markdown_code(pruning.original_name)
        said = f" It was pruned: {pruning.macs_share:.0%} of the multiply-accumulates of {name} are left."
    if original is not None:
        said += (
            f" The FP32 files in `baseline/` are those of the original, {markdown_code(original.checkpoint)} "
            f"(sha256 `{original.checkpoint_sha256[:16]}…`)."
        )
    elif pruning is not None:
        said += " The FP32 files in `baseline/` are those of the pruned model, not of the original."
    return said


def _evaluation(manifest: Manifest) -> str:
    data, pruning = manifest.evaluation, manifest.pruning
    if data is None:
        kept = f"whether int8 keeps the {_metric(manifest)} on your {_one(manifest)}s"
        return f"No evaluation data was given: {kept} is not known. `edgebert evaluate bundle --eval FILE` measures it."
    cut = f", {data.truncated} of them cut at {manifest.text.max_length} tokens" if data.truncated else ""
    seen = ""
    if pruning is not None and pruning.train.sha256 == data.sha256:
        seen = " These texts took part in the pruning: expect worse scores on new ones."
    one = _one(manifest)
    texts = f"{data.examples:,} {one}s of {markdown_code(data.name)}"
    metric = next(item.score.metric for item in manifest.artifacts if item.score)
    interval = "Newcombe's (1998)" if METRICS[metric].is_share else "computed by resampling the texts"
    answer = "label" if manifest.task == "text-classification" else "answer"
    return (
        f"Scored on {texts}{cut}. The change is from the FP32 file of the same format, paired {one} by {one}; its 95 % "
        f"interval is {interval}. A change whose interval contains 0 is not significant. Agreement is the share of "
        f"{one}s to which both files give the same {answer}.{seen}"
    )


def _changes(manifest: Manifest) -> str:
    """Return the table of what changed most by label."""
    changes = manifest.evaluation.label_changes if manifest.evaluation else ()
    rows = [
        (markdown_code(file), markdown_code(label), *map(markdown, numbers))
        for file, label, *numbers in map(change_cells, changes)
    ]
    return f"""{what_changed(manifest.task)}:

{markdown_table(CHANGE_COLUMNS, rows, right=range(2, 6))}"""


def _one(manifest: Manifest) -> str:
    return "question" if manifest.task == "question-answering" else "text"


def _origin(manifest: Manifest) -> str:
    """Return shape and versions, and what is not known of the license."""
    shape, packages = manifest.architecture, manifest.provenance.packages
    versions = ", ".join(markdown(f"{item.name} {item.version}") for item in packages)
    shaped = (
        f"{shape.layers} layers, hidden size {shape.hidden}, heads {_widths(shape.heads)}, neurons "
        f"{_widths(shape.neurons)}, {shape.vocabulary} tokens, {shape.positions} positions. Made with {versions}."
    )
    rights = (
        "The license is that of the checkpoint and of its training data; edgebert does not read it. The scores above "
        "hold for the evaluation data. For other data, evaluate again: `edgebert evaluate bundle --eval FILE`."
    )
    return f"## Origin\n\n{shaped}\n\n{rights}"


def _table(manifest: Manifest) -> str:
    columns = (
        "file",
        "size",
        "of FP32",
        _metric(manifest),
        "change (95 % interval)",
        "agreement",
        "verified in",
    )
    rows = [
        (
            markdown_code(item.file),
            f"{item.size_bytes / 1e6:.1f} MB",
            share_text(share_of_float(manifest, item)),
            value_text(item.score),
            change_text(item.score),
            agreement_text(item.score),
            ", ".join(f"{found.runtime} {found.version}" for found in item.verified),
        )
        for item in sorted(manifest.artifacts, key=lambda item: item.role == "baseline")
    ]
    # Without evaluation data, three columns have nothing in them.
    kept = [place for place, cells in enumerate(zip(*rows, strict=True)) if any(cells)]
    shown = [tuple(row[place] for place in kept) for row in rows]
    return markdown_table([columns[place] for place in kept], shown, right=range(1, len(kept) - 1))


def _metric(manifest: Manifest) -> str:
    """Return the name of the metric of the scores, or of the task where there is none."""
    scored = (item.score.metric for item in manifest.artifacts if item.score)
    return METRICS[next(scored, task_head(manifest.task).metrics[0])].name


def share_of_float(manifest: Manifest, artifact: Artifact) -> float:
    """Return the size of a file over that of the FP32 baseline of its format."""
    return artifact.size_bytes / max(baseline_bytes(manifest, artifact), 1)


def share_text(share: float) -> str:
    """Return a share, e.g. 0.254, as every table shows it, e.g. ``25.4 %``."""
    return f"{100 * share:.1f} %"


def value_text(score: Score | None) -> str:
    """Return the value of a score, in per cent where it is a share; empty without a score."""
    if score is None:
        return ""
    return share_text(score.value) if METRICS[score.metric].in_points else f"{score.value:.4f}"


def change_text(score: Score | None) -> str:
    """Return the change against the baseline (in points, if a share) with its interval; empty for a baseline."""
    if score is None or score.difference is None or score.difference_low is None or score.difference_high is None:
        return ""
    numbers = (score.difference, score.difference_low, score.difference_high)
    change, *ends = (METRICS[score.metric].shown(number, sign=True) for number in numbers)
    return f"{change} ({' to '.join(ends)})"


def agreement_text(score: Score | None) -> str:
    """Return the share of texts on which file and baseline agree; empty for a baseline."""
    return "" if score is None or score.agreement is None else share_text(score.agreement)


def _widths(values: tuple[int, ...]) -> str:
    return f"{values[0]} in each" if len(set(values)) == 1 else ", ".join(map(str, values))
