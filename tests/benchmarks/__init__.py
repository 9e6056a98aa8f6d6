"""Benchmarks. `make bench` runs them all, prints a table and keeps the figures as JSON."""
