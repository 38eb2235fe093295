"""What a run does about the device it is on: its runtimes and cores, its heat, and whether it is emulated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgebert.benchmarking.suite import Suite
from edgebert.errors import DeviceProblem
from tests.benchmarking.runs import FLOAT, INT8, SUITE, run
from tests.support.fake_devices import RUNTIMES, FakeBoard, FakeCounter, FakePhone, FakeUncounted, hardware


def test_absent_runtimes_are_noted(bundle, tmp_path):
    """What cannot be measured on a device is said in one sentence, with the reason the device gives."""
    facts = hardware(runtimes=RUNTIMES[1:], absent=(("litert", "No module named ai_edge_litert"),))
    done = run(bundle, FakeBoard(bundle.root, facts=facts), tmp_path, runtimes=())
    (measurement,) = done.report.measurements
    assert {item.trial.runtime for item in measurement.trials} == {"onnxruntime"}
    assert len(measurement.notes) == 1
    assert "int8.tflite" in " ".join(measurement.notes)
    both = run(
        bundle,
        FakeBoard(bundle.root, facts=facts),
        tmp_path,
        runtimes=("litert", "onnxruntime"),
        journal=tmp_path / "both",
    )
    assert both.report.measurements[0].notes == ("litert is not there: No module named ai_edge_litert",)
    with pytest.raises(DeviceProblem, match="no runtime") as refusal:
        run(bundle, FakeBoard(bundle.root, facts=hardware(runtimes=())), tmp_path, journal=tmp_path / "none")
    assert "worker build" in refusal.value.hint


def test_cores_are_pinned_by_class(bundle, tmp_path):
    """``big`` reaches the worker as the numbers of the fastest cores."""
    board = FakeBoard(bundle.root)
    run(bundle, board, tmp_path, suite=replace(SUITE, cores="big"))
    assert {request.cores for request in board.requests} == {(4, 5)}


@pytest.mark.parametrize("kind", [FakeBoard, FakePhone])
def test_a_warm_device_gets_a_rest(bundle, data, tmp_path, kind):
    """Without a wait the device gets ever warmer; with it no trial starts far above the first, and waits are kept."""

    def starts(suite, name):
        board = kind(bundle.root, celsius=lambda heat_s: 30 + 2 * heat_s)
        done = run(bundle, board, tmp_path, suite=suite, data=data, journal=tmp_path / name)
        (measurement,) = done.report.measurements
        warm = [item.trial.conditions[0].temperatures[0].celsius for item in measurement.trials]
        return [celsius - warm[0] for celsius in warm], [item.waited_s for item in measurement.trials], board

    suite = Suite(runs=16, warm_up=0, processes=8)
    restless, none, _ = starts(replace(suite, cool_celsius=0), "never")
    rested, waits, board = starts(suite, "rested")
    assert not any(none)
    assert max(restless) > 15
    assert max(rested) < 10
    assert 0 < sum(waits) == board.clock.slept_s
    assert max(waits) <= suite.cool_wait_s


def test_a_device_that_never_cools_is_not_waited_for_forever(bundle, tmp_path):
    """A wait ends after the seconds the suite allows."""
    board = FakePhone(bundle.root, celsius=lambda heat_s: 1000 * board.clock.now_s)
    suite = replace(SUITE, cool_celsius=5, cool_wait_s=25)
    done = run(bundle, board, tmp_path, suite=suite)
    waits = [item.waited_s for item in done.report.measurements[0].trials]
    assert waits[0] == 0
    assert set(waits[1:]) == {25.0}


def test_a_phone_is_read_before_each_trial_and_at_the_end(bundle, tmp_path):
    """States are numbered by the trial they precede; the last one has the number of trials."""
    done = run(bundle, FakePhone(bundle.root), tmp_path)
    (measurement,) = done.report.measurements
    assert [state.trial for state in measurement.states] == list(range(len(measurement.trials) + 1))


def test_an_emulator_answers_and_counts_and_is_never_timed(bundle, data, tmp_path):
    """Answers as everywhere, instructions of the first text of each length class, no trial."""
    board = FakeCounter(bundle.root, cpu="cortex-a76")
    urls = ("emulator:cortex-a76",)
    done = run(bundle, board, tmp_path, urls=urls, suite=replace(SUITE, accuracy=5), data=data)
    (measurement,) = done.report.measurements
    assert measurement.trials == ()
    assert [len(item.answers) for item in measurement.answers] == [5, 5]
    assert [(item.file, item.series) for item in measurement.counts] == [
        (FLOAT, "8"),
        (FLOAT, "16"),
        (INT8, "8"),
        (INT8, "16"),
    ]
    for one, other in zip(measurement.counts[:2], measurement.counts[2:], strict=True):
        assert one.tokens == other.tokens
        assert one.per_inference == 4 * other.per_inference == 4e6 * one.tokens
    marked = [request for request in board.requests if request.marks]
    assert all(len(series.inputs) == 1 for request in marked for series in request.series)
    assert all(request.threads == 1 for request in marked)


def test_an_emulator_that_cannot_count_still_answers(bundle, tmp_path):
    """Without the counter there are golden answers alone."""
    done = run(bundle, FakeBoard(bundle.root, cpu="cortex-a53"), tmp_path, urls=("emulator:cortex-a53",))
    (measurement,) = done.report.measurements
    assert (measurement.trials, measurement.counts) == ((), ())
    assert len(measurement.answers) == 2


def test_the_report_says_why_an_emulator_cannot_count(bundle, tmp_path):
    """The reason stands among the notes, once, also when the run was resumed."""
    board = FakeUncounted(bundle.root, cpu="cortex-a53")
    options = {"urls": ("emulator:cortex-a53",), "journal": tmp_path / "journal"}
    run(bundle, board, tmp_path, **options)
    done = run(bundle, board, tmp_path, **options)
    assert done.report.measurements[0].notes == (FakeUncounted.why_not_counted,)
