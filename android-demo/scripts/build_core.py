"""Compiles the core of the Android demo with nothing but a JDK.

    python android-demo/scripts/build_core.py [--out FOLDER]

The same sources that Gradle compiles, for the same language level; the classes run on every JVM.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1]
CORE = DEMO / "core"
RELEASE = "8"
_STAMP = "sources.sha256"


class NoCompilerError(Exception):
    """There is no `javac` on this machine."""


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
        NoCompilerError: There is no JDK.
        subprocess.CalledProcessError: The sources have errors, or what the compiler warns of.
    """
    return compile_java(sources(tests=tests), out)


def compile_java(files: Sequence[Path], out: Path, *, classpath: Sequence[Path] = ()) -> Path:
    """Compile Java sources unless that was done before, and return the folder of the classes.

    Several processes may call this at once: one compiles, the others wait.

    Args:
        files: The sources, below the folder of the demo.
        out: Folder to make; what lies in it is replaced.
        classpath: Folders that this function made, and libraries.

    Raises:
        NoCompilerError: There is no JDK.
        subprocess.CalledProcessError: The sources have errors, or what the compiler warns of.
    """
    javac = shutil.which("javac")
    if javac is None:
        raise NoCompilerError("there is no javac: install a JDK (Debian: openjdk-17-jdk-headless)")
    digest = hashlib.sha256(javac.encode())
    for entry in classpath:
        stamped = entry / _STAMP if entry.is_dir() else entry
        digest.update(stamped.read_bytes())
    for path in files:
        digest.update(path.relative_to(DEMO).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    out.parent.mkdir(parents=True, exist_ok=True)
    stamp = out / _STAMP
    with (out.parent / f"{out.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (stamp.is_file() and stamp.read_text() == digest.hexdigest()):
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            # Of the warnings left out, one says that Java 8 is old, which Android's oldest supported version asks for;
            # the other that a library was made for a newer one, which D8 translates.
            options = ["--release", RELEASE, "-encoding", "UTF-8", "-Xlint:all,-options,-classfile", "-Werror"]
            paths = ["-cp", os.pathsep.join(map(str, classpath))] if classpath else []
            command = [javac, *options, *paths, "-d", str(out), *map(str, files)]
            subprocess.run(command, check=True, capture_output=True, text=True)
            stamp.write_text(digest.hexdigest())
    return out


def main(arguments: list[str]) -> int:
    """Compile the core; return the exit code."""
    parser = argparse.ArgumentParser(description="Compile the core of the Android demo.")
    parser.add_argument("--out", type=Path, default=DEMO.parent / "build" / "android" / "classes")
    options = parser.parse_args(arguments)
    try:
        out = compile_core(options.out)
    except NoCompilerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    except subprocess.CalledProcessError as error:
        sys.stderr.write(error.stderr)
        return 1
    sys.stdout.write(f"{len(sources(tests=False))} sources compiled for Java {RELEASE}: {out}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
