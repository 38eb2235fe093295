from __future__ import annotations

from dataclasses import replace

import pytest

from edgebert.benchmarking.analysis.compare import CONDITIONS, compare
from edgebert.benchmarking.suite import Suite
from edgebert.device.device import PhoneState
from edgebert.errors import UsageError
from tests.support.report_values import (
    FLOAT,
    INT8,
    change_trials,
    make_answers,
    make_conditions,
    make_device,
    make_emulated,
    make_hardware,
    make_measurement,
    make_phone,
    make_predictions,
    make_report,
    make_texts,
    make_times,
)


def timed(median_ns=10e6, *, seed=0, device=None, **changes):
    times = {INT8: make_times(median_ns, seed=seed, **changes), FLOAT: make_times(40e6, seed=seed + 1000)}
    return make_measurement(times, device=device)


def with_new_int8(report):
    """Return the report with another int8 file."""
    files = tuple(replace(item, sha256="99" * 32) if item.file == INT8 else item for item in report.bundle.files)
    return replace(report, bundle=replace(report.bundle, files=files))


def rows_of(old, new):
    return {row.file: row for row in compare(old, new).rows}


@pytest.mark.parametrize(
    ("median_ns", "verdict"), [(8e6, "faster"), (12.5e6, "slower"), (10e6, "no significant change")]
)
def test_a_row_says_what_changed(median_ns, verdict):
    """8 instead of 10 ms is 1.25 times as fast; the float file beside it did not change."""
    found = rows_of(make_report(timed(seed=1)), with_new_int8(make_report(timed(median_ns, seed=2))))
    assert found[INT8].verdict == verdict
    assert found[INT8].ratio.value == pytest.approx(10e6 / median_ns, rel=0.02)
    assert found[FLOAT].verdict == "no significant change"
    assert (found[INT8].is_same_file, found[FLOAT].is_same_file) == (False, True)


def test_noise_is_told_from_no_change():
    """Processes 30 % apart hide a change of 10 %: too noisy, no number of it."""
    old, new = make_report(timed(seed=1, between=0.3)), make_report(timed(9e6, seed=2, between=0.3))
    assert rows_of(old, new)[INT8].verdict == "too noisy"


def test_a_comparison_of_many_rows_raises_no_more_false_alarms():
    """Two runs of the same files on the same device: a row is called changed in at most 5 % of 200 comparisons."""
    alarms = 0
    for seed in range(200):
        old = make_report(timed(seed=2 * seed, runs=6, between=0.02))
        new = make_report(timed(seed=2 * seed + 1, runs=6, between=0.02))
        alarms += any(row.verdict in {"faster", "slower"} for row in compare(old, new).rows)
    assert alarms <= 10 + 3 * (200 * 0.05 * 0.95) ** 0.5


def test_a_change_of_the_same_file_gets_a_warning():
    """The float file is byte for byte the same; when it is faster, the device changed."""
    old = make_report(make_measurement({FLOAT: make_times(40e6)}))
    new = make_report(make_measurement({FLOAT: make_times(30e6, seed=5)}))
    (warning,) = compare(old, new).warnings
    assert "the device changed" in warning
    assert compare(old, old).warnings == ()


PHONE = replace(timed(device=make_phone()), states=(PhoneState(trial=0, is_charging=False, is_power_saving=False),))


def newer_runtime(measurement):
    done = tuple(replace(item, trial=replace(item.trial, version="1.24.0")) for item in measurement.trials)
    answers = tuple(replace(item, version="1.24.0") for item in measurement.answers)
    return replace(measurement, trials=done, answers=answers)


def of(**changes):
    return make_report(timed(device=make_device(**changes)))


