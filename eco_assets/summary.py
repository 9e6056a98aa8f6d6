"""Collects what a person wants to know after a run, or at any time: plain values, for the console and for `--json`."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

from eco_assets.briefing import agent_cost, agent_slo
from eco_assets.contracts.contract import load_contracts
from eco_assets.day import standing_decisions
from eco_assets.errors import NotFound
from eco_assets.platform import Platform
from eco_assets.settings import AGENTS
from ml.families import FAMILIES
from notion_sync.reports import report_path

_LAYERS = ("staging", "features", "marts", "predictions")


def last_decided(platform: Platform) -> date | None:
    """The newest business day that something was decided about."""
    days = [decision["as_of"] for decision in platform.ledger.list("decision")]
    return date.fromisoformat(max(days)) if days else None


def summary(platform: Platform, as_of: date) -> dict[str, Any]:
    """Rows a layer, models against their baseline, decisions, executions, cost and objectives of one business day."""
    day = as_of.isoformat()
    head = platform.ledger.head()
    decisions = [d for agent in AGENTS for d in standing_decisions(platform.ledger, agent, day)]
    dearest = max(decisions, key=lambda decision: (decision["value_brl"], decision["decision_id"]), default={"decision_id": "DECISION_ID"})
    return {
        "as_of": day,
        "rows": _rows(platform, as_of),
        "models": list(_models(platform, as_of)),
        "agents": {agent: _agent(platform, agent, as_of) for agent in AGENTS},
        "quarantined": quarantined(platform),
        "ledger": {"entries": head.seq, "head": head.hash},
        "example": dearest["decision_id"],
        "index": str(platform.settings.knowledge / "relatorios" / day / "index.md"),
    }


def quarantined(platform: Platform) -> list[dict[str, Any]]:
    """Files that are refused now, and rows that were set aside, with their reasons."""
    found = []
    for contract in load_contracts():
        landed = platform.landing.land(contract)
        if landed.missing:
            found.append({"table": contract.table, "file": contract.glob, "rows": 0, "is_whole": True, "reasons": [landed.missing]})
        found.extend(
            {
                "table": batch.table,
                "file": batch.file,
                "rows": batch.rejected,
                "is_whole": batch.status == "quarantined",
                "reasons": list(batch.reasons),
            }
            for batch in landed.batches
            if batch.reasons
        )
    return found


def _rows(platform: Platform, as_of: date) -> dict[str, dict[str, int]]:
    """Tables and rows a layer; a table with snapshots counts those of the day."""
    counts: dict[str, dict[str, int]] = {"raw": {"tables": 0, "rows": 0}}
    tables = {batch.table: 0 for batch in platform.landing.batches.list(status="loaded")}
    counts["raw"] = {"tables": len(tables), "rows": sum(batch.rows for batch in platform.landing.batches.list(status="loaded"))}
    try:
        with platform.lake.connect() as db:
            query = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = 'eco' ORDER BY 1, 2"
            for schema, table in db.execute(query).fetchall():
                if schema in _LAYERS:
                    columns = {row[0] for row in db.execute(f"DESCRIBE {schema}.{table}").fetchall()}
                    where = " WHERE as_of = $as_of" if "as_of" in columns else ""
                    row = db.execute(f"SELECT count(*) FROM {schema}.{table}{where}", {"as_of": as_of} if where else {}).fetchone()
                    layer = counts.setdefault(schema, {"tables": 0, "rows": 0})
                    layer["tables"] += 1
                    layer["rows"] += int(row[0]) if row else 0
    except NotFound:
        return counts
    return counts


def _models(platform: Platform, as_of: date) -> Any:
    for name in FAMILIES:
        try:
            version = platform.registry.describe(name, as_of)
        except NotFound:
            continue
        metric = version.primary_metric
        yield {
            "name": name,
            "version": version.version,
            "metric": metric,
            "value": round(version.metrics[metric], 4),
            "baseline": round(version.baseline[metric], 4),
        }


def _agent(platform: Platform, agent: str, as_of: date) -> dict[str, Any]:
    day = as_of.isoformat()
    decisions = standing_decisions(platform.ledger, agent, day)
    executions = platform.ledger.list("execution", agent=agent, as_of=day)
    answered = {entry["decision_id"] for entry in platform.ledger.list("approval", agent=agent, as_of=day)}
    waiting = [d["decision_id"] for d in decisions if d["requires_approval"] and d["decision_id"] not in answered]
    outcomes = Counter(record["outcome"] for record in executions)
    if waiting:
        outcomes["awaiting_approval"] = len(waiting)
    return {
        "decisions": len(decisions),
        "actions": dict(Counter(decision["action"] for decision in decisions).most_common()),
        "executions": dict(outcomes),
        "awaiting_approval": waiting,
        "expected_value_brl": round(sum(decision["value_brl"] for decision in decisions), 2),
        "cost": agent_cost(platform, agent, as_of).to_dict(),
        "cpu_seconds": round(sum(entry["cpu_seconds"] for entry in platform.ledger.list("cost", agent=agent, as_of=day)), 1),
        "slo": [
            {"objective": result.objective, "value": result.value, "target": result.target, "is_met": result.is_met}
            for result in agent_slo(platform, agent, as_of)
        ],
        "report": str(platform.settings.knowledge / report_path(agent, as_of)),
    }
