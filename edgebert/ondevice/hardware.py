"""What the machine is: processors, features, memory, and the runtimes that import there."""

from __future__ import annotations

import os
import platform
import re
import signal
from typing import Any, NamedTuple, Optional

from edgebert.ondevice.protocol import SCHEMA
from edgebert.ondevice.session import RUNTIMES, import_runtime
from edgebert.ondevice.sysfs import online, read_text, read_whole

_NUMBER = re.compile(r"[0-9]{1,6}")
_HEX = re.compile(r"0[xX][0-9a-fA-F]{1,8}")

# Implementer, then parts in hexadecimal, as in the main identification register (MIDR) that the Linux kernel prints.
_NAMES = {
    0x41: (  # Arm
        "C05 Cortex-A5, C07 Cortex-A7, C08 Cortex-A8, C09 Cortex-A9, C0D Cortex-A17, C0E Cortex-A17, "
        "C0F Cortex-A15, D01 Cortex-A32, D03 Cortex-A53, D04 Cortex-A35, D05 Cortex-A55, D06 Cortex-A65, "
        "D07 Cortex-A57, D08 Cortex-A72, D09 Cortex-A73, D0A Cortex-A75, D0B Cortex-A76, D0C Neoverse-N1, "
        "D0D Cortex-A77, D0E Cortex-A76AE, D40 Neoverse-V1, D41 Cortex-A78, D42 Cortex-A78AE, D43 Cortex-A65AE, "
        "D44 Cortex-X1, D46 Cortex-A510, D47 Cortex-A710, D48 Cortex-X2, D49 Neoverse-N2, D4A Neoverse-E1, "
        "D4B Cortex-A78C, D4C Cortex-X1C, D4D Cortex-A715, D4E Cortex-X3, D4F Neoverse-V2, D80 Cortex-A520, "
        "D81 Cortex-A720, D82 Cortex-X4, D83 Neoverse-V3AE, D84 Neoverse-V3, D85 Cortex-X925, D87 Cortex-A725, "
        "D8E Neoverse-N3"
    ),
    0x48: "D01 TaiShan-V110, D40 Cortex-A76",  # HiSilicon
    0x4E: "000 Denver, 003 Denver 2, 004 Carmel",  # NVIDIA
    0x51: (  # Qualcomm
        "001 Oryon, 201 Kryo, 205 Kryo, 211 Kryo, 800 Kryo 2xx Gold, 801 Kryo 2xx Silver, 802 Kryo 3xx Gold, "
        "803 Kryo 3xx Silver, 804 Kryo 4xx Gold, 805 Kryo 4xx Silver"
    ),
    0x53: "001 Exynos-M1, 002 Exynos-M3, 003 Exynos-M4, 004 Exynos-M5",  # Samsung
    0x61: (  # Apple
        "022 Icestorm, 023 Firestorm, 024 Icestorm, 025 Firestorm, 028 Icestorm, 029 Firestorm, 032 Blizzard, "
        "033 Avalanche, 034 Blizzard, 035 Avalanche, 038 Blizzard, 039 Avalanche"
    ),
    0xC0: "AC3 Ampere-1, AC4 Ampere-1A",  # Ampere
}


class CpuInfo(NamedTuple):
    """What ``/proc/cpuinfo`` says.

    Attributes:
        parts: Type of each processor whose type it gives, by number.
        features: CPU features that all processors have, sorted.
        model: Name of the board or processor; empty where it gives none.
    """

    parts: dict[int, str]
    features: tuple[str, ...]
    model: str


def describe(root: str = "/") -> dict[str, Any]:
    """Return what ``HardwareFacts`` of ``edgebert.device.protocol`` describes.

    Args:
        root: Folder that ``sys`` and ``proc`` are in.
    """
    system = platform.uname()
    cpu = parse_cpuinfo(read_text(root, "proc/cpuinfo"))
    tried = [(runtime, *_import_alone(runtime)) for runtime in RUNTIMES]
    return {
        "schema": SCHEMA,
        "machine": system.machine,
        "model": _label(read_text(root, "proc/device-tree/model")) or cpu.model,
        "system": "%s %s" % (system.system, system.release),
        "python": platform.python_version(),
        "cores": [_core(root, number, cpu.parts.get(number, "")) for number in online(root)],
        "features": list(cpu.features),
        "memory_bytes": parse_memory(read_text(root, "proc/meminfo")),
        "runtimes": [[runtime, version] for runtime, is_there, version in tried if is_there],
        "absent": [[runtime, reason] for runtime, is_there, reason in tried if not is_there],
    }


