"""Answers to questions are compared as the SQuAD benchmarks define it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.tallies.spans import normalized_answer, span_tally

WORDS = (
    "the",
    "The",
    "a",
    "an",
    "cat",
    "Cats",
    "cat's",
    "theatre",
    "U.S.",
    "1,000",
    "--",
    "",
    "é",
    "\u00a0",
    "\u2019s",
)
texts = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)


def squad_words(text: str) -> list[str]:
    """Return the words that the definition compares, one character and one word at a time."""
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    words, word = [], ""
    for character in kept + " ":
        # A word ends, for the articles, where a letter, digit or underscore meets another character.
        if character.isspace():
            words += [word] if word else []
            word = ""
        else:
            word += character
    found = []
    for item in words:
        pieces, piece = [], ""
        for character in item:
            if piece and (character.isalnum() or character == "_") != (piece[-1].isalnum() or piece[-1] == "_"):
                pieces.append(piece)
                piece = ""
            piece += character
        pieces.append(piece)
        found += "".join(" " if part in ("a", "an", "the") else part for part in pieces).split()
    return found


def squad_score(accepted: list[str], answer: str) -> tuple[int, float]:
    """Return exact match and F1 by the text of the definition, version 2."""
    golds = [squad_words(text) for text in accepted if squad_words(text)] or [[]]
    given_ = squad_words(answer)
    scores = []
    for gold in golds:
        left, common = list(gold), 0
        for word in given_:
            if word in left:
                left.remove(word)
                common += 1
        if not gold or not given_:
            scores.append(float(gold == given_))
        elif not common:
            scores.append(0.0)
        else:
            precision, recall = common / len(given_), common / len(gold)
            scores.append(2 * precision * recall / (precision + recall))
    return int(any(gold == given_ for gold in golds)), max(scores)


@given(st.lists(texts, max_size=3), texts)
def test_scores_are_those_of_the_definition(accepted, answer):
    """Exact match and F1 equal those of the definition written out word by word, the best accepted answer counting."""
    exact, f1 = span_tally(accepted, answer)
    assert (exact, f1) == (squad_score(accepted, answer)[0], pytest.approx(squad_score(accepted, answer)[1]))


LETTERS = (
    "aAntheTHE \t_.-'\""
    "\u00e9\u0301\u0130\u00df\u00aa\u00a0\u200b\u2028\u1680\x1c\u2019\u201c\u3002\uff0c\u4ef7\u0663\U0001f600"
)


@given(st.lists(st.text(LETTERS, max_size=8), max_size=3), st.text(LETTERS, max_size=8))
def test_scores_of_any_text_are_those_of_the_definition(accepted, answer):
    """Marks that combine, letters that grow in lower case, spaces and punctuation beyond ASCII."""
    exact, f1 = span_tally(accepted, answer)
    assert (exact, f1) == (squad_score(accepted, answer)[0], pytest.approx(squad_score(accepted, answer)[1]))
    assert normalized_answer(answer) == " ".join(squad_words(answer))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The U.S.  Army", "us army"),
        ("a cat, an owl and the theatre", "cat owl and theatre"),
        ("the-cat", "thecat"),
        ("\tAn\n", ""),
        ("1,000", "1000"),
        ("\u201cthe\u201d end", "\u201c \u201d end"),
        ("a\u0301 cat", "\u0301 cat"),
        ("the\u3002", "\u3002"),
        ("\u0130 A\u2028The", "i\u0307"),
        ("the_cat a1", "thecat a1"),
        ("\u0430 \u00c0 \u03b1n", "\u0430 \u00e0 \u03b1n"),
    ],
)
def test_what_is_left_of_an_answer(text, normal):
    """Punctuation joins what it stood between; articles go where they are words, also beside other quotes."""
    assert normalized_answer(text) == normal


@pytest.mark.parametrize(
    ("accepted", "answer", "tally"),
    [
        ([], "", (1, 1.0)),
        ([], "cat", (0, 0.0)),
        (["cat"], "", (0, 0.0)),
        (["The cat!"], "cat", (1, 1.0)),
        (["black cat", "cat sat"], "cat", (0, pytest.approx(2 / 3))),
        (["the", "cat"], "a", (0, 0.0)),
        (["the"], "", (1, 1.0)),
    ],
)
def test_no_answer_and_several_answers(accepted, answer, tally):
    """A question without an answer wants none; answers that normalise to nothing do not count beside others."""
    assert span_tally(accepted, answer) == tally
