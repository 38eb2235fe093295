"""Golden logits are torch's, and the tolerance lets right files through and wrong ones not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgebert.bundle import open_bundle
from edgebert.checkpoint import load_model
from edgebert.convert.golden import make_golden, parity_tolerance
from edgebert.convert.onnx import write_onnx
from edgebert.convert.tflite import quantize_tflite
from edgebert.convert.weights import Weights, extract_weights
from edgebert.errors import ParityError
from edgebert.examples import Example
from edgebert.golden import Golden
from edgebert.jsonio import dumps, loads
from edgebert.manifest import TextSpec
from edgebert.parity import FLOAT_TOLERANCE, check_parity, golden_outputs
from edgebert.runtime import open_runner
from edgebert.tasks import task_head
from edgebert.text import TextEncoder, app_tokenizer
from tests.support import fakes
from tests.support.task_models import task_model, torch_outputs
from tests.support.tiny_files import VOCABULARY, logits_of


@pytest.fixture(scope="module")
def model():
    return load_model(fakes.shared_checkpoint())


@pytest.fixture(scope="module")
def bundle():
    return open_bundle(fakes.shared_bundle())


@pytest.fixture(scope="module")
def golden(bundle):
    return bundle.golden()


def parity(path: Path, bundle, tolerance: float, runtime: str = "onnxruntime"):
    runner = open_runner(path, runtime=runtime, spec=bundle.manifest.text, task="text-classification")
    return check_parity(runner, bundle.golden(), tolerance=tolerance)


def test_golden_cases_are_what_encoder_and_torch_say(model, bundle):
    """Ids are the encoder's at the longest length, logits exactly those of the checkpoint on the ids alone."""
    encoder = TextEncoder(model.tokenizer, 16)
    made = make_golden(model, encoder)
    assert made == bundle.golden()
    expected = fakes.torch_logits(model.module, [encoder.encode(case.texts[0]) for case in made.cases])
    assert np.array([logits_of(case) for case in made.cases], dtype=np.float32).tobytes() == expected.tobytes()


def test_golden_texts_are_hard_ones(golden):
    """There is an empty text, one of one word, one that is cut, emoji, accents and a typed [MASK]."""
    texts = [case.texts[0] for case in golden.cases]
    assert "" in texts
    assert any(len(text.split()) == 1 for text in texts)
    assert any(len(text.split()) >= 500 for text in texts)
    assert any("[MASK]" in text for text in texts)
    assert any("😀" in text for text in texts)
    assert any("é" in text for text in texts)
    assert min(len(window.input_ids) for window in golden.windows) == 2
    assert max(len(window.input_ids) for window in golden.windows) == 16


