"""What the library tells while it works: how far it is, and what the user should know although nothing failed.

Notes and warnings go through the standard logger ``edgebert``. The command line prints each once on standard error. A
program configures the logger as it configures any other: warnings are shown by default, notes are not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called as ``progress(stage, done, total)`` while long work goes on.

A stage may carry a detail that changes as it goes on: ``distilling | loss 0.231`` is the stage ``distilling``.
"""


def silent(stage: str, done: int, total: int) -> None:
    """Report progress to nobody: the default of every function that takes a ``Progress``."""


LOGGER = logging.getLogger("edgebert")


def note(text: str) -> None:
    """Tell how an input was read, or what is about to be done, in one line without a full stop."""
    LOGGER.info("%s", text)


def warn(text: str) -> None:
    """Tell that a result needs care, in one line without a full stop."""
    LOGGER.warning("%s", text)
