"""Models in memory, of any shape and pruned or not, and the folders that they are saved in."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from edgebert.architecture import PRUNING_SCHEMA, Architecture, Pruning
from edgebert.checkpoint import Checkpoint, Model, save_model
from edgebert.meaning import Task
from edgebert.network import build_module
from edgebert.tokenizer import load_tokenizer
from tests.support import fakes
from tests.support.cut_models import pruning_of

FULL = Architecture(
    hidden=12,
    head_dim=4,
    heads=(3, 3, 3),
    neurons=(9, 9, 9),
    vocabulary=len(fakes.VOCABULARY) + 40,
    positions=20,
    activation="gelu",
)
UNEVEN = dataclasses.replace(FULL, heads=(1, 3), neurons=(5, 1), vocabulary=len(fakes.VOCABULARY))
RECORD = pruning_of(FULL, layers=(0, 2), name="größer")
PRUNING = dataclasses.replace(
    RECORD,
    schema=PRUNING_SCHEMA,
    vocabulary=dataclasses.replace(RECORD.vocabulary, accuracy_before=None, accuracy_after=None),
)
"""What came before ``UNEVEN``: a record with a name beyond ASCII, and with accuracies that are not known."""


TASK: Task = "text-classification"


def in_memory(
    architecture: Architecture = UNEVEN, *, pruning: Pruning | None = None, labels: tuple[str, ...] = ("no", "größe")
) -> Model:
    """A model of any shape with the tokenizer of the shared checkpoint; every parameter is random."""
    generator = torch.Generator().manual_seed(5)
    tokenizer = load_tokenizer(fakes.shared_checkpoint())
    module = build_module(architecture, labels, TASK, settings={"dropout": 0.25})
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    checkpoint = Checkpoint(
        path=Path("nowhere"),
        name="in-memory",
        task=TASK,
        labels=labels,
        architecture=architecture,
        sha256="0" * 64,
        pruning=pruning,
    )
    return Model(checkpoint=checkpoint, module=module.requires_grad_(requires_grad=False).eval(), tokenizer=tokenizer)


def saved(model: Model, folder: Path) -> Path:
    folder.mkdir()
    save_model(model, folder)
    return folder
