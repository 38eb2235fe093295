"""The values that an option may have: types for those that are fixed, and completion for names that may be more."""

from __future__ import annotations

from typing import Literal

Runtime = Literal["onnxruntime", "litert", "tflite-runtime"]
"""What runs a file of a bundle."""

AnyRuntime = Literal["onnxruntime", "litert", "tflite-runtime", "torch"]
"""What runs a file of a bundle or a checkpoint."""

Metric = Literal[
    "accuracy",
    "macro_f1",
    "micro_f1",
    "label_macro_f1",
    "subset_accuracy",
    "pearson",
    "spearman",
    "rmse",
    "entity_f1",
    "entity_precision",
    "entity_recall",
    "strict_entity_f1",
    "strict_entity_precision",
    "strict_entity_recall",
    "exact_match",
    "answer_f1",
    "cosine",
    "cosine_p1",
    "recall_at_10",
    "pair_spearman",
]
"""The metrics of all tasks."""

AggregationName = Literal["simple", "first", "average", "max"]
"""How the tokens of a word give the label of an entity."""

Condition = Literal[
    "device", "cpu", "features", "texts", "runtime-version", "suite", "governor", "charging", "power-saving"
]
"""What two reports that are compared must have in common."""


def complete_recipe(incomplete: str) -> list[str]:
    """Return the built-in recipes that begin so; a path is completed by the shell."""
    from edgebert.recipe import built_in_recipes

    return _beginning(incomplete, *(recipe.name for recipe in built_in_recipes()))


def complete_device(incomplete: str) -> list[str]:
    """Return the kinds of devices that begin so."""
    return _beginning(incomplete, "local", "adb:", "ssh:", "emulator:")


def complete_cores(incomplete: str) -> list[str]:
    """Return the kinds of cores that begin so."""
    return _beginning(incomplete, "big", "little")


def complete_count(incomplete: str) -> list[str]:
    """Return the word for all examples."""
    return _beginning(incomplete, "all")


def _beginning(incomplete: str, *known: str) -> list[str]:
    return [word for word in known if word.startswith(incomplete)]
