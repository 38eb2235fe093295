"""The front matter of a model card, which the Hugging Face Hub reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebert.errors import MissingExtraError
from edgebert.folder import is_hub_id
from edgebert.metrics import METRICS
from edgebert.printable import printable
from edgebert.tasks import task_head

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

    from edgebert.manifest import Manifest

_HUB_METRICS = {
    "accuracy": "accuracy",
    "subset_accuracy": "accuracy",
    "macro_f1": "f1",
    "micro_f1": "f1",
    "label_macro_f1": "f1",
    "entity_f1": "f1",
    "strict_entity_f1": "f1",
    "answer_f1": "f1",
    "exact_match": "exact_match",
    "pearson": "pearsonr",
    "spearman": "spearmanr",
    "pair_spearman": "spearmanr",
}
"""Names that the Hub has for metrics; the others go by their own."""


def front_matter(manifest: Manifest) -> str:
    """Return the YAML front matter of a bundle's card, with its lines of dashes.

    It says only what is known: no license, no language, and a base model only where the checkpoint is of the Hub.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import ModelCardData
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", extra="onnx", purpose="writing a model card") from error
    hub, formats = task_head(manifest.task).hub, dict.fromkeys(item.format for item in manifest.artifacts)
    precisions = ["int8"] if any(item.precision == "int8" for item in manifest.artifacts) else []
    results = _results(manifest, hub)
    metrics = dict.fromkeys(result.metric_type for result in results)
    base = _base_model(manifest)
    data = ModelCardData(
        base_model=base,
        base_model_relation="quantized" if base else None,
        pipeline_tag="sentence-similarity" if manifest.task == "feature-extraction" else hub,
        metrics=[*metrics] or None,
        tags=["distilbert", "edgebert", *precisions, *formats],
        model_name=printable(manifest.provenance.checkpoint) if results else None,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml().strip()}\n---"


def _base_model(manifest: Manifest) -> str | None:
    """Return the name on the Hub of the model that was quantized or cut; that of a folder is no such name."""
    names = [manifest.provenance.checkpoint]
    names += [manifest.pruning.original_name] if manifest.pruning is not None else []
    return next((name for name in names if "/" in name and is_hub_id(name)), None)


def _results(manifest: Manifest, hub: str) -> list[EvalResult]:
    """Return a result for each shipped file that was scored."""
    from huggingface_hub import EvalResult

    data = manifest.evaluation
    if data is None:
        return []
    name = printable(data.name)
    return [
        EvalResult(
            task_type=hub,
            dataset_type=name,
            dataset_name=name,
            metric_type=_HUB_METRICS.get(item.score.metric, item.score.metric),
            metric_name=f"{METRICS[item.score.metric].name} ({item.file})",
            metric_value=item.score.value,
        )
        for item in manifest.artifacts
        if item.role == "shipped" and item.score is not None
    ]
