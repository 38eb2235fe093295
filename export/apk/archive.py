"""Writes and reads the ZIP that an APK is: the same bytes each time, and each stored entry where it can be mapped."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PAGE = 16384
WORD = 4

_TIME = (1981, 1, 1, 1, 1, 2)  # what the build tools of Android write, too
_HEADER = 30  # bytes of a local header before the name
_PADDING_ID = 0xD935  # field of zipalign: two bytes of alignment, then zeros


@dataclass(frozen=True)
class Entry:
    """A file for an APK.

    Attributes:
        name: Path within the APK.
        content: Its bytes.
        stored: Whether it stays uncompressed.
    """

    name: str
    content: bytes
    stored: bool


def alignment(name: str) -> int:
    """Return what the place of a stored entry must be a multiple of: native libraries begin on a page."""
    return PAGE if name.endswith(".so") else WORD


def write_apk(path: Path, entries: Iterable[Entry]) -> None:
    """Write an unsigned APK, aligned. The bytes depend on the entries alone."""
    with path.open("wb") as stream, zipfile.ZipFile(stream, "w") as apk:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _TIME)
            info.create_system = 0
            info.compress_type = zipfile.ZIP_STORED if entry.stored else zipfile.ZIP_DEFLATED
            if entry.stored:
                info.extra = _padding(stream.tell() + _HEADER + len(entry.name.encode()), alignment(entry.name))
            apk.writestr(info, entry.content, compresslevel=None if entry.stored else 9)


def _padding(place: int, multiple: int) -> bytes:
    """Return an extra field after which a content that would begin at ``place`` is aligned."""
    if place % multiple == 0:
        return b""
    # The field itself takes 6 bytes.
    zeros = -(place + 6) % multiple
    return struct.pack("<HHH", _PADDING_ID, 2 + zeros, multiple) + bytes(zeros)


def misplaced(path: Path) -> list[str]:
    """Return what is stored in an APK at a place that it cannot be mapped from, as ``name at place``.

    Args:
        path: The APK.

    Raises:
        zipfile.BadZipFile: It is none.
    """
    found = []
    with zipfile.ZipFile(path) as apk, path.open("rb") as stream:
        for info in apk.infolist():
            stream.seek(info.header_offset)
            header = stream.read(_HEADER)
            if len(header) < _HEADER or header[:4] != b"PK\x03\x04":
                raise zipfile.BadZipFile(f"{info.filename} has no header")
            name, extra = struct.unpack_from("<HH", header, 26)
            place = info.header_offset + _HEADER + name + extra
            if info.compress_type == zipfile.ZIP_STORED and place % alignment(info.filename):
                found.append(f"{info.filename} at {place}")
    return found
