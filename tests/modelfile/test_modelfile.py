"""What is said of a file is what stands in it."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.convert.onnx import write_onnx
from edgebert.errors import BundleError
from edgebert.manifest import TensorSpec
from edgebert.modelfile import describe
from edgebert.modelfile.tflite import OPERATORS
from tests.support import fakes

PAGE = Path(__file__).parents[2] / "docs" / "bundle-format.md"
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


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith("onnx")])
def test_an_onnx_file_is_read_as_onnx_reads_it(file):
    """Operators, versions, inputs, outputs and the bytes of each part are those that the package onnx finds."""
    import onnx

    path = fakes.shared_bundle() / file
    found, model = describe(path), onnx.load(str(path))
    (opset,) = [item.version for item in model.opset_import]
    counts = Counter(node.op_type for node in model.graph.node)
    assert (found.format, found.opset, found.ir_version) == ("onnx", opset, model.ir_version)
    assert {(item.name, item.version): item.count for item in found.operators} == {
        (name, opset): count for name, count in counts.items()
    }
    assert [item.name for item in (*found.inputs, *found.outputs)] == [
        item.name for item in (*model.graph.input, *model.graph.output)
    ]
    stored = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    assert sum(part.size_bytes for part in found.parts if part.name != "other") <= stored
    assert found.facts.vocabulary == len(fakes.VOCABULARY)


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith("tflite")])
def test_a_tflite_file_is_read_as_litert_reads_it(file):
    """Operators with their versions, signatures, and names of operators are those of LiteRT's own schema."""
    from ai_edge_litert import schema_py_generated as schema

    path = fakes.shared_bundle() / file
    found, model = describe(path), schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    codes = [(names[max(code.builtinCode, code.deprecatedBuiltinCode)], code.version) for code in model.operatorCodes]
    graph = model.subgraphs[max(model.signatureDefs, key=lambda item: len(item.signatureKey)).subgraphIndex]
    counts = Counter(codes[operator.opcodeIndex] for operator in graph.operators)
    assert {(item.name, item.version): item.count for item in found.operators} == counts
    assert {f"len{length}" for length in found.lengths} == {item.signatureKey.decode() for item in model.signatureDefs}


def test_the_numbers_of_operators_are_those_of_the_schema():
    """Each name that is known here has the number that LiteRT gives it."""
    from ai_edge_litert import schema_py_generated as schema

    assert all(getattr(schema.BuiltinOperator, name) == number for number, name in OPERATORS.items())


def test_the_precision_is_that_of_the_weights():
    """8 bits or 32, by what is stored, whatever the file is called."""
    found = [describe(fakes.shared_bundle() / file).precision for file in FILES]
    assert found == ["float32", "int8", "float32", "int8"]


@pytest.mark.parametrize("name", ["a.onnx", "a.tflite", "a"])
def test_the_format_is_that_of_the_content(name, tmp_path):
    """A TFLite file called .onnx is a TFLite file, and the other way round."""
    for file, expected in (("int8.onnx", "onnx"), ("int8.tflite", "tflite")):
        (tmp_path / name).write_bytes((fakes.shared_bundle() / file).read_bytes())
        assert describe(tmp_path / name).format == expected


def test_weights_in_another_file_are_named(tmp_path):
    """ONNX can keep weights beside the file: no hash of the file covers them, so their tensors are named."""
    import onnx

    model = onnx.load(str(fakes.shared_bundle() / "int8.onnx"))
    onnx.save(model, str(tmp_path / "a.onnx"), save_as_external_data=True, location="a.data", size_threshold=0)
    assert "embeddings/words/table" in describe(tmp_path / "a.onnx").outside
    assert describe(fakes.shared_bundle() / "int8.onnx").outside == ()


def test_operators_of_another_domain_and_of_nested_graphs_are_counted(tmp_path):
    """What a runtime must have to run a file is seen, wherever in the file it is."""
    from onnx import TensorProto, helper, save

    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    inner = helper.make_graph([helper.make_node("Attention", ["x"], ["y"], domain="com.microsoft")], "in", [], [value])
    node = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    graph = helper.make_graph([node], "out", [helper.make_tensor_value_info("c", TensorProto.BOOL, [])], [value])
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    save(helper.make_model(graph, opset_imports=domains, ir_version=8), str(tmp_path / "a.onnx"))
    found = {(item.name, item.version): item.count for item in describe(tmp_path / "a.onnx").operators}
    assert found == {("If", 17): 1, ("com.microsoft.Attention", 1): 2}


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(data, tmp_path_factory):
    """Cut anywhere, or with bytes changed, a file is read as what it now is or refused in one line, never a crash."""
    file = data.draw(st.sampled_from(FILES))
    content = bytearray((fakes.shared_bundle() / file).read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(BundleError):
        describe(path)


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


def test_the_bundle_format_lists_the_operators_of_a_classifier():
    """The TFLite operators and their versions on the page are those of a file with GELU."""
    page = PAGE.read_text(encoding="utf-8").partition("## The TFLite files")[2].partition("## ")[0]
    listed = next(part for part in page.split("\n\n") if part.startswith("`ADD`"))
    found = describe(fakes.shared_bundle() / "int8.tflite").operators
    assert sorted(listed.replace("`", "").split()) == sorted(item.name for item in found)
    assert all(item.version == (5 if item.name == "FULLY_CONNECTED" else 1) for item in found)
    assert "`FULLY_CONNECTED` has version 5 and all others have version 1" in " ".join(page.split())


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
