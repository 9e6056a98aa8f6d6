"""Anomalies in many unlabelled series: media prices, orders and payments a day. One `SeriesDetector` a subject, one threshold for all.

The threshold is set on the history for a declared false-alarm rate. There are no labels, so that detection is measured on planted
anomalies (`planted.py`). One series, reading by reading, is `series.py`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml.anomalies.daily import DailyStatistics
from ml.anomalies.planted import plant
from ml.anomalies.series import ALARM, QUIET, QUIET_DAYS, SeriesDetector
from ml.anomalies.statistics import Statistics
from ml.anomalies.tail import WARM_UP
from ml.contributions import long_table
from ml.model import Predictor, Trained
from ml.workers import mapped

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

KEYS = ["subject", "at"]
FALSE_ALARM_RATE = 0.005  # of the readings: one in eight days of hours, two a year of days
THRESHOLDS = (1.0, 10.0)  # whatever the history: neither one reading in ten nor none at all
JUDGED_SHARE = 0.4
COPIES, DAILY_COPIES = 3, 5  # of each series to plant anomalies in: a year of days has 11 judged blocks only
SIGMAS = 3.0


@dataclass(frozen=True)
class MetricsModel:
    """The threshold, and whether the series have one reading a day."""

    threshold: float
    is_daily: bool

    def predict(self, frame: DataFrame) -> DataFrame:
        """Score every reading by the readings before it.

        Args:
            frame: `subject, at, value` from each subject's first reading; the order does not matter. A reading without a value is left out.

        Returns:
            `subject, at, value, expected, anomaly_score` (0 to 1, see `series.Reading`), `is_alarm`, sorted by subject and time.
        """
        import pandas as pd

        parts = [part for _, part in frame.groupby("subject", sort=True)]
        return pd.concat(mapped(self._scored, parts), ignore_index=True) if parts else self._scored(frame)

    def _scored(self, frame: DataFrame) -> DataFrame:
        return self.stream().update(frame)

    def stream(self, state: dict[str, Any] | None = None) -> MetricsStream:
        """Scores readings as they come; `state` is what an earlier stream's `state()` gave."""
        return MetricsStream(self, state)

    def explain(self, frame: DataFrame) -> DataFrame:
        """How surprising each statistic is, as -log10 of its chance, hardly more than 4; a row adds up to the reading's surprise."""
        import numpy as np

        stream = self.stream()
        scored = stream.update(frame)
        names = DailyStatistics.NAMES if self.is_daily else Statistics.NAMES
        return long_table(scored, names, np.array(stream.parts).reshape(-1, len(names)), 0.0)

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """1 for a judged block that was called wrongly, else 0; `held_out` is what `planted.plant` gives."""
        return _losses(self, held_out)


class MetricsStream:
    """The series seen so far. `parts` holds the summands of the surprises of the last `update`, in the order of its rows."""

    def __init__(self, model: MetricsModel, state: dict[str, Any] | None = None) -> None:
        self._model = model
        self._detectors = {name: SeriesDetector.restore(one) for name, one in (state or {}).items()}
        self.parts: list[tuple[float, ...]] = []

    def update(self, frame: DataFrame) -> DataFrame:
        """Score new readings, none earlier than those of its subject that were given before; returns as `MetricsModel.predict`."""
        ordered = frame[frame["value"].notna()].sort_values(KEYS, kind="stable").reset_index(drop=True)
        found = []
        for subject, at, value in zip(ordered["subject"], ordered["at"].dt.to_pydatetime(), ordered["value"].astype(float), strict=True):
            detector = self._detectors.get(str(subject))
            if detector is None:
                detector = self._detectors[str(subject)] = SeriesDetector(self._model.threshold, is_daily=self._model.is_daily)
            found.append(detector.update(at, value))
        self.parts = [reading.parts for reading in found]
        scores = {"expected": [one.expected for one in found], "anomaly_score": [one.anomaly_score for one in found]}
        return ordered[["subject", "at", "value"]].assign(**scores, is_alarm=[one.is_alarm for one in found])

    def state(self) -> dict[str, Any]:
        """What must be kept between two runs, as plain values ready for JSON."""
        return {name: detector.state() for name, detector in self._detectors.items()}


@dataclass(frozen=True)
class ThreeSigma:
    """The naive baseline: distance from the mean of all readings before, in their standard deviations; three score 0.5."""

    def predict(self, frame: DataFrame) -> DataFrame:
        """As `MetricsModel.predict`."""
        ordered, past = self._past(frame)
        sigmas = ((ordered["value"] - past["mean"]).abs() / past["std"].clip(lower=1e-9)).fillna(0.0)
        found = 1.0 - 0.5 ** (sigmas / SIGMAS)
        return ordered[["subject", "at", "value"]].assign(expected=past["mean"], anomaly_score=found, is_alarm=found >= ALARM)

    def explain(self, frame: DataFrame) -> DataFrame:
        """One feature: the distance in sigmas."""
        import numpy as np

        scored = self.predict(frame)
        sigmas = -np.log2(1.0 - scored["anomaly_score"].to_numpy()) * SIGMAS
        return long_table(scored, ["value"], sigmas[:, None], 0.0)

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """As `MetricsModel.losses`."""
        return _losses(self, held_out)

    def _past(self, frame: DataFrame) -> tuple[DataFrame, DataFrame]:
        ordered = frame[frame["value"].notna()].sort_values(KEYS, kind="stable").reset_index(drop=True)
        earlier = ordered.groupby("subject")["value"].shift(1).astype(float)
        past = earlier.groupby(ordered["subject"]).expanding(min_periods=2).agg(["mean", "std"]).droplevel(0)
        return ordered, past


