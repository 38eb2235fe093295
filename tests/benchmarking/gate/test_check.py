from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgebert.benchmarking.gate.check import check
from edgebert.benchmarking.gate.results import CheckResult, Limits
from edgebert.errors import UsageError
from edgebert.recipe import Target
from tests.benchmarking.gate.gated import ONNX, answered, only, report_of, saved
from tests.support.report_values import (
    FLOAT,
    INT8,
    INT8_TFLITE,
    make_answers,
    make_emulated,
    make_measurement,
    make_phone,
    make_report,
    make_times,
)
from tests.support.tiny_files import make_artifact


def speed(bundle, times, **limits) -> CheckResult:
    report = report_of(bundle, make_measurement(times))
    return only(check(bundle, report=report, limits=Limits(**limits)))


def test_size_is_decided_by_the_manifest(bundle):
    """25 MB pass at 25 and fail at 24.9."""
    assert only(check(bundle, report=None, limits=Limits(max_mb=25))).verdict == "pass"
    found = only(check(bundle, report=None, limits=Limits(max_mb=24.9)))
    assert (found.verdict, found.value, found.device) == ("fail", "25.00 MB", None)


@pytest.mark.parametrize(("max_drop", "verdict"), [(1, "pass"), (0.81, "pass"), (0.5, "undecided"), (0, "undecided")])
def test_the_stated_interval_decides_where_no_report_does(bundle, max_drop, verdict):
    """A drop of 0.3 points with an interval from -0.19 to 0.81 passes only where all of it does."""
    found = only(check(bundle, report=None, limits=Limits(max_drop=max_drop)))
    assert found.verdict == verdict
    assert found.value == "drop 0.30 points (-0.19 to 0.81)"
    assert "1000 examples at export" in found.detail


def test_examples_that_the_manifest_lacks_are_counted(bundle):
    """At a limit of 0.5 the upper end, 0.51 above the drop, must come within 0.2: 6.5 times the examples."""
    found = only(check(bundle, report=None, limits=Limits(max_drop=0.5)))
    assert found.more_examples == math.floor(1000 * (0.51 / 0.2) ** 2) + 1 - 1000
    assert f"{found.more_examples:,} more needed" in found.detail
    exact = only(check(bundle, report=None, limits=Limits(max_drop=0.3)))
    assert exact.more_examples is None
    assert "more than 1,000,000 needed" in exact.detail


def test_the_predictions_of_each_device_decide(bundle):
    """A report with answers is asked instead of the manifest, device by device, emulated ones too."""
    report = answered(bundle, both=2700, only_float=5, only_file=5, neither=290)
    shipped, baseline = report.measurements[0].answers
    flipped = tuple((1 - key[0],) if index < 100 else key for index, key in enumerate(shipped.answers))
    tallies = tuple((gold, answer) for (gold, _), (answer,) in zip(shipped.tallies, flipped, strict=True))
    worse = replace(shipped, answers=flipped, tallies=tallies)
    phone = make_measurement(device=make_phone(), answers=(worse, baseline))
    emulated = make_emulated(answers=(shipped, baseline))
    report = replace(report, measurements=(*report.measurements, phone, emulated))
    found = check(bundle, report=report, limits=Limits(max_drop=1))
    assert [(item.device, item.verdict) for item in found] == [
        ("Raspberry Pi 5", "pass"),
        ("Pixel 8", "fail"),
        ("emulator:cortex-a76", "pass"),
    ]
    assert "3000 examples in onnxruntime" in found[0].detail
    chosen = check(bundle, report=report, limits=Limits(max_drop=1, device="Pixel 8"))
    assert only(chosen).verdict == "fail"


def test_what_is_undecided_says_how_many_more_examples_decide(bundle):
    """A drop of 0.5 points on 200 examples at a limit of 1: the multiple it asks for passes, the one below does not."""
    counts = {"both": 180, "only_float": 3, "only_file": 2, "neither": 15}
    found = only(check(bundle, report=answered(bundle, **counts), limits=Limits(max_drop=1)))
    assert found.verdict == "undecided"
    assert found.more_examples is not None
    times = (200 + found.more_examples) / 200
    assert 5 < times < 50
    for multiple, verdict in ((math.ceil(times), "pass"), (math.floor(times), "undecided")):
        many = {name: multiple * count for name, count in counts.items()}
        assert only(check(bundle, report=answered(bundle, **many), limits=Limits(max_drop=1))).verdict == verdict


def test_agreement_needs_no_labels(bundle):
    """990 of 1,000 equal labels: the Wilson interval from 0.9817 to 0.9946 decides."""
    says = tuple(index % 2 for index in range(1000))
    other = tuple(1 - value if index < 10 else value for index, value in enumerate(says))
    answers = [make_answers(INT8, other), make_answers(FLOAT, says)]
    report = report_of(bundle, make_measurement(answers=answers))

    def at(least):
        return only(check(bundle, report=report, limits=Limits(min_agreement=least)))

    assert [at(least).verdict for least in (0.98, 0.985, 0.995)] == ["pass", "undecided", "fail"]
    assert at(0.985).value == "agreement 0.9900 (0.9817 to 0.9946)"
    assert at(0.985).more_examples is not None
    assert at(0.99).more_examples is None
    stated = only(check(bundle, report=None, limits=Limits(min_agreement=0.98)))
    assert (stated.verdict, stated.device) == ("pass", None)


