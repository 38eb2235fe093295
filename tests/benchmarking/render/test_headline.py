from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.analysis.stats import Verdict
from edgebert.benchmarking.render.headline import TONES, Headline, headline
from edgebert.plotting import VERDICTS
from tests.support import report_values as rv

FILES = (rv.INT8, rv.FLOAT, rv.INT8_TFLITE, rv.FLOAT_TFLITE)


def of(*measurements, **changes) -> Headline:
    """Return the headline of the first device of a report."""
    return headline(sections([rv.make_report(*measurements, **changes)])[0])


def answered(only_float: int, only_file: int):
    """Return labels, and the answers of the int8 file and of the FP32 file to them."""
    labels, before, after = rv.make_predictions(both=800, only_float=only_float, only_file=only_file, neither=100)
    return labels, (rv.make_answers(rv.INT8, after), rv.make_answers(rv.FLOAT, before))


def test_every_verdict_has_a_tone():
    """What a time or a change can be judged to be has a colour."""
    assert {*get_args(Verdict), *VERDICTS} <= TONES.keys()


@pytest.mark.parametrize(
    ("only_float", "only_file", "words"),
    [
        (60, 10, "its accuracy drops significantly (-5.15 points)"),
        (10, 60, "its accuracy rises significantly (+5.15 points)"),
        (20, 22, "its accuracy does not change significantly"),
    ],
)
def test_the_sentence_says_what_changed(only_float: int, only_file: int, words: str):
    """Speed, quality and size of the file, in one sentence."""
    labels, answers = answered(only_float, only_file)
    found = of(rv.make_measurement(answers=answers), labels=labels)
    assert found.sentence.startswith("int8.onnx is ")
    assert " times as fast as the FP32 model; " in found.sentence
    assert words in found.sentence
    assert found.sentence.endswith(", and it has 25.0 % of the size.")


def test_the_fastest_file_is_named():
    """Of several files the sentence is about the fastest one; all have their numbers."""
    times = {file: rv.make_times(ns * 1e6, seed=ns) for file, ns in zip(FILES, (10, 40, 5, 40), strict=True)}
    found = of(rv.make_measurement(times))
    assert found.sentence.startswith("The fastest file, int8.tflite, is 8.0")
    assert "its quality was not measured" in found.sentence
    assert [file.name for file in found.files] == ["int8.onnx", "int8.tflite"]
    assert [number.verdict for number in found.files[1].numbers] == ["faster", "not measured", "smaller"]


def test_noise_is_no_speed():
    """Times that are too noisy are said to be, and so are those of too few processes."""
    noisy = {
        rv.INT8: rv.make_times(10e6, between=0.8, processes=4, seed=1),
        rv.FLOAT: rv.make_times(12e6, between=0.8, processes=4, seed=2),
    }
    assert "The times of int8.onnx are too noisy to compare" in of(rv.make_measurement(noisy)).sentence
    two = {file: times[:2] for file, times in noisy.items()}
    assert of(rv.make_measurement(two)).files[0].numbers[0].interval == "too few processes"


def test_the_fewest_threads_are_told():
    """Of several thread counts the headline has the smallest, and says so where it is not one."""
    one, four = rv.make_measurement(), rv.make_measurement(threads=4)
    both = replace(one, trials=four.trials + one.trials)
    assert [file.name for file in of(both).files] == ["int8.onnx"]
    assert [file.name for file in of(four).files] == ["int8.onnx, 4 threads"]


def test_an_emulator_has_instructions_for_times():
    """An emulated device has no speed-up: its instructions are compared."""
    found = of(rv.make_emulated())
    assert found.sentence.startswith("int8.onnx executes 30.0 % of the instructions of the FP32 model")
    assert found.files[0].numbers[0].verdict == "fewer"


def test_nothing_measured_is_said():
    """A device without a result has a sentence that says so."""
    assert of(rv.make_measurement({}, answers=())).sentence == "No shipped file was measured."
    alone = of(rv.make_measurement({rv.INT8: rv.make_times(10e6)}))
    assert alone.sentence.startswith("The speed of int8.onnx was not compared")
    assert alone.sentence.endswith("its size is 25.0 MB.")
