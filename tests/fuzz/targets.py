"""The commands of the program that need no torch, and every reader, each with what it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz import formats, hostile, mutate
from tests.fuzz.box import Box, Case
from tests.fuzz.readers import DATA, READERS, TASK_DATA
from tests.fuzz.seal import seal
from tests.support import fakes

MODEL_FILES = (
    "config.json",
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
_TEXT = (mutate.damaged, mutate.spliced, mutate.spliced)
_JSON = (mutate.json_text, mutate.json_text, mutate.json_text, mutate.damaged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that is fed with damaged files.

    Attributes:
        name: Name on the command line of the fuzzer.
        make: Fills a box and returns what to run in it.
        commands: Commands of edgebert that it covers.
        torch: Whether the process that it runs in has torch.
        weight: Cases in each round.
    """

    name: str
    make: Callable[[Box], Case]
    commands: tuple[str, ...] = ()
    torch: bool = False
    weight: int = 4


def damaged_bundle(box: Box, seed: str = "bundle") -> str:
    """Put a damaged bundle into the box and return its name."""
    root = box.take(seed, "bundle")
    if box.rng is None:
        return "./bundle"
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    name = box.pick(*["edgebert.json"] * len(names), *names)
    box.damage(root / name, *(_JSON if name.endswith(".json") else _TEXT))
    # Without that, nothing behind the hashes is ever reached.
    if box.chance(0.75):
        seal(root, name)
    return box.named(root)


def damaged_model(box: Box, root: Path, files: tuple[str, ...] = MODEL_FILES) -> None:
    """Damage one of the files of a checkpoint folder."""
    file = box.pick(*files)
    if file == "vocab.txt" and box.chance(0.5):
        (root / "tokenizer.json").unlink()
    if file == "model.safetensors":
        box.damage(root / file, formats.safetensors)
    elif file.endswith(".json"):
        box.damage(root / file, *_JSON)
    else:
        box.damage(root / file, *_TEXT)


def damaged_data(box: Box, *names: str) -> str:
    """Put a damaged data file into the box and return its name."""
    path = box.take(box.pick(*(names or DATA)))
    box.damage(path, formats.table)
    return box.named(path)


def _json(box: Box) -> list[str]:
    return ["--json"] if box.chance(0.3) else []


def some_texts(box: Box) -> tuple[list[str], bytes]:
    """Return words and standard input that give texts to `predict` in one of two ways."""
    if box.chance(0.5):
        assert box.rng is not None
        texts = "\n".join(box.rng.choice((*hostile.STRINGS, *fakes.TEXTS, "")) for _ in range(4))
        content = texts.encode("utf-8", "surrogatepass")
        if box.chance(0.03):
            content += b"good " * 10_000_000
        return [], mutate.damaged(content, box.rng) if box.chance(0.3) else content
    words = ["good", box.pick("bad battery", *(text for text in hostile.STRINGS if text.isprintable()))]
    return ["--", *words], b""


def _inspect(box: Box) -> Case:
    return Case(words=["inspect", damaged_bundle(box), *_json(box)])


def _verify(box: Box) -> Case:
    runtime = box.pick([], [], ["--runtime", "onnxruntime"])
    return Case(words=["verify", damaged_bundle(box, "exported"), *runtime, *_json(box)])


def _predict(box: Box) -> Case:
    bundle = damaged_bundle(box) if box.chance(0.6) else str(box.take("bundle").relative_to(box.work)) + "/"
    options = box.pick([], [], ["--file", "int8.tflite"], ["--runtime", "litert"], ["--file", "baseline/float32.onnx"])
    words, stdin = some_texts(box)
    if box.chance(0.3):
        file = ["--eval", damaged_data(box), *box.pick([], ["--jsonl"], ["--out", "out.jsonl"], ["--top-k", "2"])]
        return Case(words=["predict", bundle, *options, *file], outputs={"out.jsonl": "any"})
    return Case(words=["predict", bundle, *options, *_json(box), *words], stdin=stdin)


def _evaluate(box: Box) -> Case:
    if box.chance(0.5):
        bundle, data = damaged_bundle(box), str(box.take("data.tsv").relative_to(box.work))
    else:
        box.take("bundle")
        bundle, data = "./bundle", damaged_data(box)
    options = box.pick([], ["--metric", "macro_f1"], ["--file", "int8.onnx"], ["--runtime", "litert"])
    columns = box.pick([], [], [], ["--text-column", "label"], ["--label-column", "text"])
    return Case(words=["evaluate", bundle, "--eval", data, *options, *columns, *_json(box)])


