"""What this environment can do, what clashes in it, and how to fix it.

Read from the metadata of the installed packages: nothing heavy is imported, so a broken package is diagnosed too.
"""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from edgebert.errors import install_hint
from edgebert.ondevice.session import PACKAGES, cpu_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Status = Literal["ok", "absent", "clash", "warning"]

EXTRAS = {
    "onnx": "makes ONNX files",
    "tflite": "makes TFLite files",
    "train": "fine-tunes",
    "demo": "runs the demo",
    "report": "writes the page of a report",
    "sign": "signs bundles",
    "workers": "builds worker archives and the emulator",
    "optimum": "opens bundles with Optimum",
}
"""The extras worth a line, with what they add; those for runtimes alone are seen by the runtimes."""

_SELF = "edgebert"
_OLD_RUNTIME = "tflite-runtime"
_OLD_RUNTIME_PYTHON = (3, 11)
_EXACT_X86 = ("avx512_vnni", "avx_vnni", "amx_int8")
# Packages that hold back what others need, and the extra that gives each an environment of its own.
_LONERS = {"optimum-onnx": "optimum", _OLD_RUNTIME: _OLD_RUNTIME}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        topic: What was looked at, as in ``runtime litert``.
        status: ``ok``; ``absent`` when it is not there, which is fine unless it is wanted; ``clash`` when things that
            are there do not go together; ``warning`` when results of this machine need care.
        detail: What was found.
        hint: The command or the advice that changes it; empty when all is well.
    """

    topic: str
    status: Status
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What the metadata of an installed package says.

    Attributes:
        version: Its version.
        requires: Its requirements in the notation of pip, with those of its extras.
    """

    version: str
    requires: tuple[str, ...] = ()


def diagnose() -> tuple[Finding, ...]:
    """Return the findings on the running Python, its packages and this machine.

    Returns:
        One finding for each runtime, extra and property of the processor.

    Examples:
        >>> [finding.topic for finding in edgebert.diagnose() if finding.status == "clash"]
        []
    """
    return findings(installed_packages(), python=platform.python_version(), cpu=cpu_name())


def installed_packages() -> dict[str, Installed]:
    """Return edgebert, the runtimes and whatever edgebert or one of these requires, as far as it is installed.

    The keys are normalized names (lower case, hyphens).
    """
    found: dict[str, Installed] = {}
    wanted = {_SELF, *PACKAGES.values()}
    # Packages at one remove are read for their versions: what they require in turn is not edgebert's to judge.
    for with_requirements in (True, True, False):
        for name in sorted(wanted):
            with contextlib.suppress(metadata.PackageNotFoundError):
                package = metadata.distribution(name)
                requires = tuple(package.requires or ()) if with_requirements else ()
                if package.version:  # an installation that was cut short leaves a folder without metadata
                    found[canonicalize_name(name)] = Installed(version=package.version, requires=requires)
        wanted = _names(found) - found.keys()
    return found


def _names(packages: Mapping[str, Installed]) -> set[str]:
    return {canonicalize_name(one.name) for package in packages.values() for one in _parsed(package.requires)}


def findings(packages: Mapping[str, Installed], *, python: str, cpu: str) -> tuple[Finding, ...]:
    """Return the findings on an environment.

    Args:
        packages: What is installed, by normalized name.
        python: Version of Python, as in ``3.11.7``.
        cpu: The machine and its features, as ``edgebert.ondevice.session.cpu_name`` tells them.
    """
    return (
        _own(packages, python),
        *(_runtime(name, packages, python) for name in PACKAGES),
        *_extras(packages),
        *_clashes(packages),
        _cpu(cpu),
        *_telemetry(packages),
    )


def _own(packages: Mapping[str, Installed], python: str) -> Finding:
    if _SELF not in packages:
        return Finding(
            topic=_SELF,
            status="warning",
            detail=f"Python {python}; edgebert runs from a folder and is not installed: its extras are unknown",
            hint="pip install -e .",
        )
    return Finding(topic=_SELF, status="ok", detail=f"edgebert {packages[_SELF].version}, Python {python}")


def _runtime(name: str, packages: Mapping[str, Installed], python: str) -> Finding:
    topic, package = f"runtime {name}", PACKAGES[name]
    old, too_new = package == _OLD_RUNTIME, _release(python) > _OLD_RUNTIME_PYTHON
    if package in packages:
        detail = f"{package} {packages[package].version}"
        if old and too_new:
            return Finding(
                topic=topic,
                status="clash",
                detail=f"{detail} does not load in Python {python}",
                hint="use it in an environment of its own with Python 3.11",
            )
        return Finding(topic=topic, status="ok", detail=detail)
    if old and too_new:
        hint = "it exists for Python 3.11 and older: use it in an environment of its own"
    elif old:
        hint = install_hint(_OLD_RUNTIME)
    else:
        hint = install_hint("runtimes")
    return Finding(topic=topic, status="absent", detail=f"{package} is not installed", hint=hint)


