"""What came of decisions: recorded once by each source. Off-policy estimates and the routing model learn from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from eco_assets.errors import NotFound, RequestRefused
from eco_assets.ledger import Entry, Ledger

KIND = "outcome"


@dataclass(frozen=True)
class Outcome:
    """What one decision earned, BRL, less what it cost; `at` is when that was known, `source` who says so."""

    decision_id: str
    reward_brl: float
    at: datetime
    source: str

    @property
    def id(self) -> str:
        """Unique by decision and source."""
        return f"{self.decision_id}/{self.source}"


def record_outcomes(ledger: Ledger, outcomes: Iterable[Outcome]) -> int:
    """Append what is new; returns how many were. A second one of the same decision and source is left out.

    Raises:
        RequestRefused: a reward is no finite number, a moment has no time zone, a source is empty, or two differ about the same decision.
        NotFound: no such decision.
        LedgerError: the ledger cannot be written.
    """
    fresh = []
    for outcome in outcomes:
        if not math.isfinite(outcome.reward_brl) or outcome.at.tzinfo is None or not outcome.source.strip():
            raise RequestRefused(f"outcome of {outcome.decision_id}: needs a finite reward_brl, a moment with its time zone, and a source")
        if not ledger.holds("decision", outcome.decision_id):
            raise NotFound(f"no decision {outcome.decision_id!r}: an outcome needs the whole id that the decision was answered with")
        decision = ledger.get("decision", outcome.decision_id)
        body = {
            "decision_id": outcome.decision_id,
            "reward_brl": round(outcome.reward_brl, 2),
            "at": outcome.at.isoformat(timespec="seconds"),
            "source": outcome.source,
        }
        if ledger.holds(KIND, outcome.id) and ledger.get(KIND, outcome.id)["reward_brl"] != body["reward_brl"]:
            raise RequestRefused(
                f"{outcome.source} gave another outcome of {outcome.decision_id} before; give a correction a source of its own"
            )
        fresh.append(Entry(KIND, outcome.id, decision["agent"], decision["as_of"], body))
    return ledger.append(fresh)


def rewards(ledger: Ledger, agent: str, since: str, until: str) -> dict[str, float]:
    """Reward by decision of the business days from `since` to `until`, ISO; the newest source of each counts."""
    return {each["decision_id"]: each["reward_brl"] for each in ledger.list(KIND, agent=agent, since=since, as_of=until)}
