"""What another policy would have earned, estimated from decisions that were made, their propensities and their outcomes.

A decision counts by the weight w = P_new(action) / P_logged(action). IPS is the mean of w·r; SNIPS divides by the mean of w; DR adds to a
model of the reward the weighted error that the model makes (Dudík, Langford & Li 2011). All are in the unit of the reward, per decision.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BOOTSTRAPS = 500


@dataclass(frozen=True)
class Estimate:
    """An estimate with the 95 % interval of a bootstrap over decisions."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class OffPolicy:
    """Estimates of one policy's value on one log.

    `ess` is the effective sample size, (Σw)²/Σw²; `unsupported` the share of decisions where the new policy may do what the log never
    could.
    """

    n: int
    logged: Estimate
    ips: Estimate
    snips: Estimate
    dr: Estimate
    ess: float
    unsupported: float

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def estimate(
    actions: NDArray[np.int64], rewards: Floats, logged: Floats, new: Floats, groups: NDArray[np.int64], *, seed: int = 7
) -> OffPolicy:
    """Estimate a policy's value.

    Args:
        actions: number of the action that was taken, shape (n,).
        rewards: what came of it, shape (n,).
        logged: the logging policy's probability of every action, shape (n, actions); that of the taken action is above 0.
        new: the new policy's, same shape.
        groups: number of the segment of each decision, shape (n,); rewards are modelled by segment and action for DR.
        seed: of the bootstrap.

    Raises:
        ValueError: there is no decision, or a taken action had no probability.
    """
    import numpy as np

    n, rows = len(actions), np.arange(len(actions))
    taken = logged[rows, actions]
    if n == 0 or (taken <= 0).any():
        raise ValueError("off-policy estimates need decisions, each with a propensity above 0 for the action that was taken")
    weights = new[rows, actions] / taken
    model = _cell_means(actions, rewards, groups, logged.shape[1])
    direct = (new * model).sum(axis=1)
    robust = direct + weights * (rewards - model[rows, actions])
    draws = np.random.default_rng(seed).integers(0, n, size=(BOOTSTRAPS, n))
    weighted = weights * rewards
    mean_weights = weights[draws].mean(axis=1)
    snips = np.divide(weighted[draws].mean(axis=1), mean_weights, out=np.zeros(BOOTSTRAPS), where=mean_weights > 0)
    total = float(weights.sum())
    return OffPolicy(
        n=n,
        logged=_interval(float(rewards.mean()), rewards[draws].mean(axis=1)),
        ips=_interval(float(weighted.mean()), weighted[draws].mean(axis=1)),
        snips=_interval(float(weighted.sum() / total) if total else 0.0, snips),
        dr=_interval(float(robust.mean()), robust[draws].mean(axis=1)),
        ess=total**2 / float((weights**2).sum()) if total else 0.0,
        unsupported=float(((new > 0) & (logged <= 0)).any(axis=1).mean()),
    )


def _interval(value: float, draws: Floats) -> Estimate:
    import numpy as np

    low, high = np.quantile(draws, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _cell_means(actions: NDArray[np.int64], rewards: Floats, groups: NDArray[np.int64], count: int) -> Floats:
    """Modelled reward of every action for each decision, shape (n, actions).

    The mean of its segment and action, leaving the decision's own reward out, drawn to the action's mean where the cell is small.
    """
    import numpy as np

    prior, cells = 10.0, groups * count
    size = int(cells.max()) + count
    sums, counts = (np.bincount(cells + actions, weights=values, minlength=size) for values in (rewards, np.ones(len(rewards))))
    overall = float(rewards.mean())
    by_action = (np.bincount(actions, weights=rewards, minlength=count) + overall) / (np.bincount(actions, minlength=count) + 1)
    index = cells[:, None] + np.arange(count)
    own = np.arange(count) == actions[:, None]
    found: Floats = (sums[index] - own * rewards[:, None] + prior * by_action) / (counts[index] - own + prior)
    return found
