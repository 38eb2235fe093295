"""``edgebert bench`` and the commands around it: what they print, what they leave, and how they refuse."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from edgebert.benchmarking.report import read_report
from edgebert.benchmarking.run.journal import journal_of
from edgebert.cli.benching import cache_folder
from tests.support import fakes

pytest.importorskip("onnx", reason="writes ONNX files")
pytest.importorskip("onnxruntime", reason="runs them")

QUICK = ("--runtime", "onnxruntime", "--runs", 2, "--warm-up", 0, "--processes", 2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Return labelled texts."""
    rows = [(text, index % 2) for index, text in enumerate(fakes.TEXTS)]
    return fakes.write_data(tmp_path_factory.mktemp("texts") / "dev.tsv", rows)


def test_this_machine_is_measured_from_end_to_end(cli, data, tmp_path):
    """A real worker times both files of a bundle here; the report holds its samples, and a table shows them."""
    out = tmp_path / "report.json"
    outcome = cli("bench", fakes.shared_bundle(), "--eval", data, "--eval-samples", "all", *QUICK, "--out", out)
    assert outcome.code == 0, outcome.err
    report = read_report(out)
    (measurement,) = report.measurements
    assert [item.file for item in measurement.trials] == [
        "baseline/float32.onnx",
        "int8.onnx",
        "int8.onnx",
        "baseline/float32.onnx",
    ]
    assert all(len(series.run_ns) == 2 for item in measurement.trials for series in item.trial.series)
    assert all(item.trial.tokenized.text_ns for item in measurement.trials)
    assert {item.trial.tokenized.ids for item in measurement.trials} == {()}
    assert [len(item.answers) for item in measurement.answers] == [len(fakes.TEXTS)] * 2
    assert measurement.notes == ()
    assert report.texts.name == data.name
    assert "int8.onnx" in outcome.out
    assert str(out) in outcome.err
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


def test_the_report_can_go_to_standard_output(cli, tmp_path):
    """With --json, standard output holds exactly the report that the file holds."""
    out = tmp_path / "report.json"
    outcome = cli("bench", fakes.shared_bundle(), *QUICK, "--out", out, "--json")
    assert outcome.json == json.loads(out.read_text(encoding="utf-8"))


