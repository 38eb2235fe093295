"""Small models of every task with random weights, and what modules and files of them compute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgebert.architecture import Architecture
from edgebert.checkpoint import Checkpoint, Model
from edgebert.meaning import NO_SETTINGS, DenseSetting, Task, TaskSettings
from edgebert.network import build_module, outputs_of
from tests.support import fakes

if TYPE_CHECKING:
    from edgebert.examples import Outputs

SHAPE = Architecture(
    hidden=24, head_dim=6, heads=(4, 4), neurons=(40, 40), vocabulary=50, positions=40, activation="gelu"
)
LABELS = ("a", "b", "c")

DENSE = (DenseSetting(outputs=10, activation="relu"), DenseSetting(outputs=7, activation="tanh"))
CASES: dict[str, tuple[Task, TaskSettings]] = {
    "one label": ("text-classification", NO_SETTINGS),
    "several labels": ("multi-label-classification", TaskSettings(thresholds=(0.5, 0.5, 0.5))),
    "number": ("text-regression", NO_SETTINGS),
    "entities": ("token-classification", TaskSettings(aggregation="first")),
    "answers": ("question-answering", TaskSettings(stride=4)),
    "mean": ("feature-extraction", TaskSettings(pooling="mean", width=24)),
    "mean, normalized": ("feature-extraction", TaskSettings(pooling="mean", normalize=True, width=24)),
    "first": ("feature-extraction", TaskSettings(pooling="first", width=24)),
    "dense": ("feature-extraction", TaskSettings(pooling="mean", normalize=True, dense=DENSE, width=7)),
}
"""Every task, and every way to make an embedding, by a short name."""

_LABELLED = ("text-classification", "multi-label-classification", "token-classification")


def task_model(case: str, *, layers: int = 2, seed: int = 0) -> Model:
    """Return a model of one of ``CASES``; it has no tokenizer and no folder."""
    task, settings = CASES[case]
    shape = replace(SHAPE, heads=SHAPE.heads[:layers], neurons=SHAPE.neurons[:layers])
    labels = LABELS if task in _LABELLED else ()
    module = build_module(shape, labels, task, task_settings=settings)
    fakes.set_random(module, seed)
    module.requires_grad_(requires_grad=False).eval()
    checkpoint = Checkpoint(
        path=Path("model"),
        name="model",
        task=task,
        labels=labels,
        architecture=shape,
        sha256="0" * 64,
        settings=settings,
    )
    return Model(checkpoint=checkpoint, module=module, tokenizer=None)  # type: ignore[arg-type]


def torch_outputs(module: torch.nn.Module, texts: Sequence[Sequence[int]]) -> list[Outputs]:
    """Return what a module makes of texts, each alone and without padding."""
    with torch.inference_mode():
        found = [outputs_of(module, torch.tensor([list(text)])) for text in texts]
    return [{name: output[0].numpy() for name, output in each.items()} for each in found]


def onnx_outputs(path: Path, texts: Sequence[Sequence[int]], *, length: int = 0) -> list[Outputs]:
    """Return what plain ONNX Runtime makes of texts: each alone, or all in a batch padded to a length.

    Rows of padding are cut off outputs of ``length`` rows.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    rows = {output.name for output in session.get_outputs() if output.shape[1] == "length"}
    batches = [fakes.padded(texts, length)] if length else [fakes.padded([text], len(text)) for text in texts]
    found = []
    for ids, mask in batches:
        arrays = session.run(names, {"input_ids": ids, "attention_mask": mask})
        for index, tokens in enumerate(mask.sum(axis=1)):
            each = dict(zip(names, (array[index] for array in arrays), strict=True))
            found.append({name: array[:tokens] if name in rows else array for name, array in each.items()})
    return found


def tflite_outputs(path: Path, texts: Sequence[Sequence[int]], length: int, rows: Sequence[str]) -> list[Outputs]:
    """Return what plain LiteRT makes of texts in one signature; rows of padding are cut off the outputs in ``rows``."""
    from ai_edge_litert.interpreter import Interpreter

    run = Interpreter(model_path=str(path), num_threads=1).get_signature_runner(f"len{length}")
    found = []
    for text in texts:
        ids, mask = (each.astype(np.int32) for each in fakes.padded([text], length))
        each = {name: array[0].copy() for name, array in run(input_ids=ids, attention_mask=mask).items()}
        found.append({name: array[: len(text)] if name in rows else array for name, array in each.items()})
    return found
