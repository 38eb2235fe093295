from __future__ import annotations

from pathlib import Path

import pytest

from edgebert.embedding.places import android_place, folder_place
from edgebert.errors import OutputError, UsageError


@pytest.fixture
def main(tmp_path: Path) -> Path:
    folder = tmp_path / "app" / "src" / "main"
    folder.mkdir(parents=True)
    return folder


def test_the_folder_lies_within_the_assets(main: Path):
    """Under its usual name or the one asked for; the assets themselves need not be there yet, and are not made here."""
    assert android_place(main / "assets").folder == main / "assets" / "edgebert"
    assert android_place(main / "assets", folder="mood-2.b").folder == main / "assets" / "mood-2.b"
    assert not (main / "assets").exists()


@pytest.mark.parametrize(
    ("there", "root"),
    [((), "kotlin"), (("java",), "java"), (("java", "kotlin"), "kotlin"), (("kotlin",), "kotlin")],
)
def test_the_kotlin_file_lies_beside_the_assets(main: Path, there: tuple[str, ...], root: str):
    """In src/main/kotlin, or in src/main/java where only that is there, below the folders of its package."""
    for name in there:
        (main / name).mkdir()
    found = android_place(main / "assets", package="com.example.app").kotlin
    assert found == main / root / "com" / "example" / "app" / "EdgebertModel.kt"


def test_the_kotlin_file_stays_where_it_was(main: Path):
    """Once written to src/main/java it is not written a second time when src/main/kotlin appears."""
    old = main / "java" / "com" / "EdgebertModel.kt"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"")
    (main / "kotlin").mkdir()
    assert android_place(main / "assets", package="com").kotlin == old


def test_a_relative_place_is_understood(main: Path, monkeypatch: pytest.MonkeyPatch):
    """From within src/main, `assets` is the module's assets folder."""
    monkeypatch.chdir(main)
    assert android_place(Path("assets"), package="com").kotlin == Path("kotlin/com/EdgebertModel.kt")


def test_a_kotlin_file_of_choice(main: Path, tmp_path: Path):
    """Given by name it may lie anywhere, and the assets may have any name."""
    place = android_place(main / "models", package="com", kotlin_out=tmp_path / "Model.kt")
    assert place.kotlin == tmp_path / "Model.kt"


@pytest.mark.parametrize(
    ("assets", "options", "message"),
    [
        ("models", {"package": "com"}, "has no place"),
        ("assets", {"package": "com.in"}, "keyword"),
        ("assets", {"kotlin_out": Path("Model.kt")}, "--kotlin-package"),
        ("assets", {"package": "com", "kotlin_out": Path("Model.java")}, "Kotlin file"),
        ("assets", {"folder": ""}, "--folder"),
        ("assets", {"folder": ".hidden"}, "--folder"),
        ("assets", {"folder": "_left-out"}, "--folder"),
        ("assets", {"folder": "a/b"}, "--folder"),
        ("assets", {"folder": ".."}, "--folder"),
        ("assets", {"folder": "a\n"}, "--folder"),
    ],
)
def test_a_request_that_makes_no_sense(main: Path, assets: str, options, message: str):
    """Names that no asset or package can have, and options that need another."""
    with pytest.raises(UsageError, match=message):
        android_place(main / assets, **options)


def test_a_kotlin_file_among_the_assets_is_refused(main: Path):
    """It would be packed into the app as data."""
    (main / "assets").mkdir()
    with pytest.raises(UsageError, match="among the assets"):
        android_place(main / "assets", package="com", kotlin_out=main / "assets" / "Model.kt")


def test_a_module_is_not_its_assets(main: Path, tmp_path: Path):
    """Module, project and missing parents are told from an assets folder; so is a file."""
    for given in (tmp_path / "app", tmp_path):
        (tmp_path / "settings.gradle.kts").touch()
        with pytest.raises(OutputError, match="not its assets"):
            android_place(given)
    with pytest.raises(OutputError, match="no such folder"):
        android_place(tmp_path / "ap" / "src" / "main" / "assets")
    (main / "assets").touch()
    with pytest.raises(OutputError, match="not a folder"):
        android_place(main / "assets")
    (main / "assets").unlink()
    (main / "assets").symlink_to("gone")
    with pytest.raises(OutputError, match="not a folder"):
        android_place(main / "assets")


@pytest.mark.parametrize("name", ["java", "kotlin", "AndroidManifest.xml"])
def test_a_source_set_is_not_its_assets(main: Path, name: str):
    """Whoever leaves out the last part of src/main/assets is told so, and no folder appears beside the sources."""
    (main / name).mkdir()
    with pytest.raises(OutputError, match="a source set, not its assets"):
        android_place(main)
    assert android_place(main / "assets").folder == main / "assets" / "edgebert"


def test_a_kotlin_link_is_refused(main: Path, tmp_path: Path):
    """A link or a folder in the place of the file is named, not followed."""
    (tmp_path / "real.kt").touch()
    (tmp_path / "link.kt").symlink_to("real.kt")
    (tmp_path / "folder.kt").mkdir()
    for name in ("link.kt", "folder.kt"):
        with pytest.raises(OutputError, match=name):
            android_place(main / "assets", package="com", kotlin_out=tmp_path / name)
    with pytest.raises(OutputError, match="no such folder"):
        android_place(main / "assets", package="com", kotlin_out=tmp_path / "gone" / "Model.kt")


def test_a_plain_folder_needs_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The folder itself may be new; a name alone lies in the working folder."""
    monkeypatch.chdir(tmp_path)
    assert folder_place(Path("ios")).folder == Path("ios")
    with pytest.raises(OutputError, match="no such folder"):
        folder_place(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="not a folder"):
        folder_place(tmp_path / "file" / "b")
