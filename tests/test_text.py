from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from edgebert.errors import UsageError
from edgebert.records import LONGEST
from edgebert.text import (
    TextEncoder,
    app_tokenizer,
    open_encoder,
    text_spec,
    window_of,
)
from tests.support.hard_texts import HARD
from tests.support.tiny_files import VOCABULARY, make_tokenizer
from tests.support.tokenizing import reference_windows

IDS = {token: index for index, token in enumerate(VOCABULARY)}
CLS, SEP, MASK, UNK = IDS["[CLS]"], IDS["[SEP]"], IDS["[MASK]"], IDS["[UNK]"]
LONG = 4096

ALPHABET = "abCDéÀçñÅßİΣς価格한 \t\n\r\u00a0\u3000.,!?'[]-_$^`~—…。\x00\x07\u200b\ufeff\u0301\ufffd0９😀"


def words_by_hand(text: str) -> list[str]:
    """Return the words of a text as BERT's lower-casing normalizer and pre-tokenizer make them."""
    kept = []
    for character in text:
        if character in "\t\n\r" or unicodedata.category(character) == "Zs":
            kept.append(" ")
        elif character not in "\x00\ufffd" and unicodedata.category(character)[0] != "C":
            kept.append(f" {character} " if 0x4E00 <= ord(character) <= 0x9FFF else character)
    plain = unicodedata.normalize("NFD", "".join(kept))
    lowered = "".join(character.lower() for character in plain if unicodedata.category(character) != "Mn")
    spaced = (
        f" {character} "
        if (character.isascii() and character.isprintable() and not character.isalnum() and character != " ")
        or unicodedata.category(character)[0] == "P"
        else character
        for character in lowered
    )
    return "".join(spaced).split()


def ids_by_hand(text: str) -> list[int]:
    """Return the ids of a text without typed special tokens, by greedy longest match."""
    ids = [CLS]
    for word in words_by_hand(text):
        pieces, start = [], 0
        while start < len(word) <= 100:
            ends = range(len(word), start, -1)
            prefix = "##" if start else ""
            end = next((end for end in ends if prefix + word[start:end] in IDS), None)
            if end is None:
                pieces = []
                break
            pieces.append(IDS[prefix + word[start:end]])
            start = end
        ids += pieces or [UNK]
    return [*ids, SEP]


ENCODER = TextEncoder(make_tokenizer(), LONG)


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("text", HARD, ids=range(len(HARD)))
def test_ids_are_those_of_the_tokenizer_file(text: str, lower_case: bool, tmp_path: Path):
    """On hard texts the encoder gives what Hugging Face's tokenizer gives for the same file, in both casings."""
    path = tmp_path / "tokenizer.json"
    make_tokenizer(lower_case=lower_case).save(str(path))
    expected = Tokenizer.from_file(str(path)).encode(text).ids
    assert open_encoder(path, LONG).encode(text) == tuple(expected)


@given(text=st.text(st.sampled_from(ALPHABET), max_size=40))
def test_ids_are_those_of_the_algorithm_written_out(text: str):
    """Cleaning, spacing of Chinese, stripping of accents, lower-casing and greedy matching make the same ids."""
    assert list(ENCODER.encode(text)) == ids_by_hand(text)


def test_special_tokens_typed_in_a_text_are_matched():
    """[MASK] typed by a user becomes the mask token, as in Hugging Face; in lower case it is a word in brackets."""
    assert ENCODER.encode("[MASK]") == (CLS, MASK, SEP)
    assert ENCODER.encode("good[SEP]bad") == (CLS, IDS["good"], SEP, IDS["bad"], SEP)
    assert ENCODER.encode("[mask]") == (CLS, IDS["["], IDS["mask"], IDS["]"], SEP)


@pytest.mark.parametrize("text", ["", "   \t\n ", "\x00\x07", "\u200b\ufeff"])
def test_a_text_of_nothing_is_two_tokens(text: str):
    """No text, blanks and characters that are cleaned away leave [CLS] and [SEP]."""
    assert ENCODER.encode(text) == (CLS, SEP)


@given(
    text=st.text(max_size=60) | st.lists(st.sampled_from(VOCABULARY), max_size=40).map(" ".join),
    limit=st.integers(2, 24),
)
def test_truncation_keeps_the_front_between_cls_and_sep(text: str, limit: int):
    """A text is cut at its end, and keeps [CLS] in front and [SEP] behind within the limit."""
    whole = ENCODER.encode(text)
    encoder = TextEncoder(make_tokenizer(), limit)
    ids = encoder.encode(text)
    assert ids == (CLS, *whole[1:-1][: limit - 2], SEP)
    assert len(ids) == min(len(whole), limit)
    assert encoder.is_truncated(text) == (len(whole) > limit)
    assert encoder.max_length == limit


