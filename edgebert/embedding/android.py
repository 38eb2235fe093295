"""What an Android build has to be told about an embedded model, and what the model adds to the APK."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebert.manifest import Artifact, FileEntry

ONNXRUNTIME = "1.26.0"
"""Version of onnxruntime-android to depend on: it has 16 KB pages, and newer official builds send telemetry."""

LITERT = "1.4.0"
"""Version of LiteRT for Android to depend on."""

# What onnxruntime-android 1.17 reads, by its documentation.
_OLD_OPSET, _OLD_IR = 20, 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What goes into the build of the module.

    Attributes:
        gradle: Lines for ``build.gradle.kts``.
        rules: Lines for ``proguard-rules.pro``.
        notes: What else to know, a sentence each.
    """

    gradle: str
    rules: str
    notes: tuple[str, ...]


def advice(artifact: Artifact) -> Advice:
    """Return what the build of a module needs for a model file."""
    onnx = artifact.format == "onnx"
    library = (
        f"com.microsoft.onnxruntime:onnxruntime-android:{ONNXRUNTIME}"
        if onnx
        else f"com.google.ai.edge.litert:litert:{LITERT}"
    )
    gradle = (
        "android {\n"
        "    androidResources {\n"
        f'        noCompress += "{artifact.format}"\n'
        "    }\n"
        "    defaultConfig {\n"
        "        ndk {\n"
        '            abiFilters += "arm64-v8a"\n'
        "        }\n"
        "    }\n"
        "}\n"
        "\n"
        "dependencies {\n"
        f'    implementation("{library}")\n'
        "}"
    )
    rules = "-keep class ai.onnxruntime.** { *; }" if onnx else "-keep class org.tensorflow.lite.** { *; }"
    return Advice(gradle=gradle, rules=rules, notes=(*(_onnx_notes(artifact) if onnx else _TFLITE_NOTES), _ABI_NOTE))


def apk_bytes(root: Path, files: Sequence[FileEntry], artifact: Artifact) -> int:
    """Return about how many bytes the files of a bundle add to an APK: the model as it is, the others deflated."""
    return sum(
        entry.size_bytes
        if entry.file == artifact.file
        else len(zlib.compress(root.joinpath(entry.file).read_bytes(), 9))
        for entry in files
    )


def _onnx_notes(artifact: Artifact) -> tuple[str, ...]:
    opset, version = artifact.opset or 0, artifact.ir_version or 0
    reads = ""
    if opset <= _OLD_OPSET and version <= _OLD_IR:
        reads = f"; operator set {opset} and IR {version} are read from 1.17 on"
    return (
        f"ONNX Runtime {ONNXRUNTIME} itself adds about 27 MB for arm64-v8a{reads}",
        "official builds of ONNX Runtime from 1.29 on send telemetry unless ORT_DISABLE_TELEMETRY=1 is set before use",
    )


_TFLITE_NOTES = (
    f"LiteRT {LITERT} for Android has not been run with this file here: let the app replay golden.json at first start",
)
_ABI_NOTE = (
    "add armeabi-v7a or x86_64 to abiFilters only if you must: each adds the runtime again, and 32-bit ARM is slower"
)
