from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.architecture import Architecture
from edgebert.errors import OutputError, UsageError
from edgebert.jsonio import dumps
from edgebert.pruning.cost import part_times
from edgebert.pruning.latency import (
    SCHEMA,
    LatencyTable,
    latency_costs,
    measure_latency,
    prediction_errors,
    read_table,
    write_table,
)
from edgebert.pruning.probes import Probe, check_widths, probe_widths, random_weights
from edgebert.runtime import installed_version

FIXED, TINY = 40_000, 1_000


def shape(*, heads=(12,) * 6, neurons=(3072,) * 6, **changes) -> Architecture:
    values = {"hidden": 768, "head_dim": 64, "vocabulary": 100, "positions": 512, "activation": "gelu"} | changes
    return Architecture(heads=tuple(heads), neurons=tuple(neurons), **values)


def head_ns(count: int, *, last: bool) -> float:
    """Return a time that grows in a straight line from a layer's own constant."""
    return 30_000 + 9_000 * count if last else 70_000 + 20_000 * count


def neuron_ns(count: int, *, last: bool) -> float:
    return (7 if last else 110) * count


def true_ns(heads, neurons) -> float:
    """Return the time of a file whose layers add up exactly; the last is a cheaper one."""
    top = len(heads) - 1
    return FIXED + sum(
        head_ns(h, last=index == top) + neuron_ns(n, last=index == top)
        for index, (h, n) in enumerate(zip(heads, neurons, strict=True))
    )


def probe(widths, times) -> Probe:
    return Probe(heads=widths[0], neurons=widths[1], run_ns=(tuple(round(ns) for ns in times),))


def table(architecture=None, *, times=lambda ns: [ns], **changes) -> LatencyTable:
    """Return a table whose files take ``times(true time)``."""
    architecture = architecture or shape()
    values = {
        "schema": SCHEMA,
        "device": "x86_64",
        "runtime": "onnxruntime",
        "runtime_version": "1.0",
        "format": "onnx",
        "precision": "int8",
        "threads": 1,
        "length": 32,
        "hidden": architecture.hidden,
        "head_dim": architecture.head_dim,
        "activation": architecture.activation,
        "probes": tuple(probe(widths, times(true_ns(*widths))) for widths in probe_widths(architecture)),
        "checks": tuple(probe(widths, times(true_ns(*widths))) for widths in check_widths(architecture)),
    }
    return LatencyTable(**values | changes)


def test_the_time_of_a_file_is_its_quickest_run():
    """Whatever slows some runs, in whichever round, changes nothing."""
    assert Probe(heads=(1,), neurons=(1,), run_ns=((9, 50), (90, 7, 8))).quickest_ns == 7


@pytest.mark.parametrize(("most_heads", "most_neurons"), [(12, 3072), (4, 64), (1, 16), (2, 8), (12, 1000), (3, 37)])
def test_additive_times_are_taken_apart_exactly(most_heads, most_neurons):
    """Files whose parts add up give back every part, for every width range."""
    model = shape(heads=(most_heads,) * 3, neurons=(most_neurons,) * 3)
    parts = part_times(table(model).probes)
    assert parts.fixed_ns == pytest.approx(FIXED, rel=1e-4)
    for last, heads, neurons in ((False, parts.heads, parts.neurons), (True, parts.last_heads, parts.last_neurons)):
        # With one neuron count there is nothing to tell heads and neurons apart by: neurons come with the layer.
        shift = neuron_ns(most_neurons, last=last) if len(neurons.counts) == 2 else 0.0
        assert heads.ns == pytest.approx([head_ns(h, last=last) + shift for h in heads.counts], rel=1e-4)
        assert neurons.ns == pytest.approx([neuron_ns(n, last=last) - shift * (n > 0) for n in neurons.counts], abs=20)
        assert (heads.counts[-1], neurons.counts[-1]) == (most_heads, most_neurons)


@given(
    widths=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 3072)), min_size=1, max_size=8),
    seed=st.integers(0, 10_000),
)
def test_noise_of_a_machine_is_survived(widths, seed):
    """With every run slowed by up to a tenth and half of them by several times, unseen shapes are within 10 %."""
    rng = np.random.default_rng(seed)

    def disturbed(ns):
        return ns * (1 + rng.uniform(0, 0.1, 40)) * np.where(rng.random(40) < 0.5, 1, rng.uniform(1, 6, 40))

    heads, neurons = (tuple(row) for row in zip(*widths, strict=True))
    predicted = latency_costs(table(times=disturbed), shape(heads=heads, neurons=neurons)).full
    assert predicted == pytest.approx(true_ns(heads, neurons), rel=0.1)


def test_a_curve_that_is_no_line_is_exact_where_it_was_measured():
    """Files of measured widths are predicted as they were timed, even where cost grows in steps."""

    def stepped(heads, neurons):
        return FIXED + sum(1e4 * h**2 + 10 * n**1.2 + 500 * h for h, n in zip(heads, neurons, strict=True))

    probes = tuple(probe(widths, [stepped(*widths)]) for widths in probe_widths(shape()))
    measured = table(probes=probes)
    for item in probes:
        model = shape(heads=item.heads, neurons=item.neurons)
        assert latency_costs(measured, model).full == pytest.approx(item.quickest_ns, rel=1e-6)


