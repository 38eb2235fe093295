"""How long an inference takes: the only reader of the clock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgebert.ondevice.session import Session


def time_runs(
    session: Session,
    input_ids: NDArray[np.int32],
    attention_mask: NDArray[np.int32],
    *,
    warm_up: int,
    runs: int,
) -> list[int]:
    """Return the nanoseconds that each of ``runs`` inferences took, raw, in the order they were made.

    Args:
        session: The open file.
        input_ids: Token ids, int32 [1, length].
        attention_mask: 1 for a token and 0 for padding, int32 [1, length].
        warm_up: Inferences before the first one that counts.
        runs: Inferences that count.

    Raises:
        RuntimeFailure: The runtime refuses.
    """
    run, clock = session.run, time.perf_counter_ns
    for _ in range(warm_up):
        run(input_ids, attention_mask)
    run_ns = []
    for _ in range(runs):
        start = clock()
        run(input_ids, attention_mask)
        run_ns.append(clock() - start)
    return run_ns
