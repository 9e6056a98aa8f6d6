"""Prediction intervals from the errors that were really made, and the coverage that they reach on origins they have not seen.

Split conformal: the errors of the combined forecast, divided by each series' unit and its own roughness, are pooled over the panel per
step; their quantiles are the band. Nothing is assumed normal. Point forecasts are made in `selection.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml.forecasting.metrics import Floats
from ml.forecasting.selection import Backtest, Choice, combine, nan_mean

PRIOR = 4.0  # a series' own roughness counts against this many origins of the panel's: the errors of one origin err together
MIN_ERRORS = 60  # pooled errors a step; with fewer, neighbouring steps lend theirs


@dataclass(frozen=True)
class Bands:
    """Quantiles of the scaled errors: `quantiles` (levels,), `offsets` (levels, steps); `roughness` by series."""

    quantiles: Floats
    offsets: Floats
    roughness: dict[str, float]

    def around(self, series: str, mean: Floats, unit: float) -> Floats:
        """Quantile forecasts, shape (levels, steps), around the point forecast `mean` of a series whose scale is `unit`."""
        steps = np.minimum(np.arange(len(mean)), self.offsets.shape[1] - 1)
        around: Floats = mean + unit * self.roughness.get(series, 1.0) * self.offsets[:, steps]
        return around


def bands(backtests: Mapping[str, Backtest], choice: Choice, quantiles: tuple[float, ...], *, skip: int = 0) -> Bands:
    """Calibrate on the backtests, without their `skip` newest origins."""
    scaled = {name: scaled_errors(test, choice.of(name))[: len(test.actual) - skip] for name, test in backtests.items()}
    scaled = {name: errors for name, errors in scaled.items() if np.isfinite(errors).any()}
    levels = np.array(quantiles)
    if not scaled:
        return Bands(levels, np.zeros((len(levels), 1)), {})
    typical = float(np.mean([np.nanmean(np.abs(errors)) for errors in scaled.values()])) or 1.0
    roughness = {}
    for name, errors in scaled.items():
        each = nan_mean(np.abs(errors), axis=1)
        roughness[name] = (float(np.nansum(each)) / typical + PRIOR) / (int(np.isfinite(each).sum()) + PRIOR)
    pooled = np.vstack([errors / roughness[name] for name, errors in scaled.items()])
    return Bands(levels, _offsets(pooled, levels), roughness)


def scaled_errors(test: Backtest, weights: Floats) -> Floats:
    """Actual minus combined forecast in units of the series, shape (origins, steps)."""
    mixed = np.array([combine(each, weights) for each in test.forecasts]).reshape(test.actual.shape)
    scaled: Floats = (test.actual - mixed) / test.unit
    return scaled


def coverage(backtests: Mapping[str, Backtest], choice: Choice, calibrated: Bands) -> float:
    """Share of the newest origin's points inside the outer quantiles; `choice` and `calibrated` must not have seen it."""
    inside = []
    for name, test in backtests.items():
        if len(test.actual) < 2:
            continue
        mean = combine(test.forecasts[-1], choice.of(name))
        band = calibrated.around(name, mean, test.unit)
        known = np.isfinite(test.actual[-1]) & np.isfinite(mean)
        inside.append(((test.actual[-1] >= band[0]) & (test.actual[-1] <= band[-1]))[known])
    return float(np.concatenate(inside).mean()) if inside else float("nan")


def _offsets(pooled: Floats, levels: Floats) -> Floats:
    """Quantiles a step; each is at least as far out as at the step before, as uncertainty does not shrink with distance."""
    found = np.empty((len(levels), pooled.shape[1]))
    for step in range(pooled.shape[1]):
        reach = 0
        while True:
            errors = pooled[:, max(0, step - reach) : step + reach + 1]
            errors = errors[np.isfinite(errors)]
            if len(errors) >= MIN_ERRORS or reach >= pooled.shape[1]:
                break
            reach += 1
        found[:, step] = _conformal(errors, levels) if len(errors) else found[:, max(step - 1, 0)]
    low = levels[:, None] < 0.5
    return np.where(low, np.minimum.accumulate(found, axis=1), np.where(levels[:, None] > 0.5, np.maximum.accumulate(found, axis=1), found))


def _conformal(errors: Floats, levels: Floats) -> Floats:
    """Quantiles with the finite-sample correction (n + 1) / n, away from the middle."""
    count = len(errors)
    corrected = np.where(levels < 0.5, levels - (1 - levels) / count, np.where(levels > 0.5, levels + levels / count, levels))
    found: Floats = np.quantile(errors, np.clip(corrected, 0.0, 1.0))
    return found
