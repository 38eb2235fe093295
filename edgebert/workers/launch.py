"""What starts a worker on a device: this Python, the device's own, or the runtime that is brought along."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import secrets
import sys
import tarfile
import tempfile
from pathlib import Path

from edgebert import ondevice
from edgebert.device.board import Launcher
from edgebert.device.complaints import last_words, not_written
from edgebert.device.device import Device
from edgebert.device.process import size_and_sha256
from edgebert.errors import DeviceProblem, UsageError
from edgebert.workers.archive import member_of
from edgebert.workers.unpack import check_runtime, read_runtime

OLDEST_PYTHON = (3, 9)

_MODULE = ("-m", "edgebert.ondevice")
_UNPACK_S = 600.0
_NAME_PYTHON = "name a Python with numpy and a runtime there, as in --python /usr/bin/python3"

# Arguments: archive, folder, a word for the name of the unfinished folder. Another session may have made the folder
# meanwhile: it holds the same. Owners are not restored (-o, of GNU's, busybox's, toybox's and BSD's tar), and modes are
# set: those of the superuser would be what the archive says.
_UNPACK = """
partial=$2.$3.partial
mkdir -- "$partial" || exit 1
if ! tar -xzof "$1" -C "$partial" || ! chmod -R u=rwX,go=rX "$partial"; then rm -rf -- "$partial"; exit 1; fi
rm -f -- "$1"
if [ -d "$2" ]; then rm -rf -- "$partial"; else mv -- "$partial" "$2"; fi
"""


def prepare(device: Device, *, python: str | None, runtime: Path | None) -> Launcher:
    """Bring the worker to a device, unless it is there already, and return how it is started.

    Args:
        device: The device.
        python: A Python of the device that has numpy and a runtime, as in ``/usr/bin/python3``.
        runtime: A worker archive, as ``edgebert worker build`` makes it.

    Raises:
        UsageError: Both are given.
        BundleError: The worker archive cannot be read.
        DeviceProblem: Neither is given where one is needed, there is no such Python, the runtime is for another
            machine, or there is no room.
        DeviceGone: The connection broke.
    """
    if python is not None and runtime is not None:
        raise UsageError("--python and --worker cannot be combined", hint="give one of them")
    if python is not None:
        return _with_python(device, python)
    if runtime is not None:
        return _with_runtime(device, runtime)
    if device.kind == "local":
        return _with_this_python()
    machine = _machine(device)
    build = "make a worker archive with `edgebert worker build` and give it as --worker, or "
    raise DeviceProblem(
        f"{device.url}: nothing to run the worker with on {machine}",
        hint=f"{build if machine == 'aarch64' else ''}{_NAME_PYTHON}",
    )


def _with_this_python() -> Launcher:
    # The worker sees the packages that this process sees, however they got into its search path.
    path = os.pathsep.join(entry for entry in sys.path if os.path.isabs(entry))  # noqa: PTH117  (texts, not paths)
    return Launcher(
        argv=(sys.executable, *_MODULE),
        environment={"PYTHONPATH": path},
        worker=f"{sys.implementation.name} {platform.python_version()}",
    )


def _with_python(device: Device, python: str) -> Launcher:
    if not python or python.startswith("-"):
        raise UsageError(f"{python!r}: not a program", hint="e.g. --python /usr/bin/python3")
    asked = device.run((python, "-c", "import sys; print('edgebert %d.%d' % sys.version_info[:2])"))
    version = re.search(rb"edgebert (\d+)\.(\d+)\s*\Z", asked.stdout)
    if asked.code != 0 or version is None:
        raise DeviceProblem(f"{device.url}: {python} is no Python that starts: {last_words(asked)}")
    if (int(version[1]), int(version[2])) < OLDEST_PYTHON:
        raise DeviceProblem(
            f"{device.url}: {python} is Python {int(version[1])}.{int(version[2])}",
            hint="the worker needs 3.9 or newer; a worker archive brings its own",
        )
    sources = sorted(Path(next(iter(ondevice.__path__))).glob("*.py"))
    listing = "".join(f"{source.name} {size_and_sha256(source)[1]}\n" for source in sources)
    folder = f"worker-{hashlib.sha256(listing.encode()).hexdigest()[:16]}"
    if not _is_there(device, folder):
        with tempfile.TemporaryDirectory(prefix="edgebert-") as scratch:
            archive = Path(scratch, "worker.tar.gz")
            with tarfile.open(archive, "w:gz", format=tarfile.USTAR_FORMAT) as packed:
                # Otherwise an edgebert that is installed there would be imported in place of this one.
                packed.addfile(tarfile.TarInfo("edgebert/__init__.py"))
                for source in sources:
                    member = member_of(f"edgebert/ondevice/{source.name}", source.stat().st_size, executable=False)
                    with source.open("rb") as content:
                        packed.addfile(member, content)
            _unpack(device, archive, folder)
    environment = {"PYTHONPATH": f"{device.root}/{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    return Launcher(argv=(python, *_MODULE), environment=environment, worker=python)


def _with_runtime(device: Device, runtime: Path) -> Launcher:
    manifest = read_runtime(runtime)
    machine = _machine(device)
    if machine != manifest.machine:
        raise DeviceProblem(
            f"{device.url}: {runtime.name} is for {manifest.machine}, and this device is {machine}",
            hint=_NAME_PYTHON,
        )
    _, digest = size_and_sha256(runtime)
    folder = f"runtime-{digest[:16]}"
    if not _is_there(device, folder):
        check_runtime(runtime)  # what follows it on the device runs with the rights of its user
        _unpack(device, runtime, folder)
    root = f"{device.root}/{folder}"
    return Launcher(argv=manifest.command(root), environment=manifest.variables(root), worker=digest)


def _machine(device: Device) -> str:
    asked = device.run(("uname", "-m"))
    machine = asked.stdout.decode("utf-8", "replace").strip()
    if asked.code != 0 or not machine:
        raise DeviceProblem(f"{device.url}: it does not say what machine it is: {last_words(asked)}")
    return "aarch64" if machine == "arm64" else machine


def _is_there(device: Device, folder: str) -> bool:
    return device.run(("test", "-d", folder)).code == 0


def _unpack(device: Device, archive: Path, folder: str) -> None:
    """Unpack an archive to ``folder``, which appears whole or not at all."""
    # Two sessions may bring the same at once.
    word = secrets.token_hex(8)
    name = f"{folder}.{word}.tar.gz"
    device.push(archive, name)
    done = device.run(("sh", "-c", _UNPACK, "sh", name, folder, word), environment={"LC_ALL": "C"}, timeout_s=_UNPACK_S)
    if done.code != 0:
        device.run(("rm", "-f", name))
        raise not_written(device.url, device.root, folder, done)
