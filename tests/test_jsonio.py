from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import types as builtin
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert import architecture, golden, recipe
from edgebert import manifest as bundle_values
from edgebert.arguments import Amount, Count, Positive, Share
from edgebert.benchmarking import report
from edgebert.benchmarking.suite import Suite
from edgebert.device import device as devices
from edgebert.device import protocol as worker
from edgebert.errors import UsageError
from edgebert.golden import Golden, GoldenWindow, Tensor
from edgebert.jsonio import dumps, from_plain, loads, parse
from edgebert.manifest import EvaluationData, FileEntry, Manifest, Part, Score, TextSpec, Verification
from edgebert.meaning import TaskSettings
from edgebert.recipe import PruneOptions, Recipe, Target
from tests.support.tiny_files import make_artifact, make_manifest

VALUES = [
    value
    for module in (architecture, bundle_values, golden, recipe, worker, devices, report)
    for _, value in inspect.getmembers(module, inspect.isclass)
    if dataclasses.is_dataclass(value) and value.__module__ == module.__name__ and value is not devices.Finished
]

OWN = {
    Tensor: {"shape": st.just((2, 1)), "values": st.tuples(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30))},
    GoldenWindow: {"input_ids": st.just((2, 3)), "offsets": st.sampled_from([None, ((0, 0), (1, 4))])},
    Suite: {
        "threads": st.lists(st.integers(1, 64), min_size=1, max_size=3, unique=True).map(tuple),
        "cores": st.sampled_from(["", "big", "0,3"]),
    },
}
"""Strategies of fields that a class checks by more than their ranges."""


def values_of(kind: Any) -> st.SearchStrategy:
    """Return a strategy for the values of a field, made from its annotation."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return st.builds(kind, **{name: values_of(hint) for name, hint in hints.items()} | OWN.get(kind, {}))
    if origin is typing.Annotated:
        (bounds,) = arguments[1:]
        if arguments[0] is int:
            return st.integers(bounds.low, bounds.high)
        return st.floats(bounds.low, bounds.high, exclude_min=bounds.above, exclude_max=bounds.below)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, builtin.UnionType):
        return st.one_of([values_of(option) for option in arguments])
    if origin is dict:
        return st.dictionaries(values_of(arguments[0]), values_of(arguments[1]), max_size=2)
    if origin is tuple and arguments[1:] != (...,):
        return st.tuples(*map(values_of, arguments))
    if origin is tuple:
        few = 1 if dataclasses.is_dataclass(arguments[0]) else 3
        return st.lists(values_of(arguments[0]), max_size=few).map(tuple)
    floats = st.floats(allow_nan=False, allow_infinity=False)
    return {
        str: st.text(max_size=8),
        int: st.integers(-(2**63) + 1, 2**63 - 1),
        float: floats,
        bool: st.booleans(),
        type(None): st.none(),
    }[kind]


@pytest.mark.parametrize("kind", VALUES, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_every_value_survives_the_round_trip(kind: type, data: st.DataObject):
    """Written and read again, a value of each dataclass equals what it was, field by field and type by type."""
    value = data.draw(values_of(kind))
    text = dumps(value)
    assert loads(kind, text, source="x.json") == value
    assert repr(loads(kind, text, source="x.json")) == repr(value)  # repr tells 1 from 1.0 and -0.0 from 0.0
    text.encode("utf-8")


@given(value=values_of(Manifest))
@settings(max_examples=25)
def test_equal_values_give_equal_bytes(value: Manifest):
    """A value that went through JSON is written as it was the first time, and ends with one line break."""
    text = dumps(value)
    assert dumps(loads(Manifest, text, source="x.json")) == text
    assert dumps(copy.deepcopy(value)) == text
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_fields_keep_their_order():
    """Keys are written in the order of the fields of the class, not of the alphabet."""
    text = dumps(FileEntry(file="é.txt", size_bytes=3, sha256="ab"))
    assert text == '{\n  "file": "é.txt",\n  "size_bytes": 3,\n  "sha256": "ab"\n}\n'


def test_lists_and_dicts_of_values_are_written():
    """A list or dict of values is written as well, as the command line does with its results."""
    part = Part(name="head", size_bytes=1)
    assert json.loads(dumps({"parts": [part, (part,)]})) == {
        "parts": [{"name": "head", "size_bytes": 1}, [{"name": "head", "size_bytes": 1}]]
    }


def test_nan_is_not_written():
    """A value that holds NaN is a fault of ours, and no file is made of it."""
    with pytest.raises(ValueError, match="JSON compliant"):
        dumps(Verification(runtime="a", version="b", cpu="c", texts=1, max_difference=float("nan")))


def full_manifest() -> dict[str, Any]:
    """Return a plain manifest in which every optional field has a value."""
    artifacts = [
        make_artifact(Target(format=name, precision="int8"), value=0.5) for name in typing.get_args(recipe.Format)
    ]
    data = EvaluationData(name="dev.tsv", sha256="ab", examples=10, truncated=1)
    manifest = make_manifest(*artifacts, evaluation=data)
    files = (FileEntry(file="vocab.txt", size_bytes=3, sha256="ab"),)
    return json.loads(dumps(dataclasses.replace(manifest, files=files)))


def nodes(value: Any, path: str = "", steps: tuple[str | int, ...] = ()) -> Iterator[tuple[str, tuple, Any]]:
    """Yield the path (as messages write it), the keys that lead there, and the value of every node below the top."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        below = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key
        yield below, (*steps, key), item
        yield from nodes(item, below, (*steps, key))


