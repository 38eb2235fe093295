from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.bench.render.page import GENERATOR, page_text
from edgebert.device.device import PhoneState
from tests.bench.pages import Page, parsed
from tests.support import report_values as rv

pytest.importorskip("matplotlib", reason="matplotlib draws the plots")

LABELS, FLOAT_ANSWERS, INT8_ANSWERS = rv.make_predictions(both=170, only_float=8, only_file=4, neither=18)
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
    return rv.make_report(board, phone, scored(rv.make_emulated()), texts=rv.make_texts(labels=LABELS))


@pytest.fixture(scope="module")
def page(report) -> Page:
    """Return the page of that report, whose tags balance."""
    return parsed(page_text([report]))


def section_of(text: str, name: str) -> str:
    """Return the HTML of one device."""
    start = text.index(f'<section aria-labelledby="{name}"')
    return text[start : text.index("</section>", start)]


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
    assert len({item.attributes["aria-label"] for item in pictures}) == len(pictures) - 2  # sizes, alike on 3 devices
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
        "as fast as float",
        "Conditions of every process",
        "Latency",
        "during the run",
        "peak RSS",
    ):
        assert words in board
        assert words not in emulated
    assert "This CPU is emulated. No times are shown" in emulated
    assert "Instructions of one inference" in emulated
    assert "Accuracy and agreement with float" in emulated


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
    first = rv.make_report(scored(rv.make_measurement()), texts=rv.make_texts(labels=LABELS))
    other = replace(first, texts=rv.make_texts(name="other.tsv", labels=LABELS))
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
        texts=rv.make_texts(name=EVIL, sha256=EVIL, labels=LABELS),
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
    assert page.all("h2")[1].text == EVIL
    assert not [name for item in page.elements for name in item.attributes if name.startswith("on")]


def test_warnings_and_what_is_missing_are_said(report):
    """Warnings stand in a box of their own; a quiet device has none, and what was not measured is listed."""
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
    assert '<div class="warnings"><h3>Warnings</h3><ul><li>' in section_of(page_text([slow]), "device-1")


def test_a_report_of_a_run_that_failed_has_a_page():
    """No trials, no answers, no counts: a page that says that nothing was measured."""
    text = page_text([rv.make_report(rv.make_measurement({}, answers=()))])
    assert "Nothing was measured." in text
    assert "<svg" not in text
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
