"""Scores are counted and paired, files and runtimes are chosen as asked, and a wrong file is never scored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from edgebert.checkpoint import load_model
from edgebert.data import Dataset, read_dataset
from edgebert.errors import BundleError, DataError, MissingExtraError, ParityError, UsageError, install_hint
from edgebert.evaluation import evaluate
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict
from edgebert.text import TextEncoder
from tests.support import cut_models, fakes

FLOATS = ("baseline/float32.onnx", "baseline/float32.tflite")


@pytest.fixture(scope="module")
def own() -> list[int]:
    """Return the labels that the float ONNX file gives to ``fakes.TEXTS``."""
    answers = predict(fakes.shared_bundle(), fakes.TEXTS, file=FLOATS[0])
    return [fakes.LABELS.index(answer.label) for answer in answers]


@pytest.fixture
def data(tmp_path: Path, own: list[int]) -> Dataset:
    """Return twelve texts, of whose labels the float model gets the first four wrong."""
    return dataset(tmp_path, [1 - label if index < 4 else label for index, label in enumerate(own)])


def dataset(folder: Path, labels: list[int]) -> Dataset:
    path = fakes.write_data(folder / "dev.jsonl", zip(fakes.TEXTS, labels, strict=True))
    return read_dataset(path, labels=fakes.LABELS)


def swapped(folder: Path, file: str, source: Path) -> Path:
    """Copy the shared bundle, put another file in the place of one, and make the manifest agree with it."""
    bundle = fakes.copy_of(fakes.shared_bundle(), folder)
    fakes.replace_artifact(bundle, file, source.read_bytes())
    return bundle


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of a checkpoint of the same shape with other weights."""
    folder = tmp_path_factory.mktemp("other")
    return export_bundle(
        fakes.tiny_checkpoint(folder / "model", seed=7), folder / "bundle", formats=("onnx",), lengths=fakes.LENGTHS
    ).root


def test_both_float_files_get_eight_of_twelve(data):
    """Four labels were turned, so both baselines score 8 / 12 and stand before what is compared with them."""
    found = evaluate(fakes.shared_bundle(), data)
    scores = {score.file: score for score in found.results}
    assert list(scores)[:2] == list(FLOATS)
    assert set(scores) == {*FLOATS, "int8.onnx", "int8.tflite"}
    for name in FLOATS:
        assert scores[name].value == pytest.approx(8 / 12)
        assert (scores[name].baseline, scores[name].flips, scores[name].mcnemar_p) == (None, None, None)
        assert 0 < scores[name].low < scores[name].value < scores[name].high < 1
    assert found.truncated == 0


def test_int8_is_paired_with_the_float_file_of_its_format(data, own):
    """Flips, agreement and difference are those of counting the predictions of the two files text by text."""
    scores = {score.file: score for score in evaluate(fakes.shared_bundle(), data).results}
    expected = np.array([example.gold[0] for example in data.examples])
    for file, runtime in (("int8.onnx", "onnxruntime"), ("int8.tflite", "litert")):
        answers = predict(fakes.shared_bundle(), fakes.TEXTS, file=file)
        labels = np.array([fakes.LABELS.index(answer.label) for answer in answers])
        score = scores[file]
        assert (score.baseline, score.runtime) == (f"baseline/float32.{file.partition('.')[2]}", runtime)
        assert score.value == pytest.approx((labels == expected).mean())
        assert score.flips == (labels != own).sum()
        assert score.agreement == pytest.approx((labels == own).mean())
        assert score.difference == pytest.approx(score.value - 8 / 12)
        assert score.difference_low <= score.difference <= score.difference_high
        assert score.examples == 12


def test_a_runtime_chooses_the_files_it_runs(data):
    """litert scores the TFLite files, onnxruntime the ONNX files."""
    for runtime, suffix in (("litert", ".tflite"), ("onnxruntime", ".onnx")):
        results = evaluate(fakes.shared_bundle(), data, runtime=runtime).results
        assert [score.file for score in results] == [f"baseline/float32{suffix}", f"int8{suffix}"]
        assert {score.runtime for score in results} == {runtime}


