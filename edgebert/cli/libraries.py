"""What the libraries underneath write on standard error, kept away from the user."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_libraries(*, verbose: bool) -> Iterator[None]:
    """Keep what libraries write to the standard error of the process away from the user.

    Native code (the TFLite converter, XNNPACK, oneDNN) writes notes straight to file descriptor 2, and torch and its
    extensions log warnings on import. Nothing of it is an error: those are raised. Python's own ``sys.stderr`` is moved
    to a copy of the descriptor first, so that edgebert's lines and bars stay visible.
    """
    if verbose:
        yield
        return
    import warnings

    try:
        original = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        yield  # captured by a test or an embedding program: there is no descriptor to protect
        return
    kept_stream, kept = sys.stderr, os.dup(original)
    logging.disable(logging.WARNING)
    with (
        open(kept, "w", encoding=kept_stream.encoding, errors="backslashreplace", buffering=1) as visible,  # noqa: PTH123
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123
        warnings.catch_warnings(action="ignore"),
    ):
        os.dup2(nowhere.fileno(), original)
        sys.stderr = visible
        try:
            yield
        finally:
            visible.flush()
            os.dup2(kept, original)
            sys.stderr = kept_stream
            logging.disable(logging.NOTSET)
