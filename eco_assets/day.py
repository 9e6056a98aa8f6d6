"""One agent's business day as the ledger has it.

When an input changed within a day, a subject was decided about again: only its newest decision stands. What gave way to another
decision (`eco_assets/mcp/mega`) stands no longer, and what a person must choose first waits like any approval.
"""

from __future__ import annotations

from typing import Any

from eco_assets.ledger import Ledger

RESOLUTION = "resolution"  # the ledger's kind
SUPERSEDED, HELD, RELEASED = "superseded", "held", "released"


def newest_decisions(ledger: Ledger, agent: str | None, as_of: str) -> list[dict[str, Any]]:
    """The newest decision about each subject of each decision point, in the order in which they were made; None is every agent."""
    newest: dict[tuple[str, str, str], dict[str, Any]] = {}
    for decision in ledger.list("decision", agent=agent, as_of=as_of):
        key = (decision["agent"], decision["point"], decision["subject"])
        newest.pop(key, None)
        newest[key] = decision
    return list(newest.values())


def resolutions(ledger: Ledger, agent: str | None, as_of: str) -> dict[str, dict[str, Any]]:
    """The newest resolution about each decision of the day that ever had one, by decision id."""
    return {entry["decision_id"]: entry for entry in ledger.list(RESOLUTION, agent=agent, as_of=as_of)}


def superseded_decisions(ledger: Ledger, agent: str, as_of: str) -> list[dict[str, Any]]:
    """The newest decisions of the day that gave way to another, each with the reason as `superseded_because`."""
    gave_way = {identity: entry for identity, entry in resolutions(ledger, agent, as_of).items() if entry["verdict"] == SUPERSEDED}
    if not gave_way:
        return []
    newest = newest_decisions(ledger, agent, as_of)
    return [
        {**decision, "superseded_because": gave_way[decision["decision_id"]]["reason"]}
        for decision in newest
        if decision["decision_id"] in gave_way
    ]


def standing_decisions(ledger: Ledger, agent: str, as_of: str) -> list[dict[str, Any]]:
    """The newest decisions of the day without those that gave way to another; one that is held needs a person's approval."""
    found, resolved = newest_decisions(ledger, agent, as_of), resolutions(ledger, agent, as_of)
    standing = []
    for decision in found:
        resolution = resolved.get(decision["decision_id"])
        verdict = resolution["verdict"] if resolution else RELEASED
        if verdict == HELD:
            standing.append({**decision, "requires_approval": True, "held_because": resolution["reason"] if resolution else ""})
        elif verdict != SUPERSEDED:
            standing.append(
                decision if decision["requires_approval"] or not _workflow_asks(decision) else {**decision, "requires_approval": True}
            )
    return standing


def _workflow_asks(decision: dict[str, Any]) -> bool:
    """Whether the decision's workflow has an approval point that holds for it."""
    from eco_assets.jorge.approvals import needs_person

    return bool(decision["workflow"]) and needs_person(decision)
