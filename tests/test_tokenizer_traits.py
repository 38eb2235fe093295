"""Which tokenizers an app can follow: those that it builds from a vocabulary and a text spec; others are refused."""

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

from edgebert.errors import CheckpointError
from edgebert.manifest import TextSpec
from edgebert.text import (
    app_tokenizer,
    pieces,
    read_tokenizer,
    text_spec,
)
from edgebert.tokenizer_traits import difference
from tests.support.hard_texts import HARD
from tests.support.tiny_files import SPECIALS, VOCABULARY, make_tokenizer

IDS = {token: index for index, token in enumerate(VOCABULARY)}


@pytest.mark.parametrize("lower_case", [True, False])
def test_the_text_spec_says_how_to_encode(lower_case: bool):
    """The spec has the casing, the lengths and the ids of the special tokens."""
    spec = text_spec(make_tokenizer(lower_case=lower_case), max_length=32, lengths=(16, 32))
    assert (spec.lower_case, spec.max_length, spec.lengths) == (lower_case, 32, (16, 32))
    assert (spec.pad_id, spec.cls_id, spec.sep_id, spec.unk_id) == tuple(
        IDS[name] for name in ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
    )


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