def _embed(box: Box) -> Case:
    bundle = damaged_bundle(box)
    if box.chance(0.5):
        (box.work / "app").mkdir()
        kotlin = ["--kotlin-package", box.pick("com.example.app", "com.example", "a..b", "1a", "x/y")]
        kotlin += ["--kotlin-out", "Model.kt"]
        words = ["embed", bundle, "--android", "app", *box.pick([], kotlin), *_json(box)]
        return Case(words=words, outputs={"app": "folder", "Model.kt": "file"})
    taken = box.pick(False, False, True)
    if taken:
        box.take("bundle", "out")
    force = ["--force"] if taken and box.chance(0.5) else []
    return Case(words=["embed", bundle, "--into", "out", *force, *_json(box)], outputs={"out": "embedded"})


def _strip(box: Box) -> Case:
    return Case(words=["strip", damaged_bundle(box), "--out", "out"], outputs={"out": "bundle"})


def _check(box: Box) -> Case:
    if box.chance(0.4):
        bundle, report = damaged_bundle(box), ["--report", "report.json"]
        box.take("report.json")
    else:
        box.take("bundle")
        path = box.take("report.json")
        box.damage(path, mutate.json_text, mutate.json_text, mutate.json_text, mutate.damaged)
        bundle, report = "./bundle", ["--report", box.named(path)]
    # The report is of another bundle than the tiny one, unless it is told otherwise.
    path = box.work / report[1]
    manifest = box.work / bundle / "edgebert.json"
    if path.is_file() and manifest.is_file() and box.rng is not None and not path.is_symlink():
        _speak_of(path, box.corpus.path("bundle"))
    limits = box.pick(
        ["--max-mb", "30"],
        ["--max-drop", "1", "--max-mb", "1"],
        ["--min-speedup", "2"],
        ["--max-p90-ms", "20"],
        ["--min-agreement", "0.98"],
    )
    words = ["check", bundle, *limits]
    words += report if box.rng is not None else []
    junit = ["--junit", "junit.xml"] if box.chance(0.4) else []
    github = box.pick([], ["--github"], ["--github"]) if box.rng is not None else []
    return Case(
        words=[*words, *junit, *github, *_json(box)],
        outputs={"junit.xml": "xml"} if junit else {},
        annotates=bool(github),
    )


def _speak_of(report: Path, bundle: Path) -> None:
    """Make a report, where it can still be read, one of this bundle: names and hashes of its files and labels."""
    try:
        value = json.loads(report.read_bytes())
        manifest = json.loads((bundle / "edgebert.json").read_bytes())
        hashes = {item["file"]: item for item in manifest["artifacts"]}
        value["bundle"]["labels"], value["bundle"]["text"] = manifest["labels"], manifest["text"]
        for file in value["bundle"]["files"]:
            if file["file"] in hashes:
                found = hashes[file["file"]]
                file["sha256"], file["size_bytes"] = found["sha256"], found["size_bytes"]
        report.write_text(json.dumps(value))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return


def _reports(box: Box, count: int) -> list[str]:
    found = []
    for name in box.pick(
        ("report.json", "report-2.json", "report-3.json"), ("report-3.json", "report.json"), ("report.json",) * 2
    )[:count]:
        path = box.work / name if (box.work / name).exists() else box.take(name)
        found.append(path)
    box.damage(found[0], mutate.json_text, mutate.json_text, mutate.json_text, mutate.damaged)
    return [str(path.relative_to(box.work)) for path in found]


def _report(box: Box) -> Case:
    given = _reports(box, box.pick(1, 2))
    form = box.pick([], [], ["--markdown"], ["--csv"], ["--json"], ["--html", "page.html"])
    return Case(words=["report", *given, *form], outputs={"page.html": "html"} if "--html" in form else {})


def _compare(box: Box) -> Case:
    given = _reports(box, 2) if box.rng is not None else [box.take("report.json").name] * 2
    given = given * 2 if len(given) == 1 else given
    allow = box.pick([], [], ["--allow", "runtime-version"], ["--allow", "device", "--fail-on-slower"])
    return Case(words=["compare", *given[:2], *allow, *_json(box)])


def _recipes(box: Box) -> Case:
    path = box.take(box.pick("recipe.toml", "pruning.toml"))
    box.damage(path, formats.toml)
    return Case(words=["recipes", box.named(path), "--json"])


