"""Structured pruning: heads, neurons, layers and tokens that matter little go, and the matrices really get narrower."""
