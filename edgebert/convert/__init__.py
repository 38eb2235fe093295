"""A model in torch -> files that phones run, each in float32 and int8, and a description of what is in them."""
