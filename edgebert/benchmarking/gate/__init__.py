"""The release gate: limits, and whether a bundle keeps them."""
