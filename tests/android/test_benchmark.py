"""The benchmark of the app: it runs the worker's request, and edgebert reads its trial as that of any worker."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert import jsonio
from edgebert.batching import pad_batch
from edgebert.benchmarking.analysis.stats import quantiles
from edgebert.bundle import open_bundle
from edgebert.device.board import read_answer
from edgebert.device.device import Finished
from edgebert.device.protocol import WORKER_SCHEMA, Request, Series, Trial
from edgebert.errors import EdgebertError
from edgebert.golden import Tensor
from edgebert.ondevice.session import open_session
from edgebert.text import open_encoder
from tests.support import fakes

FILE = "int8.onnx"


def inputs(texts):
    encoder = open_encoder(fakes.shared_bundle() / "tokenizer.json", 16)
    return tuple(encoder.encode(text) for text in texts)


def request(**changes):
    series = (Series(name="all", inputs=inputs(fakes.TEXTS[:3])), Series(name="8", inputs=inputs(["good"])))
    base = Request(
        schema=WORKER_SCHEMA,
        file=FILE,
        runtime="onnxruntime",
        threads=1,
        cores=(),
        pad_id=0,
        series=series,
        warm_up=2,
        runs=5,
    )
    return dataclasses.replace(base, **changes)


def worked(jvm, text, *, root="/", file=FILE):
    """Return what edgebert reads of the app's answer to a request."""
    jvm.call("model open", folder=str(fakes.shared_bundle()), file=file, threads=1, check=True)
    frame = jvm.call("model benchmark", request=text, root=str(root))
    done = Finished(code=0, stdout=b"what others print\n" + frame.encode("ascii"), stderr="")
    return read_answer(Trial, done, url="adb:X")


def run(jvm, wanted, **options):
    return worked(jvm, jsonio.dumps(wanted), **options)


def refusal(jvm, text):
    with pytest.raises(EdgebertError) as caught:
        worked(jvm, text)
    return str(caught.value)


def test_trial_is_read_as_that_of_any_worker(ort_jvm):
    """edgebert reads the app's trial: times of each series in the order asked for, lengths, conditions, memory."""
    trial = run(ort_jvm, request())
    assert (trial.schema, trial.runtime, trial.version, trial.python, trial.threads) == (
        WORKER_SCHEMA,
        "onnxruntime",
        "1.26.0",
        "",
        1,
    )
    assert [one.name for one in trial.series] == ["all", "8"]
    for one, asked in zip(trial.series, request().series, strict=True):
        assert one.tokens == one.fed == tuple(map(len, asked.inputs))
        assert len(one.run_ns) == 5
        assert all(1_000 < ns < 5e9 for ns in one.run_ns)
    assert [reading.moment for reading in trial.conditions] == ["before", "during", "during", "after"]
    assert [reading.at_ns for reading in trial.conditions] == sorted(reading.at_ns for reading in trial.conditions)
    assert trial.conditions[0].battery_percent == 81
    assert trial.conditions[0].battery_status == "Discharging"
    assert trial.cores == tuple(sorted(set(trial.cores))) != ()
    assert trial.first_ns > 0
    assert trial.load_ns > 0
    assert trial.import_ns >= 0
    assert trial.peak_rss_bytes > 10_000_000
    assert trial.tokenized is None
    assert trial.answers == ()
    assert sum(map(sum, (one.run_ns for one in trial.series))) < trial.elapsed_ns
    assert trial.ended_s - trial.started_s == pytest.approx(trial.elapsed_ns / 1e9, abs=0.1)


@pytest.mark.parametrize("file", [FILE, "baseline/float32.onnx"])
def test_answers_are_those_of_python(ort_jvm, file):
    """The logits of a trial are those that the file gives in Python, to the manifest's tolerance and digit by digit."""
    asked = inputs([*fakes.TEXTS, "", "[MASK]"])
    trial = run(ort_jvm, request(file=file, answers=asked, series=()))
    session = open_session(str(fakes.shared_bundle() / file), "onnxruntime")
    expected = [session.run(*pad_batch([ids], 0))["logits"][0] for ids in asked]
    tolerance = open_bundle(fakes.shared_bundle()).artifact(file).tolerance
    assert all(answer.keys() == {"logits"} and answer["logits"].shape == (2,) for answer in trial.answers)
    logits = [list(answer["logits"].values) for answer in trial.answers]
    assert np.abs(np.array(logits) - expected).max() <= tolerance
    ort_jvm.call("model open", folder=str(fakes.shared_bundle()), file=file, threads=1, check=True)
    rows = ort_jvm.call("model answers", texts=[*fakes.TEXTS, "", "[MASK]"])
    assert logits == [row for _, row, *_ in rows]
    assert np.array_equal(np.float32(logits).astype(np.float64), np.array(logits))
    assert trial.series == ()
    assert trial.first_ns is not None


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt"])
def test_tokenizer_is_timed(ort_jvm, name):
    """A tokenizer that is asked for makes Python's ids, cut to the length asked for, with a time for each text."""
    texts = ("good", "a \U0001f44d b", "good " * 40)
    trial = run(ort_jvm, request(tokenizer=name, max_length=7, texts=texts))
    encoder = open_encoder(fakes.shared_bundle() / "tokenizer.json", 7)
    assert trial.tokenized.ids == tuple(map(encoder.encode, texts))
    assert len(trial.tokenized.text_ns) == 3
    assert all(ns > 0 for ns in trial.tokenized.text_ns)
    assert trial.tokenized.version.startswith("edgebert core")


