from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgebert.benchmarking.analysis.rows import (
    agreement_of,
    by_request,
    count_rows,
    energy_rows,
    rows,
    sections,
    warnings_of,
)
from edgebert.benchmarking.analysis.scores import cross_device_agreement, score_rows
from edgebert.errors import UsageError
from tests.support.report_values import (
    FLOAT,
    FLOAT_TFLITE,
    INT8,
    INT8_TFLITE,
    change_trials,
    make_answers,
    make_conditions,
    make_count,
    make_emulated,
    make_files,
    make_measurement,
    make_phone,
    make_predictions,
    make_report,
    make_texts,
    make_times,
)


def test_a_row_holds_what_was_measured_and_how_much_faster_that_is():
    """The int8 file at 10 ms beside float at 40 ms: times, throughput, a ratio of 4, and the verdict."""
    shipped, baseline = rows(make_report())
    assert (shipped.file, shipped.role, shipped.baseline) == (INT8, "shipped", FLOAT)
    assert shipped.p50_ns.value == pytest.approx(1e7, rel=0.01)
    assert shipped.per_second == pytest.approx(1e9 / shipped.p50_ns.value)
    assert shipped.ratio is not None
    assert shipped.ratio.value == pytest.approx(baseline.p50_ns.value / shipped.p50_ns.value, rel=1e-9)
    assert shipped.ratio.value == pytest.approx(4, rel=0.02)
    assert shipped.verdict == "faster"
    assert (shipped.processes, shipped.runs, shipped.mean_tokens) == (8, 240, 12)
    assert (shipped.load_ns, shipped.first_ns, shipped.import_ns) == (2e8, 1.2e7, 1e8)
    assert (shipped.peak_rss_bytes, shipped.tokenizer_ns, shipped.size_bytes) == (9e7, 55_000, 25_000_000)
    assert (baseline.role, baseline.baseline, baseline.ratio, baseline.verdict) == ("baseline", None, None, None)


def test_an_emulated_device_never_has_a_row_of_times():
    """Its trials hold times like those of any other device, and none of them is shown."""
    assert make_emulated().trials
    assert rows(make_report(make_emulated())) == ()
    both = rows(make_report(make_emulated(), make_measurement()))
    assert {row.device for row in both} == {"Raspberry Pi 5"}


def test_formats_are_compared_with_the_float_file_of_their_own():
    """A TFLite file is never divided by an ONNX one."""
    times = {
        INT8: make_times(10e6),
        FLOAT: make_times(40e6),
        INT8_TFLITE: make_times(12e6),
        FLOAT_TFLITE: make_times(36e6),
    }
    found = {row.file: row for row in rows(make_report(make_measurement(times)))}
    assert found[INT8].ratio is not None
    assert found[INT8_TFLITE].ratio is not None
    assert found[INT8].ratio.value == pytest.approx(4, rel=1e-6)
    assert (found[INT8_TFLITE].baseline, found[INT8_TFLITE].ratio.value) == (FLOAT_TFLITE, pytest.approx(3, rel=1e-6))


def test_only_rounds_that_both_sides_have_are_paired():
    """A drifting device whose last float trials are missing: rounds are matched by number, and the ratio stays 4."""
    slowing = np.linspace(1, 3, 8)[:, None]
    fast = (np.array(make_times(10e6)) * slowing).astype(int).tolist()
    slow = (np.array(make_times(40e6)) * slowing).astype(int).tolist()
    measurement = make_measurement({INT8: fast, FLOAT: slow})
    kept = tuple(done for done in measurement.trials if done.file == INT8 or done.round in {0, 2, 3, 4})
    shipped, _ = rows(make_report(replace(measurement, trials=kept)))
    assert shipped.processes == 8
    assert shipped.ratio is not None
    assert shipped.ratio.value == pytest.approx(4, rel=0.001)


