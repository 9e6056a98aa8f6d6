"""Windows scored as they close give the batch's scores, whatever the cuts; each score says which sensor made it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from ml.anomalies import machine_anomaly
from ml.anomalies.detectors import FIT_WINDOWS
from ml.anomalies.stream import KEYS, MachineStream


@pytest.fixture(scope="module")
def model(windows: pd.DataFrame) -> machine_anomaly.AnomalyModel:
    return machine_anomaly.fit(windows)


def _streamed(model: machine_anomaly.AnomalyModel, windows: pd.DataFrame, size: int) -> pd.DataFrame:
    """Scores of micro-batches of `size` windows in time order, each by a new process that knows the saved state only."""
    in_time = windows.sort_values(["window_start", "machine_id"])
    state: dict[str, object] = {}
    batches = []
    for start in range(0, len(in_time), size):
        stream: MachineStream = model.stream(json.loads(json.dumps(state)))
        batches.append(stream.update(in_time.iloc[start : start + size].sample(frac=1, random_state=0)))
        state = stream.state()
    return pd.concat(batches).sort_values(KEYS).reset_index(drop=True)


@pytest.mark.parametrize("size", [3, 7, 100, 10_000])
def test_micro_batches_of_any_size_give_the_scores_of_the_batch(
    model: machine_anomaly.AnomalyModel, windows: pd.DataFrame, size: int
) -> None:
    pd.testing.assert_frame_equal(_streamed(model, windows, size), model.predict(windows), check_exact=True)


def test_a_window_with_a_silent_sensor_takes_its_latest_value(model: machine_anomaly.AnomalyModel, windows: pd.DataFrame) -> None:
    pump = windows[windows["machine_id"] == "pump-0"].sort_values("window_start").reset_index(drop=True)
    pump.loc[[5, 16], "flow_mean"] = None
    scores = model.predict(pump)
    assert scores["anomaly_score"].notna().all()
    assert not scores["is_alarm"].iloc[16]


def test_the_windows_that_a_pump_is_learnt_from_are_no_alarm(model: machine_anomaly.AnomalyModel, windows: pd.DataFrame) -> None:
    scores = model.predict(windows[windows["machine_id"] == "pump-1"])
    assert (scores["anomaly_score"].head(FIT_WINDOWS) == 0).all()
    assert scores["anomaly_score"].iloc[FIT_WINDOWS:].gt(0).all()


def test_a_fall_of_the_flow_is_explained_by_the_flow(model: machine_anomaly.AnomalyModel, windows: pd.DataFrame) -> None:
    scores, told = model.predict(windows), model.explain(windows)
    assert set(told["feature"]) >= {"flow", "temperature", "(base)"}
    alarms = scores.index[scores["is_alarm"] & scores["machine_id"].str.startswith("pump")]
    first = told.groupby("row").first().loc[alarms]
    assert (first["feature"] == "flow").mean() > 0.95


def test_the_shares_of_a_window_add_up_to_its_squared_distance(model: machine_anomaly.AnomalyModel, windows: pd.DataFrame) -> None:
    total = model.explain(windows).groupby("row")["contribution"].sum()
    score = 1 - 0.5 ** (total.clip(lower=0) ** 0.5)
    pd.testing.assert_series_equal(score, model.predict(windows)["anomaly_score"], check_names=False, check_index=False)


def test_normal_windows_are_alarms_about_as_often_as_declared(windows: pd.DataFrame) -> None:
    trained = machine_anomaly.train(windows, seed=1)
    assert trained.metrics["far"] <= 3 * machine_anomaly.FALSE_ALARM_RATE
    assert trained.judged.losses(trained.held_out).mean() < machine_anomaly.ThreeSigma().losses(trained.held_out).mean()


def test_the_order_of_the_rows_does_not_matter(windows: pd.DataFrame) -> None:
    shuffled = machine_anomaly.fit(windows.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(shuffled.predict(windows), machine_anomaly.fit(windows).predict(windows))