def test_nothing_asked_for_is_nothing_run(ort_jvm):
    """A request without inputs opens the file and runs nothing."""
    trial = run(ort_jvm, request(series=()))
    assert trial.first_ns is None
    assert trial.series == trial.answers == ()
    assert [reading.moment for reading in trial.conditions] == ["before", "after"]


def recorded(jvm, wanted, *, folder=None, broken=False):
    folder = str(folder or fakes.shared_bundle())
    frame, events = jvm.call("recorded benchmark", folder=folder, request=jsonio.dumps(wanted), broken=broken)
    return Finished(code=0, stdout=frame.encode("ascii"), stderr=""), events


def test_runs_are_made_in_the_order_of_the_contract(jvm):
    """Load, open, the first input, each length once, warm-up and runs in turn, the answers, close; nothing else."""
    one, two, three = (2, 9, 3), (2, 8, 3), (2, *range(10, 20), 3)
    series = (Series(name="all", inputs=(one, two, three)), Series(name="8", inputs=(two,)))
    wanted = request(file="int8.tflite", runtime="litert", threads=3, pad_id=7, series=series, answers=(three,), runs=4)
    done, events = recorded(jvm, wanted)
    a, b, c = ([*ids, *[7] * (length - len(ids))] for ids, length in ((one, 8), (two, 8), (three, 16)))
    settled = [a, b, c]
    assert events[:3] == ["load", "open int8.tflite with 3", a]
    # The last of the inputs with a length stands for it.
    assert events[3:5] == [b, c]
    assert events[5:] == [a, b, *settled, a, b, b, b, b, b, b, b, c, "close"]
    trial = read_answer(Trial, done, url="adb:X")
    assert [(one.tokens, one.fed) for one in trial.series] == [((3, 3, 12), (8, 8, 16)), ((3,), (8,))]
    assert trial.answers == ({"logits": Tensor(shape=(2,), values=(float(sum(c)), 12.0))},)
    assert (trial.runtime, trial.version, trial.threads) == ("litert", "9.9", 3)


def with_outputs(bundle, **shapes):
    """Give the TFLite file of a bundle outputs of these names and shapes."""
    manifest = json.loads((bundle / "edgebert.json").read_text(encoding="utf-8"))
    (artifact,) = [item for item in manifest["artifacts"] if item["file"] == "int8.tflite"]
    artifact["outputs"] = [{"name": name, "dtype": "float32", "shape": shape} for name, shape in shapes.items()]
    fakes.write_manifest(bundle / "edgebert.json", manifest)


def test_rows_of_padding_are_no_answer(jvm, bundle):
    """Each output comes by its name in its shape; one that has a row for each token ends with the text."""
    with_outputs(bundle, rows=[1, "length", 2], pooled=[1, 2], all=[1, "length", 2])
    wanted = request(
        file="int8.tflite", runtime="litert", pad_id=7, series=(), answers=((2, 9, 3),), token_outputs=("rows", "other")
    )
    trial = read_answer(Trial, recorded(jvm, wanted, folder=bundle)[0], url="adb:X")
    row, pad = (2.0, 1.0, 9.0, 1.0, 3.0, 1.0), (7.0, 0.0)
    assert trial.answers == (
        {
            "rows": Tensor(shape=(3, 2), values=row),
            "pooled": Tensor(shape=(2,), values=(14.0 + 5 * 7.0, 3.0)),
            "all": Tensor(shape=(8, 2), values=row + 5 * pad),
        },
    )


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"logits": [1, 3]}, r"the model gives 2 numbers for logits, which is \[3\] for 3 tokens"),
        ({"logits": [1]}, r"the model gives 2 numbers for logits, which is \[\] for 3 tokens"),
        ({"rows": [1, 2]}, r"the model gives 2 numbers for rows, which is \[8\] for 3 tokens"),
    ],
)
def test_outputs_of_another_shape_are_a_failure(jvm, bundle, shapes, message):
    """An output that has not the shape of the manifest, or too few rows for the tokens, is no answer."""
    with_outputs(bundle, **shapes)
    wanted = request(file="int8.tflite", runtime="litert", series=(), answers=((2, 9, 3),), token_outputs=("rows",))
    with pytest.raises(EdgebertError, match=message):
        read_answer(Trial, recorded(jvm, wanted, folder=bundle)[0], url="adb:X")


