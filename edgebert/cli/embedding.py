"""The command that puts a bundle into an app: embed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from edgebert.cli import output
from edgebert.cli.options import BundleFolder, Force, Json, option
from edgebert.errors import UsageError

if TYPE_CHECKING:
    from edgebert.embedding.embed import Embedding
    from edgebert.embedding.places import Place


def embed(
    bundle: BundleFolder,
    android: Annotated[
        Path | None, option("Assets folder of an Android module, e.g. app/src/main/assets.", metavar="FOLDER")
    ] = None,
    into: Annotated[Path | None, option("Folder to write, for any other app.", metavar="FOLDER")] = None,
    file: Annotated[
        str | None,
        option("Model file to copy.", metavar="NAME", default="the only shipped one, or int8.onnx"),
    ] = None,
    folder: Annotated[
        str | None, option("Name of the folder in the assets.", metavar="NAME", default="edgebert")
    ] = None,
    kotlin_package: Annotated[
        str | None, option("Also write EdgebertModel.kt, in this package.", metavar="PACKAGE")
    ] = None,
    kotlin_out: Annotated[
        Path | None,
        option("Kotlin file to write.", metavar="FILE", default="EdgebertModel.kt in src/main/kotlin or java"),
    ] = None,
    public_key: Annotated[
        Path | None, option("Public key (Ed25519, PEM) that must have signed the bundle.", metavar="FILE")
    ] = None,
    *,
    check: Annotated[
        bool, option("Write nothing; exit with code 1 unless everything is up to date.", "--check")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Copy the shipped files of a bundle into an app, with Kotlin code and the Gradle lines.

    Give `--android` or `--into`. Copies the model file, `vocab.txt`, `golden.json` and `edgebert.json`; with `--into`
    also what tokenizer libraries read. FP32 files are never copied. Files that are up to date are not written again,
    and `--check` makes the same command a check for CI. A folder is replaced if it holds what `embed` writes and
    nothing else; `--force` also replaces any other folder with an `edgebert.json`, and a Kotlin file that edgebert did
    not write. [Embedding](embedding.md) describes what to do in the app.
    """
    from edgebert.embedding.embed import embed as put

    place = _place(android, into, folder=folder, package=kotlin_package, kotlin_out=kotlin_out)
    made = put(bundle, place, file=file, public_key=public_key, check=check, force=force)
    if as_json:
        output.show_json(_plain(made))
        return
    output.show_table(("file", "size MB"), [(item.file, f"{item.size_bytes / 1e6:.3f}") for item in made.files])
    if place.kind == "android" and not check:
        _show_build(made)
    if not made.written:
        output.show_note(f"up to date: {place.folder}{f', {place.kotlin}' if place.kotlin else ''}")
    for path in made.written:
        output.show_note(f"wrote {path}")


def _place(
    android: Path | None, into: Path | None, *, folder: str | None, package: str | None, kotlin_out: Path | None
) -> Place:
    from edgebert.embedding.places import FOLDER, android_place, folder_place

    if (android is None) == (into is None):
        raise UsageError("one of --android and --into is needed, and only one", hint="edgebert embed --help")
    if android is not None:
        name = FOLDER if folder is None else folder
        return android_place(android, folder=name, package=package, kotlin_out=kotlin_out)
    assert into is not None
    for name, value in (("--folder", folder), ("--kotlin-package", package), ("--kotlin-out", kotlin_out)):
        if value is not None:
            raise UsageError(f"{name} goes with --android only", hint="leave it out, or give --android")
    return folder_place(into)


def _show_build(made: Embedding) -> None:
    from edgebert.embedding.android import advice, apk_bytes

    wanted = advice(made.artifact)
    output.show_text("", "build.gradle.kts of the module:", "")
    output.show_text(*(f"    {line}".rstrip() for line in wanted.gradle.splitlines()))
    output.show_text("", "proguard-rules.pro, if the app is shrunk by R8:", "")
    output.show_text(f"    {wanted.rules}", "")
    size = apk_bytes(made.place.folder, made.files, made.artifact)
    output.show_text(f"adds {size / 1e6:.1f} MB to the APK: the model as it is, the other files compressed")
    for note in wanted.notes:
        output.show_note(f"note: {note}")


def _plain(made: Embedding) -> dict[str, object]:
    from edgebert.embedding.android import advice, apk_bytes

    android = made.place.kind == "android"
    return {
        "model": made.artifact.file,
        "folder": str(made.place.folder),
        "files": list(made.files),
        "kotlin": None if made.place.kotlin is None else str(made.place.kotlin),
        "written": [str(path) for path in made.written],
        "apk_bytes": apk_bytes(made.place.folder, made.files, made.artifact) if android else None,
        "build": advice(made.artifact) if android else None,
    }
