from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import edgebert.ondevice
from edgebert import jsonio
from edgebert.device.protocol import WORKER_SCHEMA, HardwareFacts, Request, Series, Trial
from edgebert.manifest import TextSpec
from edgebert.ondevice.session import FORMATS
from edgebert.parity import to_tensors
from edgebert.runtime import installed_version, open_runner
from edgebert.text import open_encoder
from tests.support import fakes
from tests.support.tiny_files import logits, write_onnx, write_tflite

ROOT = Path(__file__).parents[2]
WORDS = [sys.executable, "-m", "edgebert.ondevice"]
WRITERS = {"onnxruntime": write_onnx, "litert": write_tflite}
HERE = sorted(os.sched_getaffinity(0))


@pytest.fixture(params=WRITERS)
def runtime(request: pytest.FixtureRequest) -> str:
    """A runtime that is installed."""
    if installed_version(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


def asked(file: Path, runtime: str, **changes: object) -> Request:
    plain = {
        "schema": WORKER_SCHEMA,
        "file": str(file),
        "runtime": runtime,
        "threads": 1,
        "cores": (),
        "pad_id": 0,
        "series": (),
        "warm_up": 0,
        "runs": 0,
    }
    return Request(**plain | changes)


def work(request: Request | bytes, **how: Any) -> dict[str, Any]:
    """Run the worker on a request in a process of its own and return its payload, checked against the header."""
    content = request if isinstance(request, bytes) else jsonio.dumps(request).encode("utf-8")
    done = subprocess.run([*WORDS, "run"], input=content, capture_output=True, timeout=300, **{"cwd": ROOT} | how)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    return payload_of(done.stdout)


def payload_of(stdout: bytes) -> dict[str, Any]:
    """Return the payload of all that a worker printed, which must be one frame."""
    header, content, rest = stdout.split(b"\n")
    assert rest == b""
    assert header.decode() == f"edgebert-worker {len(content)} {hashlib.sha256(content).hexdigest()}"
    return json.loads(content)


def test_the_worker_answers_as_a_session_in_this_process_does(runtime: str):
    """On a real bundle, the logits of a worker equal those of a runner here, bit for bit; so do its tokenizer's ids."""
    bundle = fakes.shared_bundle()
    spec = TextSpec(lower_case=True, max_length=16, lengths=fakes.LENGTHS, pad_id=0, cls_id=2, sep_id=3, unk_id=1)
    encoder = open_encoder(bundle / "tokenizer.json", 16)
    ids = tuple(encoder.encode(text) for text in fakes.TEXTS)
    for name in (f"int8.{FORMATS[runtime]}", f"baseline/float32.{FORMATS[runtime]}"):
        runner = open_runner(bundle / name, runtime=runtime, spec=spec, task="text-classification")
        request = asked(
            bundle / name,
            runtime,
            cores=(HERE[-1],),
            series=(Series(name="all", inputs=ids), Series(name="8", inputs=ids[:1])),
            warm_up=1,
            runs=len(ids) + 1,
            answers=ids,
            tokenizer=str(bundle / "tokenizer.json"),
            max_length=16,
            texts=fakes.TEXTS,
            marks=True,
        )
        trial = jsonio.from_plain(Trial, work(request), source="worker")
        assert trial.answers == tuple(to_tensors(runner.run(one)) for one in ids)
        assert trial.tokenized is not None
        assert trial.tokenized.ids == ids
        assert [len(one.run_ns) for one in trial.series] == [len(ids) + 1] * 2
        assert trial.cores == (HERE[-1],)


def test_the_worker_describes_its_machine():
    """``describe`` answers in the same frame, with facts that the host reads."""
    done = subprocess.run([*WORDS, "describe"], capture_output=True, cwd=ROOT, timeout=300)
    facts = jsonio.from_plain(HardwareFacts, payload_of(done.stdout), source="worker")
    assert set(HERE) <= {core.number for core in facts.cores}
    assert dict(facts.runtimes) == {name: version for name in FORMATS if (version := installed_version(name))}


def test_the_worker_travels_alone(runtime: str, tmp_path: Path):
    """The folder, copied without the rest of edgebert, runs from there and imports nothing else."""
    board = tmp_path / "board"
    shutil.copytree(Path(edgebert.ondevice.__file__).parent, board / "edgebert" / "ondevice")
    file = WRITERS[runtime](tmp_path / f"int8.{FORMATS[runtime]}")
    environment = {"PATH": os.defpath, "PYTHONPATH": str(board), "PYTHONDONTWRITEBYTECODE": "1"}
    code = "import edgebert; print(edgebert.__file__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path)
    if found.stdout != "None\n":
        # An installed edgebert goes before a folder without __init__.py: keep its site folder out.
        site = tmp_path / "site"
        site.mkdir()
        for name in ("numpy", "onnxruntime", "ai_edge_litert"):
            module = pytest.importorskip(name)
            for entry in Path(module.__path__[0]).parent.glob(f"{name}*"):
                (site / entry.name).symlink_to(entry)
        environment["PYTHONPATH"] = os.pathsep.join(map(str, (board, site)))
        words = [sys.executable, "-S", "-m", "edgebert.ondevice"]
        found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, env=environment, cwd=tmp_path)
        assert found.stdout == b"None\n", found.stderr
    else:
        words = WORDS
    request = jsonio.dumps(asked(file, runtime, answers=((2, 9, 3),))).encode("utf-8")
    done = subprocess.run([*words, "run"], input=request, capture_output=True, env=environment, cwd=tmp_path)
    assert jsonio.from_plain(Trial, payload_of(done.stdout), source="worker").answers == (
        logits((14 / 256, -14 / 128)),
    )
    done = subprocess.run([*words, "describe"], capture_output=True, env=environment, cwd=tmp_path)
    assert runtime in dict(payload_of(done.stdout)["runtimes"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the request is not JSON"),
        (jsonio.dumps(asked(Path("int8.onnx"), "onnxruntime")).encode()[:-40], "the request is not JSON"),
        (b'{"schema": 9}', "schema is 9"),
        (jsonio.dumps(asked(Path("int8.onnx"), "onnxruntime", cores=(4000,))).encode(), "cores: cannot run on 4000"),
        (jsonio.dumps(asked(Path("gone.onnx"), "onnxruntime")).encode(), "there is no file gone.onnx"),
    ],
    ids=["empty", "truncated", "other schema", "no such core", "no such file"],
)
def test_a_bad_request_is_answered(content: bytes, message: str):
    """A request that cannot be carried out has an answer that says so, and exit code 0."""
    payload = work(content)
    assert payload.keys() == {"schema", "error"}
    assert payload["error"]["kind"] == "bad-request"
    assert payload["error"]["message"].startswith(message)


