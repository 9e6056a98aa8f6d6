"""Service level objectives: what is promised, and how much of the error budget is left."""
