from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.device.local import open_local
from edgebert.errors import DeviceGone, DeviceProblem, UsageError


@pytest.fixture
def device():
    opened = open_local()
    yield opened
    opened.close()


def test_temporary_folder_goes_with_the_device():
    """Without a root everything lies in a folder that closing removes, as often as it is closed."""
    device = open_local()
    assert Path(device.root).is_dir()
    device.close()
    device.close()
    assert not Path(device.root).exists()


def test_own_folder_stays(tmp_path):
    """A root that the user named is made and stays."""
    device = open_local(tmp_path / "a" / "b")
    device.close()
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("root", ["/", "~", "~/..", "/proc/none"])
def test_unfit_root(root):
    """The root of the disk, the home folder, what lies above it and what cannot be made are refused."""
    with pytest.raises(UsageError):
        open_local(Path(root))


def test_run(device):
    """A program runs in the root with its input and the variables added."""
    done = device.run(["sh", "-c", 'pwd; cat; echo "$A"; exit 3'], stdin=b"in\n", environment={"A": "x"})
    assert (done.code, done.stdout.decode()) == (3, f"{device.root}\nin\nx\n")


def test_codes_are_those_of_a_shell(device):
    """A program that is absent ends with 127 and one killed by signal 9 with 137, as on a board."""
    assert device.run(["no-such-program"]).code == 127
    assert device.run(["sh", "-c", "kill -9 $$"]).code == 137


def test_timeout(device):
    """A program that takes too long means that the device is gone."""
    with pytest.raises(DeviceGone):
        device.run(["sleep", "30"], timeout_s=0.2)


def test_push_again_and_over_a_link(device, tmp_path):
    """A push makes its folders, replaces what was there, and leaves nothing else, even for the very same file."""
    source = tmp_path / "model"
    source.write_bytes(b"one")
    for _ in range(2):
        device.push(source, "files/a b/model")
    other = tmp_path / "other"
    other.write_bytes(b"two")
    device.push(other, "files/a b/model")
    folder = Path(device.root, "files", "a b")
    assert [path.name for path in folder.iterdir()] == ["model"]
    assert (folder / "model").read_bytes() == b"two"
    assert source.read_bytes() == b"one"


def test_push_of_a_link_takes_the_file_it_leads_to(device, tmp_path):
    """A file of a bundle in the Hub's cache is a relative link; what is pushed is no link, and is as the file is."""
    (tmp_path / "blob").write_bytes(b"weights")
    (tmp_path / "model").symlink_to("blob")
    device.push(tmp_path / "model", "files/model")
    pushed = Path(device.root, "files", "model")
    assert not pushed.is_symlink()
    assert pushed.read_bytes() == b"weights"


def test_push_refusals(device, tmp_path):
    """A file that is absent is the user's mistake; a name that is taken by a folder is the device's problem."""
    with pytest.raises(UsageError, match="no such file"):
        device.push(tmp_path / "absent", "x")
    Path(device.root, "taken", "inner").mkdir(parents=True)
    source = tmp_path / "model"
    source.write_bytes(b"one")
    with pytest.raises(DeviceProblem, match="taken cannot be written"):
        device.push(source, "taken")
    assert [path.name for path in Path(device.root).iterdir()] == ["taken"]


FULL = """
import sys
from pathlib import Path
from edgebert.device.local import open_local
from edgebert.errors import DeviceProblem
device = open_local(Path(sys.argv[1]))
try:
    device.push(Path(sys.argv[2]), "files/big")
except DeviceProblem as error:
    print(error.message, [str(p.name) for p in Path(sys.argv[1], "files").iterdir()])
"""


def test_disk_full(tmp_path):
    """A full disk is 'no room', and half a file does not stay on it."""
    small, source = tmp_path / "small", tmp_path / "big"
    small.mkdir()
    source.write_bytes(b"x" * 3_000_000)
    script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1" "$4"'
    done = subprocess.run(
        ["unshare", "-r", "-m", "sh", "-c", script, "sh", str(small), sys.executable, FULL, str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no small disk can be made here: {done.stderr.strip()}")
    assert done.stdout.strip() == "local: no room on the disk for files/big []", done.stderr
