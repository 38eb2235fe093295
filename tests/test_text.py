from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from edgebert.errors import CheckpointError, UsageError
from edgebert.manifest import TextSpec
from edgebert.records import LONGEST
from edgebert.tasks import TEXT_CLASSIFICATION
from edgebert.text import (
    TextEncoder,
    app_tokenizer,
    open_encoder,
    pieces,
    read_tokenizer,
    text_spec,
    window_of,
)
from edgebert.tokenizer_traits import difference
from tests.support.tiny_files import SPECIALS, VOCABULARY, make_tokenizer
from tests.support.tokenizing import reference_windows

IDS = {token: index for index, token in enumerate(VOCABULARY)}
CLS, SEP, MASK, UNK = IDS["[CLS]"], IDS["[SEP]"], IDS["[MASK]"], IDS["[UNK]"]
LONG = 4096

HARD = (
    *(text for (text,) in TEXT_CLASSIFICATION.golden_texts),
    "mask [mask] [ MASK ] [MASK][MASK] x[SEP]y",
    "good\u00adly good\u200dly good\u2060ly",
    "👩‍👩‍👧‍👦 🇩🇪 1️⃣ 🏴‍☠️ 👍🏿",
    "CAFÉ Café cafe\u0301 C\u0327a",
    "ẞ ß SS ſ ŉ ǰ Ω K Å ﬁ ﬀ",
    "ΣΑΣ σας Ὀδυσσεύς İIıi",
    "価格は良い。한국어 한국어 ไทย हिन्दी",
    "\ufffd \x00 \x1f \x7f \x80 \x85 \u2028 \u2029 \u3000 \u180e",
    "good" * 40,
    "a" * 100 + " " + "a" * 101,
    "un" * 49 + "ab " + "un" * 50 + "b",
    "don't_stop--believing...#now@10:30,9",
    "\U00020000 \U0002f800 \U000e0001 \ue000 \U0010ffff \u0378",
    "\u202eright to left\u202c مرحبا שלום",
)

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


@pytest.mark.parametrize("lower_case", [True, False])
def test_the_text_spec_says_how_to_encode(lower_case: bool):
    """The spec has the casing, the lengths and the ids of the special tokens."""
    spec = text_spec(make_tokenizer(lower_case=lower_case), max_length=32, lengths=(16, 32))
    assert (spec.lower_case, spec.max_length, spec.lengths) == (lower_case, 32, (16, 32))
    assert (spec.pad_id, spec.cls_id, spec.sep_id, spec.unk_id) == (IDS["[PAD]"], CLS, SEP, UNK)


@pytest.mark.parametrize("token", [token for token in SPECIALS if token != "[MASK]"])
def test_a_missing_special_token_is_named(token: str):
    """DistilBERT needs [PAD], [CLS], [SEP] and [UNK]; a vocabulary without one is refused by its name."""
    tokenizer = Tokenizer(models.WordPiece({name: i for i, name in enumerate(SPECIALS) if name != token}))
    tokenizer.normalizer = normalizers.BertNormalizer()
    with pytest.raises(CheckpointError, match=f"no \\{token[:-1]}\\] token"):
        spec_of(tokenizer)


def spec_of(tokenizer: Tokenizer):
    return text_spec(tokenizer, max_length=16, lengths=(16,), source="x/tokenizer.json")


@pytest.mark.parametrize(("lower", "strip"), [(True, None), (True, True), (False, None), (False, False)])
def test_the_forms_of_distilbert_are_accepted(lower: bool, strip: bool | None):
    """Accents go when letters are lowered, by default or as stated."""
    tokenizer = make_tokenizer()
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower, strip_accents=strip)
    assert spec_of(tokenizer).lower_case is lower


