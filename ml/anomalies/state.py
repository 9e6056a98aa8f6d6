"""The normal state of machines that are alike: a centre a machine, one covariance for all, and a threshold that knows how few rows it saw.

Used on windows of pumps (`detectors.py`) and, in the benchmark, on smoothed readings. Which rows are normal is the caller's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

TINY = 1e-9


@dataclass(frozen=True)
class NormalState:
    """Mahalanobis distance from a machine's own centre, with the spread pooled over machines.

    The first 13 windows are too few for one pump's own spread: on SKAB it gave false alarms on 0.47 of the normal windows, the pooled
    one on 0.10.
    """

    scale: np.ndarray  # pooled standard deviation a feature
    precision: np.ndarray  # inverse covariance of the scaled deviations
    threshold: float

    def parts(self, deviation: np.ndarray) -> np.ndarray:
        """Each feature's share of the squared distance, in squared thresholds; shape as `deviation` (rows by features).

        A row adds up to (distance / threshold) squared: 1 is the alarm. A share may be negative where features move together as usual.
        """
        scaled = deviation / self.scale
        shares: np.ndarray = scaled * (scaled @ self.precision) / self.threshold**2
        return shares


def fit_normal_state(sessions: Sequence[np.ndarray], early: int, false_alarm_rate: float) -> NormalState:
    """Fit on the normal rows of each machine.

    Args:
        sessions: a matrix (rows in time by features) a machine, no NaN.
        early: the rows of each that serve as a centre for the rows after them, from which the threshold is taken: these are as
            out-of-sample as a later row is.
        false_alarm_rate: share of normal rows that may be an alarm, 0 to 1.
    """
    import numpy as np
    from sklearn.covariance import LedoitWolf

    deviations = np.vstack([rows - rows.mean(axis=0) for rows in sessions])
    freedom = max(len(deviations) - len(sessions), 1)
    scale = np.maximum(np.sqrt((deviations**2).sum(axis=0) / freedom), TINY)
    precision = LedoitWolf(assume_centered=True).fit(deviations / scale).precision_
    late = [rows[early:] - rows[:early].mean(axis=0) for rows in sessions if len(rows) > early]
    reference = np.vstack(late) if late else deviations
    distance = np.sqrt(NormalState(scale, precision, 1.0).parts(reference).sum(axis=1))
    return NormalState(scale, precision, max(_threshold(distance, false_alarm_rate), 1e-6))


def _threshold(distance: np.ndarray, rate: float) -> float:
    """The larger of the observed quantile and that of a gamma distribution with the squared distance's mean and variance.

    The squared distance of normal rows is nearly gamma distributed, and 15 windows have no 99 % quantile of their own.
    """
    import numpy as np
    from scipy.stats import gamma

    squared = distance**2
    mean, variance = float(squared.mean()), max(float(squared.var(ddof=min(1, len(squared) - 1))), TINY)
    fitted = float(gamma.ppf(1 - rate, mean**2 / variance, scale=variance / max(mean, TINY))) if mean > TINY else 0.0
    return max(float(np.quantile(distance, 1 - rate)), float(np.sqrt(fitted)))