@given(data=st.data())
def test_costs_rise_whatever_was_measured(data):
    """However wild the times, no cost is negative, and none falls as heads or neurons grow."""
    model = shape(heads=(12, 5, 1), neurons=(3072, 100, 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    wild = table(times=lambda _: [int(rng.integers(1, 10**9))])
    costs = latency_costs(wild, model, data.draw(st.sampled_from(["first", "every"])))
    assert costs.fixed >= 0
    assert [len(curve) for curve in costs.heads] == [13, 6, 2]
    assert [len(curve) for curve in costs.neurons] == [3073, 101, 2]
    for curve in (*costs.heads, *costs.neurons):
        assert curve.dtype == np.float64
        assert curve[0] == 0
        assert (np.diff(curve) >= 0).all()


def test_pooling_keeps_what_neighbours_take_together():
    """Two head counts measured the wrong way round both get their mean; the others keep theirs."""
    clean = table()
    counts = part_times(clean.probes).heads.counts
    swapped = {counts[1]: counts[2], counts[2]: counts[1]}
    probes = tuple(
        dataclasses.replace(
            item,
            run_ns=((round(true_ns([swapped.get(h, h) for h in item.heads[:-1]] + [item.heads[-1]], item.neurons)),),),
        )
        if len(item.heads) > 1
        else item
        for item in clean.probes
    )
    heads = part_times(probes).heads
    assert (
        heads.ns[1]
        == heads.ns[2]
        == pytest.approx((head_ns(counts[1], last=False) + head_ns(counts[2], last=False)) / 2, rel=1e-4)
    )
    assert heads.ns[0] == pytest.approx(head_ns(counts[0], last=False), rel=1e-4)


def test_the_last_layer_costs_less_only_where_one_row_is_read():
    """A head that reads the first row chooses the last layer's own times for the last layer, and for no other."""
    one, all_rows = (latency_costs(table(), shape(), reads) for reads in ("first", "every"))
    assert one.heads[-1][12] == pytest.approx(head_ns(12, last=True), rel=1e-4)
    assert one.neurons[-1][3072] == pytest.approx(neuron_ns(3072, last=True), rel=1e-3)
    for curves, others in ((one.heads, all_rows.heads), (one.neurons, all_rows.neurons)):
        for curve, other in zip(curves[:-1], others[:-1], strict=True):
            np.testing.assert_array_equal(curve, other)
        np.testing.assert_array_equal(others[-1], others[0])
        assert curves[-1][-1] < others[-1][-1]


def test_a_table_knows_how_well_it_predicts():
    """A check that took twice what its parts add up to is half off; one that adds up is not."""
    exact = table()
    assert prediction_errors(exact) == pytest.approx([0.0] * 3, abs=1e-4)
    slow = dataclasses.replace(exact.checks[0], run_ns=((2 * exact.checks[0].run_ns[0][0],),))
    doubtful = dataclasses.replace(exact, checks=(slow, *exact.checks[1:]))
    assert prediction_errors(doubtful) == pytest.approx([-0.5, 0.0, 0.0], abs=1e-4)


def test_the_uncut_model_is_the_first_check():
    """The shape that shares of time are taken of is measured itself."""
    model = shape(heads=(12, 7, 3), neurons=(3072, 100, 1600))
    assert check_widths(model)[0] == (model.heads, model.neurons)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"hidden": 384}, "hidden 768 (the model: 384)"),
        ({"head_dim": 32}, "head_dim 64 (the model: 32)"),
        ({"activation": "relu"}, "activation gelu (the model: relu)"),
        ({"heads": (12, 13, 1), "neurons": (1, 1, 1)}, "ends at 12 heads; layer 1 of the model has 13"),
        ({"heads": (1, 1, 1), "neurons": (1, 1, 3073)}, "ends at 3072 neurons; layer 2 of the model has 3073"),
    ],
)
def test_a_table_of_another_model_is_refused(changes, named):
    """What differs, or is too wide, is named."""
    with pytest.raises(UsageError) as caught:
        latency_costs(table(), shape(**changes))
    assert named in caught.value.message
    assert caught.value.hint


