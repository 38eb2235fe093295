from __future__ import annotations

from dataclasses import replace

from edgebert.bench.analysis.sections import agreement_of, by_request, sections, warnings_of
from tests.support import report_values as rv


def test_each_device_is_a_section_and_equal_ones_are_one():
    """Two devices in one report or one in each of two give the same sections; a report given twice counts once."""
    one, two = rv.make_measurement(), rv.make_measurement(device=rv.make_phone())
    together, apart = sections([rv.make_report(one, two)]), sections([rv.make_report(one), rv.make_report(two)])
    assert together == apart
    assert [section.measurement.device.name for section in together] == ["Raspberry Pi 5", "Pixel 8"]
    assert sections([rv.make_report(one), rv.make_report(one)]) == together[:1]


def test_devices_of_one_name_are_not_mixed_up():
    """Two phones of one model each have their own times."""
    slow = rv.make_measurement({rv.INT8: rv.make_times(5e7)})
    fast = rv.make_measurement({rv.INT8: rv.make_times(1e7)})
    first, second = sections([rv.make_report(slow, fast)])
    assert len(first.rows) == len(second.rows) == 1
    assert first.rows[0].p50_ns.value > 4 * second.rows[0].p50_ns.value


def test_a_file_that_the_bundle_lacks_is_left_out():
    """Trials, answers and counts of an unknown file give no rows, and no error."""
    report = rv.make_report(rv.make_measurement(), rv.make_emulated())
    bundle = replace(report.bundle, files=rv.make_files(rv.FLOAT))
    for section in sections([replace(report, bundle=bundle)]):
        named = {item.file for item in (*section.rows, *section.scores, *section.counts, *section.measurement.trials)}
        assert named == {rv.FLOAT}


def test_the_main_series_is_the_mix():
    """``all`` where it was timed, else the first series, else none."""
    assert sections([rv.make_report()])[0].main_series == "all"
    assert sections([rv.make_report(rv.make_measurement(series="64"))])[0].main_series == "64"
    assert sections([rv.make_report(rv.make_emulated())])[0].main_series == ""


def test_only_devices_of_one_request_are_compared():
    """Labels agree among devices with the same bundle, texts and suite; other texts make another group."""
    answers = [rv.make_answers(rv.INT8, (0, 1, 1, 0))]
    one = rv.make_measurement(answers=answers)
    two = rv.make_measurement(device=rv.make_phone(), answers=[rv.make_answers(rv.INT8, (0, 1, 1, 1))])
    (group,) = by_request(sections([rv.make_report(one), rv.make_report(two)]))
    (agreed,) = agreement_of(group)
    assert (agreed.examples, agreed.agreement) == (4, 0.75)
    groups = by_request(sections([rv.make_report(one), rv.make_report(two, texts=rv.make_texts(name="b.tsv"))]))
    assert [agreement_of(group) for group in groups] == [(), ()]


def test_warnings_about_the_texts_belong_to_the_request():
    """That the golden texts were run is said once for all devices."""
    report = rv.make_report(rv.make_measurement(), rv.make_emulated(), texts=rv.make_texts(name="golden.json"))
    found = sections([report])
    assert len(warnings_of(found)) == 1
    assert "golden" in warnings_of(found)[0]
    assert not [text for section in found for text in section.warnings if "golden texts, not yours" in text]
