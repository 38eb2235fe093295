from __future__ import annotations

from dataclasses import replace

import pytest

from edgebert.bench.analysis.rows import sections
from edgebert.bench.render.figures import figures
from tests.bench.pages import parsed
from tests.support import report_values as rv

pytest.importorskip("matplotlib", reason="matplotlib draws the plots")


def test_each_plot_says_what_it_shows_and_how_to_read_it():
    """A caption with a title, a name with the numbers, and a legend of the files."""
    (section,) = sections([rv.make_report()])
    page = parsed(figures(section, prefix="d1"))
    titles = [item.text for item in page.all("strong")]
    assert titles == ["Latency distribution", "The device during the run"]
    assert page.all("svg")[0].attributes["aria-label"].startswith("Raw times on Raspberry Pi 5; medians: int8.onnx ")
    assert [item.text for item in page.all("li")] == ["● int8.onnx", "○ baseline/float32.onnx"]


def test_the_largest_classes_of_instructions_are_named():
    """Four classes have colours of their own, the rest is one."""
    classes = (*((f"class{index}", 1e8 * (9 - index)) for index in range(6)), ("other", 9e9))
    measurement = rv.make_emulated(rv.make_count(classes=classes), rv.make_count(rv.FLOAT, classes=classes))
    (section,) = sections([rv.make_report(measurement)])
    page = parsed(figures(section, prefix="d1"))
    assert [item.text for item in page.all("li")] == ["■ class0", "■ class1", "■ class2", "■ class3", "■ other"]


def test_nothing_measured_is_no_plot():
    """A device without trials, scores and counts has no empty frame."""
    (section,) = sections([rv.make_report(rv.make_measurement({}, answers=()))])
    assert figures(section, prefix="d1") == ""


def test_counts_of_one_length_are_drawn_together():
    """Of several series the first is drawn: bars of different lengths of text do not compare."""
    counts = (rv.make_count(), rv.make_count(rv.FLOAT), replace(rv.make_count(), series="64", tokens=64))
    (section,) = sections([rv.make_report(rv.make_emulated(*counts))])
    page = parsed(figures(section, prefix="d1"))
    assert [item.text for item in page.all("text") if "tokens:" in item.text] == [
        "int8.onnx, 12 tokens: 1,000.0",
        "baseline/float32.onnx, 12 tokens: 1,000.0",
    ]
