from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.render.html import GENERATOR, environment, page_text
from edgebert.benchmarking.render.tables import sheet
from edgebert.device.device import PhoneState
from edgebert.errors import MissingExtraError
from edgebert.printable import printable
from tests.support import report_values as rv
from tests.support.pages import Page, parsed
from tests.web.chromium import Chromium

pytest.importorskip("jinja2", reason="jinja2 fills the page")
pytest.importorskip("matplotlib", reason="matplotlib draws the plots")

LABELS, FLOAT_ANSWERS, INT8_ANSWERS = rv.make_predictions(both=170, only_float=8, only_file=4, neither=18)
TEXT = environment().from_string('<p title="{{ text }}">{{ text }}</p>')
EVIL = "<script>alert(1)</script>\"'&$x^{"


def scored(measurement):
    """Return the measurement with the answers of an accuracy run."""
    answers = (rv.make_answers(rv.INT8, INT8_ANSWERS), rv.make_answers(rv.FLOAT, FLOAT_ANSWERS))
    return replace(measurement, answers=answers)


@pytest.fixture(scope="module")
def report():
    """Return a report of a board, a phone and an emulator."""
    board = scored(rv.make_measurement())
    phone = scored(rv.make_measurement(device=rv.make_phone(), states=(PhoneState(trial=0, battery_celsius=30.0),)))
    return rv.make_report(board, phone, scored(rv.make_emulated()), labels=LABELS)


@pytest.fixture(scope="module")
def page(report) -> Page:
    """Return the page of that report, whose tags balance."""
    return parsed(page_text([report]))


def section_of(text: str, name: str) -> str:
    """Return the HTML of one device."""
    start = text.index(f'<section aria-labelledby="{name}"')
    return text[start : text.index("</section>", start)]


def legend(page: Page) -> list[str]:
    """Return the entries of the legends of a page."""
    return [item.text for item in page.all("li") if "figure" in item.inside]


def test_the_page_is_made_of_balanced_elements_with_unique_ids(page: Page):
    """Tags balance, every id stands once, and every link of page, pictures and labels has a target."""
    ids = Counter(element.attributes["id"] for element in page.elements if "id" in element.attributes)
    assert set(ids.values()) == {1}
    targets = [item.attributes["href"] for item in page.elements if "href" in item.attributes]
    targets += [
        f"#{item.attributes['aria-labelledby']}" for item in page.elements if "aria-labelledby" in item.attributes
    ]
    targets += re.findall(
        r"url\((#[^)]+)\)", " ".join(value for item in page.elements for value in item.attributes.values())
    )
    assert targets
    assert {target[1:] for target in targets} <= ids.keys()
    assert len(page.all("h1")) == 1


def test_the_page_loads_nothing_and_runs_nothing(report, page: Page):
    """No address, no script, no handler of events, no imported style: and its own policy forbids them."""
    text = page_text([report])
    assert not re.search(r"https?:|//\w|@import|javascript:|data:", text)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {item.tag for item in page.elements}
    assert not [name for item in page.elements for name in item.attributes if name.startswith("on") or name == "src"]
    (policy,) = [item for item in page.all("meta") if item.attributes.get("http-equiv")]
    assert policy.attributes["content"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert GENERATOR in text[:1000]


def test_every_picture_and_every_table_has_a_name(page: Page):
    """Pictures say what they show, tables have a caption, header cells a scope, and no two tables sound alike."""
    pictures = page.all("svg")
    assert len(pictures) >= 8
    assert all(item.attributes["role"] == "img" and item.attributes["aria-label"] for item in pictures)
    assert len({item.attributes["aria-label"] for item in pictures}) == len(pictures) - 2  # changes, alike on 3 devices
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.attributes["scope"] in {"col", "row"} for cell in page.all("th"))
    names = [item.attributes["aria-label"] for item in page.elements if item.attributes.get("role") == "region"]
    assert len(names) == len(set(names)) == len(page.all("table"))


def test_equal_reports_are_equal_bytes(report):
    """The same report gives the same page, given twice at once too; another time in it gives another page."""
    text = page_text([report])
    assert page_text([dataclasses.replace(report)]) == text
    assert page_text([report, report]) == text
    assert page_text([replace(report, created="2026-11-22")]) != text