def test_a_closed_input_is_a_bad_request():
    """Without any standard input there is no request, and an answer that says so."""
    words = ["sh", "-c", 'exec "$@" <&-', "sh", *WORDS, "run"]
    done = subprocess.run(words, capture_output=True, cwd=ROOT, timeout=300)
    assert payload_of(done.stdout)["error"]["kind"] == "bad-request"


@pytest.mark.parametrize("stderr", ["open", "closed"])
def test_what_a_library_prints_is_not_in_the_answer(stderr: str, tmp_path: Path):
    """What a runtime writes to standard output and error while it is imported goes to standard error, or nowhere."""
    (tmp_path / "onnxruntime.py").write_text(
        "import os\nos.write(1, b'loud\\n')\nos.write(2, b'loud too\\n')\nprint('louder', flush=True)\n",
        encoding="utf-8",
    )
    file = tmp_path / "int8.onnx"
    file.touch()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    words = [*WORDS, "run"] if stderr == "open" else ["sh", "-c", 'exec "$@" 2>&-', "sh", *WORDS, "run"]
    content = jsonio.dumps(asked(file, "onnxruntime")).encode()
    done = subprocess.run(words, input=content, capture_output=True, env=environment, cwd=tmp_path, timeout=300)
    assert payload_of(done.stdout)["error"]["kind"] == "runtime-absent"
    if stderr == "open":
        assert done.stderr.splitlines()[:2] == [b"loud", b"loud too"]
        assert b"louder" in done.stderr


