"""The models of the industrial agent."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from ml.anomalies import machine_anomaly
from ml.explanations import largest
from ml.families.family import SEED, Family
from ml.model import Predictor, Trained

if TYPE_CHECKING:
    from pandas import DataFrame

_WINDOWS_TO_DATE = """
        select * from features.feat_industrial__machine_windows
        where window_start < cast($as_of as date) + 1 order by machine_id, window_start"""


def _fit(frame: DataFrame, as_of: date) -> Trained:
    return machine_anomaly.train(frame, seed=SEED)


def _score(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    return machine_anomaly.summarise(model.predict(frame), _end_of(as_of))


def _explain(model: Predictor, frame: DataFrame, as_of: date) -> DataFrame:
    """Each machine's worst window of the day: the share of each sensor in its distance from normal."""
    scored = model.predict(frame).reset_index(drop=True)
    of_day = scored[(scored["window_start"] >= _end_of(as_of) - timedelta(days=1)) & (scored["window_start"] < _end_of(as_of))]
    worst = of_day.sort_values("anomaly_score", ascending=False, kind="stable").groupby("machine_id").head(1)
    found = model.explain(frame)
    found = found[found["row"].isin(worst.index)]
    return largest(found.assign(subject=scored["machine_id"].astype(str).to_numpy()[found["row"].to_numpy(int)]))


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), datetime.min.time())


SENSOR_ANOMALY = Family(
    name="industrial_sensor_anomaly",
    agent="industrial",
    table="industrial_anomaly",
    description="How far each machine was from its own normal state over the last 24 hours, 0 to 1; 0.5 is the alarm.",
    primary_metric="f1",
    train_query=_WINDOWS_TO_DATE,
    score_query=_WINDOWS_TO_DATE,  # earlier windows too: they are what a machine's normal state is measured on
    fit=_fit,
    score=_score,
    explain=_explain,
)
