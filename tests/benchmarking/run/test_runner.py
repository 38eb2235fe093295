from __future__ import annotations

import json
from dataclasses import replace
from statistics import median

import pytest

from edgebert.benchmarking.report import read_report
from edgebert.benchmarking.run.journal import journal_of
from edgebert.benchmarking.run.runner import finish
from edgebert.benchmarking.run.workload import make_workload
from edgebert.benchmarking.suite import Suite
from edgebert.device.protocol import Tokenized
from edgebert.errors import UsageError
from edgebert.text import open_encoder
from tests.benchmarking.runs import FLOAT, INT8, SUITE, names, run
from tests.support import fakes
from tests.support.fake_devices import FakeBoard


def test_a_report_holds_every_trial_in_its_order(bundle, data, tmp_path):
    """Files and thread counts run forward, then backward, each with the series of the workload and the suite's runs."""
    suite = replace(SUITE, threads=(1, 2), accuracy=None)
    done = run(bundle, FakeBoard(bundle.root), tmp_path, suite=suite, data=data, runtimes=())
    (measurement,) = done.report.measurements
    forward = [
        (file, runtime, threads)
        for runtime, files in (
            ("onnxruntime", (FLOAT, INT8)),
            ("litert", ("baseline/float32.tflite", "int8.tflite")),
        )
        for threads in (1, 2)
        for file in files
    ]
    assert names(measurement) == 2 * [*forward, *reversed(forward)]
    assert [item.order for item in measurement.trials] == list(range(4 * len(forward)))
    work = make_workload(bundle, data, suite)
    for item in measurement.trials:
        assert [series.name for series in item.trial.series] == [series.name for series in work.shipped.series]
        assert all(len(series.run_ns) == suite.runs for series in item.trial.series)
    assert {len(item.answers) for item in measurement.answers} == {len(fakes.TEXTS)}
    assert all(item.golden_difference <= item.golden_tolerance for item in measurement.answers)
    assert (done.gone, done.misfits, measurement.notes, measurement.retries) == ((), (), (), 0)
    assert {item.file for item in done.report.bundle.files} == {item[0] for item in forward}


def test_a_report_is_written_whole_and_the_journal_goes(bundle, tmp_path):
    """The file reads back as the report, and nothing else stays in the folder."""
    out = tmp_path / "out" / "report.json"
    done = run(bundle, FakeBoard(bundle.root), tmp_path, journal=journal_of(out))
    assert journal_of(out).exists()
    finish(done, out, journal=journal_of(out))
    assert read_report(out) == done.report
    assert [item.name for item in out.parent.iterdir()] == ["report.json"]


def ratio(trials):
    """Return the ratio of float to int8 as reports have it: medians over processes of their medians."""
    medians = {file: median(median(item.series[0].run_ns) for item in of) for file, of in trials.items()}
    return medians[FLOAT] / medians[INT8]


def test_interleaving_keeps_the_true_ratio_on_a_device_that_throttles(bundle, data, tmp_path):
    """A phone that slows to half while it warms up: interleaved within 2 % of the truth, one by one far off."""

    def board():
        # Five seconds of work warm it up half-way, which is two or three trials of the float file.
        return FakeBoard(bundle.root, slowdown=lambda heat_s: 2 - 0.5 ** (heat_s / 5))

    suite = Suite(runs=16, processes=8, cool_celsius=0)
    done = run(bundle, board(), tmp_path, suite=suite, data=data)
    interleaved = {file: [] for file in (FLOAT, INT8)}
    for item in done.report.measurements[0].trials:
        interleaved[item.file].append(item.trial)
    assert interleaved[FLOAT][-1].series[0].run_ns[0] > 1.5 * interleaved[FLOAT][0].series[0].run_ns[0]
    assert ratio(interleaved) == pytest.approx(4, rel=0.02)

    alone = board()
    requests = {request.file: request for request in board_requests(bundle, data, suite, tmp_path)}
    sequential = {
        file: [alone.work(requests[f"/data/{file}"], timeout_s=1) for _ in range(suite.processes)]
        for file in (FLOAT, INT8)
    }
    assert abs(ratio(sequential) / 4 - 1) > 0.1


