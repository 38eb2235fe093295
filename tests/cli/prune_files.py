"""Texts for ``edgebert prune``, and what is read from what it made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.support import fakes


def rows(count: int = 60) -> list[tuple[str, str]]:
    """Return made-up texts with the names of their labels."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(fakes.WORDS[:11], rng.integers(2, 12))) for _ in range(count)]
    return [(text, fakes.LABELS["good" in text or "great" in text]) for text in texts]


def plain_texts(path: Path, texts: list[str]) -> Path:
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()