NODES = [node for node in nodes(full_manifest()) if node[2] is not None]


def wrong_values(value: Any) -> list[Any]:
    """Return JSON values that cannot stand where ``value`` stands."""
    if isinstance(value, bool):
        return [0, 1, 1.0, "true", None, [], {}]
    if isinstance(value, (str, int)):
        return [True, False, 1.5, [], {}]
    if isinstance(value, float):
        return [True, "0.5", [], {}]
    return ["x", 1, True, {}] if isinstance(value, list) else ["x", 1, True, []]


def put(steps: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """Return the full manifest with one node replaced."""
    plain = full_manifest()
    at: Any = plain
    for step in steps[:-1]:
        at = at[step]
    at[steps[-1]] = value
    return plain


@pytest.mark.parametrize(("path", "steps", "value"), NODES, ids=[path for path, _, _ in NODES])
def test_a_field_of_another_type_is_named_by_its_path(path: str, steps: tuple, value: Any):
    """Each node of a manifest, replaced by values of other types, is refused with its path and what it should be."""
    for wrong in wrong_values(value):
        with pytest.raises(UsageError) as caught:
            from_plain(Manifest, put(steps, wrong), source="edgebert.json")
        assert caught.value.message.startswith(f"edgebert.json: {path} is {json.dumps(wrong)}, not ")


OBJECTS = [("", (), full_manifest()), *(node for node in NODES if isinstance(node[2], dict))]


@pytest.mark.parametrize(("path", "steps", "value"), OBJECTS, ids=[path or "top" for path, _, _ in OBJECTS])
def test_a_missing_or_unknown_key_is_named_by_its_path(path: str, steps: tuple, value: dict):
    """Each object refuses a key it does not know, listing those it does, and the lack of one it cannot do without."""
    prefix = f"{path}." if path else ""
    with_more = {**value, "surprise": 1}
    with pytest.raises(UsageError) as caught:
        from_plain(Manifest, put(steps, with_more) if steps else with_more, source="m")
    assert caught.value.message == f"m: unknown key '{prefix}surprise'"
    assert caught.value.hint == f"known here: {', '.join(value)}"
    kinds = {"": Manifest, "recipe": Recipe, "recipe.prune": PruneOptions, "settings": TaskSettings, "text": TextSpec}
    kinds["evaluation"] = EvaluationData
    kind = kinds.get(path, Score)
    optional = {field.name for field in dataclasses.fields(kind) if field.default is not dataclasses.MISSING}
    for name in value:
        with_less = {key: item for key, item in value.items() if key != name}
        plain = put(steps, with_less) if steps else with_less
        if (kind is not Score or path.endswith("score")) and name in optional:
            from_plain(Manifest, plain, source="m")
            continue
        with pytest.raises(UsageError) as caught:
            from_plain(Manifest, plain, source="m")
        assert caught.value.message == f"m: the key '{prefix}{name}' is missing"


@pytest.mark.parametrize("text", ["[]", "5", "null", '"text"', "true"])
def test_a_top_level_that_is_no_object_is_refused(text: str):
    """A file whose top level is no object says so."""
    with pytest.raises(UsageError, match=r"x\.json: the top level is .*, not an object"):
        loads(Recipe, text, source="x.json")


def test_a_literal_lists_what_it_could_be():
    """A word that is none of a field's is shown together with those that are."""
    with pytest.raises(UsageError, match=r"x: format is \"coreml\", not one of 'onnx', 'tflite'"):
        loads(Target, '{"format": "coreml", "precision": "int8"}', source="x")


def test_a_whole_number_stands_for_a_float():
    """JSON writers of other languages drop '.0'; the field is a float all the same, exact or not at all."""
    found = loads(Tensor, '{"shape": [2], "values": [1, -0]}', source="x")
    assert [type(value) for value in found.values] == [float, float]


@pytest.mark.parametrize("digits", [310, 400, 4000])
def test_a_whole_number_beyond_every_float_is_refused(digits: int):
    """An integer too large for a float is an error of the file, named by its path, and shown in one short line."""
    text = '{"shape": [1], "values": [' + "9" * digits + "]}"
    with pytest.raises(UsageError, match=r"x: values\[0\] is .*, not a (finite )?number") as caught:
        loads(Tensor, text, source="x")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_float_beyond_every_float_is_refused(number: str):
    """A number that overflows to infinity is refused, not read as infinity."""
    with pytest.raises(UsageError, match=r"x: values\[0\] is -?inf, not a finite number"):
        loads(Tensor, '{"shape": [1], "values": [' + number + "]}", source="x")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_refused(number: str):
    """NaN and the infinities, which Python's own reader takes, are refused by name."""
    with pytest.raises(UsageError, match=f"x: not JSON that edgebert reads: the number {number}"):
        parse(f'{{"a": [{number}]}}', source="x")


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 1}', '[{"c": {"a": 1, "a": 2}}]', r'{"a": 1, "\u0061": 2}'])
def test_a_key_that_stands_twice_is_named(text: str):
    """A doubled key is refused at every depth, in whatever way it is spelled, instead of the last one winning."""
    with pytest.raises(UsageError, match=r"x: .* the key 'a' appears twice"):
        parse(text, source="x")


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_without_end_is_refused(opening: str):
    """A text that nests deeper than the reader can follow is an error of the file, not a crash."""
    with pytest.raises(UsageError, match="x: not JSON"):
        loads(Recipe, opening * 100_000, source="x")
    closing = "]" if opening == "[" else "}"
    with pytest.raises(UsageError, match="x: not JSON that edgebert reads"):
        loads(Recipe, opening * 100_000 + "1" + closing * 100_000, source="x")