BERT = {"clean_text": True, "handle_chinese_chars": True, "lowercase": True, "strip_accents": None}
FRAME = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
SPECIAL_IDS = {name: {"id": name, "ids": [IDS[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]", "[MASK]")}


def template(*single: object, special_tokens: dict[str, object] = SPECIAL_IDS) -> dict[str, object]:
    return {"type": "TemplateProcessing", "single": single, "pair": FRAME, "special_tokens": special_tokens}


def special(name: str) -> dict[str, object]:
    return {"SpecialToken": {"id": name, "type_id": 0}}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("normalizer", None, 'normalizer.type is not there, where an app\'s tokenizer has "BertNormalizer"'),
        ("normalizer", {"type": "Lowercase"}, 'normalizer.type is "Lowercase"'),
        (
            "normalizer",
            {"type": "Sequence", "normalizers": [{"type": "BertNormalizer", **BERT}]},
            'normalizer.type is "Sequence"',
        ),
        ("normalizer.clean_text", False, "normalizer.clean_text is false, where an app's tokenizer has true"),
        ("normalizer.handle_chinese_chars", False, "normalizer.handle_chinese_chars is false"),
        ("normalizer.strip_accents", False, "normalizer.strip_accents is false"),
        ("pre_tokenizer", None, "pre_tokenizer.type is not there"),
        ("pre_tokenizer", {"type": "Whitespace"}, 'pre_tokenizer.type is "Whitespace"'),
        (
            "pre_tokenizer",
            {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}, {"type": "WhitespaceSplit"}]},
            'pre_tokenizer.type is "Sequence"',
        ),
        ("post_processor", None, "post_processor is not there"),
        ("post_processor", template(*FRAME), r'post_processor is \[\["\[CLS\]", 2\], "A"\], where'),
        ("post_processor", template(*reversed(FRAME), special("[SEP]")), r'post_processor is \["A", \["\[CLS\]", 2\]'),
        (
            "post_processor",
            template(*FRAME, special("[SEP]"), special("[SEP]")),
            r"post_processor is .*3.*3",
        ),
        ("post_processor", template(*FRAME, special("[MASK]")), r"\[MASK\].* where"),
        (
            "post_processor",
            template(*FRAME, special("[SEP]"), special_tokens=SPECIAL_IDS | {"[SEP]": SPECIAL_IDS["[MASK]"]}),
            "post_processor is",
        ),
        (
            "post_processor",
            {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
            | {"trim_offsets": True, "add_prefix_space": True},
            'post_processor is "RobertaProcessing"',
        ),
        ("model.unk_token", "[MASK]", r'model.unk_token is "\[MASK\]", where an app\'s tokenizer has "\[UNK\]"'),
        ("model.continuing_subword_prefix", "@@", 'continuing_subword_prefix is "@@", where .* has "##"'),
        ("model.max_input_chars_per_word", 200, "max_input_chars_per_word is 200, where .* has 100"),
        ("added_tokens.4.lstrip", True, r'\[MASK\].*"lstrip": true.*, where .*"lstrip": false'),
        ("added_tokens.4.normalized", True, r'\[MASK\].*"normalized": true'),
        ("added_tokens.5.lstrip", True, r'<url>.*"lstrip": true'),
        ("added_tokens.5.rstrip", True, r'<url>.*"rstrip": true'),
        ("added_tokens.5.single_word", True, r'<url>.*"single_word": true'),
        ("added_tokens.5.content", "\ufeff", r"nothing is left of the added token '\\ufeff'"),
        ("added_tokens.5.content", "<URL>", "'<URL>' and '<ürl>' are equal when normalized"),
    ],
)
def test_what_no_app_could_follow_is_refused_by_key_and_value(path: str, value: object, message: str):
    """Whatever tokenizer.json says that vocab.txt and text spec cannot is named with the key and both values."""
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["<url>", *(["<ürl>"] if value == "<URL>" else [])])
    plain = place = json.loads(tokenizer.to_str())
    assert spec_of(make_tokenizer())
    *parents, key = path.split(".")
    for name in parents:
        place = place[int(name) if name.isdecimal() else name]
    place[key] = value
    with pytest.raises(CheckpointError, match="^x/tokenizer.json: .*" + message):
        spec_of(Tokenizer.from_str(json.dumps(plain)))


def test_vocabularies_with_gaps_are_refused():
    """Ids that are no line numbers are named: a gap, and a gap that an id used twice hides from a count."""
    for ids in ((0, 1, 2, 3, 4, 6), (0, 1, 2, 3, 3, 5)):
        tokenizer = make_tokenizer()
        tokenizer.model = models.WordPiece(dict(zip((*SPECIALS, "x"), ids, strict=True)), unk_token="[UNK]")
        with pytest.raises(CheckpointError, match="ids have gaps: 6 tokens, other ids than 0 to 5"):
            spec_of(tokenizer)


