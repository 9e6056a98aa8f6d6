"""Rolling-origin evaluation and the weights that it gives each method of each series. Arrays in, arrays out.

A series is forecast again from origins in its own past; methods that missed little there weigh much. One series' errors are few, so they
are drawn towards the errors of the whole panel. Which methods exist is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ml.forecasting.frequencies import Frequency
from ml.forecasting.methods import Method
from ml.forecasting.metrics import Floats, scale
from ml.workers import mapped

PANEL_ORIGINS = 4.0  # the panel's mean error counts like this many origins of the series' own
POWER = 4.0  # weight = error ** -POWER; 2 would be Bates & Granger (1969), and lets a method that misses 20 % more weigh 70 %
NEGLIGIBLE = 0.35  # a method below this share of the best one's weight is left out, so that it costs no fit at predict time


@dataclass(frozen=True)
class Backtest:
    """One series forecast from its own past. Shapes: `actual` (origins, steps), `forecasts` (origins, methods, steps).

    The newest origin is the last; steps past the end of the series and methods that could not be fitted are NaN. `unit` is the scale of
    MASE before the first origin, never 0.
    """

    actual: Floats
    forecasts: Floats
    unit: float

    def errors(self) -> Floats:
        """Mean absolute error in units of `unit`, shape (origins, methods)."""
        return nan_mean(np.abs(self.forecasts - self.actual[:, None, :]) / self.unit, axis=2)


@dataclass(frozen=True)
class Choice:
    """Weights per series, and those of the panel for a series that was never judged. Each adds up to 1 over the methods."""

    methods: tuple[str, ...]
    weights: dict[str, Floats]
    panel: Floats

    def of(self, series: str) -> Floats:
        """The weights to forecast `series` with."""
        return self.weights.get(series, self.panel)


def attempt(method: Method, past: Floats, horizon: int, every: Frequency) -> Floats:
    """A method's forecast; NaN where the series is too short for it, its fit failed, or it left the range of what is plausible.

    Plausible is within five times the width of the known values around them: a trend that runs away is no forecast.
    """
    if len(past) < method.needs(every):
        return np.full(horizon, np.nan)
    try:
        found = method.forecast(past[-every.recent :], horizon, every)
    except (ArithmeticError, ValueError, RuntimeError, np.linalg.LinAlgError):
        return np.full(horizon, np.nan)
    low, high = float(past.min()), float(past.max())
    width = max(high - low, abs(high), 1e-9)
    is_plausible = np.isfinite(found).all() and found.min() >= low - 5 * width and found.max() <= high + 5 * width
    bounded = np.maximum(found, 0.0) if low >= 0 else found
    return bounded if is_plausible else np.full(horizon, np.nan)


def origins(points: int, every: Frequency, skip: int = 0) -> list[int]:
    """How many points are known at each origin, oldest first; `skip` leaves out the newest ones."""
    newest = [points - min(every.horizon, points // 3) - number * every.step for number in range(every.origins)]
    return [known for known in reversed(newest[skip:]) if known >= max(5, every.season + 1)]


def backtests(panel: Mapping[str, Floats], methods: Sequence[Method], every: Frequency) -> dict[str, Backtest]:
    """Forecast every series from each of its own origins with each method; a series and an origin are one job of the workers."""
    jobs = [past[:count] for past in panel.values() for count in origins(len(past), every)]
    found = iter(mapped(partial(_attempts, methods=methods, every=every), jobs))
    return {name: _backtest(past, found, methods, every) for name, past in panel.items()}


def _backtest(past: Floats, found: Iterator[Floats], methods: Sequence[Method], every: Frequency) -> Backtest:
    known = origins(len(past), every)
    actual = np.full((len(known), every.horizon), np.nan)
    forecasts = np.full((len(known), len(methods), every.horizon), np.nan)
    for row, count in enumerate(known):
        after = past[count : count + every.horizon]
        actual[row, : len(after)] = after
        forecasts[row] = next(found)
    return Backtest(actual, forecasts, unit_of(past[: known[0]] if known else past, every))


def _attempts(past: Floats, methods: Sequence[Method], every: Frequency) -> Floats:
    """What each method says of the points after `past`, shape (methods, steps)."""
    return np.array([attempt(method, past, every.horizon, every) for method in methods])


def unit_of(past: Floats, every: Frequency) -> float:
    """The scale of MASE, or the mean size, or 1, for a series that never moved."""
    return scale(past, every.season) or float(np.abs(past).mean()) or 1.0


def choose(backtests: Mapping[str, Backtest], methods: Sequence[str], *, skip: int = 0, power: float = POWER) -> Choice:
    """Weights of the methods for every series.

    Args:
        backtests: by series; those without an origin get the panel's weights.
        methods: names, in the order of the backtests' methods.
        skip: newest origins that are not looked at, so that they can judge the choice.
        power: see `POWER`; 0 weighs all methods alike.
    """
    errors = {name: test.errors()[: len(test.actual) - skip] for name, test in backtests.items()}
    own = {name: _relative(nan_mean(each, axis=0)) for name, each in errors.items() if len(each)}
    panel = nan_mean(np.array(list(own.values())), axis=0) if own else np.ones(len(methods))
    weights = {}
    for name, relative in own.items():
        count = len(errors[name])
        known = np.where(np.isfinite(relative), relative, panel)
        mixed = (count * known + PANEL_ORIGINS * panel) / (count + PANEL_ORIGINS)
        weights[name] = _weights(np.where(np.isfinite(relative), mixed, np.nan), power)
    return Choice(tuple(methods), weights, _weights(panel, power))


def _relative(errors: Floats) -> Floats:
    """A series' errors over their mean, so that each series has one vote on the panel's errors, however hard it is to forecast."""
    mean = float(nan_mean(errors, axis=0))
    relative: Floats = errors / mean if mean > 0 else np.where(np.isfinite(errors), 1.0, np.nan)
    return relative


def _weights(errors: Floats, power: float) -> Floats:
    usable = np.isfinite(errors)
    if not usable.any():
        return np.ones(len(errors)) / len(errors)
    raw = np.where(usable, np.maximum(np.where(usable, errors, 1.0), 1e-6) ** -power, 0.0)
    raw[raw < NEGLIGIBLE * raw.max()] = 0.0
    shared: Floats = raw / raw.sum()
    return shared


def combine(forecasts: Floats, weights: Floats) -> Floats:
    """The weighted mean of (methods, steps) over those that gave a forecast; NaN when none did."""
    usable = np.isfinite(forecasts).all(axis=1) & (weights > 0)
    if not usable.any():
        usable = np.isfinite(forecasts).all(axis=1)
        weights = np.ones(len(weights))
    if not usable.any():
        return np.full(forecasts.shape[1], np.nan)
    share = weights[usable] / weights[usable].sum()
    mixed: Floats = share @ forecasts[usable]
    return mixed


def nan_mean(values: Floats, axis: int) -> Floats:
    """The mean over what is known; NaN, without a warning, where nothing is."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    count = known.sum(axis=axis)
    mean: Floats = np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)
    return mean
