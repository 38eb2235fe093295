"""The data sets that every task is tried on: where a copy of them lies, and how each becomes a pair of data files.

None of them is in this repository. The folder that ``--data`` names has one folder for each, with the files as they
are published.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgebert.errors import DataError
from edgebert.meaning import Task
from edgebert.staging import reading, replace_file
from edgebert.training.options import FinetuneOptions

_DRAWN_TO_TRAIN, _DRAWN_TO_EVALUATE = 8000, 2000
_PAIRS = 1500


class Files(NamedTuple):
    """What is learnt from and what is scored; ``train`` is ``None`` where nothing is trained."""

    train: Path | None
    evaluation: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What each int8 file has to reach in a metric.

    Attributes:
        metric: One of ``edgebert.metrics.METRICS``.
        drop: Most by which it may be below the float file, in points; ``None`` where it may not matter.
        least: Least that it has to be; ``None`` where nothing is asked.
    """

    metric: str
    drop: float | None = None
    least: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfCut:
    """Half of the multiply-accumulates is cut out, and then the model is distilled for some epochs, or not.

    Attributes:
        distill: Epochs.
        drop: Most by which the first metric may fall, in points.
    """

    distill: float
    drop: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSet:
    """One data set, what is done with it, and what has to come out.

    Attributes:
        name: Its name on the command line.
        title: What it is, for people.
        task: What is learnt.
        files: Makes the data files: is given the folder of all data and a folder to write to.
        options: How the encoder is fine-tuned; ``None`` takes the encoder as it is.
        label_column: Column of the answers; ``None`` is found.
        lengths: Longest input in tokens; each is a bundle of its own.
        least: What the float file has to reach in the first metric; ``None`` where nothing is asked.
        bounds: The metrics, and what the int8 files have to reach.
        cuts: What is pruned, and what that may cost.
    """

    name: str
    title: str
    task: Task
    files: Callable[[Path, Path], Files]
    options: FinetuneOptions | None
    label_column: str | None = None
    lengths: tuple[int, ...]
    least: float | None = None
    bounds: tuple[Bound, ...]
    cuts: tuple[HalfCut, ...] = ()


def _as_published(folder: str, train: str, evaluation: str) -> Callable[[Path, Path], Files]:
    """Return a function that takes two files as they are."""
    return lambda data, _: Files(data / folder / train, data / folder / evaluation)


def _intents(data: Path, out: Path) -> Files:
    """Write the utterances of CLINC150 and their intents as tables; those out of scope are left out."""
    for part, rows in _clinc(data).items():
        lines = ["text\tlabel", *(f"{text}\t{intent}" for text, intent in rows)]
        replace_file(out / f"{part}.tsv", "".join(f"{line}\n" for line in lines).encode())
    return Files(out / "train.tsv", out / "val.tsv")


def _domains(data: Path, out: Path) -> Files:
    """Join one to three utterances of CLINC150 to a text, which has the domains of all of them as labels."""
    domains = json.loads(_text(data / "clinc150" / "domains.json"))
    domain_of = {intent: domain for domain, intents in domains.items() for intent in intents}
    choose = random.Random(0)  # noqa: S311 (no secrets)
    counts = {"train": _DRAWN_TO_TRAIN, "val": _DRAWN_TO_EVALUATE}
    for part, rows in _clinc(data).items():
        lines = []
        for _ in range(counts[part]):
            parts = choose.sample(rows, choose.choice([1, 1, 2, 2, 3]))
            labels = sorted({domain_of[intent] for _, intent in parts})
            lines.append(json.dumps({"text": ". ".join(text for text, _ in parts), "labels": labels}))
        replace_file(out / f"{part}.jsonl", "".join(f"{line}\n" for line in lines).encode())
    return Files(out / "train.jsonl", out / "val.jsonl")


