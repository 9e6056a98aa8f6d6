"""A router that is learnt from a log: it finds which rung suffices for which question, at what price, and survives a pickle."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from gateway_house import question

from eco_assets.errors import DataRejected
from eco_assets.ledger import Entry, Ledger
from eco_assets.mcp.gateway.router import LearntRouter, text_for
from eco_assets.mcp.gateway.routing_log import learn, learnt_router, routing_log
from eco_assets.mcp.questions import Answer, Hop
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
    assert text_for("varejo", "p", "motivo", {"b": "dois", "a": "um", "n": 3}) == "varejo_p_motivo um dois"


def test_a_router_is_learnt_from_the_ledger_and_found_by_the_next_gateway(tmp_path: Path) -> None:
    ask = SimpleNamespace(id="motivo", evidence=("review",))
    policies: Any = {"varejo/p": SimpleNamespace(ask=(ask,))}
    ledger = Ledger(tmp_path / "ledger.db")
    entries = []
    for at, row in enumerate(log(200).to_dict("records")):
        provider, model = row["rung"].split("/")
        skipped = Hop("xai", "grok", "chat", "skipped: breaker")
        hop = Hop(provider, model, "chat", "answered", ms=row["ms"], cost_micro_usd=row["cost_micro_usd"])
        answer = Answer("motivo", "a", 0.9, provider=provider, model=model, propensity=0.5, is_cached=at == 0, hops=(skipped, hop)).record()
        body = {"agent": "varejo", "point": "p", "answers": {"motivo": answer}, "features": {"review": row["text"]}, "predictions": {}}
        entries.append(Entry("decision", f"d{at}", "varejo", "2018-05-31", body))
        reward = {"decision_id": f"d{at}", "reward_brl": 10.0 if row["is_right"] else -1.0}
        entries.append(Entry("outcome", f"d{at}/crm", "varejo", "2018-05-31", reward))
    ledger.append(entries)
    rows = routing_log(ledger, policies)
    assert len(rows) == 199  # nobody was asked for the one from the cache
    assert {row["rung"] for row in rows} == {"head/x", "openai/m"}
    assert learnt_router(tmp_path) is None
    assert learn(ledger, policies, tmp_path) == 199
    router = learnt_router(tmp_path)
    assert router is not None
    cheap, dear = router.worth(question(evidence={"review": "entrega atrasada 1"}), ["head/x", "openai/m"])
    assert cheap is not None
    assert dear is not None
    assert cheap > dear
