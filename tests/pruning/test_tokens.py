"""Which tokens stay, against the real WordPiece: what could be spelled before can be spelled after."""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from edgebert.errors import UsageError
from edgebert.pruning.tokens import cut_tokenizer, kept_tokens
from edgebert.tasks import TEXT_CLASSIFICATION
from edgebert.text import app_tokenizer, text_spec
from edgebert.text import pieces as pieces_of
from edgebert.tokenizer import load_tokenizer, write_tokenizer
from tests.support import fakes

TYPED = ("zzz [MASK] 12", "Ünïcödé 価 한 😀", "[CLS] [SEP] and [UNK]", "", " \t ", "don't-stop...", "a" * 300)
HARD = (*(text for (text,) in TEXT_CLASSIFICATION.golden_texts), *TYPED, *fakes.TEXTS)


def wordpiece(tokens: Sequence[str], *, longest: int = 100, prefix: str = "##") -> Tokenizer:
    """Return a plain WordPiece of these tokens behind the special ones."""
    ids = {token: index for index, token in enumerate((*fakes.SPECIALS, *tokens))}
    tokenizer = Tokenizer(
        models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=longest, continuing_subword_prefix=prefix)
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    tokenizer.add_special_tokens(list(fakes.SPECIALS))
    return tokenizer


def tiny(folder: Path, *, lower_case: bool = True, tokens: Sequence[str] = fakes.VOCABULARY) -> Tokenizer:
    fakes.write_tokenizer(folder, tokens, lower_case=lower_case)
    return load_tokenizer(folder)


def names(tokenizer: Tokenizer, ids: Iterable[int]) -> set[str]:
    return {tokenizer.id_to_token(index) for index in ids}


def spelled(tokenizer: Tokenizer, word: str) -> list[str]:
    return tokenizer.encode(word, add_special_tokens=False).tokens


# What stays ------------------------------------------------------------------------------------------------------


def test_what_occurs_stays_with_specials_and_single_characters(tmp_path: Path) -> None:
    """Of the longer tokens only those stay that the texts use, as they are spelled: after normalization."""
    tokenizer = tiny(tmp_path)
    kept = kept_tokens(tokenizer, ["GOOD, not waiting", "the"])
    gone = set(fakes.VOCABULARY) - names(tokenizer, kept)
    assert gone == set(fakes.WORDS) - {"good", "not", "##ing", "the"}
    assert list(kept) == sorted(kept)


def test_a_cased_tokenizer_keeps_what_its_case_uses(tmp_path: Path) -> None:
    """Where case counts, 'Good' does not keep 'good', nor the other way round."""
    tokens = (*fakes.VOCABULARY, *string.ascii_uppercase, "Good")
    tokenizer = tiny(tmp_path, lower_case=False, tokens=tokens)
    assert "Good" in names(tokenizer, kept_tokens(tokenizer, ["Good"]))
    assert "good" not in names(tokenizer, kept_tokens(tokenizer, ["Good"]))
    assert "Good" not in names(tokenizer, kept_tokens(tokenizer, ["good"]))


def test_unused_placeholders_go_and_typed_ones_are_no_reason_to_stay(tmp_path: Path) -> None:
    """BERT's [unusedN] go, even where brackets lack a piece and where a text types one; added tokens stay."""
    tokenizer = tiny(tmp_path, tokens=(*fakes.VOCABULARY, "[unused0]", "[unused1]"))
    tokenizer.add_tokens([AddedToken("[unused1]")])
    kept = names(tokenizer, kept_tokens(tokenizer, ["good [unused0]"]))
    assert kept & {"[unused0]", "[unused1]"} == {"[unused1]"}


def test_tokens_beyond_a_truncation_count(tmp_path: Path) -> None:
    """A tokenizer that someone set to truncate and pad is read to the end of the texts, and left as it was."""
    tokenizer = tiny(tmp_path)
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    before = tokenizer.to_str()
    assert "battery" in names(tokenizer, kept_tokens(tokenizer, ["good " * 600 + "battery"]))
    assert tokenizer.to_str() == before


def test_order_and_repetition_of_texts_do_not_matter(tmp_path: Path) -> None:
    """The tokens are a property of the set of texts, which may be given as an iterator."""
    tokenizer = tiny(tmp_path)
    assert kept_tokens(tokenizer, iter(HARD)) == kept_tokens(tokenizer, [*reversed(HARD), *HARD])


def test_progress_counts_texts(tmp_path: Path) -> None:
    """Progress ends at the number of texts."""
    seen: list[tuple[str, int, int]] = []
    kept_tokens(tiny(tmp_path), ["good"] * 5000, progress=lambda *call: seen.append(call))
    assert seen == [("collecting the tokens", 4096, 5000), ("collecting the tokens", 5000, 5000)]