def test_nesting_of_every_depth_is_refused_in_one_line():
    """A wrong value is shown shortened however deep it nests, also at the depths where reading it just succeeds."""
    for depth in [1, 10, *range(800, 1000, 3)]:
        with pytest.raises(UsageError) as caught:
            loads(Target, '{"format": ' + "[" * depth + "]" * depth + ', "precision": "int8"}', source="x")
        assert len(caught.value.message) < 200


def test_a_number_of_endless_digits_is_refused():
    """An integer of more digits than Python converts is an error of the file."""
    with pytest.raises(UsageError, match="x: not JSON that edgebert reads"):
        loads(Part, '{"name": "", "size_bytes": ' + "1" * 5000 + "}", source="x")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "line 1, column 1"),
        ('{"a": 1,\n "b" 2}', "line 2, column 6"),
        ("{} x", "line 1, column 4"),
        ("\ufeff{}", "line 1"),
    ],
)
def test_a_text_that_is_no_json_is_shown_where(text: str, where: str):
    """A syntax error names file, line and column."""
    with pytest.raises(UsageError, match=f"x.json: {where}.*: not JSON: "):
        parse(text, source="x.json")


@pytest.mark.parametrize(
    "text",
    [
        r'{"file": "a\ud800", "size_bytes": 1, "sha256": ""}',
        r'{"file": "a", "size_bytes": "\udfff", "sha256": ""}',
        r'{"file": "a", "size_bytes": 1, "sha256": "", "\ud800": 1}',
    ],
)
def test_a_lone_surrogate_is_refused_and_can_be_printed(text: str):
    """Half a character, which no file name and no terminal can hold, is refused with a message that is printable."""
    with pytest.raises(UsageError) as caught:
        loads(FileEntry, text, source="x")
    caught.value.message.encode("utf-8")
    caught.value.hint.encode("utf-8")


def test_a_pair_of_surrogates_is_one_character():
    r"""An emoji written as \ud83d\ude00 is read as the character it is."""
    assert loads(Part, r'{"name": "\ud83d\ude00", "size_bytes": 0}', source="x").name == "😀"


PLAIN = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["cases", "lengths", "name"]), inner),
)


