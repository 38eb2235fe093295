"""``python -m export``: releases are declared, made whole or not at all, and indexed by what lies there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bundle import open_bundle, sha256_of
from edgebert.errors import BundleError, OutputError, UsageError
from edgebert.recipe import load_recipe
from export.__main__ import main as leave
from export.release import INDEX, LIST, Index, Release, chosen, make_releases, read_releases, write_index
from tests.support import fakes

RECIPE = """
name = "small"
description = "one ONNX file"
lengths = [8]
[[targets]]
format = "onnx"
precision = "int8"
"""


def main(words: list[str]) -> int:
    with pytest.raises(SystemExit) as left:
        leave(words)
    assert isinstance(left.value.code, int)
    return left.value.code


def declare(
    folder: Path,
    *,
    checkpoint: Path,
    evaluation: Path | None = None,
    train: Path | None = None,
    name: str = "tiny",
    recipe: str = RECIPE,
) -> Path:
    (folder / "small.toml").write_text(recipe)
    lines = ["[[releases]]", f'name = "{name}"', 'description = "a tiny one"', 'recipe = "small.toml"']
    lines.append(f'checkpoint = "{checkpoint}"')
    if evaluation:
        lines.append(f'evaluation = "{evaluation}"')
    if train:
        lines.append(f'train = "{train}"')
    path = folder / "releases.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def data(tmp_path):
    return fakes.write_data(tmp_path / "eval.tsv", [(text, index % 2) for index, text in enumerate(fakes.TEXTS)])


def test_the_shipped_list_is_sound():
    """Every release of the repository has a recipe that loads and a place for its checkpoint under build/."""
    releases = read_releases()
    assert [release.name for release in releases] == ["demo", "demo-small"]
    for release in releases:
        recipe = load_recipe(LIST.parent / release.recipe if release.recipe.endswith(".toml") else release.recipe)
        assert recipe.targets
        assert (recipe.prune is not None) == (release.train is not None)
        for file in (release.checkpoint, release.evaluation, release.train):
            assert file is None or file.startswith("build/")


def test_a_release_is_a_bundle_and_stands_in_the_index(tmp_path, data, capsys):
    """The command makes a bundle and an index with its hashes, sizes and scores; a second run is refused."""
    listed = declare(tmp_path, checkpoint=fakes.shared_checkpoint(), evaluation=data)
    words = ["tiny", "--releases", str(listed), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    bundle = open_bundle(tmp_path / "out" / "tiny")
    index = json.loads((tmp_path / "out" / INDEX).read_text())
    (entry,) = index["bundles"]
    assert entry["folder"] == "tiny"
    assert entry["recipe"] == "small"
    assert entry["manifest_sha256"] == sha256_of(bundle.root / "edgebert.json")
    assert {item["file"] for item in entry["files"]} == {"tiny/int8.onnx", "tiny/baseline/float32.onnx"}
    for item in entry["files"]:
        path = tmp_path / "out" / item["file"]
        assert (item["size_bytes"], item["sha256"]) == (path.stat().st_size, sha256_of(path))
        assert item["score"]["examples"] == len(fakes.TEXTS)
    assert str(tmp_path) not in (tmp_path / "out" / INDEX).read_text()

    before = (tmp_path / "out" / INDEX).read_bytes()
    capsys.readouterr()
    assert main(words) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*words, "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == index
    assert (tmp_path / "out" / INDEX).read_bytes() == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [INDEX, "tiny"]


def test_a_release_that_prunes_learns_from_its_training_texts(tmp_path, data, capsys):
    """The texts named by train decide what is cut; every file is compared with the checkpoint as it was."""
    texts = [f"{one} {other}" for one in fakes.TEXTS for other in fakes.WORDS[:4]]
    train = fakes.write_data(tmp_path / "train.tsv", [(text, index % 2) for index, text in enumerate(texts)])
    pruning = RECIPE.replace("[[targets]]", "[prune]\nkeep = 0.6\n[[targets]]")
    listed = declare(tmp_path, checkpoint=fakes.shared_checkpoint(), evaluation=data, train=train, recipe=pruning)
    assert main(["tiny", "--releases", str(listed), "--out", str(tmp_path / "out")]) == 0, capsys.readouterr().err
    manifest = open_bundle(tmp_path / "out" / "tiny").manifest
    assert (manifest.pruning.train.sha256, manifest.pruning.train.examples) == (sha256_of(train), len(texts))
    assert manifest.pruning.macs_share <= 0.6
    assert manifest.original.checkpoint == fakes.shared_checkpoint().name
    assert manifest.evaluation.sha256 == sha256_of(data)
    (entry,) = json.loads((tmp_path / "out" / INDEX).read_text())["bundles"]
    assert entry["checkpoint_sha256"] == manifest.provenance.checkpoint_sha256
    assert {item["file"] for item in entry["files"]} == {"tiny/int8.onnx", "tiny/baseline/float32.onnx"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [INDEX, "tiny"]


def test_nothing_is_made_when_one_of_the_releases_cannot_be(tmp_path):
    """Inputs of all releases are looked at before the first is exported."""
    good = Release(name="good", description="", checkpoint=str(fakes.shared_checkpoint()), recipe="int8")
    for bad in (
        Release(name="bad", description="", checkpoint=str(tmp_path / "no" / "checkpoint"), recipe="int8"),
        Release(name="bad", description="", checkpoint=good.checkpoint, recipe="int8", evaluation="no/such.tsv"),
        Release(name="bad", description="", checkpoint=good.checkpoint, recipe="keep50-int8", train="no/such.tsv"),
    ):
        with pytest.raises(UsageError, match=r"'bad': there is no"):
            make_releases((good, bad), tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_the_index_names_what_is_there_and_refuses_what_is_damaged(tmp_path):
    """The index is made from the bundles in the folder; other things there are ignored, a flipped byte is refused."""
    fakes.copy_of(fakes.shared_bundle(), tmp_path / "b")
    fakes.copy_of(fakes.shared_bundle(), tmp_path / "a")
    (tmp_path / "notes").mkdir()
    index = write_index(tmp_path)
    assert isinstance(index, Index)
    assert [entry.folder for entry in index.bundles] == ["a", "b"]
    content = (tmp_path / INDEX).read_bytes()
    shutil.rmtree(tmp_path / "b")
    assert [entry.folder for entry in write_index(tmp_path).bundles] == ["a"]
    shutil.rmtree(tmp_path / "a")
    fakes.copy_of(fakes.shared_bundle(), tmp_path / "a")
    fakes.copy_of(fakes.shared_bundle(), tmp_path / "b")
    write_index(tmp_path)
    assert (tmp_path / INDEX).read_bytes() == content

    file = tmp_path / "b" / "int8.onnx"
    damaged = bytearray(file.read_bytes())
    damaged[100] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(BundleError, match=r"int8\.onnx"):
        write_index(tmp_path)
    assert (tmp_path / INDEX).read_bytes() == content


def test_an_index_that_cannot_be_written_is_an_error_of_ours(tmp_path):
    """Where the index would replace a folder, the error names the place, and nothing half-written stays."""
    (tmp_path / INDEX).mkdir()
    with pytest.raises(OutputError, match=r"index\.json"):
        write_index(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [INDEX]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("releases = 3", "not a list"),
        ("[[releases]]\nname = 'a'", "is missing"),
        ("[[releases]\n", "not TOML"),
        ("[[releases]]\nname = '../up'\ndescription = ''\ncheckpoint = 'c'\nrecipe = 'int8'", "lower-case"),
        (2 * "[[releases]]\nname = 'a'\ndescription = ''\ncheckpoint = 'c'\nrecipe = 'int8'\n", "twice"),
    ],
)
def test_a_malformed_list_is_refused(tmp_path, capsys, text, said):
    """One clear line and exit code 2, whatever is wrong with the list."""
    path = tmp_path / "releases.toml"
    path.write_text(text)
    assert main(["--list", "--releases", str(path)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["nope"], ["--list", "--releases", "no-such.toml"]])
def test_a_request_that_cannot_be_carried_out_is_refused(capsys, words):
    """No name, an unknown name, a missing list: exit code 2 and one line."""
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_list_is_shown(capsys):
    """--list prints every release and makes none."""
    assert main(["--list"]) == 0
    assert "build/demo/model" in capsys.readouterr().out
    assert main(["--list", "--json"]) == 0
    assert [item["name"] for item in json.loads(capsys.readouterr().out)] == ["demo", "demo-small"]


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdefgh")))
def test_chosen_keeps_the_order_of_the_list(known, names):
    """Every named release is chosen once, in the order of the list; an unknown name is refused."""
    releases = tuple(Release(name=name, description="", checkpoint="c", recipe="int8") for name in known)
    if not names or set(names) - set(known):
        with pytest.raises(UsageError):
            chosen(releases, names)
    else:
        assert [release.name for release in chosen(releases, names)] == [name for name in known if name in names]
