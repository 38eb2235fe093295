from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from edgebert.errors import CheckFailed, ParityError
from edgebert.golden import Golden, GoldenCase, GoldenWindow, Tensor
from edgebert.ondevice.session import cpu_name
from edgebert.parity import (
    check_parity,
    compare,
    float_tolerance,
    golden_outputs,
    is_constant,
    spread,
    token_spread,
    warnings_of,
)
from edgebert.runtime import Runner, installed_version, open_runner
from tests.support.tiny_files import SPEC, answer, golden_case, make_manifest, write_onnx

pytest.importorskip("onnx", reason="onnx makes the tiny files")
pytest.importorskip("onnxruntime", reason="onnxruntime runs the tiny files")

TEXTS = {"first": (2, 10, 3), "second": (2, 3), "third": (2, 40, 41, 42, 3)}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """Return a tiny file open in ONNX Runtime."""
    return open_runner(
        write_onnx(tmp_path_factory.mktemp("p") / "int8.onnx"),
        runtime="onnxruntime",
        spec=SPEC,
        task="text-classification",
    )


def golden(**shifts: float) -> Golden:
    """Return golden texts whose second logit is off by a shift, exact in float32, from what the file answers."""
    cases = []
    for text, ids in TEXTS.items():
        first, second = answer(ids)
        cases.append(golden_case(text, ids, (first, second + shifts.get(text, 0.0))))
    return Golden(schema=1, cases=tuple(cases))


def test_equal_answers_are_recorded(runner: Runner):
    """A file that gives the golden logits is recorded with runtime, version, CPU, number of texts and no difference."""
    found = check_parity(runner, golden(), tolerance=0.0)
    assert (found.runtime, found.version) == ("onnxruntime", installed_version("onnxruntime"))
    assert (found.cpu, found.texts, found.max_difference) == (cpu_name(), 3, 0.0)


@given(steps=st.integers(1, 2**12), sign=st.sampled_from([-1, 1]), text=st.sampled_from(sorted(TEXTS)))
@settings(max_examples=30)
def test_the_tolerance_itself_is_within_it(runner: Runner, steps: int, sign: int, text: str):
    """A difference of exactly the tolerance passes and is recorded; a tolerance one float smaller does not."""
    shift = steps * 2.0**-14
    texts = golden(**{text: sign * shift})
    assert check_parity(runner, texts, tolerance=shift).max_difference == shift
    with pytest.raises(ParityError):
        check_parity(runner, texts, tolerance=float(np.nextafter(shift, 0)))


def test_a_difference_names_file_runtime_output_text_and_size(runner: Runner):
    """The message says which file, in which runtime, at which output, by how much, and on which text."""
    with pytest.raises(ParityError) as caught:
        check_parity(runner, golden(second=0.5), tolerance=0.25)
    version = installed_version("onnxruntime")
    assert caught.value.message == (
        f"int8.onnx: onnxruntime {version} computes another model: the output 'logits' is off by 0.5 (allowed 0.25) "
        "on golden text 2, 'second'"
    )
    assert caught.value.exit_code == 1
    assert caught.value.hint


@pytest.mark.parametrize("worst", sorted(TEXTS))
def test_the_worst_text_is_reported(worst: str, runner: Runner):
    """Of several texts beyond the tolerance, the one with the largest difference is named."""
    shifts = dict.fromkeys(TEXTS, 0.25) | {worst: -1.0}
    with pytest.raises(ParityError, match=f"off by 1 .* on golden text {[*TEXTS].index(worst) + 1}, '{worst}'"):
        check_parity(runner, golden(**shifts), tolerance=0.125)


def test_a_long_text_is_shown_by_its_beginning(runner: Runner):
    """A golden text of 500 words, with a line break, takes one short line of the message."""
    case = golden_case("a\n" + "word " * 500, (2, 3), (9.0, 9.0))
    with pytest.raises(ParityError) as caught:
        check_parity(runner, Golden(schema=1, cases=(case,)), tolerance=1.0)
    assert len(caught.value.message) < 250
    assert "\n" not in caught.value.message


def test_the_old_runtime_is_sent_to_the_legacy_recipe(runner: Runner):
    """A per-channel TFLite file that tflite-runtime miscomputes is answered with the recipe made for it."""
    session = runner.session._replace(runtime="tflite-runtime", version="2.14.0")
    old = dataclasses.replace(runner, session=session, file="int8.tflite")
    with pytest.raises(ParityError) as caught:
        check_parity(old, golden(first=1.0), tolerance=0.1)
    assert "int8-legacy" in caught.value.hint


