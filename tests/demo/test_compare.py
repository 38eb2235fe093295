"""Files side by side: each that ships and each baseline once, on the same texts, by times that are told raw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bundle import open_bundle
from edgebert.demo.run import TIMED, Compared, compare_files
from edgebert.errors import BundleError
from edgebert.manifest import Artifact
from tests.support import cut_models, fakes

RUNS = 8
"""Inferences that count for each text and file: two in each of four rounds."""
TIMES = st.lists(st.lists(st.integers(1, 2**40), min_size=1, max_size=9), min_size=1, max_size=9)


def an_artifact() -> Artifact:
    return open_bundle(fakes.shared_bundle()).shipped[0]


def compared(run_ns: list[list[int]]) -> Compared:
    return Compared(bundle="bundle", artifact=an_artifact(), run_ns=tuple(map(tuple, run_ns)))


@pytest.fixture
def cut_bundle(tmp_path: Path) -> Path:
    return fakes.copy_of(cut_models.shared_cut_bundle(), tmp_path / "cut")


def test_every_file_that_ships_and_the_first_baselines_appear_once(tmp_path):
    """The second bundle brings what it ships; its baselines would be the same files again."""
    bundles = [open_bundle(fakes.copy_of(fakes.shared_bundle(), tmp_path / name)) for name in ("one", "two")]
    found = compare_files(bundles, fakes.TEXTS[:2])
    assert sorted((item.bundle, item.artifact.file) for item in found) == [
        ("one", "baseline/float32.onnx"),
        ("one", "baseline/float32.tflite"),
        ("one", "int8.onnx"),
        ("one", "int8.tflite"),
        ("two", "int8.onnx"),
        ("two", "int8.tflite"),
    ]
    for item in found:
        assert item.artifact == bundles[item.bundle == "two"].artifact(item.artifact.file)
        assert [len(runs) for runs in item.run_ns] == [RUNS, RUNS]
        assert all(type(ns) is int and ns > 0 for runs in item.run_ns for ns in runs)


def test_a_text_costs_the_mean_of_the_medians():
    """The median over runs of each text, (2 + 10 + 5) / 3, whatever an outlier says."""
    assert compared([[1, 2, 900], [10], [4, 6]]).text_ns == pytest.approx(17 / 3)


@given(TIMES)
def test_a_text_costs_what_plain_statistics_say(run_ns):
    """Against numpy, for texts of unequal numbers of runs; neither the order of runs nor that of texts matters."""
    expected = float(np.mean([np.median(runs) for runs in run_ns]))
    assert compared(run_ns).text_ns == pytest.approx(expected)
    assert compared([sorted(runs) for runs in reversed(run_ns)]).text_ns == pytest.approx(expected)
    assert min(map(min, run_ns)) <= compared(run_ns).text_ns * (1 + 1e-12)


def test_texts_beyond_the_first_are_ignored(cut_bundle):
    """48 texts are timed, and every process is told about; the next, which nothing could encode, is never looked at."""
    texts = [fakes.TEXTS[index % len(fakes.TEXTS)] for index in range(TIMED)]
    told = []
    found = compare_files(
        [open_bundle(cut_bundle)], [*texts, "half a character \ud800"], progress=lambda *words: told.append(words)
    )
    assert TIMED == 48
    assert [len(item.run_ns) for item in found] == [TIMED, TIMED]
    assert told == [("timing every file", done, 8) for done in range(9)]  # two files in four rounds


def test_a_text_that_is_too_long_is_cut(cut_bundle):
    """A text beyond the longest input is truncated as an app does it, not refused."""
    found = compare_files([open_bundle(cut_bundle), open_bundle(fakes.shared_bundle())], ["good " * 60])
    assert [len(item.run_ns) for item in found] == [1] * 4


def test_baselines_are_fed_by_their_own_tokenizer(cut_bundle):
    """Tokens whose ids the cut model does not know go to the baseline only, each file by the ids of its tokenizer."""
    bundle = open_bundle(cut_bundle)
    assert bundle.text_rules("baseline").tokenizer != bundle.text_rules("shipped").tokenizer
    last = fakes.VOCABULARY[-1].removeprefix("##")
    texts = [" ".join(fakes.WORDS[:11]), f"batt{last}", "great screening", "zebra 42"]
    found = compare_files([bundle], texts)
    assert [(item.bundle, item.artifact.file) for item in found] == [
        ("cut", "baseline/float32.onnx"),
        ("cut", "int8.onnx"),
    ]
    # The original's ids do not fit into the cut table, so a file that was fed by the other tokenizer fails.
    (cut_bundle / "tokenizer.json").write_bytes((cut_bundle / "baseline" / "tokenizer.json").read_bytes())
    with pytest.raises(Exception, match="indices"):
        compare_files([bundle], texts)


@pytest.mark.parametrize("file", ["tokenizer.json", "baseline/tokenizer.json"])
def test_a_missing_tokenizer_is_named(cut_bundle, file):
    """Both are read, and none stands in for the other."""
    bundle = open_bundle(cut_bundle)
    (cut_bundle / file).unlink()
    with pytest.raises(BundleError, match=rf"{file}: missing from the bundle"):
        compare_files([bundle], fakes.TEXTS[:1])


def test_a_bundle_of_one_format_brings_that_format_only(cut_bundle):
    """What the first bundle does not have is not made up from the second."""
    whole = open_bundle(fakes.shared_bundle())
    found = compare_files([open_bundle(cut_bundle), whole], fakes.TEXTS[:1])
    assert [item.artifact.role for item in found] == ["baseline", "shipped", "shipped", "shipped"]
    assert {item.artifact.file for item in found if item.bundle == whole.root.name} == {"int8.onnx", "int8.tflite"}
