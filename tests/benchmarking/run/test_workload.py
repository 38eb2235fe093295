from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.run.workload import chosen_files, evenly_spread, make_workload
from edgebert.benchmarking.suite import Suite
from edgebert.bundle import open_bundle
from edgebert.data import Dataset
from edgebert.errors import DataError, UsageError
from edgebert.examples import Example
from edgebert.jsonio import dumps
from edgebert.text import open_encoder
from tests.support import fakes
from tests.support.tiny_files import golden_case, logits_of

BASELINES = ("baseline/float32.onnx", "baseline/float32.tflite")


@pytest.fixture
def recoded(tmp_path):
    """Return a bundle whose baseline has a tokenizer of its own, as after cutting the vocabulary."""
    root = fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
    manifest = json.loads((root / "edgebert.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((root / "tokenizer.json").read_text(encoding="utf-8"))
    specials = len(fakes.SPECIALS)
    words = [*fakes.SPECIALS, *reversed(fakes.VOCABULARY[specials:])]
    tokenizer["model"]["vocab"] = {word: index for index, word in enumerate(words)}
    (root / "baseline/tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    encoder = open_encoder(root / "baseline/tokenizer.json", manifest["text"]["max_length"])
    golden = open_bundle(root).golden()
    cases = tuple(golden_case(case.texts[0], encoder.encode(case.texts[0]), logits_of(case)) for case in golden.cases)
    (root / "baseline/golden.json").write_text(dumps(replace(golden, cases=cases)), encoding="utf-8")
    for file in ("baseline/tokenizer.json", "baseline/golden.json"):
        content = (root / file).read_bytes()
        manifest["files"].append(
            {"file": file, "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        )
    manifest["original"] = {
        "checkpoint": "original",
        "checkpoint_sha256": "0" * 64,
        "architecture": manifest["architecture"],
        "text": manifest["text"],
    }
    fakes.write_manifest(root / "edgebert.json", manifest)
    return open_bundle(root)


def many(lengths, *, labels=fakes.LABELS):
    """Return a data set with texts of so many words."""
    examples = tuple(
        Example(texts=(" ".join(["good"] * length),), gold=(index % 2,), line=index + 1)
        for index, length in enumerate(lengths)
    )
    return Dataset(name="many.tsv", sha256="1" * 64, labels=labels, examples=examples)


def lengths_of(series):
    return sorted(map(len, series.inputs))


def test_series_are_all_lengths_and_each_class_that_has_texts(bundle, data):
    """The first series mixes all lengths, then comes every signature length that some text uses, and no other."""
    work = make_workload(bundle, data, Suite())
    assert [series.name for series in work.shipped.series] == ["all", "8", "16"]
    everything, short, long = work.shipped.series
    assert lengths_of(everything) == sorted(lengths_of(short) + lengths_of(long))
    assert max(lengths_of(short)) <= 8 < min(lengths_of(long))
    only_short = make_workload(bundle, many([1, 2, 3]), Suite())
    assert [series.name for series in only_short.shipped.series] == ["all", "8"]


def test_the_texts_are_those_of_the_data(bundle, data):
    """A report says name, hash and number of the texts, how long they are and how many were cut."""
    work = make_workload(bundle, data, Suite())
    encoder = open_encoder(bundle.path("tokenizer.json"), bundle.manifest.text.max_length)
    assert (work.texts.name, work.texts.sha256) == (data.name, data.sha256)
    assert (work.texts.texts, work.texts.truncated, work.examples) == (len(fakes.TEXTS), 0, ())
    assert work.texts.mean_tokens == np.mean([len(encoder.encode(text)) for text in fakes.TEXTS])
    assert sorted(work.timed) == sorted(fakes.TEXTS)
    assert [encoder.encode(text) for text in work.timed] == list(work.shipped.series[0].inputs)
    assert make_workload(bundle, many([100, 2]), Suite()).texts.truncated == 1


def test_without_data_the_golden_texts_are_run(bundle):
    """The golden texts stand in, under their own name and without labels; asking for accuracy is refused."""
    work = make_workload(bundle, None, Suite())
    assert work.texts.name == "golden.json"
    assert work.texts.sha256 == hashlib.sha256(bundle.path("golden.json").read_bytes()).hexdigest()
    assert set(work.timed) <= {case.texts[0] for case in bundle.golden().cases}
    assert work.shipped.accuracy == ()
    for accuracy in (5, None):
        with pytest.raises(UsageError, match="requires right answers") as refused:
            make_workload(bundle, None, Suite(accuracy=accuracy))
        assert "--eval" in refused.value.hint


def test_data_with_other_labels_is_refused(bundle):
    """Labels in another order would make every accuracy wrong."""
    with pytest.raises(DataError, match="its labels are positive, negative"):
        make_workload(bundle, many([1], labels=fakes.LABELS[::-1]), Suite())


def test_accuracy_takes_a_seeded_sample_in_file_order(bundle):
    """The sample keeps the order of the file, a larger one of the same seed holds it, and labels go along."""
    data = many(range(1, 15))
    encoder = open_encoder(bundle.path("tokenizer.json"), bundle.manifest.text.max_length)

    def chosen(count, seed=0):
        work = make_workload(bundle, data, Suite(accuracy=count, seed=seed))
        lines = [item.tokens - 2 for item in work.shipped.accuracy]
        assert lines == sorted(lines)
        assert work.examples == tuple(data.examples[line - 1] for line in lines)
        return lines

    assert set(chosen(4)) < set(chosen(9)) < set(chosen(None))
    assert len(chosen(4)) == 4
    assert chosen(None) == chosen(99) == [len(encoder.encode(item.texts[0])) - 2 for item in data.examples]
    assert any(chosen(4, seed=0) != chosen(4, seed=seed) for seed in range(1, 4))


def test_float_and_candidate_get_the_same_texts_in_their_own_ids(recoded, data):
    """Where the baseline has another vocabulary, its ids differ and spell the same texts."""
    work = make_workload(recoded, data, Suite(accuracy=5))
    decode = [
        open_encoder(recoded.path(file), 16)._tokenizer.decode for file in ("tokenizer.json", "baseline/tokenizer.json")
    ]
    assert work.baseline.tokenizer == "baseline/tokenizer.json"
    assert work.baseline.golden == recoded.golden("baseline")
    asked = zip(work.shipped.accuracy, work.baseline.accuracy, strict=True)
    pairs = [(ours.windows[0].ids, theirs.windows[0].ids) for ours, theirs in asked]
    for ours, theirs in zip(work.shipped.series, work.baseline.series, strict=True):
        assert ours.name == theirs.name
        pairs += zip(ours.inputs, theirs.inputs, strict=True)
    assert len(pairs) > 20
    for ours, theirs in pairs:
        assert ours != theirs
        assert decode[0](list(ours)) == decode[1](list(theirs))


def test_one_tokenizer_means_one_set_of_inputs(bundle, data):
    """Without a cut the baseline is fed with exactly what ships is fed with."""
    work = make_workload(bundle, data, Suite())
    assert work.baseline == work.shipped
    assert work.inputs(bundle.artifact("int8.onnx")) is work.shipped


@given(st.lists(st.integers(1, 128), min_size=1, max_size=200), st.integers(1, 40), st.integers(0, 5))
def test_a_spread_sample_follows_the_distribution(lengths, count, seed):
    """At every length, the share of shorter texts in the sample is within one text of that among all of them."""
    chosen = evenly_spread(lengths, count, seed=seed)
    assert len(chosen) == len(set(chosen)) == min(count, len(lengths))
    for limit in set(lengths):
        here = sum(lengths[index] <= limit for index in chosen) / len(chosen)
        there = sum(length <= limit for length in lengths) / len(lengths)
        assert abs(here - there) <= 1 / len(chosen)


@given(st.integers(1, 64), st.data())
def test_each_beginning_of_a_sample_is_spread_too(size, data):
    """A trial that ends in the middle of the texts has not run the short ones more often than the long ones."""
    chosen = evenly_spread(range(size), size)
    part = data.draw(st.integers(1, size))
    gaps = np.diff(sorted([-1, *chosen[:part], size]))
    assert gaps.max() <= 4 * -(-size // part) + 1


@pytest.mark.parametrize("size", [1, 2, 5, 16, 100])
def test_the_first_text_is_the_typical_one(size):
    """What is counted once for a length class is a text of about its median length."""
    assert evenly_spread(range(size), 16)[0] == pytest.approx((size - 1) / 2, abs=size / 6 + 0.5)


def test_equal_lengths_are_chosen_by_the_seed():
    """Among texts of one length the seed decides, not the order of the file."""
    samples = {evenly_spread([7] * 50, 5, seed=seed) for seed in range(5)}
    assert len(samples) > 1


def test_float_and_shipped_stand_side_by_side_in_one_runtime(bundle):
    """Each runtime has its baseline first, then what ships in that format."""
    pairs = [(item.file, runtime) for item, runtime in chosen_files(bundle)]
    assert pairs == [
        ("baseline/float32.onnx", "onnxruntime"),
        ("int8.onnx", "onnxruntime"),
        ("baseline/float32.tflite", "litert"),
        ("int8.tflite", "litert"),
    ]


@pytest.mark.parametrize(
    ("files", "runtimes", "present", "wanted"),
    [
        (["int8.onnx"], [], None, {"onnxruntime"}),
        ([], ["litert"], None, {"litert"}),
        ([], ["litert", "tflite-runtime"], None, {"litert", "tflite-runtime"}),
        ([], [], ["tflite-runtime", "onnxruntime"], {"onnxruntime", "tflite-runtime"}),
        ([], [], ["litert", "tflite-runtime"], {"litert"}),
        ([], ["litert"], ["onnxruntime"], set()),
        ([], [], [], set()),
        (["baseline/float32.onnx"], [], None, {"onnxruntime"}),
    ],
)
def test_files_and_runtimes_choose(bundle, files, runtimes, present, wanted):
    """Options narrow the pairs, a device has one runtime for each format unless more are named, and float stays."""
    pairs = chosen_files(bundle, files, runtimes, present=present)
    assert {runtime for _, runtime in pairs} == wanted
    for runtime in wanted:
        roles = [item.role for item, name in pairs if name == runtime]
        assert roles[0] == "baseline"
        assert set(roles[1:]) <= {"shipped"}


@pytest.mark.parametrize(
    ("files", "runtimes", "words"),
    [
        (["int4.onnx"], [], "no model file 'int4.onnx'"),
        ([], ["torch"], "unknown runtime 'torch'"),
        (["int8.onnx"], ["litert"], "litert runs none of int8.onnx"),
    ],
)
def test_what_does_not_exist_is_refused(bundle, files, runtimes, words):
    """An unknown file or runtime, or a runtime for none of the files, is named."""
    with pytest.raises(UsageError, match=words):
        chosen_files(bundle, files, runtimes)


def test_the_float_files_can_be_spared_the_accuracy_run(bundle, data):
    """Then only the shipped files answer, and everything else is as before."""
    asked = make_workload(bundle, data, Suite(accuracy=5))
    spared = make_workload(bundle, data, Suite(accuracy=5, float_accuracy=False))
    assert len(asked.baseline.accuracy) == 5
    assert spared.baseline.accuracy == ()
    assert replace(spared, baseline=asked.baseline) == asked