@pytest.mark.parametrize("logits", [(), (0.0,), (0.0, 0.0, 0.0)])
def test_another_number_of_labels_is_another_model(logits: tuple[float, ...], runner: Runner):
    """Golden logits for more, fewer or no labels are never compared with those of the file."""
    case = golden_case("t", (2, 3), logits)
    with pytest.raises(ParityError, match=rf"shapes {{'logits': \[2\]}}, not {{'logits': \[{len(logits)}\]}}"):
        check_parity(runner, Golden(schema=1, cases=(case,)), tolerance=100.0)


def test_no_texts_prove_nothing(runner: Runner):
    """A golden file without texts does not let every model file pass."""
    with pytest.raises(CheckFailed, match=r"golden\.json: there are no texts"):
        check_parity(runner, Golden(schema=1, cases=()), tolerance=1.0)


@pytest.mark.parametrize("ids", [(), (2,) * 9, (2, -1, 3), (2, 2**31, 3), (2, 10**30)])
def test_ids_that_cannot_be_fed_are_refused(ids: tuple[int, ...], runner: Runner):
    """No ids, more than the longest input, and numbers that are no ids are an error of golden.json."""
    cases = (*golden().cases, golden_case("t", ids, (0.0, 0.0)))
    with pytest.raises(CheckFailed, match=rf"golden\.json: text 4 has {len(ids)} ids, not 1 to 8"):
        check_parity(runner, Golden(schema=1, cases=cases), tolerance=1.0)


@pytest.mark.parametrize("value", [0.0, 1.25])
def test_one_answer_for_every_text_is_another_model(value: float, runner: Runner):
    """However wide the tolerance, a file that answers every text alike fails: that is what broken kernels do."""
    broken = constant(runner, (value, value))
    with pytest.raises(ParityError, match="for every golden text"):
        check_parity(broken, golden(), tolerance=1e9)
    same = dataclasses.replace(golden(), cases=(golden().cases[0],) * 2)
    assert check_parity(broken, same, tolerance=1e9).texts == 2


def constant(runner: Runner, row: Sequence[float]) -> Runner:
    """Return a runner that gives every text the same logits."""
    answer = np.array([row], dtype=np.float32)
    return dataclasses.replace(runner, session=runner.session._replace(run=lambda ids, mask: {"logits": answer}))


def tolerance_at(*values: float) -> float:
    """Return the tolerance of float files of a model with one golden text and these logits."""
    return float_tolerance([{"logits": np.array(values, dtype=np.float32)}])


def with_logits(rows: Sequence[Sequence[float]]) -> Golden:
    """Return golden texts with these logits."""
    ids = TEXTS["first"]
    return Golden(schema=1, cases=tuple(golden_case(str(row), ids, tuple(map(float, row))) for row in rows))


@given(
    size=st.floats(0.01, 1e6),
    noise=st.lists(st.floats(-0.49, 0.49), min_size=2, max_size=6),
)
def test_a_collapsed_model_has_right_files_that_give_one_answer(runner: Runner, size: float, noise: list[float]):
    """Where the golden logits differ by rounding only, whatever their size, one answer for all of them is right."""
    rounding = tolerance_at(size)
    rows = [(size + rounding * item, -size) for item in noise]
    found = check_parity(constant(runner, rows[0]), with_logits(rows), tolerance=1.5 * rounding)
    assert found.texts == len(noise)
    assert "the model itself is collapsed" in warnings_of(with_logits(rows), ())[0]


@given(size=st.floats(0.01, 1e6), factor=st.floats(1.5, 1e4))
def test_one_answer_of_a_model_that_is_not_collapsed_is_refused(runner: Runner, size: float, factor: float):
    """Where the golden logits differ by more than rounding, a file that gives one answer is a broken one."""
    rows = [(size, 0.0), (size + factor * tolerance_at(size), 0.0)]
    assert warnings_of(with_logits(rows), ()) == ()
    with pytest.raises(ParityError, match="for every golden text"):
        check_parity(constant(runner, rows[0]), with_logits(rows), tolerance=1e9)