def test_an_emulated_device_has_no_times(report):
    """Neither table nor plot of times, no load, no memory, no temperature: counts, accuracy, and why."""
    text = page_text([report])
    emulated, board = section_of(text, "device-3"), section_of(text, "device-1")
    for words in (
        "p50",
        " ms",
        "speed-up",
        "Conditions of every process",
        "Latency",
        "during the run",
        "peak RSS",
    ):
        assert words in board
        assert words not in emulated
    assert "This CPU is emulated. No times are shown" in emulated
    assert "Instructions of one inference" in emulated
    assert "Accuracy and agreement with FP32" in emulated


def test_no_number_compares_two_devices():
    """A device's section is the same whether it stands alone or beside a device ten times as fast."""
    slow = rv.make_measurement(device=rv.make_device("slow"))
    fast = rv.make_measurement(
        {rv.INT8: rv.make_times(1e6, seed=3), rv.FLOAT: rv.make_times(2e6, seed=4)}, device=rv.make_device("fast")
    )
    together, alone = page_text([rv.make_report(slow, fast)]), page_text([rv.make_report(slow)])
    apart = page_text([rv.make_report(slow), rv.make_report(fast)])
    assert section_of(together, "device-1") == section_of(alone, "device-1")
    assert apart == together


def test_reports_of_other_texts_stand_under_heads_of_their_own():
    """What differs in bundle, texts or suite is told apart, and not compared."""
    first = rv.make_report(scored(rv.make_measurement()), labels=LABELS)
    other = replace(first, texts=replace(first.texts, name="other.tsv"))
    page = parsed(page_text([first, other]))
    assert [item.text for item in page.all("h2")].count("What was measured") == 2
    assert not [item for item in page.all("caption") if item.text.startswith("Agreement among")]


def test_names_are_texts_whatever_they_hold(report):
    """A device, file, text file, sensor, label or note called <script> stays a text: no element comes from it."""
    measurement = report.measurements[0]
    conditions = rv.make_conditions(
        governor=(EVIL,), temperatures=tuple(replace(item, sensor=EVIL) for item in rv.make_conditions().temperatures)
    )
    measurement = rv.change_trials(measurement, conditions=(conditions,), runtime=EVIL, version=EVIL)
    hardware = rv.make_hardware(
        model=EVIL, system=EVIL, machine=EVIL, features=(EVIL,), absent=((EVIL, EVIL),), python=EVIL
    )
    evil = rv.make_report(
        replace(measurement, device=rv.make_device(EVIL, hardware=hardware, worker=EVIL), notes=(EVIL,)),
        rv.make_emulated(rv.make_count(classes=((EVIL, 1e9),)), cpu=EVIL),
        replace(measurement, device=replace(rv.make_phone(EVIL), android=replace(rv.make_phone().android, soc=EVIL))),
        texts=rv.make_texts(name=EVIL, sha256=EVIL),
        labels=LABELS,
        edgebert=EVIL,
        created=EVIL,
    )
    files = tuple(replace(item, file=EVIL if item.file == rv.INT8 else item.file) for item in evil.bundle.files)
    bundle = replace(evil.bundle, files=files, name=EVIL, checkpoint=EVIL, recipe=EVIL, labels=(EVIL, EVIL))
    measurements = tuple(
        replace(
            item,
            trials=tuple(replace(done, file=EVIL if done.file == rv.INT8 else done.file) for done in item.trials),
            answers=tuple(replace(done, file=EVIL if done.file == rv.INT8 else done.file) for done in item.answers),
            counts=tuple(replace(done, file=EVIL) for done in item.counts),
        )
        for item in evil.measurements
    )
    text = page_text([replace(evil, bundle=bundle, measurements=measurements)])
    page = parsed(text)
    known = {item.tag for item in parsed(page_text([report])).elements}
    assert {item.tag for item in page.elements} <= known
    assert "<script" not in text.lower()
    assert page.all("h2")[2].text == EVIL
    assert not [name for item in page.elements for name in item.attributes if name.startswith("on")]


def test_warnings_and_what_is_missing_are_said(report):
    """Warnings are with the results, before all detail; what was not measured is listed."""
    quiet = page_text([rv.make_report()])
    assert "No warnings" in quiet
    assert "Accuracy and agreement: not asked for" in quiet
    hot = rv.make_report(rv.make_measurement(retries=3, notes=("tflite-runtime is not installed there",)))
    text = page_text([hot])
    assert "tflite-runtime is not installed there" in text
    assert "3 transient failures tried again" in text
    slow = rv.make_report(
        rv.change_trials(rv.make_measurement(), conditions=(rv.make_conditions(governor=("powersave",)),))
    )
    assert '<div class="warnings"><h4>Warnings</h4><ul><li>' in section_of(page_text([slow]), "results")


