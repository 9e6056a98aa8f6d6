"""Demand forecast: units of each category, or category and region, over the next seven days, with a p10/p50/p90 band.

Each category's weeks are forecast by the methods of frequency `block`, by one model of all categories, and by Prophet's curves of the
total and the largest ones (week and Brazilian holidays); errors on the category's own past weigh them. Regions share their category's
forecast. What a fitted model does is in `demand_model.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from eco_assets.errors import DataRejected
from ml import figures
from ml.forecasting.demand_model import WEEKS, DemandModel, curves_of, daily_units
from ml.forecasting.demand_series import CURVES, HORIZON, blocks, curve_weeks, dispersion, region_shares
from ml.forecasting.forecast import global_model
from ml.forecasting.methods import POOL
from ml.forecasting.metrics import Floats, wape
from ml.forecasting.selection import Backtest, backtests, choose, combine
from ml.model import Trained

if TYPE_CHECKING:
    from pandas import DataFrame

HOLDOUT_DAYS = 28
MIN_DAYS = 84  # 28 to fit, 28 to choose on, 28 held out


def train(frame: DataFrame, *, as_of: date, seed: int, by_region: bool = False) -> Trained:
    """Weigh the methods without the last four weeks, measure there, then weigh them again with everything up to `as_of`.

    Args:
        frame: `day, category, units`, and `region` where `by_region`; a day without a row sold nothing. Rows after `as_of` are not used.
        as_of: the last known day.
        seed: of Prophet's optimiser and the global model.
        by_region: forecast category and region.

    Returns:
        Metrics `wape`, `mae` (weeks of a category, or category and region), `wape_total` and `coverage_p10_p90`; the baseline repeats the
        last week. Slices are the categories, or the regions.

    Raises:
        DataRejected: fewer than 84 days of data.
    """
    import pandas as pd

    known = frame[pd.to_datetime(frame["day"]) <= pd.Timestamp(as_of)].reset_index(drop=True)
    days = len(daily_units(known, as_of)) if len(known) else 0
    if days < MIN_DAYS:
        raise DataRejected(f"demand needs {MIN_DAYS} days up to {as_of}, got {days}: load an earlier history")
    before = as_of - timedelta(days=HOLDOUT_DAYS)
    judged = _learn(known, before, seed, by_region=by_region)
    weeks = judged.weeks(known, as_of, HOLDOUT_DAYS // HORIZON)
    model = _learn(known, as_of, seed, by_region=by_region)
    held_out = known.assign(is_judged=pd.to_datetime(known["day"]) > pd.Timestamp(before))
    weights = {f"weight_{name}": round(float(weight), 3) for name, weight in zip(model.choice.methods, model.choice.panel, strict=True)}
    totals = weeks.groupby("week_end", as_index=False)[["actual", "mean", "naive"]].sum()
    return Trained(
        model=model,
        judged=judged,
        held_out=held_out,
        metrics=evaluate(weeks, "units_p50"),
        baseline=evaluate(weeks, "naive"),
        params={**weights, "spread": round(model.spread, 3), "days": days, "seed": seed, "by_region": by_region},
        primary_metric="wape",
        higher_is_better=False,
        input_example=_example(known, as_of),
        slices=_slices(weeks, "region" if by_region else "category"),
        figures={"weekly_forecast": figures.weekly_forecast(totals.rename(columns={"mean": "forecast", "naive": "baseline"}))},
    )


def evaluate(weeks: DataFrame, column: str) -> dict[str, float]:
    """Measures of one column of `DemandModel.weeks` against what was sold; the band's coverage only for the forecast itself."""
    actual, said = weeks["actual"].to_numpy(), weeks[column].to_numpy()
    whole = weeks.groupby("week_end")[["actual", "mean" if column == "units_p50" else column]].sum().to_numpy()
    found = {"wape": wape(actual, said), "mae": float(np.abs(actual - said).mean()), "wape_total": wape(whole[:, 0], whole[:, 1])}
    if column == "naive":
        return found
    inside = (actual >= weeks["units_p10"].round()) & (actual <= weeks["units_p90"].round())
    return {**found, "coverage_p10_p90": float(inside.mean())}


