"""One trial: a file opened in a runtime, its inferences timed, its answers taken."""

from __future__ import annotations

import functools
import importlib
import os
import platform
import time
from typing import Any, NamedTuple, Optional, Sequence

import numpy as np

from edgebert.ondevice.protocol import SCHEMA, Failure, Job
from edgebert.ondevice.session import (
    RuntimeAbsent,
    RuntimeFailure,
    Session,
    import_runtime,
    open_session,
    unpadded,
)
from edgebert.ondevice.sysfs import read_conditions, read_text, usable
from edgebert.ondevice.timing import now_ns, time_inputs, timed

MARK = 0x45424D4B
"""Number of the system call ``prctl`` that no kernel knows: an emulator's instruction counter listens to it."""


class Start(NamedTuple):
    """The moment the worker started: wall clock in seconds since 1970, and nanoseconds on ``timing``'s clock."""

    wall_s: float
    ns: int


def run_trial(request: Job, start: Start) -> dict[str, Any]:
    """Return what ``Trial`` of ``edgebert.device.protocol`` describes.

    Args:
        request: What to do.
        start: When the worker started.

    Raises:
        Failure: The runtime is absent, fails, or finds no memory, or the request asks for what is not there.
    """
    for path in (request.file, request.tokenizer):
        if path is not None and not os.path.isfile(path):
            raise Failure("bad-request", "there is no file %s" % path)
    try:
        return _measure(request, start)
    except (RuntimeAbsent, RuntimeFailure) as error:
        kind = "runtime-absent" if isinstance(error, RuntimeAbsent) else "runtime-failure"
        raise Failure(kind, "%s: %s" % (request.runtime, error)) from error


def parse_peak(status: str) -> Optional[int]:
    """Return the bytes of the line ``VmHWM`` of ``/proc/self/status``."""
    for line in status.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if name == "VmHWM" and len(words) == 2 and words[0].isdecimal() and len(words[0]) < 16 and words[1] == "kB":
            return int(words[0]) * 1024
    return None


def _measure(request: Job, start: Start) -> dict[str, Any]:
    cores = usable()

    def conditions(moment: str) -> dict[str, Any]:
        return read_conditions(moment, now_ns() - start.ns, cores)

    readings = [conditions("before")]
    import_ns, _ = timed(lambda: import_runtime(request.runtime))
    load_ns, session = timed(lambda: open_session(request.file, request.runtime, request.threads))
    timed_inputs = [
        _all_fed(session, one.inputs, request.pad_id, "series[%d].inputs" % index)
        for index, one in enumerate(request.series)
    ]
    answered = _all_fed(session, request.answers, request.pad_id, "answers")
    first_ns = None
    for fed in [fed for inputs in (*timed_inputs, answered) for fed in inputs][:1]:
        first_ns, found = timed(functools.partial(session.run, *fed))
        unpadded(found, tokens=1, token_outputs=request.token_outputs)  # numbers, or nothing is measured
    series = []
    for index, (one, inputs) in enumerate(zip(request.series, timed_inputs)):
        _settle(session, inputs)
        time_inputs(session, inputs, warm_up=request.warm_up, runs=0)
        _mark(2 * index + 1, wanted=request.marks)
        run_ns = time_inputs(session, inputs, warm_up=0, runs=request.runs)
        _mark(2 * index + 2, wanted=request.marks)
        readings.append(conditions("during"))
        tokens = [len(ids) for ids in one.inputs]
        lengths = [input_ids.shape[1] for input_ids, _ in inputs]
        series.append({"name": one.name, "tokens": tokens, "fed": lengths, "run_ns": run_ns})
    # Before the tokenizer and the answers, which are no part of what the file needs.
    peak = parse_peak(read_text("/proc/self/status"))
    tokenized = _tokenize(request)
    answers = [_outputs(session, fed, len(ids), request.token_outputs) for ids, fed in zip(request.answers, answered)]
    readings.append(conditions("after"))
    return {
        "schema": SCHEMA,
        "runtime": session.runtime,
        "version": session.version,
        "python": platform.python_version(),
        "threads": request.threads,
        "cores": list(cores),
        "import_ns": import_ns,
        "load_ns": load_ns,
        "first_ns": first_ns,
        "series": series,
        "answers": answers,
        "tokenized": tokenized,
        "peak_rss_bytes": peak,
        "conditions": readings,
        "started_s": start.wall_s,
        "ended_s": time.time(),
        "elapsed_ns": now_ns() - start.ns,
    }


def _all_fed(session: Session, texts: Sequence[Sequence[int]], pad_id: int, where: str) -> list[tuple[Any, Any]]:
    return [_fed(session, ids, pad_id, "%s[%d]" % (where, row)) for row, ids in enumerate(texts)]


def _fed(session: Session, ids: Sequence[int], pad_id: int, where: str) -> tuple[Any, Any]:
    # TFLite takes the smallest signature that holds the input, ONNX the input as it is.
    length = next((length for length in session.lengths if length >= len(ids)), None) if session.lengths else len(ids)
    if length is None:
        message = "%s has %d tokens; the file takes at most %d" % (where, len(ids), session.lengths[-1])
        raise Failure("bad-request", message)
    input_ids = np.full((1, length), pad_id, dtype=np.int32)
    attention_mask = np.zeros((1, length), dtype=np.int32)
    input_ids[0, : len(ids)] = ids
    attention_mask[0, : len(ids)] = 1
    return input_ids, attention_mask


def _outputs(session: Session, fed: tuple[Any, Any], tokens: int, token_outputs: list[str]) -> dict[str, Any]:
    found = unpadded(session.run(*fed), tokens=tokens, token_outputs=token_outputs)
    return {
        name: {"shape": list(array.shape), "values": array.ravel().tolist()} for name, array in sorted(found.items())
    }


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text).ids
    return ids


def _settle(session: Session, inputs: Sequence[tuple[Any, Any]]) -> None:
    # A runtime plans its memory when it meets a length for the first time; an app has done that long ago.
    different = list({input_ids.shape: (input_ids, mask) for input_ids, mask in inputs}.values())
    time_inputs(session, different, warm_up=len(different), runs=0)


def _mark(number: int, *, wanted: bool) -> None:
    if not wanted:
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(MARK, *(ctypes.c_ulong(word) for word in (number, 0, 0, 0)))
    except (ImportError, OSError, AttributeError, TypeError):  # no ctypes, or no such call: nobody counts here
        return


def _tokenize(request: Job) -> Optional[dict[str, Any]]:
    if request.tokenizer is None:
        return None
    try:
        # By name: a device need not have it.
        tokenizers = importlib.import_module("tokenizers")
    except ImportError:
        return None
    try:
        tokenizer = tokenizers.Tokenizer.from_file(request.tokenizer)
        tokenizer.no_padding()
        tokenizer.enable_truncation(request.max_length)
        for text in request.texts:
            _ids(tokenizer, text)
        found = [timed(functools.partial(_ids, tokenizer, text)) for text in request.texts]
    except Exception as error:
        raise Failure("bad-request", "%s: %s" % (request.tokenizer, error)) from error
    version = str(getattr(tokenizers, "__version__", "unknown"))
    return {"version": version, "text_ns": [ns for ns, _ in found], "ids": [ids for _, ids in found]}
