"""The two estimators behind `choice.py`, each with exact additive contributions on the log-odds scale.

Both take the frame of `to_inputs` and keep plain arrays (and a LightGBM booster, which pickles as text). Choice among them,
calibration and metrics stay outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ml.contributions import linear_contributions, sum_by_column

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

RARE = 20  # a category value seen less often is pooled with the unseen ones
TREES = 60
# Deterministic on one thread with rows in a fixed order, so that equal rows give an equal model.
REPRODUCIBLE: dict[str, Any] = {"deterministic": True, "num_threads": 1, "force_row_wise": True, "verbose": -1}
SHALLOW: dict[str, Any] = {"learning_rate": 0.05, "num_leaves": 8, "min_data_in_leaf": 40, "lambda_l2": 5.0}
CATEGORIES: dict[str, Any] = {"min_data_per_group": 40, "cat_smooth": 20.0, "max_cat_to_onehot": 4}
LIGHTGBM = REPRODUCIBLE | SHALLOW | CATEGORIES


@dataclass(frozen=True)
class Columns:
    """The input columns of a model: text and numbers."""

    categorical: tuple[str, ...]
    numeric: tuple[str, ...]


class Estimator(Protocol):
    """A fitted estimator of log-odds (or, in `uplift.py`, of any mean)."""

    def score(self, inputs: DataFrame) -> np.ndarray:
        """Log-odds (or mean), one a row."""
        ...

    def contributions(self, inputs: DataFrame) -> tuple[list[str], np.ndarray, float]:
        """Columns, their contributions (rows, columns), and the base: together they add up to `score`."""
        ...


def to_inputs(frame: DataFrame, columns: Columns) -> DataFrame:
    """The input columns with steady types: text (a null is 'missing') and float (a null is NaN)."""
    import pandas as pd

    text = {name: frame[name].astype(object).where(frame[name].notna(), "missing").astype(str) for name in columns.categorical}
    numbers = {name: pd.to_numeric(frame[name]).astype(float) for name in columns.numeric}
    return pd.DataFrame({**text, **numbers}, index=frame.index)


def levels(inputs: DataFrame, columns: Columns) -> dict[str, tuple[str, ...]]:
    """The values of each text column that are frequent enough to stand alone, sorted."""
    counts = {name: inputs[name].value_counts() for name in columns.categorical}
    return {name: tuple(sorted(found.index[found >= RARE])) for name, found in counts.items()}


@dataclass(frozen=True)
class Design:
    """From inputs to a matrix for a linear model: indicators of values, and standardised numbers with an indicator of missing."""

    columns: Columns
    levels: dict[str, tuple[str, ...]]
    median: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @property
    def origins(self) -> list[str]:
        """The original column of each column of the matrix."""
        text = [name for name in self.columns.categorical for _ in (*self.levels[name], "other")]
        return [*text, *self.columns.numeric, *self.columns.numeric]

    def matrix(self, inputs: DataFrame) -> np.ndarray:
        """Shape (rows, len(origins))."""
        import numpy as np

        parts = []
        for name in self.columns.categorical:
            values = inputs[name].to_numpy(dtype=object)
            known = np.column_stack([values == each for each in self.levels[name]] or [np.zeros((len(values), 0))]).astype(float)
            parts += [known, 1 - known.sum(axis=1, keepdims=True)]
        numbers = inputs[list(self.columns.numeric)].to_numpy(dtype=float)
        missing = np.isnan(numbers)
        return np.hstack([*parts, (np.where(missing, self.median, numbers) - self.mean) / self.deviation, missing.astype(float)])


def fit_design(inputs: DataFrame, columns: Columns) -> Design:
    """Levels, medians, means and deviations of the training rows; a column that never varies is left at zero."""
    import numpy as np

    numbers = inputs[list(columns.numeric)].to_numpy(dtype=float)
    present = ~np.isnan(numbers)
    median = np.array([np.median(numbers[present[:, at], at]) if present[:, at].any() else 0.0 for at in range(numbers.shape[1])])
    filled = np.where(present, numbers, median)
    deviation = filled.std(axis=0)
    return Design(columns, levels(inputs, columns), median, filled.mean(axis=0), np.where(deviation > 0, deviation, 1.0))


@dataclass(frozen=True)
class Linear:
    """Base + coefficient x (value - training mean): a logistic regression's log-odds, or a ridge regression's mean."""

    design: Design
    center: np.ndarray
    coefficients: np.ndarray
    base: float

    def score(self, inputs: DataFrame) -> np.ndarray:
        """One number a row."""
        scored: np.ndarray = self.base + (self.design.matrix(inputs) - self.center) @ self.coefficients
        return scored

    def contributions(self, inputs: DataFrame) -> tuple[list[str], np.ndarray, float]:
        """Exact; the indicators of one column's values are added up."""
        parts = linear_contributions(self.design.matrix(inputs), self.center, self.coefficients)
        names, summed = sum_by_column(parts, self.design.origins)
        return names, summed, self.base


