"""Demand forecast: units of each category over the next seven days, with a p10/p50/p90 band.

Prophet gives the shape (trend, week, Brazilian holidays) of the total and of the largest categories; a level correction
pulls it to what was sold lately; the small categories are a share of the total. Which correction to use is chosen on weeks
before the held-out ones (`demand_series.py` holds the arithmetic). Only the uniform daily series comes in here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected, ModelRejected
from ml import figures
from ml.demand_series import CANDIDATES, HORIZON, Candidate, backtest, bands, daily_matrix, dispersion, level
from ml.model import Trained

if TYPE_CHECKING:
    import pandas as pd
    from pandas import DataFrame

LARGEST = 8  # categories with a Prophet of their own; the ninth sells about two units a day, too few for a weekly shape
HOLDOUT_DAYS = 28
INNER_WEEKS = 8
MIN_DAYS = 84  # 28 to fit, 28 to choose on, 28 held out
AHEAD_DAYS = 35  # a champion may be this old before it must be trained again
HISTORY_DAYS = 1095
YEARLY_FROM_DAYS = 730  # Prophet itself warns that a year's shape cannot be told from the trend with less


@dataclass(frozen=True)
class DemandModel:
    """Levels per category and day, from the day after `trained_through`, and the spread of past weekly errors."""

    daily: DataFrame  # index: day, one column a category, expected units
    trained_through: date
    spread: float  # variance over mean of a weekly total, never below 1 (Poisson)

    def predict(self, frame: DataFrame) -> DataFrame:
        """Forecast the seven days after `as_of`.

        Args:
            frame: one row with a column `as_of` (a date; not before the day the model was trained through).

        Returns:
            One row a category: `category, horizon_days, units_p10, units_p50, units_p90` (units over the horizon).

        Raises:
            ModelRejected: `as_of` lies outside the days this model can forecast from.
        """
        import pandas as pd

        as_of = pd.Timestamp(frame["as_of"].iloc[0]).date()
        age = (as_of - self.trained_through).days
        if not 0 <= age <= AHEAD_DAYS - HORIZON:
            raise ModelRejected(
                f"the demand model was trained through {self.trained_through} and cannot forecast from {as_of}: "
                "train it again with the data up to that day"
            )
        expected = self.daily.iloc[age : age + HORIZON].sum()
        return bands(expected, self.spread)


def train(frame: DataFrame, *, as_of: date, seed: int) -> Trained:
    """Choose a level correction, measure it on the last four weeks, then fit on everything up to `as_of`.

    Args:
        frame: `day, category, units`; a day without a row sold nothing. Rows after `as_of` are not used.
        as_of: the last known day.
        seed: given to Prophet's optimiser.

    Returns:
        Metrics `wape`, `mae` (category-weeks), `wape_total` and `coverage_p10_p90`; the baseline repeats the last week.

    Raises:
        DataRejected: fewer than 84 days of data.
    """
    units = daily_matrix(frame, as_of).iloc[-HISTORY_DAYS:]
    if len(units) < MIN_DAYS:
        raise DataRejected(f"demand needs {MIN_DAYS} days up to {as_of}, got {len(units)}: load an earlier history")
    inner_weeks = min(INNER_WEEKS, (len(units) - HOLDOUT_DAYS - 28) // 7)
    known = units.iloc[:-HOLDOUT_DAYS]
    earlier = _runs(known, inner_weeks, seed)
    held_out = _runs(units, HOLDOUT_DAYS // 7, seed)
    chosen = _best(earlier)  # sees no held-out week
    metrics, baseline, weeks = _evaluate(held_out[chosen], dispersion(earlier[chosen]))
    final, spread = _choose_again(earlier, held_out)
    daily = level(units, _shapes(units, AHEAD_DAYS, seed), as_of, AHEAD_DAYS, final)
    params = {**final.params(), "spread": round(spread, 3), "inner_weeks": inner_weeks, "days": len(units), "seed": seed}
    return Trained(
        model=DemandModel(daily=daily, trained_through=as_of, spread=spread),
        metrics=metrics,
        baseline=baseline,
        params=params,
        primary_metric="wape",
        higher_is_better=False,
        input_example=_example(as_of),
        figures={"weekly_forecast": figures.weekly_forecast(weeks)},
    )


def _runs(units: DataFrame, weeks: int, seed: int) -> dict[Candidate, DataFrame]:
    """Every candidate's forecasts of the last `weeks` weeks, from curves fitted before them."""
    shapes = _shapes(units.iloc[: -7 * weeks], 7 * weeks, seed)
    return {candidate: backtest(units, shapes, weeks, candidate) for candidate in CANDIDATES}


