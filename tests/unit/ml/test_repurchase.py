"""Repeat purchase: BG/NBD finds the parameters of its own world, and the propensity on top ranks and explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.model import Trained
from ml.propensity import repurchase
from ml.propensity.repurchase import BetaGeometric, fit_beta_geometric

SETTINGS: dict[str, Any] = {"categorical": ["state"], "numeric": ["since_last_days"], "horizon_days": 90, "seed": 7}
TRUE = BetaGeometric(r=0.6, alpha=6.0, a=0.8, b=2.5)


def customers(count: int, snapshots: list[str], seed: int = 3) -> pd.DataFrame:
    """Customers of a BG/NBD world, one row a snapshot: weeks at their own rate, leaving after a purchase at their own chance."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        rate, leave = rng.gamma(TRUE.r, 1 / TRUE.alpha), rng.beta(TRUE.a, TRUE.b)
        start = float(rng.integers(0, 90))
        bought, now = [start], start
        while now < 900:
            now += max(1.0, rng.exponential(7 / rate))
            bought.append(now)
            if rng.random() < leave:
                break
        days = np.floor(np.array(bought))
        for snapshot in snapshots:
            day = (pd.Timestamp(snapshot) - pd.Timestamp("2017-01-01")).days
            past = days[days <= day]
            if len(past):
                rows.append(_row(number, snapshot, day, past, bool(((days > day) & (days <= day + 90)).any())))
    return pd.DataFrame(rows)


def _row(number: int, snapshot: str, day: int, past: np.ndarray, has_bought: bool) -> dict[str, object]:
    history = {"repeat_purchases": len(past) - 1, "recency_days": past[-1] - past[0], "age_days": day - past[0]}
    moment = pd.Timestamp(snapshot)
    known = {"snapshot_on": moment, "known_on": moment + pd.Timedelta(days=90), "has_bought_again": has_bought}
    return {"customer_id": f"c{number}", "state": "SP", "since_last_days": day - past[-1]} | history | known


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return customers(1500, ["2017-05-01", "2017-08-01", "2017-11-01"])


@pytest.fixture(scope="module")
def trained(frame: pd.DataFrame) -> Trained:
    return repurchase.train(frame, **SETTINGS)


def test_bg_nbd_finds_the_purchases_of_its_own_world(frame: pd.DataFrame) -> None:
    last = frame[frame["snapshot_on"] == "2017-11-01"]
    fitted = fit_beta_geometric(last)
    assert fitted.r / fitted.alpha == pytest.approx(TRUE.r / TRUE.alpha, rel=0.3)  # purchases a week
    predicted = fitted.p_purchase(last, 90)
    assert predicted.mean() == pytest.approx(last["has_bought_again"].mean(), abs=0.04)


def test_a_silent_customer_is_less_alive_and_one_that_bought_once_cannot_have_left() -> None:
    rows = pd.DataFrame({"repeat_purchases": [5, 5, 0], "recency_days": [300, 60, 0], "age_days": [310, 310, 310]})
    fresh, silent, once = TRUE.p_alive(rows)
    assert fresh > 0.6 > silent
    assert once == 1.0
    assert (TRUE.p_purchase(rows, 90) < TRUE.p_purchase(rows, 180)).all()


def test_the_propensity_ranks_customers_and_names_bg_nbd_beside(trained: Trained) -> None:
    assert trained.beats_baseline
    assert trained.metrics["auc"] > 0.7
    assert trained.metrics["auc_bg_nbd"] > 0.7
    assert trained.metrics["log_loss"] < trained.baseline["log_loss"]


def test_a_snapshot_whose_quarter_was_not_over_takes_no_part(trained: Trained, frame: pd.DataFrame) -> None:
    assert trained.held_out["snapshot_on"].unique().tolist() == [pd.Timestamp("2017-11-01")]
    assert trained.params["fit_rows"] <= int((frame["snapshot_on"] < "2017-11-01").sum())


def test_contributions_add_up_to_the_log_odds(trained: Trained, frame: pd.DataFrame) -> None:
    some = frame.head(10)
    table = trained.model.explain(some)
    probability = trained.model.predict(some)["probability"]
    assert table.groupby("row")["contribution"].sum().to_numpy() == pytest.approx(np.log(probability / (1 - probability)).to_numpy())
    assert repurchase.BG_NBD in set(table["feature"])


def test_losses_are_those_of_the_held_out_customers(trained: Trained) -> None:
    assert trained.judged.losses(trained.held_out).mean() == pytest.approx(trained.metrics["log_loss"])


def test_row_order_does_not_matter(trained: Trained, frame: pd.DataFrame) -> None:
    again = repurchase.train(frame.sample(frac=1, random_state=2), **SETTINGS)
    assert again.metrics == pytest.approx(trained.metrics)
    assert again.params == trained.params


def test_a_fit_on_everything_predicts_with_the_same_columns(frame: pd.DataFrame) -> None:
    model = repurchase.fit(frame, **SETTINGS)
    assert list(model.predict(frame.head(3)).columns) == ["probability", "p_alive"]


def test_the_example_of_its_input_is_one_that_it_can_read(trained: Trained) -> None:
    assert len(trained.model.predict(trained.input_example)) == len(trained.input_example) > 0
