from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.bundle import (
    GOLDEN,
    GOLDEN_SCHEMA,
    MANIFEST,
    SCHEMA,
    check_file,
    check_inside,
    file_entry,
    is_bundle,
    open_bundle,
    sha256_of,
)
from edgebert.errors import BundleError, UsageError
from edgebert.jsonio import dumps
from edgebert.types import Golden, GoldenCase
from tests.tiny_files import GOLDEN_TEXTS, answer, make_manifest, write_bundle

pytest.importorskip("onnx", reason="onnx makes the tiny files")

FILES = ("int8.onnx", "baseline/float32.onnx", "tokenizer.json", "vocab.txt", "golden.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle that no test changes."""
    root = tmp_path_factory.mktemp("whole") / "bundle"
    write_bundle(root)
    return root


@pytest.fixture
def bundle(whole: Path, tmp_path: Path) -> Path:
    """Return a bundle of the test's own."""
    return Path(shutil.copytree(whole, tmp_path / "bundle"))


def change_manifest(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = root / MANIFEST
    plain = json.loads(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(json.dumps(plain), encoding="utf-8")


def add_file(root: Path, file: str) -> None:
    """Name one more file in the manifest, with the size and hash of no bytes."""
    entry = {"file": file, "size_bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    change_manifest(root, lambda plain: plain["files"].append(entry))


def test_a_whole_bundle_opens(whole: Path):
    """An untouched bundle opens with all it has: files by role, entries, golden texts."""
    opened = open_bundle(str(whole))
    assert opened.root == whole
    assert [item.file for item in opened.shipped] == ["int8.onnx"]
    assert [item.file for item in opened.baseline] == ["baseline/float32.onnx"]
    assert {entry.file for entry in opened.entries} == set(FILES)
    assert opened.artifact("baseline/float32.onnx") == opened.baseline[0]
    assert opened.path("baseline/float32.onnx").is_file()
    golden = opened.golden()
    assert tuple(case.text for case in golden.cases) == GOLDEN_TEXTS
    assert all(case.logits == answer(case.input_ids) for case in golden.cases)


def test_a_bundle_opens_wherever_it_is_moved_or_linked_to(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nothing in a bundle depends on its place: moved, opened by a relative path or through a link, it is whole."""
    moved = bundle.rename(tmp_path / "another name")
    assert open_bundle(moved).manifest.labels == ("negative", "positive")
    (tmp_path / "link").symlink_to(moved)
    open_bundle(tmp_path / "link")
    monkeypatch.chdir(moved)
    open_bundle(".")


def test_a_model_file_that_is_not_there_is_refused_with_those_that_are(whole: Path):
    """Asking for an unknown file lists the model files."""
    with pytest.raises(UsageError, match=r"no model file 'int4\.onnx'") as caught:
        open_bundle(whole).artifact("int4.onnx")
    assert caught.value.hint == "it has int8.onnx, baseline/float32.onnx"


def add_original(root: Path) -> None:
    """Give the baselines texts of their own, as those of an unpruned model have them."""
    texts = {
        "tokenizer.json": "{}",
        "vocab.txt": "[PAD]\n",
        "golden.json": dumps(
            Golden(schema=GOLDEN_SCHEMA, cases=(GoldenCase(text="good", input_ids=(1, 2), logits=(0.5, 0.25)),))
        ),
    }
    for name, content in texts.items():
        (root / "baseline" / name).write_text(content, encoding="utf-8")
    entries = [file_entry(root, f"baseline/{name}") for name in texts]
    plain = json.loads(dumps(make_manifest()))

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"] += json.loads(dumps(entries))
        manifest["original"] = {
            "checkpoint": "original",
            "checkpoint_sha256": "ab" * 32,
            "architecture": plain["architecture"],
            "text": plain["text"] | {"max_length": 6, "pad_id": 3},
        }

    change_manifest(root, change)


def test_baselines_of_the_same_model_have_the_same_texts(whole: Path):
    """Without another original, both roles read the same tokenizer, the same golden texts, the same rules."""
    opened = open_bundle(whole)
    rules = opened.text_rules("shipped")
    assert rules == opened.text_rules("baseline")
    assert (rules.tokenizer, rules.golden, rules.spec) == ("tokenizer.json", "golden.json", opened.manifest.text)
    assert opened.golden() == opened.golden("baseline")


def test_baselines_of_another_model_have_texts_of_their_own(bundle: Path):
    """With an original, baselines read what lies beside them, and what ships reads what it did before."""
    before = open_bundle(bundle)
    add_original(bundle)
    opened = open_bundle(bundle)
    assert opened.text_rules("shipped") == before.text_rules("shipped")
    rules = opened.text_rules("baseline")
    assert (rules.tokenizer, rules.golden) == ("baseline/tokenizer.json", "baseline/golden.json")
    assert (rules.spec.max_length, rules.spec.pad_id) == (6, 3)
    assert opened.golden() == before.golden()
    assert [case.input_ids for case in opened.golden("baseline").cases] == [(1, 2)]


@pytest.mark.parametrize("file", ["golden.json", "tokenizer.json"])
def test_an_original_without_its_texts_is_refused(file: str, bundle: Path):
    """A manifest that names an original lists golden texts and tokenizer of it."""
    add_original(bundle)
    change_manifest(
        bundle,
        lambda plain: plain.update(files=[item for item in plain["files"] if item["file"] != f"baseline/{file}"]),
    )
    with pytest.raises(BundleError, match=f"lists no baseline/{file}"):
        open_bundle(bundle)


def test_a_bundle_of_the_first_schema_opens(bundle: Path):
    """A manifest that an older edgebert wrote, without the fields that came later, reads as if they were null."""

    def age(plain: dict[str, Any]) -> None:
        plain["schema"] = 1
        del plain["original"], plain["pruning"], plain["recipe"]["prune"]

    change_manifest(bundle, age)
    opened = open_bundle(bundle)
    assert opened.manifest.schema == 1
    assert (opened.manifest.original, opened.manifest.pruning, opened.manifest.recipe.prune) == (None, None, None)
    assert opened.golden("baseline") == opened.golden()


def test_a_folder_that_is_no_bundle_says_so(tmp_path: Path):
    """A folder without manifest, and a path where nothing is, are errors of the request."""
    assert not is_bundle(tmp_path)
    with pytest.raises(UsageError, match=r"no bundle: there is no edgebert\.json"):
        open_bundle(tmp_path)
    with pytest.raises(UsageError, match="there is no such folder"):
        open_bundle(tmp_path / "absent")
    (tmp_path / MANIFEST).mkdir()
    assert not is_bundle(tmp_path)


@settings(max_examples=40)
@given(data=st.data())
def test_a_flipped_bit_in_any_file_is_named(whole: Path, data: st.DataObject):
    """One bit, anywhere in any file that the manifest lists, makes opening fail with the name of that file."""
    file = data.draw(st.sampled_from(FILES))
    path = whole / file
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(flipped)
    try:
        with pytest.raises(BundleError, match="the content is not what the manifest says") as caught:
            open_bundle(whole)
        assert caught.value.message.startswith(f"{path}: ")
        open_bundle(whole, check=False)
    finally:
        path.write_bytes(content)
    open_bundle(whole)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(file: str, bundle: Path):
    """A file that the manifest lists and the folder lacks, or has as something else, is named."""
    path = bundle / file
    path.unlink()
    with pytest.raises(BundleError, match="missing from the bundle") as caught:
        open_bundle(bundle)
    assert caught.value.message.startswith(f"{path}: ")
    path.mkdir()
    with pytest.raises(BundleError, match="missing from the bundle"):
        open_bundle(bundle)


@pytest.mark.parametrize("file", FILES)
def test_a_file_of_another_size_is_named_with_both_sizes(file: str, bundle: Path):
    """A cut or extended file is named with the size it has and the size it should have."""
    path = bundle / file
    content = path.read_bytes()
    for changed in (content[:-1], content + b"\n", b""):
        path.write_bytes(changed)
        expected = f"{path}: {len(changed)} bytes, the manifest says {len(content)}"
        with pytest.raises(BundleError) as caught:
            open_bundle(bundle)
        assert caught.value.message == expected


@pytest.mark.parametrize("file", ["int8.onnx", "baseline/float32.onnx"])
def test_a_link_in_the_place_of_a_file_is_refused(file: str, bundle: Path, tmp_path: Path):
    """A link, be it to the very same bytes inside the bundle or outside, is no file of a bundle."""
    inside = bundle / "copy"
    outside = tmp_path / "outside"
    for target in (inside, outside):
        shutil.copy(bundle / file, target)
        (bundle / file).rename(tmp_path / "kept")
        (bundle / file).symlink_to(target)
        with pytest.raises(BundleError, match=r"missing from the bundle|leaves the bundle by a link"):
            open_bundle(bundle)
        (bundle / file).unlink()
        (tmp_path / "kept").rename(bundle / file)
    open_bundle(bundle)


def test_a_linked_folder_that_leaves_the_bundle_is_refused(bundle: Path, tmp_path: Path):
    """A folder of the bundle that is a link to elsewhere is refused, though the bytes there are right."""
    (bundle / "baseline").rename(tmp_path / "elsewhere")
    (bundle / "baseline").symlink_to(tmp_path / "elsewhere")
    for check in (True, False):
        with pytest.raises(BundleError, match=r"the path 'baseline/float32\.onnx' leaves the bundle by a link"):
            open_bundle(bundle, check=check)


def test_links_in_a_circle_are_refused(bundle: Path):
    """A folder that is a link to itself holds no file."""
    shutil.rmtree(bundle / "baseline")
    (bundle / "baseline").symlink_to("baseline")
    with pytest.raises(BundleError, match=r"float32\.onnx"):
        open_bundle(bundle)


@pytest.mark.parametrize(
    "file",
    [
        "",
        "/etc/hostname",
        "//etc/hostname",
        "../outside",
        "baseline/../../outside",
        "baseline/..",
        "..",
        "a/../golden.json",
        "..\\outside",
        "baseline\\float32.onnx",
        "C:/outside",
        "C:outside",
        "c:\\outside",
        "\\\\host\\share",
        "file:outside",
        "golden.json\0",
        "\0",
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(file: str, bundle: Path):
    """Absolute paths, '..', other separators, drive letters and NUL are refused, also when no hashes are compared."""
    (bundle.parent / "outside").write_bytes(b"")
    add_file(bundle, file)
    for check in (True, False):
        with pytest.raises(BundleError) as caught:
            open_bundle(bundle, check=check)
        assert f"the path {file!r} leaves the bundle" in caught.value.message
        assert "\0" not in caught.value.message


@pytest.mark.parametrize("file", ["x" * 300, "y/" * 3000 + "z", ".", "golden.json/inside"])
def test_a_path_that_no_file_can_have_is_refused(file: str, bundle: Path):
    """A name longer than the file system takes, the folder itself, and a file below a file are not found."""
    add_file(bundle, file)
    with pytest.raises(BundleError, match=r"missing from the bundle|cannot be read: File name too long"):
        open_bundle(bundle)


@given(file=st.text(max_size=12) | st.lists(st.sampled_from([".", "..", "/", "a", "\\", ":", "\0", "é"])).map("".join))
def test_whatever_a_path_is_it_stays_inside_or_is_refused(file: str):
    """A path that is let through, joined to the root, stays below the root."""
    root = Path("a") / "bundle"
    try:
        check_inside(file, root)
    except BundleError:
        return
    assert root in ((root / file), *(root / file).parents)
    assert ".." not in Path(file).parts


def test_a_newer_schema_is_refused_with_both_numbers(bundle: Path):
    """A bundle of a later edgebert says which schema it has, and is refused before its unknown keys are looked at."""
    change_manifest(bundle, lambda plain: plain.update(schema=SCHEMA + 1, surprise=True))
    with pytest.raises(BundleError, match=f"bundle schema {SCHEMA + 1}; this edgebert reads up to {SCHEMA}") as caught:
        open_bundle(bundle)
    assert caught.value.hint == "pip install -U edgebert"


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
        (b'{"schema": 1, "schema": 2}', "'schema' stands twice"),
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
    with pytest.raises(
        BundleError, match=r"edgebert\.json: artifacts\[1\]\.size_bytes is \"1000\", not a whole number"
    ):
        open_bundle(bundle)


def test_a_file_name_of_half_a_character_is_refused(bundle: Path):
    """A lone surrogate in a file name is a damaged manifest, not a failure of the file system."""
    add_file(bundle, "\ud800")
    with pytest.raises(BundleError, match="lone surrogate"):
        open_bundle(bundle)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"schema": 1, "cases": [{"text": 5}]}'])
def test_damaged_golden_texts_are_named(content: bytes, bundle: Path):
    """golden.json that is empty, of another form or not UTF-8 is a damaged bundle; so is its absence."""
    opened = open_bundle(bundle)
    (bundle / GOLDEN).write_bytes(content)
    with pytest.raises(BundleError, match=r"golden\.json: "):
        opened.golden()
    (bundle / GOLDEN).unlink()
    with pytest.raises(BundleError, match=r"golden\.json: "):
        opened.golden()


@given(content=st.binary(max_size=3000))
@settings(max_examples=20)
def test_an_entry_is_the_size_and_hash_of_its_file(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    """The entry that is written for a file is the one that checks it."""
    root = tmp_path_factory.mktemp("entry")
    (root / "a.bin").write_bytes(content)
    entry = file_entry(root, "a.bin")
    assert (entry.file, entry.size_bytes) == ("a.bin", len(content))
    assert entry.sha256 == sha256_of(root / "a.bin") == hashlib.sha256(content).hexdigest()


def test_an_entry_checks_alone(whole: Path):
    """A single entry can be checked, as verify does to report on every file."""
    opened = open_bundle(whole, check=False)
    for entry in opened.entries:
        check_file(opened, entry)
