"""The frozen values of a benchmark: what was asked of a device, what it answered, and the report that keeps both.

Only raw samples are stored. Medians, ratios and verdicts are derived from them when they are shown (``bench``).
Everything a device may refuse to tell is ``None`` or empty, never a guess.
"""
