"""A path may begin with ``~`` wherever a command takes one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebert.cli.options import with_home
from tests.support.commands import COMMANDS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_replaces_the_tilde(name: str) -> None:
    """No command is registered without what expands its paths."""
    functions = [COMMANDS[name].callback]
    while hasattr(functions[-1], "__wrapped__"):
        functions.append(functions[-1].__wrapped__)
    assert "expanded" in [function.__code__.co_name for function in functions]


def test_paths_are_expanded_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Paths, lists of paths, and names that may be paths; no text, no column, no other list."""
    monkeypatch.setenv("HOME", str(tmp_path))
    seen: dict[str, object] = {}

    @with_home
    def command(**named: object) -> None:
        seen.update(named)

    command(
        out=Path("~/x"), data=[Path("~/y"), Path("z")], model="~/m", recipe="int8", baseline=None,
        texts=["~/x"], text_column="~/x", count=3, other=Path("a/~"), unknown=Path("~nobody-here/x"),
    )  # fmt: skip
    assert seen == {
        "out": tmp_path / "x",
        "data": [tmp_path / "y", Path("z")],
        "model": str(tmp_path / "m"),
        "recipe": "int8",
        "baseline": None,
        "texts": ["~/x"],
        "text_column": "~/x",
        "count": 3,
        "other": Path("a/~"),
        "unknown": Path("~nobody-here/x"),
    }


def test_options_with_an_equals_sign_are_expanded(cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What no shell expands is looked for at home: data, targets, recipes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    done = cli("evaluate", "~/none", "--data=~/none.csv")
    assert str(tmp_path / "none") in done.err
    done = cli("export", "~/model", "--out=~/out")
    assert str(tmp_path / "model") in done.err
    assert not Path("~").exists()