def board_requests(bundle, data, suite, tmp_path):
    """Return the requests for trials that the bench makes."""
    board = FakeBoard(bundle.root)
    run(bundle, board, tmp_path, suite=replace(suite, processes=1), data=data, journal=tmp_path / "again")
    return [request for request in board.requests if request.series]


@pytest.mark.parametrize(("clean", "ended"), [(False, ["removed", "closed"]), (True, ["cleaned", "closed"])])
def test_the_files_of_a_run_are_removed(bundle, tmp_path, clean, ended):
    """Afterwards the files are gone; with clean, everything is."""
    board = FakeBoard(bundle.root)
    run(bundle, board, tmp_path, clean=clean)
    assert board.ended == ended
    assert board.put_files.count(INT8) == 1


def test_progress_counts_inferences_to_the_end(bundle, data, tmp_path):
    """The bar never goes back and ends full."""
    seen = []
    run(bundle, FakeBoard(bundle.root), tmp_path, data=data, progress=lambda *step: seen.append(step))
    done = [step[1] for step in seen]
    assert done == sorted(done)
    assert seen[-1][1] == seen[-1][2]
    assert len({step[2] for step in seen}) == 1, "what is to come was known from the start"
    assert all(step[0].startswith("measuring | ") for step in seen)


@pytest.mark.parametrize("urls", [(), ("local", "local")])
def test_each_device_is_named_once(bundle, tmp_path, urls):
    """No device, or one twice, is refused before anything happens."""
    with pytest.raises(UsageError, match="the devices are"):
        run(bundle, FakeBoard(bundle.root), tmp_path, urls=urls)
    assert list(tmp_path.iterdir()) == []


def ids_of(bundle):
    """Return what this machine makes of a text."""
    rules = bundle.text_rules("shipped")
    return open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length).encode


def int_lists(value):
    """Return every list of whole numbers in a plain JSON value."""
    if isinstance(value, dict):
        return [found for item in value.values() for found in int_lists(item)]
    if not isinstance(value, list):
        return []
    own = [tuple(value)] if value and all(type(item) is int for item in value) else []
    return own + [found for item in value for found in int_lists(item)]


def test_neither_report_nor_journal_holds_a_text(bundle, data, tmp_path):
    """Words and token ids of the user's texts are nowhere in the two files, though the device's tokenizer sent ids."""
    out = tmp_path / "report.json"
    board = FakeBoard(bundle.root, ids=ids_of(bundle))
    done = run(bundle, board, tmp_path, data=data, suite=replace(SUITE, accuracy=None), journal=journal_of(out))
    journal = journal_of(out).read_text(encoding="utf-8")
    finish(done, out, journal=journal_of(out))
    secret = {ids_of(bundle)(text) for text in fakes.TEXTS}
    assert any(board._tokenized(request).ids for request in board.requests if request.texts)
    for content in (out.read_text(encoding="utf-8"), journal):
        assert not [text for text in fakes.TEXTS if text and text in content]
    for content in (out.read_text(encoding="utf-8"), *journal.splitlines()):
        assert not secret & set(int_lists(json.loads(content)))
    (measurement,) = done.report.measurements
    assert {item.trial.tokenized.ids for item in measurement.trials} == {()}
    assert measurement.notes == ()


def test_a_tokenizer_that_makes_other_ids_is_noted_once(bundle, data, tmp_path):
    """The device's ids are compared with this machine's before they go: which tokenizer, what version, how many."""
    ours = ids_of(bundle)
    timed = make_workload(bundle, data, SUITE).timed
    board = FakeBoard(bundle.root, ids=lambda text: ours(text) if text in timed[2:] else (0,))
    done = run(bundle, board, tmp_path, data=data)
    (measurement,) = done.report.measurements
    assert measurement.notes == (f"tokenizer.json: tokenizers 0.22.0 there makes other ids of 2 of {len(timed)} texts",)
    assert {item.trial.tokenized.ids for item in measurement.trials} == {()}
    short = FakeBoard(bundle.root, ids=ours)
    short._tokenized = lambda request: Tokenized(version="1", text_ns=(1,), ids=())
    done = run(bundle, short, tmp_path, data=data, journal=tmp_path / "short")
    assert f"of {len(timed)} of {len(timed)} texts" in done.report.measurements[0].notes[0]
