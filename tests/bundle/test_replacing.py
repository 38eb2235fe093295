"""A bundle that is replaced while it is read is read as the old one or as the new one, never as a mix."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.bundle import MANIFEST, open_bundle
from edgebert.errors import BundleError
from tests.support.fakes import restate

ROOT = Path(__file__).parents[2]

REPLACE = """
import shutil, sys
from pathlib import Path
from edgebert.staging import staged_folder

out, sources = Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
for index in range(300):
    with staged_folder(out, force=True, marker="edgebert.json") as stage:
        shutil.copytree(sources[index % 2], stage, dirs_exist_ok=True)
"""


@pytest.fixture
def other(whole: Path, tmp_path: Path) -> Path:
    """Return a bundle that differs from the whole one in its model file and in its manifest."""
    root = Path(shutil.copytree(whole, tmp_path / "other"))
    with (root / "vocab.txt").open("ab") as stream:
        stream.write(b"more\n" * 100_000)
    restate(root, "vocab.txt")
    return root


def test_a_reader_gets_one_of_the_two(whole: Path, other: Path, bundle: Path):
    """While another process replaces the bundle 300 times, each reading finds a whole one, and both are found."""
    both = {(root / MANIFEST).read_bytes() for root in (whole, other)}
    assert len(both) == 2
    known = {open_bundle(root).manifest for root in (whole, other)}
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", REPLACE, str(bundle), str(other), str(whole)]
    found = set()
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as writer:
        while writer.poll() is None:
            found.add(open_bundle(bundle).manifest)
        assert writer.stderr is not None
        assert writer.stderr.read() == ""
    assert writer.returncode == 0
    assert found == known


def test_a_bundle_that_is_really_damaged_is_refused(bundle: Path):
    """Nobody replaced it, so that reading it again would help nothing."""
    (bundle / "vocab.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BundleError, match=r"vocab\.txt"):
        open_bundle(bundle)
