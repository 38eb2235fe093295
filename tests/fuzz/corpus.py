"""The sound files that are damaged: made once, small, without torch, by the builders of the other tests."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from edgebert.benchmarking.report import DoneTrial
from edgebert.benchmarking.run.journal import RunFingerprint, open_journal
from edgebert.benchmarking.run.steps import AnswersStep, FactsStep, GoldenStep, StateStep, TrialStep
from edgebert.benchmarking.suite import Suite
from edgebert.device.device import PhoneState
from edgebert.planning.state import SearchKey as Search
from tests.fuzz.readers import TASK_DATA
from tests.support import fakes, report_values, tiny_files

RUN = RunFingerprint(
    edgebert="1", bundle="b", texts="t", suite=Suite(), devices=("local",), files=(), runtimes=("onnxruntime",)
)
SEARCH = Search(
    edgebert="1", model="m", training="t", evaluation="e", format="onnx", seed=0, runtime="onnxruntime 1", cpu="x86_64"
)
ROWS = [(text, fakes.LABELS["good" in text or "great" in text]) for text in fakes.TEXTS * 4]
REPOSITORY = Path(__file__).parents[2]


class Corpus:
    """A folder with sound files by name; each is made when it is first taken.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Return a sound file or folder: look, copy, don't change."""
        path = self.root / name
        if not path.exists():
            made = path.with_name(f"making-{name}")
            MAKERS[name](made, self)
            made.rename(path)
        return path


def _bundle(to: Path, corpus: Corpus) -> None:
    tiny_files.write_bundle(to, formats=("onnx", "tflite"))


