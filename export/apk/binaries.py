"""Reads what a check of an APK needs to know of its dex files and native libraries."""

from __future__ import annotations

import struct

from edgebert.errors import CheckFailed

ARM64 = 183  # e_machine
_LOAD = 1  # p_type of a segment that is mapped


def dex_classes(content: bytes) -> set[str]:
    """Return the names of the classes that a dex file defines, as ``io/edgebert/core/Bundle``.

    Raises:
        CheckFailed: It is no dex file, or is cut.
    """
    if content[:4] != b"dex\n":
        raise CheckFailed("is no dex file")
    try:
        (string_ids,) = struct.unpack_from("<I", content, 60)
        (type_ids,) = struct.unpack_from("<I", content, 68)
        count, classes = struct.unpack_from("<II", content, 96)
        names = set()
        for index in range(count):
            (kind,) = struct.unpack_from("<I", content, classes + 32 * index)
            (string,) = struct.unpack_from("<I", content, type_ids + 4 * kind)
            (place,) = struct.unpack_from("<I", content, string_ids + 4 * string)
            while content[place] & 0x80:  # the length of the string, which its end says as well
                place += 1
            name = content[place + 1 : content.index(b"\0", place)].decode("utf-8", "replace")
            names.add(name.removeprefix("L").removesuffix(";"))
    except (struct.error, IndexError, ValueError) as error:
        raise CheckFailed(f"is a damaged dex file: {error}") from error
    return names


def library_page(content: bytes) -> int:
    """Return the smallest alignment of the segments of a native library for 64-bit ARM, in bytes.

    Raises:
        CheckFailed: It is none.
    """
    if content[:6] != b"\x7fELF\x02\x01" or len(content) < 64:
        raise CheckFailed("is no 64-bit library")
    (machine,) = struct.unpack_from("<H", content, 18)
    if machine != ARM64:
        raise CheckFailed(f"is for another processor (machine {machine})")
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    try:
        pages = [
            struct.unpack_from("<Q", content, table + index * size + 48)[0]
            for index in range(count)
            if struct.unpack_from("<I", content, table + index * size) == (_LOAD,)
        ]
    except struct.error as error:
        raise CheckFailed(f"is a damaged library: {error}") from error
    if not pages:
        raise CheckFailed("has nothing to load")
    return int(min(pages))
