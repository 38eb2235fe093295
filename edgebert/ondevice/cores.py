"""The names of processor cores, by the numbers that they carry."""

from __future__ import annotations

import re

_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,8}")

# Implementer, then part, as in the main identification register (MIDR) that the Linux kernel prints.
_NAMES: dict[int, dict[int, str]] = {
    0x41: {  # Arm
        0xC05: "Cortex-A5",
        0xC07: "Cortex-A7",
        0xC08: "Cortex-A8",
        0xC09: "Cortex-A9",
        0xC0D: "Cortex-A17",
        0xC0E: "Cortex-A17",
        0xC0F: "Cortex-A15",
        0xD01: "Cortex-A32",
        0xD03: "Cortex-A53",
        0xD04: "Cortex-A35",
        0xD05: "Cortex-A55",
        0xD06: "Cortex-A65",
        0xD07: "Cortex-A57",
        0xD08: "Cortex-A72",
        0xD09: "Cortex-A73",
        0xD0A: "Cortex-A75",
        0xD0B: "Cortex-A76",
        0xD0C: "Neoverse-N1",
        0xD0D: "Cortex-A77",
        0xD0E: "Cortex-A76AE",
        0xD40: "Neoverse-V1",
        0xD41: "Cortex-A78",
        0xD42: "Cortex-A78AE",
        0xD43: "Cortex-A65AE",
        0xD44: "Cortex-X1",
        0xD46: "Cortex-A510",
        0xD47: "Cortex-A710",
        0xD48: "Cortex-X2",
        0xD49: "Neoverse-N2",
        0xD4A: "Neoverse-E1",
        0xD4B: "Cortex-A78C",
        0xD4C: "Cortex-X1C",
        0xD4D: "Cortex-A715",
        0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2",
        0xD80: "Cortex-A520",
        0xD81: "Cortex-A720",
        0xD82: "Cortex-X4",
        0xD83: "Neoverse-V3AE",
        0xD84: "Neoverse-V3",
        0xD85: "Cortex-X925",
        0xD87: "Cortex-A725",
        0xD8E: "Neoverse-N3",
    },
    0x48: {0xD01: "TaiShan-V110", 0xD40: "Cortex-A76"},  # HiSilicon
    0x4E: {0x000: "Denver", 0x003: "Denver 2", 0x004: "Carmel"},  # NVIDIA
    0x51: {  # Qualcomm
        0x001: "Oryon",
        0x201: "Kryo",
        0x205: "Kryo",
        0x211: "Kryo",
        0x800: "Kryo 2xx Gold",
        0x801: "Kryo 2xx Silver",
        0x802: "Kryo 3xx Gold",
        0x803: "Kryo 3xx Silver",
        0x804: "Kryo 4xx Gold",
        0x805: "Kryo 4xx Silver",
    },
    0x53: {0x001: "Exynos-M1", 0x002: "Exynos-M3", 0x003: "Exynos-M4", 0x004: "Exynos-M5"},  # Samsung
    0x61: {  # Apple
        0x022: "Icestorm",
        0x023: "Firestorm",
        0x024: "Icestorm",
        0x025: "Firestorm",
        0x028: "Icestorm",
        0x029: "Firestorm",
        0x032: "Blizzard",
        0x033: "Avalanche",
        0x034: "Blizzard",
        0x035: "Avalanche",
        0x038: "Blizzard",
        0x039: "Avalanche",
    },
    0xC0: {0xAC3: "Ampere-1", 0xAC4: "Ampere-1A"},  # Ampere
}


def core_name(implementer: str, part: str) -> str:
    """Return the name of a core, as in ``Cortex-A76``.

    Args:
        implementer: As the kernel writes it, as in ``0x41``.
        part: Likewise, as in ``0xd0b``.

    Returns:
        The name; both numbers, as in ``0x41/0xfff``, when the core is not known; empty when they are no numbers.
    """
    if not _HEX.fullmatch(implementer) or not _HEX.fullmatch(part):
        return ""
    made_by, number = int(implementer, 16), int(part, 16)
    return _NAMES.get(made_by, {}).get(number) or "0x%02x/0x%03x" % (made_by, number)