@pytest.mark.parametrize(("count", "length"), [(1, 64), (40, 64), (3, 4)])
def test_every_added_token_is_in_a_golden_text(tmp_path, count, length):
    """Each added token becomes its id in a golden text that is not cut; one text holds as many as fit."""
    tokens = [f"<t{index}>" for index in range(count)]
    folder = fakes.tiny_checkpoint(tmp_path / "model", rows=len(fakes.VOCABULARY) + count)
    fakes.add_tokens(folder, tokens)
    model = load_model(folder)
    cases = make_golden(model, TextEncoder(model.tokenizer, length)).cases
    seen = {index for case in cases for index in case.windows[0].input_ids}
    assert seen >= {model.tokenizer.token_to_id(token) for token in tokens}
    plain = len(make_golden(load_model(fakes.shared_checkpoint()), TextEncoder(model.tokenizer, length)).cases)
    assert plain < len(cases) <= plain + (1 if count == 1 else count if length == 4 else count // 2)


def test_the_tolerance_of_a_float_file_is_rounding_only(model, golden):
    """Float files may be off by 1e-4 where logits are of ordinary size."""
    assert parity_tolerance(model, golden, "float32") == FLOAT_TOLERANCE == 1e-4


@pytest.mark.parametrize("precision", ["int8", "int8-legacy"])
def test_the_tolerance_of_int8_says_something(model, golden, precision):
    """It is at most a third of the logits it judges: neither zeros nor another text's answer pass for this one's."""
    logits = np.array([logits_of(case) for case in golden.cases])
    tolerance = parity_tolerance(model, golden, precision)
    assert FLOAT_TOLERANCE < tolerance < np.abs(logits).max() / 3
    assert tolerance < np.abs(logits - logits.mean(axis=0)).max() / 3


def test_right_files_are_well_within_it(bundle):
    """Every file of the bundle uses less than half of its tolerance, in int8 a part that is not nothing."""
    for item in bundle.manifest.artifacts:
        (verified,) = item.verified
        assert verified.max_difference < item.tolerance / 2
        assert verified.texts == len(bundle.golden().cases)
    assert bundle.artifact("int8.onnx").verified[0].max_difference > 1e-4


def test_a_legacy_file_is_within_the_tolerance_of_its_precision(tmp_path, model, bundle, golden):
    """One scale for a whole weight is less exact, and its tolerance knows."""
    path = tmp_path / "int8-legacy.tflite"
    quantize_tflite(bundle.path("baseline/float32.tflite"), path, per_tensor=True)
    assert parity(path, bundle, parity_tolerance(model, golden, "int8-legacy"), "litert").max_difference > 0


def swapped_labels(weights: Weights) -> Weights:
    return fakes.with_last_layer(
        weights,
        lambda last: dataclasses.replace(last, weight=last.weight[::-1].copy(), bias=last.bias[::-1].copy()),
    )


def one_head_lost(weights: Weights) -> Weights:
    layer = weights.layers[0]
    value = layer.value.weight.copy()
    value[:8] = 0
    changed = dataclasses.replace(layer, value=dataclasses.replace(layer.value, weight=value))
    return dataclasses.replace(weights, layers=(changed, *weights.layers[1:]))


def layers_in_another_order(weights: Weights) -> Weights:
    lower, upper = weights.layers
    return dataclasses.replace(
        weights,
        layers=(
            dataclasses.replace(upper, first_token_only=False),
            dataclasses.replace(lower, first_token_only=True),
        ),
    )


def attention_not_scaled(weights: Weights) -> Weights:
    def unscaled(layer):
        query = layer.query
        return dataclasses.replace(layer, query=dataclasses.replace(query, weight=query.weight * 8**0.5))

    return dataclasses.replace(weights, layers=tuple(map(unscaled, weights.layers)))


def positions_off_by_one(weights: Weights) -> Weights:
    return dataclasses.replace(weights, positions=np.roll(weights.positions, 1, axis=0))


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize(
    "damage", [swapped_labels, one_head_lost, layers_in_another_order, attention_not_scaled, positions_off_by_one]
)
def test_a_file_of_another_model_is_caught(tmp_path, model, bundle, golden, damage, int8):
    """The usual mistakes of a conversion fail parity, and the message names file, output and difference."""
    name = "int8.onnx" if int8 else "float32.onnx"
    write_onnx(damage(extract_weights(model)), tmp_path / name, int8=int8)
    tolerance = parity_tolerance(model, golden, "int8" if int8 else "float32")
    with pytest.raises(ParityError, match=rf"^{name}: onnxruntime .* 'logits' is off by \d") as caught:
        parity(tmp_path / name, bundle, tolerance)
    assert caught.value.exit_code == 1


def test_a_weight_that_is_a_little_off_is_caught_in_float(tmp_path, model, bundle):
    """One of a thousand biases moved by a hundredth shows."""
    weights = extract_weights(model)
    bias = weights.layers[1].contract.bias.copy()
    bias[5] += 0.01
    layer = dataclasses.replace(weights.layers[1], contract=dataclasses.replace(weights.layers[1].contract, bias=bias))
    changed = dataclasses.replace(weights, layers=(weights.layers[0], layer))
    write_onnx(changed, tmp_path / "float32.onnx", int8=False)
    with pytest.raises(ParityError, match=r"float32\.onnx"):
        parity(tmp_path / "float32.onnx", bundle, FLOAT_TOLERANCE)


def constant_file(path: Path, values: list[float]) -> None:
    """Write an ONNX file that answers every text with the same logits."""
    helper = onnx.helper
    inputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["batch", "length"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, [1, len(values)])
    constant = onnx.numpy_helper.from_array(np.array([values], dtype=np.float32), "constant")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["constant"], ["logits"])], "constant", inputs, [output], [constant]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def test_a_file_that_answers_zeros_is_caught_even_by_the_widest_tolerance(tmp_path, model, bundle, golden):
    """All-zero logits, as a broken runtime returns them without an error, are outside every tolerance."""
    constant_file(tmp_path / "int8.onnx", [0.0, 0.0])
    widest = max(parity_tolerance(model, golden, precision) for precision in ("float32", "int8", "int8-legacy"))
    with pytest.raises(ParityError, match=r"int8\.onnx"):
        parity(tmp_path / "int8.onnx", bundle, widest)


def test_a_file_that_always_gives_the_mean_answer_is_caught(tmp_path, model, bundle, golden):
    """The best constant is outside the tolerance too: the golden texts differ from each other by more."""
    constant_file(tmp_path / "int8.onnx", np.array([logits_of(case) for case in golden.cases]).mean(axis=0).tolist())
    with pytest.raises(ParityError, match=r"int8\.onnx"):
        parity(tmp_path / "int8.onnx", bundle, parity_tolerance(model, golden, "int8"))


@pytest.mark.parametrize("case", ["one label", "several labels", "number", "entities", "answers", "mean", "dense"])
def test_every_task_has_golden_texts(case):
    """Each window has torch's outputs by name in the shape of the task, and places where the answers are places."""
    vocabulary = VOCABULARY[:45]
    spec = TextSpec(lower_case=True, max_length=40, lengths=(40,), pad_id=0, cls_id=2, sep_id=3, unk_id=1)
    tokenizer = app_tokenizer(vocabulary, spec)
    tokenizer.add_tokens(["<url>"])
    model = dataclasses.replace(task_model(case), tokenizer=tokenizer)
    head, encoder = task_head(model.checkpoint.task), TextEncoder(tokenizer, 40)
    made = make_golden(model, encoder)
    assert [case.texts for case in made.cases[:-1]] == list(head.golden_texts)
    assert loads(Golden, dumps(made), source="golden.json") == made
    for golden_case in made.cases:
        found = head.windows(encoder, Example(texts=golden_case.texts), model.checkpoint.settings)
        assert [window.ids for window in found.windows] == [window.input_ids for window in golden_case.windows]
        places = [window.offsets if head.has_places else None for window in found.windows]
        assert places == [window.offsets for window in golden_case.windows]
        for window in golden_case.windows:
            shapes = head.shapes(model.checkpoint.meaning, tokens=len(window.input_ids))
            assert {name: output.shape for name, output in window.outputs.items()} == shapes
    expected = torch_outputs(model.module, [window.input_ids for window in made.windows])
    for ours, theirs in zip(golden_outputs(made), expected, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(ours[name].tobytes() == theirs[name].tobytes() for name in theirs)
    assert "<url>" in made.cases[-1].texts[-1]
    assert tokenizer.token_to_id("<url>") in made.windows[-1].input_ids
    assert (max(len(case.windows) for case in made.cases) > 1) == (case == "answers")
