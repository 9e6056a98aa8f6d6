"""The estimators behind `conversion.py`: candidates, the choice among them in time order, calibration.

Everything here sees training rows only. Metrics, the held-out rows and the registry stay outside.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

DRIFT_LIMIT = 0.5  # distance between the first and the last third of the training rows, 0 (same) to 1 (disjoint)
FOLDS = ((0.6, 0.73), (0.73, 0.86), (0.86, 1.0))  # expanding window: fit up to the first share, measure up to the second
CALIBRATION_SHARE = 0.2
MIN_CLASS = 3
RARE = 20  # a category value seen less often is pooled with the unseen ones


@dataclass(frozen=True)
class Columns:
    """The input columns of a propensity model."""

    categorical: tuple[str, ...]
    numeric: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """A kind of estimator on a set of columns."""

    kind: str  # 'logistic' or 'boosting'
    variables: str  # 'all' or 'steady'
    columns: Columns
    seed: int

    @property
    def name(self) -> str:
        """How the run's parameters call it."""
        return f"{self.kind}/{self.variables}"

    def build(self) -> Any:
        """An unfitted scikit-learn pipeline."""
        return _logistic(self.columns) if self.kind == "logistic" else _boosting(self.columns, self.seed)


def one_thread() -> AbstractContextManager[Any]:
    """Hold the numeric libraries to one thread.

    Their threads spin at every barrier: with another process on a two-core machine a fit of 2 s took 30 s.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def to_inputs(frame: DataFrame, columns: Columns) -> DataFrame:
    """The input columns with steady types: text (a null is 'missing') and float (a null is NaN)."""
    import pandas as pd

    text = {name: frame[name].astype(object).where(frame[name].notna(), "missing").astype(str) for name in columns.categorical}
    numbers = {name: pd.to_numeric(frame[name]).astype(float) for name in columns.numeric}
    return pd.DataFrame({**text, **numbers}, index=frame.index)


def candidates(inputs: DataFrame, columns: Columns, seed: int) -> list[Candidate]:
    """Both estimators on all columns and, where some drift, on the columns that do not. `inputs` is in time order."""
    third = max(len(inputs) // 3, 1)
    first, last = inputs.iloc[:third], inputs.iloc[-third:]
    steady = Columns(
        tuple(name for name in columns.categorical if _share_distance(first[name], last[name]) <= DRIFT_LIMIT),
        tuple(name for name in columns.numeric if _rank_distance(first[name], last[name]) <= DRIFT_LIMIT),
    )
    sets = {"all": columns}
    if steady != columns and (steady.categorical or steady.numeric):
        sets["steady"] = steady
    return [Candidate(kind, name, chosen, seed) for name, chosen in sets.items() for kind in ("logistic", "boosting")]


def choose(options: list[Candidate], inputs: DataFrame, outcome: np.ndarray) -> Candidate:
    """The candidate with the highest mean AUC over folds in time order (the first one when no fold has both classes)."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    def auc(option: Candidate, start: int, end: int) -> float:
        model = option.build().fit(inputs.iloc[:start], outcome[:start])
        return float(roc_auc_score(outcome[start:end], model.predict_proba(inputs.iloc[start:end])[:, 1]))

    edges = [(int(len(outcome) * a), int(len(outcome) * b)) for a, b in FOLDS]
    usable = [(a, b) for a, b in edges if _has_both(outcome[:a]) and _has_both(outcome[a:b])]
    if not usable:
        return options[0]
    return max(options, key=lambda option: float(np.mean([auc(option, a, b) for a, b in usable])))


def fit_calibrated(option: Candidate, inputs: DataFrame, outcome: np.ndarray) -> tuple[Any, tuple[float, float]]:
    """The pipeline fitted on all rows, and the calibration learnt on the latest fifth by one fitted without it.

    The slope stays positive: calibration may flatten a ranking, it may never turn it round.
    """
    start = int(len(outcome) * (1 - CALIBRATION_SHARE))
    whole = option.build().fit(inputs, outcome)
    if not (_has_both(outcome[:start]) and _has_both(outcome[start:])):
        return whole, (0.0, 1.0)
    latest, happened = inputs.iloc[start:], outcome[start:]
    earlier = option.build().fit(inputs.iloc[:start], outcome[:start])
    slope = _slope(_log_odds(earlier, latest), happened)
    return whole, (_intercept(slope * _log_odds(whole, latest), float(happened.mean())), slope)


def calibrated_probability(pipeline: Any, calibration: tuple[float, float], inputs: DataFrame) -> np.ndarray:
    """Probability (0 to 1) a row: the pipeline's log-odds, shifted and scaled."""
    from scipy.special import expit

    intercept, slope = calibration
    probability: np.ndarray = expit(intercept + slope * _log_odds(pipeline, inputs))
    return probability


def _slope(log_odds: np.ndarray, outcome: np.ndarray) -> float:
    """The scale of the log-odds that explains the outcomes best, with a free shift (Platt's calibration)."""
    import numpy as np
    from scipy.optimize import minimize

    def loss(weights: np.ndarray) -> float:
        scaled = weights[0] + weights[1] * log_odds
        return float(np.mean(np.logaddexp(0, scaled) - outcome * scaled) + 0.001 * (weights[1] - 1) ** 2)

    return float(minimize(loss, np.array([0.0, 1.0]), bounds=[(-5, 5), (0.05, 1.5)]).x[1])


def _intercept(scaled: np.ndarray, rate: float) -> float:
    """The shift with which the mean probability equals `rate`: conversion rates drift, the latest one counts."""
    from scipy.optimize import brentq
    from scipy.special import expit

    return float(brentq(lambda shift: float(expit(shift + scaled).mean()) - rate, -20, 20))


def _log_odds(pipeline: Any, inputs: DataFrame) -> np.ndarray:
    import numpy as np
    from scipy.special import logit

    odds: np.ndarray = logit(np.clip(pipeline.predict_proba(inputs)[:, 1], 1e-6, 1 - 1e-6))
    return odds


def _has_both(outcome: np.ndarray) -> bool:
    positive = int(outcome.sum())
    return min(positive, len(outcome) - positive) >= MIN_CLASS


def _share_distance(first: Series[str], last: Series[str]) -> float:
    """Total variation distance between the shares of the values."""
    before, after = first.value_counts(normalize=True), last.value_counts(normalize=True)
    return float(before.sub(after, fill_value=0).abs().sum() / 2)


def _rank_distance(first: Series[float], last: Series[float]) -> float:
    """Kolmogorov-Smirnov distance; a column that is empty in one part counts as drifting."""
    from scipy.stats import ks_2samp

    before, after = first.dropna(), last.dropna()
    return float(ks_2samp(before, after).statistic) if len(before) and len(after) else 1.0


def _logistic(columns: Columns) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    text = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE, sparse_output=False)
    numbers = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    prepared = make_column_transformer((text, list(columns.categorical)), (numbers, list(columns.numeric)))
    return make_pipeline(prepared, LogisticRegression(C=0.1, solver="newton-cholesky"))


def _boosting(columns: Columns, seed: int) -> Any:
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    text = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=RARE)
    prepared = make_column_transformer((text, list(columns.categorical)), ("passthrough", list(columns.numeric)))
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=60, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=5.0, random_state=seed
    )
    return make_pipeline(prepared, trees)
