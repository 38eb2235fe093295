from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from edgebert.benchmarking.render.plots import (
    COLOURS,
    MOST_MARKS,
    draw_changes,
    draw_counts,
    draw_lengths,
    draw_times,
    marks,
)
from edgebert.benchmarking.render.trace import draw_trace
from edgebert.device.device import PhoneState
from edgebert.device.protocol import Temperature, TimedSeries
from edgebert.plotting import ForestRow
from tests.support import report_values as rv

pytest.importorskip("matplotlib", reason="matplotlib draws the plots")

from matplotlib.axes import Axes

SVG = "{http://www.w3.org/2000/svg}"
FILES = (rv.INT8, rv.FLOAT, rv.INT8_TFLITE, rv.FLOAT_TFLITE)


def words(svg: str | None) -> list[str]:
    """Return the texts on a picture."""
    assert svg is not None
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")]


def by_length(measurement, times_ns: dict[int, list[int]]):
    """Return the measurement with texts of some lengths, each with its times in every trial."""
    tokens = tuple(times_ns)
    runs = tuple(ns for group in zip(*times_ns.values(), strict=True) for ns in group)
    return rv.change_trials(measurement, series=(TimedSeries(name="all", tokens=tokens, fed=tokens, run_ns=runs),))


def test_every_file_has_a_mark_of_its_own():
    """Colour tells shipped files apart, shape the formats, and a baseline is grey and hollow."""
    looks = marks(rv.make_bundle(FILES))
    assert len({(look.colour, look.shape) for look in looks.values()}) == 4
    assert {name for name, look in looks.items() if look.is_hollow} == {rv.FLOAT, rv.FLOAT_TFLITE}
    assert {look.colour for look in looks.values()} <= COLOURS.keys()


def test_every_run_is_drawn_up_to_a_limit():
    """240 runs are 240 marks; of very many an even sample, and the slowest is always among them."""

    def strokes(svg: str | None) -> int:
        assert svg is not None
        return max((element.get("d") or "").count("M") for element in ET.fromstring(svg).iter(f"{SVG}path"))

    bundle = rv.make_bundle((rv.INT8,))
    few = rv.make_measurement({rv.INT8: rv.make_times(processes=8, runs=30)})
    assert strokes(draw_times(few, bundle, "all")) == 240
    many = [list(process) for process in rv.make_times(processes=2, runs=5000)]
    many[1][17] = 900_000_000
    found = draw_times(rv.make_measurement({rv.INT8: many}), bundle, "all")
    assert MOST_MARKS * 0.95 <= strokes(found) <= MOST_MARKS
    # The axis ends beyond the slowest run.
    assert "500" in words(found)


def test_the_times_are_labelled_with_their_quantiles():
    """Each file has a line with its p50, p90 and p99 in ms, with threads only where these differ."""
    bundle = rv.make_bundle()
    one = rv.make_measurement()
    texts = words(draw_times(one, bundle, "all"))
    (label,) = [text for text in texts if text.startswith(rv.INT8)]
    assert label.startswith(f"{rv.INT8}: p50 ")
    assert 9.8 < float(label.split()[2].rstrip(",")) < 10.2
    four = rv.make_measurement(threads=4)
    both = replace(one, trials=one.trials + four.trials)
    texts = words(draw_times(both, bundle, "all"))
    assert [text.partition(":")[0] for text in texts if text.startswith(rv.INT8)] == [
        f"{rv.INT8}, 1 thread",
        f"{rv.INT8}, 4 threads",
    ]


@pytest.mark.parametrize("median_ns", [1, 3e3, 9.99e6, 10e6, 4e11])
@pytest.mark.parametrize("within", [0.0, 0.5])
def test_times_of_any_size_have_an_axis_with_plain_numbers(median_ns: float, within: float):
    """From a nanosecond to minutes, equal or spread: ticks are there and hold no power."""
    times = [[max(round(value), 1) for value in run] for run in rv.make_times(median_ns, between=0, within=within)]
    texts = words(draw_times(rv.make_measurement({rv.INT8: times}), rv.make_bundle((rv.INT8,)), "all"))
    ticks = [text for text in texts if not text.startswith((rv.INT8, "ms"))]
    assert ticks
    assert all(float(tick) >= 0 for tick in ticks)


