"""The build half in one screen: a checkpoint in, a bundle of verified files out."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from edgebert import bundle as bundles
from edgebert.card import write_card
from edgebert.checkpoint import Model, load_model
from edgebert.convert.describe import describe
from edgebert.convert.golden import make_golden, parity_tolerance
from edgebert.convert.weights import Weights, extract_weights
from edgebert.data import Dataset, read_dataset
from edgebert.errors import EdgebertError, RecipeError
from edgebert.evaluation import evaluate_bundle
from edgebert.folder import write_tokenizer
from edgebert.jsonio import dumps
from edgebert.parity import check_parity
from edgebert.recipe import load_recipe, narrowed
from edgebert.runtime import default_runtime, open_runner
from edgebert.staging import staged_folder
from edgebert.text import TextEncoder, text_spec
from edgebert.types import (
    Artifact,
    EvaluationData,
    Format,
    Golden,
    Manifest,
    Package,
    Precision,
    Progress,
    Provenance,
    Recipe,
    Role,
    Target,
    TextSpec,
    silent,
)

_PACKAGES = ("torch", "transformers", "tokenizers", "onnx", "litert-torch", "litert-converter", "ai-edge-quantizer")


def export_bundle(
    model: str | Path | Model,
    out: str | Path,
    *,
    recipe: str | Path | Recipe = "int8",
    evaluation: Dataset | str | Path | None = None,
    formats: tuple[Format, ...] | None = None,
    lengths: tuple[int, ...] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> bundles.Bundle:
    """Turn a fine-tuned DistilBERT into a bundle and return it.

    Every file is compared with the checkpoint in torch right after it was written, and with ``evaluation`` every
    shipped file is scored against the float file of its format. The bundle appears under its name only when all of that
    went well.

    Args:
        model: Checkpoint folder, Hub id, or a loaded model.
        out: Folder to make.
        recipe: Built-in name, path of a TOML file, or a recipe.
        evaluation: Labelled texts, or the path of a data file.
        formats: Formats to make; ``None`` makes all that the recipe names.
        lengths: TFLite signature lengths in tokens; ``None`` takes the recipe's.
        force: Replace an existing bundle.
        progress: Told what is being done.

    Raises:
        UsageError: Model, recipe, data or output cannot be used as asked.
        ParityError: A converted file computes something else than the checkpoint.
        EnvironmentProblem: A package is missing, or the disk is full.
    """
    plan = narrowed(recipe if isinstance(recipe, Recipe) else load_recipe(recipe), formats=formats, lengths=lengths)
    out = Path(out)
    with staged_folder(out, force=force, marker=bundles.MANIFEST) as stage:
        steps = _Steps(progress, 3 + len({target.format for target in plan.targets}) + len(plan.targets))
        steps.start("loading the checkpoint")
        loaded = model if isinstance(model, Model) else load_model(model)
        data = _read(evaluation, loaded)
        if plan.lengths[-1] > loaded.checkpoint.architecture.positions:
            raise RecipeError(
                f"the length {plan.lengths[-1]} is more than the model's {loaded.checkpoint.architecture.positions} "
                "positions",
                hint="give shorter --lengths",
            )
        spec = text_spec(loaded.tokenizer, max_length=plan.lengths[-1], lengths=plan.lengths)
        steps.start("computing golden logits")
        golden = make_golden(loaded, TextEncoder(loaded.tokenizer, spec.max_length))
        _write_texts(stage, loaded, spec, golden)
        artifacts = _convert(stage, loaded, plan, spec, golden, steps)
        steps.start("writing the manifest")
        manifest = _manifest(stage, loaded, plan, spec, artifacts)
        if data is not None:
            manifest = _scored(stage, manifest, data, progress)
        (stage / bundles.MANIFEST).write_text(dumps(manifest), encoding="utf-8")
        write_card(stage, manifest)
    return bundles.open_bundle(out, check=False)


class _Steps:
    """Counts the steps of an export for the progress bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def start(self, what: str) -> None:
        self._progress(what, self._done, self._total)
        self._done += 1


def _read(evaluation: Dataset | str | Path | None, model: Model) -> Dataset | None:
    if evaluation is None or isinstance(evaluation, Dataset):
        return evaluation
    return read_dataset(Path(evaluation), labels=model.checkpoint.labels)


