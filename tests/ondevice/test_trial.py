from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert import jsonio
from edgebert.device.protocol import WORKER_SCHEMA, Request, Series, Trial
from edgebert.ondevice.protocol import Failure, read_request
from edgebert.ondevice.session import FORMATS, Session
from edgebert.ondevice.timing import now_ns
from edgebert.ondevice.trial import MARK, Start, _settle, parse_peak, run_trial
from edgebert.runtime import installed_version
from edgebert.text import open_encoder
from tests.support.fakes import write_tokenizer
from tests.support.tiny_files import answer, logits, write_onnx, write_tflite

WRITERS = {"onnxruntime": write_onnx, "litert": write_tflite}
SHORT, LONG = (2, 9, 3), (2, 9, 9, 9, 9, 3)


@pytest.fixture(params=WRITERS)
def runtime(request: pytest.FixtureRequest) -> str:
    """A runtime that is installed."""
    if installed_version(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


def asked(folder: Path, runtime: str, **changes: object) -> Request:
    """Write a tiny file and return a request for it: two series, one answer."""
    file = WRITERS[runtime](folder / f"int8.{FORMATS[runtime]}")
    plain = {
        "schema": WORKER_SCHEMA,
        "file": str(file),
        "runtime": runtime,
        "threads": 1,
        "cores": (),
        "pad_id": 7,
        "series": (Series(name="all", inputs=(SHORT, LONG)), Series(name="4", inputs=(SHORT,))),
        "warm_up": 1,
        "runs": 3,
        "answers": (LONG, SHORT),
    }
    return Request(**plain | changes)


def tried(request: Request) -> Trial:
    """Run a trial in this process and read it as the host does."""
    start = Start(time.time(), now_ns())
    payload = run_trial(read_request(jsonio.dumps(request).encode("utf-8")), start)
    return jsonio.from_plain(Trial, payload, source="worker")


def test_a_trial_holds_what_was_asked(runtime: str, tmp_path: Path):
    """Each series has its raw times and lengths, each answer its logits, and the rest says who measured."""
    trial = tried(asked(tmp_path, runtime))
    assert [one.name for one in trial.series] == ["all", "4"]
    assert [one.tokens for one in trial.series] == [(3, 6), (3,)]
    assert [len(one.run_ns) for one in trial.series] == [3, 3]
    assert min(ns for one in trial.series for ns in one.run_ns) > 0
    assert trial.answers == (logits(answer(LONG)), logits(answer(SHORT)))
    assert (trial.runtime, trial.version) == (runtime, installed_version(runtime))
    assert (trial.threads, trial.cores) == (1, tuple(sorted(os.sched_getaffinity(0))))
    assert trial.first_ns is not None
    assert trial.first_ns > 0
    assert trial.tokenized is None
    assert trial.peak_rss_bytes is not None
    assert 10e6 < trial.peak_rss_bytes < 10e9


def test_an_input_is_fed_as_an_app_would_feed_it(runtime: str, tmp_path: Path):
    """ONNX gets the input's own length, TFLite the smallest signature that holds it."""
    fed = [one.fed for one in tried(asked(tmp_path, runtime)).series]
    assert fed == ([(3, 6), (3,)] if runtime == "onnxruntime" else [(4, 8), (4,)])


def test_conditions_are_read_before_during_and_after(runtime: str, tmp_path: Path):
    """One reading before, one after each series, one after all, in the order of the clock and within the trial."""
    trial = tried(asked(tmp_path, runtime))
    assert [one.moment for one in trial.conditions] == ["before", "during", "during", "after"]
    times = [0, *(one.at_ns for one in trial.conditions), trial.elapsed_ns]
    assert times == sorted(times)
    assert 0 <= trial.ended_s - trial.started_s < 60
    parts = trial.load_ns + trial.first_ns + sum(ns for one in trial.series for ns in one.run_ns)
    assert parts < trial.elapsed_ns


def test_a_trial_may_ask_for_nothing(runtime: str, tmp_path: Path):
    """With no input there is no first inference, no time and no answer, but a file that was loaded."""
    trial = tried(asked(tmp_path, runtime, series=(), answers=()))
    assert (trial.first_ns, trial.series, trial.answers) == (None, (), ())
    assert trial.load_ns > 0
    assert [one.moment for one in trial.conditions] == ["before", "after"]


def test_answers_alone_have_a_first_inference(runtime: str, tmp_path: Path):
    """Without any series the first answer is the first inference."""
    trial = tried(asked(tmp_path, runtime, series=()))
    assert trial.first_ns is not None
    assert trial.answers == (logits(answer(LONG)), logits(answer(SHORT)))


def test_an_input_longer_than_every_signature_is_refused(tmp_path: Path):
    """A TFLite file takes no input beyond its longest signature; the message names which one it was."""
    if installed_version("litert") is None:
        pytest.skip("litert is not installed")
    with pytest.raises(Failure, match=r"answers\[1\] has 9 tokens; the file takes at most 8") as caught:
        tried(asked(tmp_path, "litert", answers=(SHORT, (1,) * 9)))
    assert caught.value.kind == "bad-request"
    with pytest.raises(Failure, match=r"series\[0\]\.inputs\[0\] has 9 tokens"):
        tried(asked(tmp_path, "litert", series=(Series(name="all", inputs=((1,) * 9,)),)))


def test_every_length_has_been_met_before_runs_are_counted():
    """Each length of a series runs once, uncounted, so that no counted run pays for planning its memory."""
    seen = []
    session = Session("litert", "0", (4, 8), lambda ids, mask: seen.append(ids.shape))
    arrays = [np.zeros((1, length), np.int32) for length in (8, 4, 8, 8, 16)]
    _settle(session, [(array, array) for array in arrays])
    assert seen == [(1, 8), (1, 4), (1, 16)]


@pytest.mark.parametrize("what", ["file", "tokenizer"])
def test_a_file_that_is_not_there_is_named(what: str, runtime: str, tmp_path: Path):
    """A missing model or tokenizer is a bad request, told before the runtime is imported."""
    with pytest.raises(Failure, match="there is no file nowhere/it") as caught:
        tried(asked(tmp_path, runtime, **{what: "nowhere/it", "max_length": 8}))
    assert caught.value.kind == "bad-request"


def test_a_file_that_the_runtime_does_not_take_is_its_failure(runtime: str, tmp_path: Path):
    """What does not load is a failure of the runtime, whose name is in the message."""
    request = asked(tmp_path, runtime)
    Path(request.file).write_bytes(b"nothing of the kind")
    with pytest.raises(Failure, match=f"{runtime}: .") as caught:
        tried(request)
    assert caught.value.kind == "runtime-failure"


@pytest.mark.parametrize("series", [(), (Series(name="all", inputs=(SHORT,)),)])
def test_logits_that_are_no_numbers_are_a_failure(series: tuple[Series, ...], runtime: str, tmp_path: Path):
    """NaN and infinity never go out as answers."""
    request = asked(tmp_path, runtime, series=series)
    WRITERS[runtime](Path(request.file), scale=(float("inf"), 1.0))
    with pytest.raises(Failure, match="gives NaN or infinite logits") as caught:
        tried(request)
    assert caught.value.kind == "runtime-failure"


def test_an_absent_runtime_is_said_to_be_absent(tmp_path: Path):
    """A runtime that does not import is neither a failure nor a bad request."""
    absent = [name for name in FORMATS if installed_version(name) is None]
    if not absent:
        pytest.skip("every runtime is installed here")
    (tmp_path / "int8.file").write_bytes(b"")
    request = asked(tmp_path, next(name for name in WRITERS if installed_version(name) is not None))
    with pytest.raises(Failure, match=absent[0]) as caught:
        tried(Request(**{name: getattr(request, name) for name in request.__slots__} | {"runtime": absent[0]}))
    assert caught.value.kind == "runtime-absent"


def test_marks_stand_around_the_counted_runs(runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Series i is marked 2i+1 before and 2i+2 after its runs, and only where marks were asked for."""
    seen = []

    class Library:
        """Stands in for the C library, to hear the system call."""

        def __init__(self, name: None) -> None:
            self.prctl = lambda call, *words: seen.append((call, *(word.value for word in words)))

    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", Library)
        tried(asked(tmp_path, runtime))
        assert seen == []
        tried(asked(tmp_path, runtime, marks=True))
    assert seen == [(MARK, number, 0, 0, 0) for number in (1, 2, 3, 4)]


def test_a_mark_that_nobody_hears_does_no_harm(runtime: str, tmp_path: Path):
    """A kernel refuses the call, and the trial goes on."""
    assert len(tried(asked(tmp_path, runtime, marks=True)).series) == 2


def test_the_tokenizer_makes_the_ids_of_the_host(runtime: str, tmp_path: Path):
    """Each text has a time and the ids, truncated and not padded, that the library makes of it."""
    write_tokenizer(tmp_path)
    path, texts = tmp_path / "tokenizer.json", ("good battery", "", "not very good screens, awful!")
    trial = tried(asked(tmp_path, runtime, tokenizer=str(path), max_length=5, texts=texts))
    encoder = open_encoder(path, 5)
    assert trial.tokenized is not None
    assert trial.tokenized.ids == tuple(encoder.encode(text) for text in texts)
    assert len(trial.tokenized.text_ns) == 3
    assert min(trial.tokenized.text_ns) > 0
    assert max(map(len, trial.tokenized.ids)) == 5


def test_a_tokenizer_that_cannot_be_read_is_a_bad_request(runtime: str, tmp_path: Path):
    """The message names the file."""
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Failure, match=r"tokenizer\.json: ") as caught:
        tried(asked(tmp_path, runtime, tokenizer=str(tmp_path / "tokenizer.json"), max_length=5))
    assert caught.value.kind == "bad-request"


@given(st.integers(0, 10**9))
def test_the_peak_is_the_line_vmhwm(kilobytes: int):
    """Bytes are the kilobytes of ``VmHWM``, not those of a line beside it."""
    assert parse_peak(f"Name:\tpython\nVmPeak:\t 1 kB\nVmHWM:\t{kilobytes:8d} kB\nVmRSS:\t 2 kB\n") == kilobytes * 1024


@given(st.one_of(st.text(), st.text(alphabet="VmHWM: kB0123\n\t")))
def test_no_text_makes_the_peak_raise(text: str):
    """Anything else is no peak."""
    found = parse_peak(text)
    assert found is None or found >= 0
    assert parse_peak("VmHWM:\t²³ kB") is None
