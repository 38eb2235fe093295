"""What the processors of a device mean for int8, and which of them ``big`` and ``little`` are."""

from __future__ import annotations

from edgebert.device.protocol import Core, HardwareFacts
from edgebert.errors import UsageError

_ARM64 = ("aarch64", "arm64")
_ARM32 = ("arm", "armv6l", "armv7l", "armv8l")
_X86 = ("x86_64", "AMD64", "i686")
_VNNI = ("amx_int8", "avx512_vnni", "avx_vnni")


def what_int8_gains(facts: HardwareFacts) -> str:
    """Return one sentence on what the CPU features of a device mean for int8 against float32.

    The shares are instructions per inference in ONNX Runtime and LiteRT, the least and the most of the recorded ones:
    two shapes of DistilBERT, 16 to 64 tokens (`python -m benchmarks emulated`).
    """
    features = set(facts.features)
    if facts.machine in _ARM64:
        return _arm(features)
    if facts.machine in _X86:
        return _x86(features)
    if facts.machine in _ARM32:
        return "A 32-bit ARM system: int8 saves memory; how much time it saves is not known before it is measured."
    return f"What int8 gains on {facts.machine or 'this instruction set'} is not known: trust the measured ratio only."


def core_numbers(cores: str, facts: HardwareFacts) -> tuple[int, ...]:
    """Return the numbers of the cores that ``cores`` names on a device, ascending.

    Args:
        cores: ``big`` for those of the highest capacity (or frequency, where the system tells no capacity), ``little``
            for those of the lowest, numbers as in ``0,1``, or empty, which gives no numbers.
        facts: The device.

    Raises:
        UsageError: A number is not online there, or all cores are alike or unknown, so that none is big or little.
    """
    if not cores:
        return ()
    if cores not in ("big", "little"):
        return _numbered(cores, facts)
    strengths = _strengths(facts.cores)
    if not strengths:
        raise UsageError(
            f"{_name(facts)}: tells neither capacity nor frequency of its cores, so none is known to be {cores}",
            hint="name cores by number, as in --cores 0,1",
        )
    wanted = max(strengths.values()) if cores == "big" else min(strengths.values())
    if len(set(strengths.values())) == 1:
        raise UsageError(
            f"{_name(facts)}: all {len(strengths)} cores are equal, none is {cores}",
            hint="leave --cores out, or name cores by number, as in --cores 0,1",
        )
    return tuple(sorted(number for number, strength in strengths.items() if strength == wanted))


def _arm(features: set[str]) -> str:
    wider = [name for name in ("sve", "sme") if any(feature.startswith(name) for feature in features)]
    also = f" It also has {' and '.join(wider)}, which few int8 kernels use yet." if wider else ""
    if "i8mm" in features:
        return (
            "i8mm multiplies small int8 matrices in one instruction (smmla): int8 needs 20 to 34 % of the instructions "
            f"of float32.{also}"
        )
    if "asimddp" in features:
        return (
            "asimddp adds four int8 products at once (sdot): int8 needs 28 to 46 % of the instructions of float32; "
            f"there is no i8mm, which would save more.{also}"
        )
    return (
        "There is no asimddp (sdot): int8 needs 58 to 85 % of the instructions of float32, so it saves memory and "
        f"little time.{also}"
    )


def _x86(features: set[str]) -> str:
    if found := [name for name in _VNNI if name in features]:
        return f"{found[0]} adds int8 products exactly and fast, yet an x86 CPU says nothing of a phone's speed."
    if "avx2" in features:
        return (
            "This x86 CPU has no VNNI: its int8 kernels saturate, or avoid that at a cost in speed, so neither speed "
            "nor answers are a proxy for ARM."
        )
    return "This x86 CPU has neither VNNI nor AVX2: int8 is slow here, and no proxy for ARM."


def _strengths(cores: tuple[Core, ...]) -> dict[int, int]:
    capacities = {core.number: core.capacity for core in cores if core.capacity is not None}
    frequencies = {core.number: core.max_khz for core in cores if core.max_khz is not None}
    # A core that tells nothing could be of any class, so a class is named only where all of them tell.
    complete = [known for known in (capacities, frequencies) if known and len(known) == len(cores)]
    return next((known for known in complete if len(set(known.values())) > 1), complete[0] if complete else {})


def _numbered(cores: str, facts: HardwareFacts) -> tuple[int, ...]:
    wanted, online = {int(word) for word in cores.split(",")}, {core.number for core in facts.cores}
    if missing := wanted - online:
        raise UsageError(
            f"{_name(facts)}: there is no core {min(missing)} online",
            hint=f"it has {', '.join(map(str, sorted(online)))}",
        )
    return tuple(sorted(wanted))


def _name(facts: HardwareFacts) -> str:
    return facts.model or facts.machine