def test_float_differences_are_judged_by_the_size_of_the_logits():
    """The tolerance is absolute up to logits of 5 and in proportion to the largest above; their sign is no matter."""
    assert tolerance_at(0.0) == tolerance_at(5.0, -5.0) == 1e-4
    assert tolerance_at(1.0, -3000.0, 7.0) == pytest.approx(0.06)


def test_a_tolerance_wider_than_the_spread_is_told_by_file():
    """Only the files whose tolerance exceeds the largest difference between two golden texts are named."""
    manifest = make_manifest()
    texts = with_logits([(0.0, 1.0), (0.5, 1.0), (2.0, 0.5)])
    files = [
        dataclasses.replace(manifest.artifacts[0], file=file, tolerance=tolerance)
        for file, tolerance in (("fine", 2.0), ("wide", 2.1))
    ]
    (found,) = warnings_of(texts, files)
    assert found.startswith("wide: the tolerance 2.1 exceeds the spread 2 of the golden logits")
    assert warnings_of(with_logits([(0.0, 1.0)]), files) == ()


def rows_of(*columns: float) -> dict[str, Tensor]:
    """Return the outputs of an input with a row for each token, of one label."""
    return {"logits": Tensor(shape=(len(columns), 1), values=columns)}


def of_tokens(*outputs: dict[str, Tensor]) -> Golden:
    """Return golden texts with outputs of each token."""
    windows = (GoldenWindow(input_ids=(2,) * next(iter(each.values())).shape[0], outputs=each) for each in outputs)
    return Golden(schema=1, cases=tuple(GoldenCase(texts=("text",), windows=(each,)) for each in windows))


def test_tokens_of_inputs_that_differ_in_length_are_compared_where_all_have_them():
    """A file is constant if every input has the same rows as far as it goes; one other row, and it is not."""
    model = golden_outputs(of_tokens(rows_of(1, 2), rows_of(1, 3, 4, 5), rows_of(2, 2, 9)))
    zeros = golden_outputs(of_tokens(rows_of(0, 0), rows_of(0, 0, 0, 0), rows_of(0, 0, 0)))
    places = golden_outputs(of_tokens(rows_of(1, 2), rows_of(1, 2, 3, 4), rows_of(1, 2, 3)))
    other = golden_outputs(of_tokens(rows_of(1, 2), rows_of(1, 2.5, 3, 4), rows_of(1, 2, 3)))
    assert spread(model) == 1
    assert [is_constant(found, model) for found in (zeros, places, other)] == [True, True, False]
    assert "the same for every golden text" in compare(zeros, model, tolerance=99).problem
    assert compare(other, model, tolerance=99).problem == ""


def test_a_tolerance_is_compared_with_what_tokens_differ_by():
    """The rows that all inputs have are of special tokens: a tolerance above their spread alone is no warning."""
    golden = of_tokens(rows_of(0, 0.5), rows_of(0, 0, 4, -5), rows_of(0.25, 0, 3))
    outputs = golden_outputs(golden)
    assert (spread(outputs), token_spread(outputs)) == (0.5, 9)
    files = [dataclasses.replace(make_manifest().artifacts[0], tolerance=tolerance) for tolerance in (1.0, 9.5)]
    (found,) = warnings_of(golden, files)
    assert "the tolerance 9.5 exceeds the spread 9 of the golden logits" in found


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["logits", "start"]),
            arrays(
                np.float32,
                array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3),
                elements=st.floats(-9, 9, width=32),
            ),
        ),
        max_size=3,
    )
)
def test_the_spread_of_any_outputs_is_a_number(outputs: list[dict[str, np.ndarray]]):
    """Other names, shapes and ranks from input to input, or none at all: no error, and 0 only where all are alike."""
    found = spread(outputs)
    assert found >= 0
    if found < np.inf:
        assert all(item.keys() == outputs[0].keys() for item in outputs)


def test_nan_is_never_within_the_tolerance(tmp_path: Path):
    """A file that answers NaN fails, however wide the tolerance."""
    broken = write_onnx(tmp_path / "int8.onnx", scale=(float("nan"), 1.0))
    opened = open_runner(broken, runtime="onnxruntime", spec=SPEC, task="text-classification")
    with pytest.raises(CheckFailed, match="NaN or infinite"):
        check_parity(opened, golden(), tolerance=float("inf"))
