"""Entities are those of seqeval, and their tallies sum to its scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.metrics import METRICS, tally_array
from edgebert.tallies.entities import (
    Entity,
    entity_tally,
    entity_types,
    find_entities,
    find_strict_entities,
    tag_scheme,
    type_counts,
)

BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B")
BIOES = ("O", *(f"{prefix}-{kind}" for kind in ("PER", "LOC") for prefix in "BIES"))
BARE = ("O", "B", "I")


def sentences(labels: tuple[str, ...]) -> st.SearchStrategy[list[tuple[list[str], list[str]]]]:
    """Return sentences of right and given tags in any order, most of which break their scheme."""
    word = st.tuples(st.sampled_from(labels), st.sampled_from(labels))
    # Half of the words are right, or hardly any entity would be.
    likely = st.one_of(word, st.sampled_from(labels).map(lambda tag: (tag, tag)))
    return st.lists(
        st.lists(likely, min_size=1, max_size=12).map(lambda words: tuple(map(list, zip(*words, strict=True)))),
        min_size=1,
        max_size=5,
    )


@pytest.mark.parametrize("labels", [BIO, BIOES, BARE], ids=["bio", "bioes", "prefixes-alone"])
@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_scores_are_those_of_seqeval(labels, data):
    """Precision, recall and F1 of both modes equal seqeval's, whatever the tags."""
    metrics = pytest.importorskip("seqeval.metrics", reason="seqeval is the oracle: pip install --group dev")
    from seqeval.scheme import IOB2, IOBES

    drawn = data.draw(sentences(labels))
    gold, answered = [list(item[0]) for item in drawn], [list(item[1]) for item in drawn]
    scheme = tag_scheme(labels)
    tallies = tally_array([entity_tally(*item, scheme) for item in drawn])
    kinds = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}
    strict = {"mode": "strict", "scheme": IOBES if scheme == "bioes" else IOB2}
    for name, score in kinds.items():
        found = METRICS[f"entity_{name}"].value(tallies), METRICS[f"strict_entity_{name}"].value(tallies)
        expected = (score(gold, answered, zero_division=0), score(gold, answered, zero_division=0, **strict))
        assert found == pytest.approx(expected, abs=1e-12)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_counts_by_type_are_those_of_seqeval(data):
    """F1 and support of each type equal those of seqeval's report."""
    metrics = pytest.importorskip("seqeval.metrics", reason="seqeval is the oracle: pip install --group dev")
    drawn = data.draw(sentences(BIO))
    gold, answered = [list(item[0]) for item in drawn], [list(item[1]) for item in drawn]
    if not any(find_entities(tags) for tags in gold + answered):
        return  # seqeval has no report of nothing
    report = metrics.classification_report(gold, answered, output_dict=True, zero_division=0)
    types = entity_types(BIO)
    for kind, (right, given_, expected) in zip(types, type_counts(gold, answered, types), strict=True):
        known = report.get(kind, {"support": 0, "f1-score": 0.0})
        assert expected == known["support"]
        assert 2 * right / max(given_ + expected, 1) == pytest.approx(known["f1-score"])


@given(st.lists(st.sampled_from(("O", "PER", "ORG", "LOC")), max_size=12))
def test_a_type_alone_is_an_entity_and_neighbours_of_it_join(tags):
    """Plain tags spell the runs of equal types, in both modes."""
    runs = [at for at in range(len(tags)) if at == 0 or tags[at] != tags[at - 1]]
    ends = [*runs[1:], len(tags)][: len(runs)]
    expected = [Entity(tags[at], at, end) for at, end in zip(runs, ends, strict=True) if tags[at] != "O"]
    assert list(find_entities(tags)) == expected
    right = len(expected)
    assert entity_tally(tags, tags, tag_scheme(("O", "PER", "ORG", "LOC"))) == (right,) * 6


