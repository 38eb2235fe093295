"""Entities are those of the Hub's pipeline, with their places in the text as the user typed it."""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgebert.answers import Entity
from edgebert.entities import (
    UNREAD,
    Aggregation,
    decode_entities,
    find_entities,
    first_tokens,
    is_tags_key,
    tag_targets,
    tagged_windows,
    tags_key,
)
from edgebert.errors import DataError
from edgebert.examples import Encoded, Example
from edgebert.meaning import NO_SETTINGS, Meaning, TaskSettings
from edgebert.text import TextEncoder
from tests.support.tiny_files import VOCABULARY, make_tokenizer

BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BIOES = ("O", *(f"{prefix}-{kind}" for kind in ("PER", "LOC") for prefix in "BIES"))
PLAIN = ("O", "PER", "LOC", "NN-TL")
ENCODER = TextEncoder(make_tokenizer(), 24)

KEPT = "abCDéÀçñÅßİΣς価格 .,!?'[]-_$~—…。9😀👍"
"""Characters of which the tokenizer makes as many."""
DROPPED = "\x00\u200b\ufeff\u0301한\u00a0\t\u3000"
"""Characters that it removes, splits or takes for blanks."""


@lru_cache(maxsize=1)
def hub_pipeline() -> Any:
    """Return the pipeline of transformers without a model."""
    from transformers import PreTrainedTokenizerFast
    from transformers.pipelines.token_classification import TokenClassificationPipeline

    pipeline = TokenClassificationPipeline.__new__(TokenClassificationPipeline)
    pipeline.tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=make_tokenizer(), unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )
    return pipeline


def reference(text: str, logits: np.ndarray, labels: tuple[str, ...], aggregation: str) -> list[dict[str, Any]]:
    """Return what the pipeline of transformers makes of the logits of a text."""
    import torch
    from transformers.pipelines.token_classification import AggregationStrategy

    pipeline = hub_pipeline()
    pipeline.model = SimpleNamespace(config=SimpleNamespace(id2label=dict(enumerate(labels))))
    asked = {"return_offsets_mapping": True, "return_special_tokens_mask": True, "return_tensors": "pt"}
    encoded = pipeline.tokenizer(text, truncation=True, max_length=ENCODER.max_length, **asked)
    outputs = {"logits": torch.from_numpy(logits[None]), "sentence": text, **encoded}
    return pipeline.postprocess([outputs], AggregationStrategy(aggregation))


def encode(text: str, *, words: tuple[tuple[int, int], ...] = ()) -> Encoded:
    return tagged_windows(ENCODER, Example(texts=(text,), words=words), NO_SETTINGS)


def check_equal(text: str, seed: int, labels: tuple[str, ...], aggregation: Aggregation) -> None:
    window = encode(text).windows[0]
    logits = np.random.default_rng(seed).normal(0, 4, (len(window.ids), len(labels))).astype(np.float32)
    found = find_entities(text, window, logits, labels, aggregation)
    expected = reference(text, logits, labels, aggregation)
    assert [(item.type, item.start, item.end) for item in found] == [
        (item["entity_group"], item["start"], item["end"]) for item in expected
    ]
    assert [item.score for item in found] == pytest.approx([float(item["score"]) for item in expected], rel=1e-5)
    assert all(item.text == text[item.start : item.end] for item in found)


TEXTS = st.text(st.sampled_from(KEPT), max_size=30) | st.lists(
    st.sampled_from([token for token in VOCABULARY if not token.startswith("##")] + ["goodful", "unfully", "badx"]),
    max_size=16,
).map(" ".join)


@given(
    text=TEXTS,
    seed=st.integers(0, 2**32),
    labels=st.sampled_from((BIO, PLAIN)),
    aggregation=st.sampled_from(get_args(Aggregation)),
)
@example(text="😀 Straße İx, goodful価x" * 3, seed=1, labels=BIO, aggregation="average")
def test_entities_are_those_of_the_hubs_pipeline(
    text: str, seed: int, labels: tuple[str, ...], aggregation: Aggregation
):
    """Types, places and scores are the pipeline's for random logits, by each way to join the tokens of a word."""
    check_equal(text, seed, labels, aggregation)


@given(text=st.text(st.sampled_from(KEPT + DROPPED), max_size=30), seed=st.integers(0, 2**32))
def test_offsets_are_those_of_the_hubs_pipeline_on_any_text(text: str, seed: int):
    """What the tokenizer removes or splits before an entity moves its places as it does in the pipeline."""
    check_equal(text, seed, BIO, "simple")


def spelled(*tags: str, labels: tuple[str, ...], aggregation: Aggregation = "simple") -> list[tuple[str, str]]:
    """Return the entities of one-letter words that are tagged so."""
    text = " ".join("abcdefgh"[: len(tags)])
    logits = np.zeros((len(tags) + 2, len(labels)), np.float32)
    for token, tag in enumerate(tags, start=1):
        logits[token, labels.index(tag)] = 3
    found = find_entities(text, encode(text).windows[0], logits, labels, aggregation)
    return [(item.text, item.type) for item in found]


