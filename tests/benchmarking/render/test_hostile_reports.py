"""Reports with numbers that no benchmark writes: refused with file and key, or shown and judged like any other."""

from __future__ import annotations

import contextlib
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.benchmarking.analysis.compare import compare
from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.render.text import csv_text, markdown_text
from edgebert.benchmarking.report import read_report
from edgebert.device.device import PhoneState
from edgebert.errors import UsageError
from edgebert.jsonio import dumps
from tests.support import report_values as values

NUMBERS = st.sampled_from([0, -1, 1, 3, 2**31, 2**53, 2**53 + 1, 2**63, 10**30, 1e308, -1e308, 5e-324, 0.5])


def make_report():
    """Return a report of a phone and an emulator in which every optional part is there."""
    labels, by_float, by_int8 = values.make_predictions(both=20, only_float=3, only_file=2, neither=1)
    times = {
        values.INT8: values.make_times(10e6, seed=1, processes=2, runs=3),
        values.FLOAT: values.make_times(40e6, seed=2, processes=2, runs=3),
    }
    phone = values.make_measurement(
        times,
        device=values.make_phone(),
        answers=[values.make_answers(values.INT8, by_int8), values.make_answers(values.FLOAT, by_float)],
        states=tuple(PhoneState(trial=index, battery_percent=50, battery_celsius=30.0) for index in (0, 4)),
        retries=1,
    )
    texts = values.make_texts(texts=len(labels))
    return values.make_report(phone, values.make_emulated(), labels=labels, texts=texts)


REPORT = make_report()
PLAIN = json.loads(dumps(REPORT))


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every number."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if type(item) in (int, float):
            yield (*path, key)
        else:
            yield from numbers(item, (*path, key))


PATHS = tuple(numbers(PLAIN))


def spelled(path: tuple[Any, ...]) -> str:
    """Return a path as messages have it."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")


@settings(max_examples=40)
@given(path=st.sampled_from(PATHS), number=NUMBERS)
def test_any_number_is_refused_by_its_key_or_used(path, number, tmp_path_factory):
    """Whatever number stands anywhere in a report, reading names its key, or everything that shows it works."""
    plain = copy.deepcopy(PLAIN)
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = number
    file = tmp_path_factory.mktemp("hostile") / "report.json"
    file.write_text(json.dumps(plain))
    try:
        found = read_report(file)
    except UsageError as error:
        refusal = error.message
    else:
        markdown_text([found])
        csv_text(sections([found]))
        with contextlib.suppress(UsageError):  # of two reports that cannot be compared
            compare(REPORT, found)
        return
    assert str(file) in refusal
    # Of an answer or a tally all numbers are shown.
    assert spelled(path) in refusal or f"{spelled(path[:-1])} is [" in refusal


def report_with(path: tuple[str | int, ...], number: float, folder: Path) -> Path:
    """Write the report with another number at a place, and return its file."""
    plain = copy.deepcopy(PLAIN)
    place = plain
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = number
    file = folder / "report.json"
    file.write_text(json.dumps(plain))
    return file


@pytest.mark.parametrize(
    ("path", "number"),
    [
        (("measurements", 0, "trials", 0, "trial", "series", 0, "run_ns", 0), 0),
        (("measurements", 0, "trials", 0, "trial", "series", 0, "run_ns", 0), 2**63),
        (("measurements", 0, "trials", 0, "trial", "elapsed_ns"), -1),
        (("measurements", 0, "retries"), -1),
        (("measurements", 1, "counts", 0, "per_inference"), -1e308),
        (("bundle", "files", 0, "size_bytes"), 0),
        (("texts", "mean_tokens"), 1e308),
    ],
)
def test_a_number_that_cannot_be_is_refused(path, number, tmp_path):
    """A time of nothing, a size of nothing, a count below nothing and 64 bits are refused with file and key."""
    assert path in PATHS
    file = report_with(path, number, tmp_path)
    with pytest.raises(UsageError, match=re.escape(f"report.json: {spelled(path)} is {number}")):
        read_report(file)


@pytest.mark.parametrize(
    ("path", "number", "shown"),
    [
        (
            ("measurements", 0, "answers", 0, "answers", 3, 0),
            -1,
            "answers[3] is [-1], no answer of a text-classification model",
        ),
        (
            ("measurements", 0, "answers", 1, "answers", 3, 0),
            7,
            "answers[3] is [7], no answer of a text-classification model",
        ),
        (
            ("measurements", 0, "answers", 1, "answers", 3, 0),
            1.0,
            "answers[3] is [1.0], no answer of a text-classification model",
        ),
        (
            ("measurements", 0, "answers", 0, "tallies", 2, 0),
            2,
            "tallies[2] is [2, 0], no tally of a text-classification model",
        ),
        (
            ("measurements", 0, "answers", 0, "tallies", 2, 1),
            -1,
            "tallies[2] is [0, -1], no tally of a text-classification model",
        ),
    ],
)
def test_an_answer_that_no_model_gives_is_refused(path, number, shown, tmp_path):
    """The index of a label that the bundle does not have is refused with its key, in an answer and in a tally."""
    file = report_with(path, number, tmp_path)
    with pytest.raises(UsageError, match=re.escape(f"report.json: {spelled(path[:4])}.{shown}")):
        read_report(file)