def test_a_lone_surrogate_is_named_by_text_and_character(tmp_path: Path) -> None:
    """A text that is no Unicode is refused with its number, beyond the first chunk too."""
    with pytest.raises(UsageError) as caught:
        kept_tokens(tiny(tmp_path), [*["good"] * 5000, "ab\ud83d"])
    assert caught.value.message == "text 5001 has a lone surrogate at character 2"


# The guarantee ---------------------------------------------------------------------------------------------------

LETTERS = "abcX"
pieces = st.text(LETTERS, min_size=2, max_size=4)
word = st.text(LETTERS, min_size=1, max_size=9)


@st.composite
def vocabularies(draw: st.DrawFn, *, complete: bool) -> tuple[str, ...]:
    """Draw the tokens of a small vocabulary, in any order, with all single pieces or with some of them."""
    singles = [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
    chosen = set(singles) if complete else draw(st.sets(st.sampled_from(singles)))
    starting = draw(st.sets(pieces, max_size=6))
    continuing = draw(st.sets(pieces, max_size=6))
    return tuple(draw(st.permutations(sorted(chosen | starting | {f"##{piece}" for piece in continuing}))))


@given(tokens=vocabularies(complete=True), texts=st.lists(word, max_size=3), tried=st.lists(word, min_size=1))
@settings(max_examples=150, deadline=None)
def test_no_word_of_known_characters_becomes_unknown(
    tokens: tuple[str, ...], texts: list[str], tried: list[str]
) -> None:
    """With all single pieces there, every word is spelled after any cut, and those of the texts as before."""
    tokenizer = wordpiece(tokens)
    cut = cut_tokenizer(tokenizer, kept_tokens(tokenizer, texts))
    for text in tried:
        assert "[UNK]" not in spelled(cut, text)
        assert "".join(piece.removeprefix("##") for piece in spelled(cut, text)) == text
    for text in texts:
        assert spelled(cut, text) == spelled(tokenizer, text)


@given(
    tokens=vocabularies(complete=False),
    texts=st.lists(word, max_size=3),
    tried=st.lists(word, min_size=1, max_size=30),
)
@settings(max_examples=300, deadline=None)
def test_what_is_guaranteed_where_single_pieces_are_missing(
    tokens: tuple[str, ...], texts: list[str], tried: list[str]
) -> None:
    """A word stays spelled if its pieces stay up to the last one that holds a character without its single piece."""
    tokenizer = wordpiece(tokens)
    cut = cut_tokenizer(tokenizer, kept_tokens(tokenizer, texts))
    for text in tried:
        before = spelled(tokenizer, text)
        if "[UNK]" in before:
            continue
        lacking = [
            index
            for index, piece in enumerate(before)
            if any(single not in tokens for single in singles_of(piece, starts=index == 0))
        ]
        needed = before[: lacking[-1] + 1] if lacking else []
        assert all(cut.token_to_id(before[index]) is not None for index in lacking)
        if all(cut.token_to_id(piece) is not None for piece in needed):
            assert "[UNK]" not in spelled(cut, text), (text, before)


def singles_of(piece: str, *, starts: bool) -> list[str]:
    body = piece.removeprefix("##")
    return [letter if starts and place == 0 else f"##{letter}" for place, letter in enumerate(body)]


def test_a_word_can_be_lost_where_a_single_piece_is_missing() -> None:
    """The limit that the docstring of kept_tokens states is real: without '##X', 'abcX' depends on 'ab'."""
    tokenizer = wordpiece(["a", "b", "c", "##a", "##b", "##c", "ab", "##bc", "##cX"])
    assert spelled(tokenizer, "abcX") == ["ab", "##cX"]
    cut = cut_tokenizer(tokenizer, kept_tokens(tokenizer, ["cbc"]))
    assert spelled(cut, "abcX") == ["[UNK]"]
    assert spelled(cut, "bcX") == ["b", "##cX"]
    assert spelled(cut, "aacX") == ["a", "##a", "##cX"]


def test_all_that_holds_a_character_without_its_single_piece_stays() -> None:
    """Such characters count in the place where their piece is missing: to begin a word, or to continue one."""
    tokenizer = wordpiece(["a", "##a", "X", "##Y", "Xa", "aX", "Ya", "aY", "##aX", "##Ya", "##Xa", "aa", "##aa"])
    kept = names(tokenizer, kept_tokens(tokenizer, []))
    assert kept == {*fakes.SPECIALS, "a", "##a", "X", "##Y", "aX", "Ya", "##aX", "##Xa"}


def test_an_added_token_is_no_single_piece() -> None:
    """A token outside the WordPiece, even one spelled '##X', spells no character of a word."""
    tokenizer = wordpiece(["a", "##a", "aX"])
    tokenizer.add_tokens(["##X"])
    cut = cut_tokenizer(tokenizer, kept_tokens(tokenizer, []))
    assert spelled(cut, "aX") == ["aX"] == spelled(tokenizer, "aX")


@given(tokens=vocabularies(complete=True), text=word)
@settings(max_examples=50, deadline=None)
def test_an_empty_prefix_is_a_vocabulary_like_any_other(tokens: tuple[str, ...], text: str) -> None:
    """Without '##' one piece serves both places, and the guarantee holds."""
    tokenizer = wordpiece(tuple(dict.fromkeys(token.removeprefix("##") for token in tokens)), prefix="")
    cut = cut_tokenizer(tokenizer, kept_tokens(tokenizer, []))
    assert "[UNK]" not in spelled(cut, text)


# The smaller tokenizer -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("template", [True, False])
def test_texts_of_kept_tokens_get_the_same_ids_renumbered(tmp_path: Path, lower_case: bool, template: bool) -> None:
    """Hard texts that had a say are encoded as before, special tokens and typed ones included."""
    tokens = ("qq", *fakes.VOCABULARY[5:60], *fakes.SPECIALS[1:], *fakes.VOCABULARY[60:], "[PAD]", "U", "D")
    tokenizer = tiny(tmp_path, lower_case=lower_case, tokens=tokens)
    if template:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
        )
    before = tokenizer.to_str()
    kept = kept_tokens(tokenizer, HARD)
    cut = cut_tokenizer(tokenizer, kept)
    assert names(tokenizer, kept) == {*tokens} - {"qq"}
    for text in HARD:
        assert [kept[index] for index in cut.encode(text).ids] == tokenizer.encode(text).ids
        assert cut.encode(text, "good").tokens == tokenizer.encode(text, "good").tokens
    assert tokenizer.to_str() == before


