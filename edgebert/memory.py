"""Running out of memory as an error of ours: torch reports it as a RuntimeError among others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from edgebert.errors import EnvironmentProblem

_WORDS = ("not enough memory", "DefaultCPUAllocator", "out of memory")


@contextlib.contextmanager
def enough_memory(what: str, *, hint: str) -> Iterator[None]:
    """Run the block.

    Args:
        what: What the block does, for the message, as in ``pruning``.
        hint: What needs less memory.

    Raises:
        EnvironmentProblem: The memory was full.
    """
    try:
        yield
    except MemoryError as error:
        raise EnvironmentProblem(f"not enough memory for {what}", hint=hint) from error
    except RuntimeError as error:
        if not any(words in str(error) for words in _WORDS):
            raise
        raise EnvironmentProblem(f"not enough memory for {what}", hint=hint) from error
