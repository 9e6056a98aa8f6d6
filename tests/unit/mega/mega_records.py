"""Decisions as the ledger holds them, and small rules, for the tests of the mega-agent."""

from __future__ import annotations

import hashlib
from typing import Any

from eco_assets.ledger import Entry
from eco_assets.mcp.mega.rules import Rules

DAY = "2026-10-31"


def decision(action: str, subject: str, value: float = 10.0, cost: float = 1.0, *, needs: bool = False, **features: Any) -> dict[str, Any]:
    """One of `agent.point.action`; an action called `wait` has no workflow."""
    agent, point, name = action.split(".")
    return {
        "decision_id": hashlib.sha256(f"{action}/{subject}/{value}/{cost}".encode()).hexdigest()[:32],
        "agent": agent,
        "point": point,
        "subject": subject,
        "as_of": DAY,
        "action": name,
        "workflow": None if name == "wait" else f"{agent}.{name}",
        "value_brl": value,
        "cost_brl": cost,
        "requires_approval": needs,
        "features": features,
        "tokens": 0,
        "traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01",
    }


def entry(made: dict[str, Any]) -> Entry:
    return Entry("decision", made["decision_id"], made["agent"], made["as_of"], made)


def small_rules(approval_above_brl: float | None = None) -> Rules:
    """Two points that exclude each other by machine, one that excludes itself, a budget and ten hours."""
    return Rules.model_validate(
        {
            "api": "eco/mega-rules/v1",
            "version": "1.0.0",
            "precedence": [{"id": "safety", "reason": "Segurança vem primeiro", "actions": ["industrial.alarm.stop"]}],
            "exclusions": [
                {
                    "id": "machine",
                    "reason": "a máquina não roda parada.",
                    "shared": "máquina",
                    "approval_above_brl": approval_above_brl,
                    "sides": [
                        {"actions": ["industrial.alarm.*"], "key": "subject"},
                        {"actions": ["industrial.planning.*"], "key": "features.machine"},
                    ],
                },
                {
                    "id": "voucher",
                    "reason": "um só cupom.",
                    "shared": "pedido",
                    "sides": [{"actions": ["varejo.*.voucher"], "key": "subject[1]"}],
                },
            ],
            "resources": [
                {"id": "hours", "label": "Horas", "unit": "count", "capacity": 10, "uses": [{"actions": ["industrial.*.*"]}]},
                {
                    "id": "media",
                    "label": "Mídia",
                    "unit": "brl",
                    "capacity": 1000,
                    "monthly": 20000,
                    "uses": [{"actions": ["agencia.*.*"], "quantity": "cost"}],
                },
            ],
        }
    )
