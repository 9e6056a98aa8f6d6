"""A router that is learnt from a log: it finds which rung suffices for which question, at what price, and survives a pickle."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from gateway_house import question

from eco_assets.errors import DataRejected
from eco_assets.mcp.gateway.router import LearntRouter, routed_text
from ml.routing_outcomes import Reward, fit_outcomes


def log(rows: int = 600, propensity: float = 0.5) -> pd.DataFrame:
    """The cheap rung is right about deliveries alone, the dear one nine times in ten about everything."""
    rng = np.random.default_rng(3)
    is_delivery = rng.random(rows) < 0.5
    is_cheap = rng.random(rows) < propensity
    right = np.where(is_cheap, is_delivery, rng.random(rows) < 0.9)
    return pd.DataFrame(
        {
            "text": [f"{'entrega atrasada' if each else 'defeito tecnico'} {at % 7}" for at, each in enumerate(is_delivery)],
            "rung": np.where(is_cheap, "head/x", "openai/m"),
            "is_right": right.astype(int),
            "cost_micro_usd": np.where(is_cheap, 0, 400),
            "ms": np.where(is_cheap, 5.0, 350.0),
            "propensity": np.where(is_cheap, propensity, 1 - propensity),
        }
    )


def asked(text: str) -> list[float | None]:
    """What the learnt router says the cheap, the dear and an unknown rung are worth."""
    router = LearntRouter(pickle.loads(pickle.dumps(fit_outcomes(log()))))  # noqa: S301 -- our own
    return router.worth(question(evidence={"review": text}, text=""), ["head/x", "openai/m", "nova/m"])


def test_the_cheap_rung_is_worth_more_where_it_suffices_and_less_where_it_does_not() -> None:
    cheap, dear, unknown = asked("entrega atrasada")
    assert cheap is not None
    assert dear is not None
    assert unknown is None
    assert cheap > dear
    assert dear == pytest.approx(0.9 - 0.2 - 0.1, abs=0.1)  # right nine times in ten, 400 micro-dollars, 200 ms late
    cheap, dear, _ = asked("defeito tecnico")
    assert cheap is not None
    assert dear is not None
    assert dear > cheap


def test_a_reward_counts_cost_and_lateness() -> None:
    assert Reward(1_000, 100, 1_000).of(np.array([1, 0, 1]), np.array([0, 500, 0]), np.array([50, 50, 600])) == pytest.approx(
        [1, -0.5, 0.5]
    )


def test_a_rung_with_too_few_outcomes_has_no_worth_and_without_any_nothing_is_learnt() -> None:
    few = fit_outcomes(log(propensity=0.02))
    assert set(few.rungs) == {"openai/m"}
    with pytest.raises(DataRejected, match="50 outcomes"):
        fit_outcomes(log().head(20))


def test_a_router_reads_where_a_question_comes_from_and_what_was_said() -> None:
    assert routed_text(question(evidence={"b": "dois", "a": "um", "n": 3}, text="T?")) == "varejo_review_recovery_motivo T? um dois"
