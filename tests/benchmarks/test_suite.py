"""Suites: the one that is shipped, and those that are refused."""

from __future__ import annotations

import pytest

from benchmarks.suite import load_suite
from edgebert.errors import UsageError
from tests.benchmarks.values import TINY


def test_the_shipped_suite_is_distilbert_base():
    """Its shape has 66,955,010 parameters with two labels, as distilbert-base with a classification head."""
    shipped = load_suite("distilbert-base")
    shape = shipped.architecture
    layers = sum(
        4 * (shape.hidden + 1) * heads * shape.head_dim
        + (shape.hidden + 1) * neurons
        + (neurons + 1) * shape.hidden
        + 4 * shape.hidden
        for heads, neurons in zip(shape.heads, shape.neurons, strict=True)
    )
    embeddings = (shape.vocabulary + shape.positions + 2) * shape.hidden
    head = (shape.hidden + 1) * (shape.hidden + shipped.labels)
    assert embeddings + layers + head == 66_955_010
    assert (shipped.lengths, shipped.threads, shipped.rounds % 2) == ((32, 128), 1, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("rounds = 2", "rounds = 0"), "rounds is 0"),
        (("lengths = [8]", "lengths = [9]"), r"lengths \[9\]"),
        (('name = "tiny"', ""), "'name' is missing"),
        (("seed = 0", "seed = 0\nspeed = 1"), "unknown key 'speed'"),
        (("[architecture]", "[architecture"), "cannot be read"),
    ],
)
def test_a_malformed_suite_is_refused(tmp_path, change, said):
    """The message names file and key."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace(*change))
    with pytest.raises(UsageError, match=said) as caught:
        load_suite(path)
    assert "tiny.toml" in caught.value.message