def test_threads_and_series_have_rows_of_their_own():
    """Trials with other threads, and other series of one trial, are never mixed."""
    one, two = make_measurement(), make_measurement({INT8: make_times(6e6), FLOAT: make_times(24e6)}, threads=2)
    merged = replace(one, trials=one.trials + two.trials)
    both = rows(make_report(merged))
    assert [(row.file, row.threads) for row in both] == [(INT8, 1), (INT8, 2), (FLOAT, 1), (FLOAT, 2)]
    assert both[1].p50_ns.value == pytest.approx(6e6, rel=0.01)
    other = make_measurement(series="32")
    found = rows(make_report(replace(other, trials=one.trials[:8] + other.trials[8:])))
    assert [(row.file, row.series, row.processes) for row in found[:2]] == [(INT8, "all", 4), (INT8, "32", 4)]


def test_a_missing_baseline_leaves_times_without_a_ratio():
    """Without float trials nothing is said about a speed-up, and what the device did not tell stays unknown."""
    measurement = make_measurement({INT8: make_times(10e6)})
    measurement = change_trials(measurement, peak_rss_bytes=None, tokenized=None, first_ns=None)
    (row,) = rows(make_report(measurement))
    assert (row.baseline, row.ratio, row.verdict) == (None, None, None)
    assert (row.peak_rss_bytes, row.tokenizer_ns, row.first_ns) == (None, None, None)


def scored(*, labels=True, predicted=None):
    expected, float_says, file_says = make_predictions(both=180, only_float=6, only_file=2, neither=12)
    answers = [make_answers(INT8, file_says if predicted is None else predicted), make_answers(FLOAT, float_says)]
    return make_report(make_measurement(answers=answers), labels=expected if labels else ())


def test_scores_are_paired_with_float_on_the_same_device():
    """Accuracy, difference and agreement are those of the counts they were made of."""
    shipped, baseline = score_rows(scored())
    assert shipped.score is not None
    assert shipped.score.value == pytest.approx(182 / 200)
    assert shipped.score.difference == pytest.approx(-4 / 200)
    assert (shipped.baseline, shipped.examples) == (FLOAT, 200)
    assert shipped.agreement is not None
    assert shipped.agreement.value == pytest.approx(192 / 200)
    assert baseline.score is not None
    assert (baseline.score.value, baseline.score.difference, baseline.agreement) == (186 / 200, None, None)


def test_without_labels_there_is_agreement_alone():
    """Texts without labels have no accuracy; without an accuracy run the golden texts are all there is."""
    shipped, _ = score_rows(scored(labels=False))
    assert shipped.score is None
    assert shipped.agreement is not None
    assert shipped.agreement.value == pytest.approx(0.96)
    shipped, _ = score_rows(make_report())
    assert (shipped.examples, shipped.score, shipped.agreement) == (0, None, None)
    assert (shipped.golden_difference, shipped.golden_tolerance) == (0.01, 0.2)


def test_answers_that_do_not_fit_the_labels_are_refused():
    """A report with 3 answers beside 200 of float, or to 2 labelled texts, names device, file and numbers."""
    place = r"Raspberry Pi 5: int8\.onnx answered 3 texts, but there are"
    with pytest.raises(UsageError, match=rf"{place} 200 answers of baseline/float32\.onnx"):
        score_rows(scored(predicted=(0, 1, 0)))
    answers = make_answers(INT8, (0, 1, 0), tallies=((0, 0), (1, 1)))
    with pytest.raises(UsageError, match=f"{place} 2 tallies"):
        score_rows(replace(make_report(), measurements=(make_measurement(answers=[answers]),)))


def test_devices_are_compared_with_each_other():
    """One flip among 200 answers on two devices is an agreement of 0.995; other runtimes do not mix."""
    first = scored().measurements[0]
    answers = first.answers[0]
    flipped = replace(answers, answers=((1 - answers.answers[0][0],), *answers.answers[1:]))
    second = make_emulated(answers=[flipped, replace(first.answers[1], runtime="other")])
    found = cross_device_agreement(make_report(first, second))
    assert [(item.file, item.first, item.second) for item in found] == [(INT8, "Raspberry Pi 5", "emulator:cortex-a76")]
    assert found[0].agreement == pytest.approx(0.995)


