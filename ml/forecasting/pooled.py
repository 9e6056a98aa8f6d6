"""One gradient-boosting model for all series of a panel: it learns from the many what a short series cannot say itself.

Every window of every series is divided by its own level, so that large and small series teach each other. A row is a window and a step
ahead; its target is the change from the anchor (the same phase of the last cycle, or the last value). What needs one series only is in
`methods.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eco_assets.errors import DataRejected
from ml.forecasting.frequencies import Frequency
from ml.forecasting.metrics import Floats

MAX_ROWS = 40_000  # 1 to 2 CPU-s of training
ROUNDS = 150
MIN_ROWS = 200


@dataclass(frozen=True)
class GlobalModel:
    """A fitted booster and how its rows are made."""

    booster: Any
    every: Frequency
    lags: int
    name: str = "global"

    def needs(self, every: Frequency) -> int:
        """A whole window."""
        return self.lags

    def forecast(self, past: Floats, horizon: int, every: Frequency) -> Floats:
        """The next `horizon` points after `past`."""
        steps = np.arange(1, horizon + 1)
        rows, anchor, unit = _rows(past, np.full(horizon, len(past)), steps, self.lags, self.every)
        change = np.asarray(self.booster.predict(rows, num_threads=1))
        ahead: Floats = anchor + change * unit
        return ahead


def lags(every: Frequency) -> int:
    """Points of a window: a season and a half, between four and 28."""
    return int(min(28, max(4, every.season * 1.5, every.horizon if every.horizon > 1 else 8)))


def fit_global(series: Sequence[Floats], every: Frequency, seed: int) -> GlobalModel:
    """Fit on windows of all series; they are drawn evenly, so a long series does not outvote a short one.

    Args:
        series: known values, in an order that depends on the names alone.
        every: frequency of all of them.
        seed: draws the windows and LightGBM's samples.

    Raises:
        DataRejected: fewer than 200 windows in all.
    """
    import lightgbm

    width = lags(every)
    rng = np.random.default_rng(seed)
    share = max(8, MAX_ROWS // max(len(series), 1))
    long_enough = [values for values in series if len(values) > width]
    draws = [min(share, 2 * (len(values) - width) * every.horizon) for values in long_enough]  # drawn more often, rows only repeat
    parts = [_training(values, every, width, count, rng) for values, count in zip(long_enough, draws, strict=True)]
    rows = sum(len(target) for _, target in parts)
    if rows < MIN_ROWS:
        raise DataRejected(f"a global model needs {MIN_ROWS} windows of {width} points, got {rows}: take more or longer series")
    data = lightgbm.Dataset(np.vstack([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
    settings = {"objective": "l1", "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 40, "feature_fraction": 0.7}
    settings |= {"bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 1.0, "max_bin": 127}
    fixed = {"seed": seed, "deterministic": True, "force_row_wise": True, "num_threads": 1, "verbosity": -1}
    return GlobalModel(lightgbm.train({**settings, **fixed}, data, num_boost_round=ROUNDS), every, width)


def _training(values: Floats, every: Frequency, width: int, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Features and targets of at most `count` windows and steps of one series."""
    ends = rng.integers(width, len(values), count)
    steps = rng.integers(1, np.minimum(every.horizon, len(values) - ends) + 1)
    rows, anchor, unit = _rows(values, ends, steps, width, every)
    return rows, np.clip((values[ends + steps - 1] - anchor) / unit, -10, 10)


def _rows(values: Floats, ends: Floats, steps: Floats, width: int, every: Frequency) -> tuple[Floats, Floats, Floats]:
    """Features, anchor and unit of windows `values[:end]`, each for its own step ahead."""
    window = values[ends[:, None] + np.arange(-width, 0)]
    unit = np.maximum(np.abs(window).mean(axis=1), 1e-9)
    anchor = window[:, -1]
    aligned = []
    for cycle in every.cycles:
        for back in (1, 2):
            at = ends + steps - 1 - cycle * (np.ceil(steps / cycle).astype(int) + back - 1)
            seen = np.where(at >= 0, values[np.maximum(at, 0)], np.nan)
            if back == 1 and cycle == every.season:
                anchor = np.where(np.isnan(seen), anchor, seen)
            aligned.append(seen)
    scaled = [(column - anchor) / unit for column in (*window.T, *aligned)]
    spread = window.std(axis=1) / unit
    return np.column_stack([*scaled, steps, spread, np.log1p(ends)]), anchor, unit
