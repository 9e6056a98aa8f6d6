"""How surprising a number is beside its own past: the tail probability of a stream of one statistic, in a state that can be saved.

Peaks over threshold (Siffer and others, 2017): what exceeds the 98 % quantile of the recent past follows a generalised Pareto
distribution, fitted by probability-weighted moments (Hosking and Wallis, 1987). What the statistic is stays outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

QUANTILE = 0.98
MAX_SHAPE = 0.4  # a heavier tail has hardly a variance: its fit on 80 excesses is noise
REFIT_EVERY = 25
WARM_UP = 100  # two readings above the quantile
MEMORY = 4000
MIN_EXCESSES = 3
STEADY = 1e-3  # of the quantile: the scale of a tail that never showed an excess


class Tail:
    """The recent values of one statistic and the tail fitted to them; larger is odder."""

    def __init__(self) -> None:
        import numpy as np

        self._past = np.zeros(MEMORY)
        self._seen = 0
        self._fitted: tuple[float, float, float, float] | None = None  # quantile, share above it, scale, shape

    def update(self, value: float) -> float:
        """-log10 of the chance of a value this large, by the values before it; 0 below the quantile and in the warm-up."""
        if self._seen >= WARM_UP and (self._fitted is None or self._seen % REFIT_EVERY == 0):
            self._fitted = _fit(self._past[: min(self._seen, MEMORY)])
        surprise = 0.0 if self._fitted is None else _surprise(value, *self._fitted)
        self._past[self._seen % MEMORY] = value
        self._seen += 1
        return surprise

    def state(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"past": self._past[: min(self._seen, MEMORY)].tolist(), "seen": self._seen, "fitted": self._fitted}

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Tail:
        """The tail that gave this state."""
        tail = cls()
        tail._past[: len(state["past"])] = state["past"]
        tail._seen = state["seen"]
        tail._fitted = None if state["fitted"] is None else tuple(state["fitted"])
        return tail


def _surprise(value: float, quantile: float, share: float, scale: float, shape: float) -> float:
    excess = value - quantile
    if excess <= 0:
        return 0.0
    beyond = math.log1p(shape * excess / scale) / shape if shape > STEADY else excess / scale
    return beyond / math.log(10) - math.log10(share)


def _fit(past: np.ndarray) -> tuple[float, float, float, float]:
    import numpy as np

    quantile = float(np.quantile(past, QUANTILE))
    excess = np.sort(past[past > quantile]) - quantile
    count = len(excess)
    share = max(count, 1) / len(past)
    mean = float(excess.mean()) if count else 0.0
    if count < MIN_EXCESSES:
        return quantile, share, max(mean, abs(quantile) * STEADY, 1e-9), 0.0
    weighted = float((excess * (count - np.arange(count) - 0.65)).mean()) / count
    shape = min(max(2.0 - mean / max(mean - 2.0 * weighted, 1e-12), 0.0), MAX_SHAPE)
    return quantile, share, max(mean * (1.0 - shape), 1e-9), shape
