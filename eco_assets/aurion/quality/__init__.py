"""Quality beyond the shape of a file: rules over tables that are served, compiled from contracts. Shape is `contracts/check.py`'s."""
