"""The golden texts of a model, in a file: ids and outputs that every consumer of its files must reproduce."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebert.arguments import Count
from edgebert.errors import BundleError, UsageError
from edgebert.jsonio import read

GOLDEN_SCHEMA = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A float32 array as JSON holds it: its shape, and its values row by row.

    Raises:
        UsageError: The shape means another number of values.
    """

    shape: tuple[Count, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if (size := math.prod(self.shape)) != len(self.values):
            raise UsageError(f"values has {len(self.values)} numbers, but the shape {list(self.shape)} means {size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenWindow:
    """One input of the model, and what it computes.

    Attributes:
        input_ids: Ids with special tokens, truncated, not padded.
        offsets: Where each token is in its own text, in code points, [start, end); (0, 0) for special tokens. ``None``
            where the answers of the task are no places in a text. Came with schema 3.
        outputs: Float32 outputs of the checkpoint in torch by name, without the dimension of the batch.

    Raises:
        UsageError: There are more or fewer offsets than IDs.
    """

    input_ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...] | None = None
    outputs: dict[str, Tensor]

    def __post_init__(self) -> None:
        if self.offsets is not None and len(self.offsets) != len(self.input_ids):
            raise UsageError(f"offsets has {len(self.offsets)} places, but input_ids has {len(self.input_ids)} IDs")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenCase:
    """An input as a user would type it, the ids every tokenizer must make of it, and the float model's outputs.

    Attributes:
        texts: The text, or the two of a pair.
        windows: What the model reads of them: one input, or several where a long text is read piece by piece.
    """

    texts: tuple[str, ...]
    windows: tuple[GoldenWindow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """The content of ``golden.json``."""

    schema: int
    cases: tuple[GoldenCase, ...]

    @property
    def windows(self) -> tuple[GoldenWindow, ...]:
        """The inputs of all cases, in their order."""
        return tuple(window for case in self.cases for window in case.windows)


def read_golden(path: Path, *, hint: str) -> Golden:
    """Return the golden texts in a file.

    Args:
        path: The file.
        hint: What to do about a file that cannot be used.

    Raises:
        BundleError: It is missing or damaged, or of a schema this version cannot read.
    """
    return read(Golden, path, what="golden", newest=GOLDEN_SCHEMA, error=BundleError, hint=hint, upgrade=_by_output)


def _by_output(plain: dict[str, Any]) -> dict[str, Any]:
    """Give golden texts of schema 1, which knew one text, one input and its logits, the form of schema 2."""
    cases = plain.get("cases")
    return plain | {"cases": [_window_of(case) for case in cases] if isinstance(cases, list) else cases}


def _window_of(case: object) -> object:
    if not isinstance(case, dict) or case.keys() != {"text", "input_ids", "logits"} or type(case["logits"]) is not list:
        return case
    tensor = {"shape": [len(case["logits"])], "values": case["logits"]}
    return {"texts": [case["text"]], "windows": [{"input_ids": case["input_ids"], "outputs": {"logits": tensor}}]}