def test_a_report_of_a_run_that_failed_has_a_page():
    """No trials, no answers, no counts: a page that says that nothing was measured."""
    text = page_text([rv.make_report(rv.make_measurement({}, answers=()))])
    assert "Nothing was measured." in text
    assert "<svg" not in text
    assert "<figure" not in text
    parsed(text)


def test_five_devices_stay_below_a_megabyte():
    """Five devices of four files at two thread counts, 30 runs in each of 8 processes."""
    files = (rv.INT8, rv.FLOAT, rv.INT8_TFLITE, rv.FLOAT_TFLITE)

    def device(name: str):
        times = {file: rv.make_times(1e7, seed=index, within=0.2) for index, file in enumerate(files)}
        one, two = (rv.make_measurement(times, device=rv.make_device(name), threads=count) for count in (1, 2))
        return replace(one, trials=one.trials + two.trials)

    text = page_text([rv.make_report(*(device(f"board {index}") for index in range(5)))])
    assert len(text.encode()) < 1_000_000


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_draws_the_page_in_both_colour_schemes(report, tmp_path: Path):
    """A headless browser turns the page into two pictures: a light one and a dark one."""
    matplotlib_image = pytest.importorskip("matplotlib.image")
    path = tmp_path / "page.html"
    path.write_text(page_text([report]), encoding="utf-8")
    brightness = {}
    for scheme, number in (("dark", 0), ("light", 1)):
        picture = tmp_path / f"{scheme}.png"
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += [f"--user-data-dir={tmp_path / scheme}", "--window-size=1000,3000", f"--screenshot={picture}"]
        command += [f"--blink-settings=preferredColorScheme={number}", path.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=180)
        pixels = matplotlib_image.imread(picture)[:, :, :3]
        assert pixels.shape[:2] == (3000, 1000)
        brightness[scheme] = float(pixels.mean())
        # Something is drawn: a page of one colour has no spread.
        assert float(pixels.std()) > 0.05
    assert brightness["dark"] < 0.3
    assert brightness["light"] > 0.7


