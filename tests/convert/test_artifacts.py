"""Each file of a bundle comes from its own model, baselines first, and nothing else stays in the folder."""

from __future__ import annotations

import dataclasses

import pytest

from edgebert.bundle import sha256_of
from edgebert.checkpoint import load_model
from edgebert.convert.artifacts import Source, write_artifacts
from edgebert.convert.golden import make_golden
from edgebert.errors import ParityError
from edgebert.recipe import Target
from edgebert.text import TextEncoder, text_spec
from tests.support import cut_models

LENGTHS = (8,)
FLOAT, INT8 = (Target(format="onnx", precision=precision) for precision in ("float32", "int8"))
LITE = Target(format="tflite", precision="int8")


@pytest.fixture(scope="module")
def sources() -> tuple[Source, Source]:
    """Return the original and the cut model with their texts."""

    def source(folder) -> Source:
        model = load_model(folder)
        spec = text_spec(model.tokenizer, max_length=LENGTHS[-1], lengths=LENGTHS)
        golden = make_golden(model, TextEncoder(model.tokenizer, spec.max_length))
        return Source(model=model, spec=spec, golden=golden)

    return tuple(source(folder) for folder in cut_models.shared_folders())


def test_a_baseline_stands_before_the_files_of_its_format(tmp_path, sources):
    """One float baseline a format, before what is compared with it; each step is announced by the name of its file."""
    original, cut = sources
    said = []
    made = write_artifacts(tmp_path, cut, original, targets=(LITE, INT8, FLOAT), start=said.append)
    files = ["baseline/float32.tflite", "int8.tflite", "baseline/float32.onnx", "int8.onnx", "float32.onnx"]
    assert [item.file for item in made] == files
    assert said == [f"writing {file}" for file in files]
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == set(files)
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"baseline"}
    for item in made:
        assert (item.size_bytes, item.sha256) == (
            (tmp_path / item.file).stat().st_size,
            sha256_of(tmp_path / item.file),
        )


def test_an_int8_tflite_file_does_not_depend_on_the_baseline(tmp_path, sources):
    """It is quantized from the float file of its own model: the same bytes, whatever it is compared with."""
    original, cut = sources
    made = {}
    for name, baseline in (("own", cut), ("other", original)):
        (tmp_path / name).mkdir()
        artifacts = write_artifacts(tmp_path / name, cut, baseline, targets=(LITE,), start=lambda _: None)
        made[name] = {item.file: item.sha256 for item in artifacts}
    assert made["own"]["int8.tflite"] == made["other"]["int8.tflite"]
    assert made["own"]["baseline/float32.tflite"] != made["other"]["baseline/float32.tflite"]


def test_a_file_is_held_against_the_golden_texts_of_its_own_model(tmp_path, sources):
    """Golden logits of another model in a source fail its first file, and the message names it."""
    original, cut = sources
    for name, shipped, baseline, file in (
        ("shipped", dataclasses.replace(cut, golden=original.golden), original, r"int8\.onnx|float32\.onnx"),
        ("baseline", cut, dataclasses.replace(original, golden=cut.golden), r"float32\.onnx"),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(ParityError, match=file):
            write_artifacts(tmp_path / name, shipped, baseline, targets=(FLOAT,), start=lambda _: None)