def _bench(box: Box) -> Case:
    """Measure two files on this machine for a moment; what an earlier run left is damaged too."""
    bundle, options = "./bundle", ["--file", "int8.onnx", "--runs", "1", "--warm-up", "0", "--processes", "1"]
    if box.chance(0.4):
        bundle = damaged_bundle(box)
    else:
        box.take("bundle")
    data = ["--eval", damaged_data(box, "data.tsv", "data.jsonl")] if box.chance(0.3) else []
    if box.chance(0.3):
        path = box.take("suite.toml")
        box.damage(path, formats.toml)
        options = ["--suite", box.named(path), "--file", "int8.onnx", "--runs", "1", "--processes", "1"]
    if box.chance(0.2):
        path = box.take("run.journal", "report.json.journal")
        box.damage(path, mutate.jsonl_text)
    words = ["bench", bundle, "--out", "report.json", *options, *data, *_json(box)]
    return Case(words=words, outputs={"report.json": "json"}, state=frozenset({"report.json", "report.json.journal"}))


def _reader(name: str) -> Callable[[Box], Case]:
    def make(box: Box) -> Case:
        stdin = b""
        if name in {"bundle", "card"}:
            root = box.take("bundle")
            file = box.pick("edgebert.json", "tokenizer.json") if name == "bundle" else "edgebert.json"
            box.damage(root / file, mutate.json_text, mutate.json_text, mutate.damaged)
            if box.chance(0.8):
                seal(root, file)
        elif name in {"tokenizer", "weights", "configuration"}:
            damaged_model(box, box.take("model"), _FILES[name])
        elif name == "dataset":
            box.damage(box.take(box.pick(*DATA)), formats.table)
        elif name == "worker":
            box.take("bundle")
            path = box.corpus.path("request.json")
            stdin = path.read_bytes() if box.rng is None else mutate.json_text(path.read_bytes(), box.rng)
        elif name == "phone":
            root = box.take("phone")
            for dump in ("getprop", "battery", "thermalservice", "power"):
                if box.rng is not None:
                    mutate.change(root / f"{dump}.txt", box.rng, mutate.damaged)
        else:
            seed, ways, displaced = _SEEDS[name]
            box.take(seed.partition("/")[0])
            path = box.work / seed
            if displaced:
                box.damage(path, *ways)
            elif box.rng is not None:
                mutate.change(path, box.rng, box.pick(*ways))
        # A journal stays for the next run.
        kept = {"journal": {"run.journal"}, "worker_archive": {"out"}}.get(name, set())
        return Case(reader=name, stdin=stdin, outputs=dict.fromkeys(kept, "any"), state=frozenset(kept))

    return make


def _task_reader(file: str) -> Callable[[Box], Case]:
    """Return what damages a data file of another task than text classification."""
    kind = file.partition(".")[2]
    ways = {"json": _JSON, "jsonl": (mutate.jsonl_text, formats.table)}.get(kind, (formats.table,))

    def make(box: Box) -> Case:
        box.damage(box.take(file), *ways)
        return Case(reader="task_dataset")

    return make


_SEEDS = {
    "answer": ("answer", _TEXT, False),
    "encoder": ("bundle/tokenizer.json", (mutate.json_text,), False),
    "counts": ("counts.txt", _TEXT, False),
    "journal": ("run.journal", (mutate.jsonl_text,), True),
    "latency": ("latency.json", _JSON, True),
    "library": ("library.so", _TEXT, False),
    "plain_texts": ("data.txt", _TEXT, True),
    "plan": ("plan/plan.json", _JSON, True),
    "processors": ("cpuinfo.txt", _TEXT, False),
    "recipe": ("recipe.toml", (formats.toml,), True),
    "report": ("report.json", _JSON, True),
    "suite": ("suite.toml", (formats.toml,), True),
    "worker_archive": ("worker.tar.gz", (formats.archive,), True),
}


_FILES = {
    "weights": ("model.safetensors",),
    "configuration": ("config.json",),
    "tokenizer": ("tokenizer.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"),
}


LIGHT = (
    Target(name="inspect", make=_inspect, commands=("inspect",)),
    Target(name="verify", make=_verify, commands=("verify",)),
    Target(name="predict", make=_predict, commands=("predict",)),
    Target(name="evaluate", make=_evaluate, commands=("evaluate",)),
    Target(name="embed", make=_embed, commands=("embed",)),
    Target(name="strip", make=_strip, commands=("strip",)),
    Target(name="check", make=_check, commands=("check",)),
    Target(name="report", make=_report, commands=("report",)),
    Target(name="compare", make=_compare, commands=("compare",)),
    Target(name="recipes", make=_recipes, commands=("recipes",), weight=2),
    *(Target(name=f"read-{name}", make=_reader(name), weight=2) for name in READERS if name != "task_dataset"),
    *(Target(name=f"read-{file}", make=_task_reader(file), weight=2) for file in TASK_DATA),
)
MEASURING = (Target(name="bench", make=_bench, commands=("bench",), weight=1),)
