"""The lines that install what is missing can be typed as they are, and do what they say."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from edgebert import errors
from edgebert.errors import APART, MissingExtraError, clone_folder, install_line, upgrade_line

ROOT = Path(__file__).parents[1]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_the_line_for_a_clone_names_files_that_are_there(extra: str, monkeypatch: pytest.MonkeyPatch):
    """From the folder of the clone and from elsewhere, what follows ``pip install`` is there: pins and project."""
    for folder in (ROOT, Path("/")):
        monkeypatch.chdir(folder)
        words = shlex.split(install_line(extra).rpartition("pip install ")[2])
        assert words[0::2] == ["-c", "-e"]
        assert (folder / words[1]).is_file()
        place, _, rest = words[3].rpartition("[")
        assert rest == f"{extra}]"
        assert (folder / place / "pyproject.toml").is_file()


def test_the_line_is_quoted_for_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A clone in a folder whose name has blanks and a quote is still one word."""
    clone = tmp_path / "it's a clone"
    clone.mkdir()
    (clone / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (clone / "constraints.txt").write_text("numpy==1.0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = shlex.split(install_line("runtimes", clone=clone))
    assert words == ["pip", "install", "-c", "it's a clone/constraints.txt", "-e", "it's a clone[runtimes]"]


@pytest.mark.parametrize("extra", sorted(APART))
def test_what_would_break_the_environment_gets_one_of_its_own(extra: str):
    """The hint says so, and its line makes the environment before it installs."""
    hint = MissingExtraError("package", extra=extra, purpose="a test").hint
    assert "an environment of its own" in hint
    line = hint.partition(": ")[2]
    made, installed = line.split(" && ")
    assert shlex.split(made)[1:] == ["-m", "venv", f".venv-{extra}"]
    assert installed.startswith(f".venv-{extra}/bin/pip install ")
    assert (ROOT / f"constraints-{extra}.txt").is_file()


def test_a_clone_is_known_and_upgraded_by_git():
    """This repository is one."""
    assert clone_folder() == ROOT
    assert upgrade_line().startswith("git -C ")


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (None, "pip install 'edgebert[onnx]'"),
        (
            {"url": "file:///x/edgebert.whl", "archive_info": {}},
            "pip install 'edgebert[onnx] @ file:///x/edgebert.whl'",
        ),
        (
            {"url": "https://example.org/edgebert", "vcs_info": {"vcs": "git", "commit_id": "0"}},
            "pip install 'edgebert[onnx] @ git+https://example.org/edgebert'",
        ),
    ],
)
def test_what_pip_installed_is_installed_again_from_there(origin, line, monkeypatch):
    """A wheel, a repository or an index: the extra comes from where edgebert came from."""

    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return None if origin is None else json.dumps(origin)

    monkeypatch.setattr(errors, "clone_folder", lambda: None)
    monkeypatch.setattr(metadata, "distribution", lambda name: Installed())
    assert install_line("onnx") == line


def test_the_line_for_torch_without_cuda_has_the_pinned_version():
    """README and installation page name the version that ``constraints.txt`` pins."""
    pinned = re.search(r"^torch==(\S+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned is not None
    for page in ("README.md", "docs/installation.md"):
        assert f"pip install torch=={pinned[1]} --index-url" in (ROOT / page).read_text(encoding="utf-8")
