"""What the user should know although nothing failed, told through the standard logger ``edgebert``.

The command line prints each note once on standard error. A program configures the logger as it configures any other:
warnings are shown by default, notes are not.
"""

from __future__ import annotations

import logging

LOGGER = logging.getLogger("edgebert")


def note(text: str) -> None:
    """Tell how an input was read, or what is about to be done, in one line without a full stop."""
    LOGGER.info("%s", text)


def warn(text: str) -> None:
    """Tell that a result needs care, in one line without a full stop."""
    LOGGER.warning("%s", text)
