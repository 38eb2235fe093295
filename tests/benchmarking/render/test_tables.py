from __future__ import annotations

from dataclasses import replace

import pytest

from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.analysis.scores import CrossAgreement
from edgebert.benchmarking.render.tables import agreement_sheet, condition_sheet, sheet, sheets, summary_sheet
from edgebert.device.protocol import Cooling, Temperature
from tests.support import report_values as rv


def found(report) -> dict[str, list[dict[str, str]]]:
    """Return the tables of the only device: rows by column, under the first word of the title."""
    (section,) = sections([report])
    return {
        made.title.partition(":")[0].split()[0]: [dict(zip(made.columns, row, strict=True)) for row in made.rows]
        for made in sheets(section)
        if not made.is_detail
    }


def test_the_shipped_file_stands_beside_its_float_baseline():
    """Ratio with its interval and a verdict for what ships, neither for the baseline."""
    int8, baseline = found(rv.make_report())["Times"]
    value, _, rest = int8["speed-up"].partition(" x (")
    low, high = rest.rstrip(")").split(" to ")
    assert 3.9 < float(low) < float(value) < float(high) < 4.1
    assert (int8["file"], int8["verdict"]) == (rv.INT8, "faster")
    assert (baseline["verdict"], baseline["speed-up"]) == ("baseline", "-")
    assert float(int8["p50 ms"].split()[0]) == pytest.approx(10, rel=0.02)


def test_the_summary_has_the_answer_of_each_shipped_file():
    """Size, time, speed-up, verdict and change of the metric; the device where there are several."""
    labels, float_answers, int8_answers = rv.make_predictions(both=170, only_float=8, only_file=4, neither=18)
    answers = [rv.make_answers(rv.INT8, int8_answers), rv.make_answers(rv.FLOAT, float_answers)]
    board = rv.make_measurement(answers=answers)
    made = summary_sheet(sections([rv.make_report(board, labels=labels)]))
    assert made.columns == ("file", "MB", "p50 ms", "speed-up", "verdict", "accuracy change")
    ((file, _, p50, speed, verdict, change),) = made.rows
    assert (file, verdict) == (rv.INT8, "faster")
    assert float(p50) == pytest.approx(10, rel=0.02)
    assert speed.startswith("4.0")
    assert change.startswith("-2.00 (-")
    both = summary_sheet(sections([rv.make_report(board, rv.make_emulated(answers=answers), labels=labels)]))
    assert both.columns[0] == "device"
    assert [row[1] for row in both.rows] == [rv.INT8, rv.INT8]
    assert both.rows[1][3:6] == ("-", "-", "-")
    assert both.rows[1][6] == change


def test_a_summary_of_several_threads_names_them():
    """A row for each thread count; each has the change that was scored once."""
    one, four = rv.make_measurement(), rv.make_measurement(threads=4)
    made = summary_sheet(sections([rv.make_report(replace(one, trials=one.trials + four.trials))]))
    assert [row[0] for row in made.rows] == [f"{rv.INT8}, 1 thread", f"{rv.INT8}, 4 threads"]


def test_a_file_without_its_baseline_says_so():
    """There is no ratio to show, and no column for it."""
    (row,) = found(rv.make_report(rv.make_measurement({rv.INT8: rv.make_times()})))["Times"]
    assert row["verdict"] == "no FP32 file to compare with"
    assert not [name for name in row if name == "speed-up"]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_too_few_processes_have_no_interval(processes):
    """The spread among processes is unknown from fewer than three, and the table says so in its place."""
    times = {rv.INT8: rv.make_times(processes=processes), rv.FLOAT: rv.make_times(4e7, processes=processes)}
    int8, _ = found(rv.make_report(rv.make_measurement(times)))["Times"]
    assert int8["p50 ms"].endswith("(too few processes)") is (processes < 3)
    assert (" to " in int8["p50 ms"]) is (processes >= 3)
    assert int8["verdict"] == ("too noisy" if processes < 3 else "faster")


def test_columns_without_a_value_are_left_out():
    """A table shows no column of dashes, but always the names of its rows."""
    made = sheet("title", [{"file": "-", "a": "-", "b": "1"}, {"file": "-", "a": "-", "b": "-"}])
    assert made.columns == ("file", "b")
    assert made.rows == (("-", "1"), ("-", "-"))
    without = rv.change_trials(rv.make_measurement(), tokenized=None, peak_rss_bytes=None)
    (row, _) = found(rv.make_report(without))["Size,"]
    assert {"tokenizer ms", "peak RSS MB"} & row.keys() == set()


def test_files_are_told_apart_by_what_differs():
    """Threads are part of the name only where they differ, and so are runtimes."""
    one, four = rv.make_measurement(), rv.make_measurement(threads=4)
    names = [row["file"] for row in found(rv.make_report(replace(one, trials=one.trials + four.trials)))["Times"]]
    assert names == [f"{file}, {threads}" for file in (rv.INT8, rv.FLOAT) for threads in ("1 thread", "4 threads")]
    other = rv.change_trials(one, runtime="tflite-runtime")
    names = [row["file"] for row in found(rv.make_report(replace(one, trials=one.trials + other.trials)))["Times"]]
    assert names == [f"{file}, {name}" for file in (rv.INT8, rv.FLOAT) for name in ("onnxruntime", "tflite-runtime")]


