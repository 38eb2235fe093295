"""The build half in one screen: a checkpoint in, a bundle of verified files out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import NoneType

from edgebert import bundle as bundles
from edgebert.answer_options import AS_STORED, AnswerOptions
from edgebert.arguments import PLACE, expect, integers_of, path_of, strings_of
from edgebert.card import write_card
from edgebert.checkpoint import Model, load_model
from edgebert.convert.artifacts import Source, write_artifacts
from edgebert.convert.golden import make_golden
from edgebert.data import Dataset, TrainingTexts, check_labels, read_dataset, read_training
from edgebert.errors import CheckpointError, EdgebertError, RecipeError, UsageError
from edgebert.evaluation import evaluate_bundle
from edgebert.jsonio import dumps
from edgebert.manifest import Artifact, EvaluationData, Manifest, Original, Package, Provenance
from edgebert.progress import Progress, silent
from edgebert.publishing import leave_out_baselines
from edgebert.recipe import PruneOptions, Recipe, check_training, load_recipe, narrowed
from edgebert.staging import staged_folder
from edgebert.tallies.changes import most_changed
from edgebert.task_config import task_keys
from edgebert.tasks import task_head
from edgebert.text import TextEncoder, text_spec
from edgebert.tokenizer import write_tokenizer

_PACKAGES = ("torch", "transformers", "tokenizers", "onnx", "litert-torch", "litert-converter", "ai-edge-quantizer")


def export_bundle(
    model: str | Path | Model,
    out: str | Path,
    *,
    recipe: str | Path | Recipe = "int8",
    training: TrainingTexts | str | Path | None = None,
    baseline: str | Path | Model | None = None,
    evaluation: Dataset | str | Path | None = None,
    formats: Sequence[str] | None = None,
    lengths: Sequence[int] | None = None,
    options: AnswerOptions = AS_STORED,
    keep_baselines: bool = True,
    allow_added_tokens: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> bundles.Bundle:
    """Turn a fine-tuned DistilBERT into a bundle and return it.

    Where the recipe says so, the model is pruned first. Every file is compared with its model in torch right after it
    was written, and with ``evaluation`` every shipped file is scored against the float file of its format. The bundle
    appears under its name only when all of that went well.

    Args:
        model: Checkpoint folder, Hub id, or a loaded model.
        out: Folder to make.
        recipe: Built-in name, path of a TOML file, or a recipe.
        training: Texts that a recipe that prunes learns from, or the path of a data file.
        baseline: Model that the shipped files are compared with; ``None`` takes ``model`` as it is before pruning.
        evaluation: Examples with right answers, or the path of a data file.
        formats: Formats to make, as in ``("onnx",)``; ``None`` makes all that the recipe names.
        lengths: TFLite signature lengths in tokens; ``None`` takes the recipe's.
        options: How outputs become answers, where not as the checkpoint says; an app reads it in the manifest.
        keep_baselines: Whether the float files stay in the bundle; without them it is a slim one.
        allow_added_tokens: Whether a tokenizer may have added tokens, which the app has to find in a text by itself.
        force: Replace an existing bundle.
        progress: Told what is being done.

    Returns:
        The bundle in ``out``.

    Raises:
        UsageError: Model, baseline, recipe, data or output cannot be used as asked.
        ParityError: A converted file computes something else than its model.
        EnvironmentProblem: A package is missing, or the disk is full.

    Examples:
        >>> bundle = edgebert.export_bundle("model", "bundle", evaluation="dev.tsv")
    """
    expect("model", model, Model, *PLACE)
    out = path_of("out", out)
    expect("recipe", recipe, Recipe, *PLACE)
    expect("training", training, TrainingTexts, *PLACE, NoneType, hint="read the file with read_training")
    expect("baseline", baseline, Model, *PLACE, NoneType)
    expect("evaluation", evaluation, Dataset, *PLACE, NoneType, hint="read the file with read_dataset")
    expect("options", options, AnswerOptions)
    expect("keep_baselines", keep_baselines, bool)
    expect("allow_added_tokens", allow_added_tokens, bool)
    expect("force", force, bool)
    expect("progress", progress, Callable)
    formats = None if formats is None else strings_of("formats", formats)
    lengths = None if lengths is None else integers_of("lengths", lengths)
    plan = narrowed(recipe if isinstance(recipe, Recipe) else load_recipe(recipe), formats=formats, lengths=lengths)
    check_training(plan, given=training is not None)
    options.check_stride(plan.lengths[-1])
    with staged_folder(out, force=force, marker=bundles.MANIFEST) as stage:
        steps = _Steps(progress, 3 + len({target.format for target in plan.targets}) + len(plan.targets))
        steps.start("loading the checkpoint")
        loaded = _loaded(model, options)
        if not allow_added_tokens:
            _check_added_tokens(loaded)
        other = loaded if baseline is None else _loaded(baseline, options)
        _check_baseline(other, loaded)
        data = _read(evaluation, loaded)
        for item in (loaded, other):
            _check_positions(item, plan)
        if plan.prune is not None and training is not None:
            # Beside the bundle, not in it: an interrupted distillation resumes from there.
            state = out.with_name(out.name + ".state")
            loaded = _pruned(loaded, training, plan.prune, state, progress)
        steps.start("computing golden logits")
        shipped = _source(loaded, plan)
        compared = shipped if _is_same(loaded, other) else _source(other, plan)
        _write_texts(stage, shipped)
        if compared is not shipped:
            _write_baseline_texts(stage / "baseline", compared)
        artifacts = write_artifacts(stage, shipped, compared, targets=plan.targets, start=steps.start)
        manifest = _manifest(stage, shipped, compared, plan, artifacts)
        if data is not None:
            manifest = _scored(stage, manifest, data, progress)
        steps.start("writing the manifest")
        bundles.write_manifest(stage, manifest)
        write_card(stage, manifest)
        if not keep_baselines:
            leave_out_baselines(stage, manifest)
        steps.finish()
    return bundles.open_bundle(out, check=False)


class _Steps:
    """Counts the steps of an export for the progress bar."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done, self._last = progress, total, 0, ""

    def start(self, what: str) -> None:
        self._progress(what, self._done, self._total)
        self._done, self._last = self._done + 1, what

    def finish(self) -> None:
        self._progress(self._last, self._done, self._total)


