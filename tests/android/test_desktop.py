from __future__ import annotations

import struct

import pytest

import export.apk.desktop
import export.apk.fetch
import export.apk.java
import export.apk.project
import export.apk.tools
from edgebert.errors import CheckFailed


def test_jni_library_is_changed_in_its_tables_alone(ort_jvm):
    """What makes Android's JNI library loadable here changes its dynamic tables and no instruction."""
    build, fetch = export.apk.desktop, export.apk.fetch
    core = export.apk.java.compile_core(export.apk.project.DEMO.parent / "build" / "android" / "core", tests=True)
    made = (build.desktop_ort(core).native / "libonnxruntime4j_jni.so").read_bytes()
    (aar,) = fetch.extracted("onnxruntime", export.apk.tools.AAR)
    (glue,) = fetch.extracted_from(aar, aar.with_suffix(""), build._GLUE)
    original = glue.read_bytes()
    changed = [place for place in range(len(original)) if made[place] != original[place]]
    tables = [
        (offset, offset + size)
        for kind, offset, size, _ in build._sections(original)
        if kind in (build._DYNAMIC, build._DYNSYM)
    ]
    assert len(made) == len(original)
    assert 10 < len(changed) < 200
    assert all(any(start <= place < end for start, end in tables) for place in changed)
    assert build.for_glibc(made) == made


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF",
        b"\x7fELF\x01\x01" + bytes(60),
        b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 62) + bytes(8),
    ],
)
def test_other_libraries_are_refused(content):
    """What is no ELF file for x86-64, or a damaged one, is an error of its own."""
    build = export.apk.desktop
    with pytest.raises(CheckFailed):
        build.for_glibc(content)
