import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebert.device.adb import open_adb
from tests.support import kit
from tests.support.kit_build import REPOSITORY, build, with_tools


def test_built_once():
    """A kit that is there is not built again."""
    built = kit.kit_or_skip()
    before = (built.root / "usr/bin/python3.11").stat().st_mtime_ns
    assert build() == built
    assert (built.root / "usr/bin/python3.11").stat().st_mtime_ns == before


def test_programs_of_the_root_are_arm64():
    """The emulated machine runs aarch64 programs, and the processor that they see is an ARM one."""
    with kit.machine(own_network=True) as emulated:
        assert emulated.run("python3", "-c", "import platform; print(platform.machine())").stdout == "aarch64\n"
        assert "CPU implementer\t: 0x41" in emulated.run("cat", "/proc/cpuinfo").stdout


def test_runtimes_import():
    """Both runtimes, numpy and the tokenizer import in the root."""
    with kit.machine(own_network=True) as emulated:
        code = "import sys; sys.path.append('/opt/site'); import numpy, onnxruntime, tokenizers; "
        code += "import ai_edge_litert.interpreter; print('all')"
        assert emulated.run("python3", "-c", code).stdout == "all\n"


def test_what_is_written_is_forgotten():
    """Each machine starts from the same files, whatever the last one wrote."""
    with kit.machine(own_network=True) as first:
        first.run("sh", "-c", "echo kept > /data/local/tmp/file; rm /usr/bin/env")
    with kit.machine(own_network=True) as second:
        assert second.run("ls", "/data/local/tmp").stdout == ""
        assert second.run("test", "-e", "/usr/bin/env").returncode == 0


def test_a_machine_ends_with_its_block():
    """No process outlives the block that started the machine."""
    with kit.machine(own_network=True) as emulated:
        left = subprocess.Popen(emulated.inside(["sleep", "600"]), env=with_tools())
        time.sleep(0.3)
        assert left.poll() is None
    assert left.wait(timeout=30) != 0
    assert not Path(f"/proc/{emulated.pid}").exists()


def test_the_network_of_a_phone_is_its_own():
    """A phone's network holds a loopback and nothing else, and its port cannot be reached from here."""
    with kit.phone_by_adb() as phone:
        devices = phone.machine.run("cat", "/proc/net/dev").stdout.splitlines()[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"]
        listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        assert f":{kit.PORT:04X} " not in listening


def test_adbd_cannot_be_reached_around_the_network():
    """The sockets of virtual machines, which ignore network namespaces, are closed to adbd and all it starts."""
    with kit.phone_by_adb() as phone:
        code = "import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)"
        done = subprocess.run(
            [phone.adb, "-s", phone.serial, "shell", f'python3 -c "{code}"'], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 1
        assert "Address family not supported" in done.stderr


def test_native_phone(tmp_path):
    """A phone without emulation runs programs of this machine, sees only a loopback, and takes files."""
    with kit.native_phone_by_adb() as phone:
        device = open_adb(phone.serial, root=str(tmp_path / "phone"), adb=phone.adb)
        assert device.run(("uname", "-m")).stdout.decode().strip() == os.uname().machine
        devices = device.run(("cat", "/proc/net/dev")).stdout.decode().splitlines()[2:]
        assert [line.split(":")[0].strip() for line in devices] == ["lo"]
        assert device.run(("sh", "-c", "exit 3")).code == 3
        assert device.run(("printenv", "LD_LIBRARY_PATH")).code == 1
        assert device.android_facts().model == "Pixel 8"
        (tmp_path / "file").write_bytes(bytes(range(256)))
        device.push(tmp_path / "file", "files/pushed")
        assert (tmp_path / "phone/files/pushed").read_bytes() == bytes(range(256))
    assert phone.daemon.returncode is not None


def test_adbd_refuses_a_network_that_is_shared():
    """adbd, a root shell without a password, does not start where anybody else could reach it."""
    if len(os.listdir("/sys/class/net")) < 2:  # noqa: PTH208  (names are enough)
        pytest.skip("this machine has no network but a loopback")
    argv = [sys.executable, "-m", "tests.support.kit_inside", "adbd", "/nowhere"]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "refused" in done.stderr


def ssh(board, *words, **more):
    argv = ["ssh", *board.options, "-p", board.target.rpartition(":")[2], board.target.rpartition(":")[0], *words]
    return subprocess.run(argv, capture_output=True, timeout=60, **more)


def test_board_by_ssh():
    """A session on the board is one of an arm64 machine, with input, output and exit codes as they are."""
    with kit.arm64_board_by_ssh() as board:
        assert ssh(board, "uname -m").stdout == b"aarch64\n"
        assert ssh(board, "exit 5").returncode == 5
        data = bytes(range(256))
        assert ssh(board, "cat > /kept", input=data).returncode == 0
        assert ssh(board, "cat /kept").stdout == data
    assert board.server.returncode is not None


def test_local_sshd():
    """A session of the other server is one of this machine."""
    with kit.local_sshd() as board:
        assert ssh(board, "uname -m").stdout.decode().strip() == os.uname().machine
        assert ssh(board, "exit 6").returncode == 6
