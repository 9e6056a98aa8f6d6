"""What `series.py` watches of a metric with one reading a day: its distance from its level and its weekday.

A few hundred days are too few for the shapes and ranges of `statistics.py`, and a business grows: the level follows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from datetime import datetime

LEVEL, WEEKDAY, SPREAD = 0.05, 0.1, 0.02  # how fast they follow: about 20 days, 10 weeks, 50 days
WARM_UP = 28  # days that are learnt from as quickly as their number allows, and scored 0
HUBER = 2.0  # sigmas beyond which a day teaches no more than one at two sigmas
ABS_TO_SIGMA = 1.2533  # mean absolute deviation of a normal distribution to its standard deviation


class DailyStatistics:
    """The past of one series, and how far its next day is from what was expected."""

    NAMES: ClassVar[tuple[str, ...]] = ("day",)

    def __init__(self) -> None:
        self._seen = 0
        self._level, self._spread = 0.0, 0.0
        self._weekdays = [0.0] * 7

    def update(self, at: datetime, value: float) -> tuple[float, tuple[float, ...]]:
        """What was expected of this day by the days before it, and its distance from it in sigmas."""
        day = at.weekday()
        if self._seen == 0:
            self._level = value
        expected = self._level + self._weekdays[day]
        sigma = max(ABS_TO_SIGMA * self._spread, 1e-9)
        residual = value - expected
        distance = abs(residual) / sigma if self._seen >= WARM_UP else 0.0
        self._learn(day, residual, sigma)
        return expected, (distance,)

    def _learn(self, day: int, residual: float, sigma: float) -> None:
        self._seen += 1
        most = HUBER * sigma if self._seen > WARM_UP else math.inf
        held = min(max(residual, -most), most)
        weeks = (self._seen + 6) // 7
        self._level += max(LEVEL, 1.0 / self._seen) * held
        self._weekdays[day] += max(WEEKDAY, 1.0 / (weeks + 1)) * held
        self._spread += max(SPREAD, 1.0 / self._seen) * (abs(held) - self._spread)

    def state(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        numbers = {"seen": self._seen, "level": self._level, "spread": self._spread}
        return {"kind": "daily"} | numbers | {"weekdays": list(self._weekdays)}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> DailyStatistics:
        """The statistics that gave this state."""
        restored = cls()
        restored._seen, restored._level, restored._spread = state["seen"], state["level"], state["spread"]
        restored._weekdays = list(state["weekdays"])
        return restored


def student_surprise(sigmas: float) -> float:
    """-log10 of the chance of being at least so many sigmas away, of a Student distribution with four degrees of freedom.

    Its tails are those of daily counts of a business: 1 in 100 beyond 4.6 sigmas, 1 in 10,000 beyond 15.
    """
    inner = 1.0 + sigmas**2 / 4.0
    chance = 1.0 - 0.75 * sigmas / math.sqrt(inner) * (1.0 - sigmas**2 / (12.0 * inner))
    return -math.log10(max(chance, 1e-12))