def _exported(to: Path, corpus: Corpus) -> None:
    """Export the tiny model: what `verify` derives from the files is true of a real bundle only."""
    words = [sys.executable, "-m", "edgebert", "export", str(corpus.path("model")), "--out", str(to)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    words += ["--formats", "onnx", "--lengths", "8,16"]
    subprocess.run(words, check=True, capture_output=True, env=environment)


def _model(to: Path, corpus: Corpus) -> None:
    """Write a DistilBERT of random weights as `save_pretrained` does, without torch."""
    from safetensors.numpy import save_file

    hidden, neurons, layers = 32, 64, 2
    to.mkdir()
    fakes.write_tokenizer(to)
    config = {
        "model_type": "distilbert",
        "architectures": ["DistilBertForSequenceClassification"],
        "vocab_size": len(fakes.VOCABULARY),
        "dim": hidden,
        "n_heads": 4,
        "hidden_dim": neurons,
        "n_layers": layers,
        "max_position_embeddings": 64,
        "activation": "gelu",
        "pad_token_id": 0,
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "seq_classif_dropout": 0.2,
        "id2label": dict(enumerate(fakes.LABELS)),
        "label2id": {label: index for index, label in enumerate(fakes.LABELS)},
    }
    (to / "config.json").write_text(json.dumps(config, indent=2))
    rng = np.random.default_rng(0)
    tensors = {}

    def add(name: str, *shape: int) -> None:
        noise = rng.standard_normal(shape).astype(np.float32)
        if "norm" in name.lower() and name.endswith("weight"):
            noise = 1 + np.float32(0.2) * noise
        elif len(shape) == 2 and "embeddings" not in name:
            noise *= np.float32(1.5 / shape[1] ** 0.5)
        tensors[name] = noise

    def linear(name: str, outputs: int, inputs: int) -> None:
        add(f"{name}.weight", outputs, inputs)
        add(f"{name}.bias", outputs)

    def norm(name: str) -> None:
        add(f"{name}.weight", hidden)
        add(f"{name}.bias", hidden)

    add("distilbert.embeddings.word_embeddings.weight", len(fakes.VOCABULARY), hidden)
    add("distilbert.embeddings.position_embeddings.weight", 64, hidden)
    norm("distilbert.embeddings.LayerNorm")
    for layer in range(layers):
        at = f"distilbert.transformer.layer.{layer}"
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            linear(f"{at}.attention.{part}", hidden, hidden)
        norm(f"{at}.sa_layer_norm")
        linear(f"{at}.ffn.lin1", neurons, hidden)
        linear(f"{at}.ffn.lin2", hidden, neurons)
        norm(f"{at}.output_layer_norm")
    linear("pre_classifier", hidden, hidden)
    linear("classifier", len(fakes.LABELS), hidden)
    save_file(tensors, to / "model.safetensors", metadata={"format": "pt"})


def _bert(to: Path, corpus: Corpus) -> None:
    """Write the BERT encoder that `_model` would have been cut from."""
    from safetensors.numpy import load_file, save_file

    found = load_file(corpus.path("model") / "model.safetensors")
    shutil.copytree(corpus.path("model"), to)
    names = {
        "attention.q_lin": "attention.self.query",
        "attention.k_lin": "attention.self.key",
        "attention.v_lin": "attention.self.value",
        "attention.out_lin": "attention.output.dense",
        "sa_layer_norm": "attention.output.LayerNorm",
        "ffn.lin1": "intermediate.dense",
        "ffn.lin2": "output.dense",
        "output_layer_norm": "output.LayerNorm",
    }
    tensors = {}
    for name, tensor in found.items():
        if not name.startswith("distilbert."):
            continue
        key = name.removeprefix("distilbert.").replace("transformer.layer", "encoder.layer")
        for old, new in names.items():
            key = key.replace(f".{old}.", f".{new}.")
        tensors[key] = tensor
    tensors["embeddings.token_type_embeddings.weight"] = np.zeros((2, 32), np.float32)
    save_file(tensors, to / "model.safetensors", metadata={"format": "pt"})
    config = {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "vocab_size": len(fakes.VOCABULARY),
        "hidden_size": 32,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    (to / "config.json").write_text(json.dumps(config))


def _data(to: Path, corpus: Corpus) -> None:
    made = fakes.write_data(to.with_name(to.name.removeprefix("making-")), ROWS)
    made.rename(to)


def _task_data(to: Path, corpus: Corpus) -> None:
    """Write a data file of another task, as its benchmark publishes it."""
    name, context = to.name.removeprefix("making-"), "The \u201cscreen\u201d \U0001f600 of Ada's phone is great."
    asked = {"id": "1", "question": "What is great?", "answers": [{"text": "phone", "answer_start": 24}]}
    skipped = {"id": "2", "question": "Why?", "answers": [], "is_impossible": True}
    squad = {"version": "v2.0", "data": [{"title": "x", "paragraphs": [{"context": context, "qas": [asked, skipped]}]}]}
    answers = {"text": ["phone"], "answer_start": [24]}
    rows: dict[str, list[dict[str, object]]] = {
        "labels.jsonl": [{"text": "good", "labels": ["a", "b"]}, {"text": "bad", "labels": []}],
        "tokens.jsonl": [{"tokens": ["Ada", "is", "good"], "tags": ["B-PER", "O", "O"]}],
        "spans.jsonl": [{"text": context, "spans": [{"start": 18, "end": 21, "label": "PER"}]}],
        "questions.jsonl": [{"question": "What?", "context": context, "answers": answers}],
    }
    texts = {
        "tags.conll": "-DOCSTART-\t-X-\tO\n\nAda\tNNP\tB-PER\nL.\tNNP\tI-PER\nis\tVBZ\tO\n\n\U0001f600\tNN\tO\n",
        "squad.json": json.dumps(squad),
        "scores.csv": 'text,score\ngood,1.5\n"bad, bad",-2e-1\n',
        "pairs.tsv": "sentence1\tsentence2\tscore\ngood\tgreat\t0.9\nbad\tgood\t-0.25\n",
    }
    content = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows.get(name, ())) or texts[name]
    to.write_text(content, encoding="utf-8")


def _texts(to: Path, corpus: Corpus) -> None:
    to.write_text("".join(f"{text}\n" for text in fakes.TEXTS * 4))


def _report(number: int) -> Callable[[Path, Corpus], None]:
    def make(to: Path, corpus: Corpus) -> None:
        from edgebert.jsonio import dumps

        labels, by_float, by_file = report_values.make_predictions(both=30, only_float=2, only_file=1, neither=3)
        answers = [
            report_values.make_answers(report_values.INT8, by_file),
            report_values.make_answers(report_values.FLOAT, by_float),
        ]
        small = {
            file: report_values.make_times(median, processes=4, runs=5, seed=number)
            for file, median in ((report_values.INT8, 10e6), (report_values.FLOAT, 40e6))
        }
        device = report_values.make_phone() if number else report_values.make_device()
        measured = [report_values.make_measurement(small, device=device, answers=answers)]
        measured += [report_values.make_emulated(notes=("a note",))] if number == 2 else []
        texts = report_values.make_texts(texts=len(labels))
        to.write_text(dumps(report_values.make_report(*measured, labels=labels, texts=texts)))

    return make


def _suite(to: Path, corpus: Corpus) -> None:
    to.write_text('runs = 2\nwarm_up = 0\nprocesses = 1\nthreads = [1]\neval_samples = 4\ncores = ""\nseed = 1\n')


def _recipe(name: str) -> Callable[[Path, Corpus], None]:
    def make(to: Path, corpus: Corpus) -> None:
        shutil.copy(REPOSITORY / "edgebert" / "recipes" / f"{name}.toml", to)

    return make


def _journal(to: Path, corpus: Corpus) -> None:
    journal = open_journal(to, RUN, restart=False)
    done = DoneTrial(file="int8.onnx", round=0, order=0, trial=report_values.make_trial({"all": [5, 6, 7]}))
    answers = report_values.make_answers("int8.onnx", ())
    for step in (
        FactsStep(device="local", facts=report_values.make_device()),
        GoldenStep(device="local", answers=answers, text_ns=5, problem="line\nbreak"),
        AnswersStep(device="local", file="int8.onnx", runtime="onnxruntime", answers=((0,), (1,))),
        StateStep(device="local", state=PhoneState(trial=2, battery_celsius=30.5), retries=2),
        TrialStep(device="local", done=done),
    ):
        journal.add(step)
    journal.close()


def _plan(to: Path, corpus: Corpus) -> None:
    from edgebert.jsonio import dumps
    from edgebert.planning.state import SCHEMA, State
    from tests.support.trials import make_trial

    trials = (
        make_trial(keep=1.0, work=1.0, drop=0.0, speedup=2.0),
        make_trial(keep=0.5, speedup=3.0),
        make_trial(keep=0.35, work=0.35, drop=2.0, vocabulary=True, speedup=4.0),
    )
    to.mkdir()
    (to / "plan.json").write_text(dumps(State(schema=SCHEMA, fingerprint=SEARCH, trials=trials)))


def _latency(to: Path, corpus: Corpus) -> None:
    from edgebert.architecture import Architecture
    from edgebert.pruning.latency import SCHEMA, LatencyTable, write_table
    from edgebert.pruning.probes import Probe, check_widths, probe_widths

    shape = Architecture(
        hidden=32,
        head_dim=8,
        heads=(4, 4),
        neurons=(64, 64),
        vocabulary=len(fakes.VOCABULARY),
        positions=64,
        activation="gelu",
    )

    def probe(widths: tuple[tuple[int, ...], tuple[int, ...]]) -> Probe:
        heads, neurons = widths
        ns = 50_000 + 900 * sum(heads) + 40 * sum(neurons) + 3000 * len(heads)
        return Probe(heads=heads, neurons=neurons, run_ns=((ns, ns + 70), (ns + 9, ns + 10)))

    table = LatencyTable(
        schema=SCHEMA,
        device="x86_64",
        runtime="onnxruntime",
        runtime_version="1.23.0",
        format="onnx",
        precision="int8",
        threads=1,
        length=16,
        hidden=32,
        head_dim=8,
        activation="gelu",
        probes=tuple(map(probe, probe_widths(shape))),
        checks=tuple(map(probe, check_widths(shape))),
    )
    write_table(table, to)


def _worker_archive(to: Path, corpus: Corpus) -> None:
    from edgebert.workers.archive import LOADER, PYTHON, RuntimePackage, write_runtime

    sources = to.with_name("sources")
    sources.mkdir()
    files = {}
    for index, (name, content) in enumerate({PYTHON: b"python", LOADER: b"loader", "site/a/b.py": b"x = 1\n"}.items()):
        files[name] = sources / str(index)
        files[name].write_bytes(content)
    write_runtime(to, files, (RuntimePackage(name="numpy", version="2.4.6", origin="PyPI"),))


def _answer(to: Path, corpus: Corpus) -> None:
    payload = json.dumps(asdict(report_values.make_trial({"all": [5, 6, 7]}))).encode()
    to.write_bytes(f"edgebert-worker {len(payload)} {hashlib.sha256(payload).hexdigest()}\n".encode() + payload)


def _request(to: Path, corpus: Corpus) -> None:
    from edgebert.device.protocol import WORKER_SCHEMA, Request, Series
    from edgebert.jsonio import dumps

    request = Request(
        schema=WORKER_SCHEMA,
        file="bundle/int8.onnx",
        runtime="onnxruntime",
        threads=1,
        cores=(),
        pad_id=0,
        series=(Series(name="all", inputs=((2, 9, 3), (2, 9, 9, 3))),),
        warm_up=0,
        runs=2,
        answers=((2, 9, 3),),
        tokenizer="bundle/tokenizer.json",
        max_length=8,
        texts=("good", "bad"),
    )
    to.write_text(dumps(request))


def _copy(*parts: str) -> Callable[[Path, Corpus], None]:
    def make(to: Path, corpus: Corpus) -> None:
        source = REPOSITORY.joinpath("tests", "golden", *parts)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, to)

    return make


