"""Examples of every task, drawn from a population: the tallies of a model before and after quantization.

Each of ``WORLDS`` takes a number of examples, how strongly quantization changes answers, and a generator, and returns
the tallies before and after, float64 [examples, numbers of a tally].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edgebert.metrics import METRICS
from edgebert.tallies.label_sets import ABSENT, INVENTED, MISSED, RIGHT

if TYPE_CHECKING:
    from edgebert.resampling import Tallies

    World = Callable[[int, float, np.random.Generator], tuple[Tallies, Tallies]]

_TRUE_EXAMPLES = 400_000
_FREQUENCIES = np.array([0.5, 0.3, 0.2, 0.1, 0.1])
"""How often each of five labels is right."""


def label_sets(examples: int, strength: float, generator: np.random.Generator) -> tuple[Tallies, Tallies]:
    """Return label sets of which 80 % of the labels are found; some answers turn, most for the worse."""
    gold = generator.random((examples, len(_FREQUENCIES))) < _FREQUENCIES
    right = generator.random(gold.shape) < np.where(gold, 0.8, 0.97)
    turned = generator.random(gold.shape) < np.where(right, strength, strength / 2)
    states = np.array([[ABSENT, INVENTED], [MISSED, RIGHT]], dtype=np.float64)
    return (
        states[gold.astype(int), np.where(right, gold, ~gold).astype(int)],
        states[gold.astype(int), np.where(right ^ turned, gold, ~gold).astype(int)],
    )


def numbers(examples: int, strength: float, generator: np.random.Generator) -> tuple[Tallies, Tallies]:
    """Return numbers with a correlation of 0.8 to the right ones; quantization adds noise."""
    gold = generator.normal(size=examples)
    before = 0.8 * gold + 0.6 * generator.normal(size=examples)
    after = before + 10 * strength * generator.normal(size=examples)
    return np.stack([gold, before], axis=1), np.stack([gold, after], axis=1)


def entities(examples: int, strength: float, generator: np.random.Generator) -> tuple[Tallies, Tallies]:
    """Return sentences with 0.9 entities on average, of which 75 % are found before."""
    expected = generator.poisson(0.9, examples)
    right = generator.binomial(expected, 0.75)
    given = right + generator.poisson(0.2, examples)
    lost, found = generator.binomial(right, strength), generator.binomial(expected - right, strength)
    # Most of what is lost is still given, with other bounds.
    after, given_after = right - lost + found, given - generator.binomial(lost, 0.3) + found
    columns = [right, given, expected], [after, given_after, expected]
    before_after = (np.stack([*each, *each], axis=1).astype(np.float64) for each in columns)
    return next(before_after), next(before_after)


def answers(examples: int, strength: float, generator: np.random.Generator) -> tuple[Tallies, Tallies]:
    """Return answers of which 60 % are exact and 20 % share words; quantization draws some anew."""
    kind, shared = generator.random(examples), generator.uniform(0.2, 0.9, examples)
    before = np.where(kind < 0.6, 1.0, np.where(kind < 0.8, shared, 0.0))
    again, shared = generator.random(examples), generator.uniform(0.2, 0.9, examples)
    anew = np.where(again < 0.5, 1.0, np.where(again < 0.7, shared, 0.0))
    after = np.where(generator.random(examples) < 2 * strength, anew, before)
    first, second = (np.stack([f1 == 1, f1], axis=1).astype(np.float64) for f1 in (before, after))
    return first, second


def vectors(examples: int, strength: float, generator: np.random.Generator) -> tuple[Tallies, Tallies]:
    """Return pairs of embeddings: those of the FP32 file itself, and some that are near them."""
    gold = generator.normal(size=examples)
    before = np.tanh(0.6 * gold + 0.4 * generator.normal(size=examples))
    after = before + strength * generator.normal(size=examples)
    cosine = 1 - strength * generator.gamma(4, 0.05, examples)
    kept = generator.binomial(10, 1 - 2 * strength, examples) / 10
    one = np.ones(examples)
    return np.stack([one, one, gold, before], axis=1), np.stack([cosine, kept, gold, np.clip(after, -1, 1)], axis=1)


WORLDS: dict[str, World] = {
    "micro_f1": label_sets,
    "label_macro_f1": label_sets,
    "subset_accuracy": label_sets,
    "pearson": numbers,
    "spearman": numbers,
    "rmse": numbers,
    "entity_f1": entities,
    "entity_precision": entities,
    "entity_recall": entities,
    "exact_match": answers,
    "answer_f1": answers,
    "cosine": vectors,
    "cosine_p1": vectors,
    "recall_at_10": vectors,
    "pair_spearman": vectors,
}
"""The population of each metric."""


def true_values(metric: str, strength: float) -> tuple[float, float]:
    """Return the metric of the whole population before and after, from a sample that is large."""
    before, after = WORLDS[metric](_TRUE_EXAMPLES, strength, np.random.default_rng(1))
    return METRICS[metric].value(before), METRICS[metric].value(after)
