"""Runtimes as the rest of the library sees them: which are here, which run a file, and their errors in our terms."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.batching import fitting_length, pad_batch
from edgebert.errors import CheckFailed, EnvironmentProblem, MissingExtraError, UsageError
from edgebert.examples import Outputs
from edgebert.manifest import TextSpec
from edgebert.meaning import Task
from edgebert.ondevice import session as ondevice
from edgebert.tasks import task_head

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNTIMES = ondevice.RUNTIMES
_EXTRAS = {"onnxruntime": "runtimes", "litert": "runtimes", "tflite-runtime": "tflite-runtime"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A model file open in a runtime.

    Attributes:
        session: The open file.
        spec: How texts become its ids.
        file: Its name.
        task: Task of the model, which says what its outputs are.
    """

    session: ondevice.Session
    spec: TextSpec
    file: str
    task: Task

    def run(self, ids: Sequence[int]) -> Outputs:
        """Return the outputs of one input, run alone as an app runs it, without the rows of padding.

        An ONNX file gets exactly the input's length (dynamic quantization makes outputs depend on whatever else is in
        the batch), a TFLite file the smallest signature that fits.

        Args:
            ids: Token ids with special tokens, at most ``spec.max_length`` of them.

        Raises:
            CheckFailed: The runtime fails on the file, or answers with something that is no finite number.
        """
        try:
            length = fitting_length(len(ids), self.session.lengths) if self.session.lengths else len(ids)
        except ValueError as error:
            raise CheckFailed(f"{self.file}: no signature for the text: {error}") from error
        input_ids, attention_mask = pad_batch([ids], self.spec.pad_id, length=length)
        head, where = task_head(self.task), f"{self.file}: {self.session.runtime} {self.session.version}"
        try:
            found = self.session.run(input_ids, attention_mask)
        except ondevice.RuntimeFailure as error:
            raise CheckFailed(f"{where} fails: {error}") from error
        if missing := [name for name in head.outputs if name not in found]:
            raise CheckFailed(f"{where} gives no output {missing[0]!r}")
        try:
            return ondevice.unpadded(found, tokens=len(ids), token_outputs=head.token_outputs)
        except ondevice.RuntimeFailure as error:
            raise CheckFailed(f"{where} {error}") from error


def open_runner(path: Path, *, runtime: str, spec: TextSpec, task: Task, threads: int = 1) -> Runner:
    """Return a runner for a model file.

    Args:
        path: The file.
        runtime: One of ``RUNTIMES``.
        spec: How its texts are encoded.
        task: Task of the model.
        threads: Threads one inference may use.

    Raises:
        MissingExtraError: The runtime is not installed.
        UsageError: The runtime does not exist or does not run files of this format.
        CheckFailed: The runtime does not take the file.
    """
    if runtime not in RUNTIMES:
        raise UsageError(f"unknown runtime {runtime!r}", hint=f"known: {', '.join(RUNTIMES)}")
    if path.suffix != f".{ondevice.FORMATS[runtime]}":
        raise UsageError(f"{runtime} does not run {path.name}", hint=f"it runs .{ondevice.FORMATS[runtime]} files")
    try:
        session = ondevice.open_session(str(path), runtime, threads)
    except ondevice.RuntimeAbsent as error:
        check_installed(runtime, purpose=f"running {path.name}")
        raise EnvironmentProblem(
            f"{ondevice.PACKAGES[runtime]} is installed but does not import: {error}",
            hint="edgebert doctor says what clashes",
        ) from error
    except ondevice.RuntimeFailure as error:
        raise CheckFailed(f"{path.name}: {runtime} does not load it: {error}") from error
    return Runner(session=session, spec=spec, file=path.name, task=task)


def check_installed(runtime: str, *, purpose: str) -> None:
    """Refuse a runtime whose package is not installed.

    Raises:
        MissingExtraError: It is not; ``purpose`` says what needs it.
    """
    if installed_version(runtime) is None:
        raise MissingExtraError(ondevice.PACKAGES[runtime], extra=_EXTRAS[runtime], purpose=purpose)


def installed_version(runtime: str) -> str | None:
    """Return the version of an installed runtime, or ``None`` when it is absent."""
    try:
        return metadata.version(ondevice.PACKAGES[runtime])
    except metadata.PackageNotFoundError:
        return None


def present_runtimes(file_format: str) -> tuple[str, ...]:
    """Return the installed runtimes that run files of ``file_format`` (``onnx`` or ``tflite``), preferred first."""
    return tuple(
        name for name in RUNTIMES if ondevice.FORMATS[name] == file_format and installed_version(name) is not None
    )


def default_runtime(file_format: str) -> str:
    """Return the runtime a file of ``file_format`` is run in unless the user names one.

    Raises:
        MissingExtraError: None is installed.
    """
    present = present_runtimes(file_format)
    if not present:
        package = "onnxruntime" if file_format == "onnx" else "ai-edge-litert"
        raise MissingExtraError(package, extra="runtimes", purpose=f"running .{file_format} files")
    return present[0]
