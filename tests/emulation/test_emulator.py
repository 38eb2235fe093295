from __future__ import annotations

import dataclasses
import platform
from pathlib import Path

import numpy as np
import pytest

from edgebert import jsonio
from edgebert.benchmarking.run.devices import connect
from edgebert.device.board import Board
from edgebert.device.protocol import WORKER_SCHEMA, Request
from edgebert.emulation.emulator import ALIASES, check_cpu, cpu_names, open_emulator
from edgebert.emulation.setup import EmulatorFacts, emulator_folder, emulator_state, set_up_emulator
from edgebert.errors import EnvironmentProblem, UsageError
from edgebert.workers.build import runtime_path
from tests.support.elves import program
from tests.support.emulated import emulator_or_skip
from tests.support.fakes import shared_bundle

IDS = ((2, 40, 41, 42, 3), (2, 99, 12, 3), (2, 7, 7, 7, 7, 7, 3))
FILES = (("baseline/float32.onnx", "onnxruntime"), ("baseline/float32.tflite", "litert"))
# mov x0, #7; mov x8, #93 (exit); svc #0
EXIT_7 = (0xD28000E0, 0xD2800BA8, 0xD4000001)


def asking(file: str, runtime: str, **changes: object) -> Request:
    """Return a request for the logits of IDS."""
    request = Request(
        schema=WORKER_SCHEMA,
        file=file,
        runtime=runtime,
        threads=1,
        cores=(),
        pad_id=0,
        series=(),
        warm_up=0,
        runs=0,
        answers=IDS,
    )
    return dataclasses.replace(request, **changes)


def test_the_names_of_cpus_are_read_from_the_list():
    """The list's heading is no CPU, whatever stands in it; other text gives none."""
    listing = b"Available CPUs:\n  a64fx\n  cortex-a53\n  max\n\n"
    assert cpu_names(listing) == ("a64fx", "cortex-a53", "max")
    assert cpu_names(b"\xff\xfe what?\n  not a cpu\n") == ()


@pytest.mark.parametrize("cpu", ["max", "i8mm", "max,sve=off,sme=off"])
def test_a_known_cpu_may_have_options(cpu: str):
    """Names of QEMU, names of ours, and options after a name are accepted."""
    check_cpu(cpu, ("cortex-a53", "max"))


@pytest.mark.parametrize(
    "cpu", ["", "pentium", "max,", "max,sve", "-max", "max sve=off", "max,sve=off\n", "i8mm,sve=on"]
)
def test_an_unknown_cpu_is_refused_with_the_list(cpu: str):
    """Anything else is refused before QEMU sees it, and the hint lists all names."""
    with pytest.raises(UsageError) as caught:
        check_cpu(cpu, ("cortex-a53", "max"))
    assert caught.value.hint == "one of cortex-a53, max, i8mm"


def test_without_a_set_up_one_line_says_what_to_do(tmp_path: Path):
    """An emulator that was never set up is not ready, and opening it names the command that makes it so."""
    ready, sentence = emulator_state(tmp_path)
    assert not ready
    assert "edgebert emulator setup" in sentence
    with pytest.raises(EnvironmentProblem, match="not set up") as caught:
        open_emulator("cortex-a76", cache=tmp_path)
    assert "edgebert emulator setup" in caught.value.hint


@pytest.mark.parametrize("stamp", ["", "{}", "old"])
def test_an_emulator_of_another_version_is_not_used(stamp: str, tmp_path: Path):
    """A stamp that is damaged or of another recipe counts as none."""
    facts = EmulatorFacts(schema=1, recipe="other", running="10", counting="", cannot_count="x")
    emulator_folder(tmp_path).mkdir()
    text = jsonio.dumps(facts) if stamp == "old" else stamp
    (emulator_folder(tmp_path) / "emulator.json").write_text(text)
    assert emulator_state(tmp_path)[0] is False
    assert "another version" in emulator_state(tmp_path)[1]


