"""Makes what the tests in the other two environments open: ``python -m tests.interop.make_bundle build/interop``.

The folder holds a tiny checkpoint, a pruned one, a bundle of the first for each of two recipes, labelled texts, a
bundle for each other task, and what edgebert answers to them in the environment that made the bundles.
"""

from __future__ import annotations

import sys
from pathlib import Path

from edgebert.architecture import Keep
from edgebert.bundle import Bundle
from edgebert.checkpoint import load_model, save_model
from edgebert.data import read_dataset
from edgebert.evaluation import evaluate
from edgebert.jsonio import dumps
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict
from edgebert.pruning.surgery import cut
from edgebert.staging import staged_folder
from tests.interop.task_bundles import make_task_bundles
from tests.support.fakes import TEXTS, tiny_checkpoint, write_data

EXPECTED = "expected.json"
RECIPES = ("int8", "int8-legacy")
LENGTHS = (8, 16, 32)
KEEP = Keep(layers=(0, 1), heads=((0, 2, 3), (1,)), neurons=(tuple(range(0, 64, 2)), (3, 5, 8)))


def main(out: Path) -> None:
    """Make the folder, whole or not at all."""
    with staged_folder(out, force=True, marker=EXPECTED) as stage:
        checkpoint = tiny_checkpoint(stage / "checkpoint")
        bundles = [export_bundle(checkpoint, stage / name, recipe=name, lengths=LENGTHS) for name in RECIPES]
        pruned = cut(load_model(checkpoint), KEEP)
        (stage / "pruned").mkdir()
        save_model(pruned, stage / "pruned")
        # Labels that the float model agrees with on most texts, so that scores are neither 0 nor 1.
        answers = predict(checkpoint, TEXTS)
        labels = bundles[0].manifest.labels
        rows = [(answer.text, answer.label if index % 4 else labels[0]) for index, answer in enumerate(answers)]
        write_data(stage / "data.tsv", rows)
        expected = {bundle.root.name: _answers(bundle, stage / "data.tsv") for bundle in bundles}
        cut_answers = predict(stage / "pruned", TEXTS)
        found = {"texts": TEXTS, "bundles": expected, "pruned": cut_answers, "tasks": make_task_bundles(stage)}
        (stage / EXPECTED).write_text(dumps(found), encoding="utf-8")


def _answers(bundle: Bundle, data: Path) -> dict[str, object]:
    scores = evaluate(bundle.root, read_dataset(data, labels=bundle.manifest.labels)).results
    predictions = {item.file: predict(bundle.root, TEXTS, file=item.file) for item in bundle.manifest.artifacts}
    return {"predictions": predictions, "scores": {score.file: score for score in scores}}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
