"""``edgebert`` and ``python -m edgebert``: the command line, quiet about an interrupt from the first moment on."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line and leave with its exit code."""
    handler = signal.getsignal(signal.SIGINT)
    # Imports take a moment in which nothing can be half-written and nobody catches an interrupt: the process just ends.
    # A shell that starts it in the background has it ignore interrupts, and that stays so.
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from edgebert.cli.app import main as run

    signal.signal(signal.SIGINT, handler)
    run()


if __name__ == "__main__":
    main()
