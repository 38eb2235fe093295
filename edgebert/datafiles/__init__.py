"""Readers of data files, one for each kind of answer, and checks of what they read."""
