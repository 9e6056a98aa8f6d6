"""Measures of a forecast, as the M4 competition defines them, and the Naive2 benchmark they are relative to.

Source: Makridakis, Spiliotis, Assimakopoulos (2020), "The M4 Competition", and the R code in github.com/Mcompetitions/M4-methods.
"""

from __future__ import annotations

import numpy as np

Floats = np.ndarray


def smape(actual: Floats, forecast: Floats) -> float:
    """Symmetric mean absolute percentage error, in percent (0 to 200); a point where both are 0 counts 0."""
    both = np.abs(actual) + np.abs(forecast)
    return float(200.0 * np.mean(np.divide(np.abs(actual - forecast), both, out=np.zeros_like(both), where=both > 0)))


def scale(past: Floats, season: int) -> float:
    """Mean absolute seasonal difference of the known values, the denominator of MASE; 0 when the series never moved."""
    lag = season if len(past) > season else 1
    return float(np.mean(np.abs(past[lag:] - past[:-lag]))) if len(past) > 1 else 0.0


def mase(actual: Floats, forecast: Floats, past: Floats, season: int) -> float:
    """Mean absolute error in units of `scale`; NaN when that is 0 (leave such a series out)."""
    unit = scale(past, season)
    return float(np.mean(np.abs(actual - forecast))) / unit if unit > 0 else float("nan")


def owa(smape_: float, mase_: float, smape_naive2: float, mase_naive2: float) -> float:
    """Overall weighted average: mean of the two errors relative to Naive2's."""
    return (smape_ / smape_naive2 + mase_ / mase_naive2) / 2


def is_seasonal(past: Floats, season: int) -> bool:
    """M4's test: the autocorrelation at the season exceeds its 90 % limit (at least three seasons are needed)."""
    if season <= 1 or len(past) < 3 * season:
        return False
    centred = past - past.mean()
    total = float(centred @ centred)
    if total == 0:
        return False
    correlation = [float(centred[lag:] @ centred[:-lag]) / total for lag in range(1, season + 1)]
    limit = 1.645 * np.sqrt((1 + 2 * np.square(correlation[:-1]).sum()) / len(past))
    return bool(abs(correlation[-1]) > limit)


def seasonal_indices(past: Floats, season: int) -> Floats:
    """Multiplicative indices of the classical decomposition, mean 1; index i belongs to the points i, i + season, ..."""
    kernel = np.ones(season) / season if season % 2 else np.r_[0.5, np.ones(season - 1), 0.5] / season
    trend = np.convolve(past, kernel, mode="valid")
    first = len(kernel) // 2
    ratio = past[first : first + len(trend)] / trend
    phase = np.arange(first, first + len(trend)) % season
    indices = np.array([ratio[phase == each].mean() for each in range(season)])
    whole: Floats = indices / indices.mean()
    return whole


def naive2(past: Floats, horizon: int, season: int) -> Floats:
    """The last value, seasonally adjusted when the series is seasonal and positive: M4's benchmark."""
    if not (is_seasonal(past, season) and past.min() > 0):
        return np.full(horizon, past[-1])
    indices = seasonal_indices(past, season)
    ahead = np.arange(len(past), len(past) + horizon) % season
    level: float = past[-1] / indices[(len(past) - 1) % season]
    return level * indices[ahead]


def pinball(actual: Floats, forecast: Floats, quantile: float) -> float:
    """Mean quantile loss, in the unit of the series."""
    miss = actual - forecast
    return float(np.mean(np.maximum(quantile * miss, (quantile - 1) * miss)))


def wape(actual: Floats, forecast: Floats) -> float:
    """Sum of absolute errors over the sum of what happened; the measure for counts with many zeros."""
    return float(np.abs(actual - forecast).sum() / max(float(np.abs(actual).sum()), 1e-12))
