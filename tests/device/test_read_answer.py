from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert import jsonio
from edgebert.device.board import read_answer
from edgebert.device.device import Finished
from edgebert.device.protocol import HardwareFacts, Trial
from edgebert.errors import DeviceGone, DeviceProblem
from tests.device.answers import ANSWER, FACTS
from tests.device.workers import framed


@given(kept=st.integers(0, len(framed(ANSWER)) - 2), code=st.sampled_from([0, 137]))
def test_no_beginning_of_an_answer_is_read(kept, code):
    """No strict beginning of an answer is ever taken for an answer."""
    with pytest.raises(DeviceGone):
        read_answer(HardwareFacts, Finished(code=code, stdout=framed(ANSWER)[:kept], stderr=""), url="x")


@given(before=st.binary(max_size=40), after=st.binary(max_size=40), code=st.integers(0, 255))
def test_answer_among_noise(before, after, code):
    """What libraries print around an answer does not hide it, nor does an exit code after it."""
    done = Finished(code=code, stdout=before + framed(ANSWER) + after, stderr="")
    assert read_answer(HardwareFacts, done, url="x") == FACTS


def test_the_last_answer_counts():
    """Of two answers the last one is read."""
    other = jsonio.dumps(FACTS).replace("Pi", "Po").encode()
    done = Finished(code=0, stdout=framed(other) + framed(ANSWER), stderr="")
    assert read_answer(HardwareFacts, done, url="x") == FACTS


@given(position=st.integers(0, len(ANSWER) - 1), flip=st.integers(1, 255))
def test_changed_answer(position, flip):
    """An answer with any byte changed is not read."""
    content = bytearray(framed(ANSWER))
    content[len(content) - len(ANSWER) - 1 + position] ^= flip
    with pytest.raises(DeviceGone, match="half-written"):
        read_answer(HardwareFacts, Finished(code=0, stdout=bytes(content), stderr=""), url="x")


@given(output=st.binary(max_size=200), code=st.integers(0, 255))
def test_arbitrary_output(output, code):
    """Whatever a program prints, the outcome is one of our errors."""
    with pytest.raises(DeviceProblem):
        read_answer(Trial, Finished(code=code, stdout=output, stderr=""), url="x")


@pytest.mark.parametrize(
    "payload",
    [
        b"[]",
        b"7",
        b"{}",
        b"not json",
        b"\xff",
        ANSWER.replace(b'"schema": 2', b'"schema": 3'),
        ANSWER.replace(b'"schema": 2', b'"schema": true'),
        ANSWER.replace(b'"Pi"', b"7"),
        b'{"schema": 2, "error": {"kind": "strange", "message": "x"}}',
        b'{"schema": 2, "error": "x"}',
        b'{"schema": 2, "error": null}',
        b'{"schema": 2, "unknown": 1}',
    ],
)
def test_answer_of_another_version(payload):
    """A whole answer that does not say what this version expects is a lasting problem with a hint."""
    with pytest.raises(DeviceProblem, match="what this version cannot read") as caught:
        read_answer(HardwareFacts, Finished(code=0, stdout=framed(payload), stderr=""), url="x")
    assert not isinstance(caught.value, DeviceGone)
    assert "edgebert worker build" in caught.value.hint
