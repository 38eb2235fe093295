from __future__ import annotations

import re

import pytest

import export.apk.java
from edgebert.errors import EnvironmentProblem
from tests.support.jvm import REPOSITORY


def test_core_needs_nothing_but_java():
    """The core imports java.* alone, so that every app and every JVM can take it."""
    build = export.apk.java
    imports = {
        name
        for path in build.sources(tests=False)
        for name in re.findall(r"^import (?:static )?([\w.]+);", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {name for name in imports if not name.startswith("java.")} == set()
    assert "java.security.MessageDigest" in imports


def test_core_compiles_with_the_language_level_of_gradle():
    """The script and the Gradle file compile for the same Java."""
    gradle = (REPOSITORY / "android-demo" / "core" / "build.gradle.kts").read_text(encoding="utf-8")
    assert f"options.release = {export.apk.java.RELEASE}" in gradle


def test_sources_are_compiled_once(tmp_path):
    """Compiling again does nothing until a source or a class folder changes."""
    build = export.apk.java
    source = [path for path in build.sources(tests=False) if path.name == "EdgebertException.java"]
    try:
        out = build.compile_java(source, tmp_path / "classes")
    except EnvironmentProblem:
        pytest.skip("there is no JDK")
    made = next(out.rglob("EdgebertException.class"))
    before = made.stat().st_mtime_ns
    build.compile_java(source, tmp_path / "classes")
    assert made.stat().st_mtime_ns == before
    (out / "sources.sha256").unlink()
    build.compile_java(source, tmp_path / "classes")
    assert made.stat().st_mtime_ns > before


def test_missing_compiler_is_an_error_of_its_own(tmp_path, monkeypatch):
    """Without a JDK the script says what to install, and makes nothing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    build = export.apk.java
    with pytest.raises(EnvironmentProblem, match="install a JDK"):
        build.compile_core(tmp_path / "classes")
    assert list(tmp_path.iterdir()) == []
