"""A process that has imported edgebert once and forks a child for every case: `python -m tests.fuzz.zygote [torch]`.

It reads a JSON object a line from standard input (folder, words of the command or name of a reader, limits) and answers
each with a line: how the child ended, its largest memory, its time.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

LIGHT = (
    "numpy",
    "tokenizers",
    "edgebert.cli.app",
    "edgebert.benchmarking.render.html",
    "edgebert.benchmarking.analysis.compare",
    "edgebert.benchmarking.gate.check",
    "edgebert.embedding.embed",
    "edgebert.evaluation",
    "edgebert.recipe",
    "edgebert.verification",
    "rich.table",
    "tests.fuzz.readers",
)
TORCH = ("torch", "transformers", "safetensors.torch", "edgebert.pipeline", "edgebert.pruning.prune")

ASLEEP_S = 8


def main() -> None:
    """Serve until standard input ends."""
    for name in (*LIGHT, *(TORCH if "torch" in sys.argv[1:] else ())):
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    print(json.dumps({"base": _peak_bytes(resource.getrusage(resource.RUSAGE_SELF))}), file=answers)
    for line in sys.stdin:
        print(json.dumps(_serve(json.loads(line))), file=answers)


def _serve(case: dict[str, Any]) -> dict[str, Any]:
    start = time.monotonic()
    child = os.fork()
    if not child:
        _run(case)
    ended = _wait(child, start + case["wall_s"])
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    return {
        "ended": ended,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status),
        "peak": _peak_bytes(usage),
        "seconds": time.monotonic() - start,
    }


def _wait(child: int, deadline: float) -> bool:
    """Return whether a child ends before its time is over, or before it has slept for long with nothing to wait for."""
    watched = select.poll()
    descriptor = os.pidfd_open(child)
    try:
        watched.register(descriptor, select.POLLIN)
        last, slept = "", 0
        while time.monotonic() < deadline and slept < ASLEEP_S:
            if watched.poll(1000):
                return True
            words = Path(f"/proc/{child}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            busy = words[0] == "R" or bool(Path(f"/proc/{child}/task/{child}/children").read_text(encoding="ascii"))
            state = " ".join(words[11:13])  # ticks of the processor
            slept = 0 if busy or state != last else slept + 1
            last = state
        return False
    finally:
        os.close(descriptor)


def _peak_bytes(usage: resource.struct_rusage) -> int:
    return 1024 * usage.ru_maxrss


def _run(case: dict[str, Any]) -> NoReturn:
    code: object = 70
    try:
        _settle(case)
        if case["reader"]:
            from tests.fuzz.readers import call

            code = call(case["reader"])
        else:
            sys.argv = ["edgebert", *case["words"]]
            from edgebert.__main__ import main as command

            command()
            code = 0
    except SystemExit as left:
        code = left.code or 0
    except BaseException:  # noqa: BLE001  # that is what is looked for
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            atexit._run_exitfuncs()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 71)


def _settle(case: dict[str, Any]) -> None:
    """Make this child a process like one that a shell starts in the folder of the case."""
    os.setpgid(0, 0)
    box = Path(case["box"])
    for number, name, flags in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        os.dup2(os.open(box / name, flags), number)
    sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    os.chdir(box / "work")
    os.environ.update(case["environment"])
    resource.setrlimit(resource.RLIMIT_CPU, (case["cpu_s"], case["cpu_s"] + 5))
    resource.setrlimit(resource.RLIMIT_AS, (case["address_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.setrecursionlimit(1000)


if __name__ == "__main__":
    main()