def test_a_written_table_is_read_back(tmp_path):
    """Writing and reading change nothing, a file already there is replaced, and nothing else is left behind."""
    path = tmp_path / "new" / "phone.json"
    write_table(table(length=8), path)
    write_table(table(), path)
    assert read_table(path) == table()
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """A folder in the way of the file, or a file in the way of the folder, is one clear error and leaves nothing."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for path in (tmp_path / "taken", tmp_path / "file" / "phone.json"):
        with pytest.raises(OutputError, match=path.name):
            write_table(table(), path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "taken"]


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("schema",), SCHEMA + 1, f"schema {SCHEMA + 1}; this edgebert reads up to {SCHEMA}"),
        (("schema",), "1", "no schema number"),
        (("schema",), True, "no schema number"),
        (("hidden",), "768", "hidden"),
        (("hidden",), 0, "hidden"),
        (("length",), 10**400, "length"),
        (("activation",), "swish", "activation"),
        (("precision",), "float32", "precision"),
        (("format",), "pt", "format"),
        (("probes",), [], "do not tell"),
        (("extra",), 1, "extra"),
        (("probes", 2, "heads"), [], "probes[2] has heads of 0 layers, but neurons of 1"),
        (("probes", 2, "heads"), [0], "probes[2].heads[0] is 0"),
        (("probes", 2, "neurons"), [-16], "probes[2].neurons[0] is -16"),
        (("probes", 2, "neurons"), [1.5], "probes[2].neurons[0]"),
        (("checks", 1, "run_ns"), [], "checks[1].run_ns"),
        (("checks", 1, "run_ns"), [[]], "checks[1].run_ns"),
        (("checks", 1, "run_ns"), [[0]], "checks[1].run_ns"),
        (("checks", 1, "run_ns"), [[-5, 3]], "checks[1].run_ns"),
        (("checks", 1, "run_ns"), [[10**400]], "checks[1].run_ns"),
    ],
)
def test_a_damaged_table_is_refused_by_its_key(tmp_path, place, value, named):
    """A number that cannot be, at any depth, is one error that names file and key."""
    plain = json.loads(dumps(table()))
    target = plain
    for key in place[:-1]:
        target = target[key]
    target[place[-1]] = value
    path = tmp_path / "phone.json"
    path.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_table(path)
    assert named in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff\xfe", b"{"])
def test_what_is_no_table_is_refused(tmp_path, content):
    """A file of something else, a missing one and a folder are errors that name it."""
    path = tmp_path / "phone.json"
    path.write_bytes(content)
    for wrong in (path, tmp_path / "absent.json", tmp_path):
        with pytest.raises(UsageError) as caught:
            read_table(wrong)
        assert str(wrong) in caught.value.message


@pytest.mark.parametrize("first", [0, 1])
def test_files_that_miss_a_part_are_refused(first):
    """Without the file of no layers the fixed time is anybody's guess, without stacks a normal layer's."""
    probes = [item for item in table().probes if len(item.heads) != (0 if first == 0 else 5)]
    with pytest.raises(UsageError, match="do not tell"):
        part_times(probes)


def test_a_tiny_model_is_measured(tmp_path, monkeypatch):
    """ONNX Runtime's table has every file's raw times, reads back as it is, and prices a pruned model."""
    pytest.importorskip("onnx")
    if installed_version("onnxruntime") is None:
        pytest.skip("onnxruntime is not installed")
    model = shape(hidden=32, head_dim=8, heads=(4, 4), neurons=(64, 64), positions=16)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    told = []
    result = measure_latency(model, length=8, rounds=2, runs=3, progress=lambda *step: told.append(step))
    assert list(tmp_path.iterdir()) == [], "the timed files are still there"
    assert (result.runtime, result.format, result.length) == ("onnxruntime", "onnx", 8)
    assert result.runtime_version == installed_version("onnxruntime")
    assert tuple((item.heads, item.neurons) for item in result.probes) == probe_widths(model)
    assert tuple((item.heads, item.neurons) for item in result.checks) == check_widths(model)
    for item in (*result.probes, *result.checks):
        assert [len(row) for row in item.run_ns] == [3, 3]
        assert all(ns > 0 for row in item.run_ns for ns in row)
    assert latency_costs(result, shape(hidden=32, head_dim=8, heads=(1, 3), neurons=(16, 48))).full > 0
    files = len(result.probes) + len(result.checks)
    assert told[0] == ("writing files to time", 0, files)
    assert told[-1] == ("timing", 2 * files, 2 * files)
    path = tmp_path / "phone.json"
    write_table(result, path)
    assert read_table(path) == result


def test_the_weights_are_as_a_real_file_has_them():
    """Every layer has the widths asked for, the last alone reads one row, and no two matrices share memory."""
    weights = random_weights(shape(hidden=32, head_dim=8), ((2, 1), (16, 48)), length=8)
    assert [layer.query.weight.shape for layer in weights.layers] == [(16, 32), (8, 32)]
    assert [layer.contract.weight.shape for layer in weights.layers] == [(32, 16), (32, 48)]
    assert [layer.first_token_only for layer in weights.layers] == [False, True]
    arrays = [getattr(layer, name).weight for layer in weights.layers for name in ("query", "key", "value")]
    assert len({array.ctypes.data for array in arrays}) == len(arrays)
    assert weights.positions.shape == (8, 32)


def test_pricing_a_model_needs_no_converter():
    """Importing the module loads neither torch nor onnx."""
    code = "import sys, edgebert.pruning.latency; print({'torch', 'transformers', 'onnx'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
