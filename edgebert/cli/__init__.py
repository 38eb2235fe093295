"""The command line: the only part of edgebert that prints."""
