"""Learners of uplift from a randomised experiment: how much more of the outcome an arm brings than the control, a customer.

Each is a meta-learner on linear or boosted regressions of `estimators.py`, so that its contributions are exact and in the
outcome's unit. Choice among them and scores stay in `uplift.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.propensity.estimators import Columns, Estimator, fit_boosting, fit_ridge

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

TREES = 40
# In rows. An effect of 3 points a column against a transformed outcome with a variance of 0.5 is worth 0.5 / 0.03^2, about 500.
PENALTIES = {"linear": 20.0, "ridge": 500.0}
META = ("constant", "t", "x", "dr")


@dataclass(frozen=True)
class Learner:
    """A meta-learner with its base.

    `constant` gives everybody the average effect; `t` is the difference of two regressions, treated and control; `x` regresses imputed
    effects (Künzel et al. 2019); `dr` regresses the doubly robust transformed outcome (Kennedy 2023), with the arms' shares as
    known propensities.
    """

    meta: str
    base: str  # 'linear', 'ridge' or 'trees'
    columns: Columns
    seed: int

    @property
    def name(self) -> str:
        """How the run's parameters call it."""
        return self.meta if self.meta == "constant" else f"{self.meta}/{self.base}"

    def fit(self, inputs: DataFrame, treated: np.ndarray, outcome: np.ndarray) -> Effect:
        """The uplift of one arm, from its rows (`treated` 1) and the control's (0)."""
        import numpy as np

        share = float(treated.mean())
        if self.meta == "constant":
            return Effect((), float(outcome[treated == 1].mean() - outcome[treated == 0].mean()))
        with_arm, without = (self._regress(inputs[treated == arm], outcome[treated == arm]) for arm in (1, 0))
        if self.meta == "t":
            return Effect(((1.0, with_arm), (-1.0, without)), 0.0)
        mean_1, mean_0 = with_arm.score(inputs), without.score(inputs)
        if self.meta == "x":
            gained = self._regress(inputs[treated == 1], (outcome - mean_0)[treated == 1])
            missed = self._regress(inputs[treated == 0], (mean_1 - outcome)[treated == 0])
            return Effect(((1 - share, gained), (share, missed)), 0.0)
        residual = np.where(treated == 1, (outcome - mean_1) / share, -(outcome - mean_0) / (1 - share))
        return Effect(((1.0, self._regress(inputs, mean_1 - mean_0 + residual)),), 0.0)

    def _regress(self, inputs: DataFrame, target: np.ndarray) -> Estimator:
        if self.base in PENALTIES:
            return fit_ridge(inputs, target, self.columns, PENALTIES[self.base])
        return fit_boosting(inputs, target, self.columns, objective="regression", seed=self.seed, trees=TREES)


@dataclass(frozen=True)
class Effect:
    """A weighted sum of estimators and a constant: additive, so that contributions are too."""

    parts: tuple[tuple[float, Estimator], ...]
    constant: float

    def score(self, inputs: DataFrame) -> np.ndarray:
        """Predicted uplift, one a row."""
        import numpy as np

        total = np.full(len(inputs), self.constant)
        for weight, estimator in self.parts:
            total = total + weight * estimator.score(inputs)
        return total

    def believed(self, slope: float, inputs: DataFrame, average: float) -> Effect:
        """Spread round its mean on `inputs` scaled by `slope`, and moved so that the mean is `average`."""
        if slope == 0:
            return Effect((), average)
        parts = tuple((slope * weight, estimator) for weight, estimator in self.parts)
        return Effect(parts, slope * self.constant + average - slope * float(self.score(inputs).mean()))

    def contributions(self, inputs: DataFrame, columns: Columns) -> tuple[np.ndarray, float]:
        """Contributions (rows, columns in the order of `columns`) and the base; together they add up to `score`."""
        import numpy as np

        names = [*columns.categorical, *columns.numeric]
        total, base = np.zeros((len(inputs), len(names))), self.constant
        for weight, estimator in self.parts:
            found, values, start = estimator.contributions(inputs)
            total += weight * values[:, [found.index(name) for name in names]]
            base += weight * start
        return total, base


def learners(columns: Columns, seed: int) -> list[Learner]:
    """Every learner on every base, the simplest first (it wins ties)."""
    others = [Learner(meta, base, columns, seed) for base in (*PENALTIES, "trees") for meta in META[1:]]
    return [Learner("constant", "linear", columns, seed), *others]