def test_golden_logits_beyond_their_tolerance_are_shouted():
    """A file that computes something else on a device is marked in its row."""
    answers = [rv.make_answers(rv.INT8, golden_difference=0.5), rv.make_answers(rv.FLOAT)]
    int8, baseline = found(rv.make_report(rv.make_measurement(answers=answers)))["Accuracy"]
    assert int8["parity"] == "0.5 of 0.2: BEYOND"
    assert baseline["parity"] == "0.01 of 0.2"


def test_the_change_of_accuracy_has_a_sign_and_an_interval():
    """The paired difference in points, and the share of texts with float's label."""
    labels, float_answers, int8_answers = rv.make_predictions(both=170, only_float=8, only_file=4, neither=18)
    answers = [rv.make_answers(rv.INT8, int8_answers), rv.make_answers(rv.FLOAT, float_answers)]
    report = rv.make_report(rv.make_measurement(answers=answers), labels=labels)
    int8, baseline = found(report)["Accuracy"]
    assert int8["accuracy %"].startswith("87.00 (")
    assert int8["change"].startswith("-2.00 (-")
    assert int8["agreement %"].startswith("94.00 (")
    assert baseline["accuracy %"].startswith("89.00 (")
    assert baseline["change"] == "-"


def test_other_series_stand_in_a_detail():
    """The mix of the user's texts is the main table; classes of length have one of their own, by their name."""
    mixed, short = rv.make_measurement(), rv.make_measurement(series="16")
    report = rv.make_report(replace(mixed, trials=mixed.trials + rv.change_trials(short, threads=2).trials))
    (section,) = sections([report])
    main, detail = (made for made in sheets(section) if made.title.startswith("Times"))
    assert (main.title, main.is_detail) == (
        "Times: all texts, 12.0 tokens on average; 95 % intervals in brackets",
        False,
    )
    assert (detail.title, detail.is_detail) == ("Times by length; 95 % intervals in brackets", True)
    assert {row[1] for row in detail.rows} == {"up to 16"}


def test_devices_are_compared_by_their_labels_alone():
    """Each pair of devices is a row, each file a column; a file that one of them lacks has no cell."""
    pair = {"first": "a", "second": "b", "examples": 200}
    made = agreement_sheet(
        [
            CrossAgreement(file=rv.INT8, runtime="onnxruntime", agreement=0.995, **pair),
            CrossAgreement(file=rv.INT8_TFLITE, runtime="litert", agreement=1.0, **(pair | {"second": "c"})),
        ]
    )
    assert made.columns == ("devices", f"{rv.INT8}, onnxruntime", f"{rv.INT8_TFLITE}, litert")
    assert made.rows == (("a and b", "99.50 % of 200", "-"), ("a and c", "-", "100.00 % of 200"))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-", "2.5"], True),
        (["+1.20 (-0.10 to +0.30)", "-"], True),
        (["99.00 % (97 to 99)"], True),
        (["3.20 x (3.10 to 3.30)"], True),
        (["1,234"], True),
        (["faster"], False),
        (["2x4"], False),
        (["<b>"], False),
    ],
)
def test_numbers_stand_on_the_right(cells: list[str], expected: bool):
    """A column is numeric when each of its cells is a number, with a unit or an interval behind it, or empty."""
    made = sheet("title", [{"file": "1", "a": cell, "b": "x"} for cell in cells])
    assert made.right == ({1} if expected else set())


def first(measurement) -> dict[str, str]:
    """Return the row of the first process by column."""
    made = condition_sheet(measurement)
    return dict(zip(made.columns, made.rows[0], strict=True))


def test_each_process_has_a_row_from_lowest_to_highest():
    """The range of frequencies, the hottest sensor at each moment, and what changed."""
    conditions = (
        rv.make_conditions(throttle_count=2, temperatures=(Temperature(sensor="a", celsius=40.0),), battery_percent=80),
        rv.make_conditions(
            "after",
            5,
            throttle_count=5,
            freq_khz=(1_200_000, 2_400_000),
            temperatures=(Temperature(sensor="a", celsius=41.0), Temperature(sensor="b", celsius=60.5)),
            cooling=(Cooling(name="cpufreq", state=2, highest=9), Cooling(name="fan", state=0, highest=3)),
            battery_status="Charging",
            battery_percent=79,
        ),
    )
    measurement = rv.change_trials(rv.make_measurement(), conditions=conditions)
    row = first(measurement)
    assert len(condition_sheet(measurement).rows) == 16
    assert row["GHz"] == "1.20 to 2.40"
    assert row["°C, hottest"] == "40.0 to 60.5"
    assert row["throttled"] == "3"
    assert row["cooling"] == "cpufreq 2/9"
    assert row["battery"] == "80 %, 79 %, Charging"


def test_what_was_not_read_has_no_column():
    """A device that tells nothing leaves the process, its file and its duration."""
    made = condition_sheet(rv.change_trials(rv.make_measurement(), conditions=()))
    assert made.columns == ("process", "file", "threads", "waited s", "took s")
    assert made.is_detail


def test_an_emulator_has_no_conditions():
    """The machine that emulates is not the device."""
    assert condition_sheet(rv.make_emulated()).rows == ()
