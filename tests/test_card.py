from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgebert.architecture import Architecture
from edgebert.card import CUT, PLOT, agreement_text, card_text, change_text, share_of_float, write_card
from edgebert.card_cut import cut_text
from edgebert.manifest import AddedToken, EvaluationData, LabelChange, LabelScore, Manifest, Original
from edgebert.recipe import Target
from tests.support.cut_models import TRAIN, pruning_of
from tests.support.tiny_files import SPEC, make_artifact, make_manifest, make_score

GOLDEN = Path(__file__).parent / "golden"


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


def test_a_card_tells_which_labels_changed_most():
    """A row for each label of each file that the manifest names, in per cent; nothing where it names none."""
    manifest = scored()
    before, after = LabelScore(precision=0.9, recall=0.9, f1=0.9), LabelScore(precision=0.8, recall=0.8, f1=0.8)
    change = LabelChange(file="int8.onnx", label="a|b", expected=7, before=before, after=after)
    assert manifest.evaluation is not None
    data = dataclasses.replace(manifest.evaluation, label_changes=(change,))
    text = card_text(dataclasses.replace(manifest, evaluation=data), plot=None)
    assert "The labels that changed most:" in text
    (row,) = [line for line in text.splitlines() if "`a|b`" in line.replace("\\", "")]
    assert [cell.strip() for cell in row.split("|")[-5:-1]] == ["7", "90.0", "80.0", "-10.0"]
    assert "changed most" not in card_text(manifest, plot=None)


def original_shape() -> Architecture:
    """Return a shape of which that of ``make_manifest`` may have been cut."""
    return dataclasses.replace(make_manifest().architecture, heads=(4,) * 3, neurons=(64,) * 3, vocabulary=150)


def pruned() -> Manifest:
    """Return a manifest with scores of a pruned model, compared with the one it was cut from."""
    pruning = pruning_of(original_shape(), layers=(0, 2))
    original = Original(checkpoint="original", checkpoint_sha256="cd" * 32, architecture=pruning.original, text=SPEC)
    return dataclasses.replace(scored(), original=original, pruning=pruning)


@pytest.mark.parametrize(
    ("name", "manifest", "plot"),
    [
        ("card.md", scored(), PLOT),
        ("card-without-scores.md", make_manifest(), None),
        ("card-pruned.md", pruned(), PLOT),
    ],
    ids=["scored", "unscored", "pruned"],
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


def test_a_card_of_a_pruned_model_shows_what_was_cut(tmp_path: Path):
    """With a cut the card refers to a second picture that is written beside it, with scores and without."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the pictures")
    for name, manifest, pictures in (
        ("scored", pruned(), {PLOT, CUT}),
        ("unscored", dataclasses.replace(make_manifest(), pruning=pruned().pruning), {CUT}),
    ):
        (tmp_path / name).mkdir()
        write_card(tmp_path / name, manifest)
        assert {path.name for path in (tmp_path / name).iterdir()} == {"README.md"} | pictures
        text = (tmp_path / name / "README.md").read_text(encoding="utf-8")
        assert all(f"]({picture})" in text for picture in pictures)


def test_a_card_says_what_its_baseline_is():
    """A pruned model compared with itself is said to be, as is a model that is compared with another."""
    own = card_text(dataclasses.replace(pruned(), original=None), plot=None)
    assert "those of the pruned model, not of the original" in own
    unpruned = card_text(dataclasses.replace(pruned(), pruning=None), plot=None)
    assert "those of the original, `original`" in unpruned
    assert "What was cut" not in unpruned
    assert "baseline/` are those of" not in card_text(scored(), plot=None)


def test_a_card_says_only_what_was_done():
    """Neither vocabulary nor training nor a judgement of heads is spoken of where there was none."""
    record = dataclasses.replace(pruned().pruning, vocabulary=None, distillation=None)
    text = card_text(dataclasses.replace(pruned(), pruning=record), plot=None)
    assert "They were not trained" in text
    assert "vocabulary was cut" not in text
    assert "distillation" not in text
    idle = dataclasses.replace(record, keep=1.0, sample=0)
    text = card_text(dataclasses.replace(pruned(), pruning=idle), plot=None)
    assert "not trained" not in text
    assert "were scored on" not in text
    assert "`train.tsv`" in text


def test_a_card_owns_up_to_texts_that_were_learned_from():
    """Scores on the file that the pruning learned from are marked as too good; on another file they are not."""
    manifest = pruned()
    seen = dataclasses.replace(manifest.evaluation, sha256=TRAIN.sha256)
    assert "took part in the pruning" in card_text(dataclasses.replace(manifest, evaluation=seen), plot=None)
    assert "took part in the pruning" not in card_text(manifest, plot=None)


def test_what_is_left_is_counted():
    """Layers that went are named as people count them; heads and neurons are summed over the layers."""
    shape, pruning = make_manifest().architecture, pruned().pruning
    tokens = f"{shape.vocabulary} of 150 tokens"
    assert cut_text(pruning, shape) == (
        "48.7% of the multiply-accumulates are left: 2 of 3 layers (without layer 2), 6 of 12 heads, "
        f"88 of 192 neurons, {tokens}"
    )
    whole = dataclasses.replace(pruning, original=shape, layers=(0, 1))
    assert "2 of 2 layers, 6 of 6 heads" in cut_text(whole, shape)
    deep = dataclasses.replace(original_shape(), heads=(4,) * 4, neurons=(64,) * 4)
    assert "(without layers 1, 3)" in cut_text(dataclasses.replace(pruning, original=deep, layers=(1, 3)), shape)


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
    assert agreement_text(make_score("int8.onnx", 0.9, baseline="baseline/float32.onnx")) == "99.1 %"


def test_many_labels_are_counted():
    """A card names a dozen labels and counts the others."""
    manifest = make_manifest()
    labels = tuple(f"l{index}" for index in range(150))
    text = card_text(dataclasses.replace(manifest, labels=labels), plot=None)
    assert "with 150 labels: `l0`, " in text
    assert "`l11` and 138 more" in text
    assert "`l12`" not in text


def test_the_headline_says_what_changed():
    """Each shipped file has a line with its size, and the verdict on its change where there is one."""
    manifest = scored()
    lines = card_text(manifest, plot=None).splitlines()
    onnx = "- `int8.onnx` has 25.0 % of the size of the FP32 model."
    assert f"{onnx} Accuracy: **no significant change**, -0.30 points (-0.81 to +0.19)." in lines
    score = manifest.artifacts[0].score
    assert score is not None
    worse = dataclasses.replace(score, difference_high=-0.001)
    artifacts = (dataclasses.replace(manifest.artifacts[0], score=worse), *manifest.artifacts[1:])
    text = card_text(dataclasses.replace(manifest, artifacts=artifacts), plot=None)
    assert "**significant drop**, -0.30 points (-0.81 to -0.10)." in text
    assert onnx in card_text(make_manifest(), plot=None).splitlines()


def test_a_card_names_added_tokens():
    """Tokens that an app takes out of texts first are named, whatever letters they are made of."""
    manifest = make_manifest()
    tokens = (
        AddedToken(content="<url>", id=200, normalized=True, special=False),
        AddedToken(content="a`b|c", id=201, normalized=False, special=True),
    )
    text = dataclasses.replace(manifest.text, added_tokens=tokens)
    card = card_text(dataclasses.replace(manifest, text=text), plot=None)
    assert "Added tokens are split from the text first: `<url>`, ``a`b" in card
    assert "Added tokens" not in card_text(manifest, plot=None)
