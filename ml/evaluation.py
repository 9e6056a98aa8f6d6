"""Predictions against what came true: the figures of a model in service, not of its training.

Pure functions of a frame; which predictions can be judged is each family's `outcome_query`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

MIN_ROWS = 30  # fewer say nothing


def figures(judged: DataFrame, *, is_probability: bool) -> dict[str, float]:
    """The figures of predictions that can be judged; empty below 30 rows.

    Args:
        judged: `predicted, actual`, and `low, high` (a band for 80 %) where a forecast gave one.
        is_probability: else `predicted` and `actual` are amounts.

    Returns:
        `rows` and, for probabilities, `auc` (where both outcomes came), `log_loss`, `brier`, `ece`, `mean_predicted` and `rate`; for
        amounts `wape`, `bias` (predicted over actual, less 1) and `coverage` (share within the band).
    """
    from ml.probability_scores import scores

    rows = judged.dropna(subset=["predicted", "actual"])
    if len(rows) < MIN_ROWS:
        return {}
    predicted, actual = rows["predicted"].to_numpy(float), rows["actual"].to_numpy(float)
    found: dict[str, float] = {"rows": float(len(rows))}
    if is_probability:
        judged_by = {name: value for name, value in scores(actual, predicted).items() if value == value}
        return found | judged_by | {"mean_predicted": float(predicted.mean()), "rate": float(actual.mean())}
    total = float(abs(actual).sum()) or 1.0
    found |= {"wape": float(abs(predicted - actual).sum()) / total, "bias": float((predicted - actual).sum()) / total}
    if {"low", "high"} <= set(rows.columns):
        found["coverage"] = float(((actual >= rows["low"]) & (actual <= rows["high"])).mean())
    return found
