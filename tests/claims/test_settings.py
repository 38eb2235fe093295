"""The settings of a task: what a file shows of them is compared, and the page lists the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebert.meaning import TaskSettings
from tests.claims.test_mutations import Changed, at, documented, leaves, name_of, near, replaced
from tests.support import fakes
from tests.support.task_bundles import CASES, task_bundle

OTHER = {"first": "max", "mean": "first", None: "mean"}


@pytest.mark.parametrize("task", CASES)
def test_every_setting_is_compared_or_listed(task: str, tmp_path: Path) -> None:
    """Another value of the same kind, and one that the task has not."""
    changed = Changed(fakes.copy_of(task_bundle(task).bundle.root, tmp_path / "bundle"))
    assert not changed.is_found(changed.plain)
    listed = documented("Settings")
    assert listed <= {f"settings.{name}" for name in TaskSettings.__dataclass_fields__}
    for path in leaves(changed.plain):
        if path[0] != "settings":
            continue
        value, name = at(changed.plain, path), name_of(path)
        other = OTHER[value] if name == "settings.pooling" or value == "first" else near(value)
        is_found = changed.is_found(replaced(changed.plain, path, other))
        is_set = value not in (None, False, []) or (name == "settings.no_answer" and task == "question-answering")
        assert is_found != (name in listed and is_set), (name, value, other)
