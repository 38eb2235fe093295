"""What is shipped: a declared list of releases, and the command that makes them: ``python -m export``."""
