"""Each file of a bundle comes from its own model, baselines first, and nothing else stays in the folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgebert.bundle import sha256_of
from edgebert.checkpoint import load_model
from edgebert.convert.artifacts import Source, write_artifacts
from edgebert.convert.golden import make_golden
from edgebert.errors import ParityError
from edgebert.manifest import Artifact
from edgebert.recipe import Target
from edgebert.text import TextEncoder, text_spec
from tests.support import cut_models

LENGTHS = (8,)
FLOAT, INT8 = (Target(format="onnx", precision=precision) for precision in ("float32", "int8"))
LITE_FLOAT, LITE = (Target(format="tflite", precision=precision) for precision in ("float32", "int8"))


@pytest.fixture(scope="module")
def sources() -> tuple[Source, Source]:
    """Return the original and the cut model with their texts."""

    def source(folder) -> Source:
        model = load_model(folder)
        spec = text_spec(model.tokenizer, max_length=LENGTHS[-1], lengths=LENGTHS)
        golden = make_golden(model, TextEncoder(model.tokenizer, spec.max_length))
        return Source(model=model, spec=spec, golden=golden)

    return tuple(source(folder) for folder in cut_models.shared_folders())


@pytest.fixture(scope="module")
def cut_files(sources, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Artifact], list[str]]:
    """Return files of the cut model that are compared with the original: their folder, what they are, what was said."""
    original, cut = sources
    folder, said = tmp_path_factory.mktemp("cut"), []
    made = write_artifacts(folder, cut, original, targets=(LITE, LITE_FLOAT, INT8, FLOAT), start=said.append)
    return folder, made, said


def test_a_baseline_stands_before_the_files_of_its_format(cut_files):
    """One float baseline a format, before what is compared with it; each step is announced by the name of its file."""
    folder, made, said = cut_files
    files = [
        *("baseline/float32.tflite", "int8.tflite", "float32.tflite"),
        *("baseline/float32.onnx", "int8.onnx", "float32.onnx"),
    ]
    assert [item.file for item in made] == files
    assert said == [f"writing {file}" for file in files]
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == set(files)
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"baseline"}
    for item in made:
        assert (item.size_bytes, item.sha256) == ((folder / item.file).stat().st_size, sha256_of(folder / item.file))


def test_a_shipped_file_does_not_depend_on_the_baseline(tmp_path, sources, cut_files):
    """It is of its own model: the same bytes, whatever it is compared with. The int8 file is quantized from that."""
    _, cut = sources
    artifacts = write_artifacts(tmp_path, cut, cut, targets=(LITE, INT8, FLOAT), start=lambda _: None)
    own = {item.file: item.sha256 for item in artifacts}
    other = {item.file: item.sha256 for item in cut_files[1]}
    for kind in ("onnx", "tflite"):
        assert own[f"int8.{kind}"] == other[f"int8.{kind}"]
        assert own[f"baseline/float32.{kind}"] == other[f"float32.{kind}"] != other[f"baseline/float32.{kind}"]
    assert own["float32.onnx"] == own["baseline/float32.onnx"]


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
