"""The two detectors behind `machine_anomaly.py`, one window at a time: how far a window is from the machine's own normal state.

`step` takes what is remembered of the machine (plain values, changed in place) and gives the parts of the distance in thresholds, squared:
their sum is 1 at the alarm. Add a detector when a new kind of machine arrives. Labels never enter here; scores stay
in `machine_anomaly.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from ml.anomalies.state import NormalState, fit_normal_state

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

Memory = dict[str, Any]

SENSORS = ("accelerometer1", "accelerometer2", "current", "pressure", "temperature", "thermocouple", "voltage", "flow")
MEANS = [f"{name}_mean" for name in SENSORS]
FIT_WINDOWS = 13  # x 30 s: SKAB's README calls the first 400 s of a file normal
CENTRE_WINDOWS = 8  # of the 13, when the other five serve to calibrate the threshold
TRAILING_WINDOWS = 28  # x 6 h: seven days
MIN_TRAILING = 8
MAD_TO_SIGMA = 1.4826
MIN_ROBUST_Z = 3.5  # Iglewicz and Hoaglin (1993)


@dataclass(frozen=True)
class PumpDetector:
    """Compares a pump's sensor means with those of its first 13 windows, which are learnt from and never an alarm."""

    state: NormalState

    def step(self, memory: Memory, means: np.ndarray) -> np.ndarray:
        """The parts of one window's distance, in the order of `SENSORS`; zeros while the pump's normal state is learnt.

        Args:
            memory: of this pump, `{}` before its first window.
            means: one value a sensor; a NaN takes the pump's latest value.
        """
        import numpy as np

        last = np.array(memory.get("last", means), dtype=float)
        filled = np.where(np.isnan(means), last, means)
        memory["last"] = filled.tolist()
        if "centre" in memory:
            return self.state.parts(np.nan_to_num(filled - memory["centre"]))
        first = [*memory.get("first", []), filled.tolist()]
        if len(first) < FIT_WINDOWS:
            memory["first"] = first
        else:
            memory.pop("first", None)
            memory["centre"] = centre(np.array(first)).tolist()
        return np.zeros(len(SENSORS))


@dataclass(frozen=True)
class ThermometerDetector:
    """Robust z-score (median and MAD) of a window's mean temperature against the machine's seven days before it."""

    threshold: float

    def step(self, memory: Memory, means: np.ndarray) -> np.ndarray:
        """The parts of one window's distance, in the order of `SENSORS`; zeros before the ninth window.

        Args:
            memory: of this thermometer, `{}` before its first window.
            means: one value a sensor; only the temperature is read, a NaN is no reading.
        """
        import numpy as np

        at = SENSORS.index("temperature")
        parts = np.zeros(len(SENSORS))
        parts[at] = (robust_z(memory, float(means[at])) / self.threshold) ** 2
        return parts


def robust_z(memory: Memory, value: float) -> float:
    """|value - median| / (1.4826 MAD) over the 28 windows before this one, which is then remembered; 0 with fewer than eight."""
    past: list[float] = memory.setdefault("past", [])
    if math.isnan(value):
        return 0.0
    z = 0.0
    if len(past) >= MIN_TRAILING:
        middle = median(past)
        z = abs(value - middle) / max(MAD_TO_SIGMA * median(abs(one - middle) for one in past), 1e-6)
    memory["past"] = [*past, value][-TRAILING_WINDOWS:]
    return z


def fit_pumps(pumps: DataFrame, false_alarm_rate: float) -> PumpDetector:
    """Fit on each pump's first 13 windows; `pumps` is sorted by machine and time."""
    import numpy as np

    by_pump = [rows.head(FIT_WINDOWS)[MEANS].astype(float).ffill().bfill().fillna(0.0) for _, rows in pumps.groupby("machine_id")]
    return PumpDetector(fit_normal_state([np.asarray(rows) for rows in by_pump], CENTRE_WINDOWS, false_alarm_rate))


def fit_thermometers(windows: DataFrame) -> ThermometerDetector:
    """The 99th percentile of the robust z-scores in the first half of each machine's life, at least 3.5; `windows` is sorted."""
    import numpy as np

    early: list[float] = []
    for _, rows in windows.groupby("machine_id"):
        memory: Memory = {}
        scores = [robust_z(memory, value) for value in rows["temperature_mean"].astype(float)]
        early += scores[: len(scores) // 2]
    return ThermometerDetector(max(MIN_ROBUST_Z, float(np.quantile(early or [0.0], 0.99))))


def centre(first: np.ndarray) -> np.ndarray:
    """The mean of the windows that a value is known in, a sensor at a time; NaN where it never was."""
    import numpy as np

    known = ~np.isnan(first)
    counts = known.sum(axis=0)
    mean: np.ndarray = np.where(counts > 0, np.where(known, first, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)
    return mean
