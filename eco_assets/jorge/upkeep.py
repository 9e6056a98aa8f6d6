"""What Jorge OS needs done from time to time, by a schedule: approvals, settlements, retention. Safe to do twice, and by two at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eco_assets.errors import NotFound
from eco_assets.jorge import dead_letters, retention
from eco_assets.jorge.escalation import sweep_all

if TYPE_CHECKING:
    from eco_assets.platform import Platform


def keep(platform: Platform, *, days: float = retention.KEEP_DAYS) -> tuple[int, int, int]:
    """Do it; returns approvals escalated or expired, requeues settled, orders forgotten."""
    from eco_assets.jorge.agents import WORKFLOWS
    from eco_assets.jorge.launch import open_port

    answered = len(sweep_all(platform))
    try:
        with open_port(platform.settings.jorge_target, WORKFLOWS) as port:
            settled = len(dead_letters.settle(port, platform.ledger))
            return answered, settled, retention.sweep(port, platform.ledger, days=days)
    except NotFound:  # nothing was carried out yet
        return answered, 0, 0