@given(st.data())
def test_bilou_is_bioes_by_other_letters(data):
    """L and U stand for E and S."""
    (gold, answered), *_ = data.draw(sentences(BIOES))
    renamed = [[tag.replace("E-", "L-").replace("S-", "U-") for tag in tags] for tags in (gold, answered)]
    labels = [tag.replace("E-", "L-").replace("S-", "U-") for tag in BIOES]
    assert tag_scheme(labels) == "bioes"
    assert entity_tally(*renamed, "bioes") == entity_tally(gold, answered, "bioes")


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_strict_scores_of_bilou_are_those_of_seqeval(data):
    """L and U are read as seqeval's scheme BILOU reads them, however they break it."""
    metrics = pytest.importorskip("seqeval.metrics", reason="seqeval is the oracle: pip install --group dev")
    from seqeval.scheme import BILOU

    labels = ("O", *(f"{prefix}-{kind}" for kind in ("PER", "LOC") for prefix in "BILU"))
    drawn = data.draw(sentences(labels))
    gold, answered = [list(item[0]) for item in drawn], [list(item[1]) for item in drawn]
    tallies = tally_array([entity_tally(*item, tag_scheme(labels)) for item in drawn])
    for name in ("precision", "recall", "f1"):
        score = getattr(metrics, f"{name}_score")
        expected = score(gold, answered, zero_division=0, mode="strict", scheme=BILOU)
        assert METRICS[f"strict_entity_{name}"].value(tallies) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("tags", "found", "strict"),
    [
        ("B-PER I-PER I-LOC I-LOC", [("PER", 0, 2), ("LOC", 2, 4)], [("PER", 0, 2)]),
        ("B-PER I-LOC I-PER", [("PER", 0, 1), ("LOC", 1, 2), ("PER", 2, 3)], [("PER", 0, 1)]),
        ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)], [("PER", 0, 1), ("PER", 1, 3)]),
        ("I-PER B-LOC O I-LOC", [("PER", 0, 1), ("LOC", 1, 2), ("LOC", 3, 4)], [("LOC", 1, 2)]),
        ("O O", [], []),
    ],
)
def test_an_entity_ends_where_the_type_changes(tags, found, strict):
    """By default the next one begins there; in strict mode only a B begins one. Both are seqeval's."""
    from seqeval.metrics.sequence_labeling import get_entities
    from seqeval.scheme import IOB2, Entities

    words = tags.split()
    assert [tuple(entity) for entity in find_entities(words)] == found
    assert [(kind, first, last + 1) for kind, first, last in get_entities(words)] == found
    assert [tuple(entity) for entity in find_strict_entities(words, "bio")] == strict
    (known,) = Entities([words], IOB2).entities
    assert [(entity.tag, entity.start, entity.end) for entity in known] == strict


def test_broken_tags_are_entities_by_default_and_none_in_strict_mode():
    """An I without its B counts by default; strict mode wants every entity spelled by the scheme."""
    assert entity_tally(["B-PER", "I-PER"], ["I-PER", "I-PER"], "bio") == (1, 1, 1, 0, 0, 1)
    assert entity_tally(["B-PER", "E-PER"], ["B-PER", "I-PER"], "bioes") == (1, 1, 1, 0, 0, 1)


@pytest.mark.parametrize(
    ("labels", "scheme", "types"),
    [
        (BIO, "bio", ("PER", "LOC", "A-B")),
        (BIOES, "bioes", ("PER", "LOC")),
        (("O", "ORG", "Island"), "types", ("ORG", "Island")),
        (("I-PER", "O"), "types", ("PER",)),
        (BARE, "bio", ("_",)),
    ],
)
def test_the_labels_tell_scheme_and_types(labels, scheme, types):
    """A B makes it BIO, an E or S beside it BIOES; a type may begin with a letter of a prefix."""
    assert (tag_scheme(labels), entity_types(labels)) == (scheme, types)


def test_no_entity_at_all_is_a_score_of_zero():
    """As with seqeval, nothing to divide by gives 0."""
    tallies = np.zeros((3, 6))
    assert METRICS["entity_f1"].value(tallies) == METRICS["strict_entity_recall"].value(tallies) == 0
