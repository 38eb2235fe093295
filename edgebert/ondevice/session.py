"""A model file opened in one runtime: ids in, outputs out. The only code that touches a runtime."""

from __future__ import annotations

import functools
import os
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any, Callable, Dict, NamedTuple, Optional, Sequence

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RUNTIMES = ("onnxruntime", "litert", "tflite-runtime")
FORMATS = {"onnxruntime": "onnx", "litert": "tflite", "tflite-runtime": "tflite"}
PACKAGES = {"onnxruntime": "onnxruntime", "litert": "ai-edge-litert", "tflite-runtime": "tflite-runtime"}

Run = Callable[["NDArray[np.int32]", "NDArray[np.int32]"], Dict[str, "NDArray[np.float32]"]]


class RuntimeAbsent(Exception):
    """The runtime is not installed, or its package does not import here."""


class RuntimeFailure(Exception):
    """The runtime does not load or run the file."""


class Session(NamedTuple):
    """An open model file.

    Attributes:
        runtime: One of ``RUNTIMES``.
        version: Version of the runtime.
        lengths: Input lengths in tokens the file accepts, ascending; empty when it accepts every length.
        run: Maps ids and attention mask, int32 of shape [1, length], to the float32 outputs of the file by name, each
            with 1 as its first dimension. Raises ``RuntimeFailure`` when the runtime refuses.
    """

    runtime: str
    version: str
    lengths: tuple[int, ...]
    run: Run


@functools.lru_cache(maxsize=None)
def import_runtime(runtime: str) -> str:
    """Import the package of a runtime and return its version. The second time costs nothing.

    Args:
        runtime: One of ``RUNTIMES``.

    Raises:
        RuntimeAbsent: It cannot be imported.
    """
    package: Any
    try:
        if runtime == "onnxruntime":
            # Official builds since 1.29 report usage unless told otherwise before the library loads.
            os.environ["ORT_DISABLE_TELEMETRY"] = "1"
            import onnxruntime

            onnxruntime.disable_telemetry_events()
            return str(onnxruntime.__version__)
        if runtime == "litert":
            import ai_edge_litert.interpreter

            package = ai_edge_litert
        else:
            import tflite_runtime.interpreter

            package = tflite_runtime
    except Exception as error:  # made for another numpy or processor, a package fails with anything
        raise RuntimeAbsent(_first_line(error)) from error
    return _version(PACKAGES[runtime], package)


def open_session(path: str, runtime: str, threads: int = 1) -> Session:
    """Open a model file.

    Args:
        path: The file.
        runtime: One of ``RUNTIMES``.
        threads: Threads one inference may use.

    Raises:
        RuntimeAbsent: The runtime cannot be imported.
        RuntimeFailure: The runtime does not take the file.
    """
    if runtime == "onnxruntime":
        return _open_onnx(path, threads)
    return _open_tflite(path, runtime, threads)


def unpadded(
    found: dict[str, NDArray[np.float32]], *, tokens: int, token_outputs: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the outputs of one input without the dimension of the batch and without the rows of padding.

    Args:
        found: What ``Session.run`` returned.
        tokens: Tokens of the input.
        token_outputs: Outputs that have a row for each token.

    Raises:
        RuntimeFailure: An output has another shape, or holds a number that is not finite.
    """
    import numpy as np

    outputs = {}
    for name, array in found.items():
        if array.ndim < 2 or len(array) != 1 or (name in token_outputs and array.shape[1] < tokens):
            raise RuntimeFailure("gives %r the shape %s for %d tokens" % (name, list(array.shape), tokens))
        outputs[name] = array[0, :tokens] if name in token_outputs else array[0]
        if not np.isfinite(outputs[name]).all():
            raise RuntimeFailure("gives NaN or infinite %s" % name)
    return outputs


def cpu_name() -> str:
    """Return the instruction set int8 kernels choose by, as in ``x86_64 avx512_vnni`` or ``aarch64 asimddp i8mm``."""
    wanted = ("avx2", "avx_vnni", "avx512_vnni", "amx_int8", "asimddp", "i8mm", "sve", "sme")
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            words = next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())
    except OSError:
        words = set()
    return " ".join([platform.machine(), *(word for word in wanted if word in words)])


def saturates() -> bool:
    """Return whether ONNX Runtime's default int8 kernels saturate on this CPU, as they do on no ARM core.

    x86 without VNNI adds pairs of u8 x s8 products in int16, where two large ones do not fit.
    """
    name = cpu_name()
    return name.startswith(("x86_64", "AMD64", "i686")) and "vnni" not in name and "amx_int8" not in name


def _open_onnx(path: str, threads: int) -> Session:
    version = import_runtime("onnxruntime")
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    if saturates():
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.log_severity_level = 4  # its own errors arrive as exceptions; the log would only repeat them
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no base class but Exception
        raise RuntimeFailure(_first_line(error)) from error

    names = [output.name for output in session.get_outputs()]

    def run(input_ids: NDArray[np.int32], attention_mask: NDArray[np.int32]) -> dict[str, NDArray[np.float32]]:
        feed = {"input_ids": input_ids.astype(np.int64), "attention_mask": attention_mask.astype(np.int64)}
        try:
            return {name: np.asarray(array, np.float32) for name, array in zip(names, session.run(names, feed))}
        except Exception as error:  # as above
            raise RuntimeFailure(_first_line(error)) from error

    return Session("onnxruntime", version, (), run)


def _open_tflite(path: str, runtime: str, threads: int) -> Session:
    version = import_runtime(runtime)
    import numpy as np

    if runtime == "litert":
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tflite_runtime.interpreter import Interpreter
    try:
        interpreter = Interpreter(model_path=path, num_threads=threads)
        signatures = interpreter.get_signature_list()
    except (ValueError, RuntimeError) as error:
        raise RuntimeFailure(_first_line(error)) from error
    lengths = tuple(sorted(int(name[3:]) for name in signatures if name.startswith("len") and name[3:].isdecimal()))
    if not lengths:
        raise RuntimeFailure("the file has no signatures named len<tokens>")
    for length in lengths:
        names = signatures.get("len%d" % length, {"inputs": (), "outputs": ()})
        if set(names["inputs"]) != {"input_ids", "attention_mask"} or not names["outputs"]:
            raise RuntimeFailure("the signature len%d does not map input_ids, attention_mask to outputs" % length)
    runners = {}

    def run(input_ids: NDArray[np.int32], attention_mask: NDArray[np.int32]) -> dict[str, NDArray[np.float32]]:
        length = input_ids.shape[1]
        try:
            # A runner plans its memory when it is made: only the lengths in use cost any.
            if length not in runners:
                runners[length] = interpreter.get_signature_runner("len%d" % length)
            found = runners[length](input_ids=input_ids, attention_mask=attention_mask)
            return {name: np.array(array) for name, array in found.items()}
        except (ValueError, RuntimeError) as error:
            raise RuntimeFailure(_first_line(error)) from error

    return Session(runtime, version, lengths, run)


def _version(distribution: str, package: object) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version: Optional[str] = getattr(package, "__version__", None)
        return version or "unknown"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