def test_the_end_of_bioes_goes_on_and_a_single_is_whole():
    """E- joins what it follows and ends it; S- is an entity, whatever stands beside it."""
    assert spelled("B-PER", "I-PER", "E-PER", "I-PER", labels=BIOES) == [("a b c", "PER"), ("d", "PER")]
    assert spelled("S-PER", "S-PER", "I-PER", "E-LOC", labels=BIOES) == [
        ("a", "PER"),
        ("b", "PER"),
        ("c", "PER"),
        ("d", "LOC"),
    ]
    assert spelled("B-PER", "E-PER", "B-PER", "E-PER", labels=BIOES) == [("a b", "PER"), ("c d", "PER")]
    assert spelled("O", "O", labels=BIOES) == []
    bilou = ("O", "B-PER", "I-PER", "L-PER", "U-PER")
    assert spelled("U-PER", "B-PER", "L-PER", "L-PER", labels=bilou) == [("a", "PER"), ("b c", "PER"), ("d", "PER")]


def test_neighbours_of_a_plain_tag_are_one_entity():
    """A tag without a prefix is its type; what is before a dash is no part of the type."""
    assert spelled("PER", "PER", "LOC", "O", "LOC", labels=PLAIN) == [("a b", "PER"), ("c", "LOC"), ("e", "LOC")]
    assert spelled("NN-TL", "NN-TL", labels=PLAIN) == [("a b", "TL")]


def test_words_are_those_of_the_pre_tokenizer():
    """A combining accent makes a token shorter than its text, which the pipeline takes for the rest of a word."""
    text = "good ca\u0301fe bad"
    logits = np.zeros((5, len(BIO)), np.float32)
    logits[[1, 2, 3], [1, 3, 0]] = 5  # good: B-PER, cafe: B-LOC, bad: O
    found = find_entities(text, encode(text).windows[0], logits, BIO, "first")
    assert [(item.text, item.type) for item in found] == [("good", "PER"), ("ca\u0301fe", "LOC")]
    assert [item["word"] for item in reference(text, logits, BIO, "first")] == ["good cafe"]


def test_an_answer_is_for_people_and_as_numbers():
    """Entities come with text, places and score; the key has the label of each word's first token."""
    meaning = Meaning(labels=BIO, settings=TaskSettings(aggregation="max"))
    encoded = encode("😀 goodful bad")
    logits = np.zeros((len(encoded.windows[0].ids), len(BIO)), np.float32)  # [CLS] 😀 good ##ful bad [SEP]
    logits[[2, 3, 4], [1, 3, 2]] = [2, 9, 5]
    found = decode_entities(encoded, [{"logits": logits}], meaning)
    assert (found.text, found.tokens, found.truncated) == ("😀 goodful bad", 6, False)
    assert [(item.text, item.type, item.start, item.end) for item in found.entities] == [
        ("goodful", "LOC", 2, 9),
        ("bad", "PER", 10, 13),
    ]
    assert found.entities[0].score == pytest.approx(float(np.exp(9) / (np.exp(9) + 4)))
    first = decode_entities(encoded, [{"logits": logits}], Meaning(labels=BIO)).entities
    assert [(item.text, item.type) for item in first] == [("goodful bad", "PER")]
    assert isinstance(first[0], Entity)
    assert encoded.words == ((0, 1), (2, 9), (10, 13))
    assert tags_key(encoded, [{"logits": logits}], meaning) == (0, 1, 2)


def test_words_of_the_data_have_the_label_of_their_first_token():
    """Words that were cut off, and words of which the tokenizer keeps nothing, are outside and are no target."""
    encoder = TextEncoder(make_tokenizer(), 5)
    words = ((0, 7), (8, 9), (10, 13), (14, 17))
    item = Example(texts=("goodful \u200b bad bad",), words=words, gold=(1, 2, 3, 4), line=7)
    encoded = tagged_windows(encoder, item, NO_SETTINGS)
    assert encoded.truncated
    assert encoded.words == words
    assert first_tokens(encoded.windows[0], words) == [1, None, 3, None]
    assert tag_targets(encoded, item, Meaning(labels=BIO)) == ((UNREAD, 1, UNREAD, 3, UNREAD),)
    logits = np.tile(np.array([0, 0, 0, 0, 1], np.float32), (5, 1))
    assert tags_key(encoded, [{"logits": logits}], Meaning(labels=BIO)) == (4, 0, 4, 0)
    with pytest.raises(DataError, match="line 8: there is no right answer"):
        tag_targets(encoded, Example(texts=item.texts, words=words, line=8), Meaning(labels=BIO))


def test_a_text_of_nothing_has_no_entities():
    """Blanks and removed characters have no word and no entity."""
    for text in ("", "  ", "\u200b"):
        encoded = encode(text)
        outputs = [{"logits": np.ones((2, len(BIO)), np.float32)}]
        assert decode_entities(encoded, outputs, Meaning(labels=BIO)).entities == ()
        assert (encoded.words, tags_key(encoded, outputs, Meaning(labels=BIO))) == ((), ())


@pytest.mark.parametrize(("key", "right"), [((), True), ((0, 4), True), ((5,), False), ((1.0,), False), ((-1,), False)])
def test_an_answer_is_labels_of_words(key: tuple[int | float, ...], right: bool):
    """A number is the index of a label."""
    assert is_tags_key(key, Meaning(labels=BIO)) is right
