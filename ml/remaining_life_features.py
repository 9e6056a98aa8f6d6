"""What `remaining_life.py` learns from: an engine's sensors up to one cycle, smoothed and set beside its own beginning.

Every row uses the cycles up to its own only. The regressor, its target and its measurement stay outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

KEYS = ["engine_id", "cycle"]
PREFIX = "sensor_"
FAST, SLOW = 10, 30  # cycles of smoothing: a reading's noise is as large as the wear of some 50 cycles
BEGINNING = 20  # cycles that an engine's own level is taken from
KINDS = ("now", "month", "trend", "worn")  # fast mean, slow mean, fast less slow, slow less the beginning
AGE = "cycle"


def sensors_of(frame: DataFrame) -> list[str]:
    """The sensor columns that vary, in the order of their names; a constant one (seven of the 21 in FD001) tells nothing."""
    names = sorted(name for name in frame.columns if name.startswith(PREFIX))
    return [name for name in names if float(frame[name].std()) > 1e-6 * abs(float(frame[name].mean())) and frame[name].nunique() > 2]


def feature_names(sensors: Sequence[str]) -> list[str]:
    """The columns of `features`."""
    return [AGE, *(f"{sensor}:{kind}" for sensor in sensors for kind in KINDS)]


def features(ordered: DataFrame, sensors: Sequence[str]) -> np.ndarray:
    """Shape (rows, 1 + 4 x sensors). `ordered` is sorted by `KEYS` and has every engine from its first cycle."""
    import numpy as np

    engines = ordered["engine_id"]
    by_engine = ordered[list(sensors)].astype(float).groupby(engines)
    fast = by_engine.ewm(span=FAST).mean().droplevel(0).to_numpy()
    slow = by_engine.rolling(SLOW, min_periods=1).mean().droplevel(0).to_numpy()
    running = by_engine.expanding().mean().droplevel(0)
    early = ordered.groupby("engine_id").cumcount() < BEGINNING
    beginning = running.where(early, axis=0).groupby(engines).ffill().to_numpy()
    stacked = np.stack([fast, slow, fast - slow, slow - beginning], axis=2).reshape(len(ordered), -1)
    return np.column_stack([ordered[AGE].to_numpy(dtype=float), stacked])
