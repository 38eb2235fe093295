"""The sources of the app as they stand: what can be seen without building it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET

import pytest

import export.apk.fetch
import export.apk.java
import export.apk.project
from edgebert.embedding import android
from edgebert.errors import CheckFailed, EnvironmentProblem
from tests.support.jvm import REPOSITORY
from tests.support.small_bundles import small_bundle

DEMO = REPOSITORY / "android-demo"
COMMAND = [sys.executable, "-m", "export.apk"]
NO_PROGRAMS = {"PATH": "", "PYTHONPATH": str(REPOSITORY)}
APP = DEMO / "app" / "src"
RESOURCES = APP / "main" / "res"
ANDROID = "{http://schemas.android.com/apk/res/android}"
SOURCES = sorted([*APP.rglob("*.java"), *DEMO.joinpath("core", "src", "main").rglob("*.java")])
LAYOUTS = sorted(RESOURCES.joinpath("layout").glob("*.xml"))


def elements(path):
    return list(ET.parse(path).getroot().iter())


def named(path):
    """Return the resources of a values file by name."""
    return {item.get("name"): item for item in elements(path) if item.get("name")}


def text_of(paths):
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def brightness(colour):
    """Return the relative luminance of a colour as the contrast rules define it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_no_permission_and_no_provider_is_declared():
    """The manifest asks for nothing, and takes out the provider that starts the telemetry of newer runtimes."""
    found = elements(APP / "main" / "AndroidManifest.xml")
    assert [item.tag for item in found if "permission" in item.tag] == []
    (provider,) = [item for item in found if item.tag == "provider"]
    assert provider.get(f"{ANDROID}name") == "ai.onnxruntime.TelemetryInitializer"
    assert provider.get("{http://schemas.android.com/tools}node") == "remove"


def test_manifest_of_the_script_has_what_gradle_keeps():
    """The script drops the provider, adds the package and refuses libraries that would need a real merge."""
    gradle = export.apk.project
    values = gradle.gradle_values()
    library = "<manifest xmlns:android='http://schemas.android.com/apk/res/android'>{}</manifest>"
    merged = gradle.merged_manifest(values, library.format("<uses-sdk android:minSdkVersion='24'/><application/>"))
    assert "provider" not in merged
    assert "tools" not in merged
    assert f'package="{values.package}"' in merged
    for more in (
        "<uses-permission/>",
        "<uses-sdk android:minSdkVersion='26'/>",
        "<application><provider/></application>",
    ):
        with pytest.raises(CheckFailed, match="does not merge"):
            gradle.merged_manifest(values, library.format(more))


def test_versions_are_those_of_embed():
    """The Gradle files take the versions of the runtimes that `edgebert embed` recommends."""
    versions = tomllib.loads((DEMO / "gradle" / "libs.versions.toml").read_text(encoding="utf-8"))["versions"]
    assert (versions["onnxruntime"], versions["litert"]) == (android.ONNXRUNTIME, android.LITERT)
    assert (versions["minSdk"], versions["targetSdk"]) == ("24", "35")


def test_instrumentation_names_the_package():
    """The manifest spells the package once, where Gradle offers no placeholder."""
    (item,) = [item for item in elements(APP / "main" / "AndroidManifest.xml") if item.tag == "instrumentation"]
    assert item.get(f"{ANDROID}targetPackage") == export.apk.project.gradle_values().package


