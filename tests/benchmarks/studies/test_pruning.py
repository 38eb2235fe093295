"""Figures of pruning: met, missed, not certain or not measured."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.page import Figure
from benchmarks.studies.pruned_speed import macs_at, scaled
from benchmarks.studies.pruning import MOST_POINTS, drop_text, drops, right_answers
from tests.benchmarks.pruning_values import (
    BASE,
    FINE,
    SMALL,
    prune_time_results,
    pruned_speed_results,
    pruning_figures,
    pruning_results,
    records,
    shape_at,
)


def verdicts(figures: tuple[Figure, ...]) -> dict[str, str]:
    return {figure.what: figure.verdict for figure in figures}


def test_the_mean_of_one_seed_has_no_bounds():
    """One seed says nothing of the next: its figure is never certain, and its text shows no interval."""
    assert drop_text((0.5,)) == "+0.50 points, 1 seed"
    results = pruning_results({(0.6, 0.0): (0.1,)})
    figure = next(iter(pruning_figures(records(pruning=(results,)))))
    assert figure.verdict == "met, but the interval reaches across"


def test_a_drop_is_counted_from_the_answers():
    """Each seed's drop is the share of answers that were right before minus that after, whatever answers changed."""
    results = pruning_results()
    assert drops(results, 0.5, 0.0) == pytest.approx((0.8, 0.9, 1.0))
    assert drops(results, 0.5, 2.0) == pytest.approx((-0.2, -0.3, -0.4))
    assert drops(results, 0.5, 0.0, int8=True) == pytest.approx((1.0, 1.1, 1.2))
    assert drops(results, 0.9, 0.0) == ()
    assert right_answers("0121", "0111") == 3
    assert drop_text((0.8, 0.9, 1.0)) == "+0.90 (+0.65 to +1.15) points, 3 seeds"
    assert drop_text((-0.001, 0.0, 0.0)).startswith("+0.00 ")


def test_figures_of_pruning_that_are_reached_are_met():
    """With everything reached, every one of the 24 verdicts is 'met'."""
    fine = records(pruned_speed=(pruned_speed_results(times_faster=4.0),))
    figures = pruning_figures(fine)
    assert len(figures) == 24
    assert set(verdicts(figures).values()) == {"met"}


@pytest.mark.parametrize(("share", "distill"), MOST_POINTS)
def test_a_drop_that_is_too_large_is_missed_alone(share, distill):
    """Each drop has its own bound: half a point above it is missed, and nothing else is."""
    most = MOST_POINTS[share, distill]
    results = pruning_results(FINE | {(share, distill): (most + 0.4, most + 0.5, most + 0.6)})
    missed = [
        what for what, verdict in verdicts(pruning_figures(records(pruning=(results,)))).items() if verdict != "met"
    ]
    assert len(missed) == 1
    assert f"{share:g} of MACs" in missed[0]
    assert ("distillation" in missed[0]) == bool(distill)


def test_a_drop_of_exactly_the_bound_is_met():
    """'At most 0' is met by no drop at all, certainly where the seeds agree, and not certainly where they do not."""
    for lost, wanted in (
        ((0.0, 0.0, 0.0), "met"),
        ((-0.5, 0.5, 0.0), "met, but the interval reaches across"),
        ((-0.4, 0.5, 0.2), "MISSED, but the interval reaches across"),
        ((0.1, 0.1, 0.1), "MISSED"),
    ):
        results = pruning_results(FINE | {(0.5, 2.0): lost})
        figures = verdicts(pruning_figures(records(pruning=(results,))))
        assert figures["drop of accuracy, 0.5 of MACs kept, 2 epochs of distillation"] == wanted


@pytest.mark.parametrize(
    ("change", "what", "count"),
    [
        ({"prune_time": (prune_time_results((120.0, 300.0)),)}, "fine-tuned checkpoint", 1),
        ({"prune_time": (prune_time_results((60.0, 600.5)),)}, "DistilBERT-base shape", 1),
        ({"pruned_speed": (pruned_speed_results(follow=0.84, times_faster=9.0),)}, "fall of time", 12),
        ({"pruned_speed": (pruned_speed_results(**{"keep 0.35 int8.onnx": 26}),)}, "int8.onnx, vocabulary cut", 1),
        ({"pruned_speed": (pruned_speed_results(**{"keep 0.35 int8.tflite": 26}),)}, "int8.tflite, vocabulary cut", 1),
    ],
)
def test_a_figure_of_time_or_size_that_is_missed_is_named(change, what, count):
    """Each is missed alone when its own number falls short."""
    missed = [name for name, verdict in verdicts(pruning_figures(records(**change))).items() if verdict == "MISSED"]
    assert len(missed) == count
    assert all(what in name for name in missed)


def test_the_wanted_speed_differs_by_length():
    """Files eight times as fast as float reach 7 at 128 tokens and miss 9 at 32."""
    shape = scaled(shape_at(0.35), SMALL, BASE)
    left = [1 - 0.95 * (1 - macs_at(shape, length) / macs_at(BASE, length)) for length in (32, 128)]
    assert left[0] == pytest.approx(left[1], abs=0.01)
    found = verdicts(pruning_figures(records(pruned_speed=(pruned_speed_results(times_faster=8 * left[0]),))))
    speeds = [verdict for what, verdict in found.items() if what.startswith("speed of")]
    assert speeds == ["MISSED", "met"]


def test_noise_between_rounds_makes_a_verdict_uncertain():
    """A file that follows its MACs narrowly is met, but not for sure, when rounds differ."""
    figures = verdicts(pruning_figures(records(pruned_speed=(pruned_speed_results(follow=0.86, wobble=0.05),))))
    followed = [verdict for what, verdict in figures.items() if what.startswith("fall of time")]
    assert "met, but the interval reaches across" in followed


def test_what_was_not_recorded_is_not_measured():
    """Without results no figure is met or missed, and the lines are the same."""
    none = pruning_figures({})
    assert set(verdicts(none).values()) == {"not measured"}
    assert [figure.what for figure in none] == [figure.what for figure in pruning_figures(records())]
    free = {key: value for key, value in FINE.items() if not key[1]}
    found = verdicts(pruning_figures(records(pruning=(pruning_results(free),))))
    assert [verdict for what, verdict in found.items() if "epochs" in what] == ["not measured"] * 4


def test_macs_are_those_of_a_brute_force_count():
    """A cut base shape multiplies what a count of its matrix products, row by row, says."""
    shape = dataclasses.replace(BASE, heads=(3, 12), neurons=(100, 8))
    for length in (32, 128):
        total = 0
        for layer, (heads, neurons) in enumerate(zip(shape.heads, shape.neurons, strict=True)):
            read = 1 if layer == 1 else length
            width = heads * 64
            total += 2 * length * 768 * width  # key, value
            total += 2 * read * 768 * width  # query, output
            total += 2 * heads * read * length * 64  # scores and mixing
            total += 2 * read * 768 * neurons
        assert macs_at(shape, length) == total + 768 * 768
