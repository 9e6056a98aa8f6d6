"""The gate: is a new model better than the champion on rows that neither has seen? Losses in pairs, and a bootstrap interval.

Which two models those are and what follows is `tracking.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from eco_assets.errors import ModelRejected

if TYPE_CHECKING:
    import numpy as np

Verdict = Literal["better", "same", "worse"]
DRAWS = 2_000
CONFIDENCE = 0.95
_AT_ONCE = 4_000_000  # drawn positions held in memory at a time, 32 MB


@dataclass(frozen=True)
class Comparison:
    """The champion's mean loss minus the candidate's, with its interval; above zero the candidate is better."""

    gain: float
    low: float
    high: float
    pairs: int

    @property
    def verdict(self) -> Verdict:
        """`same` when the interval holds zero: a difference that chance explains moves nobody."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "same"

    def __str__(self) -> str:
        return f"mean loss lower by {self.gain:.5f} ({CONFIDENCE:.0%} interval {self.low:.5f} to {self.high:.5f}, {self.pairs} pairs)"


def compare(champion: np.ndarray, candidate: np.ndarray, *, seed: int) -> Comparison:
    """Compare two models by their losses on the same units, in the same order.

    Raises:
        ModelRejected: the losses are not of the same units, or not numbers.
    """
    import numpy as np

    if champion.shape != candidate.shape or champion.ndim != 1 or not len(champion):
        raise ModelRejected(f"losses of {champion.shape} and {candidate.shape} cannot be compared: both must judge the same rows")
    gains = champion - candidate
    if not np.isfinite(gains).all():
        raise ModelRejected("a loss is not a number: the model gives nothing for some of the rows that judge it")
    random = np.random.default_rng(seed)
    rows = max(1, _AT_ONCE // len(gains))
    draws = [gains[random.integers(0, len(gains), (min(rows, DRAWS - start), len(gains)))].mean(axis=1) for start in range(0, DRAWS, rows)]
    low, high = np.quantile(np.concatenate(draws), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Comparison(float(gains.mean()), float(low), float(high), len(gains))
