"""The one error tree of edgebert.

Every error says what is wrong, with which value and where; ``hint`` says what to do about it. The command line prints
both and exits with ``exit_code``: 1 a check failed, 2 the request or its input is wrong, 3 the environment is.
"""

from __future__ import annotations

from typing import ClassVar

from edgebert.installation import install_hint


class EdgebertError(Exception):
    """Anything edgebert refuses or finds wrong.

    Args:
        message: What is wrong, the offending value, and where it stands (file, line, column, tensor).
        hint: What the user can do about it, in one sentence; empty when there is nothing to add.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class CheckFailed(EdgebertError):
    """A check that edgebert makes has failed: the artifact must not ship."""


class ParityError(CheckFailed):
    """A converted file computes something else than the model it came from."""


class BundleError(CheckFailed):
    """A bundle is damaged, incomplete, or of a schema this version cannot read."""


class UsageError(EdgebertError):
    """The request cannot be carried out as it was made."""

    exit_code = 2


class CheckpointError(UsageError):
    """A folder or Hub id does not hold a DistilBERT that edgebert can take."""


class DataError(UsageError):
    """A data file cannot be read; the message names file, line and column."""


class RecipeError(UsageError):
    """A recipe is unknown or malformed; the message names file and key."""


class OutputError(UsageError):
    """The place for the output is taken or cannot hold it."""


class EnvironmentProblem(EdgebertError):
    """This machine lacks something: a package, a runtime, the network, room on the disk."""

    exit_code = 3


class DeviceProblem(EnvironmentProblem):
    """A device cannot do what was asked of it, and will not when asked again."""


class DeviceGone(DeviceProblem):
    """A device did not answer, or its worker died: the one failure that is worth another try."""


class MissingExtraError(EnvironmentProblem):
    """An optional dependency is not installed; the hint is the pip line that installs it."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"the package '{package}' is not installed; {purpose} needs it",
            hint=install_hint(extra),
        )
        self.package = package
        self.extra = extra