def test_nothing_is_drawn_of_nothing():
    """Without runs of the series, lengths, scores or counts there is no picture."""
    measurement, bundle = rv.make_measurement({}), rv.make_bundle(())
    assert draw_times(measurement, bundle, "all") is None
    assert draw_times(rv.make_measurement(), rv.make_bundle(), "128") is None
    assert draw_lengths(measurement, bundle) is None
    assert draw_lengths(rv.make_measurement(), rv.make_bundle()) is None
    assert draw_changes([], change_of="x") is None
    assert draw_counts([], classes=[]) is None


def test_latency_is_drawn_for_each_length():
    """One mark for each length in tokens, at the median of the runs of its texts."""
    measurement = by_length(rv.make_measurement({rv.INT8: [[1]]}), {8: [1_000_000, 3_000_000], 16: [4_000_000] * 2})
    svg = draw_lengths(measurement, rv.make_bundle((rv.INT8,)))
    assert svg is not None
    assert sum(1 for _ in ET.fromstring(svg).iter(f"{SVG}use")) > 2
    other = by_length(rv.make_measurement({rv.INT8: [[1]]}), {8: [2_000_000, 2_000_000], 16: [4_000_000] * 2})
    assert draw_lengths(other, rv.make_bundle((rv.INT8,))) == svg


def test_latency_of_fixed_lengths_has_steps(monkeypatch: pytest.MonkeyPatch):
    """A TFLite file is level between fixed lengths, with a gap where no text was fed at one; an ONNX file is not."""
    lines = []
    real = Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda axes, *given, **named: lines.append(given) or real(axes, *given, **named))
    series = TimedSeries(name="all", tokens=(5, 9, 40), fed=(16, 16, 64), run_ns=(1_000_000, 3_000_000, 8_000_000))
    for file in (rv.INT8, rv.INT8_TFLITE):
        measurement = rv.change_trials(rv.make_measurement({file: [[1]]}), series=(series,))
        assert draw_lengths(measurement, rv.make_bundle((file,))) is not None
    onnx, _, tflite, marks_drawn = lines
    assert list(zip(*onnx[:2], strict=True)) == [(5, 1), (9, 3), (40, 8)]
    step = [point for point in zip(*tflite[:2], strict=True) if point[0] == point[0]]
    assert step == [(0, 2), (16, 2), (32, 8), (64, 8)]
    assert len(tflite[0]) == 5
    assert list(zip(*marks_drawn[:2], strict=True)) == [(5, 1), (9, 3), (40, 8)]


def test_the_counts_are_labelled_in_millions():
    """Each file has its length and its total; a class that was not named belongs to the rest."""
    texts = words(draw_counts([rv.make_count(rv.INT8, 3e8), rv.make_count(rv.FLOAT, 1e9)], classes=["sdot"]))
    assert f"{rv.INT8}, 12 tokens: 300.0" in texts
    assert f"{rv.FLOAT}, 12 tokens: 1,000.0" in texts


@pytest.mark.parametrize("name", ["$x^2_{$", "_hidden", "a\nb\x00c", "中文 <b>&amp;</b>", "n" * 500])
def test_a_name_is_never_a_formula_or_a_layout(name: str):
    """Dollar signs, control characters, foreign letters and endless names are drawn as they are, or cut off."""
    bundle = rv.make_bundle()
    files = tuple(replace(item, file=name if item.file == rv.INT8 else item.file) for item in bundle.files)
    measurement = rv.make_measurement()
    trials = tuple(replace(item, file=name if item.file == rv.INT8 else item.file) for item in measurement.trials)
    texts = words(draw_times(replace(measurement, trials=trials), replace(bundle, files=files), "all"))
    (label,) = [text.rpartition(": p50")[0] for text in texts if ": p50" in text and "float32" not in text]
    assert label == r"a\nb\x00c" if "\n" in name else label[:5] == name[:5]
    assert len(label) <= 40