@given(text=st.text() | PLAIN.map(json.dumps))
def test_whatever_the_text_the_answer_is_a_value_or_our_error(text: str):
    """No text makes the reader fail in a way of its own."""
    for kind in (Golden, TextSpec, Recipe):
        try:
            answer: object = loads(kind, text, source="x")
        except UsageError as error:
            answer = error
        assert isinstance(answer, kind) or str(answer).startswith("x: ")


def test_a_pair_holds_exactly_two_items():
    """A tuple of fixed length is read item by item, each of its own type, and refused when short or long."""
    reading = {"moment": "before", "at_ns": 0, "energy_uj": [["package", 5]]}
    assert from_plain(worker.Conditions, reading, source="t").energy_uj == (("package", 5),)
    for wrong in (["package"], ["package", 5, 6]):
        with pytest.raises(UsageError, match=rf"energy_uj\[0\] has {len(wrong)} items, not 2"):
            from_plain(worker.Conditions, {**reading, "energy_uj": [wrong]}, source="t")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranged:
    """Fields whose numbers have bounds, in every place that an annotation can have."""

    count: Count = 0
    rows: tuple[tuple[Positive, ...], ...] = ()
    pair: tuple[str, Amount] = ("", 0.0)
    maybe: Share | None = None
    plain: int = 0


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"count": -1}, "x.json: count is -1, not from 0 to 9007199254740992"),
        ({"count": 2**53 + 1}, "count is 9007199254740993"),
        ({"rows": [[1], [5, 0]]}, r"rows\[1\]\[1\] is 0, not from 1"),
        ({"pair": ["a", 1e300]}, r"pair\[1\] is 1e\+300, not from 0"),
        ({"maybe": 1.5}, "maybe is 1.5, not from 0 to 1"),
        ({"maybe": -1e-300}, "maybe is -1e-300"),
        ({"plain": 2**63}, "plain is 9223372036854775808, more than 64 bits hold"),
        ({"plain": -(2**63)}, "plain is -9223372036854775808, more than 64 bits hold"),
        ({"count": True}, "count is true, not a"),
    ],
)
def test_a_number_out_of_range_is_named_with_its_path(plain: dict[str, object], words: str):
    """A number that its field cannot mean is refused with key, value and bounds."""
    with pytest.raises(UsageError, match=words):
        from_plain(Ranged, plain, source="x.json")


@given(st.integers() | st.sampled_from([0, 1, 2**53, 2**53 + 1, 2**63]))
def test_exactly_the_numbers_in_range_are_read(number: int):
    """The bounds belong to the range."""
    for name, least in (("count", 0), ("rows", 1)):
        plain = {name: number} if name == "count" else {name: [[number]]}
        if least <= number <= 2**53:
            from_plain(Ranged, plain, source="x.json")
        else:
            with pytest.raises(UsageError, match=name):
                from_plain(Ranged, plain, source="x.json")


@dataclasses.dataclass(frozen=True)
class Numbers:
    """Numbers of either kind."""

    values: tuple[int | float, ...]


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)))
def test_whole_numbers_and_floats_stay_what_they_are(values: list[int | float]):
    """A number that may be either is read as it was written: 3 is no 3.0."""
    found = loads(Numbers, dumps(Numbers(tuple(values))), source="x").values
    assert [(type(value), value) for value in found] == [(type(value), value) for value in values]


@pytest.mark.parametrize("text", ["true", "null", '"1"', "1e999", "9" * 20, "[1]"])
def test_what_is_neither_a_whole_number_nor_a_float_is_refused(text: str):
    """A field for either kind of number has the limits of both."""
    with pytest.raises(UsageError, match=r"x: values\[0\] is"):
        loads(Numbers, f'{{"values": [{text}]}}', source="x")


@pytest.mark.parametrize(("shape", "count"), [("[]", 0), ("[3]", 2), ("[0, 4]", 1), ("[2, 2]", 5), ("[9999999999]", 1)])
def test_an_array_has_as_many_values_as_its_shape_means(shape: str, count: int):
    """Another number of values is refused with its place, before anything makes an array of them."""
    window = f'{{"input_ids": [2, 3], "outputs": {{"logits": {{"shape": {shape}, "values": {[0.5] * count}}}}}}}'
    text = f'{{"schema": 2, "cases": [{{"texts": ["x"], "windows": [{window}]}}]}}'
    with pytest.raises(UsageError, match=r"x: cases\[0\]\.windows\[0\]\.outputs\.logits\.values has \d numbers"):
        loads(Golden, text, source="x")
