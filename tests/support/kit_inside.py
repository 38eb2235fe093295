"""The parts of the test kit that are processes of their own, inside namespaces."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CPU = "cortex-a76"
PORT = 6555
"""Of adbd. On 5555, its usual port, adb would list it a second time, as an emulator."""

# The first bytes of an aarch64 ELF program, and which of their bits count.
ELF_BYTES = bytes.fromhex("7f454c460201010000000000000000000200b700")
ELF_MASK = bytes.fromhex("ffffffffffffff00fffffffffffffffffeffffff")

PHONE_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/data/local/tmp",
    "TMPDIR": "/data/local/tmp",
    "QEMU_CPU": CPU,
}


def _hold() -> None:
    """Be the first process of new namespaces: say that they are ready, and stay until standard input ends."""
    if _has_only_loopback():
        _raise_loopback()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the first process is heir to all orphans
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()


def _mount_arm64(root: Path, qemu: Path, folder: Path, transcripts: Path | None = None) -> None:
    """Mount an arm64 root whose programs run under QEMU, over a memory file system, on ``folder/merged``."""
    upper, merged = folder / "memory", folder / "merged"
    upper.mkdir()
    merged.mkdir()
    misc = Path("/proc/sys/fs/binfmt_misc")
    _mount("none", str(misc), kind="binfmt_misc")
    rule = b":edgebert:M::%s:%s:%s:F" % (_escaped(ELF_BYTES), _escaped(ELF_MASK), os.fsencode(qemu))
    try:
        (misc / "register").write_bytes(rule)
    except OSError as error:
        sys.exit(f"cannot: this kernel gives user namespaces no binfmt_misc of their own (Linux 6.7 does): {error}")
    _mount("none", str(upper), kind="tmpfs", options="mode=755")
    (upper / "files").mkdir()
    (upper / "work").mkdir()
    layers = f"lowerdir={root},upperdir={upper}/files,workdir={upper}/work,userxattr"
    _mount("none", str(merged), kind="overlay", options=layers)
    _mount("none", str(merged / "proc"), kind="proc")
    for name in ("sys", "dev"):
        _mount(f"/{name}", str(merged / name), options="rbind")
    if transcripts is not None:
        shutil.copytree(transcripts, merged / "transcripts", dirs_exist_ok=True)


def _mount(source: str, target: str, *, kind: str | None = None, options: str | None = None) -> None:
    argv = ["mount", *(["-t", kind] if kind else []), *(["-o", options] if options else []), source, target]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cannot: mount {kind or options}: {done.stderr.strip()}")


def _escaped(data: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in data)


def _has_only_loopback() -> bool:
    """Whether the network that this process lives in is cut off from everything."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def _raise_loopback() -> None:
    """Do what `ip link set lo up` does (SIOCSIFFLAGS with IFF_UP), where iproute2 is missing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        fcntl.ioctl(channel, 0x8914, struct.pack("16sh14x", b"lo", 1))


def _serve_adbd(root: Path, words: Sequence[str]) -> None:
    """Become adbd, unless anybody could reach it.

    Args:
        root: Root of the machine.
        words: Program and arguments that start it there, in an environment of its port alone.
    """
    if not _has_only_loopback():
        sys.exit("refused: adbd is a root shell without a password, and this network has more than a loopback")
    _forbid_vsock()
    os.chroot(root)
    os.chdir("/")
    os.execve(words[0], list(words), {"ADBD_PORT": str(PORT)})


def _forbid_vsock() -> None:
    """Have the kernel refuse sockets to the host of a virtual machine, which no namespace cuts off (seccomp)."""
    system_call = {"x86_64": 41, "aarch64": 198}[platform.machine()]
    steps = (
        (0x20, 0, 0, 0),  # take the number of the system call
        (0x15, 0, 3, system_call),  # is it socket?
        (0x20, 0, 0, 16),  # take its first argument, the family
        (0x15, 0, 1, socket.AF_VSOCK),
        (0x06, 0, 0, 0x00050000 | errno.EAFNOSUPPORT),  # refuse
        (0x06, 0, 0, 0x7FFF0000),  # allow
    )
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    filters = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(program)))
    library = ctypes.CDLL(None, use_errno=True)
    for arguments in ((38, 1, 0, 0, 0), (22, 2, ctypes.addressof(filters), 0, 0)):  # no new privileges; the filter
        if library.prctl(*map(ctypes.c_ulong, arguments)) != 0:
            sys.exit(f"refused: adbd would be open to the host: {os.strerror(ctypes.get_errno())}")


def _serve_ssh(program: str, folder: Path) -> None:
    """Become sshd. Run by root it wants a user and a folder of its own, which this mount namespace then has."""
    if os.getuid() == 0:
        _mount("none", "/", options="rprivate")
        _mount("none", "/run", kind="tmpfs", options="mode=755")
        Path("/run/sshd").mkdir(mode=0o755)
        for name, line in {
            "passwd": "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin",
            "shadow": "root:*:1::::::",
        }.items():
            kept = [] if name == "shadow" else Path("/etc/passwd").read_text().splitlines()
            kept = [old for old in kept if not old.startswith("sshd:")]
            (folder / name).write_text("\n".join([*kept, line, ""]))
            _mount(str(folder / name), f"/etc/{name}", options="bind")
        # A shell that sshd starts reads it, and a board's is empty: that of this machine may start what takes long.
        if (profile := Path("~/.bashrc").expanduser()).is_file():
            _mount("/dev/null", str(profile), options="bind")
    os.execv(program, [program, "-D", "-e", "-f", str(folder / "sshd_config")])


def main(arguments: Sequence[str]) -> None:
    """Become what the first argument names."""
    match arguments:
        case ["hold", *arm64]:
            _mount("none", "/proc", kind="proc")
            if arm64:
                _mount_arm64(*map(Path, arm64))
            _hold()
        case ["adbd", root, *words]:
            _serve_adbd(Path(root), words)
        case ["sshd", program, folder]:
            _serve_ssh(program, Path(folder))
        case _:
            sys.exit("this is a part of tests.support.kit")


if __name__ == "__main__":
    main(sys.argv[1:])