def _write_texts(stage: Path, model: Model, spec: TextSpec, golden: Golden) -> None:
    """Write tokenizer, configuration and golden texts: what Optimum, Transformers.js and apps open beside a file."""
    write_tokenizer(model.tokenizer, stage, max_length=spec.max_length)
    config = model.module.config.to_dict()  # type: ignore[union-attr, operator]  # a transformers module has one
    for volatile in ("transformers_version", "_name_or_path", "torch_dtype", "dtype"):
        config.pop(volatile, None)
    config["architectures"] = ["DistilBertForSequenceClassification"]
    (stage / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (stage / bundles.GOLDEN).write_text(dumps(golden), encoding="utf-8")


def _convert(
    stage: Path, model: Model, plan: Recipe, spec: TextSpec, golden: Golden, steps: _Steps
) -> tuple[Artifact, ...]:
    """Write every file of the plan and the baseline of every format, each checked as soon as it exists."""
    weights = extract_weights(model)
    (stage / "baseline").mkdir()
    wanted: list[tuple[Role, Target]] = []
    for file_format in dict.fromkeys(target.format for target in plan.targets):
        wanted.append(("baseline", Target(format=file_format, precision="float32")))
        wanted.extend(("shipped", target) for target in plan.targets if target.format == file_format)
    artifacts = []
    tolerances: dict[Precision, float] = {}
    for role, target in wanted:
        file = f"baseline/{target.file}" if role == "baseline" else target.file
        steps.start(f"writing {file}")
        _write(stage, weights, target, stage / file, spec)
        if target.precision not in tolerances:
            tolerances[target.precision] = parity_tolerance(model, golden, target.precision)
        tolerance = tolerances[target.precision]
        runner = open_runner(stage / file, runtime=default_runtime(target.format), spec=spec)
        verified = check_parity(runner, golden, tolerance=tolerance)
        found, entry = describe(stage / file), bundles.file_entry(stage, file)
        artifacts.append(
            Artifact(
                file=file,
                role=role,
                format=target.format,
                precision=target.precision,
                inputs=found.inputs,
                outputs=found.outputs,
                lengths=found.lengths,
                opset=found.opset,
                ir_version=found.ir_version,
                operators=found.operators,
                parts=found.parts,
                size_bytes=entry.size_bytes,
                sha256=entry.sha256,
                tolerance=tolerance,
                verified=(verified,),
                score=None,
            )
        )
    return tuple(artifacts)


def _write(stage: Path, weights: Weights, target: Target, path: Path, spec: TextSpec) -> None:
    # The converters are imported when a format needs them: a machine may have the extra of one format only.
    if target.format == "onnx":
        from edgebert.convert.onnx import write_onnx

        write_onnx(weights, path, int8=target.precision == "int8")
        return
    from edgebert.convert.tflite import quantize_tflite, write_tflite

    baseline = stage / "baseline" / "float32.tflite"
    if target.precision == "float32" and path == baseline:
        write_tflite(weights, path, lengths=spec.lengths)
    elif target.precision == "float32":
        path.write_bytes(baseline.read_bytes())
    else:
        quantize_tflite(baseline, path, per_tensor=target.precision == "int8-legacy")


def _manifest(stage: Path, model: Model, plan: Recipe, spec: TextSpec, artifacts: tuple[Artifact, ...]) -> Manifest:
    checkpoint = model.checkpoint
    texts = ("config.json", bundles.GOLDEN, bundles.TOKENIZER, "tokenizer_config.json", "vocab.txt")
    return Manifest(
        schema=bundles.SCHEMA,
        task=checkpoint.task,
        labels=checkpoint.labels,
        text=spec,
        architecture=checkpoint.architecture,
        recipe=plan,
        artifacts=artifacts,
        files=tuple(bundles.file_entry(stage, name) for name in texts),
        evaluation=None,
        provenance=Provenance(
            edgebert=metadata.version("edgebert"),
            checkpoint=checkpoint.name,
            checkpoint_sha256=checkpoint.sha256,
            packages=tuple(_installed(name) for name in _PACKAGES if _installed(name).version),
        ),
    )


def _installed(name: str) -> Package:
    try:
        return Package(name=name, version=metadata.version(name))
    except metadata.PackageNotFoundError:
        return Package(name=name, version="")


def _scored(stage: Path, manifest: Manifest, data: Dataset, progress: Progress) -> Manifest:
    found = evaluate_bundle(bundles.Bundle(root=stage, manifest=manifest), data, progress=progress)
    scores = {score.file: score for score in found.results}
    if missing := [item.file for item in manifest.artifacts if item.file not in scores]:
        raise EdgebertError(f"{missing[0]} was written but not scored")
    return replace(
        manifest,
        artifacts=tuple(replace(item, score=scores[item.file]) for item in manifest.artifacts),
        evaluation=EvaluationData(
            name=data.name, sha256=data.sha256, examples=len(data.examples), truncated=found.truncated
        ),
    )
