"""Writes the files of a shape with random weights, in a process of its own: the one that measures stays small.

How long a file takes depends on its shapes and not on its weights.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from edgebert.architecture import Architecture
from edgebert.jsonio import loads


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
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


def write_files(wanted: Wanted, folder: Path) -> None:
    """Write ``int8.onnx`` and ``int8.tflite``, and their float32 forms where wanted, into an existing folder.

    Raises:
        MissingExtraError: A converter is not installed.
    """
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece

    from edgebert.checkpoint import Checkpoint, Model
    from edgebert.convert.onnx import write_onnx
    from edgebert.convert.tflite import quantize_tflite, write_tflite
    from edgebert.convert.weights import extract_weights
    from edgebert.network import build_module

    labels = tuple(f"LABEL_{index}" for index in range(wanted.labels))
    torch.manual_seed(wanted.seed)
    module = build_module(wanted.architecture, labels)
    generator = torch.Generator().manual_seed(wanted.seed)
    with torch.no_grad():
        for parameter in module.parameters():
            # Fresh biases are 0 and fresh norms 1, which converters fold away: a trained model has neither.
            if parameter.ndim == 1:
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    module.requires_grad_(requires_grad=False)
    module.train(mode=False)
    checkpoint = Checkpoint(
        path=folder,
        name=folder.name,
        task="sequence-classification",
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


if __name__ == "__main__":
    source = Path(sys.argv[1])
    write_files(loads(Wanted, source.read_text(encoding="utf-8"), source=source.name), source.parent)
