"""Decides about all subjects of a decision point for one business day and writes what is new to the ledger.

Reads features and predictions from the lake by the policy's query; the engine itself stays pure.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from eco_assets.errors import NotFound
from eco_assets.lake import Lake
from eco_assets.ledger import Entry, Ledger, Tail, canonical
from eco_assets.mcp.cel_sql import Untranslatable
from eco_assets.mcp.choice import NOTHING_SPENT, net
from eco_assets.mcp.engine import Context, Scalar, conclude, decision_id, pick, questions
from eco_assets.mcp.evaluation import Evaluation, evaluate
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.policy_ledger import register
from eco_assets.mcp.policy_sql import evaluate_many
from eco_assets.mcp.questions import Answer
from eco_assets.mcp.tally import Tallies, Tally

if TYPE_CHECKING:
    from eco_assets.mcp.gateway import Gateway

SQL_FROM = 1000  # subjects from which DuckDB's start (tens of milliseconds) is less than what it saves
CHUNK = 256  # decisions of one transaction; a service that decides meanwhile waits for no more than these
_PREDICTION, _EVIDENCE = "p_", "e_"


@dataclass(frozen=True)
class Decided:
    """The outcome of one batch: `decisions` are all of the day, `added` how many were not known before."""

    decisions: tuple[dict[str, Any], ...]
    added: int


@dataclass(frozen=True)
class _Case:
    """One subject to be decided about. `elapsed_ms` is what its evaluation and its answers took."""

    identity: str
    context: Context
    evaluation: Evaluation
    answers: Mapping[str, Answer]
    elapsed_ms: float


def read_contexts(lake: Lake, policy: Policy, as_of: date, models: Sequence[tuple[str, str]], feature_version: str = "") -> list[Context]:
    """One context a subject, from the policy's query. `models` are (name, version) pairs of the champions that predicted.

    Raises:
        NotFound: the query gives no subject; the marts of that day were not built.
    """
    frame = lake.frame(policy.query, {"as_of": as_of})
    if frame.empty and not policy.may_be_empty:
        raise NotFound(f"{policy.name}: no subject on {as_of}; build its marts and predictions for that day first")
    contexts = []
    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        values = {str(name): _scalar(value) for name, value in row.items() if name != "subject"}
        contexts.append(
            Context(
                subject=str(row["subject"]),
                as_of=as_of.isoformat(),
                features={name: value for name, value in values.items() if not name.startswith((_PREDICTION, _EVIDENCE))},
                predictions={name: value for name, value in values.items() if name.startswith(_PREDICTION)},
                evidence={name: value for name, value in values.items() if name.startswith(_EVIDENCE)},
                models=tuple(models),
                feature_version=feature_version,
            )
        )
    return contexts


def decide_day(ledger: Ledger, policy: Policy, contexts: Iterable[Context], trace_id: str, gateway: Gateway | None = None) -> Decided:
    """Decide about the subjects not decided yet, best expected value first, and append the decisions to the ledger.

    What others decide meanwhile counts against the limits too: each chunk is decided and written in one transaction.

    Args:
        ledger: where decisions go; what it holds for the day counts against the guardrails.
        policy: the decision point.
        contexts: all of one business day.
        trace_id: 32 hexadecimal digits shared by everything that one run causes.
        gateway: who answers the policy's ask rules; without one their `otherwise` holds.

    Raises:
        PolicyError: this version of the policy has decided with another content before.
        LedgerError: the ledger cannot be read or written; chunks written before stay.
    """
    by_id = {decision_id(policy, context): context for context in contexts}
    known = _known(ledger, policy, {context.as_of for context in by_id.values()})
    decided = {decision["decision_id"] for decision in known}
    current = [decision for decision in known if decision["decision_id"] in by_id]
    opened = {identity: context for identity, context in by_id.items() if identity not in decided}
    if not opened:
        return Decided(tuple(current), 0)
    register(ledger, policy, min(context.as_of for context in opened.values()))
    fresh = _write(ledger, policy, _ranked(policy, _evaluated(policy, opened, gateway)), trace_id)
    return Decided((*current, *(decision for decision, _ in fresh)), sum(is_new for _, is_new in fresh))


def _known(ledger: Ledger, policy: Policy, days: set[str]) -> list[dict[str, Any]]:
    found = (decision for day in sorted(days) for decision in ledger.list("decision", agent=policy.agent, as_of=day))
    return [decision for decision in found if decision["point"] == policy.point]


def _evaluated(policy: Policy, opened: Mapping[str, Context], gateway: Gateway | None) -> list[_Case]:
    """Every subject's evaluation: in SQL where that pays and is exact, else one by one; asked are those whom the ask rules name."""
    started = time.perf_counter()
    contexts = list(opened.values())
    found: list[Evaluation | None] = [None] * len(contexts)
    if len(contexts) >= SQL_FROM:
        with suppress(Untranslatable):
            found = evaluate_many(contexts, policy)
    elapsed = (time.perf_counter() - started) * 1000 / len(contexts)
    left = [context for context, evaluation in zip(contexts, found, strict=True) if evaluation is None]
    answers = _answers(policy, left, gateway)
    return [
        _Case(identity, context, evaluation, {}, elapsed) if evaluation else _one(policy, identity, context, answers.get(identity, {}))
        for (identity, context), evaluation in zip(opened.items(), found, strict=True)
    ]


