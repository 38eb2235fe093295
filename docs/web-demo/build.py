"""Puts the web demo together: page, runtime and a bundle in one folder that any web server can serve.

    python docs/web-demo/build.py --bundle BUNDLE --out FOLDER [--examples FILE] [--serve]

The runtime comes from npm once, into build/web, and is compared with the hashes below. Exit codes: 0 done, 1 the
bundle or a file of npm is damaged, 2 the request cannot be carried out, 3 this machine lacks something.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import functools
import http.server
import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import ClassVar

from edgebert.bundle import open_bundle, sha256_of
from edgebert.embedding.embed import USUAL, embed
from edgebert.embedding.places import Place, writing
from edgebert.errors import CheckFailed, EdgebertError, EnvironmentProblem, UsageError
from edgebert.meaning import Task
from edgebert.staging import staged_folder

PAGE = Path(__file__).parent
REPOSITORY = PAGE.parents[1]
FETCHED = REPOSITORY / "build" / "web"

STATIC = ("index.html", "style.css", "icon.svg", "js")
MARKER = "edgebert-web-demo.json"
"""File that tells a folder of this script from any other; only such a folder is ever replaced."""

VERSION = "1.26.0"
RUNTIME = {
    "ort.wasm.min.mjs": "aeb30d22447d16a48d2e2f94acf1b85526d9af8dd9791f921482277d78de89c6",
    "ort-wasm-simd-threaded.mjs": "2de262ca1fe2d6e0ef9236bf77632fa01de232ce7b6a33071c37637ee53f4669",
    "ort-wasm-simd-threaded.wasm": "040d52ce5066707a10d45cb9500c35e70a9c2fb33c4fb63428da9ae45b956b97",
}
"""Files of onnxruntime-web that the page loads, with their SHA-256. None of them can send telemetry."""


MOST_EXAMPLES = 6
_REVIEWS = (
    ("The battery died after two days and nobody answers my emails.",),
    ("Best headphones I have ever owned, and the sound is gorgeous!",),
    ("It does what it says.",),
)
EXAMPLES: dict[Task, tuple[tuple[str, ...], ...]] = {
    "text-classification": _REVIEWS,
    "multi-label-classification": _REVIEWS,
    "text-regression": _REVIEWS,
    "token-classification": (
        ("Ada Lovelace was born in London and worked with Charles Babbage.",),
        ("The Danube flows through Vienna, Budapest and Belgrade.",),
        ("My flight from Oslo lands at six.",),
    ),
    "question-answering": (
        ("Where was Ada Lovelace born?", "Ada Lovelace was born in London in 1815. She wrote about a machine."),
        ("Who built the tower?", "The tower is 300 metres high. It was finished in 1889."),
    ),
    "feature-extraction": (
        ("The battery lasts two days.", "It runs for 48 hours without charging."),
        ("The battery lasts two days.", "The train leaves at noon."),
    ),
}
"""Texts to click, for a page that is built without a file of them."""


def read_examples(path: Path, task: Task) -> list[list[str]]:
    """Return the examples in a file: one a line, two texts of one with a tab between them.

    Raises:
        UsageError: The file cannot be read, has too few or too many lines, or a line has another number of texts.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        hint = "give a UTF-8 file with one example a line"
        raise UsageError(f"{path}: cannot be read: {error}", hint=hint) from error
    found = [[text.strip() for text in line.split("\t")] for line in lines if line.strip()]
    fields = len(EXAMPLES[task][0])
    for number, texts in enumerate(found, start=1):
        if len(texts) != fields:
            raise UsageError(
                f"{path}: example {number} has {len(texts)} texts; a model for {task} needs {fields}",
                hint="write one example a line, with a tab between two texts",
            )
    if not 1 <= len(found) <= MOST_EXAMPLES:
        raise UsageError(f"{path}: {len(found)} examples; expected 1 to {MOST_EXAMPLES}")
    return found


def fetch_runtime(folder: Path = FETCHED) -> Path:
    """Return the folder with the files of onnxruntime-web, fetched by npm unless they are there.

    Raises:
        EnvironmentProblem: There is no npm, or it cannot fetch.
        CheckFailed: npm brought other files.
    """
    files = folder / "node_modules" / "onnxruntime-web" / "dist"
    if not _is_runtime(files):
        npm = shutil.which("npm")
        if npm is None:
            raise EnvironmentProblem("npm is not installed; it fetches onnxruntime-web", hint="install Node.js 20")
        with staged_folder(folder, force=True, marker="package.json") as stage:
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copyfile(PAGE / name, stage / name)
            # No script of a package runs; without a network it should say so within a minute.
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
            done = subprocess.run(command, cwd=stage, capture_output=True, text=True, check=False)
            if done.returncode:
                words = [line for line in done.stderr.splitlines() if line.startswith("npm error")]
                raise EnvironmentProblem(
                    f"npm cannot fetch onnxruntime-web: {' '.join(words[:2]) or done.stderr.strip()}",
                    hint="check the network, and what `npm config get registry` says",
                )
        if not _is_runtime(files):
            raise CheckFailed(
                f"{files}: not the files of onnxruntime-web {VERSION}", hint="check the registry that npm asks"
            )
    return files


