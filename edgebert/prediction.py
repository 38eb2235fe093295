"""A model that answers texts: a file of a bundle in the runtime that will run it, or a checkpoint in torch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType

from edgebert.answer_options import AS_STORED, AnswerOptions
from edgebert.answers import Prediction
from edgebert.arguments import expect, path_of, texts_of
from edgebert.bundle import Bundle, is_bundle, open_bundle
from edgebert.errors import UsageError
from edgebert.examples import Encoded, Example, Outputs
from edgebert.manifest import Artifact
from edgebert.meaning import Meaning, Task
from edgebert.ondevice.session import FORMATS
from edgebert.parity import check_parity
from edgebert.runtime import default_runtime, open_runner, present_runtimes
from edgebert.tasks import TaskHead, task_head
from edgebert.text import TextEncoder, open_encoder

Run = Callable[[Sequence[int]], Outputs]
"""Computes the outputs of the ids of one window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A model that is open, to answer one text after another.

    Attributes:
        head: Its task.
        meaning: What its outputs mean.
        encoder: What makes ids of a text.
        run: Computes the outputs of such ids.
        runtime: Runtime that does.
    """

    head: TaskHead
    meaning: Meaning
    encoder: TextEncoder
    run: Run
    runtime: str

    def answer(self, *texts: str) -> Prediction:
        """Return the answer to a text, or to the two texts that a task takes (``TaskHead.inputs``).

        Raises:
            UsageError: They are another number of texts, one is too long, or it is no valid Unicode.
        """
        if len(texts) != len(self.head.inputs):
            given = f"{len(texts)} {'text' if len(texts) == 1 else 'texts'}"
            wanted = " and ".join(f"a {name}" for name in self.head.inputs)
            raise UsageError(f"{given} for a {self.head.task} model", hint=f"give {wanted}")
        encoded = self.encode(Example(texts=texts))
        return self.head.decode(encoded, self.outputs(encoded), self.meaning)

    def encode(self, example: Example) -> Encoded:
        """Return an example as the model reads it; errors as for ``answer``."""
        return self.head.windows(self.encoder, example, self.meaning.settings)

    def outputs(self, encoded: Encoded) -> list[Outputs]:
        """Return the outputs of each window of an example."""
        return [self.run(window.ids) for window in encoded.windows]


def predict(
    target: str | Path,
    texts: Iterable[str | tuple[str, str]],
    *,
    file: str | None = None,
    runtime: str | None = None,
    options: AnswerOptions = AS_STORED,
) -> tuple[Prediction, ...]:
    """Return the answer to each text, or to each question with its context.

    Args:
        target: A bundle, or a checkpoint folder or Hub id (needs torch).
        texts: Texts as a user types them; one string is one text. For question answering pairs of question and context.
        file: File of the bundle; by default the first that ships and whose runtime is here.
        runtime: Runtime to run it in.
        options: How its outputs become answers, where that is to be other than the target says.

    Returns:
        One answer for each input, in their order: a ``LabelPrediction``, ``LabelsPrediction``, ``NumberPrediction``,
        ``EntitiesPrediction``, ``SpanPrediction`` or ``VectorPrediction``, by the task of the model.

    Raises:
        UsageError: Runtime, file, options and target do not go together, or something among the texts is no text.
        BundleError: The bundle is damaged.
        ParityError: The runtime computes another model than the bundle's.
        MissingExtraError: No runtime for the file is installed.

    Examples:
        >>> [answer] = edgebert.predict("bundle", "a wonderful film")
        >>> answer
        LabelPrediction(text='a wonderful film', label='positive', probability=0.99, ...)
    """
    given = texts_of("texts", texts)
    predictor = open_predictor(target, file=file, runtime=runtime, options=options)
    return tuple(itertools.starmap(predictor.answer, given))


def open_predictor(
    target: str | Path,
    *,
    file: str | None = None,
    runtime: str | None = None,
    options: AnswerOptions = AS_STORED,
) -> Predictor:
    """Return a model that is ready to answer texts; arguments and errors as for ``predict``."""
    path = path_of("target", target)
    expect("file", file, str, NoneType)
    expect("runtime", runtime, str, NoneType)
    expect("options", options, AnswerOptions)
    if options == AS_STORED:
        return _opened(path, target, file, runtime)
    task, meaning = task_of(target)
    meaning = options.applied(meaning, task)
    return replace(_opened(path, target, file, runtime), meaning=meaning)


def _opened(path: Path, target: str | Path, file: str | None, runtime: str | None) -> Predictor:
    if is_bundle(path):
        bundle = open_bundle(path)
        artifact = _runnable(bundle, runtime) if file is None else bundle.artifact(file)
        return file_predictor(bundle, artifact, runtime)
    if runtime not in (None, "torch") or file is not None:
        raise UsageError(f"{target}: --runtime and --file require a bundle, but this is not one")
    return checkpoint_predictor(target)


def file_predictor(bundle: Bundle, artifact: Artifact, runtime: str | None) -> Predictor:
    """Return a file of a bundle, ready to answer texts; it has just reproduced the golden outputs of its own model.

    Raises:
        ParityError: The runtime computes another model.
    """
    rules = bundle.text_rules(artifact.role)
    encoder = open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)
    name = runtime or default_runtime(artifact.format)
    runner = open_runner(bundle.path(artifact.file), runtime=name, spec=rules.spec, task=bundle.manifest.task)
    check_parity(runner, bundle.golden(artifact.role), tolerance=artifact.tolerance)
    return Predictor(
        head=task_head(bundle.manifest.task),
        meaning=bundle.manifest.meaning,
        encoder=encoder,
        run=runner.run,
        runtime=name,
    )


def checkpoint_predictor(target: str | Path) -> Predictor:
    """Return a checkpoint, loaded with torch and ready to answer texts."""
    from edgebert.checkpoint import finite_outputs, load_model

    model = load_model(target)

    def run(ids: Sequence[int]) -> Outputs:
        outputs = finite_outputs(model.module, ids, f"{model.checkpoint.path}: a text")
        return {name: tensor.numpy() for name, tensor in outputs.items()}

    return Predictor(
        head=task_head(model.checkpoint.task),
        meaning=model.checkpoint.meaning,
        encoder=TextEncoder(model.tokenizer, model.checkpoint.architecture.positions),
        run=run,
        runtime="torch",
    )


def task_of(target: str | Path) -> tuple[Task, Meaning]:
    """Return the task of a bundle or checkpoint, and what its outputs mean; no weights are loaded."""
    path = path_of("target", target)
    if is_bundle(path):
        manifest = open_bundle(path, check=False).manifest
        return manifest.task, manifest.meaning
    from edgebert import checkpoint

    return checkpoint.task_of(target)


def _runnable(bundle: Bundle, runtime: str | None) -> Artifact:
    if runtime is None:
        return next((item for item in bundle.shipped if present_runtimes(item.format)), bundle.shipped[0])
    check_runtime(runtime)
    for item in bundle.shipped:
        if FORMATS[runtime] == item.format:
            return item
    raise UsageError(f"{bundle.root}: no file in the bundle that {runtime} runs")


def check_runtime(runtime: str) -> None:
    """Refuse what is not a runtime for files of a bundle."""
    if runtime == "torch":
        raise UsageError("torch runs checkpoints, not bundles", hint="leave --runtime out")
    if runtime not in FORMATS:
        raise UsageError(f"unknown runtime {runtime!r}", hint=f"known: {', '.join(FORMATS)}, torch")
