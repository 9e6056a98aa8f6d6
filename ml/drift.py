"""Drift between the rows that a model was trained on and today's: of its inputs, its predictions, and what came true.

Pure functions of frames; a reference sample is kept with the model. What is done about drift (a check, a retrain) stays outside.
Statistics: the population stability index, less what chance alone gives on so many rows (Yurdakul 2018: under no drift it is
(1/n + 1/m) times chi-squared with bins - 1 degrees of freedom); for calibration the ECE, less what chance gives, in standard
deviations of the outcome, so that one threshold serves rare and frequent outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ml.probability_scores import ece, ece_by_chance

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

MODERATE, LARGE = 0.1, 0.25  # the usual reading of the index in credit scoring (Siddiqi 2006)
MIN_ROWS = 100  # fewer on either side: 'unknown'
QUANTILES = 10
RARE = 0.01  # values with a smaller share of the reference are one bin with those it has never seen
REFERENCE_ROWS = 2000
COLUMNS = ["what", "kind", "statistic", "value", "low", "high", "level", "rows_reference", "rows_current"]


def reference_sample(frame: DataFrame, rows: int = REFERENCE_ROWS) -> DataFrame:
    """At most `rows` rows of `frame` to keep with a model, chosen by their content: the order of rows does not matter."""
    import numpy as np
    import pandas as pd

    if len(frame) <= rows:
        return frame.reset_index(drop=True)
    text = pd.DataFrame({name: frame[name].astype(str) for name in sorted(frame.columns)})
    order = np.argsort(pd.util.hash_pandas_object(text, index=False).to_numpy(), kind="stable")
    return frame.iloc[order[:rows]].reset_index(drop=True)


def drift_table(
    reference: DataFrame,
    current: DataFrame,
    features: Sequence[str],
    *,
    prediction: str | None = None,
    outcome: str | None = None,
) -> DataFrame:
    """Every drift of `current` against `reference`.

    Args:
        reference: rows the model was trained on (`reference_sample`).
        current: the rows of the days in question.
        features: input columns, numbers or text.
        prediction: column with the model's probabilities (or any number), in both frames.
        outcome: column with what happened (null where not known yet), in both frames.

    Returns:
        One row a drift: `what` (column), `kind` (`data`, `prediction`, `outcome`, `calibration`), `statistic` (`psi`, `ece`), `value`,
        `level` (`stable`, `moderate` from 0.1, `large` from 0.25, `unknown` below 100 rows). `low` and `high` are given for the outcome
        (95 % interval of the current mean) and for calibration (of observed minus predicted rate).
    """
    import pandas as pd

    rows = [_shift(reference[name], current[name], name, "data") for name in features]
    if prediction is not None:
        rows.append(_shift(reference[prediction], current[prediction], prediction, "prediction"))
    if outcome is not None:
        before, after = reference[reference[outcome].notna()], current[current[outcome].notna()]
        rows.append(_shift(before[outcome], after[outcome], outcome, "outcome") | _interval(after[outcome].astype(float).to_numpy()))
        if prediction is not None:
            rows.append(_calibration(after, prediction, outcome, len(before)))
    return pd.DataFrame(rows, columns=COLUMNS)


def psi(reference: Series[Any], current: Series[Any]) -> float:
    """Population stability index between two samples of one column, less what chance alone gives; 0 or more, NaN when one is empty.

    Numbers with more than ten values are cut at the reference's deciles; other columns have a bin a value. Missing is a bin, and so
    are together the values that the reference has rarely (under 1 %) or never seen. An empty bin counts as half a row.
    """
    import numpy as np

    if not (len(reference) and len(current)):
        return float("nan")
    before, after = _counts(reference, current)
    used = (before + after) > 0
    before, after = before[used], after[used]
    old, new = (np.maximum(counts, 0.5) / len(rows) for counts, rows in ((before, reference), (after, current)))
    by_chance = (int(used.sum()) - 1) * (1 / len(reference) + 1 / len(current))
    return max(0.0, float(((new - old) * np.log(new / old)).sum()) - by_chance)


def level(value: float, rows: int) -> str:
    """`stable`, `moderate`, `large`, or `unknown` when there are too few rows to say."""
    if rows < MIN_ROWS or value != value:
        return "unknown"
    return "large" if value >= LARGE else "moderate" if value >= MODERATE else "stable"


def _shift(reference: Series[Any], current: Series[Any], what: str, kind: str) -> dict[str, Any]:
    value, rows = psi(reference, current), min(len(reference), len(current))
    sizes = {"rows_reference": len(reference), "rows_current": len(current)}
    return {"what": what, "kind": kind, "statistic": "psi", "value": value, "level": level(value, rows)} | sizes


def _interval(values: np.ndarray) -> dict[str, float]:
    import numpy as np

    if len(values) < 2:
        return {"low": float("nan"), "high": float("nan")}
    mean, half = float(values.mean()), 1.96 * float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    return {"low": mean - half, "high": mean + half}


def _calibration(current: DataFrame, prediction: str, outcome: str, rows_reference: int) -> dict[str, Any]:
    happened, predicted = current[outcome].astype(float).to_numpy(), current[prediction].astype(float).to_numpy()
    value = float("nan")
    if len(current):
        rate = float(predicted.mean())
        deviation = max(rate * (1 - rate), 1e-6) ** 0.5
        value = max(0.0, ece(happened, predicted) - ece_by_chance(happened, predicted)) / deviation
    row = {"what": prediction, "kind": "calibration", "statistic": "ece", "value": value, "level": level(value, len(current))}
    return row | _interval(happened - predicted) | {"rows_reference": rows_reference, "rows_current": len(current)}


def _counts(reference: Series[Any], current: Series[Any]) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np
    import pandas as pd

    is_number = pd.api.types.is_numeric_dtype(reference) and not pd.api.types.is_bool_dtype(reference)
    if is_number and reference.nunique() > QUANTILES:
        edges = np.unique(np.quantile(reference.dropna().astype(float), np.linspace(0, 1, QUANTILES + 1)[1:-1]))
        missing = len(edges) + 1

        def bins(values: Series[Any]) -> np.ndarray:
            numbers = pd.to_numeric(values, errors="coerce").astype(float).to_numpy()
            return np.where(np.isnan(numbers), missing, np.searchsorted(edges, numbers, side="left"))

        return np.bincount(bins(reference), minlength=missing + 1), np.bincount(bins(current), minlength=missing + 1)
    before, after = _texts(reference, is_number), _texts(current, is_number)
    shares = before.value_counts(normalize=True)
    kept = sorted(shares[(shares >= RARE) | (shares.index == "(missing)")].index)

    def counts(values: Series[Any]) -> np.ndarray:
        found = values.value_counts()
        known = np.array([found.get(name, 0) for name in kept], dtype=float)
        new_and_missing = float(found.get("(missing)", 0)) if "(missing)" not in kept else 0.0
        return np.array([*known, new_and_missing, len(values) - known.sum() - new_and_missing])

    return counts(before), counts(after)


def _texts(values: Series[Any], is_number: bool) -> Series[str]:
    import pandas as pd

    plain = pd.to_numeric(values, errors="coerce").astype(float) if is_number else values.astype(object)
    return plain.astype(object).where(plain.notna(), "(missing)").astype(str)
