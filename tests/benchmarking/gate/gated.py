"""A bundle at the gate, reports that say they are of it, and the one finding there is."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from edgebert.benchmarking.gate.results import CheckResult
from edgebert.bundle import MANIFEST, Bundle, write_manifest
from edgebert.recipe import Target
from tests.support.report_values import (
    FLOAT,
    INT8,
    make_answers,
    make_bundle,
    make_device,
    make_measurement,
    make_predictions,
    make_report,
)
from tests.support.tiny_files import make_artifact, make_manifest

ONNX = Target(format="onnx", precision="int8")
FLOAT_ONNX = Target(format="onnx", precision="float32")


def saved(folder, *shipped) -> Bundle:
    baseline = make_artifact(FLOAT_ONNX, role="baseline", value=0.912, size=100_000_000)
    manifest = make_manifest(*shipped, baseline)
    manifest = write_manifest(folder, manifest)
    return Bundle(root=folder, manifest=manifest)


def report_of(bundle, *measurements, labels=()):
    """Return a report that says it is of that bundle."""
    digest = hashlib.sha256((bundle.root / MANIFEST).read_bytes()).hexdigest()
    files = make_report(*measurements).bundle.files
    return make_report(
        *measurements,
        bundle=replace(make_bundle(), manifest_sha256=digest, files=files),
        labels=labels,
    )


def answered(bundle, device=None, **counts):
    labels, float_says, file_says = make_predictions(**counts)
    answers = [make_answers(INT8, file_says), make_answers(FLOAT, float_says)]
    return report_of(bundle, make_measurement(device=device or make_device(), answers=answers), labels=labels)


def only(found) -> CheckResult:
    (finding,) = found
    return finding
