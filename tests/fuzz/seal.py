"""Puts right what a bundle says of its own files, so that damage gets past the hashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from edgebert.bundle import MANIFEST, manifest_digest

_DIGEST = b'"digest": "'


def seal(root: Path, name: str) -> None:
    """Write size and hash of a changed file into the manifest, and the digest of that, where there is one."""
    path = root / MANIFEST
    if not path.is_file():
        return
    if name != MANIFEST and (root / name).is_file():
        content = (root / name).read_bytes()
        manifest = json.loads(path.read_bytes())
        for entry in (*manifest["artifacts"], *manifest["files"]):
            if entry["file"] == name:
                entry |= {"size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    content = path.read_bytes()
    digest = manifest_digest(content)
    start = content.find(_DIGEST) + len(_DIGEST)
    if digest is not None and content[start + 64 : start + 65] == b'"':
        path.write_bytes(content[:start] + digest.encode() + content[start + 64 :])
