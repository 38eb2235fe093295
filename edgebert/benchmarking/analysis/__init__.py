"""What the raw samples of a report allow to be said."""
