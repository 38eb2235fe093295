from __future__ import annotations

import json
import resource
import threading
import time
from dataclasses import replace
from statistics import median

import pytest

from edgebert.bench.journal import journal_of
from edgebert.bench.reports import read_report
from edgebert.bench.runner import bench, finish, lanes
from edgebert.bench.workload import make_workload
from edgebert.bundle import open_bundle
from edgebert.data import read_dataset
from edgebert.device.process import run_program
from edgebert.errors import CheckFailed, DeviceGone, DeviceProblem, EnvironmentProblem, UsageError
from edgebert.measured.report import Suite
from edgebert.measured.worker import Tokenized
from edgebert.text import open_encoder
from tests import fakes
from tests.fake_devices import RUNTIMES, FakeBoard, FakeCounter, FakePhone, FakeUncounted, hardware

pytest.importorskip("onnx", reason="the shared bundle is exported")

FLOAT, INT8 = "baseline/float32.onnx", "int8.onnx"
SUITE = Suite(runs=4, warm_up=1, processes=4, cool_celsius=0)
URL = "adb:fake"


class Killed(BaseException):
    """What ends the process in the middle of a run."""


@pytest.fixture(scope="module")
def bundle():
    return open_bundle(fakes.shared_bundle())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "dev.tsv"
    rows = [(text, index % 2) for index, text in enumerate(fakes.TEXTS)]
    return read_dataset(fakes.write_data(path, rows), labels=fakes.LABELS)


def run(bundle, board, tmp_path, *, suite=SUITE, urls=(URL,), runtimes=("onnxruntime",), **options):
    """Run the bench on one fake board, or on one for each URL."""
    boards = board if isinstance(board, dict) else dict.fromkeys(urls, board)

    def connect(url):
        if isinstance(boards[url], Exception):
            raise boards[url]
        return boards[url]

    clocks = [item.clock for item in boards.values() if not isinstance(item, Exception)]
    options = {"sleep": clocks[0].sleep if clocks else None, "journal": tmp_path / "journal"} | options
    return bench(bundle, urls, connect=connect, suite=suite, runtimes=runtimes, **options)


def gone(board, request):
    raise DeviceGone("adb:fake: cable pulled")


def broken(board, request):
    raise DeviceProblem("adb:fake: no room on the disk")


def killed(board, request):
    raise Killed


def refused(board, request):
    raise CheckFailed("adb:fake: onnxruntime: bad file")


def names(measurement):
    return [(item.file, item.trial.runtime, item.trial.threads) for item in measurement.trials]


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
    assert {len(item.predicted) for item in measurement.answers} == {len(fakes.TEXTS)}
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


def test_a_device_that_is_gone_for_a_moment_is_tried_again(bundle, data, tmp_path):
    """Transient failures cost a retry each and are counted; the report is that of a run without them."""
    quiet = run(bundle, FakeBoard(bundle.root), tmp_path, data=data, journal=tmp_path / "quiet")
    board = FakeBoard(bundle.root, faults={0: gone, 4: gone, 5: gone})
    done = run(bundle, board, tmp_path, data=data)
    (measurement,) = done.report.measurements
    assert measurement.retries == 3
    assert names(measurement) == names(quiet.report.measurements[0])
    assert done.gone == ()


@pytest.mark.parametrize("worker", [0, 1, 3, 4, 7, 11])
def test_a_killed_run_goes_on_where_it_was(bundle, data, tmp_path, worker):
    """Killed at any worker, the run resumes, makes no trial twice, and ends with the same trials and answers."""
    suite = replace(SUITE, accuracy=None)
    whole = run(bundle, FakeBoard(bundle.root), tmp_path, suite=suite, data=data, journal=tmp_path / "whole")
    first, second = FakeBoard(bundle.root, faults={worker: killed}), FakeBoard(bundle.root)
    with pytest.raises(Killed):
        run(bundle, first, tmp_path, suite=suite, data=data)
    assert first.ended == ["removed", "closed"]
    done = run(bundle, second, tmp_path, suite=suite, data=data)
    ours, theirs = done.report.measurements[0], whole.report.measurements[0]
    assert names(ours) == names(theirs)
    assert [(item.round, item.order) for item in ours.trials] == [(item.round, item.order) for item in theirs.trials]
    assert [item.trial.series for item in ours.trials] == [item.trial.series for item in theirs.trials]
    assert ours.answers == theirs.answers
    assert len(first.requests) + len(second.requests) == 12 + 1


