"""A manifest of a later edgebert, without a schema, or damaged is refused with the file and the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebert.bundle import MANIFEST, SCHEMA, open_bundle
from edgebert.errors import BundleError, upgrade_line
from tests.bundle.manifests import add_file, change_manifest


def test_a_newer_schema_is_refused_with_both_numbers(bundle: Path):
    """A bundle of a later edgebert says which schema it has, and is refused before its unknown keys are looked at."""
    change_manifest(bundle, lambda plain: plain.update(schema=SCHEMA + 1, surprise=True))
    with pytest.raises(BundleError, match=f"bundle schema {SCHEMA + 1}; this edgebert reads up to {SCHEMA}") as caught:
        open_bundle(bundle)
    assert caught.value.hint == upgrade_line()


@pytest.mark.parametrize("schema", [None, True, False, "1", 1.0, 0, -1, [1], {}])
def test_a_schema_that_is_no_number_is_refused(schema: object, bundle: Path):
    """A schema of another type, or below the first, is no schema; True is not 1."""
    change_manifest(bundle, lambda plain: plain.update(schema=schema))
    with pytest.raises(BundleError, match="there is no schema number"):
        open_bundle(bundle)


@pytest.mark.parametrize("content", ["{}", "[]", "5", "null", '"schema"', '{"labels": []}'])
def test_a_manifest_without_schema_is_refused(content: str, bundle: Path):
    """JSON of whatever form that names no schema is no manifest."""
    (bundle / MANIFEST).write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match="there is no schema number"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1, column 1: not JSON"),
        (b'{"schema": 1', "line 1, column 13: not JSON"),
        (b'{"schema": 1, "schema": 2}', "'schema' appears twice"),
        (b'{"schema": NaN}', "the number NaN"),
        (b'{"schema": 1, "task": "\xff"}', "not UTF-8 at byte 23"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8 at byte 0"),
        (b"\x00" * 64, "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
    ids=["empty", "cut", "doubled", "NaN", "not UTF-8", "UTF-16", "zeros", "nested"],
)
def test_a_manifest_that_cannot_be_read_is_named(content: bytes, message: str, bundle: Path):
    """A manifest that is not UTF-8 or not JSON is a damaged bundle, with the file and the place."""
    (bundle / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match=message) as caught:
        open_bundle(bundle)
    assert caught.value.message.startswith(f"{bundle / MANIFEST}: ")
    assert caught.value.exit_code == 1


def test_a_wrong_field_of_the_manifest_is_named_by_its_path(bundle: Path):
    """A field of another type is a damaged bundle, with the path to the field."""
    change_manifest(bundle, lambda plain: plain["artifacts"][1].update(size_bytes="1000"))
    with pytest.raises(BundleError, match=r"edgebert\.json: artifacts\[1\]\.size_bytes is \"1000\", not an integer"):
        open_bundle(bundle)


def test_a_file_name_of_half_a_character_is_refused(bundle: Path):
    """A lone surrogate in a file name is a damaged manifest, not a failure of the file system."""
    add_file(bundle, "\ud800")
    with pytest.raises(BundleError, match="lone surrogate"):
        open_bundle(bundle)
