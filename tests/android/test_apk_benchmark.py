"""What the app measures, by instrumentation and on its second screen, and that edgebert reads it."""

from __future__ import annotations

import dataclasses
import re

import pytest

from edgebert import jsonio
from edgebert.device.board import read_answer
from edgebert.device.device import Finished
from edgebert.device.protocol import WORKER_SCHEMA, Request, Series, Trial
from edgebert.errors import EdgebertError
from tests.android.phone import Phone, texts


def request(**changes):
    series = (Series(name="all", inputs=((2, 5, 3), (2, 5, 6, 3))),)
    base = Request(
        schema=WORKER_SCHEMA,
        file="int8.onnx",
        runtime="onnxruntime",
        threads=1,
        cores=(),
        pad_id=0,
        series=series,
        warm_up=1,
        runs=4,
    )
    return jsonio.dumps(dataclasses.replace(base, **changes))


def read(frame):
    return read_answer(Trial, Finished(code=0, stdout=frame.encode("ascii"), stderr=""), url="adb:X")


def external(root):
    folder = root / "external"
    folder.mkdir(exist_ok=True)
    return folder


def test_instrumentation_answers_a_request(classes, root):
    """`am instrument` gets the framed trial, printed and beside the request, as edgebert reads it of any worker."""
    (external(root) / "request.json").write_text(request(answers=((2, 5, 3),)), encoding="utf-8")
    with Phone(classes, root) as phone:
        result = phone.reply("instrument", request="request.json")
    assert result["code"] == -1
    trial = read(result["printed"])
    assert (len(trial.series[0].run_ns), trial.series[0].tokens) == (4, (3, 4))
    assert trial.answers[0]["logits"].shape == (2,)
    assert {(item.battery_percent, item.battery_status) for item in trial.conditions} == {(84, "Discharging")}
    assert read((external(root) / "request.json.answer").read_text(encoding="ascii")) == trial


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "request"), (request(runtime="litert"), "litert"), (request(file="other.onnx"), "other.onnx")],
)
def test_request_that_cannot_be_carried_out_is_a_framed_answer(classes, root, content, message):
    """A host reads of the app why a request failed as it reads it of any worker."""
    (external(root) / "r").write_text(content, encoding="utf-8")
    with Phone(classes, root) as phone:
        result = phone.reply("instrument", request="r")
    with pytest.raises(EdgebertError, match=message):
        read(result["printed"])


@pytest.mark.parametrize("name", [None, "absent.json", "../assets/edgebert/vocab.txt", ".hidden", "sub/request", ""])
def test_request_outside_the_folder_is_refused(classes, root, name):
    """Only a file right in the app's own folder on the shared storage is read, and the reason is printed."""
    for path in (external(root) / ".hidden", external(root) / "sub" / "request"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(request(), encoding="utf-8")
    with Phone(classes, root) as phone:
        result = phone.reply("instrument", request=name)
    assert result["code"] == 0
    assert result["printed"].strip().startswith("error: ")
    assert not list(external(root).rglob("*.answer"))


def test_benchmark_screen_times_the_golden_texts(classes, root):
    """The screen shows a median over all runs, writes the trial, and its process ends with it."""
    with Phone(classes, root) as phone:
        phone.start("BenchmarkActivity", threads=1)
        shown = phone.show("outcome")
        assert re.search(r"Median [\d.]+ ms, .* over 100 runs with 1 threads", shown["outcome"]["text"])
        (written,) = external(root).glob("trial-*.answer")
        assert written.name in shown["outcome"]["text"]
        assert len(read(written.read_text(encoding="ascii")).series[0].run_ns) == 100
        assert shown["killed"] == 0
        phone.reply("leave")
        assert phone.show("outcome")["killed"] == 1


def test_benchmark_screen_shows_what_went_wrong(classes, root):
    """Without the shared storage, and for a request that is not there, the screen has a message."""
    with Phone(classes, root, storage=False) as phone:
        phone.start("BenchmarkActivity")
        assert phone.show("outcome")["outcome"]["text"].startswith(texts()["error_no_space"])
    with Phone(classes, root) as phone:
        phone.start("BenchmarkActivity", request="absent.json")
        assert phone.show("outcome")["outcome"]["text"].startswith(texts()["error_bad_request"])


def test_button_opens_the_benchmark_with_the_choice_of_the_screen(phone):
    """The second screen gets the model file and the threads that are chosen on the first."""
    phone.show()
    phone.reply("choose", id="threads", place=3)
    phone.show()
    phone.reply("tap", id="measure", times=1)
    assert phone.show()["started"] == ["BenchmarkActivity{file=null, threads=4}"]
