"""Counters and histograms of a worker, and all workers' together as Prometheus text.

Each worker leaves its numbers in a file once a second and at its end, so that whichever is asked can add up all; another worker's are at
most a second old. Counters of workers that ended still count until the service starts anew.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
_BOUND = re.compile(r',le="([^"]+)"')
_HELP = {
    "eco_http_requests_total": ("counter", "Requests by operation and status."),
    "eco_http_request_seconds": ("histogram", "Time from a request's body to its answer, by operation."),
    "eco_decisions_total": ("counter", "Decisions answered, by decision point and whether they were made then."),
    "eco_decision_phase_seconds_total": ("counter", "Time in each phase of new decisions."),
    "eco_journal_groups_total": ("counter", "Ledger transactions of the service."),
    "eco_journal_written_total": ("counter", "Ledger entries that the service wrote."),
    "eco_journal_commit_seconds_total": ("counter", "Time in ledger transactions, deciding and syncing included."),
    "eco_journal_refused_total": ("counter", "Decisions refused because too many waited."),
    "eco_journal_pending": ("gauge", "Decisions that wait to be recorded."),
    "eco_rate_limited_total": ("counter", "Requests refused because a key was used too often."),
    "eco_online_age_hours": ("gauge", "Age of what a decision point serves."),
}


class Metrics:
    """One worker's numbers: a series is its name with its labels, as Prometheus writes it. Used from the event loop's thread."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / f"{os.getpid()}.json"
        self.values: dict[str, float] = {}
        self._histograms: dict[tuple[str, str], tuple[str, ...]] = {}
        self._left = 0.0
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, series: str, value: float = 1.0) -> None:
        """Count."""
        self.values[series] = self.values.get(series, 0.0) + value

    def set(self, series: str, value: float) -> None:
        """Set a number that is counted elsewhere."""
        self.values[series] = value

    def observe(self, name: str, label: str, seconds: float) -> None:
        """One duration of a histogram."""
        series = self._histograms.get((name, label)) or self._declare(name, label)
        for bound, bucket in zip((*BUCKETS, math.inf), series, strict=False):
            self.values[bucket] += seconds <= bound
        self.add(series[-2], seconds)
        self.add(series[-1])

    def _declare(self, name: str, label: str) -> tuple[str, ...]:
        """Begin a histogram with all its buckets, so that a quantile over it never misses one; then its sum and its count."""
        bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
        made = (*(f'{name}_bucket{{{label},le="{bound}"}}' for bound in bounds), f"{name}_sum{{{label}}}", f"{name}_count{{{label}}}")
        self.values.update(dict.fromkeys(made, 0.0))
        self._histograms[name, label] = made
        return made

    def leave(self, *, is_last: bool = False) -> None:
        """Leave the numbers for the other workers, at most once a second."""
        if not is_last and time.monotonic() - self._left < 1.0:
            return
        self._left = time.monotonic()
        gauges = {series for series in self.values if is_last and _kind(series) == "gauge"}
        with self._lock, suppress(OSError):
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text(json.dumps({name: value for name, value in self.values.items() if name not in gauges}), encoding="utf-8")
            temporary.replace(self._path)

    def text(self) -> str:
        """All workers' numbers as Prometheus text."""
        total = dict(self.values)
        for path in self._folder.glob("*.json"):
            if path != self._path:
                with suppress(OSError, ValueError):
                    _merge(total, json.loads(path.read_text(encoding="utf-8")))
        lines: list[str] = []
        for name, (kind, words) in _HELP.items():
            found = sorted((series for series in total if _name(series) == name), key=_place)
            if found:
                lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *(f"{series} {total[series]:.9g}" for series in found)]
        return "\n".join(lines) + "\n"


def clear(folder: Path) -> None:
    """Forget the numbers of an earlier start."""
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)


def _merge(total: dict[str, float], more: Mapping[str, float]) -> None:
    for series, value in more.items():
        total[series] = max(total.get(series, 0.0), value) if series.startswith("eco_online_age") else total.get(series, 0.0) + value


def _name(series: str) -> str:
    name = series.partition("{")[0]
    base = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
    return base if _HELP.get(base, ("",))[0] == "histogram" else name


def _place(series: str) -> tuple[str, float]:
    """Where a line stands: a histogram's buckets in the order of their bounds, as Prometheus asks."""
    bound = _BOUND.search(series)
    return _BOUND.sub("", series), float(bound[1]) if bound else math.inf


def _kind(series: str) -> str:
    return _HELP.get(_name(series), ("",))[0]
