"""Calls of the driver that several test files make."""

from __future__ import annotations

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from edgebert.examples import Encoded
from edgebert.meaning import Meaning
from edgebert.tasks import task_head
from tests.support import fakes
from tests.support.peer import Refused
from tests.support.tiny_files import logits_of
from tests.support.windows import bare_window


def shipped(folder):
    """Return the ONNX file of a bundle that goes into an app."""
    return next(artifact for artifact in open_bundle(folder).shipped if artifact.format == "onnx")


def runs(rows):
    """Return outputs of a backend, run by run, as the driver reads them: numbers as text, so that NaN is one."""
    java = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    return [{"outputs": [{"values": [java.get(text, text) for text in map(repr, map(float, row))]}]} for row in rows]


def golden_logits(folder):
    """Return the logits of the golden texts."""
    return [list(logits_of(case)) for case in open_bundle(folder).golden().cases]


def decoded(logits, labels):
    """Return what Python makes of logits."""
    encoded = Encoded(texts=("",), windows=(bare_window((2, 3)),), tokens=2, truncated=False)
    return task_head("text-classification").decode(
        encoded, [{"logits": np.float32(logits)}], Meaning(labels=tuple(labels))
    )


def self_test(jvm, folder, rows):
    """Return what a self-test says of a model that gives these logits, run by run."""
    jvm.call("open", folder=str(folder))
    return jvm.call("self-test", file=shipped(folder).file, runs=runs(rows))


def error_of(jvm, call, **arguments):
    """Return kind and message of the error that a call ends with; the message is one line."""
    with pytest.raises(Refused) as caught:
        jvm.call(call, **arguments)
    assert "\n" not in caught.value.message
    return caught.value.kind, caught.value.message


def edit_manifest(folder, **changes):
    """Change fields of a manifest; a field set to ``...`` is removed."""
    fakes.edit_json(folder / "edgebert.json", **changes)


def answer(jvm, text, *, lengths=(), labels=("negative", "positive"), logits=(0.0, 1.0)):
    """Return what the core answers to a text where a model gives these logits."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    return jvm.call("answer", text=text, labels=list(labels), lengths=list(lengths), runs=runs([logits]))
