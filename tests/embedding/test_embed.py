from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.bundle import open_bundle
from edgebert.embedding.android import advice, apk_bytes
from edgebert.embedding.embed import Embedding, embed
from edgebert.embedding.places import Place, android_place, folder_place
from edgebert.errors import BundleError, CheckFailed, EnvironmentProblem, OutputError, UsageError
from tests.support import fakes
from tests.support.small_bundles import small_bundle

ROOT = Path(__file__).parents[2]
ANDROID = {"edgebert.json", "golden.json", "int8.onnx", "vocab.txt"}
WHOLE = ANDROID | {"config.json", "tokenizer.json", "tokenizer_config.json"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return small_bundle(tmp_path / "bundle")


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """Return the assets folder of a fresh module, which has none yet, as Android Studio leaves it."""
    (tmp_path / "app" / "src" / "main" / "java").mkdir(parents=True)
    return tmp_path / "app" / "src" / "main" / "assets"


@pytest.fixture
def place(assets: Path) -> Place:
    return android_place(assets, package="com.example")


def tree(folder: Path) -> dict[str, tuple[int, bytes] | str | None]:
    """Return every path below a folder with time and content of the files, and where links lead."""
    found: dict[str, tuple[int, bytes] | str | None] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        else:
            found[name] = None if path.is_dir() else (path.stat().st_mtime_ns, path.read_bytes())
    return found


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_android_app_gets_what_its_core_reads(bundle: Path, place: Place):
    """The model, the vocabulary, the golden texts and the manifest, byte by byte; nothing of the baseline."""
    made = embed(bundle, place)
    assert names(place.folder) == ANDROID
    for name in ANDROID:
        assert (place.folder / name).read_bytes() == (bundle / name).read_bytes()
    assert {entry.file for entry in made.files} == ANDROID
    assert made.written == (place.folder, place.kotlin)
    assert place.kotlin is not None
    assert "package com.example\n" in place.kotlin.read_text(encoding="utf-8")
    assert place.kotlin.parent.parent.parent.name == "java"


def test_another_app_gets_the_tokenizer_as_well(bundle: Path, tmp_path: Path):
    """A plain folder also has the files that Hugging Face libraries read, and no Kotlin."""
    made = embed(bundle, folder_place(tmp_path / "ios"), file="int8.tflite")
    assert names(tmp_path / "ios") == WHOLE - {"int8.onnx"} | {"int8.tflite"}
    assert made.artifact.file == "int8.tflite"
    assert made.written == (tmp_path / "ios",)


def test_a_bundle_of_the_exporter_is_embedded(tmp_path: Path):
    """What export_bundle writes today has all that an app gets."""
    embed(fakes.shared_bundle(), folder_place(tmp_path / "out"))
    assert names(tmp_path / "out") == WHOLE


def test_twice_is_as_good_as_once(bundle: Path, place: Place, tmp_path: Path):
    """The second run writes nothing: content and times stay, and the result says so."""
    embed(bundle, place)
    before = tree(tmp_path)
    assert embed(bundle, place).written == ()
    assert embed(bundle, place, check=True).written == ()
    assert tree(tmp_path) == before


def test_another_model_replaces_the_old_one_whole(bundle: Path, place: Place):
    """The old model file goes; the Kotlin file follows."""
    embed(bundle, place)
    assert place.kotlin is not None
    old = place.kotlin.read_bytes()
    made = embed(bundle, place, file="int8.tflite")
    assert names(place.folder) == ANDROID - {"int8.onnx"} | {"int8.tflite"}
    assert made.written == (place.folder, place.kotlin)
    assert place.kotlin.read_bytes() != old


@pytest.mark.parametrize("package", [None, "com.other"])
def test_a_kotlin_file_of_another_model_does_not_stay(package, bundle: Path, assets: Path, place: Place):
    """One that a run leaves as it is must name the model of that run: else nothing is written, and it is named."""
    embed(bundle, place)
    before = tree(assets.parent)
    other = android_place(assets, package=package)
    for check, error in ((False, OutputError), (True, CheckFailed)):
        with pytest.raises(error, match=r"com/example/EdgebertModel\.kt: names another model"):
            embed(bundle, other, file="int8.tflite", check=check, force=True)
    assert tree(assets.parent) == before
    # Another folder is about another model, and the same model may be named twice.
    embed(bundle, android_place(assets, folder="second"), file="int8.tflite")
    embed(bundle, other)


def test_only_what_differs_is_written(bundle: Path, place: Place):
    """A Kotlin file of another state is written again without touching the assets, and the other way round."""
    embed(bundle, place)
    assert place.kotlin is not None
    place.kotlin.write_bytes(place.kotlin.read_bytes() + b"// more\n")
    before = tree(place.folder)
    assert embed(bundle, place).written == (place.kotlin,)
    assert tree(place.folder) == before
    (place.folder / "vocab.txt").unlink()
    assert embed(bundle, place).written == (place.folder,)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda place: (place.folder / "vocab.txt").unlink(), "vocab.txt: missing"),
        (lambda place: (place.folder / "edgebert.json").write_bytes(b"{}"), "edgebert.json: differs"),
        (lambda place: fakes.flip_byte(place.folder / "int8.onnx"), "int8.onnx: differs"),
        (lambda place: (place.folder / "old.onnx").write_bytes(b""), "old.onnx: does not belong"),
        (lambda place: (place.folder / "sub").symlink_to("."), "sub: does not belong"),
        (lambda place: place.kotlin.unlink(), "EdgebertModel.kt: missing"),
        (lambda place: fakes.flip_byte(place.kotlin), "EdgebertModel.kt: differs"),
        (lambda place: shutil.rmtree(place.folder), "edgebert.json: missing"),
        (lambda place: shutil.rmtree(place.folder.parent), "edgebert.json: missing"),
    ],
)
def test_check_names_the_first_difference_and_writes_nothing(
    bundle: Path, place: Place, damage, message, tmp_path: Path
):
    """A file that is missing, differs or is too many fails the check; written by force, all is well again."""
    embed(bundle, place)
    damage(place)
    before = tree(tmp_path)
    with pytest.raises(CheckFailed) as caught:
        embed(bundle, place, check=True)
    assert message in caught.value.message
    assert ("remove it" in caught.value.hint) == ("does not belong" in message)
    assert tree(tmp_path) == before
    embed(bundle, place, force=True)
    embed(bundle, place, check=True)


