"""``python -m export.apk``: the Android demo without the Android SDK."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edgebert.cli import output
from edgebert.cli.commands import Group, add_commands
from edgebert.cli.options import Json, Verbose, argument, option
from edgebert.cli.run import run
from edgebert.errors import CheckFailed, UsageError
from export.apk import fetch as packages
from export.apk.project import BUILD

app = typer.Typer(
    cls=Group,
    help="Build the Android demo without the Android SDK, check it, and run its parts on a desktop.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _root(*, verbose: Verbose = False) -> None:
    pass


def build(
    out: Annotated[Path, option("APK to write.")],
    bundle: Annotated[Path | None, option("Bundle.", default="the model in app/src/main/assets")] = None,
    *,
    debug: Annotated[bool, option("Make a build that may be debugged, with the FP32 baseline.", "--debug")] = False,
    unsigned: Annotated[bool, option("Leave the signature to another key.", "--unsigned")] = False,
) -> None:
    """Build the APK for 64-bit ARM phones."""
    from export.apk.build import build as make

    if not out.absolute().parent.is_dir():
        raise UsageError(f"--out: there is no folder {out.absolute().parent}")
    started = last = time.monotonic()

    def say(step: str) -> None:
        nonlocal last
        now = time.monotonic()
        output.show_text(f"{step:<10} {now - last:5.1f} s")
        output.flush()
        last = now

    make(bundle, out, debug=debug, signed=not unsigned, say=say)
    output.show_text(f"{out}: {out.stat().st_size:,} bytes, made in {time.monotonic() - started:.1f} s")


def check(
    apk: Annotated[Path, argument("APK.")],
    bundle: Annotated[Path, option("Bundle that should be in it.")],
    *,
    badging: Annotated[bool, option("Also print what aapt2 says of the APK.", "--badging")] = False,
    as_json: Json = False,
) -> None:
    """Check what an APK asks for, what it holds, and where; exit 1 when a check fails."""
    from export.apk.check import open_apk, results
    from export.apk.tools import fetched_tools

    for path in (apk, bundle / "edgebert.json"):
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file")
    with apk.open("rb") as stream:
        if stream.read(4) != b"PK\x03\x04":
            raise UsageError(f"{apk}: not a ZIP file, so no APK")
    tools = fetched_tools()
    try:
        opened = open_apk(apk, bundle, tools)
    except (zipfile.BadZipFile, CheckFailed) as error:
        raise CheckFailed(f"{apk}: {error}") from error
    if badging and not as_json:
        output.show_text(*opened.badging.splitlines())
    found = list(results(opened))
    if as_json:
        output.show_json([{"check": name, "ok": passed, "detail": detail} for name, passed, detail in found])
    else:
        output.show_text(*(f"{'ok  ' if passed else 'FAIL'}  {name}: {detail}" for name, passed, detail in found))
    if failed := [name for name, passed, _ in found if not passed]:
        raise CheckFailed(f"{apk}: {len(failed)} of {len(found)} checks failed: {', '.join(failed)}")


def core(out: Annotated[Path, option("Folder of the classes.")] = BUILD / "classes") -> None:
    """Compile the core, which needs nothing but a JDK."""
    from export.apk.java import RELEASE, compile_core, sources

    made = compile_core(out)
    output.show_text(f"{len(sources(tests=False))} sources compiled for Java {RELEASE}: {made}")


def desktop(out: Annotated[Path, option("Folder for what is made.")] = BUILD / "desktop-ort") -> None:
    """Make ONNX Runtime's Java API for Android run on the JVM of a desktop, with the app's backend."""
    from export.apk.desktop import desktop_ort
    from export.apk.java import compile_core

    made = desktop_ort(compile_core(BUILD / "classes"), out)
    output.show_text(f"ORT_DISABLE_TELEMETRY=1 LD_LIBRARY_PATH={made.native} \\")
    classpath = ":".join(map(str, made.classpath))
    output.show_text(f"  java -Donnxruntime.native.path={made.native} -cp {classpath} ...")


def fetch(names: Annotated[list[str] | None, argument("Packages.", default="all")] = None) -> None:
    """Fetch the packages that the demo is built and tested with, and check their hashes."""
    if unknown := set(names or ()) - set(packages.PACKAGES):
        raise UsageError(f"no package {', '.join(sorted(unknown))}; there are {', '.join(packages.PACKAGES)}")
    for name in names or packages.PACKAGES:
        path = packages.fetched(name)
        output.show_text(f"{name}: {path} ({path.stat().st_size / 1e6:.1f} MB)")


def signatures() -> None:
    """Compare the signatures of android.* that the app is compiled with to Android's own."""
    from export.apk.signatures import Reference, differences
    from export.apk.tools import android_stubs

    count, wrong = differences(android_stubs(), Reference(packages.fetched("chaquopy-stubs-android")))
    output.show_text(*(f"FAIL  {line}" for line in wrong), f"{count} members compared, {len(wrong)} differences")
    if wrong:
        raise CheckFailed(f"{len(wrong)} of {count} members differ from Android's")


def tables(
    *, check: Annotated[bool, option("Write nothing; exit 1 if the file is out of date.", "--check")] = False
) -> None:
    """Write the character tables of the installed tokenizers library as a Java source."""
    from export.apk.unicode_tables import TARGET, is_same, java_source, read_tables

    source = java_source(read_tables())
    current = TARGET.is_file() and is_same(TARGET.read_text(encoding="utf-8"), source)
    if check and not current:
        raise CheckFailed(f"{TARGET.name} is out of date", hint="python -m export.apk tables")
    if not current:
        TARGET.write_text(source, encoding="utf-8")
    output.show_text(f"{TARGET.name}: {len(source)} bytes, {'up to date' if current else 'written'}")


add_commands(
    app,
    (build, "python -m export.apk build --bundle build/demo/bundle --out build/demo.apk"),
    (check, "python -m export.apk check build/demo.apk --bundle build/demo/bundle"),
    (core, "python -m export.apk core"),
    (desktop, "python -m export.apk desktop"),
    (fetch, "python -m export.apk fetch onnxruntime"),
    (signatures, "python -m export.apk signatures"),
    (tables, "python -m export.apk tables --check"),
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    run(app, arguments, name="python -m export.apk")


if __name__ == "__main__":
    main()
