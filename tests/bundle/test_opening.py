"""A bundle opens whole, wherever it lies and whichever model its baselines are of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.bundle import MANIFEST, file_entry, is_bundle, open_bundle, sha256_of
from edgebert.errors import BundleError, UsageError
from edgebert.golden import GOLDEN_SCHEMA, Golden
from edgebert.jsonio import dumps
from tests.bundle.manifests import FILES, change_manifest
from tests.support.tiny_files import GOLDEN_TEXTS, answer, golden_case, logits, make_manifest


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
    assert tuple(case.texts[0] for case in golden.cases) == GOLDEN_TEXTS
    assert all(case.windows[0].outputs == logits(answer(case.windows[0].input_ids)) for case in golden.cases)


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
        "golden.json": dumps(Golden(schema=GOLDEN_SCHEMA, cases=(golden_case("good", (1, 2), (0.5, 0.25)),))),
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
            "text": plain["text"] | {"lengths": [4, 6], "max_length": 6, "pad_id": 4},
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
    assert (rules.spec.max_length, rules.spec.pad_id) == (6, 4)
    assert opened.golden() == before.golden()
    assert [window.input_ids for window in opened.golden("baseline").windows] == [(1, 2)]


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
        del plain["digest"], plain["original"], plain["pruning"], plain["recipe"]["prune"]

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
    """A single file can be checked, as verify does to report on every file."""
    opened = open_bundle(whole, check=False)
    for entry in opened.entries:
        assert opened.path(entry.file) == whole / entry.file
