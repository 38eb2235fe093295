"""The command that puts a bundle into an app."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Force, Json
from edgebert.errors import UsageError

if TYPE_CHECKING:
    from edgebert.embedding.embed import Embedding
    from edgebert.embedding.places import Place


def embed(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    android: Annotated[
        Path | None,
        typer.Option(help="Assets folder of an Android module, as in app/src/main/assets.", show_default="none"),
    ] = None,
    into: Annotated[
        Path | None, typer.Option(help="Plain folder to make, for any other app.", show_default="none")
    ] = None,
    file: Annotated[
        str | None, typer.Option(help="Model file to take.", show_default="the only one that ships, or int8.onnx")
    ] = None,
    folder: Annotated[
        str | None, typer.Option(help="Name of the folder within the assets.", show_default="edgebert")
    ] = None,
    kotlin_package: Annotated[
        str | None, typer.Option(help="Also write EdgebertModel.kt, in this package.", show_default="none")
    ] = None,
    kotlin_out: Annotated[
        Path | None,
        typer.Option(help="The Kotlin file to write.", show_default="in src/main/kotlin or java beside the assets"),
    ] = None,
    public_key: Annotated[
        Path | None,
        typer.Option(help="Public key (Ed25519, PEM) that must have signed the bundle.", show_default="none"),
    ] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 unless all is there and up to date.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Copy what ships of a bundle into an app, with a Kotlin file that names it, and say what the build needs."""
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
        output.show_note(f"up to date: {', '.join(map(str, _places(made)))}")
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
    options = {"--folder": folder, "--kotlin-package": package, "--kotlin-out": kotlin_out}
    for option, value in options.items():
        if value is not None:
            raise UsageError(f"{option} goes with --android only", hint="leave it out, or give --android")
    return folder_place(into)


def _show_build(made: Embedding) -> None:
    from edgebert.embedding.android import advice, apk_bytes

    wanted = advice(made.artifact)
    output.show_text("build.gradle.kts of the module:", "")
    output.show_text(*(f"    {line}".rstrip() for line in wanted.gradle.splitlines()))
    output.show_text("", "proguard-rules.pro, if the app is shrunk by R8:", "")
    output.show_text(f"    {wanted.rules}", "")
    size = apk_bytes(made.place.folder, made.files, made.artifact)
    output.show_text(f"adds {size / 1e6:.1f} MB to the APK: the model as it is, the other files compressed")
    for note in wanted.notes:
        output.show_note(f"note: {note}")


def _places(made: Embedding) -> list[Path]:
    return [made.place.folder, *([made.place.kotlin] if made.place.kotlin else [])]


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
