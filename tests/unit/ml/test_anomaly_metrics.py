"""Many unlabelled series: a threshold for a declared false-alarm rate, measured on planted anomalies."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml.anomalies import metric_anomaly
from ml.anomalies.planted import plant

WEEK = np.array([1.4, 1.2, 1.1, 1.0, 1.0, 0.6, 0.5])


def _orders(subjects: int = 4, days: int = 420) -> pd.DataFrame:
    rng = np.random.default_rng(8)
    at = pd.date_range("2017-01-02", periods=days, freq="D")
    rows = [
        pd.DataFrame({"subject": f"pedidos-{number}", "at": at, "value": rng.poisson(40 * WEEK[np.arange(days) % 7]).astype(float)})
        for number in range(subjects)
    ]
    return pd.concat(rows, ignore_index=True)


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    return _orders()


def test_it_finds_planted_anomalies_better_than_three_sigmas(orders: pd.DataFrame) -> None:
    trained = metric_anomaly.train(orders, is_daily=True, seed=1)
    assert trained.beats_baseline
    assert trained.metrics["auc"] > 0.8
    assert trained.metrics["far"] < 0.1
    assert len(trained.judged.losses(trained.held_out)) == len(metric_anomaly.ThreeSigma().losses(trained.held_out))


def test_later_readings_are_alarms_about_as_often_as_declared(orders: pd.DataFrame) -> None:
    model = metric_anomaly.fit(orders[orders["at"] < "2017-10-01"], is_daily=True, false_alarm_rate=0.01)
    scored = model.predict(orders)
    later = scored[scored["at"] >= "2017-10-01"]
    assert later["is_alarm"].mean() < 0.03


def test_the_report_names_what_was_expected(orders: pd.DataFrame) -> None:
    odd = orders.copy()
    odd.loc[400, "value"] = 0.0
    scored = metric_anomaly.fit(orders, is_daily=True).predict(odd)
    assert list(scored.columns) == ["subject", "at", "value", "expected", "anomaly_score", "is_alarm"]
    row = scored[(scored["subject"] == "pedidos-0") & (scored["at"] == odd.loc[400, "at"])].iloc[0]
    assert row["is_alarm"]
    assert row["expected"] == pytest.approx(40 * WEEK[400 % 7], rel=0.3)


@pytest.mark.parametrize("size", [3, 50, 5000])
def test_micro_batches_of_any_size_give_the_scores_of_the_batch(orders: pd.DataFrame, size: int) -> None:
    some = orders[(orders["at"] < "2017-06-01") & (orders["subject"] < "pedidos-2")]
    model = metric_anomaly.MetricsModel(1.5, is_daily=True)
    in_time = some.sort_values(["at", "subject"])
    state: dict[str, object] = {}
    found = []
    for start in range(0, len(in_time), size):
        stream = model.stream(json.loads(json.dumps(state)))
        found.append(stream.update(in_time.iloc[start : start + size]))
        state = stream.state()
    streamed = pd.concat(found).sort_values(["subject", "at"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(streamed, model.predict(some), check_exact=True)


def test_the_surprises_of_a_reading_add_up(orders: pd.DataFrame) -> None:
    model = metric_anomaly.fit(orders, is_daily=True)
    told = model.explain(orders).groupby("row")["contribution"].sum()
    scored = model.predict(orders)
    is_news = scored["anomaly_score"].to_numpy() > 0
    expected = 1 - 0.5 ** (told.to_numpy() / model.threshold)
    np.testing.assert_allclose(expected[is_news], scored["anomaly_score"].to_numpy()[is_news])


def test_a_planted_anomaly_stays_where_it_is_when_the_series_grows(orders: pd.DataFrame) -> None:
    one = orders[orders["subject"] == "pedidos-0"]
    assert plant(one, 14, 0.4, lag=7, copies=1).equals(plant(one.sample(frac=1, random_state=1), 14, 0.4, lag=7, copies=1))
    planted = plant(one, 14, 0.4, lag=7, copies=2)
    assert set(planted["planted"]) == {"", "spike", "shift", "phase"}
    assert planted.loc[planted["block"] == 0, "value"].eq(np.tile(one["value"].to_numpy(), 2)[planted["block"] == 0]).all()


def test_a_short_history_is_refused(orders: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="150 readings"):
        metric_anomaly.train(orders[orders["at"] < "2017-02-01"], is_daily=True, seed=1)


def test_a_reading_without_a_value_is_left_out(orders: pd.DataFrame) -> None:
    gaps = orders.assign(value=orders["value"].where(orders["at"] != orders["at"].iloc[30]))
    assert len(metric_anomaly.fit(orders, is_daily=True).predict(gaps)) == len(orders) - 4
