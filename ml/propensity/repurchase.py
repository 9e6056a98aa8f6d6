"""Repeat purchase (its complement is churn): the probability that a customer buys again within a horizon, as of a snapshot day.

A row is a customer on a snapshot day, with the history known then. The BG/NBD model of purchase counts turns number, recency and age
into a probability; `conversion.py` learns from that and everything else that is known. `explain` is on the calibrated log-odds scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml.model import Predictor, Trained
from ml.probability_scores import auc
from ml.propensity import conversion
from ml.propensity.estimators import Columns

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame

TARGET, TIME, KNOWN = "has_bought_again", "snapshot_on", "known_on"
HISTORY = ("repeat_purchases", "recency_days", "age_days")
BG_NBD = "bg_nbd_log_odds"
# Age and recency grow with the snapshot for everybody: as plain inputs they tell the day, so they enter through BG/NBD alone.
LEARNT = ("repeat_purchases", BG_NBD)
DAYS_A_WEEK = 7.0


@dataclass(frozen=True)
class BetaGeometric:
    """BG/NBD (Fader, Hardie and Lee 2005): Poisson purchases at gamma distributed rates, a beta distributed chance to leave after each.

    Time is in weeks. `r`, `alpha` are of the rates, `a`, `b` of the chance to leave.
    """

    r: float
    alpha: float
    a: float
    b: float

    def p_alive(self, frame: DataFrame) -> np.ndarray:
        """Probability that a customer has not left; 1 for one that bought once (a customer leaves after a repeat purchase only)."""
        import numpy as np

        repeats, recency, age = _weeks(frame)
        left = (
            self.a
            / (self.b + np.maximum(repeats, 1) - 1)
            * np.exp((self.r + repeats) * np.log((self.alpha + age) / (self.alpha + recency)))
        )
        alive: np.ndarray = 1 / (1 + np.where(repeats > 0, left, 0.0))
        return alive

    def p_purchase(self, frame: DataFrame, horizon_days: int) -> np.ndarray:
        """Probability of at least one purchase within the horizon: alive, and not silent (a gamma mixture of Poisson counts)."""
        import numpy as np

        repeats, _, age = _weeks(frame)
        start = self.alpha + age
        silent = np.exp((self.r + repeats) * np.log(start / (start + horizon_days / DAYS_A_WEEK)))
        purchase: np.ndarray = self.p_alive(frame) * (1 - silent)
        return purchase


def fit_beta_geometric(frame: DataFrame) -> BetaGeometric:
    """Maximum likelihood on one row a customer (the latest snapshot of each); a small penalty keeps thin data finite."""
    import numpy as np
    from scipy.optimize import minimize
    from scipy.special import betaln, gammaln

    cells = frame[list(HISTORY)].astype(float).value_counts().reset_index()  # customers with an equal history are one cell
    repeats, recency, age = _weeks(cells)
    weight = cells["count"].to_numpy(dtype=float)

    def loss(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(logs)
        alive = -(r + repeats) * np.log(alpha + age)
        left = np.log(a) - np.log(b + np.maximum(repeats, 1) - 1) - (r + repeats) * np.log(alpha + recency)
        likelihood = gammaln(r + repeats) - gammaln(r) + r * np.log(alpha) + betaln(a, b + repeats) - betaln(a, b)
        likelihood += np.where(repeats > 0, np.logaddexp(alive, left), alive)
        return float(-(weight * likelihood).sum() / weight.sum() + 1e-4 * (logs**2).sum())

    found = minimize(loss, np.zeros(4), method="L-BFGS-B", bounds=[(-8, 8)] * 4).x
    return BetaGeometric(*(float(each) for each in np.exp(found)))


@dataclass(frozen=True)
class RepurchaseModel:
    """BG/NBD and the propensity model that reads it."""

    purchases: BetaGeometric
    horizon_days: int
    propensity: Predictor

    def predict(self, frame: DataFrame) -> DataFrame:
        """`probability` of a purchase within the horizon, and `p_alive`; index kept."""
        return self.propensity.predict(self._with_purchases(frame)).assign(p_alive=self.purchases.p_alive(frame))

    def explain(self, frame: DataFrame) -> DataFrame:
        """Contributions to the calibrated log-odds; what comes through BG/NBD is the feature `bg_nbd_log_odds`."""
        return self.propensity.explain(self._with_purchases(frame))

    def losses(self, held_out: DataFrame) -> np.ndarray:
        """Log loss a row with a known outcome, in the order of `held_out`."""
        return self.propensity.losses(self._with_purchases(held_out))

    def _with_purchases(self, frame: DataFrame) -> DataFrame:
        return _with_log_odds(frame, self.purchases, self.horizon_days)


def fit(frame: DataFrame, *, categorical: list[str], numeric: list[str], horizon_days: int, seed: int) -> RepurchaseModel:
    """BG/NBD on the latest row of each customer, then the propensity model on all rows; arguments as in `train`."""
    purchases = fit_beta_geometric(_latest(frame))
    columns = Columns(tuple(categorical), (*numeric, *LEARNT))
    rows = _with_log_odds(frame, purchases, horizon_days)
    made = conversion.fit(rows, target=TARGET, time_column=TIME, columns=columns, known_column=KNOWN, seed=seed)
    return RepurchaseModel(purchases, horizon_days, made)


def train(
    frame: DataFrame, *, categorical: list[str], numeric: list[str], horizon_days: int, seed: int, slice_keys: Sequence[str] = ()
) -> Trained:
    """`conversion.train` with the BG/NBD model's log-odds as one more number; that model is fitted on the first 75 % of the rows.

    Args:
        frame: `customer_id`, `snapshot_on`, `known_on` (when the outcome is known), `has_bought_again` (boolean), `repeat_purchases`
            (purchases less the first), `recency_days` (first to last purchase), `age_days` (first purchase to snapshot).
        categorical: further text columns.
        numeric: further number columns.
        horizon_days: length of the window that `has_bought_again` looks at.
        seed: of the gradient boosting candidate.
        slice_keys: columns by whose values the AUC is broken down.

    Returns:
        The metrics of `conversion.train` and `auc_bg_nbd`, what BG/NBD alone reaches on the same rows.

    Raises:
        DataRejected: too few outcomes.
    """
    history = frame.sort_values([TIME, "customer_id"], kind="stable")
    purchases = fit_beta_geometric(_latest(history.iloc[: int(len(history) * (1 - conversion.TEST_SHARE))]))
    trained = conversion.train(
        _with_log_odds(frame, purchases, horizon_days),
        target=TARGET,
        time_column=TIME,
        known_column=KNOWN,
        categorical=categorical,
        numeric=[*numeric, *LEARNT],
        seed=seed,
        slice_keys=slice_keys,
    )
    alone = auc(trained.held_out[TARGET].astype(int).to_numpy(), trained.held_out[BG_NBD].to_numpy())
    fitted = {f"bg_nbd_{name}": round(value, 4) for name, value in vars(purchases).items()}
    return replace(
        trained,
        model=RepurchaseModel(purchases, horizon_days, trained.model),
        judged=RepurchaseModel(purchases, horizon_days, trained.judged),
        held_out=trained.held_out.drop(columns=BG_NBD),
        metrics=trained.metrics | {"auc_bg_nbd": alone},
        params=trained.params | fitted | {"horizon_days": horizon_days},
        input_example=history[list(dict.fromkeys([*HISTORY, *categorical, *numeric]))].head(3),
    )


def _latest(frame: DataFrame) -> DataFrame:
    return frame.sort_values([TIME, "customer_id"], kind="stable").drop_duplicates("customer_id", keep="last")


def _with_log_odds(frame: DataFrame, purchases: BetaGeometric, horizon_days: int) -> DataFrame:
    import numpy as np
    from scipy.special import logit

    return frame.assign(**{BG_NBD: logit(np.clip(purchases.p_purchase(frame, horizon_days), 1e-6, 1 - 1e-6))})


def _weeks(frame: DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    repeats, recency, age = (frame[name].to_numpy(dtype=float) for name in HISTORY)
    return repeats, recency / DAYS_A_WEEK, age / DAYS_A_WEEK
