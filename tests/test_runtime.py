from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.errors import CheckFailed, MissingExtraError, UsageError, install_hint
from edgebert.ondevice import session as ondevice
from edgebert.runtime import RUNTIMES, Runner, default_runtime, installed_version, open_runner, present_runtimes
from tests.support.tiny_files import SPEC, answer, write_bundle, write_onnx, write_tflite

ROOT = Path(__file__).parents[1]
WRITERS = {"onnxruntime": write_onnx, "litert": write_tflite}
MAKERS = {"onnxruntime": "onnx", "litert": "ai_edge_litert.schema_py_generated"}
FILES = {"onnxruntime": "int8.onnx", "litert": "int8.tflite", "tflite-runtime": "int8.tflite"}
HERE = [
    pytest.param(name, marks=pytest.mark.skipif(installed_version(name) is None, reason=f"{name} is not installed"))
    for name in WRITERS
]


def open_tiny(folder: Path, runtime: str, **how: object) -> Runner:
    """Return a tiny file, made as ``how`` says, open in a runtime."""
    pytest.importorskip(MAKERS[runtime], reason="makes the tiny files")
    return open_runner(
        WRITERS[runtime](folder / FILES[runtime], **how), runtime=runtime, spec=SPEC, task="text-classification"
    )


@pytest.fixture(scope="module", params=HERE)
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return a tiny file open in each runtime that is installed."""
    return open_tiny(tmp_path_factory.mktemp("runtime"), request.param)


@given(ids=st.lists(st.integers(0, 500), min_size=1, max_size=SPEC.max_length))
@settings(max_examples=30)
def test_the_answer_is_that_of_the_file(runner: Runner, ids: list[int]):
    """The logits are float32 [labels] of the text alone, whatever the padding of the signature that it is run in."""
    logits = runner.run(ids)["logits"]
    assert logits.dtype == np.float32
    assert logits.tolist() == list(answer(ids))


def test_an_answer_outlives_the_next_one(runner: Runner):
    """Logits are a copy of their own: running another text does not change them."""
    first = runner.run([2, 3])["logits"]
    for ids in ([2, 9, 9, 3], [2, 9, 9, 9, 9, 3], [2, 7]):
        runner.run(ids)["logits"]
    assert first.tolist() == list(answer([2, 3]))


def test_the_session_knows_its_runtime(runner: Runner):
    """Version and accepted lengths are those of the package and of the file."""
    session = runner.session
    assert session.version == installed_version(session.runtime)
    assert session.lengths == (() if session.runtime == "onnxruntime" else SPEC.lengths)


@pytest.mark.parametrize("runtime", ["", "torch", "ONNXRUNTIME", "tflite", "litert "])
def test_an_unknown_runtime_lists_those_there_are(runtime: str, tmp_path: Path):
    """A name that is no runtime's is an error of the request."""
    with pytest.raises(UsageError, match=f"unknown runtime {runtime!r}") as caught:
        open_runner(tmp_path / "int8.onnx", runtime=runtime, spec=SPEC, task="text-classification")
    assert caught.value.hint == "known: onnxruntime, litert, tflite-runtime"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_file_of_another_format_is_refused(runtime: str, tmp_path: Path):
    """A runtime is asked for files of its own format only, installed or not."""
    other = "int8.onnx" if ondevice.FORMATS[runtime] == "tflite" else "int8.tflite"
    for name in (other, "int8", "int8.onnx.bak"):
        with pytest.raises(UsageError, match=f"{runtime} does not run {name}") as caught:
            open_runner(tmp_path / name, runtime=runtime, spec=SPEC, task="text-classification")
        assert caught.value.hint == f"it runs .{ondevice.FORMATS[runtime]} files"


@pytest.mark.parametrize("runtime", HERE)
@pytest.mark.parametrize("content", [None, b"", b"not a model", b"\x00" * 4096, b"\x1c\x00\x00\x00TFL3" + b"\xff" * 64])
def test_a_file_that_does_not_load_is_named(content: bytes | None, runtime: str, tmp_path: Path):
    """A file that is missing, empty or of other bytes fails the check in one line with its name and the runtime's."""
    path = tmp_path / FILES[runtime]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckFailed, match=f"^{path.name}: {runtime} does not load it: ") as caught:
        open_runner(path, runtime=runtime, spec=SPEC, task="text-classification")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("runtime", HERE)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("position", [0, 1])
def test_an_answer_that_is_no_number_fails(runtime: str, value: float, position: int, tmp_path: Path):
    """NaN and infinities among the logits fail the check, naming file and runtime."""
    scale = [1.0, 1.0]
    scale[position] = value
    opened = open_tiny(tmp_path, runtime, scale=scale)
    with pytest.raises(CheckFailed, match=rf"^{FILES[runtime]}: {runtime} [\d.]+ gives NaN or infinite logits"):
        opened.run([2, 3])["logits"]


