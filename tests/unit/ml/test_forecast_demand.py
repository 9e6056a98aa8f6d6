"""The demand forecast: it beats the seasonal naive, sees no future day, says where it cannot forecast, and explains itself."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml.forecasting import demand_forecast, demand_model
from ml.forecasting.demand_series import bands, blocks, curve_weeks, daily_matrix, dispersion, region_shares
from ml.model import Trained

AS_OF = date(2018, 5, 31)


@pytest.fixture(scope="module", autouse=True)
def _few_curves() -> Iterator[None]:
    """One Prophet beside the total's: a fit takes 0.3 s, and these categories are alike."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demand_model, "LARGEST", 1)
        yield


@pytest.fixture(scope="module")
def trained(sales: pd.DataFrame) -> Trained:
    return demand_forecast.train(sales, as_of=AS_OF, seed=7)


@pytest.fixture(scope="module")
def regional(sales: pd.DataFrame) -> Trained:
    return demand_forecast.train(_with_regions(sales), as_of=AS_OF, seed=7, by_region=True)


def _with_regions(sales: pd.DataFrame) -> pd.DataFrame:
    """Three of four units are sold in the Sudeste."""
    rows = sales.loc[sales.index.repeat(sales["units"])].assign(units=1).reset_index(drop=True)
    rows["region"] = np.where(rows.index % 4 < 3, "Sudeste", "Sul")
    return rows.groupby(["day", "category", "region"], as_index=False)["units"].sum()


def test_it_beats_last_week_repeated_on_a_weekly_pattern(trained: Trained) -> None:
    assert trained.beats_baseline
    assert 0.5 <= trained.metrics["coverage_p10_p90"] <= 1.0


def test_every_category_gets_an_ordered_band(trained: Trained, sales: pd.DataFrame) -> None:
    rows = trained.model.predict(sales.assign(as_of=AS_OF))
    assert list(rows.columns) == ["category", "horizon_days", "units_p10", "units_p50", "units_p90"]
    assert set(rows["category"]) == {"beleza_saude", "telefonia", "livros"}
    assert (rows["units_p10"] <= rows["units_p50"]).all()
    assert (rows["units_p50"] <= rows["units_p90"]).all()
    assert rows.set_index("category").loc["beleza_saude", "units_p50"] == pytest.approx(12 * 6.9, rel=0.25)


def test_a_champion_of_weeks_ago_forecasts_from_todays_sales(trained: Trained, sales: pd.DataFrame) -> None:
    more = sales.assign(day=[day + timedelta(days=56) for day in sales["day"]], units=sales["units"] * 2)
    today = pd.concat([sales[[day <= min(more["day"]) for day in sales["day"]]], more])
    doubled = trained.model.predict(today.assign(as_of=AS_OF + timedelta(days=56))).set_index("category")["units_p50"]
    before = trained.model.predict(sales.assign(as_of=AS_OF)).set_index("category")["units_p50"]
    assert doubled["beleza_saude"] == pytest.approx(2 * before["beleza_saude"], rel=0.2)


def test_sales_after_the_day_change_neither_model_nor_forecast(trained: Trained, sales: pd.DataFrame) -> None:
    future = pd.DataFrame({"day": [AS_OF + timedelta(days=1)], "category": ["livros"], "units": [9999]})
    planted = pd.concat([sales, future], ignore_index=True)
    again = demand_forecast.train(planted, as_of=AS_OF, seed=7)
    assert again.metrics == pytest.approx(trained.metrics)
    pd.testing.assert_frame_equal(again.model.predict(planted.assign(as_of=AS_OF)), trained.model.predict(sales.assign(as_of=AS_OF)))


def test_the_same_sales_in_another_order_give_the_same_forecast(trained: Trained, sales: pd.DataFrame) -> None:
    shuffled = sales.sample(frac=1, random_state=5)
    again = pickle.loads(pickle.dumps(trained.model))  # noqa: S301 our own bytes
    rows = again.predict(shuffled.assign(as_of=AS_OF))
    pd.testing.assert_frame_equal(rows, trained.model.predict(sales.assign(as_of=AS_OF)))


def test_losses_are_one_a_judged_week_and_category_and_average_to_the_mae(trained: Trained) -> None:
    losses = trained.judged.losses(trained.held_out)
    assert len(losses) == 4 * 3
    assert losses.mean() == pytest.approx(trained.metrics["mae"])
    assert trained.slices is not None
    assert set(trained.slices["slice"]) == {"category=beleza_saude", "category=livros", "category=telefonia"}


