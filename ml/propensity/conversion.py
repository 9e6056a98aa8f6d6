"""Propensity: the probability of a yes (a lead converts, a call succeeds, an order comes late, a customer buys again).

One family for every such question. Rows are split in time order, never at random, and a fit uses only outcomes known by then.
Variables that tell the period rather than the customer (interest rate, month) mislead once the period has passed, so a set of
variables without them competes with the full one; the choice is made on training rows only (`choice.py`).
`explain` is on the scale of the calibrated log-odds: `(base)` and contributions add up to log(p / (1 - p)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from eco_assets.errors import DataRejected
from ml import figures
from ml.contributions import long_table
from ml.model import Predictor, Trained
from ml.probability_scores import auc, calibration_bins, log_losses, scores
from ml.propensity.choice import Candidate, Rows, candidates, choose, fit_calibrated
from ml.propensity.estimators import Columns, Estimator, to_inputs
from ml.slices import slice_table
from ml.workers import one_thread

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

TEST_SHARE = 0.25
MIN_ROWS = 80
MIN_POSITIVE = 10


@dataclass(frozen=True)
class ConversionModel:
    """A fitted estimator with the two numbers of its calibration."""

    target: str
    columns: Columns
    candidate: str
    estimator: Estimator
    intercept: float
    slope: float

    def predict(self, frame: DataFrame) -> DataFrame:
        """`probability` (0 to 1) for each row of `frame`, which holds the training columns; index kept."""
        import pandas as pd
        from scipy.special import expit

        if frame.empty:
            return pd.DataFrame({"probability": pd.Series(dtype=float)}, index=frame.index)
        with one_thread():
            score = self.estimator.score(to_inputs(frame, self.columns))
        return pd.DataFrame({"probability": expit(self.intercept + self.slope * score)}, index=frame.index)

    def explain(self, frame: DataFrame) -> DataFrame:
        """Contributions to the calibrated log-odds, as `Predictor.explain` says; exact (coefficients or TreeSHAP)."""
        import numpy as np

        if frame.empty:
            return long_table(frame, [], np.zeros((0, 0)), 0.0)
        with one_thread():
            names, parts, base = self.estimator.contributions(to_inputs(frame, self.columns))
        return long_table(frame, names, self.slope * parts, self.intercept + self.slope * base)

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss a row with a known outcome, in the order of `held_out`."""
        return _losses(self, held_out, self.target)


