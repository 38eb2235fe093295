"""What must be true of every case, whatever it was fed with."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.box import Case

CODES = {0, 1, 2, 3, 130}
LARGEST_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a case ended.

    Attributes:
        ended: Whether it ended in time.
        code: Exit code, or minus the signal.
        peak_bytes: Largest memory of its process above what an imported torch takes.
        seconds: How long it took.
        stdout: What it printed.
        stderr: What it said.
    """

    ended: bool
    code: int
    peak_bytes: int
    seconds: float
    stdout: bytes
    stderr: bytes


def snapshot(folder: Path) -> dict[str, str]:
    """Return what is below a folder: path -> kind and hash."""
    found = {}
    for place, folders, files in os.walk(os.fsencode(folder)):
        for name in (*folders, *files):
            path = os.path.join(place, name)  # noqa: PTH118  (names of any bytes)
            found[os.fsdecode(path)[len(str(folder)) + 1 :]] = _kind(path)
    return found


def _kind(path: bytes) -> str:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return f"link {os.fsdecode(os.readlink(path))}"  # noqa: PTH115
    if stat.S_ISREG(mode):
        with open(path, "rb") as stream:  # noqa: PTH123
            return hashlib.file_digest(stream, "sha256").hexdigest()
    return "folder" if stat.S_ISDIR(mode) else "pipe"


def faults(case: Case, ending: Ending, before: dict[str, str], root: Path) -> list[str]:
    """Return everything that is wrong with how a case ended; empty when all is well.

    Args:
        case: What was run.
        ending: How it ended.
        before: ``snapshot`` of the working folder at the start.
        root: Folder of the case.
    """
    found = _process(ending)
    found += _words(case, ending)
    found += _files(case, ending, before, root)
    return found


def _process(ending: Ending) -> list[str]:
    if not ending.ended or ending.code == -24:  # SIGXCPU
        return [f"hangs: no end after {ending.seconds:.0f} s"]
    found = [] if ending.code in CODES else [f"exit code {ending.code}"]
    if ending.peak_bytes > LARGEST_BYTES:
        found.append(f"takes {ending.peak_bytes / 1e6:.0f} MB of memory")
    return found


def _words(case: Case, ending: Ending) -> list[str]:
    found = []
    out, err = (stream.decode("utf-8", "surrogateescape") for stream in (ending.stdout, ending.stderr))
    both = out + err
    if case.words[:1] != ["--verbose"] and "Traceback (most recent call last)" in both:
        found.append(f"traceback: {_last_line(both)}")
    elif said := re.search(r"error: unexpected \w+.*|.*please report it.*|.*not enough memory.*", both):
        found.append(f"gives up: {said[0][:300]}")
    if ending.ended and ending.code in {1, 2, 3} and not case.reader.startswith("worker"):
        lines = err.split("\n")
        start = next((index for index, line in enumerate(lines) if line.startswith("error: ")), None)
        if start is None:
            found.append("fails without a line that begins with 'error: '")
        elif odd := [line for line in lines[start:] if line and not line.startswith(("error: ", "hint: "))]:
            found.append(f"an error of more than one line: {odd[0][:200]!r}")
        if any(len(line) > 2000 for line in lines):
            found.append("a line of more than 2000 characters on standard error")
    for name, text in (("output", out), ("error", err)):
        if raw := sorted({f"U+{ord(letter):04X}" for letter in text if _is_raw(letter)}):
            found.append(f"raw characters on standard {name}: {', '.join(raw[:5])}")
        if name == "error" or not _is_json(text):
            allowed = ("::error title=", "::warning title=") if case.annotates and name == "error" else ()
            lines = [line.lstrip() for line in text.split("\n")]
            planted = [line for line in lines if line.startswith("::") and not line.startswith(allowed or ("\0",))]
            planted += [line for line in lines if line.startswith("::error title=FUZZ")]
            if planted:
                found.append(f"a line that GitHub would obey on standard {name}: {planted[0][:100]!r}")
    return found


def _is_raw(letter: str) -> bool:
    # Bidirectional marks and line separators steer a terminal as control characters do.
    return letter not in "\n\t" and (
        unicodedata.category(letter) in {"Cc", "Zl", "Zp"}
        or letter in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _last_line(text: str) -> str:
    lines = text[text.rindex("Traceback") :].rstrip().split("\n")
    code = [line.strip() for line in lines if line.startswith("  File") and "/edgebert/" in line]
    return f"{lines[-1][:200]} | {code[-1] if code else ''}"


def _files(case: Case, ending: Ending, before: dict[str, str], root: Path) -> list[str]:
    found = []
    after = snapshot(root / "work")
    tops = set(case.outputs) | set(case.state)
    for path in sorted(set(before) | set(after)):
        if path.split("/", 1)[0] in tops or before.get(path) == after.get(path):
            continue
        what = "left behind" if path not in before else "removed" if path not in after else "changed"
        found.append(f"{what}: {path!r}")
    for folder in ("tmp", "home"):
        left = [
            path
            for path in snapshot(root / folder)
            if not path.startswith((".cache/edgebert", ".cache/fontconfig", ".cache"))
        ]
        if left:
            found.append(f"left in {folder}: {left[0]!r}")
    if not ending.ended:
        return found
    for name, kind in case.outputs.items():
        path = root / "work" / name
        is_there = os.path.lexists(path)
        if any(part for part in after if part.startswith(f"{name}/") and re.search(r"\.partial|\.old$|^\.work", part)):
            found.append(f"{name} holds unfinished files")
        unchanged = {part: value for part, value in before.items() if part == name or part.startswith(f"{name}/")} == {
            part: value for part, value in after.items() if part == name or part.startswith(f"{name}/")
        }
        if not is_there:
            if ending.code == 0 and kind not in {"file", "any"}:
                found.append(f"no {name} although the exit code is 0")
        elif not unchanged and (why := _is_half(path, kind)):
            found.append(f"{name} is half: {why}")
    return found


def _is_half(path: Path, kind: str) -> str:
    """Return why an output is not whole; empty when it is."""
    try:
        if kind == "json":
            json.loads(path.read_bytes())
        elif kind == "xml":
            ET.fromstring(path.read_bytes())
        elif kind == "html" and not path.read_bytes().rstrip().endswith(b"</html>"):
            return "no </html> at its end"
        elif kind in {"bundle", "embedded"}:
            manifest = json.loads((path / "edgebert.json").read_bytes())
            named = [item["file"] for item in (*manifest["artifacts"], *manifest["files"])]
            if missing := [name for name in named if kind == "bundle" and not (path / name).is_file()]:
                return f"no {missing[0]}"
        elif kind == "checkpoint":
            json.loads((path / "config.json").read_bytes())
            json.loads((path / "tokenizer.json").read_bytes())
            if not (path / "model.safetensors").stat().st_size:
                return "no weights"
    except (OSError, ValueError, KeyError, TypeError, ET.ParseError) as error:
        return f"{type(error).__name__}: {error}"
    return ""
