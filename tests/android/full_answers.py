"""Compares the answers of the app's classes on the JVM with Python's, for a bundle and many texts.

    python -m tests.android.full_answers --bundle DIR [--texts FILE ...] [--hard FOLDER] [--random 500]

Every ONNX file of the bundle runs its golden texts, the column `text` or `sentence` of the files, the texts of the
folder (as `tests.wordpiece.full` reads it) and random hard ones. Ids must be equal, and the self-test must pass. Where
Python has the runtime in the app's version (`pip install onnxruntime==1.26.0`), logits must be equal but for the order
of additions. Another version rounds some activations of an 8-bit file in another way, so there 99 % of the texts must
be within the manifest's tolerance; of a float file, all. Ends with 1 if anything of it is not so.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np

from edgebert.batching import pad_batch
from edgebert.bundle import Bundle, open_bundle
from edgebert.data import read_training
from edgebert.errors import EdgebertError
from edgebert.manifest import Artifact
from edgebert.ondevice.session import cpu_name, import_runtime, open_session
from edgebert.text import open_encoder
from tests.support.jvm import Jvm
from tests.support.programs import command, say
from tests.support.tokenizing import random_texts
from tests.wordpiece.full import texts_of

CHUNK = 100
SAME = 1e-5


def main(arguments: Sequence[str]) -> int:
    """Compare and report; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare the app's answers on the JVM with Python's.")
    parser.add_argument("--bundle", type=Path, required=True, help="bundle whose ONNX files are run")
    parser.add_argument("--texts", type=Path, action="append", default=[], help="table or .txt with texts")
    parser.add_argument("--hard", type=Path, help="folder with texts, of which at most 2,000 are run")
    parser.add_argument("--random", type=int, default=500, help="random hard strings")
    parser.add_argument("--threads", type=int, default=1, help="threads of an inference, on both sides")
    options = parser.parse_args(arguments)
    if options.hard and not options.hard.is_dir():
        parser.error(f"{options.hard} is no folder")
    try:
        bundle = open_bundle(options.bundle)
        texts = [text for path in options.texts for text in read_training(path, labels=None).texts]
    except EdgebertError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if options.hard:
        hard = list(dict.fromkeys(texts_of(options.hard)))
        texts += hard[:: max(1, len(hard) // 2000)][:2000]
    tokens = bundle.path("vocab.txt").read_text(encoding="utf-8").split("\n")
    texts += random_texts(0, count=options.random, tokens=tokens)
    passed = True
    with Jvm(with_ort=True) as jvm:
        _, _, version = jvm.call("model runtime")
        say(f"JVM: ONNX Runtime {version}; Python: {import_runtime('onnxruntime')}; {cpu_name()}")
        for artifact in (*bundle.shipped, *bundle.baseline):
            if artifact.format == "onnx":
                same = version == import_runtime("onnxruntime")
                passed &= compare(jvm, bundle, artifact, texts, threads=options.threads, same_version=same)
    say("the same answers" if passed else "the answers differ")
    return 0 if passed else 1


def compare(
    jvm: Jvm, bundle: Bundle, artifact: Artifact, others: Sequence[str], *, threads: int, same_version: bool
) -> bool:
    """Say how far the two are apart on one file, and return whether they agree."""
    rules = bundle.text_rules(artifact.role)
    golden = bundle.golden(artifact.role).cases
    texts = [*(case.texts[0] for case in golden), *others]
    encoder = open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)
    session = open_session(str(bundle.path(artifact.file)), "onnxruntime", threads)
    jvm.call("model open", folder=str(bundle.root), file=artifact.file, threads=threads, check=True)
    test = jvm.call("model self-test")
    start = time.perf_counter()
    rows = [
        row
        for place in range(0, len(texts), CHUNK)
        for row in jvm.call("model answers", texts=texts[place : place + CHUNK])
    ]
    took = time.perf_counter() - start
    ids = [encoder.encode(text) for text in texts]
    expected = np.array([session.run(*pad_batch([one], rules.spec.pad_id))["logits"][0] for one in ids])
    found = np.array([logits for _, logits, *_ in rows])
    other_ids = sum(tuple(row[0]) != one for row, one in zip(rows, ids, strict=True))
    apart = np.abs(found - expected).max(axis=1)
    labels = [bundle.manifest.labels[index] for index in expected.argmax(axis=1)]
    agreeing = sum(row[2] == label for row, label in zip(rows, labels, strict=True))
    equal = int((apart == 0).sum())
    limit = SAME if same_version else artifact.tolerance
    within = float((apart <= limit).mean())
    say(
        f"{artifact.file}: {len(texts)} texts ({len(golden)} golden), {sum(map(len, ids))} tokens, {took:.0f} s\n"
        f"  ids: {other_ids} texts differ\n"
        f"  logits: largest difference {apart.max():.3g}, median {np.median(apart):.3g}, {equal} texts bit-equal, "
        f"{within:.2%} within {limit:.3g}\n"
        f"  labels: {agreeing} of {len(texts)} agree\n"
        f"  self-test: {'passed' if test['passed'] else test['problems'][0]}, largest difference "
        f"{test['max_difference']:.3g}"
    )
    wanted = 1.0 if same_version or artifact.precision == "float32" else 0.99
    return other_ids == 0 and within >= wanted and bool(test["passed"])


if __name__ == "__main__":
    command(main)