def test_a_run_that_was_killed_is_not_mixed_with_another(bundle, tmp_path):
    """With another suite the journal is refused, unless the run is to start anew."""
    with pytest.raises(Killed):
        run(bundle, FakeBoard(bundle.root, faults={3: killed}), tmp_path)
    other = replace(SUITE, runs=5)
    with pytest.raises(UsageError, match="differs in suite"):
        run(bundle, FakeBoard(bundle.root), tmp_path, suite=other)
    done = run(bundle, FakeBoard(bundle.root), tmp_path, suite=other, anew=True)
    assert {len(item.trial.series[0].run_ns) for item in done.report.measurements[0].trials} == {5}


def test_another_device_behind_the_same_url_is_refused(bundle, tmp_path):
    """A run that began on one phone does not go on on another."""
    with pytest.raises(Killed):
        run(bundle, FakeBoard(bundle.root, faults={3: killed}), tmp_path)
    other = FakeBoard(bundle.root, facts=hardware(features=("asimd",)))
    done = run(bundle, other, tmp_path)
    assert "another device" in done.gone[0].message
    assert other.requests == []


def test_a_file_that_computes_something_else_is_not_timed(bundle, data, tmp_path):
    """Its golden difference is in the report, with a note and a failure that names device and file; others go on."""
    board = FakeBoard(bundle.root, wrong={INT8: 50.0})
    done = run(bundle, board, tmp_path, suite=replace(SUITE, accuracy=None), data=data)
    (measurement,) = done.report.measurements
    assert {item.file for item in measurement.trials} == {FLOAT}
    wrong = {item.file: item for item in measurement.answers}[INT8]
    assert wrong.golden_difference == pytest.approx(50, abs=1e-4)
    assert wrong.predicted == ()
    (misfit,) = done.misfits
    assert misfit.exit_code == 1
    assert misfit.message.startswith(f"{URL}: {INT8} in onnxruntime")
    assert "off by 50" in misfit.message
    assert any(INT8 in note for note in measurement.notes)


def test_a_kernel_that_answers_everything_alike_is_caught(bundle, tmp_path):
    """Equal answers to all golden texts are no model, even within a tolerance that allows for them."""
    board = FakeBoard(bundle.root)
    board._answer = lambda file, ids: (0.0,) * len(fakes.LABELS)
    loose = tuple(replace(item, tolerance=1e6) for item in bundle.manifest.artifacts)
    opened = replace(bundle, manifest=replace(bundle.manifest, artifacts=loose))
    done = run(opened, board, tmp_path)
    assert len(done.misfits) == 2
    assert "every golden text" in done.misfits[0].message


def test_a_file_that_a_runtime_refuses_leaves_the_others_be(bundle, tmp_path):
    """A runtime that fails on a file in mid-run ends the trials of that file alone, and says so."""
    board = FakeBoard(bundle.root, faults={4: refused})
    done = run(bundle, board, tmp_path)
    (measurement,) = done.report.measurements
    assert [item.file for item in measurement.trials].count(FLOAT) == SUITE.processes
    assert [item.file for item in measurement.trials].count(INT8) == 1
    assert "bad file" in done.misfits[0].message
    assert done.misfits[0].message.count(URL) == 1


def test_a_file_that_was_refused_keeps_its_turns_when_a_run_is_resumed(bundle, tmp_path):
    """Killed after a file fell out in mid-run, the run still makes every trial of the other one."""
    with pytest.raises(Killed):
        run(bundle, FakeBoard(bundle.root, faults={4: refused, 6: killed}), tmp_path)
    board = FakeBoard(bundle.root)
    done = run(bundle, board, tmp_path)
    trials = done.report.measurements[0].trials
    assert [item.round for item in trials if item.file == FLOAT] == list(range(SUITE.processes))
    assert [item.file for item in trials].count(INT8) == 1
    assert {request.file for request in board.requests} == {f"/data/{FLOAT}"}


