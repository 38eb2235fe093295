"""What a model card says of pruning: what was cut, by which texts, and how the rest was recovered."""

from __future__ import annotations

from edgebert.architecture import Architecture, Distillation, Pruning, VocabularyCut
from edgebert.printable import markdown_code


def cut_sections(pruning: Pruning, architecture: Architecture, *, picture: str) -> list[str]:
    """Return the paragraphs about a cut: what is left, by which texts it was chosen, and how the rest was trained."""
    said = [f"{cut_text(pruning, architecture)}. The budget was {pruning.keep:.0%} {_BUDGETS[pruning.budget]}."]
    said.append(_texts(pruning))
    if pruning.vocabulary is not None:
        said.append(_vocabulary(pruning.vocabulary))
    if pruning.distillation is not None:
        said.append(_recovery(pruning.distillation))
    elif pruning.keep < 1:
        said.append("The remaining weights were fitted again once, by least squares. They were not trained.")
    return ["## What was cut", *said, f"![Heads and neurons left in each layer]({picture})"]


_BUDGETS = {"macs": "of its work", "latency": "of its measured time"}


def _texts(pruning: Pruning) -> str:
    train = pruning.train
    file = f"the {train.examples} texts of {markdown_code(train.name)} (sha256 `{train.sha256[:16]}…`)"
    length = f"these have {pruning.tokens_per_text:.1f} tokens on average"
    if not pruning.sample:
        return f"No heads or neurons were scored. The training texts were {file}; {length}."
    return f"Heads and neurons were scored on {pruning.sample} of {file}, drawn with the seed {pruning.seed}; {length}."


def _vocabulary(cut: VocabularyCut) -> str:
    said = (
        f"The vocabulary was cut from {cut.tokens_before} to {cut.tokens_after} tokens, which saves "
        f"{cut.bytes_saved / 1e6:.1f} MB in FP32. "
    )
    if not cut.texts:
        return said + "No texts were held out to measure its effect on new ones."
    said += (
        f"On {cut.texts} held-out texts, a text has {cut.tokens_per_text_after:.1f} tokens on average "
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
        f" On {recovery.held_out} held-out texts, {recovery.agreement_after:.1%} of its answers are those of the "
        f"original; before, it was {recovery.agreement_before:.1%}."
    )


def cut_text(pruning: Pruning, architecture: Architecture) -> str:
    """Return in one phrase what is left of the original: work, layers, heads, neurons and tokens."""
    original = pruning.original
    dropped = [str(layer + 1) for layer in range(original.layers) if layer not in pruning.layers]
    layers = f"{architecture.layers} of {original.layers} layers"
    if dropped:
        layers += f" (without {'layer' if len(dropped) == 1 else 'layers'} {', '.join(dropped)})"
    return (
        f"{pruning.macs_share:.1%} of the multiply-accumulates are left: {layers}, "
        f"{sum(architecture.heads)} of {sum(original.heads)} heads, {sum(architecture.neurons)} of "
        f"{sum(original.neurons)} neurons, {architecture.vocabulary} of {original.vocabulary} tokens"
    )