def test_inputs_that_no_length_holds_are_refused(jvm):
    """An input that is longer than every signature is refused, and the file is closed."""
    wanted = request(file="int8.tflite", runtime="litert", answers=((5,) * 17,))
    done, events = recorded(jvm, wanted)
    with pytest.raises(EdgebertError, match="17 tokens do not fit into the model, which takes 16"):
        read_answer(Trial, done, url="adb:X")
    assert events == ["load", "open int8.tflite with 1", "close"]


def test_logits_that_are_no_numbers_are_a_failure(jvm):
    """NaN is a failure of the runtime, never an answer, and the file is closed."""
    done, events = recorded(jvm, request(file="int8.tflite", runtime="litert", answers=((2, 3),)), broken=True)
    with pytest.raises(EdgebertError, match="NaN or infinite logits"):
        read_answer(Trial, done, url="adb:X")
    assert events[-1] == "close"


def test_golden_texts_are_the_benchmark_of_the_screen(ort_jvm):
    """The benchmark screen times the golden texts of the model, each in its turn."""
    ort_jvm.call("model open", folder=str(fakes.shared_bundle()), file=FILE, threads=1, check=True)
    trial = jsonio.from_plain(Trial, ort_jvm.call("model golden benchmark", runs=20), source="the screen")
    golden = open_bundle(fakes.shared_bundle()).golden().cases
    assert trial.series[0].tokens == tuple(len(case.windows[0].input_ids) for case in golden)
    assert len(trial.series[0].run_ns) == 20