@given(st.lists(st.text(max_size=30), max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_text_that_had_a_say_is_encoded_as_before(texts: list[str]) -> None:
    """No Unicode text, however odd, comes out differently once its tokens are kept."""
    tokenizer = load_tokenizer(fakes.shared_checkpoint())
    kept = kept_tokens(tokenizer, texts)
    cut = cut_tokenizer(tokenizer, kept)
    for text in texts:
        assert [kept[index] for index in cut.encode(text).ids] == tokenizer.encode(text).ids


def test_the_settings_of_the_tokenizer_stay(tmp_path: Path) -> None:
    """All but vocabulary, ids, padding and truncation is as in the uncut tokenizer.json."""
    tokenizer = wordpiece(["a", "~~a", "aa"], longest=7, prefix="~~")
    tokenizer.add_tokens([AddedToken("Q-7", single_word=True, normalized=False)])
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding()
    kept = kept_tokens(tokenizer, [])
    before, after = (json.loads(each.to_str()) for each in (tokenizer, cut_tokenizer(tokenizer, kept)))
    assert (after["padding"], after["truncation"]) == (None, None)
    assert after["model"]["vocab"] == {token: index for index, token in enumerate((*fakes.SPECIALS, "a", "~~a"))}
    assert [(added["content"], added["id"]) for added in after["added_tokens"]][-1] == ("Q-7", 7)
    for content in (before, after):
        del content["padding"], content["truncation"], content["model"]["vocab"], content["post_processor"]
        for added in content["added_tokens"]:
            del added["id"]
    assert after == before


@pytest.mark.parametrize("lower_case", [True, False])
def test_a_cut_tokenizer_survives_its_folder(tmp_path: Path, lower_case: bool) -> None:
    """tokenizer.json, and vocab.txt alone, give the ids of the tokenizer in memory."""
    tokenizer = tiny(tmp_path, lower_case=lower_case)
    cut = cut_tokenizer(tokenizer, kept_tokens(tokenizer, fakes.TEXTS))
    write_tokenizer(cut, tmp_path, max_length=64)
    expected = [cut.encode(text).ids for text in HARD]
    assert [load_tokenizer(tmp_path).encode(text).ids for text in HARD] == expected
    listed = (tmp_path / "vocab.txt").read_text(encoding="utf-8").splitlines()
    assert tuple(listed) == pieces_of(cut) == tuple(token for token in fakes.VOCABULARY if token in cut.get_vocab())
    (tmp_path / "tokenizer.json").unlink()
    assert [load_tokenizer(tmp_path).encode(text).ids for text in HARD] == expected


@given(
    st.lists(
        st.tuples(st.sampled_from(("<url>", "battery", "user", "[USER]", "a b")), st.booleans(), st.booleans()),
        max_size=4,
        unique_by=lambda item: item[0],
    ),
    st.lists(
        st.lists(st.sampled_from(("<url>", "<URL>", "USER", "[USER]", "good", "x", " ")), max_size=6).map("".join)
    ),
)
@settings(max_examples=60, deadline=None)
def test_added_tokens_stay_with_ids_of_their_own(added: list[tuple[str, bool, bool]], texts: list[str]) -> None:
    """Added tokens, pieces or not, stay in a cut, and an app that is told their new ids makes the ids of before."""
    tokenizer = load_tokenizer(fakes.shared_checkpoint())
    for content, normalized, special in added:
        token = AddedToken(content, normalized=normalized, special=special)
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([token])
    kept = kept_tokens(tokenizer, texts)
    cut = cut_tokenizer(tokenizer, kept)
    spec = text_spec(cut, max_length=64, lengths=(64,))
    before = text_spec(tokenizer, max_length=64, lengths=(64,)).added_tokens
    assert [(token.content, kept[token.id]) for token in spec.added_tokens] == [
        (token.content, token.id) for token in before
    ]
    app = app_tokenizer(pieces_of(cut), spec)
    for text in (*texts, " ".join(content for content, *_ in added)):
        expected = tokenizer.encode(text).ids
        if set(expected) <= set(kept):
            assert (
                [kept[index] for index in app.encode(text).ids] == expected == [kept[i] for i in cut.encode(text).ids]
            )


def test_cutting_again_composes(tmp_path: Path) -> None:
    """Two cuts, the second for fewer texts, leave what one cut for those would."""
    tokenizer = tiny(tmp_path)
    once = cut_tokenizer(tokenizer, kept_tokens(tokenizer, fakes.TEXTS))
    twice = cut_tokenizer(once, kept_tokens(once, fakes.TEXTS[:3]))
    assert twice.to_str() == cut_tokenizer(tokenizer, kept_tokens(tokenizer, fakes.TEXTS[:3])).to_str()


@pytest.mark.parametrize("name", fakes.SPECIALS)
def test_a_cut_without_a_special_token_is_refused(tmp_path: Path, name: str) -> None:
    """No list of ids can take a special token away."""
    tokenizer = tiny(tmp_path)
    index = tokenizer.token_to_id(name)
    with pytest.raises(UsageError) as caught:
        cut_tokenizer(tokenizer, [each for each in range(len(fakes.VOCABULARY)) if each != index])
    assert caught.value.message == f"the cut would remove the special token {name} (id {index})"


def test_what_a_post_processor_adds_is_special(tmp_path: Path) -> None:
    """A token that is put around every text stays, whatever it is called."""
    tokenizer = tiny(tmp_path, tokens=("qq", *fakes.VOCABULARY))
    good = tokenizer.token_to_id("good")
    tokenizer.post_processor = processors.Sequence(
        [processors.TemplateProcessing(single="good $A", pair=None, special_tokens=[("good", good)])]
    )
    kept = kept_tokens(tokenizer, ["bad"])
    assert good in kept
    assert cut_tokenizer(tokenizer, kept).encode("bad").tokens == ["good", "bad"]
    with pytest.raises(UsageError, match="special token good"):
        cut_tokenizer(tokenizer, [index for index in kept if index != good])


@pytest.mark.parametrize("wrong", [-1, len(fakes.VOCABULARY)])
def test_an_id_out_of_range_is_refused(tmp_path: Path, wrong: int) -> None:
    """An id that no token has is named with those that exist."""
    tokenizer = tiny(tmp_path)
    with pytest.raises(UsageError) as caught:
        cut_tokenizer(tokenizer, [*range(10), wrong])
    last = len(fakes.VOCABULARY) - 1
    assert caught.value.message == f"the tokenizer has no token with the id {wrong}: its ids are 0 to {last}"


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_ids_with_the_special_ones_make_a_tokenizer(data: st.DataObject) -> None:
    """Whatever else goes, the tokens that stay are numbered from 0 in the old order."""
    tokenizer = load_tokenizer(fakes.shared_checkpoint())
    chosen = data.draw(st.sets(st.integers(5, len(fakes.VOCABULARY) - 1)))
    assume(chosen)
    cut = cut_tokenizer(tokenizer, [*sorted(chosen, reverse=True), *range(5)])
    assert pieces_of(cut) == tuple(fakes.VOCABULARY[index] for index in (*range(5), *sorted(chosen)))