def _pairs(data: Path, out: Path) -> Files:
    """Pair utterances of CLINC150, every second pair of one intent; the score is left to the float encoder."""
    rows = _clinc(data)["val"]
    choose = random.Random(0)  # noqa: S311 (no secrets)
    lines = ["sentence1\tsentence2"]
    for number in range(_PAIRS):
        first, intent = choose.choice(rows)
        others = [text for text, other in rows if text != first and (number % 2 or other == intent)]
        lines.append(f"{first}\t{choose.choice(others)}")
    replace_file(out / "pairs.tsv", "".join(f"{line}\n" for line in lines).encode())
    return Files(None, out / "pairs.tsv")


def _clinc(data: Path) -> dict[str, list[tuple[str, str]]]:
    found = json.loads(_text(data / "clinc150" / "data_full_train_val.json"))
    return {part: [(text, intent) for text, intent in found[part]] for part in ("train", "val")}


def _text(path: Path) -> str:
    with reading(path, error=DataError):
        return path.read_text(encoding="utf-8")


def _options(epochs: float, rate: float, batch: int, longest: int) -> FinetuneOptions:
    return FinetuneOptions(
        epochs=epochs, learning_rate=rate, batch_size=batch, max_length=longest, precision="bfloat16"
    )


TASK_SETS = (
    TaskSet(
        name="clinc150",
        title="CLINC150, 150 intents",
        task="text-classification",
        files=_intents,
        options=_options(5, 3e-4, 64, 64),
        lengths=(64,),
        least=0.93,
        bounds=(Bound(metric="accuracy", drop=0.4),),
        cuts=(HalfCut(distill=0, drop=1.0), HalfCut(distill=2, drop=0.3)),
    ),
    TaskSet(
        name="banking77",
        title="BANKING77, 77 intents",
        task="text-classification",
        files=_as_published("banking77", "train.csv", "test.csv"),
        options=_options(6, 3e-4, 64, 128),
        label_column="category",
        lengths=(128,),
        least=0.90,
        bounds=(Bound(metric="accuracy", drop=0.4),),
    ),
    TaskSet(
        name="domains",
        title="domains of one to three utterances of CLINC150, 10 labels",
        task="multi-label-classification",
        files=_domains,
        options=_options(3, 1e-4, 32, 128),
        lengths=(128,),
        bounds=(Bound(metric="micro_f1", drop=0.5),),
    ),
    TaskSet(
        name="wnut17",
        title="WNUT17, 6 entity types",
        task="token-classification",
        files=_as_published("wnut17", "train.conll", "dev.conll"),
        options=_options(4, 2e-4, 32, 128),
        lengths=(128,),
        bounds=(Bound(metric="entity_f1", drop=1.0),),
        cuts=(HalfCut(distill=0, drop=2.0), HalfCut(distill=2, drop=0.7)),
    ),
    TaskSet(
        name="squad",
        title="SQuAD 1.1, questions of 39 articles to learn from and of 5 others to score",
        task="question-answering",
        files=_as_published("squad", "train_subset.json.gz", "dev_subset.json.gz"),
        options=_options(2, 1e-4, 16, 384),
        lengths=(384,),
        bounds=(Bound(metric="answer_f1", drop=0.7), Bound(metric="exact_match", drop=0.7)),
        cuts=(HalfCut(distill=0, drop=2.0), HalfCut(distill=2, drop=0.7)),
    ),
    TaskSet(
        name="imdb",
        title="IMDb reviews, 4,000 to learn from",
        task="text-classification",
        files=_as_published("imdb", "train.tsv.gz", "test.tsv.gz"),
        options=_options(2, 1e-4, 16, 512),
        lengths=(256, 512),
        least=0.88,
        bounds=(Bound(metric="accuracy", drop=0.5),),
    ),
    TaskSet(
        name="pairs",
        title="pairs of utterances of CLINC150, compared by the encoder itself",
        task="feature-extraction",
        files=_pairs,
        options=None,
        lengths=(64,),
        bounds=(Bound(metric="cosine", least=0.995), Bound(metric="pair_spearman", least=0.99)),
    ),
)
"""In the order they are measured."""