def test_numpy_that_does_not_import_is_an_answer(tmp_path: Path):
    """A board without a working numpy hears so, in a request as in a description."""
    (tmp_path / "numpy.py").write_text("raise ImportError('no numpy here')\n", encoding="utf-8")
    file = tmp_path / "int8.onnx"
    file.touch()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    error = work(asked(file, "onnxruntime"), env=environment)["error"]
    assert error == {"kind": "runtime-absent", "message": "numpy does not import: no numpy here"}
    done = subprocess.run([*WORDS, "describe"], capture_output=True, env=environment, cwd=tmp_path, timeout=300)
    facts = payload_of(done.stdout)
    assert facts["runtimes"] == []
    assert len(facts["absent"]) == 3


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_ended_answers_nothing(how: signal.Signals, tmp_path: Path):
    """Killed, terminated or interrupted in the middle of its runs, it leaves no header and no traceback."""
    if installed_version("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed")
    file = write_onnx(tmp_path / "int8.onnx")
    request = asked(file, "onnxruntime", series=(Series(name="all", inputs=((2, 3),)),), runs=2**31 - 1)
    process = subprocess.Popen(
        [*WORDS, "run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdin is not None
    process.stdin.write(jsonio.dumps(request).encode("utf-8"))
    process.stdin.close()
    process.stdin = None
    # The model file is mapped or read once the runtime is there: by then the runs are about to begin.
    maps, limit = Path(f"/proc/{process.pid}/maps"), time.monotonic() + 120
    while "onnxruntime" not in maps.read_text(encoding="utf-8") and time.monotonic() < limit:
        time.sleep(0.02)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(how)
    stdout, stderr = process.communicate(timeout=60)
    assert (stdout, stderr) == (b"", b"")
    assert process.returncode == -how


def test_a_host_that_has_gone_is_no_traceback(tmp_path: Path):
    """When nobody reads the answer any more the worker ends with code 1 and says nothing."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*WORDS, "describe"], stdout=writer, stderr=subprocess.PIPE, cwd=ROOT, timeout=300)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("words", [[], ["fly"], ["run", "now"], ["--help"]])
def test_an_unknown_command_shows_the_usage(words: list[str]):
    """Anything but ``run`` and ``describe`` is told what there is, with code 2 and no answer."""
    done = subprocess.run([*WORDS, *words], capture_output=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"usage: python -m edgebert.ondevice run")


def test_an_input_of_a_million_tokens_is_an_answer(runtime: str):
    """An input far beyond what the file takes is refused by the worker or by the runtime, in one line."""
    bundle = fakes.shared_bundle()
    error = work(asked(bundle / f"int8.{FORMATS[runtime]}", runtime, answers=((5,) * 10**6,)))["error"]
    assert error["kind"] in ({"bad-request"} if runtime == "litert" else {"runtime-failure", "out-of-memory"})
    assert error["message"]
    assert "\n" not in error["message"]


def limited(megabytes: int) -> list[str]:
    """Return the words that run the worker with so much address space."""
    return ["sh", "-c", f'ulimit -v {megabytes * 1024}; exec "$@"', "sh", *WORDS, "run"]


@pytest.mark.parametrize("megabytes", [60, 150, 300])
def test_too_little_memory_is_an_answer_or_an_end(megabytes: int, runtime: str, tmp_path: Path):
    """Under a memory limit the worker says what failed, or is ended by a library; it never shows a traceback."""
    file = WRITERS[runtime](tmp_path / f"int8.{FORMATS[runtime]}")
    content = jsonio.dumps(asked(file, runtime, answers=((2, 3),))).encode()

    done = subprocess.run(limited(megabytes), input=content, capture_output=True, cwd=ROOT, timeout=300)
    assert b"Traceback" not in done.stderr
    if done.returncode == 0:
        payload = payload_of(done.stdout)
        if "error" in payload:
            assert payload["error"]["kind"] in ("out-of-memory", "runtime-failure", "runtime-absent")
            assert payload["error"]["message"]
    else:
        assert done.stdout == b""
        assert done.returncode < 0, done.stderr


def test_python_without_memory_is_an_answer():
    """When Python itself finds no memory for the request, the kind is ``out-of-memory``."""
    content = b'{"schema": 2, "texts": [' + b'"", ' * 2_000_000 + b'""]}'
    done = subprocess.run(limited(40), input=content, capture_output=True, cwd=ROOT, timeout=300)
    assert b"Traceback" not in done.stderr
    assert payload_of(done.stdout)["error"] == {"kind": "out-of-memory", "message": "the worker ran out of memory"}
