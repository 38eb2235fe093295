"""The APK that is built here, and broken ones: each check must be able to fail."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
import zipfile

import pytest

import export.apk.archive
import export.apk.build
import export.apk.check
import export.apk.fetch
import export.apk.java
import export.apk.project
import export.apk.signatures
import export.apk.tools
from edgebert.errors import CheckFailed, EnvironmentProblem
from tests.android import phone
from tests.support import fakes
from tests.support.jvm import REPOSITORY

LIBRARY = "lib/arm64-v8a/libonnxruntime4j_jni.so"
MODEL = "assets/edgebert/int8.onnx"


@pytest.fixture(scope="module")
def tools():
    """The tools, or a skip where they cannot be had."""
    return phone.tools()


def build_unsigned(tools, out):
    build = export.apk.build
    models = build.assets(fakes.shared_bundle(), out.parent / f"{out.stem}-assets", debug=False)
    build.build_unsigned(tools, models, out, debug=False, say=str)
    return out


@pytest.fixture(scope="module")
def unsigned(tools, tmp_path_factory):
    """An unsigned APK with a tiny model."""
    out = tmp_path_factory.mktemp("apk") / "unsigned.apk"
    return build_unsigned(tools, out)


@pytest.fixture(scope="module")
def signed(tools, unsigned):
    """The same APK, signed."""
    out = unsigned.with_name("signed.apk")
    export.apk.build.sign(tools, unsigned, out, export.apk.project.gradle_values())
    return out


def contents(path):
    """Return the entries of an APK, to change and write again."""
    apk_zip = export.apk.archive
    with zipfile.ZipFile(path) as apk:
        return {
            info.filename: apk_zip.Entry(info.filename, apk.read(info), stored=info.compress_type == zipfile.ZIP_STORED)
            for info in apk.infolist()
            if not info.filename.startswith("META-INF/")
        }


def linked(tools, folder, *, change=("", ""), debug=False):
    """Return the manifest of the app after a change of its text, as it goes into an APK."""
    gradle, build = export.apk.project, export.apk.build
    values = gradle.gradle_values()
    manifest = gradle.merged_manifest(values, "<manifest/>")
    assert change[0] in manifest
    folder.mkdir()
    base = build.link_resources(tools, values, manifest.replace(*change, 1), folder, debug=debug)
    with zipfile.ZipFile(base) as apk:
        return apk.read("AndroidManifest.xml")


class Broken:
    """An APK that differs from the good one, and what a check says of it."""

    def __init__(self, tools, good, folder):
        self.tools, self.folder, self.entries = tools, folder, contents(good)

    def replace(self, name, content, *, stored=None):
        """Put another content into an entry."""
        entry = self.entries.get(name) or export.apk.archive.Entry(name, b"", stored=False)
        stored = entry.stored if stored is None else stored
        self.entries[name] = dataclasses.replace(entry, content=content, stored=stored)

    def manifest(self, **options):
        """Put another manifest in."""
        self.replace("AndroidManifest.xml", linked(self.tools, self.folder / "linked", **options))

    def result(self, check, *, path=None):
        """Return whether a check passes, and what it says."""
        checks, path = export.apk.check, path or self.folder / "broken.apk"
        if not path.exists():
            export.apk.archive.write_apk(path, self.entries.values())
        apk = checks.open_apk(path, fakes.shared_bundle(), self.tools)
        return {name: (passed, said) for name, passed, said in checks.results(apk)}[check]


@pytest.fixture
def broken(tools, unsigned, tmp_path):
    """An APK to break."""
    return Broken(tools, unsigned, tmp_path)


def test_signed_apk_passes_every_check(signed, tmp_path):
    """What is built from a bundle passes each check of the command, which says so line by line."""
    command = [sys.executable, "-m", "export.apk", "check", signed, "--bundle", fakes.shared_bundle()]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    lines = done.stdout.splitlines()
    assert (done.returncode, [line for line in lines if not line.startswith("ok ")]) == (0, [])
    assert len(lines) == len(export.apk.check.CHECKS)
    assert "ok    permissions: none" in lines


def test_build_is_repeatable(tools, unsigned, tmp_path):
    """The same sources and bundle give the same bytes in another folder at another time."""
    again = tmp_path / "again.apk"
    build_unsigned(tools, again)
    assert again.read_bytes() == unsigned.read_bytes()


def test_assets_are_what_embed_copies(unsigned):
    """The APK holds the four files that ship and nothing else of the bundle."""
    held = {name for name in contents(unsigned) if name.startswith("assets/")}
    files = ("edgebert.json", "golden.json", "int8.onnx", "vocab.txt")
    assert held == {f"assets/edgebert/{name}" for name in files}


@pytest.mark.parametrize(
    ("check", "change", "message"),
    [
        ("package", ('package="io.edgebert.demo"', 'package="io.edgebert.other"'), "io.edgebert.demo"),
        ("package", (':name="android.intent.category.LAUNCHER"', ':name="other"'), "launchable-activity"),
        (
            "permissions",
            ("<application ", '<uses-permission android:name="android.permission.INTERNET" /><application '),
            "android.permission.INTERNET",
        ),
        ("activities", ('android:permission="android.permission.DUMP" ', ""), "started by every app"),
        ("activities", ("</application>", '<activity android:name=".Other" /></application>'), ".Other"),
        (
            "telemetry",
            ("</application>", '<provider android:name="a.B" android:authorities="a" /></application>'),
            "declares a provider",
        ),
    ],
)
def test_changed_manifest_is_found(broken, check, change, message):
    """A check fails for an APK whose manifest says something else."""
    broken.manifest(change=change)
    passed, said = broken.result(check)
    assert not passed
    assert message in said


@pytest.mark.parametrize(
    ("check", "name", "edit", "message"),
    [
        ("assets", "assets/edgebert/vocab.txt", lambda content: content + b"\n", "hash"),
        ("assets", MODEL, lambda content: content[:-1] + b"?", "hash"),
        ("assets", "assets/edgebert/edgebert.json", lambda content: content + b" ", "not that of the bundle"),
        ("assets", "assets/edgebert/more.txt", lambda content: b"more", "not of the bundle"),
        ("libraries", LIBRARY, lambda content: content[:18] + b"\x3e" + content[19:], "another processor"),
        ("libraries", LIBRARY, lambda content: content[:100], "damaged"),
        ("libraries", "lib/x86_64/libother.so", lambda content: b"", "libother.so"),
        ("telemetry", LIBRARY, lambda content: content + b"https://x.events.data.microsoft.com/", "events.data"),
        ("classes", "classes.dex", lambda content: content[:200], "damaged dex"),
        ("classes", "classes.dex", lambda content: content.replace(b"core/Bundle;", b"core/Other_;"), "core/Bundle"),
        (
            "telemetry",
            "classes.dex",
            lambda content: content.replace(b"ai/onnxruntime/TensorInfo;", b"ai/onnxruntime/Telemetry_;"),
            "Telemetry",
        ),
    ],
)
def test_changed_content_is_found(broken, check, name, edit, message):
    """A check fails for an APK with a changed, a damaged or a further file."""
    before = broken.entries[name].content if name in broken.entries else b""
    after = edit(before)
    assert after != before or name not in broken.entries
    broken.replace(name, after)
    passed, said = broken.result(check)
    assert not passed
    assert message in said


def test_missing_files_are_found(broken):
    """An APK without a vocabulary, a model or a library fails."""
    for name in (MODEL, LIBRARY):
        del broken.entries[name]
    assert broken.result("assets") == (False, "holds 0 model files that ship, not one")
    assert not broken.result("libraries")[0]


def test_library_for_small_pages_is_found(broken):
    """A library that was linked for 4 KB pages fails."""
    content = bytearray(broken.entries[LIBRARY].content)
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    for index in range(count):
        if struct.unpack_from("<I", content, table + index * size) == (1,):
            struct.pack_into("<Q", content, table + index * size + 48, 4096)
            break
    broken.replace(LIBRARY, bytes(content))
    assert broken.result("libraries") == (False, f"{LIBRARY} is made for pages of 4096 bytes")


def test_misplaced_library_is_found(broken, unsigned):
    """A stored library that does not begin on a page fails, wherever the ZIP itself is fine."""
    path = broken.folder / "shifted.apk"
    with zipfile.ZipFile(path, "w") as apk:
        for entry in broken.entries.values():
            apk.writestr(zipfile.ZipInfo(entry.name), entry.content)
    passed, said = broken.result("places", path=path)
    assert not passed
    assert f"{LIBRARY} at " in said


def test_compressed_model_is_found(broken):
    """A model that would have to be unpacked fails."""
    broken.replace(MODEL, broken.entries[MODEL].content, stored=False)
    assert broken.result("places")[0] is False


def test_baseline_is_for_debug_builds_only(tools, broken):
    """A release that holds the baseline fails; a debug build may."""
    folder = broken.folder / "assets"
    export.apk.build.assets(fakes.shared_bundle(), folder, debug=True)
    for path in folder.rglob("*.onnx"):
        broken.replace(f"assets/{path.relative_to(folder).as_posix()}", path.read_bytes(), stored=True)
    assert broken.result("baseline") == (False, "a release that holds assets/edgebert/baseline/float32.onnx")
    broken.manifest(debug=True)
    broken.folder.joinpath("broken.apk").unlink()
    assert broken.result("baseline") == (True, "debug build")
    assert broken.result("assets")[0]


def test_signature_is_checked(broken, signed):
    """An unsigned APK and one that was changed after it was signed fail."""
    assert not broken.result("signature")[0]
    content = bytearray(signed.read_bytes())
    with zipfile.ZipFile(signed) as apk:
        place = apk.getinfo(LIBRARY).header_offset
    # Within the padding before the library: the ZIP stays whole, its hash does not.
    content[place + 30 + len(LIBRARY) + 20] ^= 1
    changed = broken.folder / "changed.apk"
    changed.write_bytes(content)
    assert not broken.result("signature", path=changed)[0]
    assert broken.result("permissions", path=changed)[0]


def test_damaged_zip_is_refused(signed, tmp_path):
    """A cut APK ends the command with one line."""
    cut = tmp_path / "cut.apk"
    cut.write_bytes(signed.read_bytes()[:5000])
    command = [sys.executable, "-m", "export.apk", "check", cut, "--bundle", fakes.shared_bundle()]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


def test_litert_flavour_compiles(tools, unsigned, tmp_path):
    """The app with LiteRT compiles against hand-written signatures of the library."""
    build, toolchain, gradle = export.apk.build, export.apk.tools, export.apk.project
    values = gradle.gradle_values()
    manifest = gradle.merged_manifest(values, "<manifest/>")
    build.link_resources(tools, values, manifest, tmp_path, debug=False)
    core = export.apk.java.compile_core(export.apk.project.BUILD / "core-app")
    library = build.compile_app((toolchain.STUBS / "litert").rglob("*.java"), [core], tmp_path / "library")
    java = [*build.sources("litert"), *(tmp_path / "generated").rglob("*.java")]
    classes = build.compile_app(java, [core, toolchain.android_stubs(), library], tmp_path / "classes")
    assert (classes / "io" / "edgebert" / "litert" / "LiteRtBackend.class").is_file()
    assert not (classes / "io" / "edgebert" / "onnxruntime").exists()


def test_mistake_in_a_source_is_shown(tools, tmp_path):
    """A source that does not compile ends the build with the compiler's words."""
    source = tmp_path / "Wrong.java"
    source.write_text('class Wrong { int f() { return ""; } }', encoding="ascii")
    with pytest.raises(CheckFailed, match="incompatible types"):
        export.apk.build.compile_app([source], [tmp_path], tmp_path / "classes")