def test_a_file_is_scored_with_its_baseline(data):
    """Naming one file brings the file it is compared with; naming a baseline brings it alone."""
    both = evaluate(fakes.shared_bundle(), data, file="int8.tflite").results
    assert [score.file for score in both] == ["baseline/float32.tflite", "int8.tflite"]
    alone = evaluate(fakes.shared_bundle(), data, file="baseline/float32.onnx").results
    assert [score.file for score in alone] == ["baseline/float32.onnx"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"runtime": "torch"}, "torch runs checkpoints"),
        ({"runtime": "tensorrt"}, "unknown runtime 'tensorrt'"),
        ({"runtime": "litert", "file": "int8.onnx"}, "int8.onnx"),
        ({"file": "int4.onnx"}, "int4.onnx"),
        ({"file": "../tiny/model.safetensors"}, "no model file"),
        ({"metric": "beauty"}, "beauty"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(data, choice, message):
    """Each is one line of usage error."""
    with pytest.raises(UsageError, match=message):
        evaluate(fakes.shared_bundle(), data, **choice)


@pytest.mark.parametrize("choice", [{"runtime": "litert"}, {"file": "int8.onnx"}, {"runtime": "nonsense"}])
def test_a_checkpoint_has_neither_files_nor_runtimes(data, choice):
    """--file and --runtime require a bundle."""
    with pytest.raises(UsageError, match="require a bundle"):
        evaluate(fakes.shared_checkpoint(), data, **choice)
    with pytest.raises(UsageError, match="require a bundle"):
        predict(fakes.shared_checkpoint(), ["good"], **choice)


def test_a_runtime_that_is_not_installed_is_named(data):
    """tflite-runtime lives in an environment of its own: the error is the pip line."""
    with pytest.raises(MissingExtraError, match="tflite-runtime") as caught:
        evaluate(fakes.shared_bundle(), data, runtime="tflite-runtime")
    assert caught.value.hint == install_hint("tflite-runtime")


def test_a_checkpoint_is_scored_in_torch(data):
    """The same eight of twelve, with or without saying so."""
    for runtime in (None, "torch"):
        (score,) = evaluate(fakes.shared_checkpoint(), data, runtime=runtime).results
        assert (score.file, score.runtime, score.value) == ("checkpoint", "torch", pytest.approx(8 / 12))
        assert score.baseline is None


def test_macro_f1_is_that_of_the_predictions(data, own):
    """The other metric, counted by hand from the four cells of the table."""
    score = evaluate(fakes.shared_bundle(), data, file=FLOATS[0], metric="macro_f1").results[0]
    expected, predicted = np.array([example.gold[0] for example in data.examples]), np.array(own)
    parts = []
    for label in (0, 1):
        hits = int(((expected == label) & (predicted == label)).sum())
        parts.append(2 * hits / int((expected == label).sum() + (predicted == label).sum()))
    assert score.metric == "macro_f1"
    assert score.value == pytest.approx(sum(parts) / 2)


def test_macro_f1_of_too_few_texts_is_warned_of(tmp_path, caplog):
    """One text of the second label of two: a warning says that the intervals are too narrow; accuracy needs none."""
    sparse = dataset(tmp_path, [0] * 11 + [1])
    for metric, warned in (("accuracy", False), ("macro_f1", True)):
        caplog.clear()
        evaluate(fakes.shared_bundle(), sparse, file=FLOATS[0], metric=metric)
        said = [item.getMessage() for item in caplog.records]
        assert any("1 of 2 labels have fewer than 2 texts" in line for line in said) == warned


def test_texts_that_were_cut_are_counted(tmp_path):
    """Longer than the longest input: the bundle's 16 tokens, the checkpoint's 64 positions."""
    rows = [("good", 0), ("good " * 20, 1), ("bad " * 200, 1), ("good " * 14, 0)]
    data = read_dataset(fakes.write_data(tmp_path / "long.tsv", rows), labels=fakes.LABELS)
    assert evaluate(fakes.shared_bundle(), data, file=FLOATS[0]).truncated == 2
    assert evaluate(fakes.shared_checkpoint(), data).truncated == 1


@pytest.fixture(scope="module")
def balanced() -> list[tuple[str, int]]:
    """Return 20 texts for each label, with the label that the float ONNX file gives them."""
    rng = np.random.default_rng(3)
    words = (*fakes.PIECES, *fakes.WORDS[:11])
    texts = [" ".join(rng.choice(words, rng.integers(1, 10))) for _ in range(250)]
    answers = predict(fakes.shared_bundle(), texts, file=FLOATS[0])
    by_label = [[item.text for item in answers if item.label == label] for label in fakes.LABELS]
    assert all(len(each) >= 20 for each in by_label)
    return [(text, label) for label in (0, 1) for text in by_label[label][:20]]


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname}: {record.getMessage()}" for record in caplog.records if record.name == "edgebert"]


