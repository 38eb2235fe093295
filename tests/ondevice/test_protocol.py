from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert import jsonio
from edgebert.device import protocol as worker
from edgebert.device.protocol import WORKER_SCHEMA, Request, Series, Trial
from edgebert.errors import UsageError
from edgebert.ondevice import protocol
from edgebert.ondevice.protocol import SCHEMA, Failure, failed, frame, read_request

PAGE = (Path(__file__).parents[2] / "docs" / "worker.md").read_text(encoding="utf-8")

PLAIN = {
    "schema": WORKER_SCHEMA,
    "file": "int8.onnx",
    "runtime": "onnxruntime",
    "threads": 1,
    "cores": [0],
    "pad_id": 0,
    "series": [{"name": "all", "inputs": [[2, 5, 3], [2, 3]]}],
    "warm_up": 1,
    "runs": 2,
}

texts = st.text(st.characters(exclude_categories=["Cs"]))
tokens = st.lists(st.integers(0, 2**31 - 1), min_size=1).map(tuple)
paths = texts.filter(lambda text: text and "\0" not in text)
counts = st.integers(0, 2**31 - 1)
requests = st.builds(
    Request,
    schema=st.just(WORKER_SCHEMA),
    file=paths,
    runtime=st.sampled_from(["onnxruntime", "litert", "tflite-runtime"]),
    threads=st.integers(1, 256),
    cores=st.lists(counts, unique=True).map(tuple),
    pad_id=counts,
    series=st.lists(
        st.builds(Series, name=texts, inputs=st.lists(tokens, min_size=1, max_size=3).map(tuple)), max_size=3
    ).map(tuple),
    warm_up=counts,
    runs=counts,
    answers=st.lists(tokens, max_size=3).map(tuple),
    tokenizer=st.one_of(st.none(), paths),
    max_length=st.integers(2, 2**31 - 1),
    texts=st.lists(texts, max_size=3).map(tuple),
    marks=st.booleans(),
    token_outputs=st.lists(texts, max_size=3).map(tuple),
)


def changed(**changes: object) -> bytes:
    """Return the plain request as bytes, with keys changed, or removed by ``...``."""
    return json.dumps({key: item for key, item in (PLAIN | changes).items() if item is not ...}).encode()


@given(requests)
def test_the_worker_reads_what_the_host_writes(request_: Request):
    """Every request of the host arrives with each field as it was."""
    found = read_request(jsonio.dumps(request_).encode("utf-8"))
    for name in found._fields:
        sent, read = getattr(request_, name), getattr(found, name)
        if name == "series":
            assert [(one.name, list(map(list, one.inputs))) for one in sent] == [tuple(one) for one in read]
        elif name == "answers":
            assert list(map(list, sent)) == read
        else:
            assert (list(sent) if isinstance(sent, tuple) else sent) == read


def test_both_sides_state_the_same_schema():
    """The number stands on both sides of the border."""
    assert SCHEMA == WORKER_SCHEMA


def test_keys_that_the_host_may_leave_out_may_be_left_out():
    """Without its last five keys a request means what the host's own value means."""
    found, meant = read_request(changed()), jsonio.from_plain(Request, PLAIN, source="test")
    assert (found.answers, found.texts) == ([], [])
    assert (found.tokenizer, found.max_length, found.marks) == (meant.tokenizer, meant.max_length, meant.marks)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the request is not JSON: "),
        (changed()[:-9], "the request is not JSON: "),
        (b"\xff\xfe", "the request is not JSON: "),
        (b"[" * 100_000, "the request is not JSON: "),
        (b'{"schema": 2, "schema": 2}', "a key appears twice"),
        (b'{"schema": NaN}', "the number NaN"),
        (b"[]", r"the request is \[\], not an object"),
        (changed(schema=1), "schema is 1, not 2, the only one this worker knows"),
        (changed(schema=True), "schema is True, not 2"),
        (changed(schema=...), "the key 'schema' is missing"),
        (changed(file=...), "the key 'file' is missing"),
        (changed(file=""), "file is '', not the path of a file"),
        (changed(file="a\0b"), "not the path of a file"),
        (changed(colour=1), "unknown key 'colour'"),
        (changed(runtime="torch"), "runtime is 'torch', not one of onnxruntime, litert, tflite-runtime"),
        (changed(runtime=["litert"]), "runtime is .*, not one of"),
        (changed(threads=0), "threads is 0, not an integer from 1 to 256"),
        (changed(threads=257), "threads is 257"),
        (changed(threads=1.0), "threads is 1.0"),
        (changed(runs=True), "runs is True, not an integer"),
        (changed(runs=-1), "runs is -1"),
        (changed(warm_up=2**31), "warm_up is 2147483648"),
        (changed(pad_id=-1), "pad_id is -1"),
        (changed(cores=0), "cores is 0, not a list"),
        (changed(cores=["0"]), r"cores\[0\] is '0'"),
        (changed(cores=[1, 1]), r"cores is \[1, 1\], not a list of different numbers"),
        (changed(series={}), "series is {}, not a list"),
        (changed(series=[3]), r"series\[0\] is 3, not an object"),
        (changed(series=[{"name": "all"}]), r"the key 'series\[0\]\.inputs' is missing"),
        (changed(series=[{"name": "all", "inputs": []}]), r"series\[0\]\.inputs is \[\], not a list with an input"),
        (changed(series=[{"name": "all", "inputs": [[1]], "x": 1}]), r"unknown key 'series\[0\]\.x'"),
        (changed(series=[{"name": "a", "inputs": [[1], []]}]), r"series\[0\]\.inputs\[1\] is \[\], not the token ids"),
        (changed(answers=[[2, 2**31]]), r"answers\[0\]\[1\] is 2147483648, not an integer from 0 to 2147483647"),
        (changed(answers=[[-5]]), r"answers\[0\]\[0\] is -5"),
        (changed(answers=[[True]]), r"answers\[0\]\[0\] is True"),
        (changed(texts=["a", None]), r"texts\[1\] is None, not a string"),
        (changed(texts=["\ud800"]), r"texts\[0\] is '\\ud800', not valid Unicode: it has a lone surrogate"),
        (changed(tokenizer=7), "tokenizer is 7, not a string"),
        (changed(tokenizer="tokenizer.json"), "max_length is 0, not 2 or more"),
        (changed(marks=1), "marks is 1, not a boolean"),
    ],
)
def test_a_request_that_is_not_as_agreed_is_refused(content: bytes, message: str):
    """Anything missing, unknown, doubled, of another type or out of range is a bad request, named in one line."""
    with pytest.raises(Failure, match=message) as caught:
        read_request(content)
    assert caught.value.kind == "bad-request"
    assert "\n" not in caught.value.message


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
)


