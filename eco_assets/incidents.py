"""Incidents: a run that failed for good is recorded once and told to whoever is on call.

The record is a ledger entry of kind `incident`; the alert goes through the door `pager`, which is a signed webhook where one is
configured. What people read about it is `notion_sync`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eco_assets.ledger import Entry, Ledger
from eco_assets.personal_data import normal, replaced

if TYPE_CHECKING:
    from eco_assets.jorge.world import World

KIND, DOOR = "incident", "pager"
_LONGEST = 500  # characters of an error's message that are kept


@dataclass(frozen=True)
class FailedStep:
    """A step that failed: its name, the assets that it makes, the error's class and message, whether trying again may help."""

    name: str
    assets: tuple[str, ...]
    error: str
    message: str


@dataclass(frozen=True)
class FailedRun:
    """A run that ended in failure and will not be run again by itself; `at` is ISO with zone, `day` the business day or empty."""

    run_id: str
    job: str
    agent: str
    day: str
    at: str
    steps: tuple[FailedStep, ...]


def record(ledger: Ledger, world: World, failed: FailedRun) -> dict[str, Any] | None:
    """Write the incident and raise the alert; None where it is known already. Personal data in messages is masked.

    Raises:
        DoorUnavailable: the alert could not be sent; the same call may go through later and sends it once.
    """
    body = {
        "run_id": failed.run_id,
        "job": failed.job,
        "agent": failed.agent,
        "as_of": failed.day,
        "at": failed.at,
        "steps": [{"name": s.name, "assets": list(s.assets), "error": s.error, "message": _masked(s.message)} for s in failed.steps],
    }
    is_new = bool(ledger.append([Entry(KIND, failed.run_id, failed.agent, failed.day, body)]))
    # After the record and again on a repeat: the key makes the receiver ignore what it has.
    world.send(DOOR, f"incident/{failed.run_id}", {"kind": KIND, **body})
    return body if is_new else None


def _masked(message: str) -> str:
    return replaced(normal(message), lambda kind, _: f"[{kind}]")[:_LONGEST]
