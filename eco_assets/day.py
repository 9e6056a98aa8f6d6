"""One agent's business day as the ledger has it.

When an input changed within a day, a subject was decided about again: only its newest decision stands.
"""

from __future__ import annotations

from typing import Any

from eco_assets.ledger import Ledger


def standing_decisions(ledger: Ledger, agent: str, as_of: str) -> list[dict[str, Any]]:
    """The newest decision about each subject of each decision point, in the order in which they were made."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for decision in ledger.list("decision", agent=agent, as_of=as_of):
        newest.pop((decision["point"], decision["subject"]), None)
        newest[decision["point"], decision["subject"]] = decision
    return list(newest.values())
