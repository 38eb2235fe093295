"""How often the gate says pass or fail about a drop that is exactly the limit, for each kind of metric."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.metric_worlds import WORLDS, true_values
from edgebert import resampling
from edgebert.benchmarking.gate.results import decide
from edgebert.metrics import METRICS

ALPHA, DRAWS = 0.025, 1000
SLACK = 3 * math.sqrt(ALPHA * (1 - ALPHA) / DRAWS)


@pytest.mark.parametrize(
    ("metric", "examples"),
    [
        ("label_macro_f1", 200),
        ("subset_accuracy", 300),
        ("pearson", 200),
        ("spearman", 100),
        ("rmse", 120),
        ("entity_f1", 300),
        ("answer_f1", 200),
        ("cosine", 300),
        ("cosine_p1", 600),
        ("recall_at_10", 200),
    ],
)
def test_a_verdict_by_noise_is_as_rare_as_stated(metric, examples, monkeypatch):
    """Over 1,000 draws with the true drop at the limit each verdict comes at most 2.5 % of the time, sampling aside."""
    # A standard error from 200 resamples is off by 5 %, which the draws even out.
    monkeypatch.setattr(resampling, "RESAMPLES", 200)
    of, strength = METRICS[metric], 0.04
    before, after = true_values(metric, strength)
    least, generator, verdicts = of.gain(after - before), np.random.default_rng(3), []
    for _ in range(DRAWS):
        ends = of.change(*WORLDS[metric](examples, strength, generator))(1 - 2 * ALPHA, examples)
        verdicts.append(decide(*sorted(map(of.gain, ends)), least=least))
    assert verdicts.count("pass") / DRAWS <= ALPHA + SLACK
    assert verdicts.count("fail") / DRAWS <= ALPHA + SLACK