def test_instructions_stand_beside_those_of_float():
    """300 million against 1,000 million instructions are a share of 0.3; a count without float has none."""
    shipped, baseline = count_rows(make_report(make_emulated()))
    assert shipped.share_of_float == pytest.approx(0.3)
    assert baseline.share_of_float is None
    (alone,) = count_rows(make_report(make_emulated(make_count(INT8))))
    assert alone.share_of_float is None


def test_energy_is_told_where_it_was_counted():
    """A counter that rises by 3.3 J over 33 inferences is 100 mJ each; one that turned over, or none, gives no row."""

    def measured(before: int, after: int):
        ends = (
            make_conditions("before", energy_uj=(("package-0", before),)),
            make_conditions("after", 1, energy_uj=(("package-0", after),)),
        )
        return make_report(change_trials(make_measurement(), conditions=ends))

    first, second = energy_rows(measured(1_000_000, 4_300_000))
    assert (first.file, second.file, first.counter) == (INT8, FLOAT, "package-0")
    assert first.millijoules.value == pytest.approx(100)
    assert energy_rows(measured(4_300_000, 1_000_000)) == ()
    assert energy_rows(make_report()) == ()


def test_a_file_that_the_bundle_does_not_hold_has_no_row():
    """Trials of unknown files are left out instead of being shown without size and role."""
    report = make_report()
    assert rows(replace(report, bundle=replace(report.bundle, files=()))) == ()
    assert score_rows(replace(report, bundle=replace(report.bundle, files=()))) == ()


def test_each_device_is_a_section_and_equal_ones_are_one():
    """Two devices in one report or one in each of two give the same sections; a report given twice counts once."""
    one, two = make_measurement(), make_measurement(device=make_phone())
    together, apart = sections([make_report(one, two)]), sections([make_report(one), make_report(two)])
    assert together == apart
    assert [section.measurement.device.name for section in together] == ["Raspberry Pi 5", "Pixel 8"]
    assert sections([make_report(one), make_report(one)]) == together[:1]


def test_devices_of_one_name_are_not_mixed_up():
    """Two phones of one model each have their own times."""
    slow = make_measurement({INT8: make_times(5e7)})
    fast = make_measurement({INT8: make_times(1e7)})
    first, second = sections([make_report(slow, fast)])
    assert len(first.rows) == len(second.rows) == 1
    assert first.rows[0].p50_ns.value > 4 * second.rows[0].p50_ns.value


def test_a_file_that_the_bundle_lacks_is_left_out():
    """Trials, answers and counts of an unknown file give no rows, and no error."""
    report = make_report(make_measurement(), make_emulated())
    bundle = replace(report.bundle, files=make_files(FLOAT))
    for section in sections([replace(report, bundle=bundle)]):
        named = {item.file for item in (*section.rows, *section.scores, *section.counts, *section.measurement.trials)}
        assert named == {FLOAT}


def test_the_main_series_is_the_mix():
    """``all`` where it was timed, else the first series, else none."""
    assert sections([make_report()])[0].main_series == "all"
    assert sections([make_report(make_measurement(series="64"))])[0].main_series == "64"
    assert sections([make_report(make_emulated())])[0].main_series == ""


def test_only_devices_of_one_request_are_compared():
    """Labels agree among devices with the same bundle, texts and suite; other texts make another group."""
    answers = [make_answers(INT8, (0, 1, 1, 0))]
    one = make_measurement(answers=answers)
    two = make_measurement(device=make_phone(), answers=[make_answers(INT8, (0, 1, 1, 1))])
    (group,) = by_request(sections([make_report(one), make_report(two)]))
    (agreed,) = agreement_of(group)
    assert (agreed.examples, agreed.agreement) == (4, 0.75)
    groups = by_request(sections([make_report(one), make_report(two, texts=make_texts(name="b.tsv"))]))
    assert [agreement_of(group) for group in groups] == [(), ()]


def test_warnings_about_the_texts_belong_to_the_request():
    """That the golden texts were run is said once for all devices."""
    report = make_report(make_measurement(), make_emulated(), texts=make_texts(name="golden.json"))
    found = sections([report])
    assert len(warnings_of(found)) == 1
    assert "golden" in warnings_of(found)[0]
    assert not [text for section in found for text in section.warnings if "golden texts, not yours" in text]
