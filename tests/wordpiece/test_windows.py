"""Windows of pairs of texts, in Java on a JVM and in JavaScript under Node: those of the reference."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.text import text_spec
from tests.support.fakes import SPECIALS
from tests.support.peer import Refused
from tests.support.tokenizing import CASINGS, random_pairs, reference, reference_windows, window_differences
from tests.wordpiece.make_golden import VOCABULARY


@CASINGS
@pytest.mark.parametrize(("max_length", "stride"), [(64, 21), (32, 10), (12, 4), (10, 0)])
def test_random_windows(peer, characters, lower_case, max_length, stride):
    """Random pairs of texts get the reference's windows: ids, offsets and words, also if the first is cut."""
    peer.load_vocabulary(characters, lower_case=lower_case)
    tokenizer = reference(characters, lower_case=lower_case)
    pairs = random_pairs(max_length, count=300, tokens=[*SPECIALS, "good", "##s", "\u00e9", "\u4e00"])
    assert window_differences(peer, tokenizer, pairs, max_length=max_length, stride=stride) == []
    windows = reference_windows(tokenizer, *zip(*pairs, strict=True), max_length=max_length, stride=stride)
    assert {cut for _, cut in windows} == {True, False}
    assert max(len(group) for group, _ in windows) > 1
    assert min(len(group) for group, _ in windows) == 1


@CASINGS
def test_windows_that_hypothesis_finds(peer, characters, lower_case):
    """Whatever pairs hypothesis thinks of, and whatever windows share, they get the reference's windows."""
    tokenizer = reference(characters, lower_case=lower_case)
    tokenizer.add_tokens(["<url>"])
    tokenizer.add_special_tokens(["[USER]"])
    added = text_spec(tokenizer, max_length=512, lengths=(512,)).added_tokens
    peer.load_vocabulary(characters, lower_case=lower_case, added=added)
    letters = st.characters(exclude_categories=["Cs"])
    near = st.sampled_from(
        (*SPECIALS, "<url>", "<URL>", "[USER]", "\u0130", "\u0301", "\uac01", "\u4e00", "\u200b", " ")
    )
    texts = st.lists(letters | near, max_size=30).map("".join)

    @settings(max_examples=40)
    @given(st.lists(st.tuples(texts, texts), min_size=10, max_size=30), st.integers(10, 40), st.data())
    def search(pairs, max_length, data):
        stride = data.draw(st.integers(0, max_length - max_length // 3 - 4))
        assert window_differences(peer, tokenizer, pairs, max_length=max_length, stride=stride) == []

    search()


@pytest.mark.parametrize(
    ("second", "windows"),
    [("", 1), ("good", 1), ("good " * 6, 1), ("good " * 7, 2), ("good " * 10, 2), ("good " * 11, 3)],
)
def test_a_window_is_made_only_for_what_is_left(peer, second, windows):
    """Windows of 6 tokens that share 2: one more for every 4 that do not fit, and one where there is nothing."""
    peer.load_vocabulary(VOCABULARY, lower_case=True)
    rows = peer.call("windows", first=["good"], second=[second], max_length=10, stride=2)[0]
    assert len(rows) == windows
    assert [row[4] for row in rows[:1]] == [[-1, 0, -1, *[1] * min(6, len(second.split())), -1]]


@pytest.mark.parametrize(("max_length", "stride"), [(9, 3), (12, 6), (16, -1), (3, 0), (2, 0)])
def test_windows_that_cannot_go_on_are_refused(peer, max_length, stride):
    """Windows that would share all that fits into them are an error, not an endless loop."""
    peer.load_vocabulary(VOCABULARY, lower_case=True)
    with pytest.raises(Refused, match=rf"windows of {max_length} tokens have room for -?\d+ of the second text"):
        peer.call("windows", first=["good good good"], second=["good"], max_length=max_length, stride=stride)


def test_differences_of_windows_are_seen(peer, characters):
    """The comparison of windows tells another stride, and a cased tokenizer from an uncased one."""
    peer.load_vocabulary(characters, lower_case=True)
    pairs = [("a", "B"), ("a", "b"), ("A", "b")]
    cased = reference(characters, lower_case=False)
    assert [pair for pair, *_ in window_differences(peer, cased, pairs, max_length=10, stride=2)] == [
        pairs[0],
        pairs[2],
    ]
    uncased = reference(characters, lower_case=True)
    expected = reference_windows(uncased, ["a"], ["b" * 20], max_length=10, stride=2)
    assert len(expected[0][0]) != len(peer.call("windows", first=["a"], second=["b" * 20], max_length=10, stride=3)[0])