def _best(runs: dict[Candidate, DataFrame]) -> Candidate:
    """The level correction with the lowest weekly absolute error."""
    return min(runs, key=lambda candidate: float((runs[candidate]["actual"] - runs[candidate]["mean"]).abs().sum()))


def _choose_again(earlier: dict[Candidate, DataFrame], held_out: dict[Candidate, DataFrame]) -> tuple[Candidate, float]:
    """The correction and error spread for tomorrow: the same choice, repeated once the held-out weeks are known too."""
    import pandas as pd

    runs = {candidate: pd.concat([earlier[candidate], held_out[candidate]]) for candidate in earlier}
    chosen = _best(runs)
    return chosen, dispersion(runs[chosen])


def _evaluate(held_out: DataFrame, spread: float) -> tuple[dict[str, float], dict[str, float], DataFrame]:
    band = bands(held_out["mean"], spread)
    actual, forecast, repeated = (held_out["actual"].to_numpy(), band["units_p50"].to_numpy(), held_out["naive"].to_numpy())
    weeks = held_out.groupby("week_end", as_index=False)[["actual", "mean", "naive"]].sum()
    weeks = weeks.rename(columns={"mean": "forecast", "naive": "baseline"})
    total = max(float(actual.sum()), 1.0)
    inside = (actual >= band["units_p10"].to_numpy().round()) & (actual <= band["units_p90"].to_numpy().round())

    def errors(values: Any, weekly: pd.Series[float]) -> dict[str, float]:
        absolute = abs(actual - values)
        whole = float((weeks["actual"] - weekly).abs().sum()) / total
        return {"wape": float(absolute.sum()) / total, "mae": float(absolute.mean()), "wape_total": whole}

    metrics = {**errors(forecast, weeks["forecast"]), "coverage_p10_p90": float(inside.mean())}
    return metrics, errors(repeated, weeks["baseline"]), weeks


def _shapes(units: DataFrame, ahead: int, seed: int) -> DataFrame:
    """Prophet's daily curve over the history and `ahead` days more: column `""` is the total, then the largest categories."""
    import pandas as pd

    largest = units.sum().sort_values(ascending=False, kind="stable").index[:LARGEST]
    series = {"": units.sum(axis=1), **{str(name): units[name] for name in largest}}
    return pd.DataFrame({name: _curve(values, ahead, seed) for name, values in series.items()})


def _curve(values: pd.Series[float], ahead: int, seed: int) -> pd.Series[float]:
    import pandas as pd

    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # reports as an error that plotly is missing: not used
    import cmdstanpy
    from prophet import Prophet

    cmdstanpy.utils.get_logger().setLevel(logging.ERROR)  # sets its own level to INFO when it is first asked for
    model = Prophet(
        weekly_seasonality=True,
        yearly_seasonality=len(values) >= YEARLY_FROM_DAYS,
        daily_seasonality=False,
        uncertainty_samples=0,
    )
    model.add_country_holidays("BR")
    model.fit(pd.DataFrame({"ds": values.index, "y": values.to_numpy()}), seed=seed)
    days = pd.date_range(values.index[0], periods=len(values) + ahead, freq="D")
    curve: pd.Series[float] = model.predict(pd.DataFrame({"ds": days})).set_index(days)["yhat"]
    return curve.clip(lower=0.0)


def _example(as_of: date) -> DataFrame:
    import pandas as pd

    return pd.DataFrame({"as_of": [pd.Timestamp(as_of)]})
