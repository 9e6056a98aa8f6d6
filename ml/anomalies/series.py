"""Anomalies in one series of readings, as they come: media prices, orders a day, a temperature. No label is used.

A reading is as odd as its statistics (`statistics.py`) are surprising beside their own past (`tail.py`), added up; with one
reading a day that of `daily.py`, by a distribution that needs no long past.
The state is small enough to be saved after every reading, and a series in one piece gives the same scores as reading by reading.
Many series and the registry are `metric_anomaly.py`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml.anomalies.daily import DailyStatistics, student_surprise
from ml.anomalies.statistics import Statistics
from ml.anomalies.tail import Tail

CAP = 4.0  # a chance of 1 in 10,000 is as far as a tail of 80 excesses can be trusted: what is beyond adds its logarithm only
QUIET, QUIET_DAYS = 24, 7  # readings after an alarm in which only a worse one is news; with one reading a day a week
ALARM = 0.5
THRESHOLD = 4.0  # the sum from which a reading is an alarm where `fit` chose none


@dataclass(frozen=True)
class Reading:
    """What is said of one reading.

    `expected` is in the unit of the series. `surprise` is the sum over the statistics of -log10 of their chance, `parts` its summands in
    the order of the statistics' `NAMES`. `anomaly_score` (0 to 1, 0.5 is the alarm) is 0 while a worse reading of the last 24 (of a
    daily series 7) stands for this one.
    """

    expected: float
    surprise: float
    parts: tuple[float, ...]
    anomaly_score: float

    @property
    def is_alarm(self) -> bool:
        """True from a score of 0.5."""
        return self.anomaly_score >= ALARM


class SeriesDetector:
    """Follows one series.

    Args:
        threshold: the surprise that is an alarm; `metric_anomaly.fit` sets it for a false-alarm rate.
        is_daily: one reading a day.
    """

    def __init__(self, threshold: float = THRESHOLD, *, is_daily: bool = False) -> None:
        self.threshold = threshold
        self._statistics: Statistics | DailyStatistics = DailyStatistics() if is_daily else Statistics()
        self._tails = [] if is_daily else [Tail() for _ in self._statistics.NAMES]
        self._quiet = QUIET_DAYS if is_daily else QUIET
        self._peak, self._since = 0.0, 0

    def update(self, at: datetime, value: float) -> Reading:
        """Score one reading, then learn from it.

        Args:
            at: when, in the calendar of the business; not before the reading before it.
            value: finite.
        """
        expected, found = self._statistics.update(at, value)
        if self._tails:
            parts = tuple(capped(tail.update(one)) for tail, one in zip(self._tails, found, strict=True))
        else:
            parts = tuple(student_surprise(one) for one in found)
        surprise = sum(parts)
        self._since += 1
        if self._since > self._quiet:
            self._peak = 0.0
        is_news = surprise > self._peak
        if is_news:
            self._peak, self._since = surprise, 0
        return Reading(expected, surprise, parts, score(surprise, self.threshold) if is_news else 0.0)

    def state(self) -> dict[str, Any]:
        """Everything that the next reading's score depends on, as plain values, ready for JSON."""
        own = {"threshold": self.threshold, "peak": self._peak, "since": self._since}
        return own | {"statistics": self._statistics.state(), "tails": [tail.state() for tail in self._tails]}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> SeriesDetector:
        """The detector that gave this state, ready for the next reading."""
        statistics = state["statistics"]
        is_daily = statistics["kind"] == "daily"
        detector = cls(state["threshold"], is_daily=is_daily)
        detector._statistics = DailyStatistics.restore(statistics) if is_daily else Statistics.restore(statistics)
        detector._tails = [Tail.restore(one) for one in state["tails"]]
        detector._peak, detector._since = state["peak"], state["since"]
        return detector


def capped(surprise: float) -> float:
    """The surprise up to `CAP`; beyond it grows so slowly that one statistic cannot outdo two, and still tells worse from bad."""
    return surprise if surprise <= CAP else CAP + math.log10(surprise / CAP)


def score(surprise: float, threshold: float) -> float:
    """0 to 1; a surprise of exactly the threshold is 0.5."""
    return float(1.0 - 0.5 ** (surprise / threshold))
