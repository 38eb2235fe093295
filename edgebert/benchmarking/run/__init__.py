"""Running a benchmark: what is asked of each device, in which order, and what came back."""
