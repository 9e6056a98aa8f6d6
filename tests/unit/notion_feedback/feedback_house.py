"""A home with decisions that wait, and events about their pages, for the tests of feedback."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eco_assets.jorge.approvals import content_hash
from eco_assets.jorge.approvers import Approver, Approvers
from eco_assets.lake import Lake
from eco_assets.ledger import Entry, Ledger
from notion_sync.approval_pages import approval_path
from notion_sync.feedback.intake import Intake, Taken
from notion_sync.sync.store import Event

DAY, AT = "2018-05-31", datetime(2026, 11, 22, 12, tzinfo=UTC)
ANA, RUI = Approver(name="Ana Souza", email="ana@empresa.com.br", agents=("comercial",)), Approver(name="Rui Lima", agents=("varejo",))
PEOPLE = Approvers((ANA, RUI))


def proposal(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A decision as the ledger holds it, that needs a person."""
    agent = str(changes.get("agent", "comercial"))
    record = {
        "decision_id": hashlib.sha256(f"{agent}/{number}".encode()).hexdigest()[:32],
        "agent": agent,
        "point": "lead_next_action",
        "subject": f"lead-{number}",
        "as_of": DAY,
        "policy": {"name": "comercial/lead_next_action", "version": "2.0.0", "digest": "d" * 64},
        "models": [],
        "features": {"age_days": 3.0},
        "predictions": {"p_convert": 0.4},
        "alternatives": [],
        "action": "agendar_contato",
        "workflow": "comercial.agendar_contato",
        "value_brl": 900.0,
        "cost_brl": 35.0,
        "confidence": 0.8,
        "requires_approval": True,
        "guardrails": [],
        "reason": "Contato recente de boa origem.",
    }
    return record | changes


@dataclass
class FeedbackHouse:
    """Ledger, lake and events under one folder."""

    root: Path
    people: Approvers = PEOPLE
    noted: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger, self.lake = Ledger(self.root / "ledger.db"), Lake(self.root / "lake")

    def propose(self, *decisions: dict[str, Any]) -> list[str]:
        """Record decisions; returns the pages that ask for an answer."""
        self.ledger.append(Entry("decision", d["decision_id"], d["agent"], d["as_of"], d) for d in decisions)
        return [approval_path({**d, "content_hash": content_hash(d)}) for d in decisions]

    def note(self, kind: str, page: str, key: str = "", *, who: str = "", before: str = "", after: str = "", source: str = "") -> Event:
        number = len(self.noted) + 1
        self.noted.append(Event(number, kind, page.removesuffix(".md"), key, who, before, after, AT, source or f"s{number}"))
        return self.noted[-1]

    def events(self, after: int) -> Sequence[Event]:
        return [event for event in self.noted if event.id > after]

    def intake(self) -> Intake:
        return Intake(self.lake, self.ledger, self.people, self.root / "feedback.lock")

    def take_in(self) -> Taken:
        return self.intake().take_in(self.events)

    def rows(self) -> list[tuple[Any, ...]]:
        """(seq, kind, result) of the lake's table."""
        with self.lake.connect() as db:
            return db.execute("SELECT seq, kind, result FROM feedback.events ORDER BY seq").fetchall()