def fit_logistic(inputs: DataFrame, outcome: np.ndarray, columns: Columns) -> Linear:
    """Ridge logistic regression (C = 0.1) on the standardised design."""
    from sklearn.linear_model import LogisticRegression

    design = fit_design(inputs, columns)
    matrix = design.matrix(inputs)
    center = matrix.mean(axis=0)
    fitted = LogisticRegression(C=0.1, solver="newton-cholesky").fit(matrix - center, outcome)
    return Linear(design, center, fitted.coef_[0], float(fitted.intercept_[0]))


def fit_ridge(inputs: DataFrame, target: np.ndarray, columns: Columns, penalty: float) -> Linear:
    """Ridge regression of a mean on the standardised design; `penalty` is in rows."""
    import numpy as np

    design = fit_design(inputs, columns)
    matrix = design.matrix(inputs)
    center, base = matrix.mean(axis=0), float(np.mean(target))
    centred = matrix - center
    coefficients = np.linalg.solve(centred.T @ centred + penalty * np.eye(centred.shape[1]), centred.T @ (target - base))
    return Linear(design, center, coefficients, base)


@dataclass(frozen=True)
class Boosted:
    """Gradient boosted trees of LightGBM; contributions are exact TreeSHAP (Lundberg et al. 2020)."""

    columns: Columns
    levels: dict[str, tuple[str, ...]]
    booster: Any

    def matrix(self, inputs: DataFrame) -> np.ndarray:
        """Codes of the text columns (unseen and rare values are missing), then the numbers."""
        return _codes(inputs, self.columns, self.levels)

    def score(self, inputs: DataFrame) -> np.ndarray:
        """The sum of the leaves, one a row."""
        scored: np.ndarray = self.booster.predict(self.matrix(inputs), raw_score=True)
        return scored

    def contributions(self, inputs: DataFrame) -> tuple[list[str], np.ndarray, float]:
        """TreeSHAP values a column; the base is the mean score of the training rows."""
        parts = self.booster.predict(self.matrix(inputs), pred_contrib=True)
        return [*self.columns.categorical, *self.columns.numeric], parts[:, :-1], float(parts[0, -1])


def fit_boosting(inputs: DataFrame, target: np.ndarray, columns: Columns, *, objective: str, seed: int, trees: int = TREES) -> Boosted:
    """Shallow trees with a strong penalty: what is learnt here is a few thousand rows with a weak signal.

    Args:
        inputs: training rows of `to_inputs`, in a fixed order.
        target: 0 and 1 for `objective` 'binary', any number for 'regression'.
        columns: the inputs used.
        objective: LightGBM's name of the loss.
        seed: of LightGBM (which draws nothing at these settings).
        trees: boosting rounds.
    """
    import lightgbm

    kept = levels(inputs, columns)
    matrix = _codes(inputs, columns, kept)
    rows = lightgbm.Dataset(matrix, target, categorical_feature=list(range(len(columns.categorical))), params={"verbose": -1})
    return Boosted(columns, kept, lightgbm.train({**LIGHTGBM, "objective": objective, "seed": seed}, rows, trees))


def _codes(inputs: DataFrame, columns: Columns, kept: dict[str, tuple[str, ...]]) -> np.ndarray:
    import numpy as np
    import pandas as pd

    text = [pd.Index(kept[name]).get_indexer(pd.Index(inputs[name].to_numpy(dtype=object))) for name in columns.categorical]
    codes = [np.where(each < 0, np.nan, each.astype(float)) for each in text]
    return np.column_stack([*codes, *[inputs[name].to_numpy(dtype=float) for name in columns.numeric]])
