from __future__ import annotations

import contextlib
import dataclasses
import html
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgebert import card_plots, plotting
from edgebert.architecture import Architecture, Pruning
from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.render import plots
from edgebert.benchmarking.render.html import device_plots
from edgebert.card import PLOT
from edgebert.card_plots import draw_changes, draw_pruning
from edgebert.manifest import Manifest
from edgebert.planning import picture as plan_picture
from edgebert.planning.picture import draw_plan
from edgebert.planning.values import Bounds
from edgebert.plotting import VERDICTS, ForestRow, inline_svg
from edgebert.recipe import Target
from tests.planning.test_picture import some_plan
from tests.support import report_values as rv
from tests.support.cut_models import pruning_of
from tests.support.pages import parsed
from tests.support.tiny_files import make_artifact, make_manifest, make_score

pytest.importorskip("matplotlib", reason="matplotlib draws the pictures")

from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

SVG = "{http://www.w3.org/2000/svg}"


def scored() -> Manifest:
    """Return a manifest with a score for every file."""
    artifacts = []
    for name in ("onnx", "tflite"):
        artifacts.append(make_artifact(Target(format=name, precision="int8"), value=0.909, size=67_000_000))
        float32 = Target(format=name, precision="float32")
        artifacts.append(make_artifact(float32, role="baseline", value=0.912, size=267_800_000))
    return make_manifest(*artifacts)