def test_a_link_in_place_of_a_file_is_not_that_file(bundle: Path, place: Place, tmp_path: Path):
    """A link to equal bytes fails the check; it is replaced, and what it leads to stays."""
    embed(bundle, place)
    outside = tmp_path / "outside.txt"
    shutil.move(place.folder / "vocab.txt", outside)
    (place.folder / "vocab.txt").symlink_to(outside)
    with pytest.raises(CheckFailed, match="not a plain file"):
        embed(bundle, place, check=True)
    embed(bundle, place)
    assert not (place.folder / "vocab.txt").is_symlink()
    assert outside.read_bytes() == (bundle / "vocab.txt").read_bytes()


@pytest.mark.parametrize(
    ("shipped", "file", "chosen"),
    [
        (("int8.onnx", "int8.tflite"), None, "int8.onnx"),
        (("int8.tflite",), None, "int8.tflite"),
        (("float32.onnx",), None, "float32.onnx"),
        (("int8.onnx", "int8.tflite"), "int8.tflite", "int8.tflite"),
    ],
)
def test_the_file_that_is_taken(shipped, file, chosen, tmp_path: Path):
    """The one asked for, else the only one, else int8.onnx."""
    bundle = small_bundle(tmp_path / "bundle", shipped=shipped)
    assert embed(bundle, folder_place(tmp_path / "out"), file=file).artifact.file == chosen
    assert {name for name in names(tmp_path / "out") if name.endswith(("onnx", "tflite"))} == {chosen}


@pytest.mark.parametrize(
    ("shipped", "file", "message"),
    [
        (("float32.onnx", "int8-legacy.tflite"), None, "2 model files ship"),
        (("int8.onnx",), "baseline/float32.onnx", "never ships"),
        (("int8.onnx",), "int4.onnx", "no model file 'int4.onnx'"),
        (("int8.onnx",), "vocab.txt", "no model file"),
        (("int8.onnx",), "../int8.onnx", "no model file"),
    ],
)
def test_a_choice_that_cannot_be(shipped, file, message: str, tmp_path: Path):
    """A baseline, an unknown name and an open choice are refused, and the hint has the files that ship."""
    bundle = small_bundle(tmp_path / "bundle", shipped=shipped)
    with pytest.raises(UsageError, match=message) as caught:
        embed(bundle, folder_place(tmp_path / "out"), file=file)
    assert shipped[0] in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["int8.onnx", "vocab.txt", "baseline/float32.onnx", "edgebert.json"])