@dataclass(frozen=True)
class BaseRateModel:
    """The naive baseline: everybody has the training rows' rate."""

    target: str
    rate: float

    def predict(self, frame: DataFrame) -> DataFrame:
        """`probability`, the same for each row."""
        import pandas as pd

        return pd.DataFrame({"probability": self.rate}, index=frame.index, dtype=float)

    def explain(self, frame: DataFrame) -> DataFrame:
        """The base alone, on the log-odds scale."""
        import numpy as np
        from scipy.special import logit

        return long_table(frame, [], np.zeros((len(frame), 0)), float(logit(self.rate)))

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss a row with a known outcome, in the order of `held_out`."""
        return _losses(self, held_out, self.target)


def fit(
    frame: DataFrame, *, target: str, time_column: str, columns: Columns, known_column: str | None = None, seed: int = 0
) -> ConversionModel:
    """The best candidate by folds in time order, fitted on all rows with a known outcome and calibrated on the latest fifth.

    Arguments are those of `train`.
    """
    known = _in_order(frame, target, time_column, columns)
    rows = _rows(known, target, time_column, columns, known_column)
    with one_thread():
        return _fit(choose(candidates(rows.inputs, columns, seed), rows), rows, target)


def evaluate(model: Predictor, held_out: DataFrame, *, target: str) -> dict[str, float]:
    """`auc`, `log_loss`, `brier` and `ece` of any model with a column `probability`, on the rows with a known outcome."""
    known = held_out[held_out[target].notna()]
    return scores(known[target].astype(int).to_numpy(), model.predict(known)["probability"].to_numpy())


def train(
    frame: DataFrame,
    *,
    target: str,
    time_column: str,
    categorical: list[str],
    numeric: list[str],
    seed: int,
    known_column: str | None = None,
    slice_keys: Sequence[str] = (),
) -> Trained:
    """Choose and fit on the first 75 % in time, measure on the last 25 %, then fit the same kind on all rows.

    Args:
        frame: the columns named below; rows with a null target are left out.
        target: boolean column.
        time_column: gives the order; ties are ordered by a hash of the row's values, so row order does not matter.
        categorical: names of text columns; a value unseen or rare in training is one class of its own.
        numeric: names of number columns; a missing one is told apart from the median that stands for it.
        seed: of the gradient boosting candidate.
        known_column: date or time at which a row's outcome became known; rows whose outcome was not known when a held-out (or a
            fold's first) row came in take no part in its fit. Without it an outcome counts as known at once.
        slice_keys: columns by whose values the AUC is broken down.

    Returns:
        Metrics `auc`, `log_loss`, `brier`, `ece`; the baseline gives everybody the training rate.

    Raises:
        DataRejected: fewer than 80 rows, or fewer than 10 of each kind in either part.
    """
    columns = Columns(tuple(categorical), tuple(numeric))
    known = _in_order(frame, target, time_column, columns)
    rows = _rows(known, target, time_column, columns, known_column)
    cut = int(len(known) * (1 - TEST_SHARE))
    first = rows.first(cut)
    _refuse_too_little(first.outcome, rows.outcome[cut:], target)
    with one_thread():
        best = choose(candidates(first.inputs, columns, seed), first)
        judged, final = _fit(best, first, target), _fit(best, rows, target)
    held_out = known.iloc[cut:].reset_index(drop=True)
    scored = held_out.assign(probability=judged.predict(held_out)["probability"])
    bins = calibration_bins(rows.outcome[cut:], scored["probability"].to_numpy())
    return Trained(
        model=final,
        judged=judged,
        held_out=held_out,
        metrics=evaluate(judged, held_out, target=target),
        baseline=evaluate(BaseRateModel(target, float(first.outcome.mean())), held_out, target=target),
        params={"rows": len(known), "fit_rows": len(first.outcome), "test_rows": len(held_out), "candidate": best.name, "seed": seed},
        primary_metric="auc",
        higher_is_better=True,
        input_example=rows.inputs.head(3),
        slices=slice_table(
            scored[[target, "probability", *slice_keys]], slice_keys, lambda part: _auc(part, target), metric="auc", seed=seed
        ),
        figures={"calibration": figures.calibration(bins)},
    )


def _in_order(frame: DataFrame, target: str, time_column: str, columns: Columns) -> DataFrame:
    """The rows with an outcome in time order; rows of one moment by a hash of their values, neither as they came nor sorted by a value."""
    import pandas as pd

    known = frame[frame[target].notna()]
    lot = pd.util.hash_pandas_object(to_inputs(known, columns), index=False)
    ordered = known.assign(**{"(lot)": lot}).sort_values([time_column, "(lot)", target], kind="stable")
    return ordered.drop(columns="(lot)").reset_index(drop=True)


def _rows(known: DataFrame, target: str, time_column: str, columns: Columns, known_column: str | None) -> Rows:
    import numpy as np
    import pandas as pd

    ready = np.arange(len(known))
    if known_column is not None:
        moments, known_at = (pd.to_datetime(known[name]).to_numpy() for name in (time_column, known_column))
        ready = np.maximum(ready, np.searchsorted(moments, known_at, side="left"))
    return Rows(to_inputs(known, columns), known[target].astype(int).to_numpy(), ready)


def _fit(candidate: Candidate, rows: Rows, target: str) -> ConversionModel:
    estimator, (intercept, slope) = fit_calibrated(candidate, rows)
    return ConversionModel(target, candidate.columns, candidate.name, estimator, intercept, slope)


def _losses(model: Predictor, held_out: DataFrame, target: str) -> np.ndarray:
    known = held_out[held_out[target].notna()]
    return log_losses(known[target].astype(int).to_numpy(), model.predict(known)["probability"].to_numpy())


def _auc(part: DataFrame, target: str) -> float:
    return auc(part[target].astype(int).to_numpy(), part["probability"].to_numpy())


def _refuse_too_little(before: np.ndarray, after: np.ndarray, target: str) -> None:
    count = len(before) + len(after)
    positive = min(int(before.sum()), int(after.sum()))
    negative = min(int((1 - before).sum()), int((1 - after).sum()))
    if count < MIN_ROWS or positive < MIN_POSITIVE or negative < MIN_POSITIVE:
        raise DataRejected(
            f"{target} needs {MIN_ROWS} known outcomes with {MIN_POSITIVE} of each kind before and after the time split, "
            f"got {count} with {positive} positive and {negative} negative: wait for more outcomes"
        )
