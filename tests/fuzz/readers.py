"""Every reader of a file or of a device's words, called by itself on a damaged input in the working folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

DATA = ("data.csv", "data.tsv", "data.jsonl", "data.csv.gz", "data.tsv.gz")
TASK_DATA = {
    "labels.jsonl": "multi-label-classification",
    "scores.csv": "text-regression",
    "tags.conll": "token-classification",
    "tokens.jsonl": "token-classification",
    "spans.jsonl": "token-classification",
    "squad.json": "question-answering",
    "questions.jsonl": "question-answering",
    "pairs.tsv": "feature-extraction",
}
"""Data files of the other tasks."""


def _bundle() -> None:
    from edgebert.bundle import check_inside, is_bundle, open_bundle

    assert isinstance(is_bundle(Path("bundle")), bool)
    bundle = open_bundle(Path("bundle"))
    for artifact in bundle.manifest.artifacts:
        bundle.path(artifact.file)
        check_inside(artifact.file, bundle.root)


def _card() -> None:
    from edgebert.bundle import open_bundle
    from edgebert.card import card_text

    assert card_text(open_bundle(Path("bundle")).manifest, plot=None).startswith("---\n")


def _dataset() -> None:
    from edgebert.data import read_dataset, read_training

    path = next((path for path in map(Path, DATA) if path.is_symlink() or path.exists()), Path("data.csv"))
    read_training(path, labels=None)
    read_dataset(path)
    read_dataset(path, labels=("negative", "positive"))


def _task_dataset() -> None:
    from edgebert.data import read_dataset, read_training, task_of
    from edgebert.data_checks import data_warnings, find_duplicates

    path = next((path for path in map(Path, TASK_DATA) if path.is_symlink() or path.exists()), Path("tags.conll"))
    read_training(path, labels=None)
    task = TASK_DATA[path.name]
    found = read_dataset(path, task=task)  # type: ignore[arg-type]
    read_dataset(path, task=task, labels=found.labels or None)  # type: ignore[arg-type]
    data_warnings(found)
    find_duplicates(found.examples, found.examples)
    task_of(path)


def _plain_texts() -> None:
    from edgebert.data import read_training

    read_training(Path("data.txt"), labels=None)


def _report() -> None:
    from edgebert.benchmarking.render.text import markdown_text
    from edgebert.benchmarking.report import read_report

    markdown_text([read_report(Path("report.json"))])


def _suite() -> None:
    from edgebert.benchmarking.suite import load_suite

    load_suite(Path("suite.toml"))


def _recipe() -> None:
    from edgebert.recipe import load_recipe

    load_recipe(Path("recipe.toml"))


def _journal() -> None:
    from edgebert.benchmarking.run.journal import open_journal
    from tests.fuzz.corpus import RUN

    journal = open_journal(Path("run.journal"), RUN, restart=False)
    journal.of("local")
    journal.close()


def _plan() -> None:
    from edgebert.planning.front import choose, losses, pareto_front, relaxations
    from edgebert.planning.state import open_state
    from edgebert.planning.values import Bounds
    from tests.fuzz.corpus import SEARCH

    trials = open_state(Path("plan"), SEARCH, force=False).trials
    bounds = Bounds(max_drop=1, max_mb=30, min_speedup=2)
    pareto_front(trials)
    choose(trials, bounds)
    losses(trials, bounds)
    relaxations(trials, bounds)


def _latency() -> None:
    from edgebert.pruning.latency import prediction_errors, read_table

    prediction_errors(read_table(Path("latency.json")))


def _tokenizer() -> None:
    from edgebert.folder import read_config
    from edgebert.text import pieces, text_spec
    from edgebert.tokenizer import load_tokenizer

    read_config(Path("model"))
    tokenizer = load_tokenizer(Path("model"))
    text_spec(tokenizer, max_length=16, lengths=(8, 16))
    pieces(tokenizer)


def _encoder() -> None:
    from edgebert.text import open_encoder

    open_encoder(Path("bundle/tokenizer.json"), 16).encode("good bad [MASK] é")


def _weights() -> None:
    from edgebert.folder import read_config
    from edgebert.tensors import read_tensors, weight_files

    read_config(Path("model"))
    read_tensors(weight_files(Path("model")))


def _configuration() -> None:
    from edgebert.configuration import read_architecture
    from edgebert.folder import read_config
    from edgebert.inspection import read_labels

    read_labels("./model")
    read_architecture(read_config(Path("model")), Path("model"))


def _worker_archive() -> None:
    from edgebert.workers.unpack import check_runtime, read_runtime, unpack_runtime

    read_runtime(Path("worker.tar.gz"))
    check_runtime(Path("worker.tar.gz"))
    unpack_runtime(Path("worker.tar.gz"), Path("out"))


def _answer() -> None:
    from edgebert.device.board import read_answer
    from edgebert.device.device import Finished
    from edgebert.device.protocol import Trial

    read_answer(Trial, Finished(code=0, stdout=Path("answer").read_bytes(), stderr="\x1b[31mno\x1b[0m"), url="adb:x")


def _worker() -> int:
    from edgebert.ondevice.__main__ import main

    return main(["run"])


def _phone() -> None:
    from edgebert.device.android import android_facts, phone_state

    text = {name: Path(f"phone/{name}.txt").read_bytes().decode("utf-8", "replace") for name in _DUMPS}
    android_facts(text["getprop"])
    phone_state(1, battery=text["battery"], thermal=text["thermalservice"], power=text["power"])


def _processors() -> None:
    from edgebert.ondevice.hardware import parse_cpuinfo
    from edgebert.ondevice.sysfs import parse_processors

    text = Path("cpuinfo.txt").read_bytes().decode("utf-8", "replace")
    parse_cpuinfo(text)
    parse_processors(text[:40])


def _library() -> None:
    from edgebert.workers.elf import read_elf

    read_elf(Path("library.so").read_bytes())


def _counts() -> None:
    from edgebert.emulation.emulator import between, read_counts

    between(read_counts(Path("counts.txt").read_bytes().decode("utf-8", "replace")), "0", "1", runs=3)


_DUMPS = ("getprop", "battery", "thermalservice", "power")

READERS: dict[str, Callable[[], Any]] = {
    "answer": _answer,
    "bundle": _bundle,
    "card": _card,
    "configuration": _configuration,
    "counts": _counts,
    "dataset": _dataset,
    "encoder": _encoder,
    "journal": _journal,
    "latency": _latency,
    "library": _library,
    "phone": _phone,
    "plain_texts": _plain_texts,
    "plan": _plan,
    "processors": _processors,
    "recipe": _recipe,
    "report": _report,
    "suite": _suite,
    "task_dataset": _task_dataset,
    "tokenizer": _tokenizer,
    "weights": _weights,
    "worker": _worker,
    "worker_archive": _worker_archive,
}


def call(name: str) -> int:
    """Call a reader and return the exit code that the command line would leave with."""
    from edgebert.cli.output import show_error
    from edgebert.errors import EdgebertError

    try:
        return READERS[name]() or 0
    except EdgebertError as error:
        show_error(error)
        return error.exit_code