def _learn(frame: DataFrame, as_of: date, seed: int, *, by_region: bool) -> DemandModel:
    """Weights and spread from the last weeks up to `as_of`; nothing after it is used."""
    daily = daily_units(frame, as_of)
    weeks = min(WEEKS.origins, (len(daily) - HOLDOUT_DAYS) // HORIZON)
    every = replace(WEEKS, origins=weeks)
    past = blocks(daily)
    early = global_model({name: values[:-weeks] for name, values in past.items() if len(values) > weeks}, every, seed)
    methods = [*(POOL[name] for name in every.pool), *early]
    labels = [*(method.name for method in methods), *CURVES]
    start = as_of - timedelta(days=HORIZON * weeks)
    curves = curves_of(daily_units(frame, start), HORIZON * weeks, seed)
    drawn = np.array([curve_weeks(daily, curves, start + timedelta(days=HORIZON * week)) for week in range(weeks)])
    found = backtests(past, methods, every)
    tests = {name: _with_curves(test, drawn[:, place]) for place, (name, test) in enumerate(found.items())}
    choice = choose(tests, labels)
    final = global_model(past, every, seed) if early else []
    model = DemandModel((*methods[: len(every.pool)], *final), choice, 1.0, by_region, seed)
    return replace(model, spread=_spread(model, frame, tests, start))


def _spread(model: DemandModel, frame: DataFrame, tests: dict[str, Backtest], start: date) -> float:
    """Dispersion of the combined forecasts on the weeks that chose them; of the regions where the model is one by region."""
    import pandas as pd

    found = []
    for name, test in tests.items():
        mean = np.array([combine(each, model.choice.of(name))[0] for each in test.forecasts])
        week = np.arange(len(mean)) + (max(len(each.actual) for each in tests.values()) - len(mean))
        found.append(pd.DataFrame({"category": name, "week": week, "mean": mean, "actual": test.actual[:, 0]}))
    weeks = pd.concat(found).dropna()
    if model.by_region:
        shares = region_shares(frame, start).melt(ignore_index=False, value_name="share").reset_index()
        weeks = weeks.drop(columns="actual").merge(shares, on="category")
        ends = [start + timedelta(days=HORIZON * (week + 1)) for week in range(int(weeks["week"].max()) + 1)]
        sold = pd.concat([model.sold(frame, end).rename("actual").reset_index().assign(week=week) for week, end in enumerate(ends)])
        weeks = weeks.merge(sold, on=["category", "region", "week"], how="left").fillna({"actual": 0.0})
        weeks["mean"] = weeks["mean"] * weeks["share"]
    return dispersion(weeks)


def _with_curves(test: Backtest, drawn: Floats) -> Backtest:
    """The backtest of one category with Prophet's weeks, shape (weeks, curves), as three methods more."""
    mine = drawn[len(drawn) - len(test.actual) :, :, None]
    return replace(test, forecasts=np.concatenate([test.forecasts, mine], axis=1))


def _slices(weeks: DataFrame, key: str) -> DataFrame:
    """WAPE of each category or region on the held-out weeks."""
    import pandas as pd

    rows = [
        (f"{key}={name}", len(part), wape(part["actual"].to_numpy(), part["units_p50"].to_numpy())) for name, part in weeks.groupby(key)
    ]
    return pd.DataFrame(rows, columns=["slice", "rows", "wape"])


def _example(frame: DataFrame, as_of: date) -> DataFrame:
    """The last eight weeks: enough for a signature, and short in the registry."""
    import pandas as pd

    recent = frame[pd.to_datetime(frame["day"]) > pd.Timestamp(as_of) - pd.Timedelta(days=8 * HORIZON)]
    return recent.assign(as_of=pd.Timestamp(as_of), day=pd.to_datetime(recent["day"])).reset_index(drop=True)