@pytest.fixture(scope="module")
def reference():
    """Android's signatures, or a skip where they cannot be had."""
    checks = export.apk.signatures
    try:
        return checks.Reference(export.apk.fetch.fetched("chaquopy-stubs-android"))
    except EnvironmentProblem as error:
        pytest.skip(f"no signatures to compare with: {error}")


def test_stubs_agree_with_android(reference):
    """Every class and member of android.* that the app is compiled with is as in Android 16."""
    count, wrong = export.apk.signatures.differences(export.apk.tools.android_stubs(), reference)
    assert wrong == []
    assert count > 100


def test_wrong_stub_is_found(reference, tmp_path):
    """A class, a base, a method, a parameter and a result that Android does not have are found."""
    source = tmp_path / "View.java"
    source.write_text(
        "package android.view;\n"
        "public class View extends Thread { public int VISIBLE; public void setVisibility(long a) {}\n"
        "  public int isShown() { return 0; } public void open() {} public interface Other {} }\n",
        encoding="ascii",
    )
    classes = export.apk.build.compile_app([source], [tmp_path], tmp_path / "classes")
    _, wrong = export.apk.signatures.differences(classes, reference)
    text = "\n".join(wrong)
    for part in ("View$Other", "extend Thread", "VISIBLE", "setVisibility(long)", "isShown() int", "open()"):
        assert part in text


def test_entries_are_aligned_wherever_they_land(tmp_path):
    """Whatever stands before it, a stored entry begins at a multiple of its page or word."""
    apk_zip = export.apk.archive
    for length in range(0, 40, 3):
        path = tmp_path / f"{length}.apk"
        names = ("a" * (length + 1), "lib/x.so", "b", "lib/y.so")
        apk_zip.write_apk(path, [apk_zip.Entry(name, b"x" * length, stored=True) for name in names])
        assert apk_zip.misplaced(path) == []
        with zipfile.ZipFile(path) as apk:
            assert [apk.read(name) for name in names] == [b"x" * length] * 4
