"""The forecaster of any panel of series: fit chooses methods and bands by rolling origin, forecast extends today's values.

Arrays by series name come in here; `panel` makes them of a frame with `series, at, value`. A family of series (its query, its measure) is
declared in `group_series.py`, the demand of the shop in `demand_forecast.py`; methods and numbers a frequency have their own modules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from eco_assets.errors import DataRejected
from ml.forecasting.frequencies import Frequency, frequency
from ml.forecasting.intervals import Bands, bands, coverage
from ml.forecasting.methods import POOL, Method
from ml.forecasting.metrics import Floats
from ml.forecasting.pooled import fit_global
from ml.forecasting.selection import Backtest, Choice, attempt, backtests, choose, combine, origins, unit_of

if TYPE_CHECKING:
    from datetime import date

    from pandas import DataFrame, Series

QUANTILES = (0.1, 0.5, 0.9)
JUDGED = 200  # series of a large panel that are forecast from earlier origins; the others take the panel's weights and bands
SMALL, MAX_ORIGINS = 8, 8  # a panel of few series is forecast from more origins: one error a method and series chooses nothing
COLD_PRIOR = 3.0  # a cold series' own level counts against this many points of its siblings' typical level, where those agree on one


@dataclass(frozen=True)
class Forecast:
    """One series ahead: `mean` (steps,), `quantiles` (levels, steps), and each method's `parts` (methods, steps) with its `weights`."""

    mean: Floats
    quantiles: Floats
    parts: Floats
    weights: Floats


@dataclass(frozen=True)
class Forecaster:
    """What was learned about a panel: methods (the global model is one of them), their weights a series, and the bands.

    `coverage` is the share inside p10 to p90 on the newest origin, which neither weights nor bands had seen there; NaN without two origins.
    """

    every: Frequency
    methods: tuple[Method, ...]
    choice: Choice
    bands: Bands
    coverage: float
    backtests: dict[str, Backtest]

    def forecast(self, known: Mapping[str, Floats], horizon: int | None = None) -> dict[str, Forecast]:
        """Forecast every series of `known` from its last value; a short or new one borrows its siblings' course.

        Args:
            known: values by series, oldest first, all of the frequency that was fitted, ending at the same point in time where a series
                may be cold.
            horizon: steps ahead; by default the frequency's.
        """
        steps = horizon or self.every.horizon
        warm = {name: past for name, past in known.items() if len(past) >= self.every.cold}
        made = {name: self._extend(name, past, steps) for name, past in warm.items()}
        siblings = [(past, made[name].mean) for name, past in warm.items()]
        return {name: made[name] if name in made else self._borrow(name, past, siblings, steps) for name, past in known.items()}

    def _extend(self, name: str, past: Floats, steps: int) -> Forecast:
        weights = self.choice.of(name)
        parts = np.array(
            [
                attempt(method, past, steps, self.every) if weight > 0 else np.full(steps, np.nan)
                for method, weight in zip(self.methods, weights, strict=True)
            ]
        )
        mean = combine(parts, weights)
        if not np.isfinite(mean).all():  # each chosen method failed on these values
            mean = np.full(steps, past[-1])
        return self._banded(name, past, mean, parts, weights)

    def _borrow(self, name: str, past: Floats, siblings: Sequence[tuple[Floats, Floats]], steps: int) -> Forecast:
        """The typical course of the siblings at this series' own level, as far as its few points tell one."""
        mean = borrowed(past, siblings, steps, self.every)
        none = np.full((len(self.methods), steps), np.nan)
        return self._banded(name, past if len(past) > 1 else mean, mean, none, np.zeros(len(self.methods)))

    def _banded(self, name: str, past: Floats, mean: Floats, parts: Floats, weights: Floats) -> Forecast:
        around = np.sort(self.bands.around(name, mean, unit_of(past, self.every)), axis=0)
        floor = 0.0 if len(past) and past.min() >= 0 else -np.inf
        return Forecast(mean=mean, quantiles=np.maximum(around, floor), parts=parts, weights=weights)


