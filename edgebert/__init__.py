"""edgebert: a fine-tuned DistilBERT in, pruned and verified int8 ONNX and TFLite files out.

The names below are imported when they are first used, so that ``import edgebert`` needs neither torch nor a runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebert.answer_options import AnswerOptions
    from edgebert.bundle import Bundle, open_bundle
    from edgebert.checkpoint import Checkpoint, Model, load_model
    from edgebert.data import Dataset, TrainingTexts, read_dataset, read_training
    from edgebert.doctor import diagnose
    from edgebert.errors import EdgebertError
    from edgebert.evaluation import Evaluation, evaluate
    from edgebert.pipeline import export_bundle
    from edgebert.planning.search import plan
    from edgebert.planning.values import Bounds
    from edgebert.prediction import predict
    from edgebert.pruning.prune import prune
    from edgebert.publishing import strip
    from edgebert.recipe import PruneOptions, built_in_recipes, load_recipe
    from edgebert.training.finetune import finetune
    from edgebert.training.importer import import_bert
    from edgebert.training.options import FinetuneOptions
    from edgebert.verification import verify

_MODULES = {
    "answer_options": ("AnswerOptions",),
    "bundle": ("Bundle", "open_bundle"),
    "checkpoint": ("Checkpoint", "Model", "load_model"),
    "data": ("Dataset", "TrainingTexts", "read_dataset", "read_training"),
    "doctor": ("diagnose",),
    "errors": ("EdgebertError",),
    "evaluation": ("Evaluation", "evaluate"),
    "prediction": ("predict",),
    "pipeline": ("export_bundle",),
    "planning.search": ("plan",),
    "planning.values": ("Bounds",),
    "pruning.prune": ("prune",),
    "recipe": ("built_in_recipes", "load_recipe", "PruneOptions"),
    "publishing": ("strip",),
    "training.finetune": ("finetune",),
    "training.importer": ("import_bert",),
    "training.options": ("FinetuneOptions",),
    "verification": ("verify",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AnswerOptions",
    "Bounds",
    "Bundle",
    "Checkpoint",
    "Dataset",
    "EdgebertError",
    "Evaluation",
    "FinetuneOptions",
    "Model",
    "PruneOptions",
    "TrainingTexts",
    "built_in_recipes",
    "diagnose",
    "evaluate",
    "export_bundle",
    "finetune",
    "import_bert",
    "load_model",
    "load_recipe",
    "open_bundle",
    "plan",
    "predict",
    "prune",
    "read_dataset",
    "read_training",
    "strip",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgebert' has no attribute {name!r}")
    return getattr(import_module(f"edgebert.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
