"""The arithmetic of the demand forecast: daily matrix, weeks that end on the last day, shares, curves, quantile bands.

Pure functions on pandas frames, tested with plain numbers. Which forecasts are believed is decided in `demand_forecast.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ml.forecasting.metrics import Floats

if TYPE_CHECKING:
    from datetime import date

    from pandas import DataFrame, Series

HORIZON = 7  # days
LEVEL_DAYS = 28  # a curve is pulled to what was sold over four weeks
SHARE_DAYS = 56  # a category's share of the total is measured over eight weeks
REGION_DAYS = 182  # a region's share of a category: half a year, as a small one sells in few weeks
PRIOR_UNITS = 7.0  # added to both sides of a level ratio: one unit a day, so that an empty fortnight is no proof of zero
REGION_PRIOR = 20.0  # units by which a category's regions are drawn to the regions of all categories
CURVES = ("prophet_total", "prophet_total_level", "prophet_own_level")


def daily_matrix(frame: DataFrame, as_of: date, key: str = "category") -> DataFrame:
    """Units a day (index, without gaps, up to `as_of`) and category (columns, in name order); a missing day is zero."""
    import pandas as pd

    known = frame.assign(day=pd.to_datetime(frame["day"]))
    known = known[known["day"] <= pd.Timestamp(as_of)]
    if known.empty:
        return pd.DataFrame()
    matrix = known.pivot_table(index="day", columns=key, values="units", aggfunc="sum", fill_value=0)
    days = pd.date_range(matrix.index[0], pd.Timestamp(as_of), freq="D")
    return matrix.reindex(days, fill_value=0).astype(float)


def blocks(daily: DataFrame) -> dict[str, Floats]:
    """Seven-day sums that end on the last day, by column, oldest first; they begin with the first block in which the column sold."""
    whole = len(daily) // HORIZON
    sums = daily.to_numpy()[len(daily) - whole * HORIZON :].reshape(whole, HORIZON, -1).sum(axis=1)
    first = (sums > 0).argmax(axis=0)
    return {str(name): sums[first[place] :, place] for place, name in enumerate(daily.columns)}


def curve_weeks(daily: DataFrame, curves: Mapping[str, Series[float]], origin: date) -> Floats:
    """What Prophet's curves say of the seven days after `origin`, shape (categories, `CURVES`); NaN without a curve of its own.

    Args:
        daily: daily matrix; rows after `origin` are ignored.
        curves: by category, `""` the total; each covers the week after `origin`.
        origin: the last day that counts as known.
    """
    import pandas as pd

    sold = daily.loc[: pd.Timestamp(origin)]
    recent = sold.iloc[-LEVEL_DAYS:]
    window = sold.iloc[-SHARE_DAYS:].sum()
    share = (window / max(float(window.sum()), 1.0)).to_numpy()
    found = np.full((len(daily.columns), len(CURVES)), np.nan)
    if "" in curves:
        plain, ratio = _week(curves[""], recent.sum(axis=1), origin)
        found[:, 0], found[:, 1] = plain * share, plain * ratio * share
    for place, name in enumerate(daily.columns):
        if name in curves:
            plain, ratio = _week(curves[name], recent[name], origin)
            found[place, 2] = plain * ratio
    return found


def _week(expected: Series[float], recent: Series[float], origin: date) -> tuple[float, float]:
    """A curve's sum over the week after `origin`, and what was sold over it in the days of `recent`."""
    import pandas as pd

    days = pd.date_range(pd.Timestamp(origin) + pd.Timedelta(days=1), periods=HORIZON, freq="D")
    ratio = (float(recent.sum()) + PRIOR_UNITS) / (float(expected.loc[recent.index].sum()) + PRIOR_UNITS)
    return float(expected.loc[days].sum()), ratio


def region_shares(frame: DataFrame, as_of: date) -> DataFrame:
    """Share of each region (columns) in each category's units (rows) over the last half year; each row adds up to 1.

    A category that sold little is drawn to the regions of all categories.
    """
    import pandas as pd

    day = pd.to_datetime(frame["day"])
    recent = frame[(day <= pd.Timestamp(as_of)) & (day > pd.Timestamp(as_of) - pd.Timedelta(days=REGION_DAYS))]
    known = frame[day <= pd.Timestamp(as_of)]
    names, regions = sorted(known["category"].unique()), sorted(known["region"].unique())
    units = recent.pivot_table(index="category", columns="region", values="units", aggfunc="sum", fill_value=0)
    units = units.reindex(index=names, columns=regions, fill_value=0).astype(float)
    everywhere = (units.sum() + 1.0) / (units.sum() + 1.0).sum()
    drawn = units.add(REGION_PRIOR * everywhere, axis=1)
    return drawn.div(drawn.sum(axis=1), axis=0)


def dispersion(weeks: DataFrame) -> float:
    """Variance over mean of the weekly errors (pooled Pearson statistic), at least 1, the Poisson value."""
    mean = weeks["mean"].clip(lower=0.25)
    return max(1.0, float(((weeks["actual"] - mean) ** 2).sum() / mean.sum()))


def bands(mean: Series[float], spread: float) -> DataFrame:
    """Quantiles of a gamma distribution with the given mean and variance `spread * mean` (a continuous over-dispersed count).

    Returns:
        One row an entry of `mean`: its index levels as columns, then `horizon_days, units_p10, units_p50, units_p90`.
    """
    import pandas as pd
    from scipy.stats import gamma

    safe = mean.clip(lower=0.01).to_numpy(dtype=float)
    columns = {f"units_p{q}": gamma.ppf(q / 100, safe / spread, scale=spread).round(3) for q in (10, 50, 90)}
    keys = mean.index.to_frame(index=False).astype(str)
    return pd.concat([keys, pd.DataFrame({"horizon_days": HORIZON, **columns})], axis=1)
