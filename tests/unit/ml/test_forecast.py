"""The forecaster of a panel: it chooses by rolling origin, its bands cover, a new series borrows, and it sees no future."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected, NotFound
from ml.forecasting import forecast
from ml.forecasting.forecast import Forecaster
from ml.forecasting.frequencies import FREQUENCIES, frequency
from ml.forecasting.metrics import is_seasonal, mase, naive2, owa, smape
from ml.forecasting.selection import Backtest, choose, combine, origins

WEEK = np.array([1.3, 1.2, 1.1, 1.0, 1.0, 0.7, 0.5])


@pytest.fixture(scope="module")
def known() -> dict[str, np.ndarray]:
    """Six daily series of 15 weeks with one weekly shape, and one of noise without it."""
    rng = np.random.default_rng(3)
    days = np.arange(105)
    made = {f"s{number:02}": 20 * (1 + number) * WEEK[days % 7] * rng.normal(1, 0.08, 105) for number in range(6)}
    return made | {"z": rng.normal(100, 5, 105)}


@pytest.fixture(scope="module")
def fitted(known: dict[str, np.ndarray]) -> Forecaster:
    return forecast.fit({name: past[:-7] for name, past in known.items()}, "daily", seed=1)


def test_it_beats_the_last_value_repeated_on_a_weekly_shape(fitted: Forecaster, known: dict[str, np.ndarray]) -> None:
    made = fitted.forecast({name: past[:-7] for name, past in known.items()})
    ours = np.mean([mase(known[name][-7:], made[name].mean, known[name][:-7], 7) for name in known])
    naive = np.mean([mase(known[name][-7:], np.full(7, known[name][-8]), known[name][:-7], 7) for name in known])
    assert ours < 0.7 * naive


def test_the_band_covers_what_happened_about_as_often_as_it_says(fitted: Forecaster, known: dict[str, np.ndarray]) -> None:
    made = fitted.forecast({name: past[:-7] for name, past in known.items()})
    inside = np.mean([(known[name][-7:] >= each.quantiles[0]) & (known[name][-7:] <= each.quantiles[2]) for name, each in made.items()])
    assert 0.65 <= inside <= 0.95
    assert 0.6 <= fitted.coverage <= 1.0
    assert all((np.diff(each.quantiles, axis=0) >= 0).all() for each in made.values())


def test_a_method_that_misses_a_series_weighs_little_there() -> None:
    right, wrong = np.full((4, 1, 2), 10.0), np.full((4, 1, 2), 30.0)
    tests = {name: Backtest(np.full((4, 2), 11.0), np.concatenate([right, wrong], axis=1), 1.0) for name in ("a", "b")}
    tests["c"] = Backtest(np.full((4, 2), 29.0), np.concatenate([right, wrong], axis=1), 1.0)
    choice = choose(tests, ["right", "wrong"])
    assert choice.of("a")[0] == pytest.approx(1.0)
    assert choice.of("c")[1] > choice.of("a")[1]
    assert choice.of("never seen").tolist() == choice.panel.tolist()


def test_a_method_that_gave_no_forecast_is_left_out_of_the_mean() -> None:
    forecasts = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, np.nan]])
    assert combine(forecasts, np.array([0.25, 0.25, 0.5])).tolist() == [2.0, 3.0]
    assert combine(forecasts, np.array([0.0, 0.0, 1.0])).tolist() == [2.0, 3.0]
    assert np.isnan(combine(np.full((1, 2), np.nan), np.ones(1))).all()


def test_the_values_after_an_origin_change_nothing_before_it(known: dict[str, np.ndarray], fitted: Forecaster) -> None:
    short = {name: past[:-7] for name, past in known.items()}
    planted = {name: np.r_[past[:-7], np.full(7, 9999.0)] for name, past in known.items()}
    frame = pd.concat(
        pd.DataFrame({"series": name, "at": pd.date_range("2018-01-01", periods=len(past)), "value": past})
        for name, past in planted.items()
    )
    cut = forecast.panel(frame, frequency("daily"), date(2018, 4, 8), is_count=False)
    again = forecast.fit({name: values.to_numpy() for name, values in cut.items()}, "daily", seed=1)
    made, expected = again.forecast({name: values.to_numpy() for name, values in cut.items()}), fitted.forecast(short)
    for name in short:
        np.testing.assert_allclose(made[name].quantiles, expected[name].quantiles)


def test_the_same_panel_and_seed_give_the_same_forecast_whatever_the_order(known: dict[str, np.ndarray], fitted: Forecaster) -> None:
    short = {name: past[:-7] for name, past in reversed(known.items())}
    made, expected = forecast.fit(short, "daily", seed=1).forecast(short), fitted.forecast(short)
    for name in short:
        np.testing.assert_allclose(made[name].mean, expected[name].mean, rtol=1e-9)


def test_a_new_series_borrows_the_shape_of_the_others_at_its_own_level(fitted: Forecaster, known: dict[str, np.ndarray]) -> None:
    past = {name: each[:-7] for name, each in known.items() if name.startswith("s")}
    true = 90 * WEEK[np.arange(98, 105) % 7]
    new = 90 * WEEK[np.arange(95, 98) % 7]
    made = fitted.forecast({**past, "new": new, "newest": np.array([])})
    assert np.abs(made["new"].mean - true).mean() < 0.5 * np.abs(new[-1] - true).mean()
    assert made["newest"].mean.min() > 0
    assert np.isfinite(made["newest"].quantiles).all()


def test_a_panel_too_short_to_hold_anything_back_is_refused_with_what_to_do() -> None:
    with pytest.raises(DataRejected, match="load an earlier history"):
        forecast.fit({"a": np.arange(5.0)}, "daily", seed=1)


def test_counts_fall_to_zero_and_levels_are_joined_where_points_are_missing() -> None:
    frame = pd.DataFrame({"series": "a", "at": pd.to_datetime(["2018-01-01", "2018-01-03"]), "value": [2.0, 4.0]})
    counts = forecast.panel(frame, frequency("daily"), date(2018, 1, 5), is_count=True)["a"]
    levels = forecast.panel(frame, frequency("daily"), date(2018, 1, 5), is_count=False)["a"]
    assert counts.tolist() == [2.0, 0.0, 4.0, 0.0, 0.0]
    assert levels.tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize("name", list(FREQUENCIES))
def test_every_origin_of_every_frequency_lies_inside_the_series(name: str) -> None:
    every = frequency(name)
    for points in (every.short, 3 * every.short, 2000):
        known = origins(points, every)
        assert known == sorted(known)
        assert all(0 < each < points for each in known)


def test_an_unknown_frequency_lists_the_known_ones() -> None:
    with pytest.raises(NotFound, match="hourly"):
        frequency("fortnightly")


def test_the_measures_are_those_of_m4() -> None:
    actual, said, past = np.array([10.0, 20.0]), np.array([12.0, 16.0]), np.array([1.0, 3.0, 2.0, 5.0])
    assert smape(actual, said) == pytest.approx(100 * (2 * 2 / 22 + 2 * 4 / 36) / 2)
    assert mase(actual, said, past, 1) == pytest.approx(3 / 2)
    assert owa(5.0, 1.0, 10.0, 1.0) == pytest.approx(0.75)


def test_naive2_takes_the_season_out_only_where_there_is_one() -> None:
    seasonal = np.tile([10.0, 20.0, 30.0, 40.0], 6)
    assert is_seasonal(seasonal, 4)
    assert naive2(seasonal, 4, 4) == pytest.approx([10, 20, 30, 40], rel=1e-6)
    flat = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 2.0, 3.0, 1.0, 4.0, 2.0, 5.0, 3.0, 2.5])
    assert naive2(flat, 2, 4).tolist() == [2.5, 2.5]