def _loaded(model: str | Path | Model, options: AnswerOptions) -> Model:
    """Return a model, loaded if it is not, whose answers are as they are asked for."""
    found = model if isinstance(model, Model) else load_model(model)
    meaning = options.applied(found.checkpoint.meaning, found.checkpoint.task)
    return replace(found, checkpoint=replace(found.checkpoint, settings=meaning.settings))


def _read(evaluation: Dataset | str | Path | None, model: Model) -> Dataset | None:
    if evaluation is None:
        return None
    task, labels = model.checkpoint.task, model.checkpoint.labels
    if not isinstance(evaluation, Dataset):
        return read_dataset(Path(evaluation), task=task, labels=labels)
    check_labels(evaluation, labels, task)  # before minutes of converting
    return evaluation


def _check_baseline(baseline: Model, model: Model) -> None:
    if baseline.checkpoint.labels != model.checkpoint.labels:
        raise UsageError(
            f"the baseline {baseline.checkpoint.name} has the labels {', '.join(baseline.checkpoint.labels)}, "
            f"the model {model.checkpoint.name} has {', '.join(model.checkpoint.labels)}",
            hint="give the model that this one was cut from",
        )


def _check_added_tokens(model: Model) -> None:
    """Refuse added tokens that nobody asked for: an app that knows vocab.txt alone would cut them into pieces."""
    added = text_spec(model.tokenizer, max_length=2, lengths=(2,)).added_tokens
    if added:
        names = ", ".join(repr(token.content) for token in added[:3]) + (", ..." if len(added) > 3 else "")
        raise CheckpointError(
            f"{model.checkpoint.name}: the tokenizer has {len(added)} added token{'s' * (len(added) > 1)}: {names}; "
            "an app that has only vocab.txt would split them",
            hint="add --allow-added-tokens (in Python allow_added_tokens=True) if the tokenizer of your app reads "
            "text.added_tokens, as edgebert's Java core and web page do",
        )