ADDED = st.lists(
    st.tuples(
        st.sampled_from(("<url>", "<URL>", "user", "x", "##y", "[USER]", "good", "é", "価", "a b", " c", "<<", "日付")),
        st.booleans(),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda item: unicodedata.normalize("NFKD", item[0]).lower(),
)


def with_added(tokenizer: Tokenizer, added: list[tuple[str, bool, bool]]) -> Tokenizer:
    for content, normalized, is_special in added:
        token = AddedToken(content, normalized=normalized, special=is_special)
        (tokenizer.add_special_tokens if is_special else tokenizer.add_tokens)([token])
    return tokenizer


@given(added=ADDED, lower_case=st.booleans(), text=st.text(max_size=30))
def test_an_app_builds_the_same_tokenizer_from_vocabulary_and_spec(
    added: list[tuple[str, bool, bool]], lower_case: bool, text: str
):
    """What the lines of vocab.txt and the text spec say is the whole tokenizer, added tokens included."""
    tokenizer = with_added(make_tokenizer(lower_case=lower_case), added)
    spec = spec_of(tokenizer)
    app = app_tokenizer(pieces(tokenizer), spec)
    assert difference(tokenizer, app) is None
    assert spec_of(app) == spec
    assert pieces(tokenizer) == VOCABULARY
    assert [token.content for token in spec.added_tokens if token.id >= len(VOCABULARY)] == [
        content for content, *_ in added if content not in VOCABULARY
    ]
    for words in (text, " ".join(content + text + content.upper() for content, *_ in added)):
        assert app.encode(words).ids == tokenizer.encode(words).ids


@pytest.mark.parametrize(
    "change",
    [
        lambda spec: {"lower_case": False},
        lambda spec: {"cls_id": spec.sep_id},
        lambda spec: {"sep_id": spec.pad_id},
        lambda spec: {"added_tokens": ()},
        lambda spec: {"added_tokens": (replace(spec.added_tokens[0], normalized=False),)},
        lambda spec: {"added_tokens": (replace(spec.added_tokens[0], special=True),)},
        lambda spec: {"added_tokens": (replace(spec.added_tokens[0], content="<uri>"),)},
    ],
    ids=range(7),
)
def test_a_spec_of_another_tokenizer_is_seen(change: Callable[[TextSpec], dict[str, object]]):
    """An app with another text spec, or other lines, has another tokenizer, and the difference is named."""
    tokenizer = with_added(make_tokenizer(), [("<url>", True, False)])
    spec = spec_of(tokenizer)
    assert difference(tokenizer, app_tokenizer(VOCABULARY, spec)) is None
    assert difference(tokenizer, app_tokenizer(VOCABULARY, replace(spec, **change(spec)))) is not None
    swapped = (*VOCABULARY[:-2], VOCABULARY[-1], VOCABULARY[-2])
    assert "model.vocab" in str(difference(tokenizer, app_tokenizer(swapped, spec)))


def test_a_file_without_the_kind_of_its_model_is_read(tmp_path: Path):
    """A tokenizer.json from before tokenizers 0.9 has no model.type: it is read as the library reads it."""
    plain = json.loads(make_tokenizer().to_str())
    del plain["model"]["type"]
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(plain), encoding="utf-8")
    for text in HARD:
        assert read_tokenizer(path).encode(text).ids == make_tokenizer().encode(text).ids


def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path: Path):
    """A file that is missing, a folder or not UTF-8 is named with the reason."""
    with pytest.raises(CheckpointError, match=r"absent\.json: cannot be read: No such file"):
        read_tokenizer(tmp_path / "absent.json")
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        read_tokenizer(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"model": "\xe9"}')
    with pytest.raises(CheckpointError, match=r"latin\.json: not UTF-8 at byte 11"):
        read_tokenizer(tmp_path / "latin.json")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"model": null}',
        '{"model": {"type": "WordPiece"}}',
        '{"model": {}}',
        '{"model": {"type": "Guess"}}',
        '{"version": "1.0", "model": {"type": "WordPiece", "vocab": {"a": -1}}}',
        "[" * 100_000,
    ],
    ids=range(11),
)
def test_a_file_that_describes_no_tokenizer_is_named(content: str, tmp_path: Path):
    """Whatever JSON or half of it stands in the file, the error is ours and names it."""
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=f"^{path}: describes no tokenizer: "):
        read_tokenizer(path)


def test_a_tokenizer_of_another_kind_is_named(tmp_path: Path):
    """A RoBERTa-like byte-pair tokenizer is refused by its kind."""
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    with pytest.raises(CheckpointError, match="a BPE tokenizer; DistilBERT uses WordPiece"):
        read_tokenizer(path)


def test_a_file_cut_at_any_place_is_refused(tmp_path: Path):
    """Half a tokenizer.json, as a broken download leaves it, is never taken for a whole one."""
    whole = make_tokenizer().to_str()
    path = tmp_path / "tokenizer.json"
    for end in range(0, len(whole), 211):
        path.write_text(whole[:end], encoding="utf-8")
        with pytest.raises(CheckpointError, match="describes no tokenizer"):
            read_tokenizer(path)


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