def test_speed_is_decided_by_the_interval(bundle):
    """A true ratio of 4: at least 3 passes, 5 fails; noisy processes leave it undecided and say how many decide."""
    quiet = {INT8: make_times(10e6, seed=1), FLOAT: make_times(40e6, seed=2)}
    assert speed(bundle, quiet, min_speedup=3).verdict == "pass"
    assert speed(bundle, quiet, min_speedup=5).verdict == "fail"
    noisy = {INT8: make_times(10e6, seed=1, between=0.3), FLOAT: make_times(40e6, seed=2, between=0.3)}
    found = speed(bundle, noisy, min_speedup=3.5)
    assert found.verdict == "undecided"
    assert found.more_processes is not None
    assert f"{found.more_processes} more needed" in found.detail
    assert found.device == "Raspberry Pi 5"


def test_p90_is_decided_by_the_interval(bundle):
    """10 ms with little noise stay below 11, not below 9."""
    times = {INT8: make_times(10e6, seed=1)}
    assert speed(bundle, times, max_p90_ms=11).verdict == "pass"
    assert speed(bundle, times, max_p90_ms=9).verdict == "fail"
    found = speed(bundle, times, max_p90_ms=10.13)
    assert (found.verdict, found.value[:7]) == ("undecided", "p90 10.")


def test_what_was_not_measured_is_undecided_and_never_a_pass(bundle, tmp_path):
    """A lone process, a missing baseline, and a shipped file without times each leave the gate undecided."""
    one = {INT8: make_times(10e6, processes=1), FLOAT: make_times(40e6, processes=1)}
    assert speed(bundle, one, min_speedup=3).verdict == "undecided"
    alone = speed(bundle, {INT8: make_times(10e6)}, min_speedup=3)
    assert (alone.verdict, "float baseline was not measured" in alone.detail) == ("undecided", True)
    two = saved(tmp_path, make_artifact(ONNX), make_artifact(Target(format="tflite", precision="int8")))
    found = check(two, report=report_of(two, make_measurement()), limits=Limits(min_speedup=3, max_p90_ms=20))
    assert [(item.file, item.verdict) for item in found] == [
        (INT8, "pass"),
        (INT8, "pass"),
        (INT8_TFLITE, "undecided"),
        (INT8_TFLITE, "undecided"),
    ]
    chosen = check(two, report=report_of(two, make_measurement()), limits=Limits(min_speedup=3, file=INT8))
    assert only(chosen).verdict == "pass"


def test_an_emulated_device_never_gets_a_verdict_on_speed(bundle):
    """With emulated devices only the request is refused; beside a real one they are left out."""
    with pytest.raises(UsageError, match="only emulated devices"):
        check(bundle, report=report_of(bundle, make_emulated()), limits=Limits(min_speedup=3))
    both = report_of(bundle, make_emulated(), make_measurement())
    assert only(check(bundle, report=both, limits=Limits(max_p90_ms=20))).device == "Raspberry Pi 5"
    with pytest.raises(UsageError, match="only emulated devices"):
        check(bundle, report=both, limits=Limits(max_p90_ms=20, device="emulator:cortex-a76"))


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, "no limit"),
        ({"max_drop": -1}, "--max-drop is -1, not at least 0"),
        ({"max_drop": math.nan}, "--max-drop is nan"),
        ({"max_mb": 0}, "--max-mb is 0, not above 0"),
        ({"max_mb": math.inf}, "--max-mb is inf"),
        ({"min_speedup": -3}, "--min-speedup is -3"),
        ({"max_p90_ms": 0}, "--max-p90-ms is 0"),
        ({"min_agreement": 1.01}, "--min-agreement is 1.01, not from 0 to 1"),
        ({"max_mb": 1, "alpha": 0.5}, "alpha is 0.5"),
        ({"max_mb": 1, "threads": 0}, "--threads is 0"),
        ({"max_mb": 1, "file": "none.onnx"}, r"ships no file 'none\.onnx'"),
        ({"max_mb": 1, "device": "Pixel"}, "no device 'Pixel'"),
        ({"min_speedup": 3}, "--min-speedup needs the times of a report"),
    ],
)
def test_requests_that_ask_nothing_possible_are_refused(bundle, limits, said):
    """The message names the option and its value."""
    with pytest.raises(UsageError, match=said):
        check(bundle, report=None, limits=Limits(**limits))


def test_a_report_of_another_bundle_is_refused(bundle):
    """The hash of the manifest tells; series and thread counts that were not measured are refused by name."""
    with pytest.raises(UsageError, match="report is of another bundle"):
        check(bundle, report=make_report(), limits=Limits(max_mb=30))
    report = report_of(bundle, make_measurement())
    with pytest.raises(UsageError, match="no times of series '32'"):
        check(bundle, report=report, limits=Limits(min_speedup=3, series="32"))
    with pytest.raises(UsageError, match="no times of thread count 4"):
        check(bundle, report=report, limits=Limits(min_speedup=3, threads=4))


def test_an_accuracy_that_nobody_measured_is_refused(tmp_path):
    """Without answers in the report and a score in the manifest there is nothing to decide by."""
    bundle = saved(tmp_path, make_artifact(ONNX))
    for report in (None, report_of(bundle, make_measurement())):
        with pytest.raises(UsageError, match=r"nothing is known about the answers of int8\.onnx"):
            check(bundle, report=report, limits=Limits(max_drop=1))


ALPHA = 0.025


def test_false_alarms_of_the_speed_gate_are_as_rare_as_stated(bundle):
    """A true ratio of exactly the limit passes, and fails, in at most 2.5 % of 300 draws, sampling aside."""
    verdicts = []
    for seed in range(300):
        times = {
            INT8: make_times(10e6, runs=8, between=0.03, seed=2 * seed),
            FLOAT: make_times(30e6, runs=8, between=0.03, seed=2 * seed + 1),
        }
        verdicts.append(speed(bundle, times, min_speedup=3).verdict)
    most = 300 * ALPHA + 3 * math.sqrt(300 * ALPHA)
    assert verdicts.count("pass") <= most
    assert verdicts.count("fail") <= most
