"""Measuring a bundle on devices, and what may be said about the numbers."""