def test_labels_that_were_read_as_ids_are_told(tmp_path, caplog, balanced):
    """A note says which name each id was taken for; names need none."""
    caplog.set_level("INFO", logger="edgebert")
    path = fakes.write_data(tmp_path / "ids.jsonl", balanced)
    evaluate(fakes.shared_bundle(), path, file=FLOATS[0])
    assert told(caplog) == ["INFO: ids.jsonl: labels read as ids: 0 = negative, 1 = positive"]
    caplog.clear()
    path = fakes.write_data(tmp_path / "names.jsonl", [(text, fakes.LABELS[label]) for text, label in balanced])
    evaluate(fakes.shared_bundle(), path, file=FLOATS[0])
    assert told(caplog) == []


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
@pytest.mark.parametrize("target", [fakes.shared_bundle, fakes.shared_checkpoint])
def test_labels_the_other_way_round_are_suspected(tmp_path, caplog, balanced, target, metric):
    """All wrong, as where ids mean other labels in the file: a warning with what the most frequent label reaches."""
    path = fakes.write_data(tmp_path / "dev.jsonl", [(text, fakes.LABELS[1 - label]) for text, label in balanced])
    found = evaluate(target(), path, metric=metric)
    assert found.chance == pytest.approx(0.5 if metric == "accuracy" else 1 / 3)
    (warning,) = told(caplog)
    assert warning.startswith(f"WARNING: dev.jsonl: {metric} cannot be told from chance: ")
    assert f"the most frequent label alone reaches {100 * found.chance:.1f} %" in warning


def test_chance_is_the_share_of_the_most_frequent_label(tmp_path, caplog, balanced):
    """Labels are told from chance by the interval: 30 right of 40 are above 20, but not above 24 of one label."""
    wrong = [(text, label if index % 20 < 15 else 1 - label) for index, (text, label) in enumerate(balanced)]
    found = evaluate(fakes.shared_bundle(), fakes.write_data(tmp_path / "a.csv", wrong), file=FLOATS[0])
    assert (found.results[0].value, found.chance) == (0.75, 0.5)
    assert found.results[0].low > 0.5
    assert told(caplog) == []
    wrong = [(text, 1 - label if 11 <= index <= 20 else label) for index, (text, label) in enumerate(balanced)]
    found = evaluate(fakes.shared_bundle(), fakes.write_data(tmp_path / "b.csv", wrong), file=FLOATS[0])
    assert (found.results[0].value, found.chance) == (0.75, 0.7)
    assert len(told(caplog)) == 1


def test_a_perfect_score_is_no_warning(tmp_path, caplog):
    """Where every text has one label and gets it, there is nothing to suspect."""
    data = fakes.write_data(tmp_path / "a.csv", [("good", predict(fakes.shared_bundle(), "good")[0].label)])
    evaluate(fakes.shared_bundle(), data, file="int8.onnx")
    assert not [line for line in told(caplog) if "int8" in line]


