"""Downloads Debian packages and wheels of another machine; nothing that is installed here is looked at or changed."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from edgebert.device.device import NOTHING
from edgebert.device.process import run_program
from edgebert.errors import DeviceGone, EnvironmentProblem

RELEASE = ("bookworm", "bookworm-updates")
"""Debian 12: glibc 2.36 and Python 3.11."""

BACKPORTS = ("bookworm-backports",)
MIRROR = "EDGEBERT_DEBIAN_MIRROR"
"""Environment variable with the address of a Debian archive, for machines whose apt knows none, as Ubuntu's."""

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
AARCH64 = (*(f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)), "manylinux2014_aarch64")
"""Tags of the wheels that run with the C library of ``RELEASE``, newest first."""

_TIME_LIMIT_S = 900.0


def fetch_debs(
    packages: Sequence[str], *, architecture: str, suites: Sequence[str], folder: Path, with_dependencies: bool
) -> tuple[Path, ...]:
    """Download Debian packages into ``folder`` and return their files, sorted by name.

    An apt of its own does it, with its own sources, lists and status: it checks the signatures, and the apt of this
    machine stays as it is. The archive is the one that this machine uses already, or that ``MIRROR`` names.

    Args:
        packages: Names, as in ``python3.11-minimal``.
        architecture: As Debian calls it, as in ``arm64``.
        suites: Suites to take them from, as in ``RELEASE``.
        folder: Where the files go; made if need be.
        with_dependencies: Whether to download everything they depend on too.

    Raises:
        EnvironmentProblem: This machine has no apt, no keyring, no archive or no connection, or there is no such
            package.
    """
    _check_tools()
    with tempfile.TemporaryDirectory(prefix="edgebert-apt-") as name:
        root = Path(name)
        archives = root / "archives"
        for part in ("etc", "state/lists/partial", "archives/partial"):
            (root / part).mkdir(parents=True)
        (root / "status").touch()
        mirror = _mirror()
        sources = [f"deb [arch={architecture} signed-by={KEYRING}] {mirror} {suite} main\n" for suite in suites]
        (root / "etc" / "sources.list").write_text("".join(sources), encoding="utf-8")
        settings = root / "apt.conf"
        settings.write_text(_settings(root, architecture), encoding="utf-8")
        environment = {"APT_CONFIG": str(settings), "LC_ALL": "C.UTF-8"}
        _run(["apt-get", "-qq", "--error-on=any", "update"], what=f"the package lists of {mirror}", env=environment)
        argv = ["--yes", "--download-only", "install"] if with_dependencies else ["download"]
        what = f"the packages {', '.join(packages)}"
        _run(["apt-get", "-qq", *argv, *packages], what=what, env=environment, cwd=archives)
        return _move(archives, folder, "*.deb")


def unpack_deb(deb: Path, folder: Path) -> None:
    """Unpack the files of a Debian package over what is in ``folder``; its scripts are not run.

    A link such as ``lib -> usr/lib`` in the folder stays one.

    Raises:
        EnvironmentProblem: The file is damaged, or this machine lacks dpkg-deb or tar.
    """
    folder.mkdir(parents=True, exist_ok=True)
    archive = _read(["dpkg-deb", "--fsys-tarfile", str(deb)], what=deb.name)
    argv = ["tar", "-x", "--no-same-owner", "--no-same-permissions", "--keep-directory-symlink", "-C", str(folder)]
    _read(argv, what=deb.name, stdin=archive)


def deb_version(deb: Path) -> tuple[str, str]:
    """Return name and version of a Debian package.

    Raises:
        EnvironmentProblem: The file is damaged, or this machine lacks dpkg-deb.
    """
    shown = _read(["dpkg-deb", "--show", "--showformat=${Package}\t${Version}", str(deb)], what=deb.name)
    name, _, version = shown.decode("utf-8", "replace").partition("\t")
    return name, version


def host_architecture() -> str:
    """Return what Debian calls this machine, as in ``amd64``.

    Raises:
        EnvironmentProblem: This machine is no Debian or Ubuntu.
    """
    return _read(["dpkg", "--print-architecture"], what="the architecture").decode().strip()


