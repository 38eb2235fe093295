"""The model card of a bundle: ``README.md`` and its pictures, made from the manifest alone."""

from __future__ import annotations

from pathlib import Path

from edgebert.architecture import Architecture, Distillation, Pruning, VocabularyCut
from edgebert.card_plots import baseline_bytes, draw_changes, draw_pruning
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
    """Return the Markdown of a model card; ``plot`` is the file of its picture of sizes and scores."""
    sections = [_introduction(manifest), _table(manifest)]
    if plot:
        change = f"Change of {_metric(manifest)} from the FP32 model with its 95 % interval"
        sections.append(f"![{change}, and size, of each file]({plot})")
    sections.append(_evaluation(manifest))
    if manifest.evaluation is not None and manifest.evaluation.label_changes:
        sections.append(_changes(manifest))
    if manifest.pruning is not None:
        sections += _cut(manifest.pruning, manifest.architecture)
    sections += [_use(manifest), _shape(manifest)]
    return "\n\n".join(sections) + "\n"


def _introduction(manifest: Manifest) -> str:
    source = manifest.provenance
    return f"""# {markdown(source.checkpoint)}: {markdown(manifest.recipe.description)}

A DistilBERT for {_task_text(manifest)}, made by edgebert {source.edgebert}
with the recipe {markdown_code(manifest.recipe.name)} from the checkpoint {markdown_code(source.checkpoint)}
(sha256 `{source.checkpoint_sha256[:16]}…`).{_descent(manifest)}"""


def _task_text(manifest: Manifest) -> str:
    """Return what the model does, with its labels."""
    said = manifest.task.replace("-", " ")
    if manifest.labels:
        said += f" with the labels {', '.join(map(markdown_code, manifest.labels))}"
    if (width := manifest.settings.width) is not None:
        said += f" (sentence embeddings of {width} numbers)"
    return said


def _descent(manifest: Manifest) -> str:
    """Return what the introduction says of pruning, and of a baseline that is another model."""
    said, pruning, original = "", manifest.pruning, manifest.original
    if pruning is not None:
        name = markdown_code(pruning.original_name)
        said = f"\nIt was pruned: {pruning.macs_share:.0%} of the multiply-accumulates of {name} are left."
    if original is not None:
        said += (
            "\nThe float files in `baseline/` are of the model that it is compared with, "
            f"{markdown_code(original.checkpoint)}\n"
            f"(sha256 `{original.checkpoint_sha256[:16]}…`)."
        )
    elif pruning is not None:
        said += "\nThe float files in `baseline/` are of the pruned model, not of the one it was cut from."
    return said


def _cut(pruning: Pruning, architecture: Architecture) -> list[str]:
    said = [f"{cut_text(pruning, architecture)}. The budget was {pruning.keep:.0%} {_BUDGETS[pruning.budget]}."]
    said.append(_texts(pruning))
    if pruning.vocabulary is not None:
        said.append(_vocabulary(pruning.vocabulary))
    if pruning.distillation is not None:
        said.append(_recovery(pruning.distillation))
    elif pruning.keep < 1:
        said.append("The weights that stayed were re-fitted once, not trained.")
    return ["## What was cut", *said, f"![Heads and neurons left in each layer]({CUT})"]


_BUDGETS = {"macs": "of its work", "latency": "of its measured time"}


def _texts(pruning: Pruning) -> str:
    train = pruning.train
    file = f"the {train.examples} texts of {markdown_code(train.name)} (sha256 `{train.sha256[:16]}…`)"
    length = f"these have {pruning.tokens_per_text:.1f} tokens on average"
    if not pruning.sample:
        return f"It was done with {file}; {length}."
    return f"What may go was judged on {pruning.sample} of {file}, drawn with the seed {pruning.seed}; {length}."


def _vocabulary(cut: VocabularyCut) -> str:
    said = (
        f"The vocabulary went from {cut.tokens_before} to {cut.tokens_after} tokens, which saves "
        f"{cut.bytes_saved / 1e6:.1f} MB as float32. "
    )
    if not cut.texts:
        return said + "No text was left to see what that does to new ones."
    said += (
        f"On {cut.texts} texts that had no say in it, a text has {cut.tokens_per_text_after:.1f} tokens on average "
        f"instead of {cut.tokens_per_text_before:.1f}, {cut.unknown_after:.2%} of the words are unknown instead of "
        f"{cut.unknown_before:.2%}, and {cut.agreement:.1%} of the texts keep their answer"
    )
    if cut.accuracy_before is None or cut.accuracy_after is None:
        return said + "."
    return said + f"; the accuracy is {cut.accuracy_after:.1%} instead of {cut.accuracy_before:.1%}."