def test_data_may_be_given_as_a_path(tmp_path, own):
    """The file is read with the labels of the model."""
    data = dataset(tmp_path, own)
    expected = evaluate(fakes.shared_bundle(), data, file=FLOATS[0])
    assert evaluate(fakes.shared_bundle(), str(tmp_path / "dev.jsonl"), file=FLOATS[0]) == expected
    assert evaluate(fakes.shared_bundle(), tmp_path / "dev.jsonl", file=FLOATS[0]) == expected


def test_a_text_beyond_the_limit_is_refused():
    """No text is cut before it is tokenized: that could change its last tokens."""
    assert predict(fakes.shared_bundle(), "good " * 200_000)[0].truncated
    with pytest.raises(UsageError, match="the text has 1,000,001 characters, more than 1,000,000"):
        predict(fakes.shared_bundle(), ["x" * 1_000_001])


def test_progress_counts_the_texts_of_every_file(data):
    """Each file is announced with all its texts."""
    seen = []
    evaluate(fakes.shared_bundle(), data, runtime="litert", progress=lambda *step: seen.append(step))
    assert seen == [(f"evaluating {file}", n, 12) for file in (FLOATS[1], "int8.tflite") for n in range(1, 13)]


def test_labels_in_another_order_are_refused(tmp_path):
    """Data that numbers the labels differently would be scored upside down."""
    path = fakes.write_data(tmp_path / "dev.csv", [("good", "positive"), ("bad", "negative")])
    data = read_dataset(path, labels=("positive", "negative"))
    for target in (fakes.shared_bundle(), fakes.shared_checkpoint()):
        with pytest.raises(DataError, match="positive, negative"):
            evaluate(target, data)


def test_a_damaged_bundle_is_not_scored(tmp_path, data):
    """A flipped byte is found before a runtime sees the file."""
    bundle = fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
    fakes.flip_byte(bundle / "int8.onnx")
    with pytest.raises(BundleError, match=r"int8\.onnx"):
        evaluate(bundle, data)
    with pytest.raises(BundleError, match=r"int8\.onnx"):
        predict(bundle, ["good"])


def test_a_damaged_file_that_is_not_used_stops_no_prediction(tmp_path, data):
    """Predict compares the files that it opens: a damaged baseline stops evaluate, which scores it, but not predict."""
    bundle = fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
    fakes.flip_byte(bundle / "baseline" / "float32.onnx")
    assert predict(bundle, ["good"]) == predict(fakes.shared_bundle(), ["good"])
    with pytest.raises(BundleError, match=r"baseline/float32\.onnx"):
        evaluate(bundle, data)
    fakes.flip_byte(bundle / "tokenizer.json")
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        predict(bundle, ["good"])


def test_a_file_of_another_model_is_not_scored(tmp_path, data, other):
    """A file with the right hash and the wrong answers fails on the golden texts, in evaluate and in predict."""
    bundle = swapped(tmp_path / "bundle", "int8.onnx", other / "int8.onnx")
    open_bundle(bundle)
    with pytest.raises(ParityError, match=r"int8\.onnx"):
        evaluate(bundle, data)
    with pytest.raises(ParityError, match=r"int8\.onnx"):
        predict(bundle, ["good"])
    assert predict(bundle, ["good"], file="int8.tflite")


@pytest.fixture(scope="module")
def long_texts() -> list[str]:
    """Return texts with and without tokens that the cut tokenizer has to spell in characters."""
    rng = np.random.default_rng(3)
    return [" ".join(rng.choice(fakes.WORDS[:11], rng.integers(1, 12))) for _ in range(40)]


