"""Forecasts of further series and of demand by region: trained weekly, on demand, and in the weekly job; no policy reads them daily."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from ml.explanations import largest
from ml.families.family import SEED, Family
from ml.forecasting import demand_forecast, group_series
from ml.forecasting.group_series import SERIES, SeriesKind
from ml.model import Predictor, Trained

if TYPE_CHECKING:
    from pandas import DataFrame

_REGIONAL_SALES = """
        select cast(o.purchased_at as date) as day, i.category,
          case when c.customer_state in ('AC', 'AM', 'AP', 'PA', 'RO', 'RR', 'TO') then 'Norte'
            when c.customer_state in ('AL', 'BA', 'CE', 'MA', 'PB', 'PE', 'PI', 'RN', 'SE') then 'Nordeste'
            when c.customer_state in ('DF', 'GO', 'MS', 'MT') then 'Centro-Oeste'
            when c.customer_state in ('ES', 'MG', 'RJ', 'SP') then 'Sudeste' else 'Sul' end as region,
          count(*) as units
        from staging.stg_varejo__orders o
        join staging.stg_varejo__order_items i using (order_id)
        join staging.stg_varejo__customers c using (customer_id)
        where o.is_uniform_sample and o.order_status not in ('canceled', 'unavailable') and o.purchased_at < cast($as_of as date) + 1
        group by 1, 2, 3 order by 1, 2, 3"""


def _fit_regional(frame: DataFrame, as_of: date) -> Trained:
    return demand_forecast.train(frame, as_of=as_of, seed=SEED, by_region=True)


def _fit_series(kind: SeriesKind, frame: DataFrame, as_of: date) -> Trained:
    return group_series.train(frame, kind, as_of=as_of, seed=SEED)


def score_ahead(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    """What a forecaster says after the day, from the history up to it."""
    return model.predict(frame.assign(as_of=as_of))


def explain_ahead(keys: tuple[str, ...], model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    """What each method adds to a forecast; `keys` are the columns that name a subject together."""
    known = frame.assign(as_of=as_of)
    made = model.predict(known)
    subjects = made[list(keys)].astype(str).agg(" ".join, axis=1).to_numpy()
    found = model.explain(known)
    return largest(found.assign(subject=subjects[found["row"].to_numpy(int)]))


REGIONAL_DEMAND = Family(
    name="varejo_regional_demand_forecast",
    agent="varejo",
    table="varejo_regional_demand",
    description="Units of each product category and region over the next seven days, with a p10 to p90 band.",
    primary_metric="wape",
    train_query=_REGIONAL_SALES,
    score_query=_REGIONAL_SALES,
    fit=_fit_regional,
    score=score_ahead,
    explain=partial(explain_ahead, ("region", "category")),
    is_probability=False,
    is_daily=False,
)


def _series(kind: SeriesKind, description: str) -> Family:
    return Family(
        name=kind.name,
        agent=kind.agent,
        table=kind.table,
        description=description,
        primary_metric="wape",
        train_query=kind.query,
        score_query=kind.query,
        fit=partial(_fit_series, kind),
        score=score_ahead,
        explain=partial(explain_ahead, ("series", "at")),
        is_probability=False,
        is_daily=False,
    )


MEDIA_COST = _series(SERIES["agencia_media_cost_forecast"], "Cost per click of each exchange over the next hours, p10 to p90.")
MACHINE_LOAD = _series(SERIES["industrial_machine_load_forecast"], "Temperature of each machine over the next hours, p10 to p90.")
PAYMENT_VOLUME = _series(SERIES["financeiro_payment_volume_forecast"], "Payments a day of each kind over the next days, BRL, p10 to p90.")
