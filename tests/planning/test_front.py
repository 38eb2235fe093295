from __future__ import annotations

import dataclasses
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.analysis.stats import Estimate
from edgebert.errors import UsageError
from edgebert.planning.front import (
    TIE,
    choose,
    dominates,
    is_certain,
    is_within,
    losses,
    next_recovery,
    pareto_front,
    relaxation_text,
    relaxations,
    speed_decision,
)
from edgebert.planning.values import ORIGINAL, Bounds, Measured, PlanOptions
from tests.support.trials import few_trials, make_trial

some_trials = st.booleans().flatmap(lambda timed: few_trials(is_timed=timed))
some_bounds = st.builds(
    Bounds,
    max_drop=st.sampled_from([0.0, 0.11, 1.0, 5.0]),
    max_mb=st.sampled_from([None, 2.0, 3.33, 9.5, 30.0]),
    min_speedup=st.sampled_from([None, 0.5, 1.0, 5.0, 40.0]),
)


def objectives(trial: Measured) -> tuple[float, float, float]:
    return trial.size_bytes, trial.cost, -trial.score.value


@given(some_trials)
def test_the_front_is_what_brute_force_leaves(trials):
    """A trial is on the front exactly if no other is as good in all three and better in one."""
    expected = [
        one
        for one in trials
        if not any(
            all(a <= b for a, b in zip(objectives(other), objectives(one), strict=True))
            and objectives(other) != objectives(one)
            for other in trials
        )
    ]
    assert list(pareto_front(trials)) == expected
    assert expected


@given(some_trials)
def test_what_is_not_on_the_front_is_beaten_by_something_on_it(trials):
    """The front alone explains why the rest is not there."""
    front = pareto_front(trials)
    for trial in trials:
        assert trial in front or any(dominates(other, trial) for other in front)


@given(some_trials, some_bounds)
def test_the_pick_is_the_smallest_of_the_cheapest_within_the_bounds(trials, bounds):
    """Nothing within the bounds costs clearly less, nothing of about its cost is smaller, and it is on the front."""
    pick = choose(trials, bounds)
    within = [trial for trial in trials if is_within(trial, bounds)]
    assert (pick is None) == (not within)
    if pick is not None:
        least = min(trial.cost for trial in within)
        assert pick in within
        assert pick in pareto_front(trials)
        assert pick.cost <= TIE * least
        assert all(pick.size_bytes <= trial.size_bytes for trial in within if trial.cost <= TIE * least)


@given(some_trials, some_bounds)
def test_every_other_trial_has_a_reason(trials, bounds):
    """Each trial but the pick lost for a reason in a phrase, in the order given."""
    found = losses(trials, bounds)
    pick = choose(trials, bounds)
    assert [loss.trial for loss in found] == [trial for trial in trials if trial != pick]
    assert all(loss.reason for loss in found)


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (make_trial(keep=0.8, size=28_100_000), "too large by 3.1 MB"),
        (make_trial(keep=0.8, drop=2.3), "drop 2.30 points"),
        (make_trial(keep=0.8, drop=1.3), "drop 1.30 points (its interval begins at 0.30)"),
        (make_trial(keep=0.8, size=25_040_000, drop=9.0), "too large by 0.04 MB, drop 9.00 points"),
        (make_trial(keep=0.8, work=0.6), "the pick is nowhere worse"),
        (make_trial(keep=0.8, work=0.6, drop=0.2), "20 % more work than the pick"),
        (make_trial(keep=0.8, size=21_000_000, drop=0.2), "no cheaper, and larger than the pick by 1.0 MB"),
        (make_trial(keep=0.8), "equal to the pick in all that counts"),
    ],
)
def test_a_reason_names_what_decided(trial, reason):
    """What is over a bound, and by how much; or else what the pick does better."""
    pick = make_trial()
    assert choose([pick, trial], Bounds(max_drop=1, max_mb=25)) == pick
    assert [loss.reason for loss in losses([pick, trial], Bounds(max_drop=1, max_mb=25))] == [reason]


def test_a_bound_on_speed_is_told_by_the_measured_time():
    """A trial that was not timed meets no such bound, a slow one is told its speed."""
    trials = [make_trial(keep=0.8, speedup=3.0), make_trial(keep=0.65)]
    reasons = [loss.reason for loss in losses(trials, Bounds(max_drop=1, min_speedup=8))]
    assert reasons == ["only 3.00 x as fast", "not timed"]
    assert choose([make_trial(speedup=8.0)], Bounds(max_drop=1, min_speedup=8)) is not None


def test_a_bound_on_speed_is_decided_by_the_interval():
    """Beyond the bound with all of it passes, below it with all of it fails, and what reaches across is undecided."""
    noisy = make_trial(speedup=8.0, noise=1.05)
    assert noisy.speed is not None
    assert noisy.speed.low is not None
    assert noisy.speed.high is not None
    assert noisy.speed.low < 7.2 < 8.8 < noisy.speed.high
    assert [speed_decision(noisy, least) for least in (7.0, 8.0, 9.1)] == ["pass", "undecided", "fail"]
    assert choose([noisy], Bounds(max_drop=1, min_speedup=8)) is None
    assert [loss.reason for loss in losses([noisy], Bounds(max_drop=1, min_speedup=8))] == [
        f"undecided: 8.00 ({noisy.speed.low:.2f} to {noisy.speed.high:.2f}) x as fast"
    ]
    (way,) = relaxations([noisy], Bounds(max_drop=1, min_speedup=8))
    assert way.bounds.min_speedup == pytest.approx(noisy.speed.low, abs=0.01)