def _one(policy: Policy, identity: str, context: Context, answers: Mapping[str, Answer]) -> _Case:
    started = time.perf_counter()
    evaluation = evaluate(context, policy, answers)
    waited = sum(hop.ms for answer in answers.values() for hop in answer.hops)
    return _Case(identity, context, evaluation, answers, (time.perf_counter() - started) * 1000 + waited)


def _answers(policy: Policy, contexts: Sequence[Context], gateway: Gateway | None) -> dict[str, dict[str, Answer]]:
    """Answers by decision and ask rule."""
    if gateway is None or not policy.ask:
        return {}
    asked = [question for context in contexts for question in questions(context, policy)]
    found: dict[str, dict[str, Answer]] = {}
    for question, answer in zip(asked, gateway.answer_all(asked) if asked else [], strict=True):
        found.setdefault(question.key.removesuffix(f"/{question.id}"), {})[question.id] = answer
    return found


def _ranked(policy: Policy, cases: Iterable[_Case]) -> list[_Case]:
    """Highest expected net value first, so that the day's limits go where they pay most."""

    def key(case: _Case) -> tuple[float, str]:
        option = pick(policy, case.evaluation, NOTHING_SPENT, case.context.subject, case.identity).option
        return -net(option), case.identity

    return sorted(cases, key=key)


def _write(ledger: Ledger, policy: Policy, cases: Sequence[_Case], trace_id: str) -> list[tuple[dict[str, Any], bool]]:
    """Conclude and insert, a chunk a transaction; returns each decision as the ledger has it, and whether it is new."""
    tallies, done = Tallies(), []
    with ledger.session() as session:
        for start in range(0, len(cases), CHUNK):
            with session.transaction() as tail:
                tallies.catch_up(tail)
                for case in cases[start : start + CHUNK]:
                    done.append(_insert(tail, tallies.of(tail, policy.agent, policy.point, case.context.as_of), policy, case, trace_id))
            tallies.seen(tail.seq)
    return done


def _insert(tail: Tail, tally: Tally, policy: Policy, case: _Case, trace_id: str) -> tuple[dict[str, Any], bool]:
    standing = tail.body("decision", case.identity)
    if standing is not None:  # decided online since this run looked
        return json.loads(standing), False
    started, context = time.perf_counter(), case.context
    decision = conclude(context, policy, case.evaluation, tally.spent(context.subject), case.answers, case.identity)
    elapsed = (time.perf_counter() - started) * 1000 + case.elapsed_ms
    decision |= {"latency_ms": round(elapsed, 3), "traceparent": f"00-{trace_id}-{case.identity[:16]}-01"}
    tail.insert(Entry("decision", case.identity, policy.agent, context.as_of, decision), canonical(decision))
    tally.add(case.identity, context.subject, decision["workflow"], decision["cost_brl"])
    return decision, True


def _scalar(value: Any) -> Scalar:
    """JSON-ready and CEL-ready: numbers become floats, dates become ISO text; a number that is not finite is not known."""
    if value is None or isinstance(value, bool | str):
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return round(float(value), 6) if math.isfinite(value) else None
    return str(value)
