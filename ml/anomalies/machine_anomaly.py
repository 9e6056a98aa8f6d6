"""Anomaly detection on machine windows, one detector a kind of machine; no label is used in fitting.

A pump's first 13 windows (about 400 s) are documented as normal in SKAB: they give each pump its own zero and are no alarm, and all pumps
together give one covariance. A thermometer is compared with its own last seven days. Scores are 0 to 1 and 0.5 is the alarm, set for a
false-alarm rate on normal windows. Detectors live in `detectors.py`, scoring of micro-batches in `stream.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml import figures
from ml.anomalies.detectors import FIT_WINDOWS, MEANS, SENSORS, PumpDetector, ThermometerDetector, fit_pumps, fit_thermometers
from ml.anomalies.stream import ALARM, KEYS, Detectors, MachineStream
from ml.contributions import long_table
from ml.model import Predictor, Trained

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

FALSE_ALARM_RATE = 0.01
SIGMAS = 3.0


@dataclass(frozen=True)
class AnomalyModel:
    """The detectors by machine kind; None where training saw no such machine."""

    pump: PumpDetector | None
    thermometer: ThermometerDetector | None

    def predict(self, frame: DataFrame) -> DataFrame:
        """Score every window.

        Args:
            frame: rows of the machine windows, with each machine's earlier windows: a pump takes its normal state from its first 13
                windows, a thermometer its level from the seven days before a window.

        Returns:
            `machine_id, window_start, anomaly_score` (0 to 1), `is_alarm`, sorted by machine and time.

        Raises:
            DataRejected: a machine kind that no detector was trained for.
        """
        return self.stream().update(frame)

    def stream(self, state: dict[str, Any] | None = None) -> MachineStream:
        """Scores windows as they close; `state` is what an earlier stream's `state()` gave."""
        found: dict[str, PumpDetector | ThermometerDetector | None] = {"pump": self.pump, "thermometer": self.thermometer}
        detectors: Detectors = {kind: detector for kind, detector in found.items() if detector is not None}
        return MachineStream(detectors, state)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Each sensor's share of a window's squared distance; a row adds up to 1 at the alarm and to 0 at the normal state.

        A share may be negative: sensors that move together as they usually do are less odd together. `value` is the window's mean.
        """
        ordered = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
        values = ordered[MEANS].set_axis(list(SENSORS), axis=1)
        return long_table(values, SENSORS, self.stream().parts(ordered), 0.0)

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """1 for a judged window that was called wrongly, else 0, in the order of machine and time.

        `held_out` has whole sessions; judged are the labelled windows of a pump after its first 13.
        """
        actual, score = _judged(self, held_out)
        wrong: np.ndarray = ((score >= ALARM) != actual).astype(float)
        return wrong


@dataclass(frozen=True)
class ThreeSigma:
    """The naive baseline: the worst single sensor's distance from the pump's first 13 windows, in their standard deviations."""

    def predict(self, frame: DataFrame) -> DataFrame:
        """As `AnomalyModel.predict`; three sigmas score 0.5."""
        ordered = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
        score = 1.0 - 0.5 ** (_sigmas(ordered).max(axis=1).fillna(0.0) / SIGMAS)
        return ordered[KEYS].assign(anomaly_score=score, is_alarm=score >= ALARM)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Each sensor's distance in sigmas."""
        ordered = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
        values = ordered[MEANS].set_axis(list(SENSORS), axis=1)
        return long_table(values, SENSORS, _sigmas(ordered).fillna(0.0).to_numpy(), 0.0)

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """As `AnomalyModel.losses`."""
        actual, score = _judged(self, held_out)
        wrong: np.ndarray = ((score >= ALARM) != actual).astype(float)
        return wrong


def fit(frame: DataFrame) -> AnomalyModel:
    """Fit both detectors on rows of `features.feat_industrial__machine_windows`; labels are not looked at, nothing is random.

    Raises:
        DataRejected: no pump windows.
    """
    windows = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
    pumps, others = (windows[windows["machine_kind"] == kind] for kind in ("pump", "thermometer"))
    if pumps.empty:
        raise DataRejected("anomaly detection needs pump windows: wait for the pumps' telemetry")
    return AnomalyModel(pump=fit_pumps(pumps, FALSE_ALARM_RATE), thermometer=fit_thermometers(others) if len(others) else None)


