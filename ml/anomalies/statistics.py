"""What `series.py` watches of a series of readings: four statistics, each larger when a reading is odder.

They were chosen on the development files of the Numenta benchmark; two more did better there and worse on others, so that they were left
out (`tests/benchmarks/quality_anomaly.py`). Each is updated with one reading at a time; how surprising its value is beside its past is
`tail.py`'s to say.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from datetime import datetime

    import numpy as np

MEMORY = 2000  # readings that the usual level and spread are taken from
MIN_LEVEL = 20
SHORT = 48  # readings of the short mean: four hours of five-minute readings
WINDOW, PIECES = 24, 6  # a shape is 24 readings as six means of four
NEIGHBOURS = 6
MIN_SHAPES = 50
SHAPES = 4000
BUCKETS = 96  # quarters of an hour
SLOW, FRESH = 0.15, 0.1  # how fast the profiles follow
STATE = ("_values", "_shapes", "_profile", "_counts", "_any", "_edges", "_seen")


class Statistics:
    """The past of one series, and the four statistics of its next reading.

    `range`: how far outside everything seen; `season`: distance from what this quarter of an hour brings on working days or weekends;
    `shape`: of the last 24 readings, from the nearest shapes before; `mean`: of the last 48 readings, from the usual level.
    """

    NAMES: ClassVar[tuple[str, ...]] = ("range", "season", "shape", "mean")

    def __init__(self) -> None:
        import numpy as np

        self._values = np.zeros(MEMORY)
        self._shapes = np.zeros((SHAPES, PIECES))
        self._profile, self._counts = np.zeros((2, BUCKETS)), np.zeros((2, BUCKETS))
        self._any = np.full(BUCKETS, np.nan)
        self._edges = np.array([np.inf, -np.inf])
        self._seen = 0

    def update(self, at: datetime, value: float) -> tuple[float, tuple[float, ...]]:
        """What was expected of this reading by the readings before it, and its statistics in the order of `NAMES`."""
        past = self._values[: min(self._seen, MEMORY)]
        has_level = self._seen >= MIN_LEVEL
        mean, spread = (float(past.mean()), max(float(past.std()), 1e-9)) if has_level else (value, 1.0)
        outside = self._beyond(value)
        self._values[self._seen % MEMORY] = value
        seasonal = self._seasonal(at, value)
        odd = 0.0 if math.isnan(seasonal) else abs(value - seasonal)
        moved = abs(float(self._lately(SHORT).mean()) - mean) / spread if has_level else 0.0
        found = (outside, odd, self._shape(), moved)
        self._seen += 1
        return (mean if math.isnan(seasonal) else seasonal), found

    def state(self) -> dict[str, Any]:
        """Plain values, ready for JSON; a few hundred kilobytes when the memory is full."""
        import numpy as np

        kept = {name: getattr(self, name) for name in STATE}
        used = {"_values": min(self._seen, MEMORY), "_shapes": min(self._seen, SHAPES)}
        trimmed = {name: value[: used[name]] if name in used else value for name, value in kept.items()}
        return {"kind": "readings"} | {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in trimmed.items()}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Statistics:
        """The statistics that gave this state."""
        restored = cls()
        restored._seen = state["_seen"]
        for name in STATE[:-1]:
            array = getattr(restored, name)
            array[: len(state[name])] = state[name]
        return restored

    def _beyond(self, value: float) -> float:
        """How far outside everything seen so far, in widths of it."""
        low, high = self._edges.tolist()
        self._edges[:] = min(low, value), max(high, value)
        return max(value - high, low - value, 0.0) / max(high - low, 1e-9) if self._seen else 0.0

    def _seasonal(self, at: datetime, value: float) -> float:
        """What this quarter of an hour usually brings, NaN when it was never seen; then learns."""
        kind, bucket = int(at.weekday() >= 5), (at.hour * 60 + at.minute) * BUCKETS // 1440
        expected = self._profile[kind, bucket] if self._counts[kind, bucket] >= 2 else self._any[bucket]
        self._counts[kind, bucket] += 1
        self._profile[kind, bucket] += max(FRESH, 1.0 / self._counts[kind, bucket]) * (value - self._profile[kind, bucket])
        usual = self._any[bucket]
        self._any[bucket] = value if math.isnan(usual) else usual + SLOW * (value - usual)
        return float(expected)

    def _lately(self, count: int) -> np.ndarray:
        """The last readings, this one included, the oldest first."""
        import numpy as np

        first = max(0, self._seen + 1 - count)
        return self._values[np.arange(first, self._seen + 1) % MEMORY]

    def _shape(self) -> float:
        """Distance of the last 24 readings' shape from the sixth nearest of those before, which share no reading with it."""
        import numpy as np

        if self._seen < WINDOW:
            return 0.0
        pieces = self._lately(WINDOW).reshape(PIECES, -1).mean(axis=1)
        self._shapes[self._seen % SHAPES] = pieces
        newest, oldest = self._seen - WINDOW, max(WINDOW, self._seen - SHAPES + 1)
        if newest - oldest < MIN_SHAPES:
            return 0.0
        earlier = self._shapes if oldest > WINDOW else self._shapes[oldest:newest]
        if oldest > WINDOW:  # the ring is full: leave out the newest 24, which overlap with this one
            earlier = earlier[np.arange(oldest, newest) % SHAPES]
        distance = ((earlier - pieces) ** 2).sum(axis=1)
        return float(np.sqrt(np.partition(distance, NEIGHBOURS - 1)[NEIGHBOURS - 1]))
