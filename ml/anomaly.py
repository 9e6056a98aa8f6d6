"""Anomaly detection on machine windows, one detector a kind of machine; no label is used in fitting.

A pump's first 13 windows (about 400 s) are documented as normal in SKAB: they give each pump its own zero, and all pumps
together one covariance (`distance` is the Mahalanobis distance). A thermometer is compared with its own last seven days.
Scores are 0 to 1 and 0.5 is the alarm, set for a false-alarm rate on normal windows. Detectors live in `detectors.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from eco_assets.errors import DataRejected
from ml import figures
from ml.detectors import FIT_WINDOWS, MEANS, PumpDetector, ThermometerDetector, fit_pumps, fit_thermometers
from ml.model import Trained

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from pandas import DataFrame

ALARM = 0.5
FALSE_ALARM_RATE = 0.01
SIGMAS = 3.0
KEYS = ["machine_id", "window_start"]


@dataclass(frozen=True)
class AnomalyModel:
    """The detectors by machine kind; None where training saw no such machine."""

    pump: PumpDetector | None
    thermometer: ThermometerDetector | None

    def predict(self, frame: DataFrame) -> DataFrame:
        """Score every window.

        Args:
            frame: rows of the machine windows, with each machine's earlier windows: a pump unknown to the model takes its
                normal state from its first 13 windows, a thermometer its level from the seven days before a window.

        Returns:
            `machine_id, window_start, anomaly_score` (0 to 1), `is_alarm`, sorted by machine and time.

        Raises:
            DataRejected: a machine kind that no detector was trained for.
        """
        import numpy as np
        import pandas as pd

        windows = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
        ratio = pd.Series(np.nan, index=windows.index)
        for kind, rows in windows.groupby("machine_kind"):
            detector = {"pump": self.pump, "thermometer": self.thermometer}.get(str(kind))
            if detector is None:
                raise DataRejected(f"no detector was trained for machine kind {kind!r}: train with its windows first")
            ratio.loc[rows.index] = detector.ratio(rows)
        score = 1.0 - 0.5 ** ratio.fillna(0.0)  # a distance of exactly the threshold scores 0.5
        return windows[KEYS].assign(anomaly_score=score, is_alarm=score >= ALARM)


def train(frame: DataFrame, *, seed: int) -> Trained:
    """Fit both detectors and measure the pumps' on the labelled windows after their first 13.

    Args:
        frame: rows of `features.feat_industrial__machine_windows`.
        seed: recorded only; nothing here is random.

    Returns:
        Metrics `f1`, `far`, `mar` (false and missed alarms, shares), `auc`; the baseline alarms when any single sensor
        leaves three sigmas of the same 13 windows.

    Raises:
        DataRejected: no labelled pump windows after the fitted part, so that nothing can be measured.
    """
    windows = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
    pumps = windows[windows["machine_kind"] == "pump"]
    others = windows[windows["machine_kind"] == "thermometer"]
    after = pumps.groupby("machine_id").cumcount() >= FIT_WINDOWS
    judged = pumps[after & pumps["is_anomalous"].notna()]
    actual = judged["is_anomalous"].astype(bool).to_numpy()
    if actual.all() or not actual.any():  # also true of an empty array
        raise DataRejected(
            f"anomaly detection needs labelled pump windows of both kinds after the first {FIT_WINDOWS} of each pump, got "
            f"{len(actual)} with {int(actual.sum())} anomalous: wait for the pumps' telemetry"
        )
    model = AnomalyModel(pump=fit_pumps(pumps, FALSE_ALARM_RATE), thermometer=fit_thermometers(others) if len(others) else None)
    score = model.predict(pumps).set_axis(pumps.index)["anomaly_score"].loc[judged.index]
    sigmas = _sigmas(pumps).loc[judged.index]
    by_class = score[actual], score[~actual]
    return Trained(
        model=model,
        metrics=_scores(actual, score.to_numpy(), ALARM),
        baseline=_scores(actual, sigmas.to_numpy(), SIGMAS),
        params={"pumps": pumps["machine_id"].nunique(), "windows": len(windows), "judged": len(judged), "seed": seed}
        | {"fit_windows": FIT_WINDOWS, "false_alarm_rate": FALSE_ALARM_RATE},
        primary_metric="f1",
        higher_is_better=True,
        input_example=pumps.head(FIT_WINDOWS).assign(is_anomalous=None, readings=pumps["readings"].astype(float)),
        figures={"scores": figures.score_histogram(by_class[1], by_class[0], ALARM)},
    )


def summarise(scores: DataFrame, until: datetime, hours: int = 24) -> DataFrame:
    """One row a machine over the `hours` before `until` (exclusive).

    Args:
        scores: what `AnomalyModel.predict` returns.
        until: end of the period, naive, on the replay clock.
        hours: length of the period.

    Returns:
        `machine_id, anomaly_score` (the third highest of the period: one odd window is no fault; with fewer than 20
        windows the highest), `anomalous_share` (windows in alarm, 0 to 1), `windows`.
    """
    import pandas as pd

    recent = scores[(scores["window_start"] >= until - timedelta(hours=hours)) & (scores["window_start"] < until)]
    ranked = recent.sort_values("anomaly_score", ascending=False, kind="stable")
    size = ranked.groupby("machine_id")["anomaly_score"].transform("size")
    position = ranked.groupby("machine_id").cumcount()
    peak = ranked[position == (size >= 20) * 2].set_index("machine_id")["anomaly_score"]
    grouped = recent.groupby("machine_id")
    summary = pd.DataFrame({"anomaly_score": peak, "anomalous_share": grouped["is_alarm"].mean(), "windows": grouped.size()})
    return summary.rename_axis("machine_id").reset_index()


def _sigmas(pumps: DataFrame) -> pd.Series[float]:
    """How many standard deviations the worst single sensor is away from the pump's first windows."""
    fitted = pumps.groupby("machine_id").head(FIT_WINDOWS).groupby("machine_id")[MEANS]
    centre, spread = (table.loc[pumps["machine_id"]].set_index(pumps.index) for table in (fitted.mean(), fitted.std()))
    worst: pd.Series[float] = ((pumps[MEANS] - centre) / spread.clip(lower=1e-12)).abs().max(axis=1)
    return worst.fillna(0.0)


def _scores(actual: np.ndarray, score: np.ndarray, threshold: float) -> dict[str, float]:
    from sklearn.metrics import f1_score, roc_auc_score

    alarm = score >= threshold
    return {
        "f1": float(f1_score(actual, alarm)),
        "far": float(alarm[~actual].mean()),
        "mar": float((~alarm)[actual].mean()),
        "auc": float(roc_auc_score(actual, score)),
    }