def test_equal_values_are_equal_bytes():
    """Each picture is the same every time, and another one for other values."""
    bundle = rv.make_bundle()
    row = ForestRow(name=rv.INT8, text="", change=-1, low=-2, high=1, size_mb=25, baseline_mb=100)
    assert draw_changes([row], change_of="x") == draw_changes([row], change_of="x")
    assert draw_changes([replace(row, low=-1.5)], change_of="x") != draw_changes([row], change_of="x")
    assert draw_changes([replace(row, size_mb=26)], change_of="x") != draw_changes([row], change_of="x")
    assert draw_times(rv.make_measurement(), bundle, "all") == draw_times(rv.make_measurement(), bundle, "all")


def test_temperature_frequency_and_drift_are_drawn():
    """A quiet board has three panels, and cores that all run alike are one line."""
    texts = set(words(draw_trace(rv.make_measurement(), rv.make_bundle(), "all")))
    assert {"°C", "GHz", "time / median", "cpu-thermal", "all cores", "minutes of measuring"} <= texts


def test_what_the_system_does_not_tell_has_no_panel():
    """Without sensors and frequencies only the drift is left; without times nothing."""
    dumb = rv.change_trials(rv.make_measurement(), conditions=())
    texts = set(words(draw_trace(dumb, rv.make_bundle(), "all")))
    assert "time / median" in texts
    assert not {"°C", "GHz"} & texts
    assert draw_trace(rv.make_measurement({}), rv.make_bundle(), "all") is None


def test_a_single_reading_has_no_panel():
    """One temperature, or one process of each file, would be an empty plot."""
    single = rv.change_trials(rv.make_measurement(), conditions=())
    first = replace(single.trials[0], trial=replace(single.trials[0].trial, conditions=(rv.make_conditions(),)))
    texts = set(words(draw_trace(replace(single, trials=(first, *single.trials[1:])), rv.make_bundle(), "all")))
    assert "time / median" in texts
    assert not {"°C", "GHz"} & texts
    assert draw_trace(replace(single, trials=single.trials[:2]), rv.make_bundle(), "all") is None


def test_the_hottest_three_sensors_and_the_battery_are_drawn():
    """A phone with dozens of sensors shows three, and the battery read between the trials."""
    sensors = tuple(Temperature(sensor=f"zone{index}", celsius=30.0 + index) for index in range(20))
    phone = rv.change_trials(rv.make_measurement(), conditions=(rv.make_conditions(temperatures=sensors),))
    phone = replace(phone, states=tuple(PhoneState(trial=trial, battery_celsius=29.0) for trial in (0, 1, 99)))
    texts = set(words(draw_trace(phone, rv.make_bundle(), "all")))
    assert {text for text in texts if text.startswith("zone")} == {"zone17", "zone18", "zone19"}
    assert "battery" in texts


def test_a_clock_that_was_set_does_not_bend_the_axis():
    """The time of day plays no part: a trial that seems to have started years ago is drawn where it was."""
    measurement = rv.make_measurement()
    odd = rv.change_trials(measurement, started_s=1.0, ended_s=-5.0)
    assert draw_trace(odd, rv.make_bundle(), "all") == draw_trace(measurement, rv.make_bundle(), "all")


def test_a_slow_process_stands_out():
    """A process twice as slow as the others is another picture: the drift panel reaches to 2."""
    quiet = {rv.INT8: [[1_000_000] * 5] * 8}
    drift = {rv.INT8: [[1_000_000] * 5] * 7 + [[2_000_000] * 5]}
    bundle = rv.make_bundle((rv.INT8,))
    assert "2.0" in words(draw_trace(rv.change_trials(rv.make_measurement(drift), conditions=()), bundle, "all"))
    assert "2.0" not in words(draw_trace(rv.change_trials(rv.make_measurement(quiet), conditions=()), bundle, "all"))
