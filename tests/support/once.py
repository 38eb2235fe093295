"""Folders that are made once in a run of the tests, by the worker that needs them first; the others wait for it."""

from __future__ import annotations

import atexit
import fcntl
import functools
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_NAME = "EDGEBERT_TESTS_FOLDER"


def open_shared_folder() -> None:
    """Make the folder of this run and name it in the environment, which workers inherit; it goes with this process."""
    if _NAME not in os.environ:
        os.environ[_NAME] = tempfile.mkdtemp(prefix="edgebert-tests-")
        atexit.register(shutil.rmtree, os.environ[_NAME], ignore_errors=True)


@functools.cache
def made_once(make: Callable[[Path], object]) -> Path:
    """Return a folder that a function has filled, once for all workers: look at it, copy it, don't change it.

    Args:
        make: Fills the folder that it is given, whose name is its own.
    """
    open_shared_folder()
    folder = Path(os.environ[_NAME]) / make.__name__
    whole = folder.with_suffix(".whole")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
