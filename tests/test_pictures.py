from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from edgebert.card import PLOT
from edgebert.pictures import draw_pruning, draw_size_accuracy
from edgebert.shape import Architecture, Pruning
from edgebert.types import Manifest, Target
from tests.cut_models import pruning_of
from tests.tiny_files import make_artifact, make_manifest, make_score

pytest.importorskip("matplotlib", reason="matplotlib draws the pictures")

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
    draw_size_accuracy(scored(), first)
    draw_size_accuracy(scored(), second)
    assert first.read_bytes() == second.read_bytes()
    manifest = scored()
    artifact = dataclasses.replace(manifest.artifacts[0], score=make_score("int8.onnx", 0.8, baseline=None))
    draw_size_accuracy(dataclasses.replace(manifest, artifacts=(artifact, *manifest.artifacts[1:])), other)
    assert other.read_bytes() != first.read_bytes()


def test_the_plot_does_not_depend_on_the_settings_of_the_user(tmp_path: Path):
    """Colours, fonts and sizes that a user has set for matplotlib leave the picture as it is."""
    import matplotlib as mpl

    plain, styled = tmp_path / "plain.svg", tmp_path / "styled.svg"
    draw_size_accuracy(scored(), plain)
    with mpl.rc_context({"axes.facecolor": "black", "lines.linewidth": 9, "font.family": "serif", "savefig.dpi": 300}):
        draw_size_accuracy(scored(), styled)
    assert styled.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("picture", ["plot", "cut"])
def test_a_picture_is_svg_without_date_or_script(picture: str, tmp_path: Path):
    """A picture is well-formed SVG with a size, holds no date, no script and no address to load anything from."""
    path = tmp_path / "picture.svg"
    if picture == "plot":
        draw_size_accuracy(scored(), path)
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


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_score_at_the_edge_is_drawn(value: float, tmp_path: Path):
    """A file that is always or never right has an interval that ends at its value, and a picture."""
    score = dataclasses.replace(
        make_score("int8.onnx", value, baseline=None), low=max(0.0, value - 0.1), high=min(1.0, value + 0.1)
    )
    artifact = dataclasses.replace(make_artifact(Target(format="onnx", precision="int8")), score=score)
    draw_size_accuracy(make_manifest(artifact), tmp_path / PLOT)
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
