"""A model that answers texts: a file of a bundle in the runtime that will run it, or a checkpoint in torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

from edgebert.arguments import expect, path_of, strings_of
from edgebert.bundle import Bundle, is_bundle, open_bundle
from edgebert.errors import UsageError
from edgebert.manifest import Artifact, Role
from edgebert.ondevice.session import FORMATS
from edgebert.parity import check_parity
from edgebert.runtime import Runner, default_runtime, open_runner, present_runtimes
from edgebert.tasks import Prediction, decode
from edgebert.text import TextEncoder, open_encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgebert.checkpoint import Model

Logits = Callable[[Sequence[int]], "NDArray[np.float32]"]
"""Computes the logits, float32 [labels], of the ids of one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A model that is open, to answer one text after another.

    Attributes:
        labels: Names of its labels.
        encoder: What makes ids of a text.
        logits: Computes the logits, float32 [labels], of such ids.
    """

    labels: tuple[str, ...]
    encoder: TextEncoder
    logits: Logits

    def answer(self, text: str) -> Prediction:
        """Return the answer to a text.

        Raises:
            UsageError: The text is too long or no valid Unicode.
        """
        ids, truncated = self.encoder.encode_marked(text)
        return decode(text, self.logits(ids), self.labels, tokens=len(ids), truncated=truncated)


def predict(
    target: str | Path, texts: Iterable[str], *, file: str | None = None, runtime: str | None = None
) -> tuple[Prediction, ...]:
    """Return the answer to each text.

    Args:
        target: A bundle, or a checkpoint folder or Hub id (needs torch).
        texts: Texts as a user types them; one string is one text.
        file: File of the bundle; by default the first that ships and whose runtime is here.
        runtime: Runtime to run it in.

    Raises:
        UsageError: Runtime, file and target do not go together, or something among the texts is no text.
    """
    given = strings_of("texts", texts)
    predictor = open_predictor(target, file=file, runtime=runtime)
    return tuple(map(predictor.answer, given))


def open_predictor(target: str | Path, *, file: str | None = None, runtime: str | None = None) -> Predictor:
    """Return a model that is ready to answer texts; arguments and errors as for ``predict``."""
    path = path_of("target", target)
    expect("file", file, str, NoneType)
    expect("runtime", runtime, str, NoneType)
    if is_bundle(path):
        bundle = open_bundle(path)
        labels = bundle.manifest.labels
        artifact = _runnable(bundle, runtime) if file is None else bundle.artifact(file)
        encoder = encoder_of(bundle, artifact.role)
        logits: Logits = checked_runner(bundle, artifact, runtime).logits
    else:
        if runtime not in (None, "torch") or file is not None:
            raise UsageError(f"{target}: --runtime and --file choose from a bundle, and this is none")
        model = load_checkpoint(target)
        labels = model.checkpoint.labels
        encoder = TextEncoder(model.tokenizer, model.checkpoint.architecture.positions)
        logits = torch_logits(model)
    return Predictor(labels=labels, encoder=encoder, logits=logits)


def labels_of(target: str | Path) -> tuple[str, ...]:
    """Return the label names of a bundle or checkpoint, in the order of their ids."""
    path = path_of("target", target)
    if is_bundle(path):
        return open_bundle(path, check=False).manifest.labels
    from edgebert.checkpoint import read_labels

    return read_labels(target)


def encoder_of(bundle: Bundle, role: Role) -> TextEncoder:
    """Return what makes ids for the files of a role."""
    rules = bundle.text_rules(role)
    return open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)


def checked_runner(bundle: Bundle, artifact: Artifact, runtime: str | None) -> Runner:
    """Return a runner for a file that has just reproduced the golden logits of its own model."""
    name, spec = runtime or default_runtime(artifact.format), bundle.text_rules(artifact.role).spec
    runner = open_runner(bundle.path(artifact.file), runtime=name, spec=spec)
    check_parity(runner, bundle.golden(artifact.role), tolerance=artifact.tolerance)
    return runner


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


def load_checkpoint(target: str | Path) -> Model:
    """Return a checkpoint, loaded with torch."""
    from edgebert.checkpoint import load_model

    return load_model(target)


def torch_logits(model: Model) -> Logits:
    """Return what computes the logits of a checkpoint."""
    from edgebert.checkpoint import finite_outputs

    def logits(ids: Sequence[int]) -> NDArray[np.float32]:
        outputs = finite_outputs(model.module, ids, f"{model.checkpoint.path}: a text")
        row: NDArray[np.float32] = outputs["logits"].numpy()
        return row

    return logits
