"""Writes a random checkpoint of a suite's shape, in a process of its own: the one that measures stays small."""

from __future__ import annotations

import argparse
import json
import string
from collections.abc import Sequence
from pathlib import Path

from benchmarks.suite import Suite, load_suite
from edgebert.errors import UsageError
from edgebert.staging import staged_folder

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_checkpoint(
    suite: Suite, out: Path, *, tokens: Sequence[str] | None = None, labels: Sequence[str] | None = None
) -> None:
    """Write a Hugging Face folder; equal suites and library versions give equal weights.

    Args:
        suite: Shape and seed.
        out: Folder to make, or to replace.
        tokens: Tokens by id, as many as the suite's shape has; ``None`` makes some up.
        labels: Names of as many labels as the suite has; ``None`` makes them up.

    Raises:
        UsageError: There are other numbers of tokens or labels.
    """
    import torch
    import transformers
    from tokenizers import BertWordPieceTokenizer

    shape = suite.architecture
    tokens = _tokens(shape.vocabulary) if tokens is None else tokens
    labels = [f"LABEL_{index}" for index in range(suite.labels)] if labels is None else labels
    if len(tokens) != shape.vocabulary or len(labels) != suite.labels:
        raise UsageError(
            f"the suite {suite.name} has {shape.vocabulary} tokens and {suite.labels} labels, "
            f"not {len(tokens)} and {len(labels)}"
        )
    torch.manual_seed(suite.seed)
    model = transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(
            vocab_size=shape.vocabulary,
            max_position_embeddings=shape.positions,
            n_layers=shape.layers,
            n_heads=shape.heads[0],
            dim=shape.hidden,
            hidden_dim=shape.neurons[0],
            activation=shape.activation,
            id2label=dict(enumerate(labels)),
            label2id={label: index for index, label in enumerate(labels)},
        )
    )
    # Fresh biases are 0 and fresh norms 1, which converters fold away: a trained model has neither.
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.02 * torch.randn(parameter.shape)
    with staged_folder(out, force=True, marker="config.json") as stage:
        model.save_pretrained(stage)
        (stage / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
        tokenizer = BertWordPieceTokenizer(str(stage / "vocab.txt"), lowercase=True)
        tokenizer.save(str(stage / "tokenizer.json"))
        settings = {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True}
        (stage / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")


def _tokens(count: int) -> list[str]:
    letters = string.ascii_lowercase + string.digits
    tokens = [*SPECIALS, *letters, *string.punctuation, *(f"##{letter}" for letter in letters)]
    return [*tokens, *(f"w{index}" for index in range(count))][:count]


def main() -> None:
    """Write the checkpoint that the command line describes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("suite")
    parser.add_argument("out", type=Path)
    parser.add_argument("--vocabulary", type=Path, help="vocab.txt of the tokenizer")
    parser.add_argument("--labels", nargs="+")
    asked = parser.parse_args()
    tokens = None if asked.vocabulary is None else asked.vocabulary.read_text(encoding="utf-8").splitlines()
    write_checkpoint(load_suite(asked.suite), asked.out, tokens=tokens, labels=asked.labels)


if __name__ == "__main__":
    main()
