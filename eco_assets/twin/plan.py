"""What one twin is made from: the arguments, the calendar they span, and one random stream per part.

Belongs here: what every part of the twin shares. Stays out: anything about a domain, and writing files (`tables.py`).
"""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from eco_assets.errors import ConfigError

GENERATOR_VERSION = "1.0.0"  # raise it with any change of the bytes: an older twin is then written anew

Days = NDArray[np.datetime64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """The arguments of a twin.

    Attributes:
        seed: start of every random stream.
        days: calendar days of orders and leads, `end` included.
        end: last day of everything; nothing that happens later is in a file.
        scale: factor on the number of orders, leads, calls and accounts; machines do not scale.
    """

    seed: int
    days: int
    end: date
    scale: float

    def __post_init__(self) -> None:
        if self.days < 120:
            raise ConfigError(f"a twin of {self.days} days is too short for its 60-day series: ask for 120 or more")
        if not 0 < self.scale <= 50:
            raise ConfigError(f"scale {self.scale} is outside (0, 50]: 1.0 makes about 10,000 orders")

    @property
    def last_day(self) -> np.datetime64:
        """The day `end` as numpy's datetime64[D]."""
        return np.datetime64(self.end, "D")

    @property
    def closing(self) -> np.datetime64:
        """The midnight after `end`, datetime64[s]: what happens from here on is not known yet."""
        return np.datetime64((self.end + timedelta(days=1)).isoformat(), "s")

    @property
    def calendar(self) -> Days:
        """Every day of the plan, oldest first, shape (days,)."""
        return self.last_day - np.arange(self.days - 1, -1, -1)

    def rows(self, at_scale_one: int, least: int = 1) -> int:
        """Number of rows at this scale, never fewer than `least`."""
        return max(least, round(at_scale_one * self.scale))

    def rng(self, part: str) -> np.random.Generator:
        """The random stream of a part; a change in one part leaves the others as they were."""
        return np.random.default_rng([self.seed, zlib.crc32(part.encode())])

    def stamp(self) -> dict[str, object]:
        """What `_twin.json` records, so that a second call can tell that nothing would change."""
        return {**asdict(self), "end": self.end.isoformat(), "generator_version": GENERATOR_VERSION}


def weekday(days: Days) -> Ints:
    """Weekday of each day, Monday is 0 (numpy's day 0, 1970-01-01, was a Thursday)."""
    return np.asarray((days.astype("datetime64[D]").astype(np.int64) + 3) % 7, dtype=np.int64)


def day_of_year(days: Days) -> Ints:
    """Day of the year of each day, from 0."""
    return np.asarray((days.astype("datetime64[D]") - days.astype("datetime64[Y]")).astype(np.int64), dtype=np.int64)


def sigmoid(logit: Floats) -> Floats:
    """Probability of each logit."""
    return np.asarray(1.0 / (1.0 + np.exp(-logit)), dtype=np.float64)
