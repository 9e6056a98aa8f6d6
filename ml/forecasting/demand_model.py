"""The demand model: weights of the methods a category, extended from whatever history it is given. Trained in `demand_forecast.py`.

Belongs here: forecast, explanation and losses of a fitted model. What decides the weights, and the measures, stay out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from eco_assets.errors import DataRejected
from ml.forecasting.demand_series import HORIZON, bands, blocks, curve_weeks, daily_matrix, region_shares
from ml.forecasting.frequencies import FREQUENCIES
from ml.forecasting.holidays import curve
from ml.forecasting.methods import Method
from ml.forecasting.metrics import Floats
from ml.forecasting.selection import Choice, attempt, combine
from ml.workers import mapped

if TYPE_CHECKING:
    import pandas as pd
    from pandas import DataFrame, Series

LARGEST = 3  # categories with a Prophet of their own; a fit costs 0.3 CPU-s
HISTORY_DAYS = 1095
WEEKS = FREQUENCIES["block"]
BASE_WEEKS = 4


@dataclass(frozen=True)
class DemandModel:
    """Weights of the methods a category, and the spread of past weekly errors (variance over mean, never below 1)."""

    methods: tuple[Method, ...]
    choice: Choice
    spread: float
    by_region: bool
    seed: int

    def predict(self, frame: DataFrame) -> DataFrame:
        """Forecast the seven days after `as_of` from the history in `frame`.

        Args:
            frame: `day, category, units` (and `region`, where the model is one by region) and `as_of`, the same in every row; rows after
                it are not used. A champion of any age forecasts from today's history.

        Returns:
            `category[, region], horizon_days, units_p10, units_p50, units_p90` (units over the horizon), in the order of the names.

        Raises:
            DataRejected: there is no row up to `as_of`.
        """
        as_of = _day(frame)
        parts, weights = self._parts(daily_units(frame, as_of), None)
        return bands(self._mean(frame, as_of, parts, weights), self.spread)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Parts of `units_p50`, in units over the horizon.

        `(base)` is the mean of the last four weeks; each method adds its weight times what it says above that; `band_median` is the
        median's distance from the mean. `value` is what the method alone would forecast. A region has its share of each part.
        """
        import pandas as pd

        as_of = _day(frame)
        daily = daily_units(frame, as_of)
        parts, weights = self._parts(daily, None)
        mean = self._mean(frame, as_of, parts, weights)
        banded = bands(mean, self.spread)
        base = pd.Series({name: float(values[-BASE_WEEKS:].mean()) for name, values in blocks(daily).items()})
        rows = []
        for row, (key, total, middle) in enumerate(zip(mean.index, mean, banded["units_p50"], strict=True)):
            place = list(daily.columns).index(key[0] if self.by_region else key)
            whole = max(float(combine(parts[place][:, None], weights[place])[0]), 1e-9)
            share = float(total) / whole
            used = np.where(np.isfinite(parts[place]), weights[place], 0.0)
            used = used / used.sum() if used.sum() > 0 else np.isfinite(parts[place]) / np.isfinite(parts[place]).sum()
            start = float(base.iloc[place])
            found = [("(base)", f"{start * share:.1f}", start * share), ("band_median", "", float(middle) - float(total))]
            named = zip(self.choice.methods, parts[place], used, strict=True)
            found += [(name, f"{says * share:.1f}", (says - start) * share * weight) for name, says, weight in named if weight > 0]
            found.sort(key=lambda each: -abs(each[2]))
            rows += [(row, *each) for each in found]
        return pd.DataFrame(rows, columns=["row", "feature", "value", "contribution"])

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Absolute error of `units_p50` a judged week and category (and region), weeks oldest first, in units.

        Args:
            held_out: the training columns and `is_judged`; the judged days are the last ones, and each week of them is forecast from the
                history before it.
        """
        weeks = self.weeks(held_out.drop(columns="is_judged"), *_judged(held_out))
        return np.asarray((weeks["actual"] - weeks["units_p50"]).abs().to_numpy(dtype=float))

    def weeks(self, frame: DataFrame, as_of: date, count: int) -> DataFrame:
        """Forecasts of the last `count` weeks up to `as_of`, each from the day before it.

        Returns:
            `week_end`, the keys, `units_p10, units_p50, units_p90`, `mean`, `actual` and `naive` (the week before, repeated).
        """
        import pandas as pd

        start = as_of - timedelta(days=HORIZON * count)
        curves = curves_of(daily_units(frame, start), HORIZON * count, self.seed) if self._draws else {}
        made = []
        for week in range(count):
            origin = start + timedelta(days=HORIZON * week)
            parts, weights = self._parts(daily_units(frame, origin), curves)
            mean = self._mean(frame, origin, parts, weights)
            sold = self.sold(frame, origin + timedelta(days=HORIZON)).reindex(mean.index, fill_value=0.0)
            before = self.sold(frame, origin).reindex(mean.index, fill_value=0.0)
            end = pd.Timestamp(origin) + pd.Timedelta(days=HORIZON)
            known = {"mean": mean.to_numpy(), "actual": sold.to_numpy(), "naive": before.to_numpy()}
            made.append(pd.concat([bands(mean, self.spread), pd.DataFrame(known)], axis=1).assign(week_end=end))
        return pd.concat(made, ignore_index=True)

    @property
    def _draws(self) -> bool:
        """Whether any category listens to Prophet; else it is not fitted."""
        every = [self.choice.panel, *self.choice.weights.values()]
        return any(float(weights[len(self.methods) :].sum()) > 0 for weights in every)

    def _parts(self, daily: DataFrame, curves: dict[str, pd.Series[float]] | None) -> tuple[Floats, Floats]:
        """What each method says of the week after the last day, and its weight; both (categories, methods)."""
        origin = daily.index[-1].date()
        drawn = curves_of(daily, HORIZON, self.seed) if curves is None and self._draws else curves or {}
        said = []
        for name, past in blocks(daily).items():
            weights = self.choice.of(name)
            said.append([_one(method, past, weight) for method, weight in zip(self.methods, weights, strict=False)])
        return np.hstack([np.array(said), curve_weeks(daily, drawn, origin)]), np.array([self.choice.of(name) for name in blocks(daily)])

    def _mean(self, frame: DataFrame, as_of: date, parts: Floats, weights: Floats) -> Series[float]:
        """Expected units a category, or a category and region, in the order of the names."""
        import pandas as pd

        names = daily_units(frame, as_of).columns
        mixed = [float(combine(part[:, None], weight)[0]) for part, weight in zip(parts, weights, strict=True)]
        mean = pd.Series(np.nan_to_num(mixed), index=pd.Index(names, name="category")).clip(lower=0.0)
        if not self.by_region:
            return mean
        shared: Any = region_shares(frame, as_of).reindex(names).mul(mean, axis=0).stack()
        return pd.Series(shared)

    def sold(self, frame: DataFrame, end: date) -> Series[float]:
        """Units of the seven days up to `end` by the model's keys."""
        import pandas as pd

        day = pd.to_datetime(frame["day"])
        week = frame[(day <= pd.Timestamp(end)) & (day > pd.Timestamp(end) - pd.Timedelta(days=HORIZON))]
        sold: Series[float] = week.groupby(["category", "region"] if self.by_region else "category")["units"].sum().astype(float)
        return sold


