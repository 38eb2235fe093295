"""What is said of a file is what stands in it."""

from __future__ import annotations

import pytest

from edgebert.convert.describe import describe
from edgebert.convert.onnx import write_onnx
from edgebert.types import TensorSpec
from tests import fakes

FILES = ("baseline/float32.onnx", "int8.onnx", "baseline/float32.tflite", "int8.tflite")
HIDDEN, NEURONS, LAYERS, POSITIONS, LABELS = 32, 64, 2, 64, 2
TABLE = len(fakes.VOCABULARY) * HIDDEN


def parts(path) -> dict[str, int]:
    return {part.name: part.size_bytes for part in describe(path).parts}


@pytest.mark.parametrize("file", FILES)
def test_the_parts_sum_to_the_size_of_the_file(file):
    """Every byte is in one part, and no part is negative."""
    path = fakes.shared_bundle() / file
    sizes = parts(path)
    assert list(sizes) == ["embeddings", "attention", "feed_forward", "head", "other"]
    assert sum(sizes.values()) == path.stat().st_size
    assert min(sizes.values()) > 0


def test_the_parts_of_a_float_onnx_file_are_counted_to_the_byte():
    """Four bytes for each parameter, biases and norms with the part they belong to."""
    sizes = parts(fakes.shared_bundle() / "baseline/float32.onnx")
    assert sizes["embeddings"] == 4 * (TABLE + POSITIONS * HIDDEN + 2 * HIDDEN)
    assert sizes["attention"] == 4 * LAYERS * (4 * (HIDDEN * HIDDEN + HIDDEN) + 2 * HIDDEN)
    assert sizes["feed_forward"] == 4 * LAYERS * (2 * HIDDEN * NEURONS + HIDDEN + NEURONS + 2 * HIDDEN)
    assert sizes["head"] == 4 * (HIDDEN * HIDDEN + HIDDEN + LABELS * HIDDEN + LABELS)


def test_the_parts_of_an_int8_onnx_file_are_counted_to_the_byte():
    """One byte for each weight, four for each scale, bias and norm."""
    sizes = parts(fakes.shared_bundle() / "int8.onnx")
    tokens = len(fakes.VOCABULARY)
    assert sizes["embeddings"] == TABLE + POSITIONS * HIDDEN + 4 * (tokens + POSITIONS + 2 * HIDDEN)
    assert sizes["attention"] == LAYERS * (4 * (HIDDEN * HIDDEN + 4 * 2 * HIDDEN) + 4 * 2 * HIDDEN)
    assert sizes["head"] == HIDDEN * HIDDEN + LABELS * HIDDEN + 4 * 2 * (HIDDEN + LABELS)


def test_the_parts_of_a_tflite_file_hold_its_matrices():
    """Each part has at least the bytes of its matrices, and not much more: two signatures count once."""
    for file, width in (("baseline/float32.tflite", 4), ("int8.tflite", 1)):
        sizes = parts(fakes.shared_bundle() / file)
        expected = {
            "attention": width * LAYERS * 4 * HIDDEN * HIDDEN,
            "feed_forward": width * LAYERS * 2 * HIDDEN * NEURONS,
            "head": width * (HIDDEN * HIDDEN + LABELS * HIDDEN),
        }
        for name, matrix_bytes in expected.items():
            assert matrix_bytes <= sizes[name] <= 1.2 * matrix_bytes + 4 * 3 * HIDDEN, (file, name)


def test_the_embeddings_of_a_tflite_file_are_the_table_of_tokens_and_that_of_positions():
    """Both tables are counted, also where the converter folds the positions of each length into a constant."""
    assert parts(fakes.shared_bundle() / "baseline/float32.tflite")["embeddings"] >= 4 * TABLE
    assert TABLE <= parts(fakes.shared_bundle() / "int8.tflite")["embeddings"] < 2 * TABLE


@pytest.mark.parametrize("file", FILES)
def test_inputs_and_outputs_are_described_in_the_order_of_the_manifest(file):
    """ONNX takes int64 of any size, TFLite int32 of one text; both answer float32."""
    found = describe(fakes.shared_bundle() / file)
    dtype, batch = ("int64", "batch") if file.endswith("onnx") else ("int32", 1)
    assert found.inputs == tuple(
        TensorSpec(name=name, dtype=dtype, shape=(batch, "length")) for name in ("input_ids", "attention_mask")
    )
    assert found.outputs == (TensorSpec(name="logits", dtype="float32", shape=(batch, LABELS)),)


@pytest.mark.parametrize("file", FILES)
def test_lengths_and_versions_are_those_of_the_format(file):
    """A TFLite file has lengths, an ONNX file an opset and an IR version."""
    found = describe(fakes.shared_bundle() / file)
    if file.endswith("onnx"):
        assert (found.lengths, found.opset, found.ir_version) == ((), 17, 8)
    else:
        assert (found.lengths, found.opset, found.ir_version) == ((8, 16), None, None)


def test_operators_are_counted():
    """An int8 ONNX file of two layers has 14 integer products, six for each layer and two in the head."""
    found = {item.name: item for item in describe(fakes.shared_bundle() / "int8.onnx").operators}
    assert found["MatMulInteger"].count == 6 * LAYERS + 2
    assert found["MatMulInteger"].version == 17
    assert found["LayerNormalization"].count == 2 * LAYERS + 1
    # Query, key and value of a layer read one quantized tensor, except where the last reads the first row alone.
    assert found["DynamicQuantizeLinear"].count == 4 * LAYERS + 1 + 2
    lite = {item.name: item for item in describe(fakes.shared_bundle() / "int8.tflite").operators}
    assert lite["FULLY_CONNECTED"].count == 6 * LAYERS + 2


def test_a_pruned_file_is_described_like_any_other(tmp_path):
    """Narrower layers weigh less."""
    wide = fakes.random_weights(1, hidden=16, head_dim=4, heads=(4, 4), neurons=(32, 32))
    narrow = fakes.random_weights(1, hidden=16, head_dim=4, heads=(4, 1), neurons=(32, 2))
    write_onnx(wide, tmp_path / "wide.onnx", int8=False)
    write_onnx(narrow, tmp_path / "narrow.onnx", int8=False)
    before, after = parts(tmp_path / "wide.onnx"), parts(tmp_path / "narrow.onnx")
    assert before["embeddings"] == after["embeddings"]
    assert before["attention"] - after["attention"] == 4 * (4 * 12 * 16 + 3 * 12)
    assert before["feed_forward"] - after["feed_forward"] == 4 * (2 * 30 * 16 + 30)