def _library(to: Path, corpus: Corpus) -> None:
    from tests.support import elves

    to.write_bytes(elves.library(["libc.so.6", "libm.so.6"], interpreter="/lib/ld-linux-aarch64.so.1"))


def _counts(to: Path, corpus: Corpus) -> None:
    to.write_text(
        "".join(f"insncount {mark} {name} {mark * 10}\n" for mark in range(2) for name in ("total", "sdot", "ldr"))
    )


MAKERS: dict[str, Callable[[Path, Corpus], None]] = {
    "answer": _answer,
    "bert": _bert,
    "bundle": _bundle,
    "counts.txt": _counts,
    "cpuinfo.txt": _copy("cpuinfo", "raspberry-pi-5.txt"),
    **dict.fromkeys(("data.csv", "data.tsv", "data.jsonl", "data.csv.gz", "data.tsv.gz"), _data),
    "data.txt": _texts,
    **dict.fromkeys(TASK_DATA, _task_data),
    "exported": _exported,
    "latency.json": _latency,
    "library.so": _library,
    "model": _model,
    "phone": _copy("android", "pixel-8-android-15"),
    "plan": _plan,
    "recipe.toml": _recipe("int8"),
    "pruning.toml": _recipe("keep50-int8"),
    **{name: _report(number) for number, name in enumerate(("report.json", "report-2.json", "report-3.json"))},
    "request.json": _request,
    "run.journal": _journal,
    "suite.toml": _suite,
    "worker.tar.gz": _worker_archive,
}