def test_language_level_is_that_of_the_script():
    """Gradle and the script compile for the same Java."""
    build = (DEMO / "app" / "build.gradle.kts").read_text(encoding="utf-8")
    assert export.apk.java.RELEASE == "8"
    assert build.count("JavaVersion.VERSION_1_8") == 2


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (('applicationId = "io.', 'applicationId = "org.'), "differ"),
        (("minSdk = libs", "minSdk = 21 // libs"), "minSdk"),
        (('abiFilters += "arm64-v8a"', 'abiFilters.add("arm64-v8a")'), "abiFilters"),
    ],
)
def test_gradle_file_that_the_script_cannot_follow_is_refused(tmp_path, edit, message):
    """The script never builds something else than the Gradle files say."""
    gradle = export.apk.project
    for name in ("gradle/libs.versions.toml", "app/build.gradle.kts"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((DEMO / name).read_text(encoding="utf-8"), encoding="utf-8")
    assert gradle.gradle_values(tmp_path) == gradle.gradle_values()
    assert edit[0] in target.read_text(encoding="utf-8")
    target.write_text(target.read_text(encoding="utf-8").replace(*edit), encoding="utf-8")
    with pytest.raises(CheckFailed, match=message):
        gradle.gradle_values(tmp_path)


def test_nothing_newer_than_the_lowest_api_is_used():
    """What came to Android after API 24 (java.nio.file, java.time, String.join) is nowhere used."""
    newer = re.compile(r"java\.nio\.file|java\.time|String\.join|ThreadLocal\.withInitial|Objects\.requireNonNullElse")
    assert [path.name for path in SOURCES if newer.search(path.read_text(encoding="utf-8"))] == []
    assert len(SOURCES) > 40


def test_models_are_opened_by_path_and_off_the_drawing_thread():
    """Nobody reads a model into the Java heap, and only the model's thread and the benchmark's open one."""
    users = {path.name for path in SOURCES if re.search(r"\.open\(bundle|runtime\(\)\.open", path.read_text("utf-8"))}
    assert users == {"Models.java", "Session.java"}
    session = (APP / "main" / "java" / "io" / "edgebert" / "demo" / "Session.java").read_text(encoding="utf-8")
    assert "new ModelWorker<>(this::load, drawing::post)" in session
    assert "import java.net" not in text_of(SOURCES)


def test_every_kind_of_error_has_words_of_its_own():
    """Each kind of error of the core leads to a text of the app."""
    kinds = (
        DEMO / "core" / "src" / "main" / "java" / "io" / "edgebert" / "core" / "EdgebertException.java"
    ).read_text()
    names = re.findall(r"^    ([A-Z_]+)[,\n]", kinds, re.MULTILINE)
    strings = named(RESOURCES / "values" / "strings.xml")
    messages = (APP / "main" / "java" / "io" / "edgebert" / "demo" / "Messages.java").read_text(encoding="utf-8")
    assert len(names) >= 12
    for name in names:
        assert f"error_{name.lower()}" in strings
        assert f"R.string.error_{name.lower()}" in messages


def test_every_text_is_used_and_none_is_in_a_layout():
    """Texts are resources, each of them used, so that the app can be translated."""
    used = set(re.findall(r"(?:@string/|R\.string\.)(\w+)", text_of([*SOURCES, *APP.rglob("*.xml")])))
    defined = {name for name, item in named(RESOURCES / "values" / "strings.xml").items() if item.tag == "string"}
    assert defined == used
    for path in LAYOUTS:
        for item in elements(path):
            for name in ("text", "hint", "contentDescription"):
                assert item.get(f"{ANDROID}{name}", "@string/").startswith("@string/")


def test_fields_are_labelled_and_targets_large_enough():
    """What takes input has a label for screen readers and is 48 dp high; changing texts are announced."""
    for path in LAYOUTS:
        found = elements(path)
        labelled = {item.get(f"{ANDROID}labelFor", "").partition("/")[2] for item in found}
        for item in found:
            if item.tag in {"EditText", "Spinner", "Button"}:
                assert int(item.get(f"{ANDROID}minHeight").removesuffix("dp")) >= 48
            if item.tag in {"EditText", "Spinner"}:
                assert item.get(f"{ANDROID}id").partition("/")[2] in labelled
            assert not (item.get(f"{ANDROID}textSize") or "sp").endswith("dp")
        assert any(item.get(f"{ANDROID}accessibilityLiveRegion") == "polite" for item in found)


def test_screens_scroll_and_keep_clear_of_the_bars():
    """A large font or a small screen cuts nothing off: each screen scrolls, inside the bars of the system."""
    for path in LAYOUTS:
        root = ET.parse(path).getroot()
        assert root.tag == "ScrollView"
        assert root.get(f"{ANDROID}fitsSystemWindows") == "true"
        heights = {item.get(f"{ANDROID}layout_height") for item in root[0].iter()}
        assert heights == {"wrap_content"}


@pytest.mark.parametrize("folder", ["values", "values-night"])
def test_text_stands_out(folder):
    """By day and by night, text has a contrast of at least 4.5 to its background."""
    colours = {name: item.text for name, item in named(RESOURCES / "values" / "colors.xml").items()}
    colours |= {name: item.text for name, item in named(RESOURCES / folder / "colors.xml").items()}
    pairs = [(name, "background") for name in ("text", "quiet", "error", "accent")]
    pairs += [("text", name) for name in colours if name.startswith("mark_")]
    assert len(pairs) == 8
    for name, behind in pairs:
        bright, dark = sorted((brightness(colours[name]), brightness(colours[behind])), reverse=True)
        assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_night_changes_every_colour_of_the_screen():
    """No colour of the day is left over at night, but that of the bar, which is black in both."""
    day, night = (set(named(RESOURCES / folder / "colors.xml")) for folder in ("values", "values-night"))
    assert day - night == {"bars"}


@pytest.mark.parametrize("name", ["build", "check", "core", "desktop", "fetch", "signatures", "tables"])
def test_help_shows_an_example(name):
    """Each command explains itself and shows how it is called."""
    done = subprocess.run([*COMMAND, name, "--help"], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0
    assert f"python -m export.apk {name}" in done.stdout.partition("Examples:")[2]


@pytest.mark.parametrize(
    ("bundle", "out", "code", "message"),
    [
        ("bundle", "missing/demo.apk", 2, "there is no folder"),
        ("missing", "demo.apk", 2, "missing: there is no such folder"),
        ("bundle", "demo.apk", 3, "there is no java"),
    ],
)
def test_build_that_cannot_begin_says_why_in_one_line(tmp_path, bundle, out, code, message):
    """A wrong option, a missing bundle, and then a machine without Java end it with one clear line, nothing written."""
    small_bundle(tmp_path / "bundle")
    (tmp_path / "here").mkdir()
    command = [*COMMAND, "build", "--bundle", f"../{bundle}", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path / "here", env=NO_PROGRAMS)
    assert done.returncode == code
    (error,) = [line for line in done.stderr.splitlines() if not line.startswith("hint: ")]
    assert error.startswith("error: ")
    assert message in error
    assert list((tmp_path / "here").iterdir()) == []


def test_check_of_a_missing_file_is_a_usage_error(tmp_path):
    """The check of an APK that is not there names it and exits with 2."""
    command = [*COMMAND, "check", str(tmp_path / "no.apk"), "--bundle", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 2
    assert "no.apk: there is no such file" in done.stderr


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all\n", bytes(1000)])
def test_check_of_a_file_that_is_no_zip_is_a_usage_error(tmp_path, content):
    """What cannot be an APK is named and ends the check with 2, where the tools are missing too."""
    (tmp_path / "edgebert.json").write_text("{}", encoding="utf-8")
    (tmp_path / "no.apk").write_bytes(content)
    command = [*COMMAND, "check", str(tmp_path / "no.apk"), "--bundle", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=NO_PROGRAMS)
    assert done.returncode == 2
    assert "no.apk: not a ZIP file, so no APK" in done.stderr.splitlines()[-1]


def test_baseline_and_model_stay_out_of_the_repository():
    """Models that were embedded into the project are ignored by git."""
    paths = ("main/assets/edgebert/int8.onnx", "debug/assets/edgebert/baseline/float32.onnx")
    for path in paths:
        command = ["git", "check-ignore", "--quiet", f"android-demo/app/src/{path}"]
        done = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True)
        if done.returncode == 128:
            pytest.skip("this is no git checkout")
        assert done.returncode == 0


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (None, "there is no apt-get"),
        ("echo 'E: Version 1 was not found' >&2; exit 100", "E: Version 1 was not found"),
        ("exit 0", "brought 0 files"),
        ('for spec in "$@"; do echo other > ${spec%%=*}_1_amd64.deb; done', "has the sha256"),
    ],
)
def test_debian_packages_that_cannot_be_had_are_named(tmp_path, monkeypatch, program, message):
    """No apt-get, no such version, no file and another file are told apart, in one line, and nothing is kept."""
    fetch = export.apk.fetch
    programs = tmp_path / "programs"
    programs.mkdir()
    if program is not None:
        path = programs / "apt-get"
        path.write_text(f"#!/bin/sh\n{program}\n", encoding="ascii")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(fetch, "FOLDER", tmp_path / "packages")
    with pytest.raises((EnvironmentProblem, CheckFailed), match=message) as caught:
        fetch.debian_packages()
    assert "\n" not in str(caught.value)
    assert [item.name for item in (tmp_path / "packages").iterdir()] == [".lock"]
