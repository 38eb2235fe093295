"""A program of a user that uses every public name; `mypy --strict` checks it with the package, nothing runs it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import edgebert


def told(stage: str, done: int, total: int) -> None:
    """Show progress, as the functions that take long call it."""
    print(f"{stage}: {done} of {total}")


def trained(folder: Path) -> edgebert.Checkpoint:
    """Return a pruned model."""
    data: edgebert.Dataset = edgebert.read_dataset(folder / "train.tsv", task="text-classification")
    options = edgebert.FinetuneOptions(epochs=2, learning_rate=3e-5)
    base: Path = edgebert.import_bert("bert", folder / "base")
    result: edgebert.FinetuneResult = edgebert.finetune(
        base, data, None, folder / "model", options=options, progress=told
    )
    model: edgebert.Model = edgebert.load_model(result.path)
    texts: edgebert.TrainingTexts = edgebert.read_training("texts.txt", labels=model.checkpoint.labels)
    table: edgebert.LatencyTable | None = None
    return edgebert.prune(
        result.path, texts, folder / "pruned", options=edgebert.PruneOptions(keep=0.5), latency=table, force=True
    )


def exported(model: str | Path, out: str | Path) -> edgebert.Bundle:
    """Return a bundle of the recipe that a search picked."""
    recipes: tuple[edgebert.Recipe, ...] = edgebert.built_in_recipes()
    recipe: edgebert.Recipe = edgebert.load_recipe(recipes[0].name)
    found: edgebert.SearchResult = edgebert.plan(
        model,
        "train.tsv",
        "dev.tsv",
        "plan",
        bounds=edgebert.Bounds(max_drop=1, max_mb=30),
        options=edgebert.PlanOptions(),
    )
    chosen = recipe if found.pick is None else Path("plan", "recipe.toml")
    bundle = edgebert.export_bundle(
        model, out, recipe=chosen, formats=("onnx",), lengths=[32, 64], evaluation="dev.tsv"
    )
    sizes: dict[str, int] = {item.file: item.size_bytes for item in bundle.shipped}
    print(sizes)
    return edgebert.strip(bundle.root, "slim", force=True)


def answers(target: str, texts: Iterable[str]) -> list[str]:
    """Return each answer in words, by its kind."""
    words: list[str] = []
    for answer in edgebert.predict(target, texts, options=edgebert.AnswerOptions(threshold=0.4)):
        if isinstance(answer, edgebert.LabelPrediction):
            words.append(f"{answer.label} {answer.probability:.2f}")
        elif isinstance(answer, edgebert.LabelsPrediction):
            words.append(", ".join(answer.labels))
        elif isinstance(answer, edgebert.NumberPrediction):
            words.append(f"{answer.value:.2f}")
        elif isinstance(answer, edgebert.EntitiesPrediction):
            entities: tuple[edgebert.Entity, ...] = answer.entities
            words.append(", ".join(entity.type for entity in entities))
        elif isinstance(answer, edgebert.SpanPrediction):
            words.append(answer.answer or "no answer")
        else:
            vector: edgebert.VectorPrediction = answer
            words.append(f"{len(vector.vector)} numbers")
    return words


def judged(folder: str) -> bool:
    """Return whether a bundle may ship."""
    manifest: edgebert.Manifest = edgebert.inspect(folder)
    labels: tuple[str, ...] = edgebert.read_labels(folder)
    assert labels == manifest.labels
    bundle: edgebert.Bundle = edgebert.open_bundle(folder, check=False)
    scores: edgebert.Evaluation = edgebert.evaluate(bundle.root, "dev.tsv", metric="accuracy")
    checks: tuple[edgebert.Check, ...] = edgebert.verify(folder, runtimes=["onnxruntime"])
    findings: tuple[edgebert.Finding, ...] = edgebert.diagnose()
    limits = edgebert.Limits(max_drop=1.0, max_mb=70)
    results: tuple[edgebert.CheckResult, ...] = edgebert.check(folder, "report.json", limits=limits)
    print([score.value for score in scores.results], [finding.detail for finding in findings])
    return all(check.ok is not False for check in checks) and all(item.verdict == "pass" for item in results)


def measured(bundle: str) -> str:
    """Return a page about a benchmark, after it is compared with an older one."""
    facts: edgebert.EmulatorFacts = edgebert.set_up_emulator("cache")
    worker: edgebert.WorkerManifest = edgebert.build_worker("worker.tar.gz", cache="cache", force=True)
    devices: tuple[edgebert.FoundDevice, ...] = edgebert.found_devices(cache="cache")
    urls = [device.url for device in devices if device.ok]
    print(facts.running, worker.machine)
    result: edgebert.BenchmarkResult = edgebert.bench(
        bundle, "report.json", devices=urls, evaluation="dev.tsv", suite=edgebert.Suite(threads=(1, 2)), progress=told
    )
    old: edgebert.Report = edgebert.read_report("old.json")
    comparison: edgebert.Comparison = edgebert.compare(old, result.report, allow=["device"])
    print([row.verdict for row in comparison.rows])
    return edgebert.render_report([old, "report.json"], "html")


def shipped(bundle: Path) -> tuple[Path, ...]:
    """Return what was written into an app."""
    public: Path = edgebert.new_key("release.key")
    edgebert.sign(bundle, "release.key")
    place: edgebert.Place = edgebert.android_place("app/src/main/assets", package="com.example.app")
    embedded: edgebert.Embedding = edgebert.embed(bundle, place, public_key=public)
    return embedded.written + edgebert.embed(bundle, "ios/Model").written


def main() -> None:
    """Do all of it."""
    try:
        checkpoint = trained(Path("work"))
        bundle = exported(checkpoint.path, "bundle")
        if judged(str(bundle.root)):
            print(answers("bundle", ["good"]), measured("bundle"), shipped(bundle.root))
    except edgebert.EdgebertError as error:
        print(error.message, error.hint, error.exit_code)
