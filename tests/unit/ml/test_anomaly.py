"""Anomaly detection: beats three sigmas without labels, scores 0 to 1, summarises the last day."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import pytest

from eco_assets.errors import DataRejected
from ml.anomalies import machine_anomaly
from ml.model import Trained

MIDNIGHT = datetime(2018, 6, 1)  # noqa: DTZ001 the lake's timestamps are naive


@pytest.fixture(scope="module")
def trained(windows: pd.DataFrame) -> Trained:
    return machine_anomaly.train(windows, seed=7)


def test_it_beats_three_sigmas_on_any_sensor(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["auc"] > 0.95
    assert trained.metrics["far"] < trained.baseline["far"]


def test_labels_do_not_change_what_is_fitted(trained: Trained, windows: pd.DataFrame) -> None:
    flipped = windows.assign(is_anomalous=windows["is_anomalous"].map(lambda label: None if label is None else not label))
    other = machine_anomaly.train(flipped, seed=7)
    pd.testing.assert_frame_equal(other.model.predict(windows), trained.model.predict(windows))


def test_every_window_gets_a_score_between_zero_and_one(trained: Trained, windows: pd.DataFrame) -> None:
    scores = trained.model.predict(windows.sample(frac=1, random_state=0))
    assert list(scores.columns) == ["machine_id", "window_start", "anomaly_score", "is_alarm"]
    assert len(scores) == len(windows)
    assert scores["anomaly_score"].between(0, 1).all()
    assert ((scores["anomaly_score"] >= 0.5) == scores["is_alarm"]).all()


def test_a_cold_oven_raises_an_alarm_in_its_last_window(trained: Trained, windows: pd.DataFrame) -> None:
    oven = trained.model.predict(windows).query("machine_id == 'oven'")
    assert oven.iloc[-1]["is_alarm"]
    assert oven["is_alarm"].mean() < 0.05


def test_a_new_pump_is_judged_against_its_own_first_windows(trained: Trained, windows: pd.DataFrame) -> None:
    known = windows[windows["machine_id"] == "pump-0"]
    renamed = trained.model.predict(known.assign(machine_id="pump-new"))
    pd.testing.assert_series_equal(renamed["anomaly_score"], trained.model.predict(known)["anomaly_score"])


def test_the_summary_counts_only_the_last_day(trained: Trained, windows: pd.DataFrame) -> None:
    summary = machine_anomaly.summarise(trained.model.predict(windows), MIDNIGHT).set_index("machine_id")
    assert list(summary.columns) == ["anomaly_score", "anomalous_share", "windows"]
    assert summary["windows"][["oven", "pump-0"]].tolist() == [4, 40]
    oven, pump = summary["anomalous_share"][["oven", "pump-0"]].tolist()
    assert oven == 0.25
    assert 0.2 < pump < 0.45


def test_one_odd_window_of_a_pump_is_no_fault() -> None:
    starts = pd.date_range("2018-05-31 09:00", periods=25, freq="30s")
    scores = pd.DataFrame({"machine_id": "p", "window_start": starts, "anomaly_score": 0.1, "is_alarm": False})
    scores.loc[3, ["anomaly_score"]] = 0.9
    assert machine_anomaly.summarise(scores, MIDNIGHT)["anomaly_score"].tolist() == [0.1]


def test_without_labelled_pumps_nothing_can_be_measured(windows: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="wait for the pumps' telemetry"):
        machine_anomaly.train(windows[windows["machine_kind"] == "thermometer"], seed=7)


def test_an_unknown_machine_kind_is_named(trained: Trained, windows: pd.DataFrame) -> None:
    with pytest.raises(DataRejected, match="'press'"):
        trained.model.predict(windows.assign(machine_kind="press"))
