"""What a bundle or a checkpoint is: read without its weights."""

from __future__ import annotations

from pathlib import Path

from edgebert.bundle import open_bundle
from edgebert.manifest import Manifest
from edgebert.prediction import task_of


def inspect(bundle: str | Path) -> Manifest:
    """Return the manifest of a bundle: files with sizes, operators and scores, tokenizer, labels, recipe and origin.

    Args:
        bundle: Folder of the bundle.

    Returns:
        The manifest; sizes are in bytes, shares are 0 to 1. No model file is opened.

    Raises:
        UsageError: The folder is no bundle.
        BundleError: A file is missing or has another size, or the manifest is damaged or of a newer schema.

    Examples:
        >>> {item.file: item.size_bytes for item in edgebert.inspect("bundle").artifacts}
        {'int8.onnx': 67292174, 'baseline/float32.onnx': 267958412}
    """
    return open_bundle(bundle).manifest


def read_labels(target: str | Path) -> tuple[str, ...]:
    """Return the label names of a bundle or a checkpoint in the order of its logits; no weights are loaded.

    Args:
        target: A bundle, or a checkpoint folder or Hub id.

    Returns:
        One name for each output; empty for a task without labels.

    Raises:
        UsageError: There is no such folder.
        BundleError: The bundle is damaged or of a newer schema.
        CheckpointError: The checkpoint is incomplete or of another architecture.
        EnvironmentProblem: The Hub cannot be reached.

    Examples:
        >>> edgebert.read_labels("bundle")
        ('negative', 'positive')
    """
    return task_of(target)[1].labels
