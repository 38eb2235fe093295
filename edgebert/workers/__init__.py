"""Worker archives: a runtime and the worker in one file for a device."""