def test_file_names_and_captions_stay_on_a_phone(report, tmp_path: Path):
    """On 375 pixels nothing but tables scrolls sideways; in these the first cell stays, and the title does not move."""
    path = tmp_path / "page.html"
    path.write_text(page_text([report]), encoding="utf-8")
    places = (
        "Array.from(document.querySelectorAll('.wide'), (wide) => { const cell = wide.querySelector('tbody th'),"
        " title = wide.previousElementSibling, left = (node) => node.getBoundingClientRect().left,"
        " before = [left(cell), left(title), left(wide)]; wide.scrollLeft = 1e4;"
        " return [wide.scrollLeft, before, [left(cell), left(title), left(wide)]]; })"
    )
    with Chromium() as browser:
        page = browser.page()
        page.call("Emulation.setDeviceMetricsOverride", width=375, height=800, deviceScaleFactor=1, mobile=False)
        page.open(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        found = page.evaluate(places)
    assert sum(scrolled > 0 for scrolled, *_ in found) >= 3
    assert all(before == after for _, before, after in found)


@given(st.text())
def test_a_text_reads_back_as_it_was_shown(text: str):
    """Whatever a text holds, a browser gets exactly its printable letters, and no element."""
    page = parsed(TEXT.render(text=text))
    assert [found.tag for found in page.elements] == ["p"]
    assert page.elements[0].text == page.elements[0].attributes["title"] == printable(text)
    assert len(printable(text).splitlines()) <= 1


def test_a_table_names_its_rows_and_columns():
    """Each header has a scope, the first cell of a row is its header, and the part that scrolls has a name."""
    made = sheet("cap <1>", [{"file": "a&b", "ms": "1.0"}, {"file": "c", "ms": "-"}])
    page = parsed(environment().get_template("parts.html").module.table(made, "a <device>"))
    assert [(cell.attributes["scope"], cell.text) for cell in page.all("th")] == [
        ("col", "file"),
        ("col", "ms"),
        ("row", "a&b"),
        ("row", "c"),
    ]
    assert [(cell.attributes.get("class"), cell.text) for cell in page.all("td")] == [
        ("number", "1.0"),
        ("number", "-"),
    ]
    assert page.all("caption")[0].text == page.all("p")[0].text == "cap <1>"
    assert page.all("p")[0].inside == ()
    assert page.all("div")[0].attributes == {
        "class": "wide",
        "role": "region",
        "tabindex": "0",
        "aria-label": "cap <1>: a <device>",
    }


def test_the_verdict_is_beside_the_name_of_the_file():
    """The column of verdicts becomes a coloured mark in the first cell, which stays while the table scrolls."""
    made = sheet("times", [{"file": "a", "verdict": "slower", "ms": "1.0"}, {"file": "b", "verdict": "?", "ms": "2.0"}])
    page = parsed(environment().get_template("parts.html").module.table(made, ""))
    assert [cell.text for cell in page.all("th")] == ["file", "ms", "a slower", "b ?"]
    assert [cell.text for cell in page.all("td")] == ["1.0", "2.0"]
    assert [mark.attributes["class"] for mark in page.all("span")] == ["badge bad", "badge none"]


def test_the_answer_comes_first(report, page: Page):
    """Each device has a sentence, and each of its files three numbers with interval and verdict, before all detail."""
    text = page_text([report])
    assert text.index('id="results"') < text.index("What was measured") < text.index('aria-labelledby="device-1"')
    results = section_of(text, "results")
    assert results.count('<article class="answer"') == 3
    numbers = [item for item in page.all("div") if "dl" in item.inside]
    assert len(numbers) == 9
    assert numbers[0].attributes["class"] == "good"
    assert re.fullmatch(r"speed-up\d\.\d\d x \d\.\d\d to \d\.\d\d faster", numbers[0].text)
    assert numbers[1].text == "change of accuracy-2.00 points -5.86 to +1.68 no significant change"
    assert numbers[2].text == "size25.0 MB 25.0 % of 100.0 MB smaller"
    assert numbers[6].text == "instructions30.0 % counted, of FP32 fewer"


def test_each_plot_says_what_it_shows_and_how_to_read_it():
    """A caption with a title, a name with the numbers, and a legend of the files."""
    report = rv.make_report()
    page = parsed(page_text([report]))
    titles = [item.text for item in page.all("strong") if "figcaption" in item.inside]
    assert titles == ["Latency distribution", "The device during the run"]
    assert page.all("svg")[0].attributes["aria-label"].startswith("Raw times on Raspberry Pi 5; medians: int8.onnx ")
    assert [item.text for item in page.all("li") if "figure" in item.inside] == [
        "● int8.onnx",
        "○ baseline/float32.onnx",
    ]


def test_the_largest_classes_of_instructions_are_named():
    """Four classes have colours of their own, the rest is one."""
    classes = (*((f"class{index}", 1e8 * (9 - index)) for index in range(6)), ("other", 9e9))
    measurement = rv.make_emulated(rv.make_count(classes=classes), rv.make_count(rv.FLOAT, classes=classes))
    report = rv.make_report(measurement)
    page = parsed(page_text([report]))
    assert [item.text for item in page.all("li") if "figure" in item.inside] == [
        "■ class0",
        "■ class1",
        "■ class2",
        "■ class3",
        "■ other",
    ]


def test_counts_of_one_length_are_drawn_together():
    """Of several series the first is drawn: bars of different lengths of text do not compare."""
    counts = (rv.make_count(), rv.make_count(rv.FLOAT), replace(rv.make_count(), series="64", tokens=64))
    report = rv.make_report(rv.make_emulated(*counts))
    page = parsed(page_text([report]))
    assert [item.text for item in page.all("text") if "tokens:" in item.text] == [
        "int8.onnx, 12 tokens: 1,000.0",
        "baseline/float32.onnx, 12 tokens: 1,000.0",
    ]


def test_a_missing_jinja2_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch):
    """The error says which package is missing and how to install the extra that has it."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match="jinja2") as found:
        page_text([rv.make_report()])
    assert found.value.extra == "report"
    assert "[report]" in (found.value.hint or "")


def test_what_looks_like_a_template_in_a_name_is_a_text():
    """Braces of a device's name are not evaluated."""
    name = "{{ 7 * 7 }}{% raw %}{# x #}"
    page = parsed(page_text([rv.make_report(rv.make_measurement(device=rv.make_device(name)))]))
    assert page.all("h2")[2].text == name
