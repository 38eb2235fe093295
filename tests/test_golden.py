"""golden.json of every schema is read, and what contradicts itself is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgebert.errors import BundleError
from edgebert.golden import GOLDEN_SCHEMA, Golden, GoldenCase, GoldenWindow, Tensor, read_golden
from edgebert.jsonio import dumps

OUTPUTS = {"logits": Tensor(shape=(2,), values=(0.5, -1.0))}
PLAIN = {"logits": {"shape": [2], "values": [0.5, -1.0]}}


def read(tmp_path: Path, **fields: Any) -> Golden:
    path = tmp_path / "golden.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return read_golden(path, hint="export it again")


@pytest.mark.parametrize(
    ("schema", "case"),
    [
        (1, {"text": "a", "input_ids": [2, 7, 3], "logits": [0.5, -1.0]}),
        (2, {"texts": ["a"], "windows": [{"input_ids": [2, 7, 3], "outputs": PLAIN}]}),
        (3, {"texts": ["a"], "windows": [{"input_ids": [2, 7, 3], "offsets": None, "outputs": PLAIN}]}),
    ],
)
def test_every_schema_is_read(schema: int, case: dict[str, Any], tmp_path: Path):
    """Older golden texts have no places of tokens, and are the same otherwise."""
    (found,) = read(tmp_path, schema=schema, cases=[case]).cases
    assert found == GoldenCase(texts=("a",), windows=(GoldenWindow(input_ids=(2, 7, 3), outputs=OUTPUTS),))


def test_places_come_back_as_they_were_written(tmp_path: Path):
    """Offsets of a window are pairs of code points, one for each token; without places they are null."""
    windows = (
        GoldenWindow(input_ids=(2, 7, 3), offsets=((0, 0), (1, 4), (0, 0)), outputs=OUTPUTS),
        GoldenWindow(input_ids=(2, 3), outputs=OUTPUTS),
    )
    golden = Golden(schema=GOLDEN_SCHEMA, cases=(GoldenCase(texts=("q", "c"), windows=windows),))
    path = tmp_path / "golden.json"
    path.write_text(dumps(golden), encoding="utf-8")
    assert read_golden(path, hint="") == golden
    plain = json.loads(dumps(golden))["cases"][0]["windows"]
    assert [window["offsets"] for window in plain] == [[[0, 0], [1, 4], [0, 0]], None]


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([[0, 0]], "offsets has 1 places, but input_ids has 2 IDs"),
        ([[0, 0], [0]], "offsets"),
        ([[0, 0], [0, "1"]], "offsets"),
        ("no", "offsets"),
    ],
)
def test_places_that_do_not_fit_the_tokens_are_refused(offsets: object, message: str, tmp_path: Path):
    """There is one pair of integers for each token."""
    window = {"input_ids": [2, 3], "offsets": offsets, "outputs": PLAIN}
    with pytest.raises(BundleError, match=message):
        read(tmp_path, schema=3, cases=[{"texts": ["a"], "windows": [window]}])


def test_golden_texts_of_a_newer_schema_are_refused(tmp_path: Path):
    """A reader does not guess what it does not know."""
    with pytest.raises(BundleError, match="schema"):
        read(tmp_path, schema=GOLDEN_SCHEMA + 1, cases=[])
