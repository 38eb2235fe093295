"""What was measured: suites, peers side by side, recorded results. Run by ``python -m benchmarks``."""