def test_setting_up_again_changes_nothing():
    """Once it is there a second set-up returns the same facts and makes no file anew."""
    cache = emulator_or_skip()
    stamp = emulator_folder(cache) / "emulator.json"
    before = stamp.stat().st_mtime_ns, runtime_path(cache).stat().st_mtime_ns
    first = set_up_emulator(cache)
    assert first == set_up_emulator(cache)
    if not first.cannot_count:  # a counter that failed is tried again
        assert before == (stamp.stat().st_mtime_ns, runtime_path(cache).stat().st_mtime_ns)
    ready, sentence = emulator_state(cache)
    assert ready
    assert first.running in sentence


def test_only_aarch64_programs_are_emulated(tmp_path: Path):
    """A hand-made aarch64 program runs in the folder of the device, and so does a program of this machine."""
    device, _ = open_emulator("cortex-a53", cache=emulator_or_skip())
    try:
        source = tmp_path / "exit7"
        source.write_bytes(program(EXIT_7))
        source.chmod(0o755)
        device.push(source, "files/exit7")
        assert device.run((f"{device.root}/files/exit7",)).code == 7
        done = device.run(("sh", "-c", "uname -m; ls files"))
        assert done.stdout.decode().split() == [platform.machine(), "exit7"]
    finally:
        device.close()
    assert not Path(device.root).exists()


def test_an_unknown_cpu_is_refused_by_name():
    """The list of CPUs in the hint comes from QEMU itself; options that it does not know are refused in its words."""
    with pytest.raises(UsageError, match="pentium") as caught:
        open_emulator("pentium", cache=emulator_or_skip())
    assert {"cortex-a53", "cortex-a76", "max", *ALIASES} <= set(caught.value.hint.removeprefix("one of ").split(", "))
    with pytest.raises(UsageError, match=r"does not run this CPU: .*tail"):
        open_emulator("max,tail=on", cache=emulator_or_skip())


@pytest.mark.parametrize(
    ("cpu", "has", "lacks"),
    [
        ("cortex-a76", {"asimd", "asimddp"}, {"i8mm", "sve"}),
        ("i8mm", {"asimd", "asimddp", "i8mm"}, {"sve", "sme"}),
    ],
)
def test_a_worker_tells_the_emulated_cpu(cpu: str, has: set[str], lacks: set[str]):
    """Inside, the runtime's own Python sees an aarch64 machine with the features of that CPU, and both runtimes."""
    board = Board(*open_emulator(cpu, cache=emulator_or_skip()))
    try:
        facts = board.facts()
    finally:
        board.close()
    assert (facts.kind, facts.cpu, facts.is_emulated) == ("emulator", cpu, True)
    assert facts.hardware.machine == "aarch64"
    assert has <= set(facts.hardware.features)
    assert not lacks & set(facts.hardware.features)
    assert {name for name, _ in facts.hardware.runtimes} == {"onnxruntime", "litert"}
    assert len(facts.worker) == 64


@pytest.mark.parametrize(("name", "runtime"), FILES)
def test_float_logits_and_ids_are_those_of_this_machine(name: str, runtime: str):
    """A float file gives the same logits, to rounding, on an emulated ARM CPU as on this machine.

    The tokenizer inside the runtime reads the bundle's tokenizer.json, in the same request, and makes the same ids.
    """
    cache, root = emulator_or_skip(), shared_bundle()
    texts = ("The battery is great!", "not good at all, 3/10")
    logits, ids = [], []
    for board in (Board(*open_emulator("cortex-a76", cache=cache)), connect("local", cache=cache)):
        try:
            request = asking(board.put(root / name), runtime, texts=texts, max_length=16)
            request = dataclasses.replace(request, tokenizer=board.put(root / "tokenizer.json"))
            trial = board.work(request, timeout_s=300)
        finally:
            board.close()
        logits.append(np.array([answer["logits"].values for answer in trial.answers]))
        assert trial.tokenized is not None
        ids.append(trial.tokenized.ids)
    assert logits[0].shape == (len(IDS), 2)
    np.testing.assert_allclose(*logits, atol=1e-5)
    assert np.ptp(logits[0], axis=0).min() > 1e-4  # inputs that all answer the same would prove nothing
    assert ids[0] == ids[1]
    assert all(len(found) > 4 for found in ids[0])