def fit(known: Mapping[str, Floats], every: str | Frequency, *, seed: int, quantiles: tuple[float, ...] = QUANTILES) -> Forecaster:
    """Choose methods and bands for a panel.

    Args:
        known: values by series, oldest first, without gaps; only what is known on the day may be in it.
        every: a frequency of `frequencies.py`.
        seed: of the global model.
        quantiles: levels of the band, rising; the outer two are the interval whose coverage is measured.

    Raises:
        DataRejected: no series is long enough to hold an origin back.
    """
    spaced = frequency(every) if isinstance(every, str) else every
    names = sorted(name for name, past in known.items() if len(past) >= spaced.short and origins(len(past), spaced))
    if not names:
        raise DataRejected(f"no {spaced.name} series has {spaced.short} points: load an earlier history, or forecast a coarser frequency")
    spaced = replace(spaced, origins=max(spaced.origins, min(MAX_ORIGINS, SMALL // len(names))))
    local = [POOL[name] for name in spaced.pool]
    early = global_model({name: known[name][: origins(len(known[name]), spaced)[0]] for name in names}, spaced, seed)
    judged = [names[place] for place in np.unique(np.linspace(0, len(names) - 1, JUDGED).round().astype(int))]
    tests = backtests({name: known[name] for name in judged}, [*local, *early], spaced)
    labels = [method.name for method in [*local, *early]]
    choice = choose(tests, labels)
    final = global_model({name: known[name] for name in names}, spaced, seed) if early else []
    return Forecaster(
        every=spaced,
        methods=(*local, *final),
        choice=choice,
        bands=bands(tests, choice, quantiles),
        coverage=held_out_coverage(tests, labels, quantiles),
        backtests=tests,
    )


def held_out_coverage(tests: Mapping[str, Backtest], labels: Sequence[str], quantiles: tuple[float, ...]) -> float:
    """Coverage on each series' newest origin, with weights and bands from the older ones."""
    older = choose(tests, labels, skip=1)
    return coverage(tests, older, bands(tests, older, quantiles, skip=1))


def borrowed(past: Floats, siblings: Sequence[tuple[Floats, Floats]], steps: int, every: Frequency) -> Floats:
    """Forecast a series of few points (or none) as a share of what its siblings are expected to do.

    Args:
        past: the series' own values; they end where the siblings' do.
        siblings: (past, mean forecast) of the longer series.
        steps: steps ahead.
        every: their frequency.
    """
    window = max(every.season, 4)
    levels = np.array([max(float(values[-window:].mean()), 0.0) for values, _ in siblings])
    usable = [(values / level, ahead / level, level) for (values, ahead), level in zip(siblings, levels, strict=True) if level > 0]
    if not usable:
        return np.full(steps, past.mean() if len(past) else 0.0)
    typical = float(np.median([level for *_, level in usable]))
    course = np.median([ahead[:steps] for _, ahead, _ in usable], axis=0)
    if not len(past):
        return np.asarray(typical * course)
    long_enough = [values[-len(past) :] for values, *_ in usable if len(values) >= len(past)]
    usual = np.mean(long_enough, axis=0) if long_enough else np.ones(len(past))
    prior = COLD_PRIOR * float(np.exp(-np.var(np.log([level for *_, level in usable]))))  # levels that span decades say nothing of this one
    level = (past.sum() + prior * typical) / max(usual.sum() + prior, 1e-9)
    return np.asarray(level * course)


def panel(frame: DataFrame, every: Frequency, as_of: date, *, is_count: bool) -> dict[str, Series[float]]:
    """Values by series, one a point of the frequency's grid (the index), up to the end of `as_of`.

    Args:
        frame: `series, at, value`; several rows of one point are added up (counts) or averaged.
        every: their frequency.
        as_of: the last known day; later rows are not used.
        is_count: a missing point is zero, and every series lasts until `as_of`; else it is filled between its neighbours.
    """
    import pandas as pd

    at = pd.to_datetime(frame["at"])
    end = pd.Timestamp(as_of) + pd.Timedelta(days=1)
    seen = frame.assign(at=at)[at < end]
    made = {}
    for name, rows in seen.groupby("series", sort=True):
        grouped = rows.set_index("at")["value"].resample(every.offset)
        values = grouped.sum() if is_count else grouped.mean()
        if is_count:
            grid = pd.date_range(values.index[0], end, freq=every.offset, inclusive="left")
            values = values.reindex(grid, fill_value=0.0)
        made[str(name)] = values.astype(float).interpolate()
    return made


def global_model(known: Mapping[str, Floats], every: Frequency, seed: int) -> list[Method]:
    """The global model, or nothing when the panel is too small to teach one."""
    try:
        return [fit_global(list(known.values()), every, seed)]
    except DataRejected:
        return []
