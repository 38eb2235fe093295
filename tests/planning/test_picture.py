from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from edgebert.planning.front import choose, losses, pareto_front, relaxations
from edgebert.planning.picture import draw_plan
from edgebert.planning.values import Bounds, Measured, PlanOptions, SearchResult
from tests.support.trials import make_trial

pytest.importorskip("matplotlib", reason="matplotlib draws the picture")

SVG = "{http://www.w3.org/2000/svg}"


def make_plan(*trials: Measured, bounds: Bounds) -> SearchResult:
    return SearchResult(
        bounds=bounds,
        options=PlanOptions(),
        trials=trials,
        front=pareto_front(trials),
        pick=choose(trials, bounds),
        losses=losses(trials, bounds),
        relaxations=relaxations(trials, bounds),
    )


def some_plan(bounds: Bounds) -> SearchResult:
    uncut = make_trial(keep=1.0, precision="float32", size=268_000_000, work=1.0, drop=0.0)
    return make_plan(
        uncut,
        make_trial(keep=0.5, size=40_000_000, work=0.5, drop=0.6),
        make_trial(keep=0.35, size=30_000_000, work=0.35, drop=2.5),
        make_trial(keep=0.35, distill=2.0, size=30_000_000, work=0.35, drop=0.5),
        bounds=bounds,
    )


@pytest.mark.parametrize(
    "bounds",
    [Bounds(max_drop=1), Bounds(max_drop=1, max_mb=35), Bounds(max_drop=1, max_mb=0), Bounds(max_drop=0, max_mb=4)],
)
def test_a_plan_is_drawn_with_and_without_a_pick(bounds: Bounds, tmp_path: Path):
    """A well-formed SVG with a size and nothing to load from elsewhere; a warning of matplotlib's would fail this."""
    draw_plan(some_plan(bounds), tmp_path / "plan.svg")
    root = ET.fromstring((tmp_path / "plan.svg").read_text(encoding="utf-8"))
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox")
    links = [value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")]
    assert all(link.startswith(("#", "data:image/png")) for link in links)


def test_equal_plans_are_equal_bytes_and_another_pick_is_not(tmp_path: Path):
    """The picture follows from the plan alone, and shows the bounds and the pick."""
    first, second, other = (tmp_path / f"{name}.svg" for name in ("first", "second", "other"))
    draw_plan(some_plan(Bounds(max_drop=1)), first)
    draw_plan(some_plan(Bounds(max_drop=1)), second)
    draw_plan(dataclasses.replace(some_plan(Bounds(max_drop=1)), pick=None), other)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


def test_a_plan_of_one_trial_is_drawn(tmp_path: Path):
    """One point, of one precision, without neighbours to span an axis."""
    draw_plan(make_plan(make_trial(), bounds=Bounds(max_drop=1)), tmp_path / "plan.svg")
    assert (tmp_path / "plan.svg").stat().st_size > 1000


def words(path: Path, plan: SearchResult, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Draw a plan with letters as text, and return the words on the picture."""
    import matplotlib.style

    real = matplotlib.style.context
    monkeypatch.setattr(matplotlib.style, "context", lambda given: real([*given, {"svg.fonttype": "none"}]))
    draw_plan(plan, path)
    return ["".join(element.itertext()) for element in ET.parse(path).getroot().iter(f"{SVG}text")]


def test_points_and_lines_have_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The original, the front and the pick have a number and a line of the key; the bounds say what they are."""
    found = words(tmp_path / "plan.svg", some_plan(Bounds(max_drop=1, max_mb=35)), monkeypatch)
    for text in (
        "1  keep 35 %, distilled, int8: 30.0 MB, -0.50 (pick)",
        "2  FP32 original: 268.0 MB",
        "1",
        "2",
        "FP32 original",
        "bound: at most 1 point worse",
        "bound: 35 MB",
        "best at its size",
        "95 % interval",
    ):
        assert text in found
    assert not [text for text in found if "keep 50 %" in text]


def test_one_cost_has_no_colour_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Colours tell the cost only where it differs."""
    bar = "work (% of the FP32 original)"
    uncut = make_trial(keep=1.0, precision="float32", size=268_000_000, work=1.0, drop=0.0)
    one = make_plan(uncut, make_trial(keep=1.0, size=67_000_000, work=1.0, drop=0.2), bounds=Bounds(max_drop=1))
    assert bar not in words(tmp_path / "one.svg", one, monkeypatch)
    assert bar in words(tmp_path / "some.svg", some_plan(Bounds(max_drop=1)), monkeypatch)