def test_conditions_are_read_as_the_worker_reads_them(ort_jvm, tmp_path):
    """Clocks, governors, heat and cooling are read as by the worker in Python; what makes no sense is left out."""
    files = {
        "proc/self/status": "Name:\tx\nVmHWM:\t  2048 kB\nCpus_allowed_list:\t0,2-3\n",
        "proc/loadavg": "1.25 0.5 0.1 1/100 5\n",
        **{f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_cur_freq": f"{n + 1}00000\n" for n in range(4)},
        **{f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_governor": "schedutil\n" for n in range(4)},
        "sys/class/thermal/thermal_zone0/type": "cpu-0\n",
        "sys/class/thermal/thermal_zone0/temp": "41500\n",
        "sys/class/thermal/thermal_zone2/temp": "37\n",
        "sys/class/thermal/thermal_zone10/type": "gpu\n",
        "sys/class/thermal/thermal_zone10/temp": "39000\n",
        "sys/class/thermal/thermal_zone3/type": "soc\n",
        "sys/class/thermal/thermal_zone3/temp": "98000\n",
        "sys/class/thermal/thermal_zone4/type": "pm-IBAT-lvl\n",
        "sys/class/thermal/thermal_zone4/temp": "1000\n",
        "sys/class/thermal/thermal_zone5/temp": "0\n",
        "sys/class/thermal/thermal_zone6/temp": "-274000\n",
        "sys/class/thermal/thermal_zone7/temp": "warm\n",
        "sys/class/thermal/cooling_device0/type": "cpufreq-0\n",
        "sys/class/thermal/cooling_device0/cur_state": "2\n",
        "sys/class/thermal/cooling_device0/max_state": "15\n",
        "sys/class/thermal/cooling_device1/cur_state": "9\n",
        "sys/class/thermal/cooling_device1/max_state": "3\n",
        "sys/class/thermal/cooling_device2/cur_state": "1\n",
        "sys/class/thermal/cooling_device2/max_state": f"{2**53 + 1}\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    trial = run(ort_jvm, request(series=()), root=tmp_path)
    from edgebert.ondevice.sysfs import read_conditions

    expected = read_conditions("before", 0, trial.cores, root=str(tmp_path))
    expected |= {"battery_percent": 81, "battery_status": "Discharging"}
    found = json.loads(jsonio.dumps(trial.conditions[0])) | {"at_ns": 0}
    assert found == json.loads(json.dumps(expected))
    assert trial.cores == (0, 2, 3)
    assert found["freq_khz"] == [100000, 300000, 400000]
    assert [item["sensor"] for item in found["temperatures"]] == ["cpu-0", "thermal_zone2", "gpu"]
    assert trial.peak_rss_bytes == 2048 * 1024
    # Half a list could not say whose frequencies they are.
    (tmp_path / "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq").unlink()
    (tmp_path / "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor").unlink()
    reading = run(ort_jvm, request(series=()), root=tmp_path).conditions[0]
    assert (reading.freq_khz, reading.governor) == ((), ())


def test_device_that_tells_nothing(ort_jvm, tmp_path):
    """Where the system tells an app nothing, the trial has null and empty lists, and the processors by their count."""
    trial = run(ort_jvm, request(series=()), root=tmp_path)
    reading = trial.conditions[0]
    assert (reading.freq_khz, reading.governor, reading.temperatures, reading.cooling) == ((), (), (), ())
    assert (reading.load, reading.throttle_count, reading.energy_uj) == (None, None, ())
    assert trial.peak_rss_bytes is None
    assert trial.cores[0] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 1}, "schema is 1, not 2, the only one this app knows"),
        ({"token_outputs": [1]}, "token_outputs[0] is not a string"),
        ({"schema": ...}, "schema is missing"),
        ({"threads": 0}, "threads is 0, not a number from 1 to 256"),
        ({"threads": True}, "threads is not an integer"),
        ({"cores": [1]}, "cores is not empty, but an app cannot choose its processors"),
        ({"pad_id": -1}, "pad_id is -1, but should not be negative"),
        ({"warm_up": 1 << 40}, "warm_up is 1099511627776, which is too large"),
        ({"series": [{"name": "x", "inputs": []}]}, "series[0].inputs is empty"),
        ({"series": [{"name": "x", "inputs": [[]]}]}, "series[0].inputs[0] is empty"),
        ({"series": [{"name": "x", "inputs": [[1, -2]]}]}, "series[0].inputs[0] has the id -2"),
        ({"series": [{"name": "x", "inputs": [[1]], "y": 1}]}, "series[0].y is no key that is known here"),
        ({"answers": [3]}, "answers[0] is not a list"),
        ({"answers": None}, "answers is not a list"),
        ({"marks": True}, "marks is true, but an app cannot mark its runs"),
        ({"tokenizer": "vocab.txt"}, "max_length is 0, but a tokenizer needs 2 or more"),
        ({"tokenizer": "/data/vocab.txt", "max_length": 8}, "the tokenizer of int8.onnx is vocab.txt, not /data/"),
        ({"tokenizer": ""}, "tokenizer is not the path of a file"),
        ({"runtime": "tensorflow"}, 'runtime is "tensorflow", not one of'),
        ({"runtime": "litert"}, "litert: this app has onnxruntime alone"),
        ({"file": "int4.onnx"}, "the bundle has no model file int4.onnx; it has "),
        ({"file": "../int8.onnx"}, "the bundle has no model file ../int8.onnx; it has "),
        ({"extra": 1}, "extra is no key that is known here"),
    ],
)
def test_requests_that_cannot_be(ort_jvm, changes, message):
    """A request that cannot be carried out is refused in the worker's frame, with the key and its value."""
    wanted = json.loads(jsonio.dumps(request())) | changes
    text = json.dumps({key: value for key, value in wanted.items() if value is not ...})
    assert message in refusal(ort_jvm, text)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema": 2, "schema": 2}', '{"schema": NaN}'])
def test_requests_that_are_no_json(ort_jvm, text):
    """What is no JSON object is refused as a bad request."""
    assert "the request: " in refusal(ort_jvm, text)


def test_ids_beyond_the_vocabulary_are_an_error(ort_jvm):
    """Ids that the model does not have end in the runtime's message, not in an answer."""
    text = jsonio.dumps(request(answers=((2, 10**6, 3),)))
    assert "onnxruntime" in refusal(ort_jvm, text)


def test_texts_longer_than_the_positions_are_an_error(ort_jvm):
    """More ids than the model has positions end in the runtime's message."""
    assert "onnxruntime" in refusal(ort_jvm, jsonio.dumps(request(answers=((5,) * 100,))))


def test_stopped_benchmark(ort_jvm):
    """A benchmark whose thread is interrupted, as when its screen goes away, ends at once and gives no trial."""
    ort_jvm.call("model open", folder=str(fakes.shared_bundle()), file=FILE, threads=1, check=True)
    frame = ort_jvm.call("model stopped benchmark", request=jsonio.dumps(request(runs=1_000_000)))
    assert json.loads(frame.splitlines()[1])["error"]["message"] == "the benchmark was stopped"
    assert run(ort_jvm, request()).series


@given(st.lists(st.integers(0, 1 << 50), min_size=1, max_size=60))
def test_statistics_are_those_of_reports(jvm, times):
    """Median, p90 and p99 of a trial are those that edgebert derives from one process."""
    expected = quantiles([times])
    for share, one in ((0.5, expected.p50), (0.9, expected.p90), (0.99, expected.p99)):
        assert jvm.call("quantile", times=list(map(str, times)), share=share) == pytest.approx(one.value, rel=1e-9)