@given(
    text=st.text(max_size=60) | st.lists(st.sampled_from(VOCABULARY), max_size=40).map(" ".join),
    limit=st.integers(2, 24),
)
def test_ids_are_those_of_the_tokenizers_own_truncation(text: str, limit: int):
    """The encoder gives what the library's truncation gives, and leaves the tokenizer as it was."""
    own, plain = make_tokenizer(), make_tokenizer()
    own.enable_truncation(limit)
    described = plain.to_str()
    encoder, expected = TextEncoder(plain, limit), own.encode(text)
    assert encoder.encode_marked(text) == (tuple(expected.ids), bool(expected.overflowing))
    assert plain.to_str() == described
    described = own.to_str()
    assert TextEncoder(own, limit + 3).encode(text) == TextEncoder(plain, limit + 3).encode(text)
    assert own.to_str() == described


def test_the_padding_and_truncation_of_a_file_are_of_no_account(tmp_path: Path):
    """A tokenizer saved with padding and its own truncation, from the left, encodes as one without."""
    tokenizer = make_tokenizer()
    tokenizer.enable_padding(length=30)
    tokenizer.enable_truncation(3, direction="left")
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    assert open_encoder(path, 4).encode("good bad battery") == (CLS, IDS["good"], IDS["bad"], SEP)


@given(before=st.text(max_size=5), half=st.characters(categories=["Cs"]))
def test_half_a_character_is_refused_with_its_place(before: str, half: str):
    """A lone surrogate, which no UTF-8 text holds, is an error of the request that names the place."""
    for ask in (ENCODER.encode, ENCODER.is_truncated):
        with pytest.raises(UsageError, match=f"lone surrogate at character {len(before)}$") as caught:
            ask(before + half + "good")
        caught.value.message.encode("utf-8")


@given(
    question=st.text(max_size=30) | st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join),
    context=st.text(st.sampled_from(ALPHABET), max_size=80)
    | st.lists(st.sampled_from(VOCABULARY), max_size=60).map(" ".join),
    max_length=st.integers(5, 30),
    data=st.data(),
)
def test_pairs_are_the_windows_of_the_library(question: str, context: str, max_length: int, data: st.DataObject):
    """Windows have the ids, offsets, texts and words that the library's truncation with a stride gives."""
    stride = data.draw(st.integers(0, max_length - max_length // 3 - 4))
    reference = app_tokenizer(VOCABULARY, text_spec(make_tokenizer(), max_length=30, lengths=(30,)))
    windows, truncated = TextEncoder(make_tokenizer(), max_length).pair_windows(question, context, stride=stride)
    ((expected, is_cut),) = reference_windows(reference, [question], [context], max_length=max_length, stride=stride)
    assert truncated == is_cut
    assert list(windows) == [window_of(encoding, range(len(encoding))) for encoding in expected]
    if not is_cut:  # then the library needs no help to make pairs
        reference.enable_truncation(max_length, stride=stride, strategy="only_second")
        whole = reference.encode(question, context)
        assert [window.ids for window in windows] == [tuple(item.ids) for item in (whole, *whole.overflowing)]


def test_a_window_of_one_text_is_what_the_library_gives():
    """A cut text keeps the offsets and words of its tokens, and those of [SEP] behind them."""
    window, truncated = TextEncoder(make_tokenizer(), 5).window("İx un 😀 goodful bad")
    assert truncated
    assert window.ids == (CLS, IDS["i"], IDS["##x"], IDS["un"], SEP)
    assert (window.offsets, window.words) == (((0, 0), (0, 1), (1, 2), (3, 5), (0, 0)), (-1, 0, 0, 1, -1))
    assert window.sequences == (-1, 0, 0, 0, -1)


@pytest.mark.parametrize(("max_length", "stride"), [(9, 3), (12, 6), (16, -1), (3, 0), (2, 0)])
def test_windows_that_cannot_go_on_are_refused(max_length: int, stride: int):
    """A stride that leaves no room for the next window is one line of error."""
    with pytest.raises(UsageError, match=rf"windows of {max_length} tokens have room for -?\d+ of the context"):
        TextEncoder(make_tokenizer(), max_length).pair_windows("good " * 9, "good", stride=stride)


def test_bad_texts_of_a_pair_are_told_apart():
    """A lone surrogate and a text that is far too long are named with the text that they are in."""
    encoder = TextEncoder(make_tokenizer(), 16)
    with pytest.raises(UsageError, match="the question has a lone surrogate at character 1"):
        encoder.pair_windows("a\ud800", "b", stride=2)
    with pytest.raises(UsageError, match="the context has a lone surrogate at character 0"):
        encoder.pair_windows("a", "\udfff", stride=2)
    with pytest.raises(UsageError, match=r"the context has .* characters, more than"):
        encoder.pair_windows("a", "b" * (LONGEST + 1), stride=2)