def test_a_damaged_bundle_reaches_no_app(name: str, bundle: Path, place: Place, tmp_path: Path):
    """One flipped bit in any file, and nothing is written: the app keeps what it had."""
    embed(bundle, place)
    embed(bundle, place, file="int8.tflite")
    (bundle / name).write_bytes(b"\xff" + (bundle / name).read_bytes()[1:])
    before = tree(tmp_path)
    with pytest.raises(BundleError, match=name):
        embed(bundle, place)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["vocab.txt", "golden.json"])
def test_a_bundle_that_lacks_a_file_is_refused(name: str, bundle: Path, place: Place):
    """A manifest that does not list what an app needs is named."""
    manifest = json.loads((bundle / "edgebert.json").read_text(encoding="utf-8"))
    files = [entry for entry in manifest["files"] if entry["file"] != name]
    fakes.edit_json(bundle / "edgebert.json", files=files)
    with pytest.raises(BundleError, match=f"lists no {name}"):
        embed(bundle, place)


def test_nothing_but_an_embedding_is_replaced(bundle: Path, tmp_path: Path):
    """A folder of other things stays even with force; another bundle, whose baseline would be lost, stays without."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "vocab.txt").write_text("mine", encoding="utf-8")
    before = tree(other)
    for force in (False, True):
        with pytest.raises(OutputError, match=r"no edgebert\.json"):
            embed(bundle, folder_place(other), force=force)
    assert tree(other) == before
    second = small_bundle(tmp_path / "second")
    before = tree(second)
    with pytest.raises(OutputError, match=r"README\.md"):
        embed(bundle, folder_place(second))
    assert tree(second) == before
    embed(bundle, folder_place(second), force=True)
    assert names(second) == WHOLE


def test_a_kotlin_file_of_another_hand_is_kept(bundle: Path, place: Place):
    """It is replaced only with force; the assets are not written either."""
    assert place.kotlin is not None
    place.kotlin.parent.mkdir(parents=True)
    place.kotlin.write_text("package com.example\n", encoding="utf-8")
    with pytest.raises(OutputError, match="did not write it"):
        embed(bundle, place)
    assert not place.folder.exists()
    embed(bundle, place, force=True)
    embed(bundle, place, check=True)


def test_bundle_and_target_are_apart(bundle: Path, tmp_path: Path):
    """The bundle itself, a folder in it and one around it are refused, by links too, even with force."""
    before = tree(bundle)
    (tmp_path / "link").symlink_to(bundle)
    for target in (bundle, bundle / "app", tmp_path, tmp_path / "link", tmp_path / "link" / "app"):
        with pytest.raises(OutputError, match="is inside the other"):
            embed(bundle, folder_place(target), force=True)
    assert tree(bundle) == before


def test_a_link_that_leads_in_a_circle_is_no_folder(bundle: Path, tmp_path: Path):
    """A circle and a link to nowhere are refused and left."""
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "nowhere").symlink_to("gone")
    for name in ("circle", "nowhere"):
        with pytest.raises(OutputError):
            embed(bundle, folder_place(tmp_path / name))
        assert (tmp_path / name).is_symlink()
    assert not (tmp_path / "gone").exists()


def test_a_linked_folder_is_written_where_it_leads(bundle: Path, tmp_path: Path):
    """The link stays a link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    embed(bundle, folder_place(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == WHOLE


FULL = """
import resource, signal, sys
from pathlib import Path
from edgebert.embedding.embed import embed
from edgebert.embedding.places import android_place
from edgebert.errors import EdgebertError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    embed(sys.argv[1], android_place(Path(sys.argv[2]), package="com.example"))
except EdgebertError as error:
    sys.stdout.write(error.message)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(("room", "before"), [(1000, False), (3100, False), (1000, True), (3100, True)])
def test_a_full_disk_leaves_all_as_it_was(room: int, before: bool, bundle: Path, place: Place, tmp_path: Path):
    """Whether the Kotlin file or the model does not fit: one message, exit code 3, no file or folder more or less."""
    if before:
        embed(bundle, place, file="int8.tflite")
    found = tree(tmp_path)
    words = [sys.executable, "-B", "-c", FULL, str(bundle), str(place.folder.parent), str(room)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (3, "")
    assert "no room left on the disk" in done.stdout
    assert tree(tmp_path) == found


def test_a_place_that_cannot_be_written(bundle: Path, assets: Path, tmp_path: Path):
    """A name longer than the file system takes is one error, and the folders made on the way are gone again."""
    found = tree(tmp_path)
    with pytest.raises(OutputError):
        embed(bundle, folder_place(tmp_path / ("x" * 300)))
    with pytest.raises(OutputError):
        embed(bundle, android_place(assets, folder="x" * 300))
    with pytest.raises(OutputError):
        embed(bundle, android_place(assets, package=f"com.{'x' * 300}"))
    assert tree(tmp_path) == found


def test_what_a_killed_run_left_is_in_nobodys_way(bundle: Path, place: Place, tmp_path: Path):
    """A half-written Kotlin file beside the place is removed, and a link of such a name is followed nowhere."""
    assert place.kotlin is not None
    place.kotlin.parent.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("mine", encoding="utf-8")
    link = place.kotlin.with_name("EdgebertModel.kt.partial")
    link.symlink_to(outside)
    place.kotlin.with_name(".EdgebertModel.kt.partial-0123456789abcdef").write_text("half", encoding="utf-8")
    embed(bundle, place)
    assert sorted(path.name for path in place.kotlin.parent.iterdir()) == ["EdgebertModel.kt", link.name]
    assert outside.read_text(encoding="utf-8") == "mine"


def test_errors_of_the_file_system_become_ours(place: Place):
    """No room is a problem of the machine, anything else one of the place; unfinished names are not shown."""
    from edgebert.embedding.places import writing

    for number, kind in ((errno.ENOSPC, EnvironmentProblem), (errno.EACCES, OutputError), (errno.EIO, OutputError)):
        with pytest.raises(kind, match="edgebert: ") as caught, writing(place.folder):
            raise OSError(number, os.strerror(number), str(place.folder) + ".partial-1")
        assert "partial" not in caught.value.message


def embedded(bundle: Path, out: Path, file: str) -> Embedding:
    return embed(bundle, folder_place(out), file=file)


def test_the_build_fits_the_format(bundle: Path, tmp_path: Path):
    """Suffix, library and keep rule belong to the format; an old runtime is named only for files that it reads."""
    onnx = advice(embedded(bundle, tmp_path / "a", "int8.onnx").artifact)
    assert 'noCompress += "onnx"' in onnx.gradle
    assert "onnxruntime-android:" in onnx.gradle
    assert onnx.rules == "-keep class ai.onnxruntime.** { *; }"
    assert "operator set 17 and IR 8 are read from 1.17 on" in onnx.notes[0]
    tflite = advice(embedded(bundle, tmp_path / "b", "int8.tflite").artifact)
    assert 'noCompress += "tflite"' in tflite.gradle
    assert "litert" in tflite.gradle
    assert "onnxruntime" not in tflite.gradle + tflite.rules
    manifest = json.loads((bundle / "edgebert.json").read_text(encoding="utf-8"))
    for item in manifest["artifacts"]:
        item["opset"] = item["opset"] and 21
    fakes.edit_json(bundle / "edgebert.json", artifacts=manifest["artifacts"])
    assert "1.17" not in advice(open_bundle(bundle).artifact("int8.onnx")).notes[0]


def test_the_size_in_the_apk(bundle: Path, place: Place):
    """The model counts as it is, the others deflated: more than the model, less than all files."""
    made = embed(bundle, place)
    size = apk_bytes(place.folder, made.files, made.artifact)
    assert made.artifact.size_bytes < size < sum(entry.size_bytes for entry in made.files)


@pytest.mark.parametrize("manifest", [False, True])
def test_force_is_promised_only_where_it_replaces(bundle: Path, tmp_path: Path, manifest: bool):
    """The hint names ``--force`` for a folder with a manifest, and then it works; any other folder stays."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine", encoding="utf-8")
    if manifest:
        (folder / "edgebert.json").write_text("{}", encoding="utf-8")
    with pytest.raises(OutputError, match="not replaced: it holds thesis") as caught:
        embed(bundle, folder_place(folder))
    assert ("--force" in caught.value.hint) is manifest
    if manifest:
        embed(bundle, folder_place(folder), force=True)
        assert not (folder / "thesis.txt").exists()
    else:
        with pytest.raises(OutputError, match="not replaced"):
            embed(bundle, folder_place(folder), force=True)
        assert (folder / "thesis.txt").read_text(encoding="utf-8") == "mine"
