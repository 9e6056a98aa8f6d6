"""The arithmetic of the demand forecast: daily matrix, level correction, rolling origin, quantile bands.

Pure functions on pandas frames, tested with plain numbers. Prophet and the choice of candidates live in `forecast.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date

    from pandas import DataFrame, Series

HORIZON = 7  # days
SHARE_DAYS = 56  # a category's share of the total is measured over eight weeks
PRIOR_UNITS = 7.0  # added to both sides of a level ratio: one unit a day, so that an empty fortnight is no proof of zero


@dataclass(frozen=True)
class Candidate:
    """A level correction: forecast = curve x (sold / curve over the last `days`) ** `strength`.

    `own_curves` says whether the largest categories follow their own Prophet curve or their share of the total.
    """

    days: int
    strength: float
    own_curves: bool

    def params(self) -> dict[str, Any]:
        """The settings as MLflow parameters."""
        return {f"level_{name}": value for name, value in asdict(self).items()}


CANDIDATES = tuple(
    Candidate(days, strength, own) for own in (True, False) for days, strength in ((28, 0.0), (28, 0.5), (28, 1.0), (14, 1.0), (7, 1.0))
)


def daily_matrix(frame: DataFrame, as_of: date) -> DataFrame:
    """Units a day (index, without gaps, up to `as_of`) and category (columns); a missing day is zero."""
    import pandas as pd

    known = frame.assign(day=pd.to_datetime(frame["day"]))
    known = known[known["day"] <= pd.Timestamp(as_of)]
    if known.empty:
        return pd.DataFrame()
    matrix = known.pivot_table(index="day", columns="category", values="units", aggfunc="sum", fill_value=0)
    days = pd.date_range(matrix.index[0], pd.Timestamp(as_of), freq="D")
    return matrix.reindex(days, fill_value=0).astype(float)


def level(units: DataFrame, shapes: DataFrame, origin: date, ahead: int, candidate: Candidate) -> DataFrame:
    """Expected units a day and category for the `ahead` days after `origin`, using sales up to `origin` only.

    Args:
        units: daily matrix; rows after `origin` are ignored.
        shapes: daily curves (`""` is the total), covering the days before and after `origin`.
        origin: the last day that counts as known.
        ahead: number of days to forecast.
        candidate: the level correction.
    """
    import pandas as pd

    sold = units.loc[: pd.Timestamp(origin)]
    days = pd.date_range(pd.Timestamp(origin) + pd.Timedelta(days=1), periods=ahead, freq="D")
    recent = sold.iloc[-candidate.days :]

    def corrected(curve: Series[float], values: Series[float]) -> Series[float]:
        ratio = (values.sum() + PRIOR_UNITS) / (curve.loc[recent.index].sum() + PRIOR_UNITS)
        scaled: Series[float] = curve.loc[days] * float(ratio) ** candidate.strength
        return scaled

    total = corrected(shapes[""], recent.sum(axis=1))
    window = sold.iloc[-SHARE_DAYS:].sum()
    share = window / max(float(window.sum()), 1.0)
    out = pd.DataFrame({name: total * share[name] for name in units.columns}, index=days)
    for name in shapes.columns[1:] if candidate.own_curves else []:
        out[name] = corrected(shapes[name], recent[name])
    return out


def naive(units: DataFrame, origin: date) -> Series[float]:
    """The seasonal naive forecast of a week: what was sold in the seven days up to `origin`."""
    import pandas as pd

    return units.loc[: pd.Timestamp(origin)].iloc[-HORIZON:].sum()


def backtest(units: DataFrame, shapes: DataFrame, weeks: int, candidate: Candidate) -> DataFrame:
    """Forecast each of the last `weeks` weeks of `units` from the day before it.

    Returns:
        One row a week and category: `week_end, category, actual, mean, naive` (units a week).
    """
    import pandas as pd

    rows = []
    for week in range(weeks, 0, -1):
        origin = units.index[-1] - pd.Timedelta(days=HORIZON * week)
        end = origin + pd.Timedelta(days=HORIZON)
        mean = level(units, shapes, origin, HORIZON, candidate).sum()
        actual = units.loc[origin + pd.Timedelta(days=1) : end].sum()
        rows.append(pd.DataFrame({"week_end": end, "actual": actual, "mean": mean, "naive": naive(units, origin)}))
    return pd.concat(rows).rename_axis("category").reset_index()


def dispersion(weeks: DataFrame) -> float:
    """Variance over mean of the weekly errors (pooled Pearson statistic), at least 1, the Poisson value."""
    mean = weeks["mean"].clip(lower=0.25)
    return max(1.0, float(((weeks["actual"] - mean) ** 2).sum() / mean.sum()))


def bands(mean: Series[float], spread: float) -> DataFrame:
    """Quantiles of a gamma distribution with the given mean and variance `spread * mean` (a continuous over-dispersed count)."""
    import pandas as pd
    from scipy.stats import gamma

    safe = mean.clip(lower=0.01)
    columns = {f"units_p{q}": gamma.ppf(q / 100, safe / spread, scale=spread).round(3) for q in (10, 50, 90)}
    return pd.DataFrame({"category": list(mean.index), "horizon_days": HORIZON, **columns})
