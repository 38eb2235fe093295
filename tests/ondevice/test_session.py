from __future__ import annotations

import ast
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgebert.ondevice.session as module
from edgebert.ondevice.session import (
    FORMATS,
    PACKAGES,
    RUNTIMES,
    RuntimeAbsent,
    RuntimeFailure,
    cpu_name,
    import_runtime,
    open_session,
    saturates,
    unpadded,
)
from edgebert.runtime import installed_version
from tests.support.tiny_files import SCALE, answer, write_onnx, write_tflite

SOURCE = Path(module.__file__)
WRITERS = {"onnxruntime": write_onnx, "litert": write_tflite}
MAKERS = {"onnxruntime": "onnx", "litert": "ai_edge_litert.schema_py_generated"}


def write_file(folder: Path, runtime: str) -> str:
    """Write a tiny file for a runtime and return its path as text."""
    pytest.importorskip(MAKERS[runtime], reason="makes the tiny files")
    if installed_version(runtime) is None:
        pytest.skip(f"{runtime} is not installed")
    return str(WRITERS[runtime](folder / f"int8.{FORMATS[runtime]}"))


def feed(length: int, *ids: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and mask, int32 [1, length]."""
    rows = np.zeros((2, 1, length), np.int32)
    rows[0, 0, : len(ids)] = ids
    rows[1, 0, : len(ids)] = 1
    return rows[0], rows[1]


def test_the_worker_is_python_3_9():
    """The file parses with the grammar of Python 3.9, and evaluates no annotation that 3.9 does not know."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 9))
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


ALONE = """
import sys

before = set(sys.modules)
import session

loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
foreign = loaded - set(sys.stdlib_module_names) - {"numpy", "session"}
# Compiled parts of numpy bear names of their own.
foreign = {name for name in foreign if "numpy" not in str(getattr(sys.modules[name], "__file__", ""))}
assert not foreign, foreign
import numpy as np

opened = session.open_session(sys.argv[1], sys.argv[2])
ids = np.array([[2, 9, 9, 3]], np.int32)
print(opened.run(ids, np.ones_like(ids))["logits"].tolist(), "edgebert" in sys.modules)
"""


@pytest.mark.parametrize("runtime", WRITERS)
def test_the_worker_travels_alone(runtime: str, tmp_path: Path):
    """Copied to a folder of its own, the file imports only the standard library and numpy, and runs a model."""
    path = write_file(tmp_path, runtime)
    board = tmp_path / "board"
    board.mkdir()
    shutil.copy(SOURCE, board / "session.py")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [sys.executable, "-c", ALONE, path, runtime]
    done = subprocess.run(words, capture_output=True, text=True, cwd=board, env=environment, timeout=300)
    assert done.stdout == f"{[list(answer([2, 9, 9, 3]))]} False\n", done.stderr


def test_every_runtime_has_a_format_and_a_package():
    """The tables name each runtime once."""
    assert set(RUNTIMES) == set(FORMATS) == set(PACKAGES)
    assert len(set(RUNTIMES)) == len(RUNTIMES)


@pytest.mark.parametrize("runtime", WRITERS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_maps_ids_to_logits(runtime: str, threads: int, tmp_path: Path):
    """Ids and mask, int32 [1, length], become float32 [1, labels]; masked ids do not count."""
    session = open_session(write_file(tmp_path, runtime), runtime, threads)
    input_ids, mask = feed(8, 2, 10, 3)
    input_ids[0, 3:] = 77
    found = session.run(input_ids, mask)["logits"]
    assert found.dtype == np.float32
    assert found.tolist() == [list(answer([2, 10, 3]))]
    assert (session.runtime, session.version) == (runtime, installed_version(runtime))


@given(tokens=st.integers(1, 6), padding=st.integers(0, 4), width=st.integers(1, 3))
def test_only_outputs_with_a_row_for_each_token_lose_those_of_padding(tokens: int, padding: int, width: int):
    """However many labels there are, an output is cropped only where it is said to have a row for each token."""
    rows = np.arange(float((tokens + padding) * width), dtype=np.float32).reshape(1, tokens + padding, width)
    found = unpadded({"rows": rows, "whole": rows, "pooled": rows[:, 0]}, tokens=tokens, token_outputs=["rows"])
    assert {name: array.shape for name, array in found.items()} == {
        "rows": (tokens, width),
        "whole": (tokens + padding, width),
        "pooled": (width,),
    }
    assert found["rows"].tolist() == rows[0, :tokens].tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_padding_computes_need_not_be_finite(value: float):
    """A number that is not finite is a failure in the row of a token, and nothing in one of padding."""
    rows = np.array([[[1.0], [2.0], [value]]], dtype=np.float32)
    assert unpadded({"rows": rows}, tokens=2, token_outputs=["rows"])["rows"].tolist() == [[1.0], [2.0]]
    with pytest.raises(RuntimeFailure, match="gives NaN or infinite rows"):
        unpadded({"rows": rows}, tokens=3, token_outputs=["rows"])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 3), (1, 2, 4)])
