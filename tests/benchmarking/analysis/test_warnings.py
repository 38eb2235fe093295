from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.analysis.warnings import device_warnings, report_warnings, what_int8_gains
from edgebert.benchmarking.suite import Suite
from edgebert.device.device import PhoneState
from edgebert.device.protocol import Cooling, Core
from tests.support.fake_devices import hardware
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
    make_report,
    make_texts,
    make_times,
)

ENERGY = (("package-0", 5),)


def conditions(**changes):
    return tuple(
        make_conditions(moment, index, **changes) for index, moment in enumerate(("before", "during", "after"))
    )


def said(measurement, suite=None) -> str:
    return "\n".join(device_warnings(measurement, suite or Suite()))


def by_trial(measurement, change):
    """Return the measurement with each trial replaced by ``change(index, trial)``."""
    done = tuple(replace(item, trial=change(item.order, item.trial)) for item in measurement.trials)
    return replace(measurement, trials=done)


def with_frequency(khz):
    """Return a measurement whose trial number i reads ``khz(i)`` on the fastest core after its series."""

    def change(index, trial):
        return replace(
            trial,
            conditions=(
                make_conditions("before", freq_khz=(600_000,) * 4),
                make_conditions("during", 1, freq_khz=(600_000, 600_000, 600_000, khz(index))),
                make_conditions("after", 2, freq_khz=(600_000,) * 4),
            ),
        )

    return by_trial(make_measurement(), change)


@pytest.mark.parametrize("seed", range(25))
def test_a_quiet_device_is_without_warnings(seed):
    """Ordinary noise on a board, a phone and a laptop that tell everything: not one warning."""
    rng = np.random.default_rng(seed)
    times = {INT8: make_times(1e7, seed=seed, within=0.03), FLOAT: make_times(4e7, seed=seed + 100, within=0.03)}
    fan = (Cooling(name="pwm-fan", state=0, highest=4), Cooling(name="cpufreq-cpu0", state=0, highest=9))

    def quiet(_, trial):
        readings = [
            make_conditions(
                moment,
                at,
                energy_uj=ENERGY,
                freq_khz=tuple(int(value) for value in rng.uniform(2.3e6, 2.4e6, 4)),
                cooling=(replace(fan[0], state=int(rng.integers(0, 4))), fan[1]),
                load=float(rng.uniform(0, 1)),
                throttle_count=7,
            )
            for at, moment in enumerate(("before", "during", "after"))
        ]
        return replace(trial, conditions=tuple(readings))

    board = by_trial(make_measurement(times), quiet)
    states = (PhoneState(trial=0, battery_percent=80, is_charging=False, thermal_status=0, is_power_saving=False),)
    phone = replace(board, device=make_phone(), states=states)
    cores = tuple(Core(number=index, part="", max_khz=3_000_000, capacity=None) for index in range(4))
    laptop_facts = make_hardware(machine="x86_64", cores=cores, features=("avx512_vnni",))
    laptop = by_trial(
        replace(board, device=make_device("laptop", kind="local", hardware=laptop_facts)),
        lambda _, trial: replace(
            trial, conditions=tuple(replace(item, governor=("powersave",) * 4) for item in trial.conditions)
        ),
    )
    assert report_warnings(make_report(board, phone, laptop)) == ()


def test_energy_that_nobody_counts_is_said_once():
    """Two devices without a counter are one sentence that names both; an emulator is not expected to have one."""
    found = report_warnings(
        make_report(make_measurement(), make_measurement(device=make_device("board 2")), make_emulated())
    )
    assert [text for text in found if "energy" in text] == [
        "no energy counter could be read on Raspberry Pi 5, board 2: energy is not reported"
    ]


def test_a_device_that_slows_down_is_seen():
    """From 2.4 to 1.8 GHz is a slowing during the run; a single dip is counted; idling at the ends is not."""
    assert "slowed from 2.40 to 1.80 GHz" in said(with_frequency(lambda index: 2_400_000 if index < 8 else 1_800_000))
    assert "fell to 1.50 GHz in 1 trial of 16" in said(
        with_frequency(lambda index: 1_500_000 if index == 7 else 2_400_000)
    )
    assert said(with_frequency(lambda _: 2_400_000)) == ""