def _recovery(recovery: Distillation) -> str:
    labels = "with their labels" if recovery.labelled else "without labels"
    said = (
        f"The model was recovered by distillation from the original: {recovery.epochs:g} "
        f"{'epoch' if recovery.epochs == 1 else 'epochs'} over the texts {labels}, learning rate "
        f"{recovery.learning_rate:g}, temperature {recovery.temperature:g}"
        f"{', computed in bfloat16' if recovery.precision == 'bfloat16' else ''}."
    )
    if not recovery.held_out:
        return said
    return said + (
        f" On {recovery.held_out} texts that were kept aside, it answers as the original on "
        f"{recovery.agreement_after:.1%}; before, it was {recovery.agreement_before:.1%}."
    )


def cut_text(pruning: Pruning, architecture: Architecture) -> str:
    """Return in one phrase what is left of the original: work, layers, heads, neurons and tokens."""
    original = pruning.original
    dropped = [str(layer + 1) for layer in range(original.layers) if layer not in pruning.layers]
    layers = f"{architecture.layers} of {original.layers} layers"
    if dropped:
        layers += f" ({'layer' if len(dropped) == 1 else 'layers'} {', '.join(dropped)} went)"
    return (
        f"{pruning.macs_share:.1%} of the multiply-accumulates are left: {layers}, "
        f"{sum(architecture.heads)} of {sum(original.heads)} heads, {sum(architecture.neurons)} of "
        f"{sum(original.neurons)} neurons, {architecture.vocabulary} of {original.vocabulary} tokens"
    )


def _evaluation(manifest: Manifest) -> str:
    data, pruning = manifest.evaluation, manifest.pruning
    if data is None:
        kept = f"whether int8 keeps the {_metric(manifest)} on your {_one(manifest)}s"
        return f"No evaluation data was given: {kept} is not known."
    cut = f", {data.truncated} of them cut at {manifest.text.max_length} tokens" if data.truncated else ""
    seen = ""
    if pruning is not None and pruning.train.sha256 == data.sha256:
        seen = " These texts took part in the pruning: scores on new ones will be worse."
    one = _one(manifest)
    texts = f"{data.examples} {one}s of {markdown_code(data.name)}"
    metric = next(item.score.metric for item in manifest.artifacts if item.score)
    interval = "Newcombe's (1998)" if METRICS[metric].is_share else "computed by resampling the texts"
    answer = "label" if manifest.task == "text-classification" else "answer"
    return f"""Scored on {texts}{cut}. The change is paired with the float file
of the same format, {one} by {one}; its 95 % interval is {interval}. Agreement is the share of {one}s on which both
give the same {answer}.{seen}"""


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


def _use(manifest: Manifest) -> str:
    text, formats = manifest.text, {item.format for item in manifest.artifacts}
    casing = "lower-cased and " if text.lower_case else ""
    lengths = ", ".join(map(str, text.lengths))
    rules = {
        "onnx": "- ONNX: int64 inputs of any length; run one text at a time, without padding.",
        "tflite": f"- TFLite: int32 inputs; signatures `len{text.lengths[0]}`, ... for the lengths {lengths}; use the "
        f"smallest that fits and pad with {text.pad_id}.",
    }
    added = ""
    if text.added_tokens:
        names = ", ".join(markdown_code(token.content) for token in text.added_tokens)
        added = f"""
Added tokens are taken out of a text before: {names}; `edgebert.json` has their ids.
"""
    outputs = _outputs_text(manifest)
    return f"""## Use

Texts are {casing}split by the WordPiece tokenizer in `tokenizer.json` (`vocab.txt` lists the same tokens), with `[CLS]`
in front and `[SEP]` behind, and cut at {text.max_length} tokens. Inputs are `input_ids` and `attention_mask`; the
{outputs}.
{added}
{chr(10).join(rule for name, rule in rules.items() if name in formats)}

`golden.json` holds texts with the ids and logits that every app must reproduce: ids exactly, logits within the
tolerance that `edgebert.json` states for the file. `baseline/` is for measuring; it does not go into an app."""


def _outputs_text(manifest: Manifest) -> str:
    """Return what the outputs of the files are."""
    outputs = task_head(manifest.task).outputs
    if manifest.task == "text-classification":
        return "output is `logits`, in the order of the labels above"
    named = ", ".join(f"`{name}` ({' x '.join(dims)})" for name, dims in outputs.items())
    order = "; labels are in the order above" if manifest.labels else ""
    return f"{'output is' if len(outputs) == 1 else 'outputs are'} {named}{order}"


def _shape(manifest: Manifest) -> str:
    shape, packages = manifest.architecture, manifest.provenance.packages
    return f"""## Shape

{shape.layers} layers, hidden size {shape.hidden}, heads {_widths(shape.heads)}, neurons {_widths(shape.neurons)},
{shape.vocabulary} tokens, {shape.positions} positions.

Made with {", ".join(markdown(f"{item.name} {item.version}") for item in packages)}."""


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
    return markdown_table(columns, rows, right=range(1, 6))


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