@pytest.mark.parametrize(("file", "which"), [("baseline/float32.onnx", 0), ("int8.onnx", 1)])
def test_each_file_is_asked_in_ids_of_its_own_model(file, which, long_texts):
    """The baseline of a cut model answers as the original does, what ships as the cut model: each has its own ids."""
    root, folder = cut_models.shared_cut_bundle(), cut_models.shared_folders()[which]
    model = load_model(folder)
    encoder = TextEncoder(model.tokenizer, fakes.LENGTHS[-1])
    ids = [encoder.encode(text) for text in long_texts]
    if file.startswith("baseline"):
        logits = fakes.torch_logits(model.module, ids).astype(np.float64)
    else:
        logits = fakes.onnx_rows(root / file, ids).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for answer, row in zip(predict(root, long_texts, file=file), shares, strict=True):
        assert answer.probabilities == pytest.approx(row.tolist(), abs=1e-5)


def test_scores_of_two_models_are_paired_text_by_text(tmp_path, long_texts):
    """Flips count the texts on which original and cut model differ, each asked in its own ids."""
    root = cut_models.shared_cut_bundle()
    answers = {
        file: [fakes.LABELS.index(item.label) for item in predict(root, long_texts, file=file)]
        for file in ("baseline/float32.onnx", "int8.onnx")
    }
    labels = [1 - label if index < 5 else label for index, label in enumerate(answers["baseline/float32.onnx"])]
    path = fakes.write_data(tmp_path / "dev.tsv", zip(long_texts, labels, strict=True))
    found = evaluate(root, read_dataset(path, labels=fakes.LABELS))
    before, after = found.results
    assert (before.file, after.file, after.baseline) == ("baseline/float32.onnx", "int8.onnx", before.file)
    assert before.value == pytest.approx(35 / 40)
    assert after.flips == int(np.sum(np.array(answers["int8.onnx"]) != answers["baseline/float32.onnx"])) > 0
    assert after.value == pytest.approx(np.mean(np.array(answers["int8.onnx"]) == labels))


def test_a_text_counts_as_cut_when_a_scored_file_got_less_of_it(tmp_path):
    """A text that only the cut tokenizer makes too long is counted where a file of that model is scored."""
    root = cut_models.shared_cut_bundle()
    path = fakes.write_data(tmp_path / "dev.tsv", [("battery battery battery", 0), ("good", 1), ("good " * 30, 1)])
    data = read_dataset(path, labels=fakes.LABELS)
    assert evaluate(root, data).truncated == 2
    assert evaluate(root, data, file="baseline/float32.onnx").truncated == 1


def test_the_texts_of_the_baseline_are_not_those_of_what_ships(tmp_path):
    """Baselines fed in the ids of the cut model would fail on the golden texts: their own texts are what they need."""
    root = fakes.copy_of(cut_models.shared_cut_bundle(), tmp_path / "bundle")
    for name in ("golden.json", "tokenizer.json"):
        (root / "baseline" / name).write_bytes((root / name).read_bytes())
        fakes.restate(root, f"baseline/{name}")
    with pytest.raises(ParityError, match=r"float32\.onnx"):
        predict(root, ["good"], file="baseline/float32.onnx")
    assert predict(root, ["good"], file="int8.onnx")


def test_scoring_a_bundle_loads_no_torch(tmp_path):
    """A bench machine has none: evaluate and predict on a bundle, in a process of their own, never import it."""
    path = fakes.write_data(tmp_path / "dev.csv", [("good", "positive"), ("bad", "negative")])
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from edgebert import evaluate, predict, read_dataset, verify\n"
        "root = sys.argv[1]\n"
        "evaluate(root, read_dataset(Path(sys.argv[2]), labels=('negative', 'positive')))\n"
        "predict(root, ['good'])\n"
        "assert all(check.ok for check in verify(root))\n"
        "heavy = {'torch', 'transformers', 'onnx', 'litert_torch', 'safetensors', 'matplotlib', 'huggingface_hub'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(fakes.shared_bundle()), str(path)], check=True, capture_output=True)


def test_a_metric_that_the_task_does_not_have_names_those_it_has(data: Dataset):
    """It is refused before any text is answered."""
    with pytest.raises(UsageError, match=r"^text-classification has no metric 'f1'$") as caught:
        evaluate(fakes.shared_bundle(), data, metric="f1")
    assert caught.value.hint == "its metrics are accuracy, macro_f1"
