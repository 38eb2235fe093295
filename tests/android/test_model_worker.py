from __future__ import annotations

import pytest

from tests.android.calls import shipped
from tests.support import fakes

LOADED = "load on edgebert-model"
OUT_OF_MEMORY = "good: OUT_OF_MEMORY: there is not enough memory for the model; close other apps"
RAN = ("run", "ran", "good: positive")
NOTHING = " : EMPTY_TEXT: there is nothing to read in the text; type a word or more"
NO_UNICODE = "\ud83d: INVALID_TEXT: the text is no valid Unicode: character 0 is one half of a pair (a lone surrogate)"
LINK_ERROR = "good: RUNTIME_FAILURE: the model failed: java.lang.UnsatisfiedLinkError: no such library"
RUNTIME_FAILURE = "good: RUNTIME_FAILURE: the model failed: java.lang.IllegalStateException: bad state"


@pytest.mark.parametrize(
    ("scenario", "events"),
    [
        ("two questions", [LOADED, "run", "ran", "good: positive", "run", "ran", "good: positive", "closed"]),
        ("three quick taps", [LOADED, "run", "ran", "run", "ran", "great: positive", "closed"]),
        ("turned in mid-run", [LOADED, "run", "ran", "closed"]),
        ("closed in mid-run", [LOADED, "run", "close returned", "ran", "closed"]),
        ("asked after close", ["good: CLOSED: the model was closed"]),
        (
            "missing at first",
            [LOADED, "good: MISSING_FILE: int8.onnx: missing", LOADED, "run", "ran", "good: positive", "closed"],
        ),
        (
            "out of memory",
            [LOADED, "run", "closed", OUT_OF_MEMORY, LOADED, "run", "ran", "good: positive", "closed"],
        ),
        ("opened, then released", [LOADED, "opening: open", *RAN, "closed", LOADED, *RAN, "closed"]),
        ("text that cannot be read", [LOADED, NO_UNICODE, NOTHING, *RAN, "closed"]),
        ("library is missing", [LOADED, "run", LINK_ERROR, "run", LINK_ERROR, "closed"]),
        (
            "runtime throws",
            [LOADED, "run", RUNTIME_FAILURE, "run", RUNTIME_FAILURE, "closed"],
        ),
    ],
)
def test_worker(jvm, scenario, events):
    """What users do to a running model ends in the latest answer or a message, never in a crash or a stale answer."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    assert jvm.call("worker", scenario=scenario) == events


def test_memory_is_asked_back_in_mid_run(jvm):
    """A model that is released in the middle of a run ends it, gives the answer, and is closed then."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    events = jvm.call("worker", scenario="released in mid-run")
    assert events[:4] == [LOADED, "run", "release returned", "ran"]
    # Two threads tell of these.
    assert sorted(events[4:]) == ["closed", "good: positive"]