def test_a_drop_of_exactly_the_bound_is_within_it():
    """Binary fractions do not push 1 point beyond 1 point."""
    trial = make_trial(drop=1.0)
    exact = dataclasses.replace(trial, score=dataclasses.replace(trial.score, difference=0.9 - 0.91))
    assert 100 * (0.91 - 0.9) > 1
    assert is_within(exact, Bounds(max_drop=1))


def test_a_verdict_is_certain_only_if_the_interval_does_not_reach_across():
    """An interval on one side of the bound decides; one that reaches across does not, whatever the point estimate."""
    bounds = Bounds(max_drop=1)
    assert [is_certain(make_trial(drop=drop, margin=0.5), bounds) for drop in (0.4, 0.6, 1.4, 1.6)] == [
        True,
        False,
        False,
        True,
    ]


def stricter(bounds: Bounds, name: str) -> Bounds:
    """Return the bounds with one of them relaxed a hundredth less."""
    step = 0.01 if name == "min_speedup" else -0.01
    return dataclasses.replace(bounds, **{name: round(getattr(bounds, name) + step, 2)})


@given(some_trials, some_bounds)
def test_relaxing_as_told_is_enough_and_any_less_is_not(trials, bounds):
    """With the relaxed bounds there is a pick; with one of them a hundredth tighter there is none."""
    found = relaxations(trials, bounds)
    if choose(trials, bounds) is not None:
        assert found == ()
    for item in found:
        assert is_within(item.trial, item.bounds)
        assert choose(trials, item.bounds) is not None
        names = ("max_drop", "max_mb", "min_speedup")
        assert set(item.changed) == {name for name in names if getattr(item.bounds, name) != getattr(bounds, name)}
        for name in item.changed:
            assert choose(trials, stricter(item.bounds, name)) is None


@given(some_trials, some_bounds)
def test_an_impossible_budget_has_a_way_out_with_the_fewest_changes(trials, bounds):
    """Bounds are relaxed together only where no smaller set of them is enough, and every set that is has its entry."""
    if choose(trials, bounds) is not None:
        return
    found = relaxations(trials, bounds)
    names = [name for name in ("max_mb", "max_drop", "min_speedup") if getattr(bounds, name) is not None]
    loose = {"max_mb": 1e9, "max_drop": 100.0, "min_speedup": 0.0}
    enough = [
        set(chosen)
        for count in range(1, len(names) + 1)
        for chosen in combinations(names, count)
        if choose(trials, dataclasses.replace(bounds, **{name: loose[name] for name in chosen}))
    ]
    fewest = min((len(chosen) for chosen in enough), default=0)
    assert [set(item.changed) for item in found] == [chosen for chosen in enough if len(chosen) == fewest]


def test_the_way_out_is_told_in_the_words_of_the_command_line():
    """Each bound with what it has to be, and the trial that it lets through."""
    trials = [make_trial(keep=0.25, size=5_600_000, drop=0.8), make_trial(keep=0.2, size=3_900_000, drop=2.4)]
    bounds = Bounds(max_drop=1, max_mb=4)
    assert [relaxation_text(item, bounds) for item in relaxations(trials, bounds)] == [
        "--max-mb 4 needs 5.6 (keep 0.25, int8: 5.6 MB, drop 0.80)",
        "--max-drop 1 needs 2.4 (keep 0.2, int8: 3.9 MB, drop 2.40)",
    ]


def test_recovery_goes_from_the_smallest_share_up_until_one_is_enough():
    """Shares beyond the other bounds are left out, and so is what keeps as much as something that is good already."""
    sizes = {0.2: 4, 0.25: 5, 0.3: 6, 0.35: 7, 0.5: 10, 1.0: 20}
    drops = {0.2: 9.0, 0.25: 7.0, 0.3: 5.0, 0.35: 3.0, 0.5: 0.9, 1.0: 0.1}
    trials = [make_trial(keep=keep, size=size * 10**6, drop=drops[keep], work=keep) for keep, size in sizes.items()]
    assert next_recovery(trials, [], Bounds(max_drop=1)) == 0.2
    assert next_recovery(trials, [0.2], Bounds(max_drop=1)) == 0.25
    assert next_recovery(trials, [0.2, 0.25, 0.3, 0.35], Bounds(max_drop=1)) is None  # 0.5 is good as it is
    assert next_recovery(trials, [0.2, 0.25], Bounds(max_drop=1, max_mb=5.5)) is None  # no file of 0.3 is so small
    recovered = make_trial(keep=0.25, distill=2.0, size=5_000_000, drop=0.8, work=0.25)
    assert next_recovery([*trials, recovered], [0.2, 0.25], Bounds(max_drop=1)) is None
    assert next_recovery(trials[-1:], [], Bounds(max_drop=0)) is None  # the uncut model has nothing to recover


