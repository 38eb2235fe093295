from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT / "android-demo" / "core" / "src" / "main", ROOT / "android-demo" / "app" / "src" / "onnxruntime")
METHODS_OF_ANDROID = {"setenv", "format", "values"}
TYPES_OF_ANDROID = {"Context", "EdgebertModel", "File", "Label", "Os"}


def test_the_android_example_calls_what_the_core_has():
    """Every method and type of the core that the page's Kotlin names is declared in the Java sources."""
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
    section = page.partition("### The code\n")[2].partition("\n### ")[0]
    kotlin = "".join(re.findall(r"^```kotlin\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    kotlin = re.sub(r'/\*\*.*?\*/|//.*|"[^"\n]*"', "", kotlin)
    java = "".join(path.read_text(encoding="utf-8") for folder in SOURCES for path in sorted(folder.rglob("*.java")))
    methods = set(re.findall(r"\.(\w+)\(|override fun (\w+)", kotlin))
    named = {name for pair in methods for name in pair if name} - METHODS_OF_ANDROID
    assert {"check", "onError"} <= named
    assert {
        name for name in named if not re.search(rf"^ +(?:public |default )?[\w<>. ]+ {name}\(", java, re.MULTILINE)
    } == set()
    types = set(re.findall(r"\b([A-Z][a-z]\w+)(?=[.(<{> ])", kotlin)) - TYPES_OF_ANDROID
    assert {name for name in types if not re.search(rf"\b(?:class|interface|enum) {name}\b", java)} == set()
