"""Builds the demo as an APK for 64-bit ARM phones, without the Android SDK.

The sources, resources and versions are those that Gradle builds. The tools come from packages of Debian 12, npm and
PyPI, which are fetched once into build/android; nothing is installed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebert.embedding.embed import embed
from edgebert.embedding.places import android_place
from edgebert.errors import UsageError
from export.apk import fetch
from export.apk.archive import Entry, write_apk
from export.apk.java import OPTIONS, compile_core, home, program, run
from export.apk.project import APP, BUILD, Values, gradle_values, merged_manifest
from export.apk.tools import AAR, JAVAC, Tools, android_stubs, fetched_tools

ASSETS = APP / "main" / "assets"
BASELINE = APP / "debug" / "assets"
FLAVOUR = "onnxruntime"
_LIBRARIES = ("libonnxruntime.so", "libonnxruntime4j_jni.so")
_KEY = ("-storepass", "android", "-keypass", "android", "-alias", "androiddebugkey")


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
        EnvironmentProblem: The package cannot be had.
        CheckFailed: It is not the one that is expected.
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
        CheckFailed: There is a mistake in them.
    """
    merged = folder / "AndroidManifest.xml"
    merged.write_text(manifest, encoding="utf-8")
    compiled, base = folder / "resources.zip", folder / "base.apk"
    tools.aapt2("compile", "--dir", APP / "main" / "res", "-o", compiled)
    versions = ["--min-sdk-version", str(values.min_sdk), "--target-sdk-version", str(values.target_sdk)]
    versions += ["--version-code", str(values.version_code), "--version-name", values.version_name]
    options: list[str | Path] = [*versions, "--java", folder / "generated", *(["--debug-mode"] if debug else [])]
    tools.aapt2("link", "-I", tools.framework, "--manifest", merged, *options, "-o", base, compiled)
    return base


def compile_app(java: Iterable[Path], classpath: Sequence[Path], out: Path) -> Path:
    """Compile Java sources of the app and return the folder of the classes.

    Raises:
        CheckFailed: They have errors, or what the compiler warns of.
    """
    paths = os.pathsep.join(map(str, classpath))
    run([program("javac"), *JAVAC, *OPTIONS, "-cp", paths, "-d", out, *java])
    return out


def assets(bundle: Path | None, folder: Path, *, debug: bool) -> list[Path]:
    """Return the folders of the app's assets: those in the project, or one that a bundle is embedded into.

    Raises:
        UsageError: There are none in the project.
        EdgebertError: The bundle is damaged or has no ONNX file that ships.
    """
    if bundle is None:
        if not (ASSETS / "edgebert" / "edgebert.json").is_file():
            raise UsageError(
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
        CheckFailed: A tool refused its input.
        CheckFailed: The Gradle project says something that this script cannot follow.
    """
    values = gradle_values()
    runtime = library(values)
    say("runtime")
    manifest = merged_manifest(values, runtime.manifest.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory(prefix="apk-", dir=BUILD) as name:
        folder = Path(name)
        base = link_resources(tools, values, manifest, folder, debug=debug)
        say("resources")
        core = compile_core(BUILD / "core-app")
        classpath = [core, android_stubs(), runtime.classes]
        java = [*sources(), *(folder / "generated").rglob("*.java")]
        classes = compile_app(java, classpath, folder / "classes")
        say("classes")
        dex = folder / "dex"
        dex.mkdir()
        kind = "--debug" if debug else "--release"
        options: list[str | Path] = [kind, "--min-api", str(values.min_sdk), "--lib", android_stubs()]
        files = [path for place in (core, classes) for path in sorted(place.rglob("*.class"))]
        tools.d8(*options, "--lib", home(), "--output", dex, *files, runtime.classes)
        say("dex")
        write_apk(out, entries(values, base, dex, runtime.native, models))
        say("package")


def sign(tools: Tools, unsigned: Path, out: Path, values: Values) -> None:
    """Sign an APK with a key made on this machine, which proves nothing but that the file is whole.

    Raises:
        CheckFailed: A tool refused its input.
    """
    key = BUILD / "debug.keystore"
    with fetch.locked(BUILD / "key"):
        if not key.is_file():
            part = BUILD / "key" / "keystore"
            part.unlink(missing_ok=True)
            kind = ["-keyalg", "RSA", "-keysize", "2048", "-validity", "10000", "-dname", "CN=Android Debug"]
            run([program("keytool"), "-genkeypair", "-keystore", part, *_KEY, *kind])
            part.replace(key)
    # Scheme 1 is for systems older than the app runs on; scheme 4 makes a second file.
    wanted = {"v1": "false", "v2": "true", "v3": "true", "v4": "false"}
    schemes = [part for name, on in wanted.items() for part in (f"--{name}-signing-enabled", on)]
    options: list[str | Path] = ["--ks", key, "--ks-pass", "pass:android", "--min-sdk-version", str(values.min_sdk)]
    tools.apksigner("sign", *options, *schemes, "--out", out, unsigned)


def build(bundle: Path | None, out: Path, *, debug: bool, signed: bool, say: Callable[[str], None]) -> None:
    """Build an APK; the file appears whole or not at all.

    Raises:
        EnvironmentProblem: Not on this machine, or a package cannot be had.
        UsageError: There is no model.
        CheckFailed: A package is not the one that is expected, or a tool refused its input.
    """
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as name:
        unsigned, finished = Path(name) / "unsigned.apk", Path(name) / "signed.apk"
        # First, since a bundle that does not do need not wait for packages to be fetched.
        models = assets(bundle, Path(name) / "assets", debug=debug)
        say("assets")
        tools = fetched_tools()
        say("tools")
        build_unsigned(tools, models, unsigned, debug=debug, say=say)
        if signed:
            sign(tools, unsigned, finished, gradle_values())
            say("signature")
        (finished if signed else unsigned).replace(out)