def test_throttling_that_the_system_reports_is_seen():
    """A rising cooling state, a rising count of throttling and a thermal status each say so; a fan does not."""
    hot = make_conditions("after", cooling=(Cooling(name="thermal-cpufreq-0", state=3, highest=8),), throttle_count=9)
    cold = make_conditions("before", cooling=(Cooling(name="thermal-cpufreq-0", state=0, highest=8),), throttle_count=2)
    found = said(change_trials(make_measurement(), conditions=(cold, conditions()[1], hot)))
    assert "thermal-cpufreq-0 went from 0 to 3 of 8" in found
    assert "throttled 7 times" in found
    states = (PhoneState(trial=0, thermal_status=0), PhoneState(trial=3, thermal_status=3))
    assert "thermal status 3 (severe)" in said(replace(make_measurement(), states=states))


def test_power_is_warned_of_where_it_slows():
    """Charging, a low battery and battery saver on a phone; a laptop on its battery; a powersave governor on ARM."""
    phone = make_measurement(device=make_phone())
    states = (PhoneState(trial=0, battery_percent=14, is_charging=True, is_power_saving=True),)
    found = said(replace(phone, states=states))
    assert "was charging" in found
    assert "down to 14 %" in found
    assert "battery saver" in found
    assert "was charging" in said(change_trials(phone, conditions=conditions(battery_status="Charging")))
    assert "ran on its battery" in said(
        change_trials(make_measurement(), conditions=conditions(battery_status="Discharging"))
    )
    assert "governor is powersave" in said(
        change_trials(make_measurement(), conditions=conditions(governor=("powersave",) * 4))
    )


def test_other_work_on_the_device_is_seen():
    """A load of 3 on four cores is somebody else's; a load of 2 after a trial of two threads is not."""
    assert "a load of up to 3.0 before 16 trials of 16" in said(
        change_trials(make_measurement(), conditions=conditions(load=3.0))
    )
    two = make_measurement(threads=2)
    own = by_trial(two, lambda index, trial: replace(trial, conditions=conditions(load=2.0 if index else 0.2)))
    assert said(own) == ""


def test_processes_that_disagree_or_are_too_few_are_seen():
    """One process 30 % slower than the rest, three processes only, and runs in two groups."""
    slow = [list(process) for process in make_times(1e7)]
    slow[3] = [int(1.3 * value) for value in slow[3]]
    found = said(make_measurement({INT8: slow, FLOAT: make_times(4e7)}))
    assert "the processes of int8.onnx (onnxruntime, 1 thread, series all) differ by 3" in found
    assert "two groups" in said(
        make_measurement({INT8: [[*process[:15], *(2 * value for value in process[15:])] for process in slow]})
    )
    assert "only 3 processes" in said(make_measurement({INT8: make_times(1e7, processes=3)}))
    assert "only 1 process measured" in said(make_measurement({INT8: make_times(1e7, processes=1)}))


@pytest.mark.parametrize("processes", range(6, 10))
def test_an_odd_number_of_processes_gets_a_warning(processes):
    """Turns forward and backward cancel drift in pairs; where there is one file alone, no order could favour it."""
    times = {INT8: make_times(1e7, processes=processes, seed=1), FLOAT: make_times(4e7, processes=processes, seed=2)}
    found = said(make_measurement(times))
    assert (f"in {processes} processes, an odd number" in found) is (processes % 2 == 1)
    assert (found == "") is (processes % 2 == 0)
    assert said(make_measurement({INT8: times[INT8]})) == ""


def test_an_emulated_cpu_gets_a_warning_for_its_times_and_nothing_else():
    """Its load, frequency and spread are this machine's and mean nothing; wrong answers do."""
    wild = change_trials(make_emulated(), conditions=conditions(load=40.0, freq_khz=()))
    assert [text.partition(":")[0] for text in device_warnings(wild, Suite())] == ["the CPU is emulated"]
    wrong = replace(wild, answers=(make_answers(golden_difference=0.9),))
    assert "differs from the golden logits by 0.9, more than its tolerance of 0.2" in said(wrong)


