from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.android.calls import error_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
FLAT = SCALARS | st.lists(SCALARS, max_size=4) | st.dictionaries(st.text(), SCALARS, max_size=4)
JSON = FLAT | st.lists(FLAT, max_size=4) | st.dictionaries(st.text(), FLAT, max_size=4)


@given(value=JSON, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_json_comes_back(jvm, value, indent, ascii_only):
    """Whatever Python writes as JSON is read and written again as the same value."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = jvm.call("json", text=text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "{", "[", '"', "[1,]", '{"a":1,}', "{'a':1}", "{a:1}", '{"a" 1}', "[1 2]", "1 2", "nul", "True"),
        *("NaN", "-Infinity", "01", "-", "1.", ".5", "1e", "+1", "1e999", "9223372036854775808", "0x10"),
        *(
            '"\\x"',
            '"\\u12"',
            '"\\u00g0"',
            '"a\nb"',
            '"\\ud800"',
            '"\\udc00\\ud800"',
            '"\\ud800a"',
            "[" * 65 + "]" * 65,
        ),
        *('{"a":1,"a":2}', "\ufeff1", "/**/1", "\u00a01", '"\\u\uff11\uff11\uff11\uff11"'),
    ],
)
def test_what_is_no_json_is_refused(jvm, text):
    """Text that is no JSON, or ambiguous, or would exhaust the stack, is an error with line and column."""
    kind, message = error_of(jvm, "json", text=text)
    assert kind == "DAMAGED_FILE"
    assert re.match(r"file\.json: line 1, column \d+: no valid JSON: ", message)


def test_json_errors_name_the_line(jvm):
    """Lines and columns count from 1."""
    _, message = error_of(jvm, "json", text='{\n  "a": 1,\n  "a": 2\n}')
    assert message == 'file.json: line 3, column 6: no valid JSON: the key "a" stands twice in one object'
