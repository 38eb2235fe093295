"""The web demo put together and served to tests, with good bundles and bad ones."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from edgebert.errors import EnvironmentProblem
from tests.support.node import REPOSITORY


@functools.cache
def script(name: str) -> ModuleType:
    """Return a script of the web demo as a module."""
    spec = importlib.util.spec_from_file_location(f"web_demo_{name}", REPOSITORY / "docs" / "web-demo" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@functools.cache
def _fetched() -> Path | EnvironmentProblem:
    """Return what npm brought or why it could not; without a network, one try takes seconds."""
    try:
        return script("build").fetch_runtime()
    except EnvironmentProblem as problem:
        return problem


def runtime() -> Path:
    """Return the folder of onnxruntime-web, or skip the test where npm cannot fetch it."""
    fetched = _fetched()
    if isinstance(fetched, EnvironmentProblem):
        pytest.skip(f"{fetched.message} ({fetched.hint})")
    return fetched


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder as `build.py --serve` does, and give its address."""
    with script("build").server(folder, 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def copy_of(page: Path, to: Path) -> Path:
    """Return the bundle of a copy of a page, to be damaged; the runtime is not copied."""
    shutil.copytree(page, to, ignore=lambda folder, names: ["runtime"] if Path(folder) == page else [])
    (to / "runtime").symlink_to(page / "runtime")
    return to / "bundle"
