"""What long work tells of how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)`` while long work goes on.

A stage may carry a detail that changes as it goes on: ``distilling | loss 0.231`` is the stage ``distilling``.
"""


def silent(stage: str, done: int, total: int) -> None:
    """Report progress to nobody: the default of every function that takes a ``Progress``."""