def fetch_wheels(
    requirements: Sequence[str], *, folder: Path, python: str = "3.11", platforms: Sequence[str] = AARCH64
) -> tuple[Path, ...]:
    """Download wheels of another machine, without what they depend on, and return their files, sorted by name.

    Args:
        requirements: As pip reads them, as in ``numpy==2.4.6``.
        folder: Where the files go; made if need be.
        python: Version of CPython they are for.
        platforms: Platform tags to accept, the best first.

    Raises:
        EnvironmentProblem: This Python has no pip or no connection, or there is no such wheel.
    """
    with tempfile.TemporaryDirectory(prefix="edgebert-pip-") as name:
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        argv += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version", python]
        argv += [word for platform in platforms for word in ("--platform", platform)]
        _run([*argv, "--dest", name, *requirements], what=f"the wheels {', '.join(requirements)}")
        return _move(Path(name), folder, "*.whl")


def _check_tools() -> None:
    for tool in ("apt-get", "dpkg", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            raise EnvironmentProblem(
                f"{tool} is not on this machine; the aarch64 parts come from Debian's packages",
                hint="do this on a Debian or Ubuntu machine, or in a container of one",
            )


def _mirror() -> str:
    """Return the Debian archive that the user names, else the one that this machine's own apt uses."""
    if not KEYRING.is_file():
        raise EnvironmentProblem(
            f"{KEYRING} is not on this machine; Debian's packages are checked with it",
            hint="apt-get install debian-archive-keyring",
        )
    named = os.environ.get(MIRROR, "")
    if named:
        if not re.fullmatch(r"(https?|file)://?[^\s\[\]]+", named):
            raise EnvironmentProblem(f"{MIRROR} is {named!r}, no address", hint="as in http://HOST/debian")
        return named.rstrip("/")
    argv = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN)"]
    lines = run_program(argv, timeout_s=60.0).stdout.decode("utf-8", "replace").splitlines()
    known = [(address.rstrip("/"), origin) for address, _, origin in (line.partition(" ") for line in lines)]
    sure = [address for address, origin in known if origin == "Debian" and address.endswith("/debian")]
    # Without its lists, as in a fresh container, apt does not know whose archive it is.
    unsure = [address for address, origin in known if not origin and urlsplit(address).path == "/debian"]
    if sure or unsure:
        return (*sure, *unsure)[0]
    raise EnvironmentProblem(
        "the aarch64 parts cannot be fetched: apt on this machine knows no Debian archive",
        hint=f"name a mirror of Debian: {MIRROR}=http://HOST/debian",
    )


def _settings(root: Path, architecture: str) -> str:
    # The hooks in the settings of this machine may delete or announce things, so only its proxies are taken over.
    listed = run_program(["apt-config", "dump"], timeout_s=60.0).stdout.decode("utf-8", "replace").splitlines()
    proxies = [line for line in listed if line.startswith(("Acquire::http", "Acquire::https"))]
    own = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::GzipIndexes": "true",
        "Acquire::Retries": "2",
        "Dir::Etc": f"{root}/etc",
        "Dir::Etc::SourceList": "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Parts": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State": f"{root}/state",
        "Dir::State::status": f"{root}/status",
        "Dir::Cache": str(root),
        "Dir::Cache::archives": f"{root}/archives",
    }
    return "\n".join([*proxies, *(f'{key} "{value}";' for key, value in own.items()), ""])


def _move(source: Path, folder: Path, pattern: str) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    for path in source.glob(pattern):
        shutil.move(path, folder / path.name)
    return tuple(sorted(folder.glob(pattern)))


def _read(argv: Sequence[str], *, what: str, stdin: bytes = b"") -> bytes:
    """Return what a tool of Debian prints that only reads ``what``."""
    _check_tools()
    return _run(argv, what=what, stdin=stdin, problem="cannot be read", hint="")


def _run(
    argv: Sequence[str],
    *,
    what: str,
    env: Mapping[str, str] = NOTHING,
    cwd: Path | None = None,
    stdin: bytes = b"",
    problem: str = "cannot be fetched",
    hint: str = "is this machine connected?",
) -> bytes:
    """Return what a tool prints that must succeed."""
    try:
        done = run_program(argv, environment=env, cwd=cwd, stdin=stdin, timeout_s=_TIME_LIMIT_S)
    except DeviceGone as error:
        raise EnvironmentProblem(f"{what}: not there after {_TIME_LIMIT_S:g} s", hint="try again later") from error
    if done.code == 0:
        return done.stdout
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    # apt says the reason first, pip last.
    telling = [line for line in lines if line.startswith("E:")] + [line for line in lines if "ERROR:" in line][::-1]
    reason = next(iter([*telling, *lines]), f"{argv[0]} ended with code {done.code}")
    reason = reason.removeprefix("E:").removeprefix("ERROR:").strip()
    raise EnvironmentProblem(f"{what}: {problem}: {reason}", hint=hint)