def build(bundle: Path, out: Path, *, examples: Path | None = None, fetched: Path = FETCHED) -> str:
    """Make a folder with the page, its runtime and a bundle, and return the name of the model file.

    Args:
        bundle: The bundle.
        out: Folder to make, or to replace if this script made it.
        examples: File of example texts; ``None`` for those of ``EXAMPLES``.
        fetched: Where npm puts the runtime.

    Raises:
        UsageError: The bundle ships no ONNX file, or the examples do not fit its task.
        EdgebertError: The bundle is damaged, the folder cannot be made, or the runtime cannot be had.
    """
    opened = open_bundle(bundle)
    names = [artifact.file for artifact in opened.shipped if artifact.format == "onnx"]
    if not names:
        raise UsageError(
            f"{bundle}: ships no ONNX file, which is what a browser can run",
            hint="export it again with --formats onnx",
        )
    file, task = USUAL if USUAL in names else names[0], opened.manifest.task
    shown = [list(texts) for texts in EXAMPLES[task]] if examples is None else read_examples(examples, task)
    files = fetch_runtime(fetched)
    with writing(out), staged_folder(out, force=True, marker=MARKER) as stage:
        for name in STATIC:
            copy = shutil.copytree if (PAGE / name).is_dir() else shutil.copyfile
            copy(PAGE / name, stage / name)
        (stage / "runtime").mkdir()
        for name in RUNTIME:
            shutil.copyfile(files / name, stage / "runtime" / name)
        # What an Android app gets is what the page needs: manifest, model, vocabulary and golden texts.
        embed(bundle, Place(kind="android", folder=stage / "bundle"), file=file)
        made = {
            "edgebert": metadata.version("edgebert"),
            "onnxruntime-web": VERSION,
            "runtime_bytes": sum((files / name).stat().st_size for name in RUNTIME),
            "model": file,
            "examples": shown,
        }
        (stage / MARKER).write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, says nothing, and lets a browser keep no file without asking."""

    extensions_map: ClassVar[dict[str, str]] = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        """Add the headers that every answer gets."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - named by the base class
        """Say nothing."""


def server(folder: Path, port: int) -> http.server.ThreadingHTTPServer:
    """Return a server of a folder, reachable from this machine only; port 0 takes any that is free.

    Raises:
        EnvironmentProblem: The port is taken.
    """
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(Handler, directory=str(folder)))
    except OSError as error:
        raise EnvironmentProblem(
            f"port {port} cannot be used: {error.strerror}", hint="give another one by --port"
        ) from error


def _is_runtime(files: Path) -> bool:
    return all((files / name).is_file() and sha256_of(files / name) == digest for name, digest in RUNTIME.items())


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port < 1 << 16:
        raise ValueError
    return port


def _run(options: argparse.Namespace) -> None:
    if options.bundle is not None:
        file = build(options.bundle, options.out, examples=options.examples)
        _say(f"wrote {options.out}: the page with {file}")
    elif options.examples is not None:
        raise UsageError("--examples is given without --bundle", hint="give --bundle as well")
    elif not options.serve:
        raise UsageError("neither --bundle nor --serve is given", hint="build.py --help")
    elif not (options.out / MARKER).is_file():
        raise UsageError(f"{options.out}: not a folder that this script made", hint="give --bundle as well")
    if options.serve:
        with server(options.out, options.port) as serving:
            _say(f"http://localhost:{serving.server_port}/ (Ctrl-C ends)")
            serving.serve_forever()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Build and serve; return the exit code."""
    parser = argparse.ArgumentParser(description="Put the web demo together, and serve it to this machine.")
    parser.add_argument("--bundle", type=Path, help="bundle to put into the page")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "web-demo", help="folder to make or replace")
    parser.add_argument("--examples", type=Path, help=f"file with 1 to {MOST_EXAMPLES} examples, one a line")
    parser.add_argument("--serve", action="store_true", help="serve the folder to this machine")
    parser.add_argument("--port", type=_port, default=8000, help="port to serve at (8000)")
    try:
        _run(parser.parse_args(arguments))
    except EdgebertError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
