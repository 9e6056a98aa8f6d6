"""One agent's day as a report receives it, and the questions that every page asks of it.

Decisions and executions are ledger records, plain dicts: `{decision_id, subject, action, workflow, value_brl, …}` and
`{decision_id, outcome, steps, …}`. Here belong joining, ranking and counting; words and layout stay out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from notion_sync.charts import Chart
from notion_sync.documents.tree import Document
from notion_sync.formatting import Number, is_missing

Record = Mapping[str, Any]

SHORT_ID = 8
DETAILED = 25
"""How many decisions, by value, have a section of their own in the log."""


@dataclass(frozen=True)
class Kpi:
    """A key figure. `unit` is one of `formatting.measure`; `previous` is the last day's value, None where there is none."""

    label: str
    value: float | None
    unit: str
    previous: float | None = None


@dataclass(frozen=True)
class AgentDay:
    """All that a daily report says about one agent.

    Attributes:
        agent: machine name; as_of: the business day.
        decisions, executions: ledger records of that day; superseded: those that gave way, with `superseded_because`.
        models: `{name, version, primary_metric, value, baseline, trained_through}`; optional `is_higher_better`.
        kpis: key figures in the order shown; charts: what to draw, in order.
        checks: `{name, passed, detail}`.
        costs: the fields of `eco_assets.finops.costs.AgentCost`; empty when not measured.
        slo: the fields of `eco_assets.slo.objectives.SloResult`, one dict per objective.
        ledger_head: hash of the ledger's last entry, as the caller read it.
    """

    agent: str
    as_of: date
    decisions: Sequence[Record] = ()
    executions: Sequence[Record] = ()
    models: Sequence[Record] = ()
    kpis: Sequence[Kpi] = ()
    charts: Sequence[Chart] = ()
    checks: Sequence[Record] = ()
    costs: Record = field(default_factory=dict)
    slo: Sequence[Record] = ()
    ledger_head: str = ""
    superseded: Sequence[Record] = ()


@dataclass(frozen=True)
class Rendered:
    """A page ready to publish: `path` in the workspace, the document, and its pictures by file name."""

    path: str
    document: Document
    images: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class AgentSummary:
    """One line of the day's first page. Counts are of decisions; `expected_value_brl` is in reais."""

    agent: str
    decisions: int
    expected_value_brl: float
    executed: int
    awaiting: int
    failed: int
    status: str


def short_id(decision: Record) -> str:
    """Return the first characters of a decision's id: enough to tell a day's decisions apart by eye."""
    return str(decision["decision_id"])[:SHORT_ID]


def value_of(record: Record, name: str = "value_brl") -> float:
    """Return an amount of a record in reais; a missing one (None, NaN) is 0."""
    amount: Number | None = record.get(name)
    return 0.0 if amount is None or is_missing(amount) else float(amount)


def total_value(decisions: Sequence[Record]) -> float:
    """Return the expected value of `decisions` in reais."""
    return sum((value_of(decision) for decision in decisions), 0.0)


def ranked(decisions: Sequence[Record]) -> list[Record]:
    """Return `decisions` by expected value, the highest first; ties in the order of their ids."""
    return sorted(decisions, key=lambda decision: (-value_of(decision), str(decision["decision_id"])))


def outcomes(decisions: Sequence[Record], executions: Sequence[Record]) -> dict[str, str]:
    """Return decision id → how its execution stands.

    The values are the outcomes of executions, and `awaiting_approval` for one that waits before it starts, `not_started`
    for a workflow without a record, `none` where the decision is to do nothing.
    """
    found = {str(execution["decision_id"]): str(execution["outcome"]) for execution in executions}
    return {str(decision["decision_id"]): _outcome(decision, found) for decision in decisions}


def _outcome(decision: Record, found: Mapping[str, str]) -> str:
    known = found.get(str(decision["decision_id"]))
    if known:
        return known
    if decision.get("requires_approval"):
        return "awaiting_approval"
    return "not_started" if decision.get("workflow") else "none"


def awaiting(decisions: Sequence[Record], executions: Sequence[Record]) -> list[Record]:
    """Return the decisions that wait for a person, the most valuable first."""
    state = outcomes(decisions, executions)
    return [decision for decision in ranked(decisions) if state[str(decision["decision_id"])] == "awaiting_approval"]


def detailed(decisions: Sequence[Record], executions: Sequence[Record]) -> list[Record]:
    """Return the decisions with a section in the log: the most valuable, and all that wait for a person."""
    ordered = ranked(decisions)
    chosen = {str(decision["decision_id"]) for decision in ordered[:DETAILED]}
    chosen |= {str(decision["decision_id"]) for decision in awaiting(decisions, executions)}
    chosen |= {str(decision["decision_id"]) for decision in decisions if decision.get("requires_approval")}
    return [decision for decision in ordered if str(decision["decision_id"]) in chosen]


def policies(decisions: Sequence[Record]) -> tuple[str, ...]:
    """Return the policy versions behind `decisions`, as `name@version`, sorted."""
    return tuple(sorted({f"{d['policy']['name']}@{d['policy']['version']}" for d in decisions}))


def summarise(day: AgentDay) -> AgentSummary:
    """Return the line about `day` for the first page."""
    states = Counter(outcomes(day.decisions, day.executions).values())
    return AgentSummary(
        agent=day.agent,
        decisions=len(day.decisions),
        expected_value_brl=total_value(day.decisions),
        executed=states["completed"],
        awaiting=states["awaiting_approval"],
        failed=states["failed"],
        status=status(day),
    )


def status(day: AgentDay) -> str:
    """Return the day in two words: what a manager must know first, the gravest wins."""
    states = Counter(outcomes(day.decisions, day.executions).values())
    if states["failed"]:
        return "com falhas"
    if states["awaiting_approval"]:
        return "aguarda aprovação"
    is_amiss = any(not check["passed"] for check in day.checks) or any(line["is_met"] is False for line in day.slo)
    if is_amiss:
        return "requer atenção"
    return "em ordem" if day.decisions else "sem decisões"
