"""A world, an engine and decisions for workflow tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.workflow import Workflow
from eco_assets.jorge.world import World

DAY = "2026-10-31"
DEAF: Mapping[str, Workflow] = {name: replace(workflow, listens=(), is_binding=False) for name, workflow in WORKFLOWS.items()}
"""The catalogue without what events start: an order of it is that order alone."""


def decision(workflow: str, number: int = 0, *, cost_brl: float = 10.0, requires_approval: bool = False, name: str = "") -> dict[str, Any]:
    """A decision as the ledger holds it, as far as workflows read it."""
    agent = workflow.split(".")[0]
    identity = hashlib.sha256(f"{workflow}/{number}/{name}".encode()).hexdigest()[:32]
    return {
        "decision_id": identity,
        "agent": agent,
        "point": "demo",
        "subject": f"{workflow}-{number}{name}",  # one action a subject and day
        "as_of": DAY,
        "action": workflow.split(".")[1],
        "workflow": workflow,
        "cost_brl": cost_brl,
        "requires_approval": requires_approval,
        "traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01",
    }


class WorkflowHouse:
    """Outbox, bookings and engine file under one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outbox = root / "outbox"
        self.world = World(self.outbox, root / "jorge" / "bookings.db")

    def engine(self, sagas: Mapping[str, Workflow] = DEAF, *, pause_s: float = 0.0, wait_s: float = 30.0) -> AbstractContextManager[Engine]:
        return open_engine(self.root / "jorge" / "engine.db", sagas, self.world, pause_s=pause_s, wait_s=wait_s)

    def run(self, *decisions: dict[str, Any], sagas: Mapping[str, Workflow] = DEAF) -> list[dict[str, Any]]:
        with self.engine(sagas) as engine:
            return engine.run(decisions, timeout_s=60)

    def block(self, door: str) -> Path:
        """Put a file where a door's folder should be."""
        self.outbox.mkdir(parents=True, exist_ok=True)
        path = self.outbox / door
        path.write_text("in the way", encoding="utf-8")
        return path

    def messages(self) -> list[dict[str, Any]]:
        """Everything in the outbox."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.outbox.glob("*/*.json"))]

    def sent(self) -> list[str]:
        """Keys that were sent, sorted; a key twice would be here twice."""
        return sorted(message["key"] for message in self.messages() if "withdraws" not in message)

    def withdrawn(self) -> list[str]:
        return sorted(message["withdraws"] for message in self.messages() if "withdraws" in message)


def trail(record: dict[str, Any]) -> list[tuple[str, str]]:
    """(step, outcome) in order."""
    return [(step["name"], step["outcome"]) for step in record["steps"]]