UNEQUAL = {
    "device": (make_report(timed()), of(name="other board")),
    "cpu": (make_report(timed()), of(hardware=make_hardware(cores=make_hardware().cores[:2]))),
    "features": (make_report(timed()), of(hardware=make_hardware(features=("asimd", "asimddp", "fp")))),
    "texts": (make_report(timed()), make_report(timed(), texts=make_texts(sha256="77" * 32))),
    "runtime-version": (make_report(timed()), make_report(newer_runtime(timed()))),
    "suite": (make_report(timed()), make_report(timed(), suite=Suite(threads=(1, 2)))),
    "governor": (
        make_report(timed()),
        make_report(change_trials(timed(), conditions=(make_conditions(governor=("schedutil",) * 4),))),
    ),
    "charging": (make_report(PHONE), make_report(replace(PHONE, states=(PhoneState(trial=0, is_charging=True),)))),
    "power-saving": (
        make_report(PHONE),
        make_report(replace(PHONE, states=(PhoneState(trial=0, is_charging=False, is_power_saving=True),))),
    ),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_unequal_conditions_are_refused_and_can_be_accepted(name):
    """Each condition alone is refused by its name, and with that name allowed it is compared and mentioned."""
    old, new = UNEQUAL[name]
    with pytest.raises(UsageError) as caught:
        compare(old, new)
    assert f"{name}: " in caught.value.message
    assert f"--allow {name}" in caught.value.hint
    found = compare(old, new, allow=frozenset({name}))
    assert found.rows
    assert [text.partition(":")[0] for text in found.allowed] == [name]


def test_all_that_differs_is_named_at_once():
    """Three differences are one error that lists three, and allowing two of them leaves the third."""
    old = make_report(timed())
    new = make_report(newer_runtime(timed()), texts=make_texts(sha256="77" * 32), suite=Suite(seed=4))
    with pytest.raises(UsageError) as caught:
        compare(old, new)
    assert all(f"{name}: " in caught.value.message for name in ("texts", "suite", "runtime-version"))
    with pytest.raises(UsageError) as caught:
        compare(old, new, allow=frozenset({"texts", "suite"}))
    assert "texts" not in caught.value.message
    assert "1.23.0 against 1.24.0" in caught.value.message


def test_emulated_is_never_compared_with_real():
    """No name accepts it; two runs of one emulator have no times but sizes and answers."""
    emulated = make_emulated()
    real = make_report(make_measurement(device=make_device(emulated.device.name)))
    with pytest.raises(UsageError, match="emulated against real"):
        compare(make_report(emulated), real, allow=frozenset(CONDITIONS))
    found = compare(make_report(emulated), make_report(emulated))
    assert found.rows == ()
    assert [item.file for item in found.files] == [INT8, FLOAT]


def test_more_processes_are_no_other_condition():
    """How often is measured changes what is known, not what is measured."""
    new = make_report(timed(seed=3, processes=12), suite=Suite(processes=12, accuracy=None, cool_wait_s=5))
    assert rows_of(make_report(timed(seed=1)), new)[INT8].verdict == "no significant change"


def answered(predicted, labels):
    answers = [make_answers(INT8, predicted)]
    return make_report(make_measurement(answers=answers), labels=labels)


def test_answers_are_compared_text_by_text():
    """On 200 texts two answers got better and six worse: minus two points, and 96 % keep their answer."""
    labels, before, after = make_predictions(both=180, only_float=6, only_file=2, neither=12)
    found = next(item for item in compare(answered(before, labels), answered(after, labels)).files if item.device)
    assert found.accuracy is not None
    assert (found.metric, found.accuracy.value) == ("accuracy", pytest.approx(-0.02))
    assert (found.agreement, found.examples) == (pytest.approx(0.96), 200)
    unlabelled = next(item for item in compare(answered(before, ()), answered(after, ())).files if item.device)
    assert (unlabelled.metric, unlabelled.accuracy, unlabelled.agreement) == (None, None, pytest.approx(0.96))


def test_answers_to_other_texts_are_not_compared():
    """Where other texts are allowed, the times are compared and the answers are not."""
    labels, before, after = make_predictions(both=180, only_float=6, only_file=2, neither=12)
    new = answered(after, labels)
    new = replace(new, texts=replace(new.texts, sha256="77" * 32))
    found = compare(answered(before, labels), new, allow=frozenset({"texts"}))
    assert found.rows
    assert all(item.agreement is None for item in found.files)


def test_answers_to_other_samples_of_the_texts_are_not_compared():
    """200 of 872 texts are others with another seed; all of the texts are the same with any."""
    labels, before, after = make_predictions(both=180, only_float=6, only_file=2, neither=12)
    new = replace(answered(after, labels), suite=Suite(seed=1))
    for texts, agreement in ((872, None), (200, 0.96)):
        reports = [replace(item, texts=replace(item.texts, texts=texts)) for item in (answered(before, labels), new)]
        found = compare(*reports, allow=frozenset({"suite"}))
        assert {item.agreement for item in found.files if item.file == INT8} == {agreement}


def test_what_has_nothing_in_common_is_refused():
    """Unknown condition names, other files, and several devices of other names."""
    with pytest.raises(UsageError, match="unknown condition 'weather'"):
        compare(make_report(), make_report(), allow=frozenset({"weather"}))
    empty = replace(make_report(), bundle=replace(make_report().bundle, files=()))
    with pytest.raises(UsageError, match="no file in common"):
        compare(make_report(), empty)
    two = make_report(timed(), timed(device=make_device("b")))
    others = make_report(timed(device=make_device("c")), timed(device=make_device("d")))
    with pytest.raises(UsageError, match="no device in common"):
        compare(two, others, allow=frozenset({"device"}))
