"""Conversion propensity: the probability that a lead converts, or that a called customer says yes.

One family used twice (commercial leads, agency calls). Rows are split in time order, never at random. Variables that tell
the period rather than the customer (interest rate, month) mislead once the period has passed, so a set of variables without
them competes with the full one; the choice is made on training rows only (`propensity.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DataRejected
from ml import figures
from ml.model import Trained
from ml.propensity import Candidate, Columns, calibrated_probability, candidates, choose, fit_calibrated, one_thread, to_inputs

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

TEST_SHARE = 0.25
MIN_ROWS = 80
MIN_POSITIVE = 10
BINS = 10


@dataclass(frozen=True)
class ConversionModel:
    """A fitted pipeline with the two numbers of its calibration."""

    columns: Columns
    pipeline: Any
    intercept: float
    slope: float

    def predict(self, frame: DataFrame) -> DataFrame:
        """`probability` (0 to 1) for each row of `frame`, which holds the training columns; index kept."""
        import pandas as pd

        if frame.empty:
            return pd.DataFrame({"probability": pd.Series(dtype=float)}, index=frame.index)
        inputs = to_inputs(frame, self.columns)
        with one_thread():
            probability = calibrated_probability(self.pipeline, (self.intercept, self.slope), inputs)
        return pd.DataFrame({"probability": probability}, index=frame.index)


def train(frame: DataFrame, *, target: str, time_column: str, categorical: list[str], numeric: list[str], seed: int) -> Trained:
    """Choose and fit on the first 75 % in time, measure on the last 25 %, then fit the same kind on all rows.

    Args:
        frame: the columns named below; rows with a null target are left out.
        target: boolean column.
        time_column: gives the order; ties keep the order of the other columns' values, so row order does not matter.
        categorical: names of text columns; a value unseen or rare in training is one class of its own.
        numeric: names of number columns; a missing one becomes the median.
        seed: of the gradient boosting candidate.

    Returns:
        Metrics `auc`, `log_loss`, `brier`, `ece`; the baseline gives everybody the training rate.

    Raises:
        DataRejected: fewer than 80 rows, or fewer than 10 positive ones in either part.
    """
    columns = Columns(tuple(categorical), tuple(numeric))
    known = frame[frame[target].notna()].sort_values([time_column, *categorical, *numeric], kind="stable")
    known = known.reset_index(drop=True)
    outcome = known[target].astype(int).to_numpy()
    cut = int(len(known) * (1 - TEST_SHARE))
    _refuse_too_little(outcome, cut, target)
    inputs = to_inputs(known, columns)
    with one_thread():
        best = choose(candidates(inputs.iloc[:cut], columns, seed), inputs.iloc[:cut], outcome[:cut])
        measured = _fit(best, inputs.iloc[:cut], outcome[:cut]).predict(inputs.iloc[cut:])["probability"].to_numpy()
        final = _fit(best, inputs, outcome)
    metrics, baseline, bins = _evaluate(outcome[cut:], measured, float(outcome[:cut].mean()))
    return Trained(
        model=final,
        metrics=metrics,
        baseline=baseline,
        params={"rows": len(known), "test_rows": len(known) - cut, "candidate": best.name, "seed": seed},
        primary_metric="auc",
        higher_is_better=True,
        input_example=inputs.head(3),
        figures={"calibration": figures.calibration(bins)},
    )


def _refuse_too_little(outcome: np.ndarray, cut: int, target: str) -> None:
    positive = min(int(outcome[:cut].sum()), int(outcome[cut:].sum()))
    negative = min(int((1 - outcome[:cut]).sum()), int((1 - outcome[cut:]).sum()))
    if len(outcome) < MIN_ROWS or positive < MIN_POSITIVE or negative < MIN_POSITIVE:
        raise DataRejected(
            f"{target} needs {MIN_ROWS} known outcomes with {MIN_POSITIVE} of each kind before and after the time split, "
            f"got {len(outcome)} with {positive} positive and {negative} negative: wait for more outcomes"
        )


def _fit(candidate: Candidate, inputs: DataFrame, outcome: np.ndarray) -> ConversionModel:
    pipeline, (intercept, slope) = fit_calibrated(candidate, inputs, outcome)
    return ConversionModel(candidate.columns, pipeline, intercept, slope)


def _evaluate(actual: np.ndarray, probability: np.ndarray, base_rate: float) -> tuple[dict[str, float], dict[str, float], DataFrame]:
    import numpy as np
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    def scores(values: np.ndarray) -> dict[str, float]:
        bins = _bins(actual, values)
        gap = (bins["predicted"] - bins["observed"]).abs() * bins["rows"]
        return {
            "auc": float(roc_auc_score(actual, values)),
            "log_loss": float(log_loss(actual, values)),
            "brier": float(brier_score_loss(actual, values)),
            "ece": float(gap.sum() / len(actual)),
        }

    constant = np.full(len(actual), min(max(base_rate, 1e-4), 1 - 1e-4))
    return scores(probability), scores(constant), _bins(actual, probability)


def _bins(actual: np.ndarray, probability: np.ndarray) -> DataFrame:
    """Ten bins with equal numbers of rows, in order of the predicted probability."""
    import numpy as np
    import pandas as pd

    rank = np.argsort(np.argsort(probability, kind="stable"), kind="stable")
    rows = pd.DataFrame({"bin": rank * BINS // len(actual), "predicted": probability, "observed": actual, "rows": 1})
    return rows.groupby("bin").agg({"predicted": "mean", "observed": "mean", "rows": "sum"}).reset_index()
