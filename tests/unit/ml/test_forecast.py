"""The demand forecast: it beats the seasonal naive, sees no future day, and says where it cannot forecast."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest

from eco_assets.errors import DataRejected, ModelRejected
from ml import forecast
from ml.demand_series import Candidate, bands, daily_matrix, dispersion, level
from ml.model import Trained

AS_OF = date(2018, 5, 31)


@pytest.fixture(scope="module")
def trained(sales: pd.DataFrame) -> Trained:
    return forecast.train(sales, as_of=AS_OF, seed=7)


def test_it_beats_last_week_repeated_on_a_weekly_pattern(trained: Trained) -> None:
    assert trained.beats_baseline
    assert 0.5 <= trained.metrics["coverage_p10_p90"] <= 1.0


def test_every_category_gets_an_ordered_band(trained: Trained) -> None:
    rows = trained.model.predict(pd.DataFrame({"as_of": [AS_OF]}))
    assert list(rows.columns) == ["category", "horizon_days", "units_p10", "units_p50", "units_p90"]
    assert set(rows["category"]) == {"beleza_saude", "telefonia", "livros"}
    assert (rows["units_p10"] <= rows["units_p50"]).all()
    assert (rows["units_p50"] <= rows["units_p90"]).all()
    largest = rows.set_index("category").loc["beleza_saude", "units_p50"]
    assert largest == pytest.approx(12 * 6.9, rel=0.25)


def test_an_older_champion_forecasts_from_a_later_day_until_it_is_too_old(trained: Trained) -> None:
    later = trained.model.predict(pd.DataFrame({"as_of": [AS_OF + timedelta(days=3)]}))
    assert len(later) == 3
    with pytest.raises(ModelRejected, match="train it again"):
        trained.model.predict(pd.DataFrame({"as_of": [AS_OF + timedelta(days=29)]}))


def test_a_short_history_is_refused_with_what_to_do(sales: pd.DataFrame) -> None:
    recent = sales[pd.to_datetime(sales["day"]) > pd.Timestamp(AS_OF - timedelta(days=60))]
    with pytest.raises(DataRejected, match="load an earlier history"):
        forecast.train(recent, as_of=AS_OF, seed=7)


def test_the_daily_matrix_has_no_gaps_and_no_future() -> None:
    frame = pd.DataFrame({"day": [date(2018, 1, 1), date(2018, 1, 3), date(2018, 1, 9)], "category": "a", "units": [2, 3, 99]})
    matrix = daily_matrix(frame, date(2018, 1, 4))
    assert matrix["a"].tolist() == [2.0, 0.0, 3.0, 0.0]


def test_the_level_follows_the_last_days_in_proportion_to_its_strength() -> None:
    days = pd.date_range("2018-01-01", periods=21)
    units = pd.DataFrame({"a": [100.0] * 7 + [50.0] * 7 + [0.0] * 7}, index=days)
    shapes = pd.DataFrame({"": 100.0, "a": 100.0}, index=days)
    origin = days[13].date()
    pure = level(units, shapes, origin, 7, Candidate(7, 0.0, own_curves=True))
    followed = level(units, shapes, origin, 7, Candidate(7, 1.0, own_curves=True))
    assert pure["a"].sum() == pytest.approx(700)
    assert followed["a"].sum() == pytest.approx(350, rel=0.02)


def test_the_spread_is_never_below_poisson() -> None:
    assert dispersion(pd.DataFrame({"actual": [10.0, 10.0], "mean": [10.0, 10.0]})) == 1.0
    assert dispersion(pd.DataFrame({"actual": [0.0, 20.0], "mean": [10.0, 10.0]})) == pytest.approx(10.0)


def test_a_category_that_sells_nothing_has_a_band_at_zero() -> None:
    row = bands(pd.Series({"a": 0.0}), 1.0).iloc[0]
    assert row["units_p90"] < 0.01
