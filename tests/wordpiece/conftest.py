"""The programs that the tests of tokenizers ask: one for each language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import export.apk.unicode_tables
from tests.support.jvm import Jvm
from tests.support.node import Node
from tests.support.peer import Peer
from tests.support.tokenizing import SAMPLE, character_vocabulary, write_vocabulary


@pytest.fixture(scope="session")
def jvm() -> Iterator[Peer]:
    """A JVM with the core of the Android demo in it, or a skip where there is no JDK."""
    with Jvm() as running:
        yield running


@pytest.fixture(scope="session")
def node() -> Iterator[Peer]:
    """A Node with the modules of the web demo in it, or a skip where there is none."""
    with Node() as running:
        yield running


@pytest.fixture(scope="session")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary in which every code point that a test is about has ids of its own."""
    tables = export.apk.unicode_tables.read_tables()
    made = {ord(c) for text in (*tables.decompositions.values(), *tables.lower_case.values()) for c in text}
    codes = made.union(SAMPLE, tables.combining_ranks, tables.lower_case, tables.punctuation, tables.nonspacing_marks)
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "vocab.txt", character_vocabulary(sorted(codes)))


@pytest.fixture(params=["jvm", "node"])
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each of them in turn; one that cannot run skips its own tests alone."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Peer)
    return found
