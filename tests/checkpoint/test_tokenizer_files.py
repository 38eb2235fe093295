"""The ids of a checkpoint's tokenizer are those of transformers' ``AutoTokenizer``, or the folder is refused."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer
from tokenizers.implementations import BertWordPieceTokenizer

from edgebert.errors import CheckpointError
from edgebert.text import app_tokenizer, pieces, read_vocabulary, text_spec
from edgebert.tokenizer import load_tokenizer, write_tokenizer
from tests.support import fakes

TOKENS = (*fakes.VOCABULARY, "Good", "é", "##é", "的")
COUNT = len(TOKENS)
TEXTS = (
    "",
    "Good mövie, naïve café 的好",
    "good <url> <URL>x<url> [MASK][mask] [USER] [user]",
    "GOOD battery the-screen <s> a" + "b" * 120,
)


def flags(content: str, *, special: bool = False, **more: bool) -> dict[str, object]:
    """Return a token as transformers writes it into tokenizer_config.json."""
    plain = {"content": content, "lstrip": False, "rstrip": False, "single_word": False}
    return plain | {"normalized": not special, "special": special} | more


BASE = {str(index): flags(name, special=True) for index, name in enumerate(fakes.SPECIALS)}


def make(
    folder: Path,
    *,
    lower: bool = True,
    add: list[AddedToken | str] | None = None,
    edit: dict[str, object] | None = None,
    lines: str | None = None,
    config: dict[str, object] | None = None,
    **files: object,
) -> Path:
    """Write a folder with a tokenizer; with ``lines`` it is a vocab.txt, else a tokenizer.json.

    Args:
        folder: Existing folder.
        lower: Casing of the tokenizer.json.
        add: Tokens to add to it.
        edit: Keys of it to replace.
        lines: Content of a vocab.txt.
        config: Content of config.json beside the type of the model.
        files: Contents of other JSON files, by name without suffix.
    """
    (folder / "config.json").write_text(json.dumps({"model_type": "distilbert", **(config or {})}))
    if lines is None:
        ids = {token: index for index, token in enumerate(TOKENS)}
        tokenizer = BertWordPieceTokenizer(ids, lowercase=lower, strip_accents=None)
        tokenizer.add_tokens(add or [])
        plain = json.loads(tokenizer.to_str()) | (edit or {})
        (folder / "tokenizer.json").write_text(json.dumps(plain), encoding="utf-8")
    else:
        (folder / "vocab.txt").write_bytes(lines.encode())
    for name, content in files.items():
        if content is not None:
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def their_ids(folder: Path) -> list[list[int]]:
    """Return what transformers makes of the texts."""
    found: list[list[int]] = transformers.AutoTokenizer.from_pretrained(folder)(list(TEXTS))["input_ids"]
    return found


def our_ids(folder: Path) -> list[list[int]]:
    """Return what an app makes of the texts that has vocab.txt and text spec of the loaded tokenizer alone."""
    tokenizer = load_tokenizer(folder)
    ids = [tokenizer.encode(text).ids for text in TEXTS]
    app = app_tokenizer(pieces(tokenizer), text_spec(tokenizer, max_length=64, lengths=(64,)))
    assert [app.encode(text).ids for text in TEXTS] == ids
    return ids


LINES = "".join(f"{token}\n" for token in TOKENS)
URL = {str(COUNT): flags("<url>")}
CASED = {"do_lower_case": False}
OLD = {"unk_token": "[UNK]", "additional_special_tokens": ["[USER]"]}


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"tokenizer_config": {"do_lower_case": True, "model_max_length": 512}},
        {"tokenizer_config": {"tokenizer_class": "DistilBertTokenizerFast", "never_split": None}},
        {"tokenizer_config": {"tokenizer_class": "BertTokenizer", "strip_accents": True}},
        {"lower": False, "tokenizer_config": CASED},
        {
            "lower": False,
            "tokenizer_config": CASED | {"strip_accents": False, "tokenizer_class": "DistilBertTokenizer"},
        },
        {"lower": False, "tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast"}},
        {"lower": False, "tokenizer_config": CASED, "config": {"tokenizer_class": "BertTokenizerFast"}},
        {"add": ["<url>"]},
        {"add": ["<url>"], "tokenizer_config": {"added_tokens_decoder": BASE | URL}},
        {"add": ["<url>"], "added_tokens": {"<url>": COUNT}},
        {"add": ["good", AddedToken("[USER]", special=True, normalized=False)], "special_tokens_map": OLD},
        {"add": [AddedToken("<url>", normalized=False)], "lower": False, "tokenizer_config": CASED},
        {"special_tokens_map": {"unk_token": "[UNK]", "mask_token": flags("[MASK]", special=True)}},
        {"edit": {"truncation": None, "padding": None, "decoder": None}},
        {"lines": LINES},
        {"lines": LINES.replace("\n", "\r\n")},
        {"lines": LINES[:-1]},
        {"lines": LINES, "tokenizer_config": CASED},
        {"lines": LINES, "tokenizer_config": CASED | {"strip_accents": False}},
        {"lines": LINES, "tokenizer_config": {"strip_accents": True, "tokenize_chinese_chars": True}},
        {"lines": LINES, "added_tokens": {"<url>": COUNT}},
        {"lines": LINES, "added_tokens": {"[USER]": COUNT}, "tokenizer_config": {"bos_token": "[USER]"}},
        {"lines": LINES, "tokenizer_config": {"additional_special_tokens": ["[USER]"]}},
        {"lines": LINES, "tokenizer_config": {"added_tokens_decoder": BASE | URL}},
        {"lines": LINES, "special_tokens_map": {"mask_token": flags("[MASK]", special=True)}},
    ],
    ids=range(26),
)
def test_ordinary_folders_have_the_ids_of_transformers(made, tmp_path):
    """Folders as transformers 3 to 5 wrote them, old and new, load with the ids of AutoTokenizer."""
    folder = make(tmp_path, **made)
    assert our_ids(folder) == their_ids(folder)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            {"tokenizer_config": CASED},
            "tokenizer_config.json: do_lower_case is false, but normalizer.lowercase of tokenizer.json is true",
        ),
        (
            {"lower": False, "tokenizer_config": {"do_lower_case": True}},
            "do_lower_case is true, but normalizer.lowercase of tokenizer.json is false",
        ),
        (
            {"lower": False, "tokenizer_config": {}},
            "do_lower_case is true .by default: there is no such key., but .* is false",
        ),
        (
            {"lower": False},
            "tokenizer_config.json: do_lower_case is true .by default: there is no such file., but .* is false",
        ),
        (
            {"tokenizer_config": {"strip_accents": False}},
            "strip_accents is false, but normalizer.strip_accents of tokenizer.json is null",
        ),
        (
            {"tokenizer_config": {"tokenize_chinese_chars": False}},
            "tokenize_chinese_chars is false, but normalizer.handle_chinese_chars of tokenizer.json is true",
        ),
        ({"tokenizer_config": CASED | {"tokenizer_class": "PreTrainedTokenizerFast"}}, "do_lower_case is false, but"),
        ({"tokenizer_config": {"do_lower_case": None}}, "do_lower_case is None, not a boolean"),
        ({"tokenizer_config": {"do_lower_case": 1}}, "do_lower_case is 1, not a boolean"),
        (
            {"tokenizer_config": {"tokenizer_class": "RobertaTokenizer"}},
            "tokenizer_class is 'RobertaTokenizer'; edgebert takes DistilBertTokenizer",
        ),
        (
            {"tokenizer_config": {"truncation_side": "left"}},
            "truncation_side is 'left'; edgebert takes tokenizers with 'right' only",
        ),
        ({"tokenizer_config": {"split_special_tokens": True}}, "split_special_tokens is True"),
        ({"tokenizer_config": {"fast_tokenizer_files": ["tokenizer.4.0.0.json"]}}, "fast_tokenizer_files"),
        (
            {"tokenizer_config": {"pad_token": "<pad>"}},
            r"tokenizer_config.json: pad_token is '<pad>'; edgebert takes tokenizers with '\[PAD\]' only",
        ),
        ({"special_tokens_map": {"unk_token": {"content": "<unk>"}}}, r"special_tokens_map.json: unk_token is '<unk>'"),
        ({"special_tokens_map": {"unk_token": 5}}, r"special_tokens_map.json: unk_token is 5, not a token"),
        (
            {"special_tokens_map": OLD},
            r"special_tokens_map.json: additional_special_tokens names '\[USER\]', which is no added token of",
        ),
        (
            {"tokenizer_config": {"extra_special_tokens": ["<url>"]}},
            "extra_special_tokens names '<url>', which is no added token",
        ),
        ({"tokenizer_config": {"url_token": "<url>"}}, "url_token names '<url>', which is no added token"),
        (
            {"added_tokens": {"<url>": COUNT}},
            "added_tokens.json: '<url>' names '<url>', which is no added token of tokenizer.json",
        ),
        (
            {"add": ["<url>"], "added_tokens": {"<url>": COUNT + 1}},
            f"added_tokens.json: '<url>': '<url>' has the id {COUNT + 1}, but tokenizer.json gives it {COUNT}",
        ),
        ({"added_tokens": {"<url>": "x"}}, "added_tokens.json: '<url>' has 'x' where an id should be"),
        (
            {"add": ["<url>"], "tokenizer_config": {"added_tokens_decoder": BASE}},
            "tokenizer.json: has the added token '<url>', which added_tokens_decoder of tokenizer_config.json does",
        ),
        (
            {"tokenizer_config": {"added_tokens_decoder": BASE | URL}},
            r"added_tokens_decoder\[\d+\] names '<url>', which is no added token",
        ),
        (
            {
                "add": ["<url>"],
                "tokenizer_config": {"added_tokens_decoder": BASE | {str(COUNT): flags("<url>", special=True)}},
            },
            "normalized of '<url>' is false, but true in tokenizer.json",
        ),
        ({"tokenizer_config": {"added_tokens_decoder": []}}, "added_tokens_decoder is not an object"),
        ({"tokenizer_config": {"added_tokens_decoder": {"x": flags("y")}}}, r"added_tokens_decoder\[x\]: not an id"),
        ({"edit": {"post_processor": None}}, "tokenizer.json: post_processor is not there"),
        ({"edit": {"pre_tokenizer": {"type": "Whitespace"}}}, "tokenizer.json: pre_tokenizer.type is"),
        (
            {"edit": {"added_tokens": [{"id": COUNT + 2, **flags("<url>")}]}},
            f"added_tokens: '<url>' has the id {COUNT + 2}, but tokenizers gives it {COUNT}",
        ),
        (
            {"edit": {"truncation": {"direction": "Left", "max_length": 8, "strategy": "LongestFirst", "stride": 0}}},
            "truncation.direction is Left",
        ),
        (
            {"lines": LINES, "tokenizer_config": {"strip_accents": False}},
            "strip_accents is false and do_lower_case is true; edgebert takes equal values",
        ),
        ({"lines": LINES, "tokenizer_config": {"tokenize_chinese_chars": False}}, "tokenize_chinese_chars is false"),
        ({"lines": LINES, "tokenizer_config": {"do_basic_tokenize": False}}, "do_basic_tokenize is False"),
        (
            {"lines": LINES, "tokenizer_config": {"tokenizer_class": "PreTrainedTokenizerFast"}},
            "tokenizer_class is 'PreTrainedTokenizerFast', which needs a tokenizer.json",
        ),
        (
            {"lines": LINES, "added_tokens": {"<url>": COUNT + 1}},
            f"'<url>' has the id {COUNT + 1}, but vocab.txt gives it {COUNT}",
        ),
        ({"lines": LINES, "added_tokens": {"<url>": 7}}, f"'<url>' has the id 7, but vocab.txt gives it {COUNT}"),
        (
            {"lines": LINES, "special_tokens_map": {"mask_token": flags("[MASK]", lstrip=True)}},
            r"mask_token: lstrip of '\[MASK\]' is true, but false in the tokenizer",
        ),
        (
            {
                "lines": LINES,
                "tokenizer_config": {"added_tokens_decoder": BASE | {str(COUNT): flags("<url>", rstrip=True)}},
            },
            '"rstrip": true',
        ),
        (
            {"lines": LINES, "special_tokens_map": OLD, "tokenizer_config": {"added_tokens_decoder": BASE}},
            r"names '\[USER\]', which is no added token of vocab.txt",
        ),
        (
            {"lines": LINES, "tokenizer_config": {"bos_token": "<s>", "eos_token": "<url>"}},
            "eos_token and .*bos_token name tokens whose ids no file states",
        ),
        (
            {"lines": LINES, "tokenizer_config": {"url_token": "<url>"}},
            "url_token names '<url>', which is no added token of vocab.txt",
        ),
        (
            {"lines": LINES, "added_tokens": {"[USER]": COUNT}, "special_tokens_map": OLD},
            r"special_tokens_map.json: additional_special_tokens: normalized of '\[USER\]' is false, but true in the",
        ),
        ({"lines": "\ufeff" + LINES}, "vocab.txt, line 1: begins with a byte order mark"),
        ({"lines": LINES + "\n"}, f"vocab.txt, line {COUNT + 1}: blank"),
        ({"lines": LINES.replace("\na\n", "\n\n")}, r"vocab.txt, line 6: blank"),
        ({"lines": LINES.replace("\nb\n", "\na\n")}, r"vocab.txt, line 7: repeats the token 'a' of line 6"),
        ({"lines": LINES.replace("\nb\n", "\nb \n")}, r"vocab.txt, line 7: 'b ' ends with white space"),
        (
            {"lines": LINES.replace("\nb\n", "\nb\rc\n")},
            r"vocab.txt, line 7: 'b\\rc' ends with white space or holds a line break",
        ),
        ({"lines": LINES.replace("[MASK]\n", "")}, r"lists no \[MASK\] token"),
    ],
)
def test_what_cannot_be_right_is_refused_by_file_key_and_values(made, message, tmp_path):
    """A folder that contradicts itself, or that no app can follow, is refused in one line with file, key and values."""
    folder = make(tmp_path, **made)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_tokenizer(folder)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith(str(folder))
    assert caught.value.exit_code == 2


CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "do_lower_case": st.booleans(),
        "strip_accents": st.sampled_from((None, True, False)),
        "tokenize_chinese_chars": st.booleans(),
        "tokenizer_class": st.sampled_from(
            ("DistilBertTokenizer", "BertTokenizerFast", "PreTrainedTokenizerFast", "ElectraTokenizer")
        ),
        "added_tokens_decoder": st.sampled_from(
            (BASE, BASE | URL, BASE | {str(COUNT): flags("<url>", special=True)}, {}, URL)
        ),
        "additional_special_tokens": st.sampled_from(([], ["[USER]"], ["<url>"], ["<url>", "[USER]"], ["good"])),
        "extra_special_tokens": st.sampled_from(([], ["<url>"], {"url_token": "<url>"})),
        "mask_token": st.sampled_from(("[MASK]", {"__type": "AddedToken", **flags("[MASK]", special=True)})),
        "url_token": st.sampled_from(("<url>", "[CLS]")),
        "bos_token": st.sampled_from((None, "[CLS]", "<s>")),
        "never_split": st.sampled_from((None, ["good"])),
    },
)
FOLDERS = st.fixed_dictionaries(
    {"tokenizer_config": st.none() | CONFIGS, "lower": st.booleans()},
    optional={
        "add": st.lists(
            st.sampled_from(
                (
                    "<url>",
                    "good",
                    AddedToken("[USER]", special=True, normalized=False),
                    AddedToken("<s>", normalized=False),
                )
            ),
            max_size=3,
            unique_by=str,
        ),
        "lines": st.sampled_from((LINES, LINES.replace("\n", "\r\n"), LINES[:-1])),
        "added_tokens": st.sampled_from(
            ({"<url>": COUNT}, {"[USER]": COUNT, "<url>": COUNT + 1}, {"good": TOKENS.index("good")}, {})
        ),
        "special_tokens_map": st.sampled_from(
            (
                OLD,
                {"mask_token": flags("[MASK]", special=True)},
                {"extra_special_tokens": ["<url>"]},
                {"bos_token": "<s>"},
            )
        ),
        "config": st.sampled_from(
            ({"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "PreTrainedTokenizerFast"})
        ),
    },
)


@settings(max_examples=120, deadline=None)
@given(made=FOLDERS)
def test_whatever_the_files_say_there_is_no_third_answer(made):
    """Of any combination of files, keys and tokens the ids are those of AutoTokenizer, or the folder is refused."""
    with tempfile.TemporaryDirectory() as name:
        folder = make(Path(name), **made)
        try:
            ours = our_ids(folder)
        except CheckpointError:
            return
        assert ours == their_ids(folder)


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_what_is_written_is_read_alike_by_us_and_by_transformers(lower, special, tmp_path):
    """A tokenizer with added tokens, written as a checkpoint's, has the same ids for edgebert and AutoTokenizer."""
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    add = [AddedToken("<url>", special=special, normalized=not special), "good"]
    folder = make(tmp_path / "first", lower=lower, add=add, tokenizer_config={"do_lower_case": lower})
    tokenizer, ids = load_tokenizer(folder), our_ids(folder)
    write_tokenizer(tokenizer, tmp_path / "second", max_length=64)
    (tmp_path / "second/config.json").write_text('{"model_type": "distilbert"}')
    assert read_vocabulary(tmp_path / "second/vocab.txt") == TOKENS
    assert our_ids(tmp_path / "second") == their_ids(tmp_path / "second") == ids
    assert [Tokenizer.from_file(str(tmp_path / "second/tokenizer.json")).encode(text).ids for text in TEXTS] == ids


def test_files_that_transformers_makes_agree_load(tmp_path):
    """The hint of a contradiction works: what AutoTokenizer saves again loads with its ids."""
    folder = make(tmp_path, lower=True, tokenizer_config=CASED)
    with pytest.raises(CheckpointError) as caught:
        load_tokenizer(folder)
    assert "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)" in caught.value.hint
    ids = their_ids(folder)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    assert our_ids(folder) == their_ids(folder) == ids
