"""Runs that fail or are killed: what they still report, and how they go on."""

from __future__ import annotations

import resource
from dataclasses import replace

import pytest

from edgebert.benchmarking.analysis.scores import score_rows
from edgebert.benchmarking.run.journal import journal_of
from edgebert.benchmarking.run.runner import finish, measure
from edgebert.errors import CheckFailed, DeviceGone, DeviceProblem, EnvironmentProblem, UsageError
from tests.benchmarking.runs import FLOAT, INT8, SUITE, URL, Killed, names, run
from tests.support import fakes
from tests.support.fake_devices import FakeBoard, hardware
from tests.support.tiny_files import logits


def gone(board, request):
    raise DeviceGone("adb:fake: cable pulled")


def broken(board, request):
    raise DeviceProblem("adb:fake: no room on the disk")


def killed(board, request):
    raise Killed


def refused(board, request):
    raise CheckFailed("adb:fake: onnxruntime: bad file")


def test_a_device_that_is_gone_for_a_moment_is_tried_again(bundle, data, tmp_path):
    """Transient failures cost a retry each and are counted; the report is that of a run without them."""
    quiet = run(bundle, FakeBoard(bundle.root), tmp_path, data=data, journal=tmp_path / "quiet")
    board = FakeBoard(bundle.root, faults={0: gone, 4: gone, 5: gone})
    done = run(bundle, board, tmp_path, data=data)
    (measurement,) = done.report.measurements
    assert measurement.retries == 3
    assert names(measurement) == names(quiet.report.measurements[0])
    assert done.gone == ()


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
        measure(
            bundle,
            [URL],
            connect=lambda url: (_ for _ in ()).throw(DeviceProblem("connection refused")),
            journal=tmp_path / "journal",
        )


def test_a_file_that_computes_something_else_is_not_timed(bundle, data, tmp_path):
    """Its golden difference is in the report, with a note and a failure that names device and file; others go on."""
    board = FakeBoard(bundle.root, wrong={INT8: 50.0})
    done = run(bundle, board, tmp_path, suite=replace(SUITE, accuracy=None), data=data)
    (measurement,) = done.report.measurements
    assert {item.file for item in measurement.trials} == {FLOAT}
    wrong = {item.file: item for item in measurement.answers}[INT8]
    assert wrong.golden_difference == pytest.approx(50, abs=1e-4)
    assert wrong.answers == ()
    (misfit,) = done.misfits
    assert misfit.exit_code == 1
    assert misfit.message.startswith(f"{URL}: {INT8} in onnxruntime")
    assert "off by 50" in misfit.message
    assert any(INT8 in note for note in measurement.notes)


def test_a_kernel_that_answers_everything_alike_is_caught(bundle, tmp_path):
    """Equal answers to all golden texts are no model, even within a tolerance that allows for them."""
    board = FakeBoard(bundle.root)
    board._answer = lambda file, ids: logits((0.0,) * len(fakes.LABELS))
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
    done = run(bundle, FakeBoard(bundle.root), tmp_path, suite=other, restart=True)
    assert {len(item.trial.series[0].run_ns) for item in done.report.measurements[0].trials} == {5}


def test_another_device_behind_the_same_url_is_refused(bundle, tmp_path):
    """A run that began on one phone does not go on on another."""
    with pytest.raises(Killed):
        run(bundle, FakeBoard(bundle.root, faults={3: killed}), tmp_path)
    other = FakeBoard(bundle.root, facts=hardware(features=("asimd",)))
    done = run(bundle, other, tmp_path)
    assert "another device" in done.gone[0].message
    assert other.requests == []


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


@pytest.mark.parametrize("fault", [refused, broken])
def test_answers_to_some_of_the_texts_are_not_compared(bundle, data, tmp_path, monkeypatch, fault):
    """A file that fails after some of the texts has no answers in the report, which can be shown all the same."""
    monkeypatch.setattr("edgebert.benchmarking.run.device_run.LARGEST_PART", 4)
    suite = replace(SUITE, accuracy=12)
    done = run(bundle, FakeBoard(bundle.root, faults={6: fault}), tmp_path, suite=suite, data=data)
    scores = {row.file: row for row in score_rows(done.report)}
    assert (scores[FLOAT].examples, scores[INT8].examples) == (12, 0)
    assert scores[FLOAT].score is not None


def test_an_answer_of_another_model_in_a_journal_is_refused(bundle, data, tmp_path):
    """The index of a label that the model does not have is named, and the journal is left as it was."""
    suite = replace(SUITE, accuracy=None)
    with pytest.raises(Killed):
        run(bundle, FakeBoard(bundle.root, faults={4: killed}), tmp_path, suite=suite, data=data)
    journal = tmp_path / "journal"
    text = journal.read_text(encoding="utf-8")
    assert '"answers":[[' in text
    journal.write_text(text.replace('"answers":[[', '"answers":[[9],['), encoding="utf-8")
    before = journal.read_bytes()
    with pytest.raises(UsageError, match=r"journal: \[9\] is no answer of a model of 2 labels"):
        run(bundle, FakeBoard(bundle.root), tmp_path, suite=suite, data=data)
    assert journal.read_bytes() == before