def test_a_device_that_fails_for_good_leaves_the_others_be(bundle, tmp_path):
    """The others are in the report; what the failed one did stays in the journal, and the same command finishes it."""
    urls = ("adb:one", "adb:two", "ssh:three")
    boards = {
        "adb:one": FakeBoard(bundle.root),
        "adb:two": FakeBoard(bundle.root, faults={5: broken}),
        "ssh:three": DeviceProblem("ssh:three: connection refused"),
    }
    out = tmp_path / "report.json"
    done = run(bundle, boards, tmp_path, urls=urls, journal=journal_of(out))
    one, two = done.report.measurements
    assert len(one.trials) == 8
    assert len(two.trials) == 3
    assert "not finished" in two.notes[-1]
    assert [item.message for item in done.gone] == ["adb:fake: no room on the disk", "ssh:three: connection refused"]
    assert all(item.exit_code == 3 for item in done.gone)
    finish(done, out, journal=journal_of(out))
    boards = {url: FakeBoard(bundle.root) for url in urls}
    again = run(bundle, boards, tmp_path, urls=urls, journal=journal_of(out))
    assert [len(item.trials) for item in again.report.measurements] == [8, 8, 8]
    assert boards["adb:one"].requests == []
    assert len(boards["adb:two"].requests) == 5
    finish(again, out, journal=journal_of(out))
    assert not journal_of(out).exists()


def test_no_device_at_all_is_an_error(bundle, tmp_path):
    """When nothing was measured there is no report; the first failure is raised."""
    with pytest.raises(DeviceProblem, match="connection refused"):
        bench(
            bundle,
            [URL],
            connect=lambda url: (_ for _ in ()).throw(DeviceProblem("connection refused")),
            journal=tmp_path / "journal",
        )


def test_absent_runtimes_are_noted(bundle, tmp_path):
    """What cannot be measured on a device is said in one sentence, with the reason the device gives."""
    facts = hardware(runtimes=RUNTIMES[1:], absent=(("litert", "No module named ai_edge_litert"),))
    done = run(bundle, FakeBoard(bundle.root, facts=facts), tmp_path, runtimes=())
    (measurement,) = done.report.measurements
    assert {item.trial.runtime for item in measurement.trials} == {"onnxruntime"}
    assert len(measurement.notes) == 1
    assert "int8.tflite" in " ".join(measurement.notes)
    both = run(
        bundle,
        FakeBoard(bundle.root, facts=facts),
        tmp_path,
        runtimes=("litert", "onnxruntime"),
        journal=tmp_path / "both",
    )
    assert both.report.measurements[0].notes == ("litert is not there: No module named ai_edge_litert",)
    with pytest.raises(DeviceProblem, match="no runtime") as refusal:
        run(bundle, FakeBoard(bundle.root, facts=hardware(runtimes=())), tmp_path, journal=tmp_path / "none")
    assert "runtime build" in refusal.value.hint


def test_cores_are_pinned_by_class(bundle, tmp_path):
    """``big`` reaches the worker as the numbers of the fastest cores."""
    board = FakeBoard(bundle.root)
    run(bundle, board, tmp_path, suite=replace(SUITE, cores="big"))
    assert {request.cores for request in board.requests} == {(4, 5)}