def _check_positions(model: Model, plan: Recipe) -> None:
    positions = model.checkpoint.architecture.positions
    if plan.lengths[-1] > positions:
        raise RecipeError(
            f"the length {plan.lengths[-1]} is more than the {positions} positions of the model "
            f"{model.checkpoint.name}",
            hint="give shorter --lengths",
        )


def _pruned(
    model: Model, training: TrainingTexts | str | Path, options: PruneOptions, work: Path, progress: Progress
) -> Model:
    from edgebert.pruning.prune import prune_model

    if not isinstance(training, TrainingTexts):
        training = read_training(Path(training), task=model.checkpoint.task, labels=model.checkpoint.labels)
    return prune_model(model, training, options, work=work, progress=progress)


def _source(model: Model, plan: Recipe) -> Source:
    spec = text_spec(model.tokenizer, max_length=plan.lengths[-1], lengths=plan.lengths)
    return Source(model=model, spec=spec, golden=make_golden(model, TextEncoder(model.tokenizer, spec.max_length)))


def _is_same(model: Model, other: Model) -> bool:
    # A model that was pruned in memory still has the hash of the one it was cut from.
    first, second = model.checkpoint, other.checkpoint
    return (first.sha256, first.architecture, first.pruning) == (second.sha256, second.architecture, second.pruning)


def _write_texts(stage: Path, shipped: Source) -> None:
    """Write tokenizer, configuration and golden texts: what Optimum, Transformers.js and apps open beside a file."""
    write_tokenizer(shipped.model.tokenizer, stage, max_length=shipped.spec.max_length)
    config = shipped.model.module.config.to_dict()  # type: ignore[union-attr, operator]  # transformers modules have it
    for volatile in ("transformers_version", "_name_or_path", "torch_dtype", "dtype"):
        config.pop(volatile, None)
    checkpoint = shipped.model.checkpoint
    for key in ("id2label", "label2id"):  # transformers makes up two labels where a task has none
        config.pop(key, None)
    config |= task_keys(checkpoint.task, checkpoint.meaning)
    config["architectures"] = [task_head(shipped.model.checkpoint.task).architecture]
    (stage / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (stage / bundles.GOLDEN).write_text(dumps(shipped.golden), encoding="utf-8")


def _write_baseline_texts(folder: Path, source: Source) -> None:
    """Write what turns texts into ids for the baselines, where they have a tokenizer of their own."""
    folder.mkdir()
    write_tokenizer(source.model.tokenizer, folder, max_length=source.spec.max_length)
    (folder / "tokenizer_config.json").unlink()  # nobody opens baselines as a Hugging Face folder
    (folder / bundles.GOLDEN).write_text(dumps(source.golden), encoding="utf-8")


def _manifest(
    stage: Path, shipped: Source, baseline: Source, plan: Recipe, artifacts: tuple[Artifact, ...]
) -> Manifest:
    checkpoint = shipped.model.checkpoint
    texts = ["config.json", bundles.GOLDEN, bundles.TOKENIZER, "tokenizer_config.json", bundles.VOCABULARY]
    original = None
    if baseline is not shipped:
        texts += [f"baseline/{name}" for name in (bundles.GOLDEN, bundles.TOKENIZER, bundles.VOCABULARY)]
        original = Original(
            checkpoint=baseline.model.checkpoint.name,
            checkpoint_sha256=baseline.model.checkpoint.sha256,
            architecture=baseline.model.checkpoint.architecture,
            text=baseline.spec,
        )
    return Manifest(
        schema=bundles.SCHEMA,
        task=checkpoint.task,
        labels=checkpoint.labels,
        text=shipped.spec,
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
        original=original,
        pruning=checkpoint.pruning,
        settings=checkpoint.settings,
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
            name=data.name,
            sha256=data.sha256,
            examples=len(data.examples),
            truncated=found.truncated,
            label_changes=most_changed(found.label_changes),
        ),
    )
