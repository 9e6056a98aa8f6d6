"""The resident path: a warm worker that carries decisions out as soon as their checks passed. Dagster's side is `sensors/resident.py`."""
