"""Writes a random checkpoint of a suite's shape, in a process of its own: the one that measures stays small."""

from __future__ import annotations

import json
import string
import sys
from pathlib import Path

from benchmarks.suite import Suite, load_suite
from edgebert.staging import staged_folder

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_checkpoint(suite: Suite, out: Path) -> None:
    """Write a Hugging Face folder; equal suites and library versions give equal weights."""
    import torch
    import transformers
    from tokenizers import BertWordPieceTokenizer

    shape = suite.architecture
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
            id2label={index: f"LABEL_{index}" for index in range(suite.labels)},
        )
    )
    # Fresh biases are 0 and fresh norms 1, which converters fold away: a trained model has neither.
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.02 * torch.randn(parameter.shape)
    with staged_folder(out, force=True, marker="config.json") as stage:
        model.save_pretrained(stage)
        (stage / "vocab.txt").write_text("".join(f"{token}\n" for token in _tokens(shape.vocabulary)), encoding="utf-8")
        tokenizer = BertWordPieceTokenizer(str(stage / "vocab.txt"), lowercase=True)
        tokenizer.save(str(stage / "tokenizer.json"))
        settings = {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True}
        (stage / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")


def _tokens(count: int) -> list[str]:
    letters = string.ascii_lowercase + string.digits
    tokens = [*SPECIALS, *letters, *string.punctuation, *(f"##{letter}" for letter in letters)]
    return [*tokens, *(f"w{index}" for index in range(count))][:count]


if __name__ == "__main__":
    write_checkpoint(load_suite(sys.argv[1]), Path(sys.argv[2]))
