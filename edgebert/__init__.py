"""edgebert: a fine-tuned DistilBERT in, pruned and verified int8 ONNX and TFLite files out.

Every command has a function here. Arguments have one order: the model or bundle, the data, the output, then keywords.
A path may be a string or a ``Path``. Every error is an ``EdgebertError``.

Names are imported when they are first used, so ``import edgebert`` loads neither torch nor a runtime.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebert.answer_options import AnswerOptions
    from edgebert.answers import (
        EntitiesPrediction,
        Entity,
        LabelPrediction,
        LabelsPrediction,
        NumberPrediction,
        SpanPrediction,
        VectorPrediction,
    )
    from edgebert.benchmarking.analysis.compare import Comparison, compare
    from edgebert.benchmarking.gate.check import check
    from edgebert.benchmarking.gate.results import CheckResult, Limits
    from edgebert.benchmarking.public import bench, render_report
    from edgebert.benchmarking.report import Report, read_report
    from edgebert.benchmarking.run.devices import FoundDevice, found_devices
    from edgebert.benchmarking.run.runner import BenchmarkResult
    from edgebert.benchmarking.suite import Suite
    from edgebert.bundle import Bundle, open_bundle
    from edgebert.checkpoint import Checkpoint, Model, load_model
    from edgebert.data import Dataset, TrainingTexts, read_dataset, read_training
    from edgebert.doctor import Finding, diagnose
    from edgebert.embedding.embed import Embedding, embed
    from edgebert.embedding.places import Place, android_place
    from edgebert.emulation.setup import EmulatorFacts, set_up_emulator
    from edgebert.errors import EdgebertError
    from edgebert.evaluation import Evaluation, evaluate
    from edgebert.inspection import inspect, read_labels
    from edgebert.manifest import Manifest
    from edgebert.pipeline import export_bundle
    from edgebert.planning.search import plan
    from edgebert.planning.values import Bounds, PlanOptions, SearchResult
    from edgebert.prediction import predict
    from edgebert.pruning.latency import LatencyTable
    from edgebert.pruning.prune import prune
    from edgebert.publishing import new_key, sign, strip
    from edgebert.recipe import PruneOptions, Recipe, built_in_recipes, load_recipe
    from edgebert.training.finetune import FinetuneResult, finetune
    from edgebert.training.importer import import_bert
    from edgebert.training.options import FinetuneOptions
    from edgebert.verification import Check, verify
    from edgebert.workers.archive import WorkerManifest
    from edgebert.workers.build import build_worker

_MODULES = {
    "answer_options": ("AnswerOptions",),
    "answers": (
        "EntitiesPrediction",
        "Entity",
        "LabelPrediction",
        "LabelsPrediction",
        "NumberPrediction",
        "SpanPrediction",
        "VectorPrediction",
    ),
    "benchmarking.analysis.compare": ("Comparison", "compare"),
    "benchmarking.gate.check": ("check",),
    "benchmarking.gate.results": ("CheckResult", "Limits"),
    "benchmarking.public": ("bench", "render_report"),
    "benchmarking.report": ("Report", "read_report"),
    "benchmarking.run.devices": ("FoundDevice", "found_devices"),
    "benchmarking.run.runner": ("BenchmarkResult",),
    "benchmarking.suite": ("Suite",),
    "bundle": ("Bundle", "open_bundle"),
    "checkpoint": ("Checkpoint", "Model", "load_model"),
    "data": ("Dataset", "TrainingTexts", "read_dataset", "read_training"),
    "doctor": ("Finding", "diagnose"),
    "embedding.embed": ("Embedding", "embed"),
    "embedding.places": ("Place", "android_place"),
    "emulation.setup": ("EmulatorFacts", "set_up_emulator"),
    "errors": ("EdgebertError",),
    "evaluation": ("Evaluation", "evaluate"),
    "inspection": ("inspect", "read_labels"),
    "manifest": ("Manifest",),
    "pipeline": ("export_bundle",),
    "planning.search": ("plan",),
    "planning.values": ("Bounds", "PlanOptions", "SearchResult"),
    "prediction": ("predict",),
    "pruning.latency": ("LatencyTable",),
    "pruning.prune": ("prune",),
    "publishing": ("new_key", "sign", "strip"),
    "recipe": ("PruneOptions", "Recipe", "built_in_recipes", "load_recipe"),
    "training.finetune": ("FinetuneResult", "finetune"),
    "training.importer": ("import_bert",),
    "training.options": ("FinetuneOptions",),
    "verification": ("Check", "verify"),
    "workers.archive": ("WorkerManifest",),
    "workers.build": ("build_worker",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AnswerOptions",
    "BenchmarkResult",
    "Bounds",
    "Bundle",
    "Check",
    "CheckResult",
    "Checkpoint",
    "Comparison",
    "Dataset",
    "EdgebertError",
    "Embedding",
    "EmulatorFacts",
    "EntitiesPrediction",
    "Entity",
    "Evaluation",
    "Finding",
    "FinetuneOptions",
    "FinetuneResult",
    "FoundDevice",
    "LabelPrediction",
    "LabelsPrediction",
    "LatencyTable",
    "Limits",
    "Manifest",
    "Model",
    "NumberPrediction",
    "Place",
    "PlanOptions",
    "PruneOptions",
    "Recipe",
    "Report",
    "SearchResult",
    "SpanPrediction",
    "Suite",
    "TrainingTexts",
    "VectorPrediction",
    "WorkerManifest",
    "android_place",
    "bench",
    "build_worker",
    "built_in_recipes",
    "check",
    "compare",
    "diagnose",
    "embed",
    "evaluate",
    "export_bundle",
    "finetune",
    "found_devices",
    "import_bert",
    "inspect",
    "load_model",
    "load_recipe",
    "new_key",
    "open_bundle",
    "plan",
    "predict",
    "prune",
    "read_dataset",
    "read_labels",
    "read_report",
    "read_training",
    "render_report",
    "set_up_emulator",
    "sign",
    "strip",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'edgebert' has no attribute {name!r}")
    return getattr(import_module(f"edgebert.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
