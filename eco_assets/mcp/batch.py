"""Decides about all subjects of a decision point for one business day and writes what is new to the ledger.

Reads features and predictions from the lake by the policy's query; the engine itself stays pure.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from eco_assets.errors import NotFound
from eco_assets.lake import Lake
from eco_assets.ledger import Entry, Ledger
from eco_assets.mcp.engine import Context, Scalar, Spent, decide, decision_id
from eco_assets.mcp.policies import Policy

_PREDICTION = "p_"


@dataclass(frozen=True)
class Decided:
    """The outcome of one batch: `decisions` are all of the day, `added` how many were not known before."""

    decisions: tuple[dict[str, Any], ...]
    added: int


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
                features={name: value for name, value in values.items() if not name.startswith(_PREDICTION)},
                predictions={name: value for name, value in values.items() if name.startswith(_PREDICTION)},
                models=tuple(models),
                feature_version=feature_version,
            )
        )
    return contexts


def decide_day(ledger: Ledger, policy: Policy, contexts: Iterable[Context], trace_id: str) -> Decided:
    """Decide about the subjects not decided yet, best expected value first, and append the decisions to the ledger.

    Args:
        ledger: where decisions go; what it holds for the day counts against the guardrails.
        policy: the decision point.
        contexts: all of one business day.
        trace_id: 32 hexadecimal digits shared by everything that one run causes.
    """
    by_id = {decision_id(policy, context): context for context in contexts}
    days = {context.as_of for context in by_id.values()}
    known = [
        decision for day in days for decision in ledger.list("decision", agent=policy.agent, as_of=day) if decision["point"] == policy.point
    ]
    open_ids = by_id.keys() - {decision["decision_id"] for decision in known}
    reopened = {by_id[identity].subject for identity in open_ids}
    carried_out = ledger.known("execution", (decision["decision_id"] for decision in known))
    spent = Spent()
    for decision in known:  # a decision that a newer one replaces commits to nothing, unless it was carried out
        if decision["subject"] not in reopened or decision["decision_id"] in carried_out:
            spent = spent.plus(decision)
    ranked = sorted(((decide(by_id[identity], policy), identity) for identity in open_ids), key=lambda pair: (-_net(pair[0]), pair[1]))
    fresh = []
    for _, identity in ranked:
        decision = _timed(by_id[identity], policy, spent, trace_id)
        spent = spent.plus(decision)
        fresh.append(decision)
    added = ledger.append(Entry("decision", d["decision_id"], policy.agent, d["as_of"], d) for d in fresh)
    current = [decision for decision in known if decision["decision_id"] in by_id]
    return Decided((*current, *fresh), added)


def _timed(context: Context, policy: Policy, spent: Spent, trace_id: str) -> dict[str, Any]:
    started = time.perf_counter()
    decision = decide(context, policy, spent)
    elapsed = (time.perf_counter() - started) * 1000
    span = decision["decision_id"][:16]
    return {**decision, "latency_ms": round(elapsed, 3), "traceparent": f"00-{trace_id}-{span}-01"}


def _net(decision: dict[str, Any]) -> float:
    return float(decision["value_brl"]) - float(decision["cost_brl"])


def _scalar(value: Any) -> Scalar:
    """JSON-ready and CEL-ready: numbers become floats, dates become ISO text."""
    if value is None or isinstance(value, bool | str):
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return round(float(value), 6)
    return str(value)