@pytest.mark.parametrize("runtime", HERE)
def test_a_file_of_other_outputs_fails(runtime: str, tmp_path: Path):
    """A model whose output is not called logits fails the check when it is opened or when it is run."""

    def run() -> None:
        open_tiny(tmp_path, runtime, output="scores").run([2, 3])

    with pytest.raises(CheckFailed, match=f"{FILES[runtime]}: {runtime}.*logits"):
        run()


@pytest.mark.parametrize("prefix", ["serving", "len²", "len-"])
def test_a_tflite_file_without_our_signatures_fails(prefix: str, tmp_path: Path):
    """A TFLite file whose signatures are not called len<tokens> does not load."""
    if installed_version("litert") is None:
        pytest.skip("litert is not installed")
    with pytest.raises(CheckFailed, match="no signatures named len<tokens>"):
        open_tiny(tmp_path, "litert", prefix=prefix)


def test_signatures_may_stand_in_any_order(tmp_path: Path):
    """The lengths of a TFLite file are ascending, however its signatures are."""
    if installed_version("litert") is None:
        pytest.skip("litert is not installed")
    opened = open_tiny(tmp_path, "litert", lengths=(8, 2, 4))
    assert opened.session.lengths == (2, 4, 8)
    assert opened.run([2, 3])["logits"].tolist() == list(answer([2, 3]))


def test_a_text_longer_than_every_signature_fails(tmp_path: Path):
    """A file whose signatures are shorter than the text spec allows is a file that does not fit its bundle."""
    if installed_version("litert") is None:
        pytest.skip("litert is not installed")
    opened = open_tiny(tmp_path, "litert", lengths=(2, 4))
    with pytest.raises(CheckFailed, match=r"^int8\.tflite: no signature for the text: 5 tokens do not fit into 4"):
        opened.run([2, 9, 9, 9, 3])["logits"]


@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if installed_version(name) is None])
def test_an_absent_runtime_is_named_with_the_line_that_installs_it(runtime: str, tmp_path: Path):
    """A runtime that is not installed is a problem of the environment, and the hint names its extra."""
    path = tmp_path / FILES[runtime]
    path.write_bytes(b"")
    with pytest.raises(
        MissingExtraError, match=f"the package '{ondevice.PACKAGES[runtime]}' is not installed"
    ) as caught:
        open_runner(path, runtime=runtime, spec=SPEC, task="text-classification")
    extra = "tflite-runtime" if runtime == "tflite-runtime" else "runtimes"
    assert caught.value.hint == install_hint(extra)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("file_format", ["onnx", "tflite"])
def test_the_default_runtime_is_the_first_that_is_present(file_format: str):
    """Of the installed runtimes for a format the first of the list is taken; without any, the extra is named."""
    present = present_runtimes(file_format)
    expected = [name for name in RUNTIMES if ondevice.FORMATS[name] == file_format and installed_version(name)]
    assert list(present) == expected
    if present:
        assert default_runtime(file_format) == present[0]
    else:
        with pytest.raises(MissingExtraError, match=r"running .* files"):
            default_runtime(file_format)


BARE = """
import sys
from pathlib import Path
from edgebert.errors import EdgebertError
from edgebert.runtime import default_runtime, open_runner
from tests.support.tiny_files import SPEC

blocked = {"onnxruntime", "ai_edge_litert", "tflite_runtime"}


class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ImportError(f"{name} does not import here")


sys.meta_path.insert(0, Refuse())
try:
    open_runner(Path(sys.argv[1]), runtime=sys.argv[2], spec=SPEC, task="text-classification")
except EdgebertError as error:
    print(type(error).__name__, error.exit_code, error.message)
"""


@pytest.mark.parametrize("runtime", HERE)
def test_a_runtime_that_is_installed_but_does_not_import_says_so(runtime: str, tmp_path: Path):
    """A package that is there and fails to import is a problem of the environment, told apart from an absent one."""
    done = run_child(BARE, tmp_path / FILES[runtime], runtime)
    expected = f"EnvironmentProblem 3 {ondevice.PACKAGES[runtime]} is installed but does not import: "
    assert done.stdout.startswith(expected), done.stderr


# ----------------------------------------------------------------------------------------------------------- telemetry

WATCH = """
import os, sys

seen = []


def watch(event, arguments):
    if event == "import" and arguments[0].partition(".")[0] == "onnxruntime":
        seen.append((arguments[0], os.environ.get("ORT_DISABLE_TELEMETRY")))


sys.addaudithook(watch)
"""

