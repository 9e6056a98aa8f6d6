"""From the ledger to a router: which rung was asked first, what came of the decision, and the router that is learnt from it.

A decision's outcome is right when it earned more than it cost. Answers from the cache teach nothing: nobody was asked. The fitted router
is one file of the home; whose worth it says is `ml/routing_outcomes.py`'s.
"""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eco_assets.mcp.gateway.router import LearntRouter, text_for
from eco_assets.mcp.outcomes import KIND

if TYPE_CHECKING:
    from eco_assets.ledger import Ledger
    from eco_assets.mcp.policies import Policy

FILE = "router.pkl"


def routing_log(ledger: Ledger, policies: Mapping[str, Policy]) -> list[dict[str, Any]]:
    """One row an answer of a decision whose outcome is known; the columns are those of `fit_outcomes`."""
    rewards: dict[str, float] = defaultdict(float)
    for outcome in ledger.list(KIND):
        rewards[outcome["decision_id"]] += outcome["reward_brl"]
    rows = []
    for decision_id, reward in rewards.items():
        decision = ledger.get("decision", decision_id)
        policy = policies.get(f"{decision['agent']}/{decision['point']}")
        for ask in policy.ask if policy is not None else ():
            answer = decision.get("answers", {}).get(ask.id, {})
            tried = [hop for hop in answer.get("hops", ()) if not hop["outcome"].startswith("skipped")]
            if tried and not answer["is_cached"]:
                known = {**decision["features"], **decision["predictions"]}
                text = text_for(decision["agent"], decision["point"], ask.id, {name: known.get(name) for name in ask.evidence})
                rows.append(_row(text, tried, answer["propensity"], reward > 0))
    return rows


def learn(ledger: Ledger, policies: Mapping[str, Policy], folder: Path) -> int:
    """Fit a router on the log and put it in the place of the last one; returns how many answers it was learnt from.

    Raises:
        DataRejected: too little is known of every rung.
    """
    import pandas as pd

    from ml.routing_outcomes import fit_outcomes

    rows = routing_log(ledger, policies)
    columns = ["text", "rung", "is_right", "cost_micro_usd", "ms", "propensity"]
    model = fit_outcomes(pd.DataFrame(rows, columns=columns))
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{FILE}.{os.getpid()}"
    temporary.write_bytes(pickle.dumps(model))
    temporary.replace(folder / FILE)
    return len(rows)


def learnt_router(folder: Path) -> LearntRouter | None:
    """The router that was learnt last; None where none was."""
    file = folder / FILE
    return LearntRouter(pickle.loads(file.read_bytes())) if file.exists() else None  # noqa: S301 -- this home's own file, as its models are


def _row(text: str, tried: list[Mapping[str, Any]], propensity: float, is_right: bool) -> dict[str, Any]:
    first = tried[0]
    return {
        "text": text,
        "rung": f"{first['provider']}/{first['model']}",
        "is_right": int(is_right),
        "cost_micro_usd": sum(hop["cost_micro_usd"] for hop in tried),
        "ms": sum(hop["ms"] for hop in tried),
        "propensity": propensity,
    }
