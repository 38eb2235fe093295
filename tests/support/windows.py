"""Windows of token IDs without a text."""

from __future__ import annotations

from edgebert.examples import Window


def bare_window(ids: tuple[int, ...]) -> Window:
    """Return token IDs as a window whose tokens are at no place of a text."""
    count = len(ids)
    return Window(ids=ids, offsets=((0, 0),) * count, sequences=(-1,) * count, words=(-1,) * count)