REPORT = """
assert seen and seen[0][0] == "onnxruntime", seen
assert "onnxruntime" in sys.modules
print("values:", sorted({str(value) for _, value in seen}))
"""

BY_SESSION = """
import numpy as np
from edgebert.ondevice.session import open_session

session = open_session(sys.argv[1] + "/int8.onnx", "onnxruntime")
ids = np.array([[2, 3]], np.int32)
print("logits:", session.run(ids, np.ones_like(ids))["logits"].tolist())
"""

BY_LIBRARY = """
from edgebert import predict

print("label:", predict(sys.argv[1], ["good"])[0].label)
"""

BY_COMMAND = """
from edgebert.cli.app import main

try:
    main(["predict", sys.argv[1], "good"])
except SystemExit as end:
    assert not end.code, end.code
"""

DOORS = pytest.mark.parametrize("door", [BY_SESSION, BY_LIBRARY, BY_COMMAND], ids=["session", "library", "command"])


def run_child(code: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter in which telemetry was not switched off from outside."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    return subprocess.run(
        [*prefix, sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(ROOT)},
        timeout=300,
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of tiny ONNX files."""
    pytest.importorskip("onnx", reason="onnx makes the tiny files")
    pytest.importorskip("onnxruntime", reason="onnxruntime runs the tiny files")
    root = tmp_path_factory.mktemp("telemetry") / "bundle"
    write_bundle(root)
    return root


@DOORS
def test_telemetry_is_off_before_onnxruntime_is_imported(door: str, bundle: Path):
    """Every import of onnxruntime or a part of it, the first included, finds ORT_DISABLE_TELEMETRY set to 1."""
    done = run_child(WATCH + door + REPORT, bundle)
    assert done.returncode == 0, done.stderr
    assert "values: ['1']" in done.stdout


@DOORS
def test_telemetry_stays_off_when_the_environment_says_otherwise(door: str, bundle: Path):
    """A variable that switches telemetry on, or leaves it open, is overruled."""
    for value in ("0", "", "false"):
        start = f"import os\nos.environ['ORT_DISABLE_TELEMETRY'] = {value!r}\n"
        done = run_child(start + WATCH + door + REPORT, bundle)
        assert done.returncode == 0, done.stderr
        assert "values: ['1']" in done.stdout


@DOORS
def test_an_inference_needs_no_network(door: str, bundle: Path):
    """In a network namespace of its own, which has no network at all, the answer is the same."""
    alone = ("unshare", "--net", "--map-root-user")
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare of util-linux")
    probe = subprocess.run([*alone, "cat", "/proc/net/dev"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"may not make a network namespace here: {probe.stderr.strip()}")
    assert [line.split(":")[0].strip() for line in probe.stdout.splitlines()[2:]] in (["lo"], [])
    inside, outside = run_child(f"import sys\n{door}", bundle, prefix=alone), run_child(f"import sys\n{door}", bundle)
    assert inside.returncode == 0, inside.stderr
    assert inside.stdout == outside.stdout != ""


@DOORS
def test_an_inference_opens_no_connection(door: str, bundle: Path, tmp_path: Path):
    """Traced, loading the runtime and running it connects and sends to no address of a network."""
    trace = tmp_path / "trace"
    traced = ("strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg,bind,listen", "-o", str(trace))
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    if (probe := subprocess.run([*traced, "true"], capture_output=True, text=True)).returncode:
        pytest.skip(f"may not trace a process here: {probe.stderr.strip()}")
    done = run_child(f"import sys\n{door}", bundle, prefix=traced)
    assert done.returncode == 0, done.stderr
    calls = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    assert [line for line in calls if "AF_INET" in line] == []


def test_the_trace_would_show_a_connection(tmp_path: Path):
    """The instrument of the test above sees a connection when there is one."""
    trace = tmp_path / "trace"
    traced = ("strace", "-f", "-qq", "-e", "trace=connect", "-o", str(trace))
    if shutil.which("strace") is None or subprocess.run([*traced, "true"], capture_output=True).returncode:
        pytest.skip("needs strace, and the right to trace a process")
    run_child("import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))", prefix=traced)
    assert "AF_INET" in trace.read_text(encoding="utf-8", errors="replace")


def test_a_bundle_predicts_through_the_command(bundle: Path):
    """The tiny bundle answers on the command line as its model does by hand."""
    done = run_child(
        "import sys\nfrom edgebert.cli.app import main\nmain(sys.argv[1:])", "predict", bundle, "good", "--json"
    )
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)
    assert found["label"] == "negative"
