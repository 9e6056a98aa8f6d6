"""The further series: one declared row each, from the lake's tables to bands, judged on the last horizon."""

from __future__ import annotations

from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected, NotFound
from ml.forecasting import group_series
from ml.forecasting.group_series import SERIES, series_kind
from ml.model import Trained

AS_OF = date(2018, 5, 31)
MEDIA = series_kind("agencia_media_cost_forecast")


@pytest.fixture(scope="module")
def costs() -> pd.DataFrame:
    """Two exchanges over 25 days of hours: dear at night, cheap at noon."""
    rng = np.random.default_rng(4)
    at = pd.date_range("2018-05-07", periods=25 * 24, freq="h")
    day = 1 + 0.4 * np.cos(2 * np.pi * at.hour.to_numpy() / 24)
    return pd.concat(
        pd.DataFrame({"series": f"exchange-{number}", "at": at, "value": 0.1 * number * day * rng.normal(1, 0.1, len(at))})
        for number in (1, 2)
    )


@pytest.fixture(scope="module")
def trained(costs: pd.DataFrame) -> Trained:
    return group_series.train(costs, MEDIA, as_of=AS_OF, seed=1)


def test_media_cost_is_forecast_better_than_yesterday_repeated(trained: Trained) -> None:
    assert trained.beats_baseline
    assert 0.55 <= trained.metrics["coverage_p10_p90"] <= 0.98


def test_two_days_ahead_are_given_with_ordered_bands(trained: Trained, costs: pd.DataFrame) -> None:
    rows = trained.model.predict(costs.assign(as_of=AS_OF))
    assert list(rows.columns) == ["series", "at", "step", "value_p10", "value_p50", "value_p90"]
    assert len(rows) == 2 * 48
    assert rows["at"].min() == pd.Timestamp("2018-06-01 00:00")
    assert (rows["value_p10"] <= rows["value_p50"]).all()
    assert (rows["value_p50"] <= rows["value_p90"]).all()


def test_losses_and_explanations_agree_with_metrics_and_forecasts(trained: Trained, costs: pd.DataFrame) -> None:
    losses = trained.judged.losses(trained.held_out)
    assert len(losses) == 2 * 48
    why, rows = trained.model.explain(costs.assign(as_of=AS_OF)), trained.model.predict(costs.assign(as_of=AS_OF))
    assert why.groupby("row")["contribution"].sum().tolist() == pytest.approx(rows["value_p50"].tolist(), rel=1e-6)


def test_hours_after_the_day_change_no_forecast(trained: Trained, costs: pd.DataFrame) -> None:
    future = pd.DataFrame({"series": ["exchange-1"], "at": [pd.Timestamp("2018-06-01 03:00")], "value": [99.0]})
    planted = pd.concat([costs, future]).assign(as_of=AS_OF)
    pd.testing.assert_frame_equal(trained.model.predict(planted), trained.model.predict(costs.assign(as_of=AS_OF)))


def test_nothing_to_learn_from_is_refused_with_what_to_do(costs: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="load an earlier history"):
        group_series.train(costs, MEDIA, as_of=date(2018, 1, 1), seed=1)


@pytest.mark.parametrize("name", list(SERIES))
def test_every_declared_query_gives_series_at_value_up_to_the_day(name: str) -> None:
    db = duckdb.connect()
    day = "timestamp '2018-05-31 10:20'"
    db.execute("create schema staging")
    db.execute(
        f"create table staging.stg_agencia__ad_exchange as select 'e' exchange_id, {day} + to_days(d) read_at, 0.1 cpc from range(2) t(d)"
    )
    db.execute(
        f"create table staging.stg_industrial__machine_temperature as select 'm' machine_id, {day} + to_days(d) read_at, 80.0 temperature "
        "from range(2) t(d)"
    )
    db.execute(
        "create table staging.stg_financeiro__payments as select d order_id, 'boleto' payment_type, 10.0 value_brl from range(2) t(d)"
    )
    db.execute(
        f"create table staging.stg_varejo__orders as select d order_id, {day} + to_days(d) purchased_at, true is_uniform_sample "
        "from range(2) t(d)"
    )
    rows = db.execute(series_kind(name).query, {"as_of": AS_OF}).df()
    assert list(rows.columns) == ["series", "at", "value"]
    assert len(rows) == 1
    db.close()


def test_an_unknown_series_lists_the_known_ones() -> None:
    with pytest.raises(NotFound, match="agencia_media_cost_forecast"):
        series_kind("agencia_weather")
