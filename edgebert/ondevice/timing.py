"""How long an inference takes: the only reader of the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable, Sequence, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgebert.ondevice.session import Session

T = TypeVar("T")


def now_ns() -> int:
    """Return nanoseconds on a clock that nobody can set; only differences mean something."""
    return time.perf_counter_ns()


def timed(call: Callable[[], T]) -> tuple[int, T]:
    """Return the nanoseconds that a call took, and what it returned."""
    start = time.perf_counter_ns()
    result = call()
    return time.perf_counter_ns() - start, result


def time_inputs(
    session: Session,
    inputs: Sequence[tuple[NDArray[np.int32], NDArray[np.int32]]],
    *,
    warm_up: int,
    runs: int,
) -> list[int]:
    """Return the nanoseconds of each of ``runs`` inferences; run k, counted or not, takes input k modulo their number.

    Args:
        session: The open file.
        inputs: Token IDs, int32 [1, length], and mask (1 for a token, 0 for padding) of each input; at least one.
        warm_up: Inferences before the first one that counts.
        runs: Inferences that count.

    Raises:
        RuntimeFailure: The runtime refuses.
    """
    run, clock, count = session.run, time.perf_counter_ns, len(inputs)
    for index in range(warm_up):
        run(*inputs[index % count])
    run_ns = []
    for index in range(runs):
        input_ids, attention_mask = inputs[index % count]
        start = clock()
        run(input_ids, attention_mask)
        run_ns.append(clock() - start)
    return run_ns
