"""How long does pruning take a user? ``edgebert prune`` of a small and of a base checkpoint, as processes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from benchmarks.measure import edgebert_command, measured, run_command, shown
from benchmarks.pruning_results import TimedPruning
from benchmarks.suite import Suite
from edgebert.folder import read_config
from edgebert.network import read_architecture
from edgebert.progress import Progress

KEEP = 0.5
"""Share of the multiply-accumulates that stays."""


def measure_prune_time(
    checkpoint: Path,
    train: Path,
    suite: Suite,
    suite_name: str,
    vocabulary: Path,
    work: Path,
    *,
    labels: tuple[str, ...],
    progress: Progress,
) -> tuple[TimedPruning, ...]:
    """Prune the fine-tuned checkpoint and a random one of the suite's shape, without training, and time both.

    Args:
        checkpoint: The fine-tuned checkpoint.
        train: Texts to prune with.
        suite: Shape and seed of the random checkpoint.
        suite_name: Name of the suite, or the path of its file.
        vocabulary: ``vocab.txt`` of the random checkpoint, so that texts are as long as they would be.
        work: Folder for the checkpoints.
        labels: Labels of the texts.
        progress: Told what is being done.

    Raises:
        CheckFailed: A command failed; the message holds the end of what it wrote.
    """
    work.mkdir(parents=True, exist_ok=True)
    base = work / "base"
    progress("writing the base checkpoint", 0, 3)
    words = ["-m", "benchmarks.checkpoint", suite_name, str(base.resolve())]
    run_command([sys.executable, *words, "--vocabulary", str(vocabulary.resolve()), "--labels", *labels])
    progress("pruning the fine-tuned checkpoint", 1, 3)
    small = _timed("fine-tuned", "the checkpoint of `accuracy`", checkpoint, train, work)
    progress("pruning the base checkpoint", 2, 3)
    large = _timed("base", f"random weights, {suite.name} shape, vocabulary of the encoder", base, train, work)
    return small, large


def _timed(name: str, said: str, checkpoint: Path, train: Path, work: Path) -> TimedPruning:
    out = work / f"{name}-pruned"
    words = ["prune", shown(checkpoint), "--train", str(train.resolve()), "--keep", f"{KEEP:g}", "--out", shown(out)]
    words.append("--force")
    # Where the texts lie on this machine is nobody's concern.
    recorded = shlex.join(["edgebert", *(train.name if word == str(train.resolve()) else word for word in words)])
    process = measured([str(edgebert_command()), *words], command=recorded)
    return TimedPruning(
        name="base" if name == "base" else "fine-tuned",
        checkpoint=said,
        architecture=read_architecture(read_config(checkpoint), checkpoint),
        process=process,
    )
