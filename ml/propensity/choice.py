"""What stands between estimators and `conversion.py`: candidates, the choice among them in time order, calibration.

Everything here sees training rows only. Metrics, the held-out rows and the registry stay outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.probability_scores import auc
from ml.propensity.estimators import Columns, Estimator, fit_boosting, fit_logistic

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame, Series

DRIFT_LIMIT = 0.5  # distance between the first and the last third of the training rows, 0 (same) to 1 (disjoint)
FOLDS = ((0.6, 0.73), (0.73, 0.86), (0.86, 1.0))  # expanding window: fit up to the first share, measure up to the second
CALIBRATION_SHARE = 0.2
MIN_CLASS = 3


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

    def fit(self, inputs: DataFrame, outcome: np.ndarray) -> Estimator:
        """The fitted estimator of the log-odds."""
        if self.kind == "logistic":
            return fit_logistic(inputs, outcome, self.columns)
        return fit_boosting(inputs, outcome, self.columns, objective="binary", seed=self.seed)


@dataclass(frozen=True)
class Rows:
    """Training rows in time order.

    `ready[i]` is the position of the first row before which the outcome of row i was known; what is fitted for the rows from
    position `cut` on uses only outcomes known by then.
    """

    inputs: DataFrame
    outcome: np.ndarray
    ready: np.ndarray

    def known_before(self, cut: int) -> tuple[DataFrame, np.ndarray]:
        """Inputs and outcomes of the rows before `cut` whose outcome was known at `cut`."""
        import numpy as np

        at = np.flatnonzero(self.ready[:cut] <= cut)
        return self.inputs.iloc[at], self.outcome[at]

    def first(self, count: int) -> Rows:
        """The first `count` rows without those whose outcome was not known by then."""
        import numpy as np

        at = np.flatnonzero(self.ready[:count] <= count)
        return Rows(self.inputs.iloc[at], self.outcome[at], np.searchsorted(at, self.ready[at]))


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


def choose(options: list[Candidate], rows: Rows) -> Candidate:
    """The candidate with the highest mean AUC over folds in time order (the first one when no fold has both classes)."""
    import numpy as np

    count = len(rows.outcome)
    edges = [(int(count * a), int(count * b)) for a, b in FOLDS]
    parts = [(rows.known_before(a), rows.inputs.iloc[a:b], rows.outcome[a:b]) for a, b in edges]
    usable = [part for part in parts if has_both(part[0][1]) and has_both(part[2])]
    if not usable:
        return options[0]

    def mean_auc(option: Candidate) -> float:
        return float(np.mean([auc(outcome, option.fit(*known).score(inputs)) for known, inputs, outcome in usable]))

    return max(options, key=mean_auc)


def fit_calibrated(option: Candidate, rows: Rows) -> tuple[Estimator, tuple[float, float]]:
    """The estimator fitted on all rows, and the calibration (shift, slope) learnt on the latest fifth by one fitted before it.

    The slope stays positive: calibration may flatten a ranking, it may never turn it round.
    """
    start = int(len(rows.outcome) * (1 - CALIBRATION_SHARE))
    whole = option.fit(rows.inputs, rows.outcome)
    earlier = rows.known_before(start)
    if not (has_both(earlier[1]) and has_both(rows.outcome[start:])):
        return whole, (0.0, 1.0)
    latest, happened = rows.inputs.iloc[start:], rows.outcome[start:]
    slope = _slope(option.fit(*earlier).score(latest), happened)
    return whole, (_intercept(slope * whole.score(latest), float(happened.mean())), slope)


def has_both(outcome: np.ndarray) -> bool:
    """True with at least three rows of each class."""
    positive = int(outcome.sum())
    return min(positive, len(outcome) - positive) >= MIN_CLASS


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


def _share_distance(first: Series[str], last: Series[str]) -> float:
    """Total variation distance between the shares of the values."""
    before, after = first.value_counts(normalize=True), last.value_counts(normalize=True)
    return float(before.sub(after, fill_value=0).abs().sum() / 2)


def _rank_distance(first: Series[float], last: Series[float]) -> float:
    """Kolmogorov-Smirnov distance; a column that is empty in one part counts as drifting."""
    from scipy.stats import ks_2samp

    before, after = first.dropna(), last.dropna()
    return float(ks_2samp(before, after, method="asymp").statistic) if len(before) and len(after) else 1.0
