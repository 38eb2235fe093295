"""Finding what to ship within a budget: every candidate is made, measured on real texts, and compared."""