@given(st.sampled_from([*PLAIN, "answers", "tokenizer", "max_length", "texts", "marks", "other"]), json_values)
def test_the_worker_takes_nothing_that_the_host_would_not(key: str, value: object):
    """With any value at any key, a request is either refused, or one that the strict reader of the host takes too."""
    content = changed(**{key: value})
    try:
        jsonio.loads(Request, content.decode(), source="test")
    except UsageError:
        with pytest.raises(Failure) as caught:
            read_request(content)
        assert caught.value.kind == "bad-request"


@given(st.binary())
def test_no_bytes_make_the_reader_raise_anything_else(content: bytes):
    """Whatever arrives, the reader answers with a request or a failure."""
    with pytest.raises(Failure):
        read_request(content)


@given(
    st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
)
def test_a_frame_states_length_and_hash_of_its_one_line(payload: dict[str, object]):
    """The header's length and hash are those of the second line, which is the payload in ASCII."""
    header, content, rest = frame(payload).split(b"\n")
    assert rest == b""
    assert header == b"edgebert-worker %d %s" % (len(content), hashlib.sha256(content).hexdigest().encode())
    assert json.loads(content) == payload


def test_nothing_that_json_cannot_hold_goes_out():
    """NaN is refused when framed, not sent as a word that the host does not read."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        frame({"logits": float("nan")})


def test_a_failure_is_an_answer_too():
    """A payload with kind and message; half a character in a message becomes a question mark."""
    payload = failed(Failure("out-of-memory", "a\ud800b"))
    assert payload == {"schema": protocol.SCHEMA, "error": {"kind": "out-of-memory", "message": "a?b"}}


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("runtime-failure", "std::bad_alloc", "out-of-memory"),
        ("runtime-failure", "Failed to allocate memory for requested buffer of size 9", "out-of-memory"),
        ("runtime-absent", "libx.so: failed to map segment from shared object", "out-of-memory"),
        ("runtime-absent", "No module named 'onnxruntime'", "runtime-absent"),
        ("bad-request", "there is no file out of memory.onnx", "bad-request"),
    ],
)
def test_a_runtime_without_memory_is_told_apart(kind: str, message: str, expected: str):
    """What a runtime says when it finds no memory has a kind of its own; the words of a user are not looked at."""
    assert failed(Failure(kind, message))["error"]["kind"] == expected


def test_a_failure_is_one_line():
    """Line breaks in what a library says become blanks."""
    assert failed(Failure("runtime-failure", "one\n\n  two\n"))["error"]["message"] == "one two"


def test_the_example_of_the_page_is_one():
    """What docs/worker.md shows is a request that the worker reads, an answer that the host reads, and an error."""
    shown, answered, error = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    request = read_request(shown.encode())
    trial = jsonio.loads(Trial, answered, source="docs/worker.md")
    assert (request.runtime, request.threads, request.cores) == (trial.runtime, trial.threads, list(trial.cores))
    assert [len(one.run_ns) for one in trial.series] == [request.runs]
    assert json.loads(error).keys() == failed(Failure("bad-request", "")).keys()


@pytest.mark.parametrize(
    "name",
    [
        "Request",
        "Series",
        "Trial",
        "TimedSeries",
        "Tokenized",
        "Conditions",
        "Temperature",
        "Cooling",
        "HardwareFacts",
        "Core",
    ],
)
def test_the_page_names_every_field(name: str):
    """Each value has a table in docs/worker.md with exactly its fields, in their order."""
    (section,) = re.findall(rf"^##+ {name}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    fields = [field.name for field in dataclasses.fields(getattr(worker, name))]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == fields