def test_options_win_over_the_suite(cli, tmp_path):
    """A suite file says how to measure, and options change single values of it."""
    suite = tmp_path / "suite.toml"
    suite.write_text("runs = 1\nprocesses = 1\nwarm_up = 0\nthreads = [2]\n", encoding="utf-8")
    out = tmp_path / "report.json"
    outcome = cli(
        "bench", fakes.shared_bundle(), "--suite", suite, "--runtime", "onnxruntime", "--threads", "1,2", "--out", out
    )
    assert outcome.code == 0, outcome.err
    used = read_report(out).suite
    assert (used.threads, used.runs, used.processes, used.warm_up) == ((1, 2), 1, 1, 0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--device", "phone"), "'phone': not a device"),
        (("--device", "local", "--device", "local"), "the devices are local, local"),
        (("--threads", "0"), "threads is 0"),
        (("--threads", "two"), "--threads is 'two'"),
        (("--eval-samples", "50"), "requires right answers"),
        (("--eval-samples", "some"), "--eval-samples is 'some'"),
        (("--cores", "medium"), "cores is 'medium'"),
        (("--runtime", "torch"), "--runtime is 'torch'"),
        (("--file", "int4.onnx"), "no model file 'int4.onnx'"),
        (("--worker", "runtime.tar.gz"), "--worker is for phones and boards"),
        (("--device", "emulator:max", "--python", "python3"), "--python is for devices"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_runs(cli, tmp_path, words, message):
    """A wrong option is one line and exit code 2, and leaves nothing."""
    outcome = cli("bench", fakes.shared_bundle(), *words, "--out", tmp_path / "report.json")
    assert outcome.code == 2
    assert message in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_an_existing_report_is_kept_unless_forced(cli, tmp_path):
    """The place of the report is checked before anything is measured."""
    out = tmp_path / "report.json"
    out.write_text("mine", encoding="utf-8")
    outcome = cli("bench", fakes.shared_bundle(), *QUICK, "--out", out)
    assert outcome.code == 2
    assert "--force" in outcome.err
    assert out.read_text(encoding="utf-8") == "mine"
    assert "not a report" in cli("bench", fakes.shared_bundle(), *QUICK, "--out", out, "--force").err
    assert out.read_text(encoding="utf-8") == "mine"
    out.write_text('{"schema": 1, "measurements": []}', encoding="utf-8")
    assert cli("bench", fakes.shared_bundle(), *QUICK, "--out", out, "--force").code == 0
    assert read_report(out).measurements
    for more in ((), ("--restart",)):
        refused = cli("bench", fakes.shared_bundle(), *QUICK, "--out", out, *more)
        assert (refused.code, "--force" in refused.err) == (2, True), "a finished report is not one to resume"
    assert cli("bench", fakes.shared_bundle(), "--out", tmp_path).code == 2


def test_a_file_that_computes_something_else_fails_the_command(cli, tmp_path):
    """The report is written, says so, and the exit code is 1."""
    bundle = fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
    other = fakes.tiny_checkpoint(tmp_path / "other", seed=1)
    from edgebert.pipeline import export_bundle

    export_bundle(other, tmp_path / "wrong", lengths=fakes.LENGTHS, formats=("onnx",))
    fakes.replace_artifact(bundle, "int8.onnx", (tmp_path / "wrong" / "int8.onnx").read_bytes())
    out = tmp_path / "report.json"
    outcome = cli("bench", bundle, *QUICK, "--out", out)
    assert outcome.code == 1
    assert "local: int8.onnx in onnxruntime, not measured: computes another model" in outcome.err
    (measurement,) = read_report(out).measurements
    assert {item.file for item in measurement.trials} == {"baseline/float32.onnx"}
    assert not journal_of(out).exists()


def test_a_device_that_cannot_be_reached_fails_the_command_after_the_others(cli, tmp_path, monkeypatch):
    """What could be measured is written; the exit code is 3, and the journal waits for the other device."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "report.json"
    words = (
        "bench",
        fakes.shared_bundle(),
        *QUICK,
        "--device",
        "local",
        "--device",
        "emulator:cortex-a76",
        "--out",
        out,
    )
    outcome = cli(*words)
    assert outcome.code == 3
    assert "emulator setup" in outcome.err
    assert len(read_report(out).measurements) == 1
    assert journal_of(out).exists()
    assert "run the same command again" in outcome.err
    again = cli(*words)
    assert again.code == 3
    assert "measuring" not in again.err, "what was measured is not measured again"
    over = cli(*words, "--restart")
    assert over.code == 3
    assert "measuring" in over.err, "and with --restart it is"
    assert len(read_report(out).measurements) == 1


def steps_in(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_goes_on_where_it_was(cli, program, tmp_path, sign):
    """Interrupted or killed, the same command makes only the trials that are missing; an interrupt says so."""
    out, whole = tmp_path / "report.json", 6
    words = [
        "bench",
        fakes.shared_bundle(),
        "--runtime",
        "onnxruntime",
        "--runs",
        1,
        "--processes",
        whole,
        "--out",
        out,
    ]
    with program(*words) as running:
        deadline = time.monotonic() + 120
        while steps_in(journal_of(out)) < 6 and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(sign)
        _, err = running.communicate(timeout=60)
    assert not out.exists()
    before = steps_in(journal_of(out))
    assert 6 <= before < 2 * whole
    if sign != signal.SIGKILL:
        assert running.returncode == 128 + sign
        assert "run the same command again to resume" in err
        assert "Traceback" not in err
    kept = journal_of(out).read_bytes()
    at = words.index("--runs")
    refused = cli(*words[:at], "--runs", 2, *words[at + 2 :])
    assert refused.code == 2
    assert "--restart" in refused.err
    assert journal_of(out).read_bytes() == kept
    outcome = cli(*words)
    assert outcome.code == 0, outcome.err
    (measurement,) = read_report(out).measurements
    assert [item.order for item in measurement.trials] == list(range(2 * whole))
    assert not journal_of(out).exists()


def test_devices_are_listed_with_what_is_missing(cli, tmp_path, monkeypatch):
    """This machine is always there; what cannot be used has a reason and a hint."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    outcome = cli("devices", "--json")
    assert outcome.code == 0
    found = {item["url"]: item for item in outcome.json}
    assert found["local"]["ok"]
    assert all(item["why"] and item["hint"] for item in found.values() if not item["ok"])
    assert "local" in cli("devices").out


def test_an_existing_runtime_is_kept_unless_forced(cli, tmp_path):
    """Building a worker refuses a file that is there before it fetches anything."""
    out = tmp_path / "runtime.tar.gz"
    out.write_text("mine", encoding="utf-8")
    outcome = cli("runtime", "build", "--out", out)
    assert outcome.code == 2
    assert "--force" in outcome.err
    assert out.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(("given", "below"), [("", ".cache"), ("relative", ".cache"), ("/somewhere", "")])
def test_the_cache_follows_the_environment(monkeypatch, tmp_path, given, below):
    """An absolute ``XDG_CACHE_HOME`` is used; without one, or with a relative one, it is ~/.cache."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    assert cache_folder() == (tmp_path / below if below else Path(given)) / "edgebert"
