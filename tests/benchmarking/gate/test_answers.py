"""What an interval decides, how many examples would decide, and how often noise does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.gate.answers import MOST_EXAMPLES, examples_for_agreement, examples_needed
from edgebert.benchmarking.gate.results import decide
from edgebert.intervals import paired_counts_interval, wilson_interval
from edgebert.metrics import stated_pairs
from tests.support.report_values import make_paired_score

ALPHA, DRAWS = 0.025, 1000
SLACK = 3 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)
STATED = Path(__file__).parents[3] / "docs/benchmarking.md"


def power(*, examples, drop, limit, flips=0.03, accuracy=0.91, seed=0):
    """Return how often the gate says pass and how often fail, 0 to 1, over draws of pairs whose true drop is known."""
    only_baseline, only_file = (flips + drop / 100) / 2, (flips - drop / 100) / 2
    shares = (accuracy - only_baseline, only_baseline, only_file, 1 - accuracy - only_file)
    drawn = np.random.default_rng(seed).multinomial(examples, shares, size=DRAWS)
    verdicts = [decide(*paired_counts_interval(*row.tolist()), least=-limit / 100) for row in drawn]
    return verdicts.count("pass") / DRAWS, verdicts.count("fail") / DRAWS


@pytest.mark.parametrize("examples", [872, 3000])
@pytest.mark.parametrize("flips", [0.02, 0.05])
def test_a_verdict_by_noise_is_as_rare_as_stated(examples, flips):
    """Over 1,000 draws with the true drop at the limit each verdict comes at most 2.5 % of the time, sampling aside."""
    for limit in (1.0, 0.0):
        passed, failed = power(examples=examples, drop=limit, limit=limit, flips=flips, seed=1)
        assert passed <= ALPHA + SLACK
        assert failed <= ALPHA + SLACK


@pytest.mark.parametrize("examples", [872, 3000])
def test_a_model_that_lost_nothing_is_not_failed(examples):
    """Without a drop, and a point allowed, the gate fails in at most 2.5 % of 1,000 draws."""
    for flips in (0.01, 0.03, 0.08):
        assert power(examples=examples, drop=0, limit=1, flips=flips)[1] <= ALPHA


def test_the_stated_power_is_what_the_gate_has():
    """Every number of the table in ``docs/benchmarking.md`` is reproduced by 1,000 draws."""
    lines = STATED.read_text(encoding="utf-8").partition("| true drop, points")[2].partition("\n\n")[0].splitlines()
    table = [[float(cell) for cell in line.strip("| ").split("|")] for line in lines[2:]]
    assert [row[0] for row in table] == [-0.5, 0, 0.5, 1, 2, 3]
    for drop, *stated in table:
        found = [share for n in (872, 3000) for share in power(examples=n, drop=drop, limit=1)]
        assert [round(100 * share, 1) for share in found] == stated


def random_pairs(seed):
    """Return pairs of 20 to 3,000 examples, with and without flips, and a limit near the change seen."""
    random = np.random.default_rng(seed)
    examples, flips = int(random.integers(20, 3000)), random.choice([0, 0.002, 0.01, 0.03, 0.1])
    accuracy = random.choice([0.6, 0.85, 0.95, 1 - flips / 2])
    shares = (accuracy - flips / 2, flips / 2, flips / 2, 1 - accuracy - flips / 2)
    pairs = tuple(random.multinomial(examples, shares).tolist())
    return pairs, (pairs[2] - pairs[1]) / examples - random.choice([0.002, 0.01, 0.03, -0.005])


def promised(interval, needed, least):
    """Tell whether that many examples decide, one fewer does not, and more never leave it undecided again."""

    def is_decided(count):
        return decide(*interval(count), least=least) != "undecided"

    later = {needed, needed + 1, needed + 2, needed + 7, 2 * needed, 3 * needed + 1, 10 * needed}
    return not is_decided(needed - 1) and all(map(is_decided, later))


def test_the_examples_asked_for_decide_the_drop_and_one_fewer_does_not():
    """For 400 seeded sets of pairs: the promise holds at the same proportions, or a million examples are too few."""
    asked = 0
    for seed in range(400):
        pairs, least = random_pairs(seed)

        def interval(count, pairs=pairs):
            return paired_counts_interval(*(count * cell / sum(pairs) for cell in pairs))

        if decide(*paired_counts_interval(*pairs), least=least) != "undecided":
            continue
        needed = examples_needed(interval, sum(pairs), least=least)
        if needed is None:
            assert decide(*interval(MOST_EXAMPLES), least=least) == "undecided"
            continue
        asked += 1
        assert needed > sum(pairs)
        assert promised(interval, needed, least), (pairs, least, needed)
    assert asked > 150


def test_the_examples_asked_for_decide_the_agreement_and_one_fewer_does_not():
    """For 400 seeded agreements, half of them complete, the promise holds at the same share of equal labels."""
    asked = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        examples = int(random.integers(10, 3000))
        same = examples if seed % 2 else examples - int(random.integers(0, max(examples // 20, 1)))
        least = float(random.choice([0.9, 0.95, 0.98, 0.99, 0.999]))

        def interval(count, share=same / examples):
            return wilson_interval(count * share, count)

        if decide(*wilson_interval(same, examples), least=least) == "undecided":
            needed = examples_for_agreement(same, examples, least=least, alpha=ALPHA)
            if needed is not None:
                asked += 1
                assert promised(interval, needed, least), (same, examples, least, needed)
    assert asked > 100


@given(st.tuples(*[st.integers(0, 60)] * 4).filter(any), st.integers(0, 20))
def test_the_pairs_of_a_stated_score_are_found_again(pairs, others):
    """A score of accuracy gives back pairs of the same interval, also where files flip between two wrong labels."""
    both, only_baseline, only_file, neither = pairs
    before = [0] * (both + only_baseline) + [1] * only_file + [1 + (index < others) for index in range(neither)]
    score = make_paired_score("accuracy", [0] * sum(pairs), np.repeat([0, 1, 0, 1], pairs).tolist(), before)
    found = stated_pairs(score)
    assert found is not None
    assert found[2] - found[1] == only_file - only_baseline
    assert sum(found) == sum(pairs)
    assert paired_counts_interval(*found) == pytest.approx((score.difference_low, score.difference_high), abs=1e-12)
