"""Benchmarks. `make bench` runs them all, prints a table and keeps the figures as JSON."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # `servers`, which tests and benchmarks share
