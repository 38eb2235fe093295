"""What a worker says of a board, as a value and as it is written."""

from __future__ import annotations

from edgebert import jsonio
from edgebert.device.protocol import WORKER_SCHEMA, HardwareFacts

FACTS = HardwareFacts(
    schema=WORKER_SCHEMA,
    machine="aarch64",
    model="Pi",
    system="Linux",
    python="3.11",
    cores=(),
    features=(),
    memory_bytes=None,
    runtimes=(),
    absent=(),
)
ANSWER = jsonio.dumps(FACTS).encode()
