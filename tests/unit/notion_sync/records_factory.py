"""Ledger records for the tests of pages."""

import hashlib
from typing import Any


def decision(number: int, **changes: Any) -> dict[str, Any]:
    """Return a decision record; `number` makes its id."""
    record = {
        "decision_id": hashlib.sha256(str(number).encode()).hexdigest(),
        "agent": "varejo",
        "point": "replenishment",
        "subject": "cama_mesa_banho",
        "as_of": "2018-05-31",
        "policy": {"name": "varejo.replenishment", "version": "1.0.0", "digest": "d" * 64},
        "models": [{"name": "varejo_demand_forecast", "version": 3}],
        "features": {"units_7d": 120, "review_text": "Odiei este produto", "price_mean_brl": 12.5},
        "predictions": {"p_units_p50": 101.25, "p_negative": 0.25},
        "alternatives": [
            {"action": "repor_estoque", "is_eligible": True, "value_brl": 100.0, "cost_brl": 30.0, "why": "elegível"},
            {"action": "remarcar_preco", "is_eligible": False, "value_brl": 0.0, "cost_brl": 0.0, "why": "x > y"},
        ],
        "action": "repor_estoque",
        "workflow": "varejo.repor_estoque",
        "value_brl": 100.0,
        "cost_brl": 30.0,
        "confidence": 0.9,
        "requires_approval": False,
        "guardrails": [],
        "reason": "Demanda acima do planejado.",
        "provider": "none",
        "tokens": 0,
        "cost_usd": 0.0,
        "latency_ms": 10.0,
    }
    return record | changes


def execution(of: dict[str, Any], outcome: str = "completed", **changes: Any) -> dict[str, Any]:
    """Return the execution record of a decision."""
    record = {
        "workflow_id": of["decision_id"],
        "decision_id": of["decision_id"],
        "agent": of["agent"],
        "workflow": of["workflow"],
        "outcome": outcome,
        "steps": [{"name": "reservar", "outcome": "failed" if outcome == "failed" else "done", "detail": "Sem resposta."}],
        "cost_brl": 1.5,
    }
    return record | changes