@pytest.mark.parametrize("kind", [FakeBoard, FakePhone])
def test_a_warm_device_gets_a_rest(bundle, data, tmp_path, kind):
    """Without a wait the device gets ever warmer; with it no trial starts far above the first, and waits are kept."""

    def starts(suite, name):
        board = kind(bundle.root, celsius=lambda heat_s: 30 + 2 * heat_s)
        done = run(bundle, board, tmp_path, suite=suite, data=data, journal=tmp_path / name)
        (measurement,) = done.report.measurements
        warm = [item.trial.conditions[0].temperatures[0].celsius for item in measurement.trials]
        return [celsius - warm[0] for celsius in warm], [item.waited_s for item in measurement.trials], board

    suite = Suite(runs=16, warm_up=0, processes=8)
    restless, none, _ = starts(replace(suite, cool_celsius=0), "never")
    rested, waits, board = starts(suite, "rested")
    assert not any(none)
    assert max(restless) > 15
    assert max(rested) < 10
    assert 0 < sum(waits) == board.clock.slept_s
    assert max(waits) <= suite.cool_wait_s


def test_a_device_that_never_cools_is_not_waited_for_forever(bundle, tmp_path):
    """A wait ends after the seconds the suite allows."""
    board = FakePhone(bundle.root, celsius=lambda heat_s: 1000 * board.clock.now_s)
    suite = replace(SUITE, cool_celsius=5, cool_wait_s=25)
    done = run(bundle, board, tmp_path, suite=suite)
    waits = [item.waited_s for item in done.report.measurements[0].trials]
    assert waits[0] == 0
    assert set(waits[1:]) == {25.0}


def test_a_phone_is_read_before_each_trial_and_at_the_end(bundle, tmp_path):
    """States are numbered by the trial they precede; the last one has the number of trials."""
    done = run(bundle, FakePhone(bundle.root), tmp_path)
    (measurement,) = done.report.measurements
    assert [state.trial for state in measurement.states] == list(range(len(measurement.trials) + 1))


def test_an_emulator_answers_and_counts_and_is_never_timed(bundle, data, tmp_path):
    """Answers as everywhere, instructions of the first text of each length class, no trial."""
    board = FakeCounter(bundle.root, cpu="cortex-a76")
    urls = ("emulator:cortex-a76",)
    done = run(bundle, board, tmp_path, urls=urls, suite=replace(SUITE, accuracy=5), data=data)
    (measurement,) = done.report.measurements
    assert measurement.trials == ()
    assert [len(item.predicted) for item in measurement.answers] == [5, 5]
    assert [(item.file, item.series) for item in measurement.counts] == [
        (FLOAT, "8"),
        (FLOAT, "16"),
        (INT8, "8"),
        (INT8, "16"),
    ]
    for one, other in zip(measurement.counts[:2], measurement.counts[2:], strict=True):
        assert one.tokens == other.tokens
        assert one.per_inference == 4 * other.per_inference == 4e6 * one.tokens
    marked = [request for request in board.requests if request.marks]
    assert all(len(series.inputs) == 1 for request in marked for series in request.series)
    assert all(request.threads == 1 for request in marked)


def test_an_emulator_that_cannot_count_still_answers(bundle, tmp_path):
    """Without the counter there are golden answers alone."""
    done = run(bundle, FakeBoard(bundle.root, cpu="cortex-a53"), tmp_path, urls=("emulator:cortex-a53",))
    (measurement,) = done.report.measurements
    assert (measurement.trials, measurement.counts) == ((), ())
    assert len(measurement.answers) == 2


def test_the_report_says_why_an_emulator_cannot_count(bundle, tmp_path):
    """The reason stands among the notes, once, also when the run was resumed."""
    board = FakeUncounted(bundle.root, cpu="cortex-a53")
    options = {"urls": ("emulator:cortex-a53",), "journal": tmp_path / "journal"}
    run(bundle, board, tmp_path, **options)
    done = run(bundle, board, tmp_path, **options)
    assert done.report.measurements[0].notes == (FakeUncounted.why_not_counted,)


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


def test_devices_that_share_this_machine_take_turns():
    """This machine, emulators and loopback form one lane; every other device has one of its own."""
    here = (
        "local",
        "ssh:me@localhost:2222",
        "emulator:max",
        "ssh:127.0.0.1",
        "adb:emulator-5554",
        "adb:127.0.0.1:5555",
    )
    there = ("ssh:pi@board", "adb:R5CT", "ssh:localhosting.example")
    assert lanes((*there, *here)) == (here, *((url,) for url in there))
    assert lanes(("local",)) == (("local",),)


