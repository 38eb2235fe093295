"""What the manifest of a tiny bundle lists, and changes after which it says other things."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgebert.bundle import MANIFEST, sha256_of
from tests.support import fakes

FILES = ("int8.onnx", "baseline/float32.onnx", "tokenizer.json", "vocab.txt", "golden.json")


def change_manifest(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply a function to the manifest as plain JSON."""
    path = root / MANIFEST
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    fakes.write_manifest(path, plain)


def add_file(root: Path, file: str) -> None:
    """Name one more file in the manifest, with the size and hash of no bytes."""
    entry = {"file": file, "size_bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    change_manifest(root, lambda plain: plain["files"].append(entry))


def as_in_the_hub_cache(bundle: Path, cache: Path) -> Path:
    """Return the bundle as ``snapshot_download`` leaves one: every file a relative link to ``../../blobs``."""
    snapshot, blobs = cache / "models--me--bundle" / "snapshots" / "0123abc", cache / "models--me--bundle" / "blobs"
    blobs.mkdir(parents=True)
    for file in [path for path in bundle.rglob("*") if path.is_file()]:
        blob, link = blobs / sha256_of(file), snapshot / file.relative_to(bundle)
        shutil.copyfile(file, blob)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    return snapshot