def test_the_parts_of_an_explanation_add_up_to_the_forecast(trained: Trained, sales: pd.DataFrame) -> None:
    frame = sales.assign(as_of=AS_OF)
    why, rows = trained.model.explain(frame), trained.model.predict(frame)
    assert why.groupby("row")["contribution"].sum().tolist() == pytest.approx(rows["units_p50"].tolist(), abs=0.01)
    assert "(base)" in set(why["feature"])


def test_regions_share_their_categorys_forecast_and_add_up_to_it(regional: Trained, trained: Trained, sales: pd.DataFrame) -> None:
    frame = _with_regions(sales).assign(as_of=AS_OF)
    rows = regional.model.predict(frame)
    assert list(rows.columns) == ["category", "region", "horizon_days", "units_p10", "units_p50", "units_p90"]
    of = rows.set_index(["category", "region"])["units_p50"]
    assert of["beleza_saude", "Sudeste"] == pytest.approx(3 * of["beleza_saude", "Sul"], rel=0.15)
    whole = trained.model.predict(sales.assign(as_of=AS_OF)).set_index("category")["units_p50"]
    assert of["beleza_saude"].sum() == pytest.approx(whole["beleza_saude"], rel=0.05)
    assert regional.beats_baseline
    why = regional.model.explain(frame)
    assert why.groupby("row")["contribution"].sum().tolist() == pytest.approx(rows["units_p50"].tolist(), abs=0.01)
    assert len(regional.judged.losses(regional.held_out)) == 4 * 3 * 2


def test_a_category_first_sold_last_week_gets_a_forecast(trained: Trained, sales: pd.DataFrame) -> None:
    new = pd.DataFrame({"day": [AS_OF - timedelta(days=1)], "category": ["novidade"], "units": [14]})
    rows = trained.model.predict(pd.concat([sales, new]).assign(as_of=AS_OF)).set_index("category")
    assert 1 <= rows.loc["novidade", "units_p50"] <= 20


def test_a_short_history_is_refused_with_what_to_do(sales: pd.DataFrame) -> None:
    recent = sales[pd.to_datetime(sales["day"]) > pd.Timestamp(AS_OF - timedelta(days=60))]
    with pytest.raises(DataRejected, match="load an earlier history"):
        demand_forecast.train(recent, as_of=AS_OF, seed=7)


def test_the_daily_matrix_has_no_gaps_and_no_future() -> None:
    frame = pd.DataFrame({"day": [date(2018, 1, 1), date(2018, 1, 3), date(2018, 1, 9)], "category": "a", "units": [2, 3, 99]})
    matrix = daily_matrix(frame, date(2018, 1, 4))
    assert matrix["a"].tolist() == [2.0, 0.0, 3.0, 0.0]


def test_weeks_end_on_the_last_day_and_begin_with_the_first_sale() -> None:
    days = pd.date_range("2018-01-01", periods=23)
    units = pd.DataFrame({"a": np.arange(23.0), "b": [0.0] * 10 + [1.0] * 13}, index=days)
    made = blocks(units)
    assert made["a"].tolist() == [sum(range(2, 9)), sum(range(9, 16)), sum(range(16, 23))]
    assert made["b"].tolist() == [6.0, 7.0]


def test_a_curve_is_pulled_to_what_was_sold_lately() -> None:
    days = pd.date_range("2018-01-01", periods=63)
    units = pd.DataFrame({"a": [50.0] * 56 + [0.0] * 7}, index=days)
    curve = pd.Series(100.0, index=days)
    plain, level, own = curve_weeks(units, {"": curve, "a": curve}, days[55].date())[0]
    assert plain == pytest.approx(700)
    assert level == pytest.approx(350, rel=0.02)
    assert own == pytest.approx(350, rel=0.02)


def test_the_regions_of_a_small_category_are_drawn_to_those_of_all() -> None:
    frame = pd.DataFrame({"day": AS_OF, "category": ["a", "a", "b"], "region": ["Sul", "Sudeste", "Sul"], "units": [250, 750, 1]})
    shares = region_shares(frame, AS_OF)
    assert shares.sum(axis=1).tolist() == pytest.approx([1.0, 1.0])
    assert shares.loc["a", "Sul"] == pytest.approx(0.25, abs=0.01)
    assert shares.loc["b", "Sul"] == pytest.approx(0.29, abs=0.03)


def test_the_spread_is_never_below_poisson() -> None:
    assert dispersion(pd.DataFrame({"actual": [10.0, 10.0], "mean": [10.0, 10.0]})) == 1.0
    assert dispersion(pd.DataFrame({"actual": [0.0, 20.0], "mean": [10.0, 10.0]})) == pytest.approx(10.0)


def test_a_category_that_sells_nothing_has_a_band_at_zero() -> None:
    row = bands(pd.Series({"a": 0.0}), 1.0).iloc[0]
    assert row["units_p90"] < 0.01
