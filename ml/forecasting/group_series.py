"""Further series that the group forecasts: media cost, machine load, payment volume. One declared row each, one model for all.

A new series is one row of `SERIES`: its query gives `series, at, value` up to `$as_of`. The shop's demand, which has categories, regions
and a week to cover, is in `demand_forecast.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from eco_assets.errors import DataRejected, NotFound
from ml.forecasting import forecast
from ml.forecasting.forecast import Forecast, Forecaster
from ml.forecasting.frequencies import FREQUENCIES
from ml.forecasting.metrics import Floats, wape
from ml.model import Trained

if TYPE_CHECKING:
    from pandas import DataFrame, Series


@dataclass(frozen=True)
class SeriesKind:
    """One family of series: where its values are, how they are spaced, and in which unit."""

    name: str
    agent: str
    table: str
    frequency: str
    unit: str
    is_count: bool  # a missing point is zero; else it lies between its neighbours
    query: str


SERIES: dict[str, SeriesKind] = {
    each.name: each
    for each in (
        SeriesKind(
            name="agencia_media_cost_forecast",
            agent="agencia",
            table="agencia_media_cost",
            frequency="hourly",
            unit="cost a click",
            is_count=False,
            query="""
        select exchange_id as series, date_trunc('hour', read_at) as at, avg(cpc) as value from staging.stg_agencia__ad_exchange
        where read_at < cast($as_of as date) + 1 group by 1, 2 order by 1, 2""",
        ),
        SeriesKind(
            name="industrial_machine_load_forecast",
            agent="industrial",
            table="industrial_machine_load",
            frequency="hourly",
            unit="degrees",
            is_count=False,
            query="""
        select machine_id as series, date_trunc('hour', read_at) as at, avg(temperature) as value
        from staging.stg_industrial__machine_temperature
        where read_at < cast($as_of as date) + 1 group by 1, 2 order by 1, 2""",
        ),
        SeriesKind(
            name="financeiro_payment_volume_forecast",
            agent="financeiro",
            table="financeiro_payment_volume",
            frequency="daily",
            unit="BRL a day",
            is_count=True,
            query="""
        select p.payment_type as series, cast(o.purchased_at as date) as at, sum(p.value_brl) as value
        from staging.stg_financeiro__payments p join staging.stg_varejo__orders o using (order_id)
        where o.is_uniform_sample and o.purchased_at < cast($as_of as date) + 1 group by 1, 2 order by 1, 2""",
        ),
    )
}


def series_kind(name: str) -> SeriesKind:
    """The row called `name`.

    Raises:
        NotFound: no such series; the message lists the known ones.
    """
    if name not in SERIES:
        raise NotFound(f"no series {name!r}: known are {', '.join(sorted(SERIES))}")
    return SERIES[name]


@dataclass(frozen=True)
class SeriesModel:
    """A forecaster and the spacing of what it reads; it forecasts from the history that it is given."""

    forecaster: Forecaster
    is_count: bool

    def predict(self, frame: DataFrame) -> DataFrame:
        """The next points of every series after `as_of`.

        Args:
            frame: `series, at, value` and `as_of`, the same in every row; later rows are not used.

        Returns:
            `series, at, step, value_p10, value_p50, value_p90`, in the unit of the series.
        """
        import pandas as pd

        known = self._panel(frame)
        made = self.forecaster.forecast({name: values.to_numpy() for name, values in known.items()})
        parts = []
        for name, found in made.items():
            at = pd.date_range(known[name].index[-1], periods=len(found.mean) + 1, freq=self.forecaster.every.offset)[1:]
            low, middle, high = found.quantiles
            columns = {"value_p10": low, "value_p50": middle, "value_p90": high}
            parts.append(pd.DataFrame({"series": name, "at": at, "step": np.arange(1, len(at) + 1), **columns}))
        return pd.concat(parts, ignore_index=True)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Parts of `value_p50`, in its unit: `(base)` is the mean of the last horizon, a method adds its weight times what it says above.

        `band_median` is the median's distance from the weighted mean; of a series that borrows, all above its base is `siblings`.
        """
        import pandas as pd

        known = {name: values.to_numpy() for name, values in self._panel(frame).items()}
        rows: list[tuple[int, str, str, float]] = []
        row = 0
        for name, found in self.forecaster.forecast(known).items():
            base = float(known[name][-self.forecaster.every.horizon :].mean())
            for step in range(len(found.mean)):
                rows += _contributions(row, base, found, step, self.forecaster.choice.methods)
                row += 1
        return pd.DataFrame(rows, columns=["row", "feature", "value", "contribution"])

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Absolute error of `value_p50` a judged point, by series and time; `held_out` has the training columns and `is_judged`."""
        actual, middle, *_ = self.judge(held_out)
        lost: Floats = np.abs(actual - middle)
        return lost

    def judge(self, held_out: DataFrame) -> tuple[Floats, Floats, Floats, Floats]:
        """Actual, p50, and whether each lies in the band, and the seasonal naive forecast, of the judged points in order."""
        import pandas as pd

        as_of = pd.to_datetime(held_out["at"]).max().date()
        first = pd.to_datetime(held_out["at"])[held_out["is_judged"].astype(bool)].min()
        every = self.forecaster.every
        whole = forecast.panel(held_out, every, as_of, is_count=self.is_count)
        past = {name: values[values.index < first].to_numpy() for name, values in whole.items()}
        after = {name: values[values.index >= first].to_numpy()[: every.horizon] for name, values in whole.items()}
        past = {name: values for name, values in past.items() if len(values) and len(after[name])}
        columns = []
        for name, found in self.forecaster.forecast(past).items():
            steps = len(after[name])
            inside = (after[name] >= found.quantiles[0][:steps]) & (after[name] <= found.quantiles[-1][:steps])
            season = min(every.season, len(past[name]))
            repeated = past[name][-season:][np.arange(steps) % season]
            columns.append(np.array([after[name], found.quantiles[1][:steps], inside, repeated]))
        actual, middle, within, naive = np.hstack(columns)
        return actual, middle, within, naive

    def _panel(self, frame: DataFrame) -> dict[str, Series[float]]:
        import pandas as pd

        if frame.empty:
            raise DataRejected("a forecast needs the values up to the day: the frame has no row")
        return forecast.panel(frame, self.forecaster.every, pd.Timestamp(frame["as_of"].iloc[0]).date(), is_count=self.is_count)


def _contributions(row: int, base: float, found: Forecast, step: int, methods: tuple[str, ...]) -> list[tuple[int, str, str, float]]:
    says = found.parts[:, step]
    used = np.where(np.isfinite(says), found.weights, 0.0)
    mean, middle = float(found.mean[step]), float(found.quantiles[1][step])
    parts = [(row, "(base)", f"{base:.4g}", base), (row, "band_median", "", middle - mean)]
    if used.sum() == 0:
        parts.append((row, "siblings", f"{mean:.4g}", mean - base))
    else:
        shares = zip(methods, says, used / used.sum(), strict=True)
        parts += [(row, name, f"{said:.4g}", (float(said) - base) * float(share)) for name, said, share in shares if share > 0]
    return sorted(parts, key=lambda part: -abs(part[3]))


def train(frame: DataFrame, kind: SeriesKind, *, as_of: date, seed: int) -> Trained:
    """Fit without the last horizon, measure there, then fit on everything up to `as_of`.

    Args:
        frame: `series, at, value`; rows after `as_of` are not used.
        kind: which series these are.
        as_of: the last known day.
        seed: of the global model.

    Returns:
        Metrics `wape` and `coverage_p10_p90` of the last horizon; the baseline repeats the last season.

    Raises:
        DataRejected: no series is long enough to hold a horizon back and still choose a method.
    """
    import pandas as pd

    every = FREQUENCIES[kind.frequency]
    at = pd.to_datetime(frame["at"])
    known = frame[at < pd.Timestamp(as_of) + pd.Timedelta(days=1)].reset_index(drop=True)
    if known.empty:
        raise DataRejected(f"{kind.name} has no value up to {as_of}: load an earlier history")
    whole = forecast.panel(known, every, as_of, is_count=kind.is_count)
    cut = max(values.index[-1] for values in whole.values()) - (every.horizon - 1) * pd.tseries.frequencies.to_offset(every.offset)
    held_out = known.assign(is_judged=pd.to_datetime(known["at"]) >= cut)
    before = {name: values[values.index < cut].to_numpy() for name, values in whole.items()}
    judged = SeriesModel(forecast.fit({name: each for name, each in before.items() if len(each)}, every, seed=seed), kind.is_count)
    fitted = forecast.fit({name: values.to_numpy() for name, values in whole.items()}, every, seed=seed)
    actual, middle, inside, naive = judged.judge(held_out)
    weights = {f"weight_{name}": round(float(weight), 3) for name, weight in zip(fitted.choice.methods, fitted.choice.panel, strict=True)}
    model = SeriesModel(fitted, kind.is_count)
    return Trained(
        model=model,
        judged=judged,
        held_out=held_out,
        metrics={"wape": wape(actual, middle), "coverage_p10_p90": float(inside.mean())},
        baseline={"wape": wape(actual, naive)},
        params={**weights, "frequency": every.name, "horizon": every.horizon, "unit": kind.unit, "series": len(whole), "seed": seed},
        primary_metric="wape",
        higher_is_better=False,
        input_example=_example(known, as_of, every.recent),
    )


def _example(frame: DataFrame, as_of: date, count: int) -> DataFrame:
    """The last points of each series: enough for a signature."""
    import pandas as pd

    last = frame.sort_values(["series", "at"]).groupby("series").tail(count)
    return last.assign(at=pd.to_datetime(last["at"]), as_of=pd.Timestamp(as_of)).reset_index(drop=True)
