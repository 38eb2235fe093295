"""Damage that keeps a format readable as such: weights, archives, tables, TOML."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import struct
import tarfile

from tests.fuzz import hostile
from tests.fuzz.mutate import damaged, json_text

_MEGABYTE = 1 << 20


def _bomb(piece: bytes, megabytes: int) -> bytes:
    """Return few bytes that become many when they are unpacked."""
    return gzip.compress(piece * (50 * _MEGABYTE // len(piece)), 6, mtime=0) * (megabytes // 50)


def safetensors(content: bytes, rng: random.Random) -> bytes:
    """Return a safetensors file with another header, or with odd numbers among its weights."""
    if rng.random() < 0.15:
        return damaged(content, rng)
    (size,) = struct.unpack("<Q", content[:8])
    header, data = content[8 : 8 + size], bytearray(content[8 + size :])
    kind = rng.randrange(4)
    if kind == 0:
        for _ in range(rng.choice((1, 5, 1000))):
            place = 4 * rng.randrange(len(data) // 4)
            odd = rng.choice((float("nan"), float("inf"), 3e38, -3e38, 1e-45, 1e30, 0.0))
            data[place : place + 4] = struct.pack("<f", odd)
        return content[: 8 + size] + bytes(data)
    if kind == 1:
        entries = json.loads(header)
        name = rng.choice([name for name in entries if name != "__metadata__"])
        entry = entries[name]
        edit = rng.randrange(7)
        if edit == 0:
            entry["shape"] = [1] * 64 + entry["shape"]
        elif edit == 1:
            entry["shape"] = rng.choice(([], [0], [-1], [2**62, 4], entry["shape"][::-1], [1, *entry["shape"]]))
        elif edit == 2:
            entry["dtype"] = rng.choice(("F16", "BF16", "I64", "I8", "F8_E4M3", "BOOL", "X", ""))
        elif edit == 3:
            entries[rng.choice(("module.", "_orig_mod.", "x", "\x1b[31m\n", "base_model.model.")) + name] = entries.pop(
                name
            )
        elif edit == 4:
            del entries[name]
        elif edit == 5:
            entries[name + "_mask"] = dict(entry)
        else:
            entry["data_offsets"] = rng.choice(([0, 0], [4, 0], [0, 2**63], [-4, 0], [0]))
        changed = json.dumps(entries).encode()
    else:
        changed = json_text(header, rng)
    length = len(changed) if rng.random() < 0.9 else rng.choice((0, 2**40, 2**63, len(changed) - 1))
    return struct.pack("<Q", length) + changed + bytes(data)


def table(content: bytes, rng: random.Random) -> bytes:
    """Return a CSV, TSV or JSONL file with odd cells, rows or line ends."""
    if content[:2] == b"\x1f\x8b":
        if rng.random() < 0.04:
            return content + gzip.compress(b'"', mtime=0) + _bomb(b"good ", 1500)
        if rng.random() < 0.2:
            return damaged(content, rng)
        return gzip.compress(table(gzip.decompress(content), rng), mtime=0)
    if rng.random() < 0.25:
        return damaged(content, rng)
    separator = b"\t" if b"\t" in content.split(b"\n")[0] else b","
    rows = [line.split(separator) for line in content.split(b"\n")]
    row = rows[rng.randrange(len(rows))]
    place = rng.randrange(len(row))
    odd = rng.choice(
        (*hostile.STRINGS, "-1", "0.0", "1.0", " positive", '"', '"a', 'a"b', '""', "z" * 200_000, "w " * 100_000)
    )
    kind = rng.randrange(7)
    if kind == 0:
        del row[place]
    elif kind == 1:
        row.insert(place, odd.encode("utf-8", "surrogatepass"))
    elif kind == 2:
        rows.insert(rng.randrange(len(rows)), [b""] * rng.choice((1, 2, 5)))
    elif kind == 3:
        rows = [[b'"' + cell.replace(b'"', b'""') + b'"' for cell in row] for row in rows]
    elif kind == 4:
        rows[0] = [rng.choice((b"text", b"", b"label", b"Sentence", b"\xef\xbb\xbftext")) for _ in rows[0]]
    else:
        row[place] = odd.encode("utf-8", "surrogatepass")
    return rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r")).join(separator.join(row) for row in rows)


def toml(content: bytes, rng: random.Random) -> bytes:
    """Return TOML with another value, a line twice or not at all."""
    lines = content.decode("utf-8").split("\n")
    places = [index for index, line in enumerate(lines) if line.strip() and not line.startswith("#")]
    if not places or rng.random() < 0.1:
        return damaged(content, rng)
    place = rng.choice(places)
    kind = rng.randrange(6)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(place, lines[place])
    elif kind == 2:
        lines[place] = f"{json.dumps(rng.choice(hostile.STRINGS[:-1]))} = 1"
    else:
        odd = rng.choice(
            ("nan", "inf", "-inf", "1979-05-27", "0x10", "''", "[[]]", "{a = 1}", json.dumps(hostile.value(rng)))
        )
        name, found, _ = lines[place].partition("=")
        lines[place] = f"{name}= {odd}" if found else re.sub(r"\w+", lambda _: odd, lines[place], count=1)
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def archive(content: bytes, rng: random.Random) -> bytes:
    """Return a .tar.gz with other members: names that lead out, links, devices, modes, doubles, damage."""
    if rng.random() < 0.2:
        return damaged(content, rng)
    if rng.random() < 0.06:
        header = tarfile.TarInfo("././@PaxHeader")
        header.type, header.size = tarfile.XHDTYPE, 1500 * _MEGABYTE
        return gzip.compress(header.tobuf(tarfile.USTAR_FORMAT), mtime=0) + _bomb(b"\0", 1500)
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        members = [(member, stream.read() if (stream := packed.extractfile(member)) else b"") for member in packed]
    place = rng.randrange(len(members))
    member, data = members[place]
    kind = rng.randrange(9)
    if kind == 0:
        member.name = rng.choice(
            ("../out", "/etc/out", "a" * 300, "a/" * 200 + "x", "x\n\x1b[31m", "-rf", "..", ".", "", "C:x", "\udcff")
        )
    elif kind == 1:
        member.type = rng.choice(
            (
                tarfile.SYMTYPE,
                tarfile.LNKTYPE,
                tarfile.FIFOTYPE,
                tarfile.CHRTYPE,
                tarfile.DIRTYPE,
                tarfile.GNUTYPE_SPARSE,
            )
        )
        member.linkname, data, member.size = rng.choice(("/etc/passwd", "../x", "runtime.json")), b"", 0
    elif kind == 2:
        member.mode, member.uid = rng.choice((0o4755, 0o7777, 0, 0o1777)), rng.choice((0, 1000, 2**31))
    elif kind == 3:
        members.insert(rng.randrange(len(members)), (member, data))
    elif kind == 4:
        del members[place]
    elif kind == 5:
        members.append((tarfile.TarInfo(rng.choice(("extra", "bin/extra", f"{member.name}/below"))), b""))
    elif kind == 6:
        member.pax_headers = {
            rng.choice(("path", "size", "comment", "SCHILY.xattr.x")): rng.choice(
                ("../x", "-1", "z" * 2_000_000, "1e3")
            )
        }
    elif kind == 7:
        members[0] = (members[0][0], json_text(members[0][1], rng))
        members[0][0].size = len(members[0][1])
    else:
        data = damaged(data, rng)
        member.size = len(data)
        members[place] = (member, data)
    stream = io.BytesIO()
    packed_format = tarfile.PAX_FORMAT if member.pax_headers or len(member.name) > 90 else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=stream, mode="w", format=packed_format) as made:
        for item, body in members:
            made.addfile(item, io.BytesIO(body) if item.isreg() else None)
    return gzip.compress(stream.getvalue(), 1, mtime=0)
