"""Writes models with random weights, in a process of its own: the one that measures stays small.

How long a file takes depends on its shapes and not on its weights.
"""

from __future__ import annotations

import argparse
import json
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.suite import SpeedSuite, load_suite
from edgebert.architecture import Architecture
from edgebert.errors import UsageError
from edgebert.jsonio import loads
from edgebert.meaning import Task
from edgebert.staging import staged_folder

if TYPE_CHECKING:
    import torch

TASK: Task = "text-classification"
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomFiles:
    """Files to write.

    Attributes:
        architecture: Shape of the model.
        labels: Number of its labels.
        seed: Seed of its weights.
        lengths: Input lengths of the TFLite files, in tokens, ascending.
        with_float: Whether the float32 files are kept beside the int8 ones.
    """

    architecture: Architecture
    labels: int
    seed: int
    lengths: tuple[int, ...]
    with_float: bool


def write_checkpoint(
    suite: SpeedSuite, out: Path, *, tokens: Sequence[str] | None = None, labels: Sequence[str] | None = None
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
    from tokenizers import BertWordPieceTokenizer

    shape = suite.architecture
    tokens = _tokens(shape.vocabulary) if tokens is None else tokens
    labels = [f"LABEL_{index}" for index in range(suite.labels)] if labels is None else labels
    if len(tokens) != shape.vocabulary or len(labels) != suite.labels:
        raise UsageError(
            f"the suite {suite.name} has {shape.vocabulary} tokens and {suite.labels} labels, "
            f"not {len(tokens)} and {len(labels)}"
        )
    module = _random_module(shape, labels, suite.seed)
    with staged_folder(out, force=True, marker="config.json") as stage:
        module.save_pretrained(stage)  # type: ignore[operator]
        (stage / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
        tokenizer = BertWordPieceTokenizer(str(stage / "vocab.txt"), lowercase=True)
        tokenizer.save(str(stage / "tokenizer.json"))
        settings = {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True}
        (stage / "tokenizer_config.json").write_text(json.dumps(settings) + "\n", encoding="utf-8")


def write_files(wanted: RandomFiles, folder: Path) -> None:
    """Write ``int8.onnx`` and ``int8.tflite``, and their float32 forms where wanted, into an existing folder.

    Raises:
        MissingExtraError: A converter is not installed.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece

    from edgebert.checkpoint import Checkpoint, Model
    from edgebert.convert.onnx import write_onnx
    from edgebert.convert.tflite import quantize_tflite, write_tflite
    from edgebert.convert.weights import extract_weights

    labels = tuple(f"LABEL_{index}" for index in range(wanted.labels))
    module = _random_module(wanted.architecture, labels, wanted.seed)
    checkpoint = Checkpoint(
        path=folder,
        name=folder.name,
        task=TASK,
        labels=labels,
        architecture=wanted.architecture,
        sha256="",
    )
    # The files hold no tokenizer: any will do.
    weights = extract_weights(Model(checkpoint=checkpoint, module=module, tokenizer=Tokenizer(WordPiece())))
    write_onnx(weights, folder / "int8.onnx", int8=True)
    write_tflite(weights, folder / "float32.tflite", lengths=wanted.lengths)
    quantize_tflite(folder / "float32.tflite", folder / "int8.tflite", per_tensor=False)
    if wanted.with_float:
        write_onnx(weights, folder / "float32.onnx", int8=False)
    else:
        (folder / "float32.tflite").unlink()


def _random_module(architecture: Architecture, labels: Sequence[str], seed: int) -> torch.nn.Module:
    import torch

    from edgebert.network import build_module

    torch.manual_seed(seed)
    module = build_module(architecture, labels, TASK)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            # Fresh biases are 0 and fresh norms 1, which converters fold away: a trained model has neither.
            if parameter.ndim == 1:
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    module.requires_grad_(requires_grad=False)
    module.train(mode=False)
    return module


def _tokens(count: int) -> list[str]:
    letters = string.ascii_lowercase + string.digits
    tokens = [*SPECIALS, *letters, *string.punctuation, *(f"##{letter}" for letter in letters)]
    return [*tokens, *(f"w{index}" for index in range(count))][:count]


def main() -> None:
    """Write the checkpoint of a suite, or, given a JSON file of ``RandomFiles``, these files beside it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("suite")
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--vocabulary", type=Path, help="vocab.txt of the tokenizer")
    parser.add_argument("--labels", nargs="+")
    asked = parser.parse_args()
    if asked.out is None:
        source = Path(asked.suite)
        write_files(loads(RandomFiles, source.read_text(encoding="utf-8"), source=source.name), source.parent)
        return
    tokens = None if asked.vocabulary is None else asked.vocabulary.read_text(encoding="utf-8").splitlines()
    write_checkpoint(load_suite(asked.suite), asked.out, tokens=tokens, labels=asked.labels)


if __name__ == "__main__":
    main()
