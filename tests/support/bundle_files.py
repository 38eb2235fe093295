"""The files of a bundle by what they are, and those that a folder holds."""

from __future__ import annotations

from pathlib import Path

from edgebert.bundle import sha256_of

TEXT_FILES = {"config.json", "golden.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
CARD = {"edgebert.json", "README.md"}
ONNX = {"int8.onnx", "baseline/float32.onnx"}
TFLITE = {"int8.tflite", "baseline/float32.tflite"}
BASELINE_TEXTS = {"baseline/golden.json", "baseline/tokenizer.json", "baseline/vocab.txt"}


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every file below a folder; its keys are the files."""
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in folder.rglob("*") if path.is_file()}


def files_in(folder: Path) -> set[str]:
    return set(hashes(folder))