@given(some_trials, some_bounds, st.sampled_from([0.01, 0.5, 1.5, 3.0]))
def test_recovery_leaves_out_nothing_that_could_be_the_cheapest(trials, bounds, gain):
    """With cost that grows with the share, recovering one by one ends with the pick that recovering all would give."""
    rising = [
        dataclasses.replace(
            trial, candidate=dataclasses.replace(trial.candidate, distill=0.0), work=trial.candidate.keep, run_ns=()
        )
        for trial in trials
    ]
    bounds = dataclasses.replace(bounds, min_speedup=None)

    def recovered(trial: Measured) -> Measured:
        return dataclasses.replace(
            make_trial(keep=trial.candidate.keep, distill=2.0, size=trial.size_bytes, drop=trial.drop - gain),
            work=trial.work,
        )

    stepwise, done = list(rising), []
    while (share := next_recovery(stepwise, done, bounds)) is not None:
        assert share not in done
        stepwise += [recovered(trial) for trial in rising if trial.candidate.keep == share]
        done.append(share)
    everything = [*rising, *(recovered(trial) for trial in rising)]
    first, second = choose(stepwise, bounds), choose(everything, bounds)
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert first.candidate.keep == second.candidate.keep


def test_speed_is_that_of_the_processes_round_by_round():
    """One slow run of a process does not count, and drift that hits both sides of a round cancels."""
    trial = dataclasses.replace(
        make_trial(), baseline_ns=((10, 10, 90), (30, 30, 30, 34), (20,)), run_ns=((5, 5, 5), (1, 15, 15, 15), (10,))
    )
    assert trial.speed == Estimate(value=2.0, low=2.0, high=2.0)
    assert trial.speedup == 2.0
    assert trial.cost == 0.5
    assert make_trial(work=0.3).cost == 0.3
    assert dataclasses.replace(make_trial(), candidate=ORIGINAL).speedup == 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_drop": -1.0}, "--max-drop is -1"),
        ({"max_drop": float("nan")}, "--max-drop is nan"),
        ({"max_drop": 1.0, "max_mb": float("inf")}, "--max-mb is inf"),
        ({"max_drop": 1.0, "min_speedup": -2.0}, "--min-speedup is -2"),
    ],
)
def test_a_bound_is_a_number_of_at_least_0(values, message):
    """Anything else is refused with the option's name and the value."""
    with pytest.raises(UsageError, match=message):
        Bounds(**values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"shares": ()}, "no share"),
        ({"shares": (0.5, 0.0)}, r"^shares\[1\] is 0"),
        ({"shares": (1.5,)}, "1.5"),
        ({"shares": (float("nan"),)}, "nan"),
        ({"format": "coreml"}, "coreml"),
        ({"recovery_epochs": -1.0}, "-1"),
        ({"seed": -1}, "-1"),
        ({"seed": 2**32}, "4294967296"),
    ],
)
def test_an_option_out_of_range_is_refused(values, message):
    """The value is named."""
    with pytest.raises(UsageError, match=message):
        PlanOptions(**values)


def scored(metric: str, value: float, difference: float, low: float, high: float, **changes) -> Measured:
    """Return a trial that is scored by another metric than accuracy."""
    trial = make_trial(**changes)
    ends = {"low": value, "high": value, "difference_low": low, "difference_high": high}
    score = dataclasses.replace(trial.score, metric=metric, value=value, difference=difference, **ends)
    return dataclasses.replace(trial, score=score)


def test_an_error_that_rises_is_a_drop_in_its_own_unit():
    """Of two trials the one with the lower RMSE is better, and the rise is what the bound is compared with."""
    good = scored("rmse", 2.5, 0.01, -0.02, 0.04, keep=0.5, work=0.5)
    bad = scored("rmse", 2.9, 0.41, 0.3, 0.5, keep=0.4, work=0.5)
    assert (good.drop, good.drop_interval) == (0.01, (-0.02, 0.04))
    assert dominates(good, bad)
    bounds = Bounds(max_drop=0.05)
    assert choose([bad, good], bounds) == good
    assert is_certain(good, bounds)
    assert [loss.reason for loss in losses([good, bad], bounds)] == ["drop 0.4100"]
    (way,) = relaxations([bad], bounds)
    assert way.bounds.max_drop == 0.41
    assert "--max-drop 0.05 needs 0.41" in relaxation_text(way, bounds)


def test_a_correlation_is_a_plain_number():
    """Its drop is told to four places, and relaxed in as small steps."""
    trial = scored("spearman", 0.8, -0.01234, -0.02, -0.005)
    assert (trial.drop, trial.drop_interval) == (0.01234, (0.005, 0.02))
    (way,) = relaxations([trial], Bounds(max_drop=0.01))
    assert way.bounds.max_drop == 0.0124
    reason = "drop 0.0123 (its interval begins at 0.0050)"
    assert [loss.reason for loss in losses([trial], Bounds(max_drop=0.01))] == [reason]