def parse_cpuinfo(text: str) -> CpuInfo:
    """Return what a ``/proc/cpuinfo`` says, in the forms of 64-bit ARM, 32-bit ARM and x86.

    Blocks that begin with ``processor`` describe one each. What is outside of them (old 32-bit kernels write the
    type there once, at the end) is true of every processor that does not say it itself.
    """
    own: list[tuple[int, dict[str, str]]] = []
    common: dict[str, str] = {}
    block: dict[str, str] = common
    for line in text.splitlines():
        name, colon, value = (word.strip() for word in line.partition(":"))
        if not colon:
            block = common
        elif name == "processor" and _NUMBER.fullmatch(value):
            block = {}
            own.append((int(value), block))
        else:
            block.setdefault(name, value)
    parts = {}
    features: Optional[set[str]] = None
    for number, block in own or [(0, {})]:
        both = {**common, **block}
        if "CPU part" in both:
            parts[number] = core_name(both.get("CPU implementer", ""), both["CPU part"])
        words = set((both.get("Features") or both.get("flags") or "").split())
        if words:
            features = words if features is None else features & words
    first = {**(own[0][1] if own else {}), **common}
    # A board names itself after its last processor. On ARM the line "model name" is the architecture, no name.
    names = ("Model", "Hardware") if parts else ("Model", "Hardware", "model name")
    model = next((first[name] for name in names if first.get(name)), "")
    return CpuInfo(parts, tuple(sorted(features or ())), _label(model))


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
    names = dict(entry.split(" ", 1) for entry in _NAMES.get(made_by, "").split(", ") if entry)
    return names.get("%03X" % number) or "0x%02x/0x%03x" % (made_by, number)


def parse_memory(text: str) -> Optional[int]:
    """Return the bytes of RAM that a ``/proc/meminfo`` states."""
    found = re.search(r"^MemTotal:\s*([0-9]{1,15}) kB\s*$", text, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def _core(root: str, number: int, part: str) -> dict[str, Any]:
    folder = os.path.join(root, "sys/devices/system/cpu/cpu%d" % number)
    max_khz, capacity = (read_whole(folder, name) for name in ("cpufreq/cpuinfo_max_freq", "cpu_capacity"))
    return {"number": number, "part": part, "max_khz": max_khz or None, "capacity": capacity or None}


def _label(text: str) -> str:
    # A device tree ends its texts with a NUL, which reads as a blank; some processors pad their names with blanks.
    return " ".join(text.split())[:80]


def _import_alone(runtime: str) -> tuple[bool, str]:
    """Return whether a runtime imports, and its version or why not.

    A package that was built for a newer processor ends the process that imports it, so a child does it.
    """
    if not hasattr(os, "fork"):  # Windows: such a package ends this worker
        return _imported(runtime)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _import_and_exit(runtime, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        word = pipe.read().decode("utf-8", "replace")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False, "importing it ends the process: %s" % _signal_name(os.WTERMSIG(status))
    return os.WEXITSTATUS(status) == 0, word or "importing it ends the process"


def _import_and_exit(runtime: str, writer: int) -> None:
    code = 1
    try:
        is_there, word = _imported(runtime)
        code = 0 if is_there else 1
        os.write(writer, word.encode("utf-8", "replace")[:4096])
    finally:
        os._exit(code)


def _imported(runtime: str) -> tuple[bool, str]:
    try:
        return True, import_runtime(runtime)
    except Exception as error:  # noqa: BLE001  # a package can fail to import in every way
        return False, (str(error).splitlines() or [type(error).__name__])[0]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number