def test_outputs_of_another_shape_are_a_failure(shape: tuple[int, ...]):
    """No batch of one, or fewer rows than tokens: the shape is named."""
    with pytest.raises(RuntimeFailure, match=r"gives 'rows' the shape .* for 3 tokens"):
        unpadded({"rows": np.zeros(shape, np.float32)}, tokens=3, token_outputs=["rows"])


@pytest.mark.parametrize("runtime", WRITERS)
def test_what_the_runtime_refuses_is_one_kind_of_failure(runtime: str, tmp_path: Path):
    """Arrays of another rank (ONNX), and a length that no signature has (TFLite), are failures in one line."""
    session = open_session(write_file(tmp_path, runtime), runtime)
    wrong = np.zeros((1, 5) if session.lengths else (1, 5, 2), np.int32)
    with pytest.raises(RuntimeFailure) as caught:
        session.run(wrong, wrong)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    assert session.run(*feed(4, 2, 3))["logits"].tolist() == [list(answer([2, 3]))]


@pytest.mark.parametrize("runtime", WRITERS)
def test_a_failure_to_load_says_nothing_on_its_own(runtime: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """A file that does not load is an exception with a text; the runtime prints no log beside it."""
    write_file(tmp_path, runtime)
    broken = tmp_path / f"broken.{FORMATS[runtime]}"
    broken.write_bytes(b"nothing of the kind")
    capfd.readouterr()
    with pytest.raises(RuntimeFailure) as caught:
        open_session(str(broken), runtime)
    assert str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_an_absent_runtime_is_told_apart(tmp_path: Path):
    """A runtime that does not import is not a failure of the file."""
    absent = [name for name in RUNTIMES if installed_version(name) is None]
    if not absent:
        pytest.skip("every runtime is installed here")
    for runtime in absent:
        with pytest.raises(RuntimeAbsent, match=r"\w"):
            open_session(str(tmp_path / f"int8.{FORMATS[runtime]}"), runtime)


def test_a_runtime_is_imported_by_its_name():
    """What is installed imports and says its version, what is not is absent with a reason."""
    for runtime in RUNTIMES:
        if installed_version(runtime) is None:
            with pytest.raises(RuntimeAbsent, match=r"\w"):
                import_runtime(runtime)
        else:
            assert import_runtime(runtime) == installed_version(runtime)


def test_the_cpu_is_named_by_what_kernels_choose_by():
    """The name starts with the machine; every further word is a feature the kernel lists."""
    machine, *features = cpu_name().split()
    assert machine == platform.machine()
    if Path("/proc/cpuinfo").is_file():
        listed = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
        assert set(features) <= set(listed)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x86_64", True),
        ("x86_64 avx2", True),
        ("AMD64 avx2", True),
        ("x86_64 avx2 avx_vnni", False),
        ("x86_64 avx2 avx512_vnni", False),
        ("x86_64 avx2 avx512_vnni amx_int8", False),
        ("aarch64", False),
        ("aarch64 asimddp i8mm", False),
        ("arm64", False),
    ],
)
def test_only_x86_without_vnni_saturates(name: str, expected: bool, monkeypatch: pytest.MonkeyPatch):
    """Pairs of int8 products overflow on x86 without VNNI, and on no ARM core."""
    monkeypatch.setattr(module, "cpu_name", lambda: name)
    assert saturates() is expected


def test_the_tiny_scale_is_exact():
    """What the tests expect of tiny files is exact in float32."""
    assert [float(np.float32(value)) for value in SCALE] == list(SCALE)
