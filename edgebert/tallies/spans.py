"""Answers to questions: when one is right, by the rules of the SQuAD benchmarks (Rajpurkar et al. 2016 and 2018)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized_answer(text: str) -> str:
    """Return an answer as it is compared: lower case, without ASCII punctuation, articles and extra white space."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def span_tally(accepted: Sequence[str], answer: str) -> tuple[int, float]:
    """Return the tally of a question: whether the answer is exactly one that is accepted, 0 or 1, and its F1, 0 to 1.

    Each is the best over the accepted answers. As in version 2, accepted answers without a word are left out, and
    where none is left only an answer without a word is right.

    Args:
        accepted: Answers that are accepted; empty where the question has no answer.
        answer: The answer that was given; empty for none.
    """
    given = normalized_answer(answer)
    known = [text for text in map(normalized_answer, accepted) if text] or [""]
    return int(given in known), max(_word_f1(text, given) for text in known)


def _word_f1(expected: str, given: str) -> float:
    right, words = Counter(expected.split()), Counter(given.split())
    if not right or not words:
        return float(right == words)
    return 2 * (right & words).total() / (right.total() + words.total())