def fit(frame: DataFrame, *, is_daily: bool, false_alarm_rate: float = FALSE_ALARM_RATE) -> MetricsModel:
    """Set the threshold so that the history's readings, after each subject's warm-up, would have given alarms at the declared rate.

    Real faults in the history count as false alarms, which makes the threshold higher, never lower.

    Raises:
        DataRejected: no subject has 150 readings.
    """
    import numpy as np

    scored = MetricsModel(1.0, is_daily).predict(frame)
    late = np.sort(scored.loc[scored.groupby("subject").cumcount() >= WARM_UP, "anomaly_score"])[::-1]
    if len(late) < WARM_UP // 2:
        raise DataRejected(f"an anomaly detector needs a series of {WARM_UP + WARM_UP // 2} readings: wait, or give a longer history")
    surprise = -np.log2(1.0 - late[int(false_alarm_rate * len(late))])  # `score` with a threshold of 1, turned round
    return MetricsModel(min(max(float(surprise) * 1.001, THRESHOLDS[0]), THRESHOLDS[1]), is_daily)


def evaluate(model: Predictor, held_out: DataFrame) -> dict[str, float]:
    """How well blocks with a planted anomaly are told from those without.

    Returns:
        `auc` by the highest score of a block, whatever the threshold; `f1`, `far` and `mar` (false and missed alarms, shares) at it.
    """
    from sklearn.metrics import f1_score, roc_auc_score

    blocks = _blocks(model, held_out)
    actual, called = blocks["actual"], blocks["called"]
    return {
        "auc": float(roc_auc_score(actual, blocks["score"])),
        "f1": float(f1_score(actual, called)),
        "far": float(called[~actual].mean()),
        "mar": float((~called[actual]).mean()),
    }


def train(frame: DataFrame, *, is_daily: bool, seed: int, false_alarm_rate: float = FALSE_ALARM_RATE) -> Trained:
    """Set the threshold on the earlier 60 % of each series, measure on planted anomalies in the rest, set it again on all.

    Args:
        frame: `subject, at, value`, one row a reading.
        is_daily: one reading a day, else several.
        seed: recorded only; nothing here is random.
        false_alarm_rate: share of the readings; 0.005 by default.

    Raises:
        DataRejected: as `fit`.
    """
    ordered = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
    rank, size = ordered.groupby("subject").cumcount(), ordered.groupby("subject")["at"].transform("size")
    judged = fit(ordered[rank < size * (1 - JUDGED_SHARE)], is_daily=is_daily, false_alarm_rate=false_alarm_rate)
    block, lag, copies = (2 * QUIET_DAYS, 7, DAILY_COPIES) if is_daily else (2 * QUIET, 1, COPIES)
    held_out = plant(ordered, block, JUDGED_SHARE, lag=lag, copies=copies)
    kinds = set(held_out.loc[held_out["block"] > 0, "planted"] != "")
    if len(kinds) < 2:
        raise DataRejected("too few readings to measure an anomaly detector on: wait, or give a longer history")
    model = fit(ordered, is_daily=is_daily, false_alarm_rate=false_alarm_rate)
    return Trained(
        model=model,
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out),
        baseline=evaluate(ThreeSigma(), held_out),
        params={"subjects": ordered["subject"].nunique(), "readings": len(ordered), "threshold": model.threshold}
        | {"false_alarm_rate": false_alarm_rate, "seed": seed},
        primary_metric="auc",
        higher_is_better=True,
        input_example=ordered.head(10),
    )


def _losses(model: Predictor, held_out: DataFrame) -> np.ndarray:
    blocks = _blocks(model, held_out)
    wrong: np.ndarray = (blocks["actual"] != blocks["called"]).to_numpy(dtype=float)
    return wrong


def _blocks(model: Predictor, held_out: DataFrame) -> DataFrame:
    """One row a judged block: is something planted (`actual`), highest score (`score`) and any alarm (`called`) from its middle on."""
    scored = model.predict(held_out)
    ordered = held_out[held_out["value"].notna()].sort_values(KEYS, kind="stable").reset_index(drop=True)
    inside = ordered.groupby(["subject", "block"])
    is_late = inside.cumcount() >= inside["at"].transform("size") // 2
    found = ordered.assign(score=scored["anomaly_score"], called=scored["is_alarm"], actual=ordered["planted"] != "")
    blocks: DataFrame = found[is_late & (ordered["block"] > 0)].groupby(["subject", "block"])[["actual", "score", "called"]].max()
    return blocks