def evaluate(model: Predictor, held_out: DataFrame) -> dict[str, float]:
    """`f1`, `far`, `mar` (false and missed alarms, shares) and `auc` on the judged windows, see `AnomalyModel.losses`."""
    return _scores(*_judged(model, held_out))


def train(frame: DataFrame, *, seed: int) -> Trained:
    """Fit on the first windows of every machine, measure on the labelled pump windows after them.

    No version ever learns from a judged window: fitting takes the first 13 of each pump, judging what comes after them.

    Args:
        frame: rows of `features.feat_industrial__machine_windows`.
        seed: recorded only; nothing here is random.

    Returns:
        Metrics as `evaluate`; the baseline is `ThreeSigma`. Slices are the pumps, with `error`, the share of wrong windows, too.

    Raises:
        DataRejected: no labelled pump windows after the fitted part, so that nothing can be measured.
    """
    windows = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
    pumps = windows[windows["machine_kind"] == "pump"]
    actual = _judged(ThreeSigma(), pumps)[0]
    if actual.all() or not actual.any():  # also true of an empty array
        raise DataRejected(
            f"anomaly detection needs labelled pump windows of both kinds after the first {FIT_WINDOWS} of each pump, got "
            f"{len(actual)} with {int(actual.sum())} anomalous: wait for the pumps' telemetry"
        )
    model = fit(windows)
    score = _judged(model, pumps)[1]
    return Trained(
        model=model,
        judged=model,
        held_out=pumps,
        metrics=_scores(actual, score),
        baseline=evaluate(ThreeSigma(), pumps),
        params={"pumps": pumps["machine_id"].nunique(), "windows": len(windows), "judged": len(actual), "seed": seed}
        | {"fit_windows": FIT_WINDOWS, "false_alarm_rate": FALSE_ALARM_RATE},
        primary_metric="f1",
        higher_is_better=True,
        input_example=pumps.head(FIT_WINDOWS).assign(is_anomalous=None, readings=pumps["readings"].astype(float)),
        slices=_slices(model, pumps),
        figures={"scores": figures.score_histogram(score[~actual], score[actual], ALARM)},
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


def _judged(model: Predictor, held_out: DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of the labelled pump windows after each pump's first 13."""
    ordered = held_out[held_out["machine_kind"] == "pump"].sort_values(KEYS, kind="stable").reset_index(drop=True)
    counted = (ordered.groupby("machine_id").cumcount() >= FIT_WINDOWS) & ordered["is_anomalous"].notna()
    score = model.predict(ordered)["anomaly_score"]
    return ordered.loc[counted, "is_anomalous"].astype(bool).to_numpy(), score[counted].to_numpy()


def _slices(model: AnomalyModel, pumps: DataFrame) -> DataFrame:
    """F1 and the share of wrong windows a pump; a pump without an anomalous window has no F1."""
    import pandas as pd

    rows = []
    for machine, windows in pumps.groupby("machine_id"):
        actual, score = _judged(model, windows)
        if len(actual):
            f1 = _scores(actual, score)["f1"] if actual.any() and not actual.all() else float("nan")
            error = float(((score >= ALARM) != actual).mean())
            rows.append({"slice": f"machine={machine}", "rows": len(actual), "f1": f1, "error": error})
    return pd.DataFrame(rows, columns=["slice", "rows", "f1", "error"])


def _sigmas(ordered: DataFrame) -> DataFrame:
    """How many standard deviations each sensor is away from the machine's first windows."""
    fitted = ordered.groupby("machine_id").head(FIT_WINDOWS).groupby("machine_id")[MEANS]
    centre, spread = (table.loc[ordered["machine_id"]].set_index(ordered.index) for table in (fitted.mean(), fitted.std()))
    distance: DataFrame = ((ordered[MEANS].astype(float) - centre) / spread.clip(lower=1e-12)).abs()
    return distance


def _scores(actual: np.ndarray, score: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import f1_score, roc_auc_score

    alarm = score >= ALARM
    return {
        "f1": float(f1_score(actual, alarm)),
        "far": float(alarm[~actual].mean()),
        "mar": float((~alarm)[actual].mean()),
        "auc": float(roc_auc_score(actual, score)),
    }
