"""Scores of uplift in a randomised experiment: gain curve, AUUC, Qini coefficient, the value of a policy, intervals.

Definitions, for one treatment arm against the control (Radcliffe 2007, in the outcome's unit a customer of the whole population):
`gain(s)` = s x (mean outcome of the treated - mean of the control) among the share s with the highest predicted uplift.
`AUUC` is the area under it for s from 0 to 1; a random order gives half the average effect; the `Qini coefficient` is what is above
that. Customers with equal predictions are taken together, so a constant prediction has a Qini coefficient of exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def gain_curve(uplift: np.ndarray, treated: np.ndarray, outcome: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares targeted (0 to 1, ascending) and the gain at each, in the outcome's unit a customer."""
    import numpy as np

    order = np.argsort(-uplift, kind="stable")
    score, is_treated, happened = uplift[order], treated[order].astype(float), outcome[order].astype(float)
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    count_t, count_c = np.cumsum(is_treated)[last], np.cumsum(1 - is_treated)[last]
    sum_t, sum_c = np.cumsum(happened * is_treated)[last], np.cumsum(happened * (1 - is_treated))[last]
    share = (last + 1) / len(score)
    gain = share * (sum_t / np.maximum(count_t, 1) - sum_c / np.maximum(count_c, 1))
    return np.append(0.0, share), np.append(0.0, gain)


def auuc(uplift: np.ndarray, treated: np.ndarray, outcome: np.ndarray) -> float:
    """Area under the gain curve."""
    import numpy as np

    share, gain = gain_curve(uplift, treated, outcome)
    return float(np.trapezoid(gain, share))


def qini(uplift: np.ndarray, treated: np.ndarray, outcome: np.ndarray) -> float:
    """AUUC less that of a random order; above 0 the ranking finds who is moved."""
    effect = float(outcome[treated == 1].mean() - outcome[treated == 0].mean())
    return auuc(uplift, treated, outcome) - effect / 2


def credible_slope(uplift: np.ndarray, treated: np.ndarray, outcome: np.ndarray) -> float:
    """How much of the spread of out-of-fold predictions to believe, 0 to 1: the regression of the transformed outcome on them.

    The slope is 1 where predictions are right on average and 0 where they are noise (the best linear predictor of Chernozhukov et al.
    2018). It is shrunk by what chance gives, slope x (1 - 1 / z^2) with z the slope over its standard error, 0 below z = 1: to
    believe noise costs more than to miss a difference. On Hillstrom's spend the unshrunk choice of an arm by customer earned 0.39 USD
    a customer less than one e-mail for all.
    """
    import numpy as np

    share = float(treated.mean())
    level = (1 - share) * outcome[treated == 1].mean() + share * outcome[treated == 0].mean()
    truth = (outcome - level) * (treated - share) / (share * (1 - share))
    spread = uplift - uplift.mean()
    total = float((spread**2).sum())
    if total <= 1e-12 * len(uplift):
        return 0.0
    slope = float((spread * truth).sum()) / total
    rest = truth - truth.mean() - slope * spread
    error = float(np.sqrt(((spread * rest) ** 2).sum())) / total
    return min(max(slope - error**2 / slope, 0.0), 1.0) if slope > 0 else 0.0


@dataclass(frozen=True)
class Outcomes:
    """Held-out customers of an experiment: arm by number (0 is the control, then the columns of `uplift`), and what they did."""

    given: np.ndarray
    outcome: np.ndarray
    uplift: np.ndarray
    recommended: np.ndarray

    def mean_over_arms(self, score: Callable[[np.ndarray, np.ndarray, np.ndarray], float], at: np.ndarray) -> float:
        """`qini` or `auuc` of each treatment arm against the control among the customers `at`, the mean."""
        found = [self.one_arm(score, arm, at) for arm in range(1, self.uplift.shape[1] + 1)]
        return sum(found) / len(found)

    def one_arm(self, score: Callable[[np.ndarray, np.ndarray, np.ndarray], float], arm: int, at: np.ndarray) -> float:
        """`qini` or `auuc` of one arm; NaN where nobody got it, or nobody the control."""
        kept = at[(self.given[at] == arm) | (self.given[at] == 0)]
        treated = (self.given[kept] == arm).astype(int)
        if not 0 < treated.sum() < len(treated):
            return float("nan")
        return score(self.uplift[kept, arm - 1], treated, self.outcome[kept])

    def value(self, rule: np.ndarray, at: np.ndarray) -> float:
        """Mean outcome had the customers `at` got what `rule` says; inverse probability weights, normalised within an arm.

        Only customers who by chance got the arm that the rule gives them tell; they stand for all to whom it gives that arm.
        """
        import numpy as np

        value, rules, given, outcome = 0.0, rule[at], self.given[at], self.outcome[at]
        for arm in np.unique(rules):
            meant = rules == arm
            same = meant & (given == arm)
            value += float(meant.mean()) * float((outcome[same] if same.any() else outcome[meant]).mean())
        return value


def interval(score: Callable[[np.ndarray], float], rows: int, *, draws: int, seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap of `score`, a function of row positions."""
    import numpy as np

    rng = np.random.default_rng(seed)
    low, high = np.nanquantile([score(rng.integers(0, rows, rows)) for _ in range(draws)], [0.025, 0.975])
    return float(low), float(high)
