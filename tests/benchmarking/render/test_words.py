from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.render.words import (
    LONGEST,
    bundle_facts,
    command,
    count_of,
    device_facts,
    measured,
    not_measured,
    run_names,
    shown,
    title,
)
from edgebert.benchmarking.suite import Suite
from edgebert.device.protocol import Core
from tests.support import report_values as rv


def test_the_command_names_what_the_reader_has_to_know():
    """Address and serial stand in capitals, an emulator's CPU as it was; a name is quoted for the shell."""
    report = rv.make_report(suite=Suite(threads=(1, 4), runs=7, warm_up=2, processes=3, accuracy=None, cores="big"))
    board, emulated, phone = rv.make_measurement(), rv.make_emulated(), rv.make_measurement(device=rv.make_phone())
    words = "--eval dev.tsv --threads 1,4 --runs 7 --warm-up 2 --processes 3 --eval-samples all --cores big"
    assert command(report, board) == f"edgebert bench bundle --device ssh:USER@HOST {words} --out report.json"
    assert "--device adb:SERIAL " in command(report, phone)
    assert "--device emulator:cortex-a76 " in command(report, emulated)
    played = rv.make_measurement(device=replace(rv.make_phone(), cpu="Cortex-A76"))
    assert "--device adb:SERIAL " in command(report, played)
    odd = replace(report, texts=rv.make_texts(name="my texts; rm.tsv"))
    assert shlex.split(command(odd, board))[6] == "my texts; rm.tsv"
    golden = command(replace(report, texts=rv.make_texts(name="golden.json"), suite=Suite()), board)
    assert "--eval" not in golden
    assert "--eval-samples" not in golden
    assert "--cores" not in golden


def test_the_head_tells_texts_and_lengths():
    """How many texts, how long, how many cut, and which files pad."""
    facts = dict(bundle_facts(rv.make_report(texts=rv.make_texts(truncated=2))))
    assert facts["texts"].startswith("dev.tsv: 872 texts, 25.4 tokens on average, 2 cut at 64 tokens")
    assert facts["lengths"] == "ONNX files run each text at its own length"
    both = rv.make_report(bundle=rv.make_bundle((rv.INT8, rv.INT8_TFLITE)))
    assert dict(bundle_facts(both))["lengths"].endswith("TFLite files pad it to the next of 16, 32, 64")


def test_a_device_is_told_in_the_words_of_its_kind():
    """A phone by maker and SoC, a board by its model, an emulator by its CPU; cores by type, the fastest first."""
    report, cores = rv.make_report(), [Core(number=0, part="Cortex-A55", max_khz=1_800_000, capacity=None)]
    cores += [Core(number=1, part="Cortex-X1", max_khz=2_850_000, capacity=None)] * 2
    hardware = rv.make_hardware(cores=tuple(cores), features=("fp", "asimd", "sve2"))
    board = dict(device_facts(report, rv.make_measurement(device=rv.make_device(hardware=hardware))))
    assert board["cores"] == "2 x Cortex-X1 up to 2.85 GHz, 1 x Cortex-A55 up to 1.80 GHz"
    assert board["features"] == "asimd, sve2"
    phone = dict(device_facts(report, rv.make_measurement(device=rv.make_phone())))
    assert phone["phone"] == "Google Pixel 8, Android 15 (API 35), arm64-v8a"
    assert phone["SoC"] == "Tensor G3"
    assert phone["reached by"] == f"adb; worker: worker archive {'ab' * 8}…"
    emulated = dict(device_facts(report, rv.make_emulated()))
    assert emulated["CPU"] == "cortex-a76, emulated"
    assert not {"cores", "memory"} & emulated.keys()
    played = dict(device_facts(report, rv.make_measurement(device=replace(rv.make_phone(), cpu="Cortex-A76"))))
    assert (played["SoC"], played["CPU"]) == ("Tensor G3", "Cortex-A76, emulated")
    assert "CPU" not in board.keys() | phone.keys()
    silent = rv.make_hardware(cores=(), features=(), model="", memory_bytes=None)
    facts = dict(device_facts(report, rv.make_measurement(device=rv.make_device(hardware=silent))))
    assert facts["cores"] == facts["model"] == "the system does not say"
    assert "memory" not in facts


def test_what_was_measured_is_counted():
    """Inferences and processes of a real device; never those of an emulator, whose times mean nothing."""
    assert measured(rv.make_measurement()) == "Measured: 480 inferences in 16 processes, timed; the golden texts."
    assert measured(rv.make_emulated()) == "Measured: the golden texts; instructions counted."
    assert measured(rv.make_measurement({}, answers=())) == "Nothing was measured."


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"peak_rss_bytes": None}, "Peak memory: the system does not tell."),
        ({"tokenized": None}, "The tokenizer: it was not asked for, or is not installed there."),
        ({"conditions": ()}, "Temperature: the system does not tell."),
        ({"conditions": ()}, "Frequency: the system does not tell."),
        ({"conditions": (rv.make_conditions(energy_uj=(("package", 1),)),)}, None),
    ],
)
def test_what_a_device_does_not_tell_is_said(changes: dict[str, object], expected: str | None):
    """Each thing that was not read is one sentence; what was read is none."""
    report, quiet = rv.make_report(), rv.make_measurement()
    before, after = not_measured(report, quiet), not_measured(report, rv.change_trials(quiet, **changes))
    if expected is None:
        assert set(before) - set(after) == {"Energy: the system does not tell."}
    else:
        assert expected not in before
        assert expected in after


def test_an_emulator_measures_no_times_and_says_so():
    """Times are absent because it is emulated, counts because there was no counter."""
    said = not_measured(rv.make_report(), rv.make_emulated())
    assert said[0].startswith("Times, temperature, frequency and energy: an emulated CPU")
    assert not [line for line in said if line.startswith("Instruction counts")]
    said = not_measured(rv.make_report(), replace(rv.make_emulated(), counts=()))
    assert "Instruction counts: the emulator here has no counter." in said


def test_runs_are_named_by_what_tells_them_apart():
    """The same file in two runtimes, or with two thread counts, has names that differ."""
    keys = [("a", "x", 1), ("b", "y", 1), ("a", "x", 1)]
    assert run_names(keys) == {keys[0]: "a", keys[1]: "b"}
    keys = [("a", "x", 1), ("a", "y", 1), ("a", "y", 2)]
    assert list(run_names(keys).values()) == ["a, x, 1 thread", "a, y, 1 thread", "a, y, 2 threads"]


def test_the_title_counts_devices():
    """One device is not three devices."""
    assert title(sections([rv.make_report()])) == "bundle: shipped files against FP32 on 1 device"
    assert count_of(1234, "text") == "1,234 texts"
    assert count_of(1, "process", "processes") == "1 process"


@given(st.text())
def test_a_name_never_fills_a_page(text: str):
    """A name stands on one line, of at most so many letters."""
    assert len(shown(text)) <= LONGEST
    assert shown(shown(text)) == shown(text)
