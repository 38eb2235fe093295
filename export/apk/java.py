"""Compiles Java with nothing but a JDK, first of all the core of the Android demo.

The same sources that Gradle compiles, for the same language level; the classes run on every JVM.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from edgebert.errors import CheckFailed, EnvironmentProblem
from export.apk.fetch import locked
from export.apk.project import DEMO

CORE = DEMO / "core"
RELEASE = "8"
# Of the warnings left out, one says that Java 8 is old, which Android's oldest supported version asks for; the other
# that a library was made for a newer one, which D8 translates.
OPTIONS = ("--release", RELEASE, "-encoding", "UTF-8", "-Xlint:all,-options,-classfile", "-Werror")
_STAMP = "sources.sha256"


def sources(*, tests: bool) -> list[Path]:
    """Return the Java sources of the core, and those of its test driver if asked for."""
    folders = [CORE / "src" / "main" / "java"] + ([CORE / "src" / "test" / "java"] if tests else [])
    return sorted(path for folder in folders for path in folder.rglob("*.java"))


def compile_core(out: Path, *, tests: bool = False) -> Path:
    """Compile the core unless that was done before, and return the folder of the classes.

    Args:
        out: Folder to make; what lies in it is replaced.
        tests: Whether to compile the test driver as well.

    Raises:
        EnvironmentProblem: There is no JDK.
        CheckFailed: The sources have errors, or what the compiler warns of.
    """
    return compile_java(sources(tests=tests), out)


def compile_java(files: Sequence[Path], out: Path, *, classpath: Sequence[Path] = ()) -> Path:
    """Compile Java sources unless that was done before, and return the folder of the classes.

    Several processes may call this at once: one compiles, the others wait.

    Args:
        files: The sources, below the root of the repository.
        out: Folder to make; what lies in it is replaced.
        classpath: Folders that this function made, and libraries.

    Raises:
        EnvironmentProblem: There is no JDK.
        CheckFailed: The sources have errors, or what the compiler warns of.
    """
    javac = program("javac")
    digest = hashlib.sha256(javac.encode())
    for entry in classpath:
        stamped = entry / _STAMP if entry.is_dir() else entry
        digest.update(stamped.read_bytes())
    for path in files:
        digest.update(path.relative_to(DEMO.parent).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    stamp = out / _STAMP
    with locked(out.parent / f".{out.name}"):
        if not (stamp.is_file() and stamp.read_text() == digest.hexdigest()):
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            paths = ["-cp", os.pathsep.join(map(str, classpath))] if classpath else []
            run([javac, *OPTIONS, *paths, "-d", out, *files])
            stamp.write_text(digest.hexdigest())
    return out


def program(name: str) -> str:
    """Return the path of a program of the JDK.

    Raises:
        EnvironmentProblem: It is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise EnvironmentProblem(f"there is no {name}: install a JDK (Debian: openjdk-17-jdk-headless)")
    return path


def home() -> Path:
    """Return the folder of the JDK, whose own classes D8 looks things up in."""
    return Path(program("javac")).resolve().parents[1]


def run(command: Sequence[str | Path], *, env: dict[str, str] | None = None) -> str:
    """Run a tool and return what it printed.

    Raises:
        CheckFailed: It failed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        name = Path(command[0]).name
        raise CheckFailed(f"{name}: " + "\n".join(said[:20]))
    return done.stdout
