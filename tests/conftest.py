"""What holds for every test: no model hub, no telemetry, no display, one thread a worker, no deadlines."""

from __future__ import annotations

import os
import signal

# Set before anything is imported, because the libraries read these once.
os.environ.update(
    HF_DATASETS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_OFFLINE="1",
    MPLBACKEND="Agg",
    NO_COLOR="1",
    ORT_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    TRANSFORMERS_VERBOSITY="error",
)
# Tables are as wide on every machine, and plain.
os.environ["COLUMNS"] = "120"
for name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
    os.environ.pop(name, None)
# Two workers that each take every core are slower than one.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell that starts the tests in the background has them ignore interrupts, nohup a closing terminal, and so would the
# programs they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

from hypothesis import HealthCheck, settings  # noqa: E402  (hypothesis brings numpy along, which reads OMP_NUM_THREADS)

from tests.support.once import open_shared_folder  # noqa: E402

# Here in the process that starts the workers, so that it outlives them.
open_shared_folder()

settings.register_profile(
    "edgebert",
    deadline=None,
    derandomize="CI" in os.environ,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("edgebert")
