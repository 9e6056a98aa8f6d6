"""Ledger records of several days for the tests of pages that are not of one day."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Any

from notion_sync.generators.periods import DayRecords

LAST = date(2026, 10, 31)
FIELDS = {
    "agent": "industrial",
    "point": "maintenance_planning",
    "policy": {"name": "industrial/maintenance_planning", "version": "1.1.0", "digest": "d" * 64},
    "models": [{"name": "industrial_anomaly", "version": 2}],
    "features": {"windows_7d": 34.0, "cliente_email": "ana@exemplo.com"},
    "predictions": {"p_wear": 0.993},
    "alternatives": [
        {"action": "antecipar_manutencao", "is_eligible": True, "value_brl": 3574.68, "cost_brl": 1900.0, "why": "elegível"},
        {"action": "manter_plano", "is_eligible": True, "value_brl": 0.0, "cost_brl": 0.0, "why": "elegível"},
    ],
    "action": "antecipar_manutencao",
    "workflow": "industrial.antecipar_manutencao",
    "value_brl": 3574.68,
    "cost_brl": 400.0,
    "confidence": 0.79,
    "requires_approval": False,
    "reason": "Desgaste estimado em 99% e crescendo na semana.",
    "guardrails": [],
    "errors": [],
    "tokens": 0,
    "cost_usd": 0.0,
}


def decision(name: str, day: date = LAST, **changes: Any) -> dict[str, Any]:
    """A decision about the machine `name`."""
    identity = hashlib.sha256(f"{name}{day}{changes.get('action')}".encode()).hexdigest()[:32]
    return {"decision_id": identity, "subject": name, "as_of": day.isoformat(), **FIELDS, **changes}


def execution(of: dict[str, Any], outcome: str = "completed", **changes: Any) -> dict[str, Any]:
    """What was done about it."""
    step = {"name": "open_work_order", "outcome": "failed" if outcome != "completed" else "done", "ms": 1.5, "detail": "Sem resposta."}
    record = {"workflow_id": of["decision_id"], "decision_id": of["decision_id"], "agent": of["agent"], "workflow": of["workflow"]}
    return {**record, "outcome": outcome, "steps": [step], "cost_brl": of["cost_brl"], **changes}


def days(count: int, until: date = LAST, *, busy: int = 1) -> list[DayRecords]:
    """Days up to `until`; the last `busy` have a decision that was done and one that waits for a person."""
    found = []
    for back in range(count - 1, -1, -1):
        day = until - timedelta(days=back)
        done, waits = decision("bomba_1", day), decision("bomba_2", day, requires_approval=True, value_brl=100.0)
        is_busy = back < busy
        cost = {"total_brl": 400.0, "compute_brl": 0.0, "model_brl": 0.0, "action_brl": 400.0} if is_busy else {"total_brl": 0.0}
        found.append(DayRecords(day, [done, waits] if is_busy else [], [execution(done)] if is_busy else [], cost))
    return found
