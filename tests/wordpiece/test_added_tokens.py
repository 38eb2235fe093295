"""Added tokens, in Java on a JVM and in JavaScript under Node: taken out of a text as the reference does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken

from edgebert.errors import CheckpointError
from edgebert.pipeline import export_bundle
from edgebert.text import text_spec
from tests.support import fakes
from tests.support.fakes import SPECIALS
from tests.support.peer import Refused
from tests.support.tokenizing import (
    CASINGS,
    character_vocabulary,
    differences,
    random_texts,
    reference,
    write_vocabulary,
)

COUNT = 1500
"""Random strings for each casing."""

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


@pytest.fixture(scope="session")
def near_characters(tmp_path_factory):
    """A vocabulary of what is in and around added tokens, small enough to be loaded for every example."""
    codes = {*map(ord, "".join(WORDS)), *range(0x20, 0x370), *range(0x1100, 0x1200), 0x302E, 0x4E00}
    return write_vocabulary(tmp_path_factory.mktemp("near") / "vocab.txt", character_vocabulary(sorted(codes)))


@CASINGS
def test_added_tokens_are_taken_out_as_the_library_does(peer, near_characters, lower_case):
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
        made = added_tokens(contents, flags[: len(contents)], near_characters, lower_case=lower_case)
        if made is None:
            return
        tokenizer, added = made
        peer.load_vocabulary(near_characters, lower_case=lower_case, added=added)
        batch = [*batch, *contents, " ".join(contents), "".join(content.swapcase() for content in contents)]
        assert differences(peer, tokenizer, batch, max_length=data.draw(st.sampled_from((3, 512)))) == []
        seen.extend(added)

    search()
    assert {token.normalized for token in seen} == {True, False}
    assert {token.id < len(near_characters.read_text().split("\n")) - 1 for token in seen} == {True, False}


@CASINGS
def test_random_texts_with_added_tokens(peer, characters, lower_case):
    """Random texts around added tokens get the reference's ids and offsets."""
    contents = ("<url>", "user", "[USER]", "é", "\uac01", "a b")
    flags = ((True, False), (False, True), (False, True), (True, True), (True, False), (False, False))
    tokenizer, added = added_tokens(contents, flags, characters, lower_case=lower_case)
    peer.load_vocabulary(characters, lower_case=lower_case, added=added)
    texts = random_texts(7, count=COUNT, tokens=[*contents, *SPECIALS, "good"])
    plain = reference(characters, lower_case=lower_case)
    assert sum(plain.encode(text).ids != tokenizer.encode(text).ids for text in texts) > COUNT // 5
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
    assert caught.value.plain_kind == "damaged_file"