def _extras(packages: Mapping[str, Installed]) -> Iterator[Finding]:
    if _SELF not in packages:
        return
    for extra, purpose in EXTRAS.items():
        names = sorted({canonicalize_name(one.name) for one in _of_extra(packages[_SELF], extra)})
        missing = [name for name in names if name not in packages]
        if missing:
            hint = install_hint(extra)
            detail = f"{purpose}; not installed: {', '.join(missing)}"
            yield Finding(topic=f"extra {extra}", status="absent", detail=detail, hint=hint)
        else:
            versions = ", ".join(f"{name} {packages[name].version}" for name in names)
            yield Finding(topic=f"extra {extra}", status="ok", detail=f"{purpose}: {versions}")


def _clashes(packages: Mapping[str, Installed]) -> Iterator[Finding]:
    """Yield a finding for each package that is missing, or of a version that another one does not admit."""
    demands: dict[str, list[tuple[str, Requirement]]] = {}
    for owner, needed in _demands(packages):
        demands.setdefault(canonicalize_name(needed.name), []).append((owner, needed))
    for name, asked in sorted(demands.items()):
        version = packages[name].version if name in packages else None
        unmet = [
            (owner, needed)
            for owner, needed in asked
            if version is None or not needed.specifier.contains(version, prereleases=True)
        ]
        if not unmet:
            continue
        wishes = "; ".join(sorted({f"{owner} needs {name}{needed.specifier}" for owner, needed in unmet}))
        found = "it is not installed" if version is None else f"{name} {version} is installed"
        loner = next((_LONERS[owner] for owner, _ in unmet if owner in _LONERS), None)
        every = ",".join(sorted({str(one) for _, needed in asked for one in needed.specifier}))
        hint = install_hint(loner) if loner else f"pip install '{name}{every}'"
        yield Finding(topic=f"package {name}", status="clash", detail=f"{wishes}, but {found}", hint=hint)


def _demands(packages: Mapping[str, Installed]) -> Iterator[tuple[str, Requirement]]:
    """Yield who requires what, as far as it binds this environment."""
    for owner, package in packages.items():
        for needed in _parsed(package.requires):
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                yield owner, needed
    if _SELF not in packages:
        return
    core = {canonicalize_name(one.name) for one in _parsed(packages[_SELF].requires) if one.marker is None}
    for extra in (*EXTRAS, "runtimes", _OLD_RUNTIME):
        asked = tuple(_of_extra(packages[_SELF], extra))
        complete = all(canonicalize_name(one.name) in packages for one in asked)
        for needed in asked:
            name = canonicalize_name(needed.name)
            # An extra that nobody asked for puts no bounds on what is there anyway.
            if name in packages and (complete or name not in core):
                yield _OLD_RUNTIME if extra == _OLD_RUNTIME else _SELF, needed


def _of_extra(own: Installed, extra: str) -> Iterator[Requirement]:
    """Yield what an extra of edgebert requires, with the extras of edgebert that it names."""
    for needed in _parsed(own.requires):
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            continue
        if not needed.marker.evaluate({"extra": extra}):
            continue
        if canonicalize_name(needed.name) == _SELF:
            for inner in sorted(needed.extras):
                yield from _of_extra(own, inner)
        else:
            yield needed


def _parsed(texts: Iterable[str]) -> Iterator[Requirement]:
    for text in texts:
        # Old packages hold requirements in notations that pip itself no longer reads.
        with contextlib.suppress(InvalidRequirement):
            yield Requirement(text)


def _cpu(cpu: str) -> Finding:
    machine, _, rest = cpu.partition(" ")
    features = rest.split()
    if machine.lower() in {"x86_64", "amd64", "i686"}:
        exact = [name for name in _EXACT_X86 if name in features]
        if exact:
            return Finding(
                topic="cpu", status="ok", detail=f"{machine} with {', '.join(exact)}: int8 products are exact"
            )
        return Finding(
            topic="cpu",
            status="warning",
            detail=f"{machine} without VNNI: ONNX Runtime's int8 products saturate here by default, as on no ARM core. "
            "edgebert asks for its exact kernels, so its accuracy holds; its int8 speed here is not typical",
            hint="other programs need the session option session.x64quantprecision=1 on this CPU",
        )
    if machine.lower().startswith(("aarch64", "arm")):
        fast = [words for name, words in (("asimddp", "dot products"), ("i8mm", "matrix products")) if name in features]
        speed = f"fast by {' and '.join(fast)}" if fast else "no fast dot products are reported, so int8 gains little"
        return Finding(topic="cpu", status="ok", detail=f"{cpu}: int8 products are exact; {speed}")
    return Finding(
        topic="cpu",
        status="warning",
        detail=f"{machine or 'an unknown machine'}: whether int8 products are exact here is not known",
        hint="measure int8 accuracy on x86-64 with VNNI, or on the device",
    )


def _telemetry(packages: Mapping[str, Installed]) -> Iterator[Finding]:
    if PACKAGES["onnxruntime"] in packages:
        detail = "ONNX Runtime's is off: edgebert sets ORT_DISABLE_TELEMETRY=1 before it loads the library"
        yield Finding(topic="telemetry", status="ok", detail=detail)


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