def shapes(layers: int, kept: tuple[int, ...], *, heads: int = 12, neurons: int = 3072) -> tuple[Pruning, Architecture]:
    """Return a cut that leaves half of the heads and a quarter of the neurons in every layer it keeps."""
    original = Architecture(
        hidden=768,
        head_dim=64,
        heads=(heads,) * layers,
        neurons=(neurons,) * layers,
        vocabulary=30522,
        positions=512,
        activation="gelu",
    )
    left = dataclasses.replace(
        original, heads=(max(heads // 2, 1),) * len(kept), neurons=(max(neurons // 4, 1),) * len(kept)
    )
    return pruning_of(original, layers=kept), left


def texts_on(pruning: Pruning, left: Architecture, monkeypatch: pytest.MonkeyPatch, path: Path) -> list[str]:
    """Draw with letters as text instead of outlines, and return the words on the picture."""
    import matplotlib.style

    real = matplotlib.style.context

    def readable(settings: list[object]) -> object:
        return real([*settings, {"svg.fonttype": "none"}])

    monkeypatch.setattr(matplotlib.style, "context", readable)
    draw_pruning(pruning, left, path)
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def test_the_plot_of_equal_manifests_is_byte_identical(tmp_path: Path):
    """Drawn twice, the picture has the same bytes; another score gives another picture."""
    first, second, other = (tmp_path / f"{name}.svg" for name in ("first", "second", "other"))
    draw_changes(scored(), first)
    draw_changes(scored(), second)
    assert first.read_bytes() == second.read_bytes()
    manifest = scored()
    score = manifest.artifacts[0].score
    assert score is not None
    artifact = dataclasses.replace(manifest.artifacts[0], score=dataclasses.replace(score, difference=-0.001))
    draw_changes(dataclasses.replace(manifest, artifacts=(artifact, *manifest.artifacts[1:])), other)
    assert other.read_bytes() != first.read_bytes()


def test_the_plot_does_not_depend_on_the_settings_of_the_user(tmp_path: Path):
    """Colours, fonts and sizes that a user has set for matplotlib leave the picture as it is."""
    import matplotlib as mpl

    plain, styled = tmp_path / "plain.svg", tmp_path / "styled.svg"
    draw_changes(scored(), plain)
    with mpl.rc_context({"axes.facecolor": "black", "lines.linewidth": 9, "font.family": "serif", "savefig.dpi": 300}):
        draw_changes(scored(), styled)
    assert styled.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("picture", ["plot", "cut"])
def test_a_picture_is_svg_without_date_or_script(picture: str, tmp_path: Path):
    """A picture is well-formed SVG with a size, holds no date, no script and no address to load anything from."""
    path = tmp_path / "picture.svg"
    if picture == "plot":
        draw_changes(scored(), path)
    else:
        draw_pruning(*shapes(6, (0, 1, 3)), path)
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox")
    tags = {element.tag for element in root.iter()}
    assert f"{SVG}path" in tags
    assert not tags & {f"{SVG}script", f"{SVG}image", "{http://purl.org/dc/elements/1.1/}date"}
    links = [value for element in root.iter() for key, value in element.attrib.items() if key.endswith("href")]
    assert all(link.startswith("#") for link in links)


def kept_figures(monkeypatch: pytest.MonkeyPatch, *modules: object) -> list[Figure]:
    """Return a list that gets each figure that one of the modules draws."""
    figures: list[Figure] = []
    real = plotting.svg_figure

    @contextlib.contextmanager
    def kept(*given: Any, **named: Any) -> Iterator[Figure]:
        with real(*given, **named) as figure:
            figures.append(figure)
            yield figure

    for module in modules:
        monkeypatch.setattr(module, "svg_figure", kept)
    return figures


def bars(axes: Axes) -> list[tuple[float, float]]:
    """Return the ends of the error bars, which lie level, lowest first."""
    drawn = [item.lines[2] for item in axes.containers if isinstance(item, ErrorbarContainer)]
    return sorted(
        (float(ends[0][0]), float(ends[1][0]))
        for collections in drawn
        for collection in collections
        for ends in collection.get_segments()
    )


def test_the_card_draws_the_paired_change_that_its_table_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A row for each shipped file: its change with the interval in points, the FP32 model at 0, and its size."""
    figures = kept_figures(monkeypatch, card_plots)
    manifest = scored()
    draw_changes(manifest, tmp_path / "card.svg")
    left, right = figures[0].axes
    told = [item.score for item in manifest.artifacts if item.score and item.score.difference is not None]
    ends = sorted((100 * (score.difference_low or 0), 100 * (score.difference_high or 0)) for score in told)
    assert len(ends) == 2
    assert np.allclose(bars(left), ends)
    assert left.get_xlabel() == "change of accuracy (points)"
    assert [0, 0] in [list(line.get_xdata()) for line in left.lines]
    words = [text.get_text() for text in left.texts]
    assert words == [
        "FP32 model",
        "int8.onnx: 90.9 %, -0.30 (-0.81 to +0.19)",
        "int8.tflite: 90.9 %, -0.30 (-0.81 to +0.19)",
    ]
    assert [bar.get_width() for bar in right.patches] == pytest.approx([267.8, 67.0] * 2)
    assert [text.get_text() for text in right.texts] == ["67.0 of 267.8 MB"] * 2


@pytest.mark.parametrize(
    ("ends", "is_gain", "verdict"),
    [
        ((-2.0, -1.0), True, "significant drop"),
        ((-2.0, 0.0), True, "no significant change"),
        ((0.5, 1.0), True, "significant gain"),
        ((0.5, 1.0), False, "significant drop"),
        ((-1.0, -0.5), False, "significant gain"),
    ],
)
def test_an_interval_that_contains_0_is_no_significant_change(ends: tuple[float, float], is_gain: bool, verdict: str):
    """The words and the colour follow the interval; of an error, less is better."""
    row = ForestRow(
        name="a",
        text="",
        change=sum(ends) / 2,
        low=ends[0],
        high=ends[1],
        size_mb=1,
        baseline_mb=None,
        is_gain=is_gain,
    )
    assert row.verdict == verdict
    assert len(set(VERDICTS.values())) == 3


def test_a_long_name_stays_in_its_panel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A name that would be drawn over the sizes has a line of its own, and is cut off if that is not enough."""
    figures = kept_figures(monkeypatch, plots)
    names = ("int8.onnx", "int8.tflite, tflite-runtime, 4 threads", "n" * 300)
    rows = [
        ForestRow(
            name=name, text="90.9 %, -0.30 (-0.81 to +0.19)", change=-0.3, low=-0.8, high=0.2, size_mb=1, baseline_mb=4
        )
        for name in names
    ]
    assert plots.draw_changes(rows, change_of="change") is not None
    left, right = figures[0].axes
    figures[0].draw_without_rendering()
    assert [text.get_text().count("\n") for text in left.texts] == [0, 0, 1, 1]
    ends = [text.get_window_extent().x1 for text in left.texts]
    assert max(ends) <= right.get_window_extent().x0


def test_a_report_draws_the_paired_change_that_its_table_tells(monkeypatch: pytest.MonkeyPatch):
    """Answers whose unpaired intervals overlap widely have a bar of the paired change, which is below the line."""
    labels, before, after = rv.make_predictions(both=700, only_float=30, only_file=5, neither=265)
    answers = (rv.make_answers(rv.INT8, after), rv.make_answers(rv.FLOAT, before))
    report = rv.make_report(rv.make_measurement(answers=answers), labels=labels)
    (section,) = sections([report])
    figures = kept_figures(monkeypatch, plots)
    (plot,) = [plot for plot in device_plots(section, prefix="p") if plot.kind == "changes"]
    (row,) = [row for row in section.scores if row.baseline]
    assert row.score is not None
    (bar,) = [found for figure in figures for axes in figure.axes for found in bars(axes)]
    assert np.allclose(bar, (100 * row.score.difference_low, 100 * row.score.difference_high))
    assert bar[1] < 0
    assert [name for *_, name in plot.legend] == ["significant drop"]
    (float_score,) = [item.score for item in section.scores if not item.baseline]
    assert row.score.high > float_score.low


def test_a_plan_draws_the_paired_change_that_its_table_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Trials are at minus their drop, their bars are its interval, and the bound is at minus the largest drop."""
    plan = some_plan(Bounds(max_drop=1))
    figures = kept_figures(monkeypatch, plan_picture)
    draw_plan(plan, tmp_path / "plan.svg")
    lines = [tuple(map(float, line.get_ydata())) for line in figures[0].axes[0].lines]
    assert (-1.0, -1.0) in lines
    for trial in plan.front:
        low, high = trial.drop_interval
        assert any(np.allclose(line, (-low, -high)) for line in lines if len(line) == 2)
    points = [point for drawn in figures[0].axes[0].collections for point in np.asarray(drawn.get_offsets()).tolist()]
    assert all(any(np.allclose(point, (trial.size_mb, -trial.drop)) for point in points) for trial in plan.trials)


@pytest.mark.parametrize("change", [-1.0, 1.0])
def test_a_change_at_the_edge_is_drawn(change: float, tmp_path: Path):
    """A file that is right where the float file is wrong, always or never, has an interval that ends at its value."""
    score = dataclasses.replace(
        make_score("int8.onnx", max(change, 0.0), baseline="baseline/float32.onnx"),
        difference=change,
        difference_low=max(change - 0.1, -1.0),
        difference_high=min(change + 0.1, 1.0),
    )
    artifact = dataclasses.replace(make_artifact(Target(format="onnx", precision="int8")), score=score)
    baseline = make_artifact(Target(format="onnx", precision="float32"), role="baseline")
    draw_changes(make_manifest(artifact, baseline), tmp_path / PLOT)
    assert (tmp_path / PLOT).stat().st_size > 1000


def test_the_picture_of_a_cut_shows_every_layer_of_the_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each layer has its number, and either what is left of how much or the word 'dropped', for heads and neurons."""
    texts = texts_on(*shapes(4, (0, 2)), monkeypatch, tmp_path / "cut.svg")
    assert [text for text in texts if text.isdecimal()] == ["1", "2", "3", "4"]
    assert texts.count("6 of 12") == texts.count("768 of 3,072") == 2
    assert texts.count("dropped") == 4
    assert {"attention heads", "feed-forward neurons", "kept", "original"} <= set(texts)


def test_the_picture_of_a_cut_has_bars_of_the_widths(tmp_path: Path):
    """Another width of one layer is another picture; equal cuts are equal bytes."""
    pruning, left = shapes(6, (0, 1, 3))
    narrower = dataclasses.replace(left, neurons=(768, 16, 768))
    first, second, other = (tmp_path / f"{name}.svg" for name in ("first", "second", "other"))
    draw_pruning(pruning, left, first)
    draw_pruning(pruning, left, second)
    draw_pruning(pruning, narrower, other)
    assert first.read_bytes() == second.read_bytes() != other.read_bytes()


@pytest.mark.parametrize(("layers", "kept"), [(1, (0,)), (2, (1,)), (12, tuple(range(12))), (24, (0, 23))])
@pytest.mark.parametrize(("heads", "neurons"), [(1, 1), (12, 3072)])
def test_a_cut_of_whatever_depth_is_drawn(layers: int, kept: tuple[int, ...], heads: int, neurons: int, tmp_path: Path):
    """From one layer of one head to two dozen, the layout finds room: a warning of matplotlib's would fail this."""
    draw_pruning(*shapes(layers, kept, heads=heads, neurons=neurons), tmp_path / "cut.svg")
    assert (tmp_path / "cut.svg").stat().st_size > 1000


def test_a_failed_drawing_leaves_no_file(tmp_path: Path):
    """Widths that do not go with the layers are no picture, and no half of one."""
    pruning, left = shapes(3, (0, 1))
    with pytest.raises(ValueError, match="zip"):
        draw_pruning(dataclasses.replace(pruning, layers=(0,)), left, tmp_path / "cut.svg")
    assert not list(tmp_path.iterdir())


PICTURE = """<?xml version="1.0"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt" height="9pt" viewBox="0 0 9 9"
 xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata>who</metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="patch_1"><path d="M 0 0" style="fill: #ffffff"/></g>
 <g id="axes_1"><clipPath id="clip"><rect x="1.23456" y="2" width="3" height="4"/></clipPath>
 <path id="mark" d="M 1.23456 -7.000001
L 2 3" clip-path="url(#clip)" style="fill: #24292f; stroke: #123456"/>
 <use xlink:href="#mark" x="1" y="2"/>
 <text style="font-size: 10px; font-family: 'DejaVu Sans', sans-serif; text-anchor: middle">a &lt;b&gt;</text></g>
</svg>"""


def test_a_picture_becomes_part_of_the_page():
    """It has a name, ids that its links follow, the colours of the page, and neither background nor fonts."""
    text = inline_svg(PICTURE, name='"x" <y>', prefix="p1-", colours={"#24292f": "ink"})
    page = parsed(text)
    root = page.elements[0]
    assert root.attributes == {"viewbox": "0 0 9 9", "role": "img", "aria-label": '"x" <y>'}
    assert [item.attributes["id"] for item in page.elements if "id" in item.attributes] == ["p1-clip", "p1-mark"]
    assert page.all("use")[0].attributes["href"] == "#p1-mark"
    path = page.all("path")[0].attributes
    assert path["clip-path"] == "url(#p1-clip)"
    assert path["d"] == "M 1.2 -7.0 L 2 3"
    assert path["style"] == "fill:var(--ink);stroke:#123456"
    assert page.all("text")[0].text == "a <b>"
    for gone in ("metadata", "#ffffff", "DejaVu", "http", "<style", "xmlns"):
        assert gone not in text
    assert html.unescape("&lt;b&gt;") not in text
