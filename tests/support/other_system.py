"""Makes this process look like one on macOS or Windows to whatever is imported after it.

What cannot be faked stays Linux: its paths, and what it lets a program do with files that are open.
"""

from __future__ import annotations

import builtins
import ctypes
import importlib.abc
import io
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from importlib.machinery import ModuleSpec

import numpy as np

STANDARD = (np, shutil, subprocess, tempfile, threading)
"""Modules that look at the system when they are imported, and are others there."""

_NO_MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "select", "syslog", "termios", "tty"}
NO_MODULES: dict[str, set[str]] = {"darwin": set(), "win32": _NO_MODULES}
_LINUX = {"O_PATH", "posix_fadvise", "sched_getaffinity", "sched_setaffinity", "copy_file_range", "memfd_create"}
_POSIX = {
    "O_CLOEXEC", "O_DIRECTORY", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK", "WEXITSTATUS", "WIFSIGNALED", "WTERMSIG",
    "chown", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getuid",
    "killpg", "lchown", "mkfifo", "mknod", "openpty", "setpgid", "setsid", "statvfs", "sysconf", "uname", "wait4",
}  # fmt: skip
NO_NAMES = {"darwin": _LINUX, "win32": _LINUX | _POSIX}
_NO_SIGNALS = {
    "SIGALRM",
    "SIGCHLD",
    "SIGHUP",
    "SIGKILL",
    "SIGPIPE",
    "SIGUSR1",
    "SIGUSR2",
    "SIG_BLOCK",
    "pthread_sigmask",
}
NO_SIGNALS = {"darwin": {"SIGPWR", "SIGSTKFLT"}, "win32": _NO_SIGNALS}
_ELSEWHERE = ("/proc", "/sys")


class _Hidden(importlib.abc.MetaPathFinder):
    """Finds no module of some names."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname in self.names:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def become(system: str) -> None:
    """Take away what another system does not have: modules, functions and constants, ``/proc`` and ``/sys``."""
    platform.uname()
    for name in NO_MODULES[system]:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, _Hidden(NO_MODULES[system]))
    for module, names in ((os, NO_NAMES[system]), (signal, NO_SIGNALS[system])):
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for module, name in (
        (builtins, "open"),
        (io, "open"),
        (os, "open"),
        (os, "listdir"),
        (os, "scandir"),
        (os, "stat"),
    ):
        setattr(module, name, _without_proc(getattr(module, name)))
    real = ctypes.CDLL

    class Library(real):  # type: ignore[misc, valid-type]
        def __init__(self, name: str | None, *words: object, **options: object) -> None:
            if name is None and system == "win32":
                raise TypeError("argument of type 'NoneType' is not iterable")
            super().__init__(name, *words, **options)

        def __getattr__(self, name: str) -> object:
            if name in {"renameat2", "prctl"}:
                raise AttributeError(name)
            return super().__getattr__(name)

    ctypes.CDLL = Library  # type: ignore[misc]


def _without_proc(call):
    def guarded(path=".", *words, **options):
        plain = path if isinstance(path, str) else os.fspath(path) if isinstance(path, os.PathLike) else ""
        if isinstance(plain, str) and plain.startswith(_ELSEWHERE):
            raise FileNotFoundError(2, "No such file or directory", plain)
        return call(path, *words, **options)

    return guarded