def test_answers_that_are_no_number_are_off_tolerance():
    """A difference that is not a number is no agreement."""
    assert "golden logits" in said(make_measurement(answers=[make_answers(golden_difference=float("nan"))]))


def test_texts_versions_clocks_waits_and_retries_are_told():
    """Golden texts, two versions of a runtime, a clock set back, a wait in vain and a retry are a sentence each."""
    quiet = make_measurement()
    assert "golden texts" in report_warnings(make_report(texts=make_texts(name="golden.json")))[0]
    mixed = replace(quiet, answers=(make_answers(version="1.17.0"),))
    assert said(mixed) == "onnxruntime ran in different versions: 1.17.0, 1.23.0"
    jumped = by_trial(quiet, lambda index, trial: replace(trial, ended_s=trial.ended_s - 3600 * (index == 2)))
    assert "the clock was set during 1 trial, by up to 3600 s" in said(jumped)
    waited = replace(quiet, trials=tuple(replace(item, waited_s=60.0 * (item.order < 2)) for item in quiet.trials))
    assert said(waited) == "2 trials waited 120 s for the device to cool down, 2 of them in vain"
    assert "2 failures" in said(replace(quiet, retries=2))


def test_an_x86_cpu_without_vnni_is_no_proxy_for_a_phone():
    """AVX2 alone lets int8 sums saturate; with VNNI, or on ARM, nothing is said."""

    def on(machine, *features):
        device = make_device(hardware=make_hardware(machine=machine, features=features))
        return said(make_measurement(device=device))

    assert "no VNNI" in on("x86_64", "avx2")
    assert on("x86_64", "avx2", "avx_vnni") == ""
    assert on("aarch64", "asimd") == ""


def test_unreadable_frequency_is_said():
    """A virtual machine that hides its frequency may throttle unseen; one without trials gets no warning."""
    assert "could not be read" in said(change_trials(make_measurement(), conditions=conditions(freq_khz=())))
    assert said(make_measurement({}, answers=[])) == ""


def test_warnings_name_the_device_when_there_are_several():
    """With one device the sentence stands alone, with two each begins with a name."""
    hot = replace(make_measurement(), retries=1)
    assert report_warnings(make_report(hot))[0].startswith("1 failure")
    assert report_warnings(make_report(hot, make_emulated()))[0].startswith("Raspberry Pi 5: 1 failure")


@pytest.mark.parametrize(
    ("features", "word", "not_word"),
    [
        (("asimd", "fp"), "no asimddp", "i8mm"),
        (("asimd", "asimddp"), "sdot", "smmla"),
        (("asimd", "asimddp", "i8mm"), "smmla", "sve"),
        (("asimd", "asimddp", "i8mm", "sve", "sve2"), "sve", "sme"),
        (("asimddp", "i8mm", "smei8i32", "sme"), "sme", "sve"),
    ],
)
def test_arm_features_decide_the_sentence(features, word, not_word):
    """The sentence names the feature that int8 kernels of this CPU use, and none that it lacks."""
    sentence = what_int8_gains(hardware(features=features))
    assert word in sentence
    assert not_word not in sentence


def test_an_x86_cpu_is_never_called_a_proxy():
    """The sentence says that an x86 CPU does not stand for a phone, and without VNNI that it saturates."""
    with_vnni = what_int8_gains(hardware(machine="x86_64", features=("avx2", "avx512_vnni")))
    without = what_int8_gains(hardware(machine="x86_64", features=("avx2",)))
    assert "avx512_vnni" in with_vnni
    assert "phone" in with_vnni
    assert "saturate" in without
    assert "saturate" not in with_vnni
    assert "proxy" in what_int8_gains(hardware(machine="x86_64", features=()))


@given(st.text(max_size=10), st.lists(st.text(max_size=8)))
def test_any_machine_gets_a_sentence(machine, features):
    """There is one line for every machine, however strange."""
    sentence = what_int8_gains(hardware(machine=machine, features=tuple(features)))
    assert sentence.endswith(".")
    assert "\n" not in sentence or "\n" in machine
