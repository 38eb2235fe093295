from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from edgebert.card import PLOT, agreement_text, card_text, change_text, draw_size_accuracy, share_of_float, write_card
from edgebert.types import EvaluationData, Manifest, Target
from tests.tiny_files import make_artifact, make_manifest, make_score

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"


def scored() -> Manifest:
    """Return a manifest with a score for every file."""
    artifacts = []
    for name, size in (("onnx", 267_800_000), ("tflite", 266_600_000)):
        artifacts.append(make_artifact(Target(format=name, precision="int8"), value=0.909, size=size // 4))
        float32 = Target(format=name, precision="float32")
        artifacts.append(make_artifact(float32, role="baseline", value=0.912, size=size))
    return make_manifest(
        *artifacts, evaluation=EvaluationData(name="dev.tsv", sha256="ab" * 32, examples=1000, truncated=3)
    )


@pytest.mark.parametrize(
    ("name", "manifest", "plot"),
    [("card.md", scored(), PLOT), ("card-without-scores.md", make_manifest(), None)],
    ids=["scored", "unscored"],
)
def test_the_card_is_as_agreed(name: str, manifest: Manifest, plot: str | None):
    """For a fixed manifest the card is, to the letter, the one in the golden file."""
    assert card_text(manifest, plot=plot) == (GOLDEN / name).read_text(encoding="utf-8")


def test_a_card_without_scores_claims_no_accuracy(tmp_path: Path):
    """Without evaluation data the card says that the accuracy is not known, and there is no plot."""
    write_card(tmp_path, make_manifest())
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "is not known" in text
    assert PLOT not in text


def test_a_card_with_scores_shows_its_plot(tmp_path: Path):
    """With scores the card refers to the picture that is written beside it."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    write_card(tmp_path, scored())
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", PLOT}
    assert f"]({PLOT})" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_a_card_speaks_of_the_formats_that_are_there():
    """The card of an ONNX bundle says nothing of how to run TFLite, and the other way round."""
    for kept, other in (("onnx", "TFLite:"), ("tflite", "ONNX:")):
        manifest = scored()
        only = tuple(item for item in manifest.artifacts if item.format == kept)
        text = card_text(dataclasses.replace(manifest, artifacts=only), plot=None)
        assert other not in text
        assert f"int8.{kept}" in text


def test_every_table_row_has_every_column():
    """Each row of the table has as many cells as its head, whatever is known of the file."""
    for manifest in (scored(), make_manifest()):
        rows = [line for line in card_text(manifest, plot=None).splitlines() if line.startswith("|")]
        assert len(rows) == 2 + len(manifest.artifacts)
        assert len({row.count("|") for row in rows}) == 1


def test_the_plot_of_equal_manifests_is_byte_identical(tmp_path: Path):
    """Drawn twice, the picture has the same bytes; another score gives another picture."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
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
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    plain, styled = tmp_path / "plain.svg", tmp_path / "styled.svg"
    draw_size_accuracy(scored(), plain)
    with matplotlib.rc_context(
        {"axes.facecolor": "black", "lines.linewidth": 9, "font.family": "serif", "savefig.dpi": 300}
    ):
        draw_size_accuracy(scored(), styled)
    assert styled.read_bytes() == plain.read_bytes()


def test_the_plot_is_svg_without_date_or_script(tmp_path: Path):
    """The picture is well-formed SVG with a size, holds no date, no script and no address to load anything from."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    path = tmp_path / PLOT
    draw_size_accuracy(scored(), path)
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
    pytest.importorskip("matplotlib", reason="matplotlib draws the plot")
    score = dataclasses.replace(
        make_score("int8.onnx", value, baseline=None), low=max(0.0, value - 0.1), high=min(1.0, value + 0.1)
    )
    artifact = dataclasses.replace(make_artifact(Target(format="onnx", precision="int8")), score=score)
    draw_size_accuracy(make_manifest(artifact), tmp_path / PLOT)
    assert (tmp_path / PLOT).stat().st_size > 1000


def test_the_share_of_float_is_by_format():
    """A file is compared with the float file of its own format; the baseline itself is all of it."""
    manifest = scored()
    assert [share_of_float(manifest, item) for item in manifest.artifacts] == [0.25, 1.0, 0.25, 1.0]


@pytest.mark.parametrize(
    ("difference", "low", "high", "expected"),
    [
        (-0.003, -0.0081, 0.0019, "-0.30 (-0.81 to +0.19)"),
        (0.0, 0.0, 0.0, "+0.00 (+0.00 to +0.00)"),
        (1.0, 0.5, 1.0, "+100.00 (+50.00 to +100.00)"),
    ],
)
def test_a_change_is_in_points_with_its_sign(difference: float, low: float, high: float, expected: str):
    """A change is shown in points, signed, with its interval."""
    score = make_score("int8.onnx", 0.9, baseline="baseline/float32.onnx")
    changed = dataclasses.replace(score, difference=difference, difference_low=low, difference_high=high)
    assert change_text(changed) == expected


def test_a_baseline_has_no_change_and_no_agreement():
    """What is compared with nothing shows nothing."""
    for score in (None, make_score("baseline/float32.onnx", 0.9, baseline=None)):
        assert change_text(score) == agreement_text(score) == ""
    assert agreement_text(make_score("int8.onnx", 0.9, baseline="baseline/float32.onnx")) == "99.1%"
