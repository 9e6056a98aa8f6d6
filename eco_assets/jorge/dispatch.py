"""Hands a day's decisions to the engine and writes how they ended to the ledger.

A decision that needs approval waits until a person has answered; one that was carried out before is never carried out again, and
a subject that was acted on is not acted on a second time that day because an input changed. Nothing is carried out before the day is
resolved: what gave way to another decision is left out, and what is begun is recorded first, so that it never gives way later.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eco_assets.day import HELD, SUPERSEDED, resolutions, standing_decisions
from eco_assets.errors import PermanentError
from eco_assets.jorge.engine import Engine
from eco_assets.ledger import Entry, Ledger
from eco_assets.mcp.mega.standing import commit, resolve_day, resolving

APPROVED, REJECTED = "approved", "rejected"


@dataclass(frozen=True)
class Executed:
    """The day's execution records, those that wait for a person included; `added` counts the new ones."""

    records: tuple[dict[str, Any], ...]
    added: int

    def outcomes(self) -> dict[str, int]:
        """Number of records by outcome."""
        counts: dict[str, int] = {}
        for record in self.records:
            counts[record["outcome"]] = counts.get(record["outcome"], 0) + 1
        return counts


def execute_day(ledger: Ledger, agent: str, as_of: str, engine: Callable[[], AbstractContextManager[Engine]]) -> Executed:
    """Carry out what was decided for one agent on one business day and not carried out yet.

    Args:
        ledger: source of decisions and approvals, target of execution records.
        agent: whose decisions.
        as_of: the business day, ISO.
        engine: opens an engine; called only when there is something to run.
    """
    with resolving(ledger):
        resolve_day(ledger, as_of)
        day = _sorted_out(ledger, agent, as_of)
        commit(ledger, agent, as_of, day.ready)
    ready, waiting, repeated = day.ready, day.waiting, day.repeated
    fresh = [_without_steps(decision, "already_acted") for decision in repeated]
    fresh += [_without_steps(decision, "rejected") for decision in day.refused if decision not in repeated]
    if ready:
        with engine() as running:
            fresh += running.run(ready)
    added = ledger.append(Entry("execution", record["workflow_id"], agent, as_of, record) for record in fresh)
    records = ledger.list("execution", agent=agent, as_of=as_of)
    return Executed((*records, *(_without_steps(decision, "awaiting_approval") for decision in waiting if decision not in repeated)), added)


@dataclass(frozen=True)
class _Day:
    """The standing decisions that act: to carry out now, to wait for a person, refused by one, of a subject that was acted on."""

    ready: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    repeated: list[dict[str, Any]]


def _sorted_out(ledger: Ledger, agent: str, as_of: str) -> _Day:
    decisions = [decision for decision in standing_decisions(ledger, agent, as_of) if decision["workflow"]]
    done, acted = _acted(ledger, agent, as_of)
    repeated = [d for d in decisions if d["decision_id"] not in done and (d["point"], d["subject"]) in acted]
    answers = {answer["decision_id"]: answer["verdict"] for answer in ledger.list("approval", agent=agent, as_of=as_of)}
    waiting = [d for d in decisions if d["requires_approval"] and answers.get(d["decision_id"]) not in (APPROVED, REJECTED)]
    refused = [d for d in decisions if answers.get(d["decision_id"]) == REJECTED and d["decision_id"] not in done]
    held = {decision["decision_id"] for decision in (*repeated, *waiting, *refused)} | done
    return _Day([decision for decision in decisions if decision["decision_id"] not in held], waiting, refused, repeated)


def _acted(ledger: Ledger, agent: str, as_of: str) -> tuple[set[str], set[tuple[str, str]]]:
    """Decisions of the day that have a record, and the (point, subject) pairs that the world was changed for."""
    subjects = {d["decision_id"]: (d["point"], d["subject"]) for d in ledger.list("decision", agent=agent, as_of=as_of)}
    records = ledger.list("execution", agent=agent, as_of=as_of)
    acted = {subjects[r["decision_id"]] for r in records if r["outcome"] in ("completed", "failed") and r["decision_id"] in subjects}
    return {record["decision_id"] for record in records}, acted


def answer(ledger: Ledger, decision_id: str, *, by: str, verdict: str, why: str = "") -> dict[str, Any]:
    """Record a person's answer to a decision that waits for one; returns the decision.

    Raises:
        NotFound: no such decision.
        PermanentError: it does not wait for an answer, has one already, or the answer is neither yes nor no.
    """
    if verdict not in (APPROVED, REJECTED):
        raise PermanentError(f"{verdict!r} is no answer; it must be {APPROVED} or {REJECTED}")
    decision = ledger.get("decision", decision_id)
    if not decision["requires_approval"] and not _is_held(ledger, decision):
        raise PermanentError(f"{decision['decision_id']} needs no approval")
    body = {"decision_id": decision["decision_id"], "verdict": verdict, "by": by, "why": why}
    if not ledger.append([Entry("approval", decision["decision_id"], decision["agent"], decision["as_of"], body)]):
        earlier = ledger.get("approval", decision["decision_id"])
        raise PermanentError(f"{decision['decision_id']} was {earlier['verdict']} by {earlier['by']} already")
    return decision


def _is_held(ledger: Ledger, decision: dict[str, Any]) -> bool:
    """Whether a person must choose between this decision and a rival."""
    return _verdict(ledger, decision) == HELD


def _verdict(ledger: Ledger, decision: dict[str, Any]) -> str:
    found = resolutions(ledger, decision["agent"], decision["as_of"]).get(decision["decision_id"])
    return str(found["verdict"]) if found else ""


def execution_of(ledger: Ledger, decision: dict[str, Any]) -> dict[str, Any]:
    """How a decision's execution stands: its record, or `awaiting_approval`, `superseded`, `not_started` or `nothing_to_do`."""
    if not decision["workflow"]:
        return _without_steps(decision, "nothing_to_do")
    records = ledger.list("execution", agent=decision["agent"], as_of=decision["as_of"])
    found = [record for record in records if record["decision_id"] == decision["decision_id"]]
    if found:
        return found[0]
    verdict = _verdict(ledger, decision)
    if verdict == SUPERSEDED:
        return _without_steps(decision, SUPERSEDED)
    needs_person = decision["requires_approval"] or verdict == HELD
    is_waiting = needs_person and not ledger.known("approval", [decision["decision_id"]])
    return _without_steps(decision, "awaiting_approval" if is_waiting else "not_started")


def _without_steps(decision: dict[str, Any], outcome: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "workflow_id": decision["decision_id"],
        "decision_id": decision["decision_id"],
        "agent": decision["agent"],
        "workflow": decision["workflow"],
        "outcome": outcome,
        "steps": [],
        "started_at": now,
        "finished_at": now,
        "duration_ms": 0.0,
        "cost_brl": 0.0,
    }
