"""Scores of predicted probabilities against what happened: ranking (AUC), log loss, Brier score, calibration (ECE).

Plain functions of two arrays, used by families, drift and slices. Losses of other kinds of prediction stay in their family.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

BINS = 10
FLOOR = 1e-6  # no probability is taken for certain: the log loss of a certain error has no value


def log_losses(actual: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Minus the log of the probability of what happened, one a row."""
    import numpy as np

    sure = np.clip(probability, FLOOR, 1 - FLOOR)
    return np.asarray(-np.where(np.asarray(actual) == 1, np.log(sure), np.log1p(-sure)))


def auc(actual: np.ndarray, probability: np.ndarray) -> float:
    """Area under the ROC curve (ties count half); NaN when only one class is there."""
    import numpy as np
    from scipy.stats import rankdata

    happened = np.asarray(actual) == 1
    positive = int(happened.sum())
    negative = len(happened) - positive
    if not (positive and negative):
        return float("nan")
    ranks = rankdata(probability)[happened].sum()
    return float((ranks - positive * (positive + 1) / 2) / (positive * negative))


def scores(actual: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """`auc`, `log_loss`, `brier` and `ece` of the same rows."""
    import numpy as np

    return {
        "auc": auc(actual, probability),
        "log_loss": float(log_losses(actual, probability).mean()),
        "brier": float(np.mean((probability - actual) ** 2)),
        "ece": ece(actual, probability),
    }


def calibration_bins(actual: np.ndarray, probability: np.ndarray) -> DataFrame:
    """Ten bins of equal numbers of rows in order of the probability: `predicted`, `observed` (rates) and `rows`.

    Equal probabilities share a bin, whatever the order of their rows: a constant prediction is one bin.
    """
    import numpy as np
    import pandas as pd
    from scipy.stats import rankdata

    bins = np.minimum(((rankdata(probability) - 0.5) * BINS / len(actual)).astype(int), BINS - 1)
    rows = pd.DataFrame({"bin": bins, "predicted": probability, "observed": np.asarray(actual, dtype=float), "rows": 1})
    return rows.groupby("bin").agg({"predicted": "mean", "observed": "mean", "rows": "sum"}).reset_index()


def ece(actual: np.ndarray, probability: np.ndarray) -> float:
    """Expected calibration error: mean distance of predicted and observed rate over `calibration_bins`, weighted by rows."""
    bins = calibration_bins(actual, probability)
    return float(((bins["predicted"] - bins["observed"]).abs() * bins["rows"]).sum() / len(actual))


def ece_by_chance(actual: np.ndarray, probability: np.ndarray) -> float:
    """The ECE that a perfectly calibrated model would show on so many rows.

    In a bin of n rows the observed rate is off by sqrt(2 p (1 - p) / (pi n)) on average (mean of a half-normal distribution).
    """
    import numpy as np

    bins = calibration_bins(actual, probability)
    rate = bins["predicted"].clip(0, 1)
    expected = np.sqrt(2 * rate * (1 - rate) / (np.pi * bins["rows"]))
    return float((expected * bins["rows"]).sum() / len(actual))
