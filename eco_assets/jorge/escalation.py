"""Brings an approval that waits for long to the person whom its workflow names, through the e-mail door; the same one once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from eco_assets.jorge.approvals import sweep
from eco_assets.jorge.approvers import Approvers, approvers

if TYPE_CHECKING:
    from eco_assets.jorge.world import World
    from eco_assets.platform import Platform

DOOR = "email"


def teller(world: World, people: Approvers) -> Callable[[dict[str, Any], str], str]:
    """What `sweep` tells with. An approval whose workflow names nobody goes to those who may answer for the agent."""

    def tell(decision: dict[str, Any], to: str) -> str:
        listed = [person.email for person in people.people if decision["agent"] in person.agents and person.email]
        message = {
            "decision_id": decision["decision_id"],
            "traceparent": decision.get("traceparent", ""),
            "subject": decision["subject"],
            "action": decision["action"],
            "template": "aprovacao_em_espera",
            "to": to or ", ".join(listed) or f"responsável por {decision['agent']}",
            "agent": decision["agent"],
            "as_of": decision["as_of"],
            "reason": decision.get("reason", ""),
            "value_brl": decision["value_brl"],
            "cost_brl": decision["cost_brl"],
            "asked_at": decision["asked_at"],
            "expires_at": decision["expires_at"],
            "content_hash": decision["content_hash"],
            "command": f"eco approvals approve {decision['decision_id']} --by NOME",
        }
        return world.send(DOOR, f"{decision['decision_id']}/escalation", message)

    return tell


def sweep_all(platform: Platform, now: datetime | None = None) -> list[dict[str, Any]]:
    """Expire and escalate everywhere; returns what was done."""
    return sweep(platform.ledger, now, tell=teller(platform.world, approvers(platform.settings)))
