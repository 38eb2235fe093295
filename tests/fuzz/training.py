"""The commands that need torch: they read checkpoints, and make some."""

from __future__ import annotations

from tests.fuzz import formats, mutate
from tests.fuzz.box import Box, Case
from tests.fuzz.targets import Target, damaged_data, damaged_model, some_texts


def _model(box: Box, seed: str = "model") -> str:
    root = box.take(seed)
    damaged_model(box, root)
    return box.named(root)


def _sound(box: Box, name: str) -> str:
    return f"./{box.take(name).relative_to(box.work)}"


def _export(box: Box) -> Case:
    model = _model(box) if box.chance(0.7) else _sound(box, "model")
    words = ["export", model, "--out", "out", "--lengths", "8,16"]
    if box.chance(0.3):
        path = box.take(box.pick("recipe.toml", "pruning.toml"))
        box.damage(path, formats.toml)
        words += ["--recipe", box.named(path), "--train", _sound(box, "data.txt")]
    if box.chance(0.2):
        words += ["--eval", damaged_data(box)]
    # The converter to TFLite takes many seconds, and comes after everything that is read.
    formats_words = ["--formats", "onnx,tflite" if box.chance(0.02) else "onnx"]
    if box.chance(0.2):
        box.take("bundle", "out")
        words += box.pick([], ["--force"])
    return Case(words=[*words, *formats_words, *(["--json"] if box.chance(0.3) else [])], outputs={"out": "bundle"})


def _predict(box: Box) -> Case:
    words, stdin = some_texts(box)
    return Case(words=["predict", _model(box), *words], stdin=stdin)


def _evaluate(box: Box) -> Case:
    if box.chance(0.6):
        return Case(words=["evaluate", _model(box), "--eval", _sound(box, "data.tsv")])
    return Case(words=["evaluate", _sound(box, "model"), "--eval", damaged_data(box)])


def _prune(box: Box) -> Case:
    words = [
        "prune",
        _model(box) if box.chance(0.5) else _sound(box, "model"),
        "--keep",
        "0.5",
        "--out",
        "out",
        "--train",
    ]
    words.append(damaged_data(box, "data.csv", "data.txt") if box.chance(0.4) else _sound(box, "data.txt"))
    if box.chance(0.3):
        path = box.take("latency.json")
        box.damage(path, mutate.json_text)
        words[words.index("--keep")] = "--latency-share"
        words += ["--latency-table", box.named(path)]
    if box.chance(0.3):
        words += ["--cut-vocabulary", "--keep-tokens-of", damaged_data(box, "data.tsv", "data.jsonl")]
    return Case(words=words, outputs={"out": "checkpoint"}, state=frozenset({"out.state"}))


def _plan(box: Box) -> Case:
    words = ["plan", _model(box) if box.chance(0.4) else _sound(box, "model"), "--out", "plan", "--shares", "0.5"]
    words += ["--train", _sound(box, "data.txt"), "--max-drop", "100", "--eval"]
    words.append(damaged_data(box) if box.chance(0.4) else _sound(box, "data.csv"))
    if box.chance(0.5):
        path = box.take("plan")
        box.damage(path / "plan.json", mutate.json_text)
    return Case(words=words, outputs={"plan": "any"}, state=frozenset({"plan"}))


def _finetune(box: Box) -> Case:
    base = _model(box) if box.chance(0.4) else _sound(box, "model")
    options = ["--epochs", "1", "--batch-size", "16", "--max-length", "16"]
    words = ["finetune", base, "--out", "out", *options, "--train"]
    words.append(damaged_data(box) if box.chance(0.6) else _sound(box, "data.csv"))
    if box.chance(0.3):
        words += ["--eval", damaged_data(box, "data.tsv")] if not (box.work / "data.tsv").exists() else []
    return Case(words=words, outputs={"out": "checkpoint"})


def _import_bert(box: Box) -> Case:
    return Case(words=["import-bert", _model(box, "bert"), "--out", "out"], outputs={"out": "checkpoint"})


TRAINING = (
    Target(name="export", make=_export, commands=("export",), torch=True, weight=3),
    Target(name="predict-checkpoint", make=_predict, torch=True, weight=2),
    Target(name="evaluate-checkpoint", make=_evaluate, torch=True, weight=1),
    Target(name="prune", make=_prune, commands=("prune",), torch=True, weight=1),
    Target(name="plan", make=_plan, commands=("plan",), torch=True, weight=1),
    Target(name="finetune", make=_finetune, commands=("finetune",), torch=True, weight=1),
    Target(name="import-bert", make=_import_bert, commands=("import-bert",), torch=True, weight=2),
)
