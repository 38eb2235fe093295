from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edgebert.bundle import open_bundle
from tests.android.calls import error_of
from tests.support import fakes

FILE = "int8.onnx"


def store(jvm, folder, to, file=FILE):
    return jvm.call("model store", folder=str(folder), file=file, store=str(to))


def test_copies_are_made_once(jvm, bundle, tmp_path):
    """A model is copied under the name of its hash, and the copy is used from then on."""
    to = tmp_path / "copies" / "models"
    copy = store(jvm, bundle, to)
    assert [path.name for path in to.iterdir()] == [f"{open_bundle(bundle).artifact(FILE).sha256}.onnx"]
    assert (to / copy).read_bytes() == (bundle / FILE).read_bytes()
    before = (to / copy).stat().st_mtime_ns
    assert store(jvm, bundle, to) == copy
    assert (to / copy).stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", [fakes.flip_byte, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_damaged_copies_are_made_again(jvm, bundle, tmp_path, damage):
    """A copy that is not what the manifest says any more is replaced before it is used."""
    copy = store(jvm, bundle, tmp_path / "models")
    damage(tmp_path / "models" / copy)
    assert store(jvm, bundle, tmp_path / "models") == copy
    assert (tmp_path / "models" / copy).read_bytes() == (bundle / FILE).read_bytes()


def test_copies_of_other_models_go(jvm, bundle, tmp_path):
    """Copies of other models and what was interrupted are deleted, what another process may be writing is not."""
    to = tmp_path / "models"
    to.mkdir()
    (to / "copy0.part").write_bytes(b"interrupted")
    os.utime(to / "copy0.part", (1.0, 1.0))
    (to / f"{'0' * 64}.onnx").write_bytes(b"old")
    (to / "copy1.part").write_bytes(b"new")
    copy = store(jvm, bundle, to)
    assert {path.name for path in to.iterdir()} == {"copy1.part", (to / copy).name}


def test_damaged_asset_leaves_no_copy(jvm, bundle, tmp_path):
    """A model that is damaged among the assets is refused, and nothing of it stays."""
    fakes.flip_byte(bundle / FILE)
    assert error_of(jvm, "model store", folder=str(bundle), file=FILE, store=str(tmp_path / "models"))[0] == (
        "DAMAGED_FILE"
    )
    assert list((tmp_path / "models").iterdir()) == []


def test_folder_that_cannot_be_made(jvm, bundle, tmp_path):
    """Where there can be no folder for the copies, the message says what for."""
    (tmp_path / "file").write_bytes(b"")
    kind, message = error_of(jvm, "model store", folder=str(bundle), file=FILE, store=str(tmp_path / "file" / "a"))
    assert (kind, message) == ("NO_SPACE", f"{FILE}: the folder for its copy cannot be made")


def test_full_storage(jvm, bundle):
    """Where there is no room, the message says so and how much is needed."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    jvm.call("open", folder=str(bundle))
    kind, message = error_of(jvm, "copy to", file=FILE, target="/dev/full")
    assert kind == "NO_SPACE"
    assert message.startswith(f"{FILE}: cannot be written: ")


def test_model_larger_than_the_storage(jvm, bundle, tmp_path):
    """A model that cannot fit is refused before any of it is written."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    next(item for item in manifest["artifacts"] if item["file"] == FILE)["size_bytes"] = 1 << 60
    fakes.write_manifest(bundle / "edgebert.json", manifest)
    kind, message = error_of(jvm, "model store", folder=str(bundle), file=FILE, store=str(tmp_path / "models"))
    assert kind == "NO_SPACE"
    assert message.startswith(f"{FILE}: its copy needs 1152921504607 MB, and ")
