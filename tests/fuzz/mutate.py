"""Damage to bytes, to JSON and to places in the file system. Equal random numbers give equal damage."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz import hostile

_DEEP, _LONG = "@deep@", "@long@"
_DOUBLED = "@doubled@"


def flipped(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes with one to three bits changed."""
    changed = bytearray(content or b"\x00")
    for _ in range(rng.randint(1, 3)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def spliced(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes with a piece removed, doubled, overwritten or put in."""
    start = rng.randrange(len(content) + 1)
    end = min(start + rng.choice((1, 2, 8, 100, 5000)), len(content))
    piece = rng.choice(
        (
            b"",
            content[start:end] * 2,
            b"\x00" * (end - start),
            b"\xff\xfe",
            b"\r\n",
            b'"',
            rng.choice(hostile.STRINGS).encode("utf-8", "surrogatepass"),
        )
    )
    return content[:start] + piece + content[end:]


def replaced(content: bytes, rng: random.Random) -> bytes:
    """Return something else than the bytes: a part of them, another encoding, another kind of file."""
    text = content.decode("utf-8", "replace")
    return rng.choice(
        (
            lambda: content[: rng.randrange(len(content) + 1)],
            lambda: b"",
            lambda: b"\xef\xbb\xbf" + content,
            lambda: text.encode("utf-16"),
            lambda: gzip.compress(content, mtime=0),
            lambda: content.replace(b"\n", b"\r\n"),
            lambda: content.replace(b"\n", b"\r"),
            lambda: content + content,
            lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
            lambda: b"PK\x03\x04" + content[:100],
            lambda: rng.randbytes(200),
        )
    )()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Return the bytes after some damage."""
    return rng.choice((flipped, flipped, spliced, spliced, replaced))(content, rng)


def json_text(content: bytes, rng: random.Random) -> bytes:
    """Return JSON with one to three of its values or keys changed; bytes that are no JSON are damaged as such."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return damaged(content, rng)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        tree = _changed(tree, rng)
    text = json.dumps(tree, indent=rng.choice((None, 2)), ensure_ascii=rng.random() < 0.5)
    text = text.replace(f'"{_DEEP}"', "[" * 50_000 + "]" * 50_000).replace(f'"{_LONG}"', "9" * 5000)
    text = text.replace(_DOUBLED, "")
    if rng.random() < 0.1:
        text = _with_odd_number(text, rng)
    return text.encode("utf-8", "surrogatepass")


def jsonl_text(content: bytes, rng: random.Random) -> bytes:
    """Return lines of JSON of which one is changed, moved, doubled or lost."""
    lines = content.split(b"\n")
    place = rng.randrange(max(len(lines) - 1, 1))
    kind = rng.randrange(6)
    if kind == 0:
        lines.insert(place, lines[rng.randrange(len(lines))])
    elif kind == 1:
        del lines[place]
    elif kind == 2:
        lines[place] = damaged(lines[place], rng)
    else:
        lines[place] = json_text(lines[place], rng).replace(b"\n", b" ")
    return b"\n".join(lines)


def _paths(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(tree, dict):
        found += [item for key in tree for item in _paths(tree[key], (*path, key))]
    elif isinstance(tree, list):
        # Of long lists of numbers a few are enough, or nothing else would ever be drawn.
        found += [item for index in range(min(len(tree), 4)) for item in _paths(tree[index], (*path, index))]
    return found


def _changed(tree: Any, rng: random.Random) -> Any:
    paths = _paths(tree)
    path = rng.choice(paths)
    if not path:
        return tree if len(paths) > 1 and rng.random() < 0.9 else hostile.value(rng)
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    kind = rng.randrange(10)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        # The mark goes when the text is made, so that the key then stands twice.
        parent[f"{key}{_DOUBLED}"] = rng.choice((parent[key], hostile.value(rng)))
    elif kind == 1:
        parent.insert(key, parent[key])
    elif kind == 2 and isinstance(parent, dict):
        parent[rng.choice(hostile.STRINGS[:-1])] = parent.pop(key)
    elif kind == 3:
        other = rng.choice(paths)
        value: Any = tree
        for step in other:
            value = value[step]
        parent[key] = json.loads(json.dumps(value))
    elif kind == 4:
        parent[key] = rng.choice((_DEEP, _LONG, [parent[key]], {"x": parent[key]}))
    elif kind in {5, 6} and isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
        parent[key] = rng.choice((parent[key] + 1, parent[key] - 1, -parent[key], parent[key] * 2, str(parent[key])))
    elif kind in {5, 6} and isinstance(parent[key], str):
        parent[key] = parent[key] + rng.choice(hostile.STRINGS[:-1])
    else:
        parent[key] = hostile.value(rng)
    return tree


def _with_odd_number(text: str, rng: random.Random) -> str:
    numbers = list(re.finditer(r"(?<=[:\[,] )-?\d+(\.\d+)?", text))
    if not numbers:
        return text
    found = rng.choice(numbers)
    odd = rng.choice(("NaN", "-Infinity", "1e999", "-0", "1.0", "01", "0x1", "1_0", "1e5"))
    return text[: found.start()] + odd + text[found.end() :]


def change(path: Path, rng: random.Random, how: Callable[[bytes, random.Random], bytes]) -> None:
    """Change the content of a file in place."""
    path.write_bytes(how(path.read_bytes(), rng))


def displace(path: Path, rng: random.Random, *, pipe: bool) -> None:
    """Put something else into the place of a file: nothing, a folder, a link, a pipe."""
    kind = rng.choice((0, 1, 2, 3, 4 if pipe else 0, 5, 6, 7))
    kept = path.with_name(f"{path.name[:100]}.kept")
    if kind == 7 and path.is_file():
        path.rename(kept)
        path.symlink_to(kept.name)  # a link to what it should be is no fault
        return
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to("nowhere")
    elif kind == 3:
        path.symlink_to(path.name)
    elif kind == 4:
        os.mkfifo(path)
    elif kind == 5:
        path.symlink_to("/dev/null")
    elif kind == 6:
        path.touch()
