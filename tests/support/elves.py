"""Small ELF files made by hand: libraries that name others, and aarch64 programs of given instructions."""

from __future__ import annotations

import struct
from collections.abc import Sequence

AARCH64 = 183


def _header(machine: int, kind: int, entry: int, headers: int) -> bytes:
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    return identity + struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56, headers, 0, 0, 0)


def library(needed: Sequence[str], *, machine: int = AARCH64, interpreter: str = "") -> bytes:
    """Return a library that needs others; with an interpreter it is a program."""
    strings, offsets = b"\0", []
    for name in needed:
        offsets.append(len(strings))
        strings += name.encode() + b"\0"
    base, asked = 0x10000, interpreter.encode() + b"\0"
    start = 64 + 3 * 56
    dynamic = b"".join(struct.pack("<QQ", 1, offset) for offset in offsets)
    strings_at = start + len(asked)
    dynamic_at = strings_at + len(strings)
    dynamic += struct.pack("<QQQQ", 5, base + strings_at, 0, 0)
    size = dynamic_at + len(dynamic)
    headers = [
        struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096),
        struct.pack("<IIQQQQQQ", 2, 6, dynamic_at, base + dynamic_at, 0, len(dynamic), len(dynamic), 8),
        struct.pack("<IIQQQQQQ", 3 if interpreter else 0, 4, start, base + start, 0, len(asked), len(asked), 1),
    ]
    return _header(machine, 3, 0, 3) + b"".join(headers) + asked + strings + dynamic


def program(instructions: Sequence[int]) -> bytes:
    """Return a static aarch64 program that begins with the first of these instructions."""
    base, start = 0x400000, 64 + 56
    code = struct.pack(f"<{len(instructions)}I", *instructions)
    size = start + len(code)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 4096)
    return _header(AARCH64, 2, base + start, 1) + load + code
