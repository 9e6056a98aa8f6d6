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

DOOR, ROLE = "email", "aprovador"
_TOLD = (
    *("decision_id", "traceparent", "agent", "as_of", "subject", "action", "reason", "value_brl", "cost_brl"),
    *("asked_at", "expires_at", "content_hash"),
)


def teller(world: World, people: Approvers) -> Callable[[dict[str, Any], str], None]:
    """What `sweep` tells with. An approval whose workflow names nobody goes to those who may answer for the agent."""

    def tell(decision: dict[str, Any], to: str) -> None:
        listed = [person.email for person in people.people if decision["agent"] in person.agents and person.email]
        for number, who in enumerate([to] if to else listed or [ROLE]):
            message = {
                **{name: decision.get(name, "") for name in _TOLD},
                "template": "aprovacao_em_espera",
                "to": who,
                "command": f"eco approvals approve {decision['decision_id']} --by NOME",
            }
            world.send(DOOR, f"{decision['decision_id']}/escalation{f'/{number}' if number else ''}", message, kind="email")

    return tell


def sweep_all(platform: Platform, now: datetime | None = None) -> list[dict[str, Any]]:
    """Expire and escalate everywhere; returns what was done."""
    return sweep(platform.ledger, now, tell=teller(platform.world, approvers(platform.settings)))