def test_devices_of_their_own_run_side_by_side(bundle, tmp_path):
    """Two phones are at work at the same time: each waits in its first worker for the other."""
    boards = {}

    def meet(other):
        def fault(board, request):
            assert boards[other].at_work.wait(20), "the other phone never started"
            raise DeviceGone("tried again")

        return fault

    boards["adb:one"] = FakeBoard(bundle.root, faults={0: meet("adb:two")})
    boards["adb:two"] = FakeBoard(bundle.root, faults={0: meet("adb:one")})
    done = run(bundle, boards, tmp_path, urls=("adb:one", "adb:two"))
    assert [len(item.trials) for item in done.report.measurements] == [8, 8]


def test_an_interrupt_stops_every_lane_and_keeps_the_journal(bundle, tmp_path):
    """When one lane is interrupted the other ends after its worker, both devices are tidied, and the steps stay."""
    stopped = threading.Event()

    def interrupted(board, request):
        assert two.at_work.wait(30)
        raise Killed

    def slow(board, request):
        stopped.wait(0.2)

    two = FakeBoard(bundle.root, faults=dict.fromkeys(range(10), slow))
    boards = {"adb:one": FakeBoard(bundle.root, faults={3: interrupted}), "adb:two": two}
    with pytest.raises(Killed):
        run(bundle, boards, tmp_path, urls=("adb:one", "adb:two"))
    assert len(two.requests) < 10
    assert all(board.ended == ["removed", "closed"] for board in boards.values())
    assert (tmp_path / "journal").stat().st_size > 0


def test_an_interrupt_kills_the_programs_of_other_lanes(bundle, tmp_path):
    """A lane that waits for a program of many minutes ends when another is interrupted, and tidies up by programs."""
    tidied = tmp_path / "tidied"

    class Tidy(FakeBoard):
        def remove_files(self):
            run_program(["touch", str(tidied)], timeout_s=60)
            super().remove_files()

    def sleeping(board, request):
        run_program(["sleep", "600"], timeout_s=600)

    def interrupted(board, request):
        assert boards["adb:two"].at_work.wait(60)
        raise KeyboardInterrupt

    boards = {
        "adb:one": FakeBoard(bundle.root, faults={0: interrupted}),
        "adb:two": Tidy(bundle.root, faults={0: sleeping}),
    }
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(bundle, boards, tmp_path, urls=tuple(boards))
    assert time.monotonic() - started < 300
    assert boards["adb:two"].ended == ["removed", "closed"]
    assert tidied.exists()
    assert run_program(["true"], timeout_s=60).code == 0


@pytest.mark.parametrize(("clean", "ended"), [(False, ["removed", "closed"]), (True, ["cleaned", "closed"])])
def test_the_files_of_a_run_are_removed(bundle, tmp_path, clean, ended):
    """Afterwards the files are gone; with clean, everything is."""
    board = FakeBoard(bundle.root)
    run(bundle, board, tmp_path, clean=clean)
    assert board.ended == ended
    assert board.put_files.count(INT8) == 1


def test_a_journal_that_cannot_be_written_ends_everything(bundle, tmp_path):
    """A full disk is no fault of one device: nothing goes on without a journal, and what was kept can be taken up."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(board, request):
        resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "journal").stat().st_size + 10, limits[1]))

    boards = {"local": FakeBoard(bundle.root, faults={2: fill}), "emulator:max": FakeBoard(bundle.root, cpu="max")}
    try:
        with pytest.raises(EnvironmentProblem, match="no room left on the disk"):
            run(bundle, boards, tmp_path, urls=tuple(boards))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert boards["emulator:max"].requests == []
    boards = {"local": FakeBoard(bundle.root), "emulator:max": FakeBoard(bundle.root, cpu="max")}
    run(bundle, boards, tmp_path, urls=tuple(boards))
    assert len(boards["local"].requests) == 10 - 2


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
