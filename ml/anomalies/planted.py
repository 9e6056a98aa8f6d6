"""Anomalies planted into a series, so that a detector of unlabelled metrics can be measured: how many it finds, how often it cries wolf.

The later part of each series is cut into blocks; a hash of the block's name decides whether and what is planted. Nothing is random, and a
block keeps its anomaly when the series grows. Detectors stay outside.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame, Series

LONG = 4  # readings of a planted shift
SPIKE, SHIFT = 1.5, 1.0  # in steps of the series that one in twenty is larger than
NORMAL_SHARE = 0.5
KINDS = ("spike", "shift", "phase")
HALF_DAY_S = 43_200
KEYS = ["subject", "at"]
COMMON = 0.95


def plant(frame: DataFrame, block: int, share: float, *, lag: int, copies: int) -> DataFrame:
    """The frame with anomalies in the last `share` of each subject's readings.

    Args:
        frame: `subject, at, value`, one row a reading.
        block: readings a block; an anomaly begins in the middle of one.
        share: 0 to 1.
        lag: readings between the two whose difference is the series' step: 1, or 7 where each weekday has its own level.
        copies: of each subject, each with anomalies of its own, named `subject#0` and on: a few blocks measure nothing.

    Returns:
        As `frame`, sorted, with the changed `value`, and `block`: 0 before the judged part, then the block's number, from 1; `planted`: ''
        or `spike` or `shift`, the same in all rows of a block.
    """
    import pandas as pd

    named = [(f"{name}#{copy}", rows) for name, rows in frame.groupby("subject") for copy in range(copies)]
    return pd.concat([_one(name, rows.assign(subject=name), block, share, lag) for name, rows in named], ignore_index=True)


def _one(subject: str, rows: DataFrame, block: int, share: float, lag: int) -> DataFrame:
    import numpy as np

    series = rows.sort_values("at", kind="stable").reset_index(drop=True)
    value = series["value"].to_numpy(dtype=float).copy()
    steps = np.abs(value[lag:] - value[:-lag])
    step = max(float(np.quantile(steps, COMMON)), 1e-9) if len(steps) else 1e-9
    phase = _phase(series["at"], lag)
    number, kinds = np.zeros(len(value), dtype=int), np.full(len(value), "", dtype=object)
    first = len(value) - int(len(value) * share) // block * block
    for count, start in enumerate(range(first, len(value), block), start=1):
        middle = start + block // 2
        chance = _share(f"{subject}/{series['at'].iloc[start]:%Y-%m-%dT%H:%M}")
        kind = "" if chance < NORMAL_SHARE else KINDS[int((chance - NORMAL_SHARE) / (1 - NORMAL_SHARE) * len(KINDS))]
        sign = 1.0 if _share(f"{subject}/{count}/sign") < 0.5 else -1.0
        number[start : start + block], kinds[start : start + block] = count, kind
        if kind == "spike":
            value[middle] += sign * SPIKE * step
        elif kind == "shift":
            value[middle : middle + LONG] += sign * SHIFT * step
        elif kind == "phase":
            value[middle : middle + LONG] = value[middle - phase : middle - phase + LONG].copy()
    return series.assign(value=value, block=number, planted=kinds)


def _phase(at: Series[Any], lag: int) -> int:
    """Readings in half a day, or half a week where there is one a day."""
    gap: Any = at.diff().median()
    return lag // 2 if lag > 1 else max(LONG, round(HALF_DAY_S / max(gap.total_seconds(), 1.0)))


def _share(name: str) -> float:
    return int.from_bytes(sha256(name.encode()).digest()[:8], "big") / 2**64
