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
from eco_assets.jorge.approvals import APPROVED, EXPIRED, REJECTED, answer, counts, sweep
from eco_assets.jorge.dead_letters import last_record
from eco_assets.jorge.engine import Engine
from eco_assets.ledger import Entry, Ledger
from eco_assets.mcp.mega.standing import commit, resolve_day, resolving

__all__ = ["APPROVED", "REJECTED", "Executed", "answer", "execute_day", "execution_of"]


Intake = Callable[[str, list[dict[str, Any]]], tuple[list[dict[str, Any]], list[dict[str, Any]]]]
"""An agent's orders to those that its queue takes now and those that it does not."""


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


def execute_day(
    ledger: Ledger, agent: str, as_of: str, engine: Callable[[], AbstractContextManager[Engine]], *, intake: Intake | None = None
) -> Executed:
    """Carry out what was decided for one agent on one business day and not carried out yet.

    Args:
        ledger: source of decisions and approvals, target of execution records.
        agent: whose decisions.
        as_of: the business day, ISO.
        engine: opens an engine; called only when there is something to run.
        intake: splits an agent's orders into those that its queue takes now and those that are held back; without it all are handed over.
    """
    sweep(ledger, agent=agent, as_of=as_of)
    with resolving(ledger):
        resolve_day(ledger, as_of)
        day = _sorted_out(ledger, agent, as_of)
        ready, held_back = intake(agent, day.ready) if intake is not None else (day.ready, [])
        commit(ledger, agent, as_of, ready)
    waiting, repeated = day.waiting, day.repeated
    fresh = [_without_steps(decision, "already_acted") for decision in repeated]
    fresh += [_without_steps(decision, outcome) for decision, outcome in day.refused if decision not in repeated]
    if ready:
        with engine() as running:
            fresh += running.run(ready)
    added = ledger.append(Entry("execution", record["workflow_id"], record["agent"], as_of, record) for record in fresh)
    records = ledger.list("execution", agent=agent, as_of=as_of)
    unstarted = [_without_steps(decision, "awaiting_approval") for decision in waiting if decision not in repeated]
    unstarted += [_without_steps(decision, "held_back") for decision in held_back]
    return Executed((*records, *unstarted), added)


@dataclass(frozen=True)
class _Day:
    """The standing decisions that act: to carry out now, to wait for a person, refused (and how), of a subject that was acted on."""

    ready: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    refused: list[tuple[dict[str, Any], str]]
    repeated: list[dict[str, Any]]


def _sorted_out(ledger: Ledger, agent: str, as_of: str) -> _Day:
    decisions = [decision for decision in standing_decisions(ledger, agent, as_of) if decision["workflow"]]
    done, acted = _acted(ledger, agent, as_of)
    repeated = [d for d in decisions if d["decision_id"] not in done and (d["point"], d["subject"]) in acted]
    given = {entry["decision_id"]: entry for entry in ledger.list("approval", agent=agent, as_of=as_of)}
    answers = {d["decision_id"]: _verdict_for(d, given) for d in decisions}
    waiting = [d for d in decisions if d["requires_approval"] and answers[d["decision_id"]] not in (APPROVED, REJECTED, EXPIRED)]
    refused = [d for d in decisions if answers[d["decision_id"]] in (REJECTED, EXPIRED) and d["decision_id"] not in done]
    held = {decision["decision_id"] for decision in (*repeated, *waiting, *refused)} | done
    ready = [decision for decision in decisions if decision["decision_id"] not in held]
    return _Day(ready, waiting, [(decision, answers[decision["decision_id"]]) for decision in refused], repeated)


def _verdict_for(decision: dict[str, Any], given: dict[str, dict[str, Any]]) -> str:
    """The answer to a decision; none where it was given to other content."""
    found = given.get(decision["decision_id"])
    return str(found["verdict"]) if found is not None and counts(found, decision) else ""


def _acted(ledger: Ledger, agent: str, as_of: str) -> tuple[set[str], set[tuple[str, str]]]:
    """Decisions of the day that have a record, and the (point, subject) pairs that the world was changed for."""
    subjects = {d["decision_id"]: (d["point"], d["subject"]) for d in ledger.list("decision", agent=agent, as_of=as_of)}
    records = ledger.list("execution", agent=agent, as_of=as_of)
    acted = {subjects[r["decision_id"]] for r in records if r["outcome"] in ("completed", "failed") and r["decision_id"] in subjects}
    return {record["decision_id"] for record in records}, acted


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
        return last_record(ledger, found[0]["workflow_id"]) or found[-1]  # the last one where it was recalled
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