def curves_of(daily: DataFrame, ahead: int, seed: int) -> dict[str, pd.Series[float]]:
    """Prophet's curves of the total (`""`) and the largest categories."""
    largest = daily.sum().sort_values(ascending=False, kind="stable").index[:LARGEST]
    series = {"": daily.sum(axis=1), **{str(name): daily[name] for name in largest}}
    return dict(zip(series, mapped(partial(curve, ahead=ahead, seed=seed), list(series.values())), strict=True))


def _one(method: Method, past: Floats, weight: float) -> float:
    return float(attempt(method, past, 1, WEEKS)[0]) if weight > 0 else float("nan")


def daily_units(frame: DataFrame, as_of: date) -> DataFrame:
    """The daily matrix of the last three years up to `as_of`.

    Raises:
        DataRejected: nothing was sold by then.
    """
    found = daily_matrix(frame, as_of).iloc[-HISTORY_DAYS:]
    if found.empty:
        raise DataRejected(f"there is no sale up to {as_of} to forecast from: load the orders first")
    return found


def _day(frame: DataFrame) -> date:
    """The last known day: the column `as_of`."""
    import pandas as pd

    if frame.empty:
        raise DataRejected("a demand forecast needs the sales up to the day: the frame has no row")
    return pd.Timestamp(frame["as_of"].iloc[0]).date()


def _judged(held_out: DataFrame) -> tuple[date, int]:
    """Last day and number of the judged weeks; a day without any sale at their edge moves none."""
    import pandas as pd

    day = pd.to_datetime(held_out["day"])
    is_judged = held_out["is_judged"].astype(bool)
    last = day[is_judged].max()
    return last.date(), max(1, round((last - day[~is_judged].max()).days / HORIZON))
