"""The resolution of a day in the ledger: what gives way is recorded with its reason, and what is carried out is recorded before it is.

A lock file orders the processes that resolve and carry out, so that two of them never let both sides of an exclusion through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout

from eco_assets.day import HELD, RELEASED, RESOLUTION, SUPERSEDED, resolutions
from eco_assets.errors import TransientError
from eco_assets.ledger import Entry, Ledger, canonical
from eco_assets.mcp.mega.resolve import Orders, State, Verdict, conflicts_left, resolve
from eco_assets.mcp.mega.rules import Rules, load_rules

MEGA = "mega"
COMMITMENT, PLAN = "commitment", "plan"
_CLOSED = (SUPERSEDED, HELD)


@contextmanager
def resolving(ledger: Ledger) -> Iterator[None]:
    """Hold the right to resolve and to begin carrying out; released by the system when the process dies.

    Raises:
        TransientError: another process held it for a minute.
    """
    lock = FileLock(ledger.path.with_suffix(".resolving.lock"), is_singleton=True)
    try:
        lock.acquire(timeout=60)
    except Timeout as error:
        raise TransientError(f"another process has been resolving {ledger.path} for a minute; try again when it is done") from error
    try:
        yield
    finally:
        lock.release()


def state_of(ledger: Ledger, as_of: str) -> State:
    """What was begun, carried out or approved of one business day."""
    committed = {identity for entry in ledger.list(COMMITMENT, as_of=as_of) for identity in entry["decision_ids"]}
    committed |= {record["decision_id"] for record in ledger.list("execution", as_of=as_of) if record["outcome"] in ("completed", "failed")}
    approved = {entry["decision_id"] for entry in ledger.list("approval", as_of=as_of) if entry["verdict"] == "approved"}
    return State(frozenset(committed), frozenset(approved))


def contenders(ledger: Ledger, as_of: str, state: State) -> list[dict[str, Any]]:
    """The decisions that take part: about each subject the one that was begun, else the newest; none that was refused or undone."""
    refused = {entry["decision_id"] for entry in ledger.list("approval", as_of=as_of) if entry["verdict"] in ("rejected", "expired")}
    over = {r["decision_id"] for r in ledger.list("execution", as_of=as_of) if r["outcome"] not in ("completed", "failed")}
    taken: dict[tuple[str, str, str], dict[str, Any]] = {}
    for decision in ledger.list("decision", as_of=as_of):
        key = (decision["agent"], decision["point"], decision["subject"])
        earlier = taken.get(key)
        if earlier is None or earlier["decision_id"] not in state.committed or earlier["decision_id"] in over:
            taken[key] = decision
    return [decision for decision in taken.values() if decision["workflow"] and decision["decision_id"] not in refused | over]


def orders_of(ledger: Ledger, as_of: str) -> Orders:
    """What the day's newest plan asks of the resolution; nothing where no plan was made."""
    plans = ledger.list(PLAN, agent=MEGA, as_of=as_of)
    return read_orders(plans[-1]["orders"]) if plans else Orders()


def read_orders(body: Mapping[str, Any]) -> Orders:
    """Orders from their ledger record."""
    return Orders(dict(body["capacities"]), frozenset(body["serving"]), dict(body["goals"]))


def resolve_day(ledger: Ledger, as_of: str, rules: Rules | None = None, orders: Orders | None = None) -> list[dict[str, Any]]:
    """Resolve one business day and record what changed; returns the newest resolution of each decision that does not go through.

    Run again, it records nothing. A decision whose rival was refused or replaced is released.

    Args:
        ledger: source and target.
        as_of: the business day, ISO.
        rules: the installation's by default.
        orders: those of the day's newest plan by default.
    """
    with resolving(ledger):
        asked = orders if orders is not None else orders_of(ledger, as_of)
        state = state_of(ledger, as_of)
        open_decisions = contenders(ledger, as_of, state)
        found = resolve(open_decisions, rules or load_rules(), state, asked)
        known = resolutions(ledger, None, as_of)
        through = {decision["decision_id"] for decision in open_decisions} - found.keys()
        fresh = [_entry(verdict, as_of) for identity, verdict in found.items() if not _says(known.get(identity), verdict, through)]
        fresh += [_released(known[identity], as_of) for identity in sorted(through) if known.get(identity, {}).get("verdict") in _CLOSED]
        numbered = _numbered(fresh, ledger.list(RESOLUTION, as_of=as_of))
        ledger.append(Entry(RESOLUTION, identity, body["agent"], as_of, body) for identity, body in numbered)
        current = resolutions(ledger, None, as_of)
    standing = {decision["decision_id"] for decision in open_decisions}
    return [entry for identity, entry in sorted(current.items()) if entry["verdict"] in _CLOSED and identity in standing]


def conflicts_of_day(ledger: Ledger, as_of: str, rules: Rules | None = None) -> list[str]:
    """What the day's decisions that go through still break; a capacity made smaller after something was begun counts from then on."""
    state = state_of(ledger, as_of)
    closed = {identity for identity, entry in resolutions(ledger, None, as_of).items() if entry["verdict"] in _CLOSED}
    passed = [decision for decision in contenders(ledger, as_of, state) if decision["decision_id"] not in closed]
    orders = orders_of(ledger, as_of) if not state.committed else Orders()
    return conflicts_left(passed, rules or load_rules(), orders)


def commit(ledger: Ledger, agent: str, as_of: str, decisions: Iterable[Mapping[str, Any]], rules: Rules | None = None) -> int:
    """Record that decisions that a rule could be about are begun: from here on they go before all others. Returns how many were new."""
    known = {identity for entry in ledger.list(COMMITMENT, as_of=as_of) for identity in entry["decision_ids"]}
    touching = rules or load_rules()
    ids = sorted(d["decision_id"] for d in decisions if d["decision_id"] not in known and touching.touches(d))
    if ids:
        body = {"agent": agent, "decision_ids": ids}
        ledger.append([Entry(COMMITMENT, _digest(body), agent, as_of, body)])
    return len(ids)


def _says(entry: Mapping[str, Any] | None, verdict: Verdict, through: set[str]) -> bool:
    """Whether an entry still holds: the same verdict, and who it gave way to still goes through or is held too."""
    if entry is None or entry["verdict"] != verdict.verdict:
        return False
    return entry["rule"] == verdict.rule if verdict.verdict == HELD or not entry["by"] else set(entry["by"]) & through != set()


def resolution_body(verdict: Verdict) -> dict[str, Any]:
    """A verdict as the ledger records it, without the day."""
    decision = verdict.decision
    return {
        **{name: decision[name] for name in ("decision_id", "agent", "point", "subject", "action")},
        "verdict": verdict.verdict,
        "rule": verdict.rule,
        "key": verdict.key,
        "by": list(verdict.by),
        "reason": verdict.reason,
        "value_brl": float(decision.get("value_brl") or 0.0),
        "cost_brl": float(decision.get("cost_brl") or 0.0),
    }


def _entry(verdict: Verdict, as_of: str) -> dict[str, Any]:
    return {**resolution_body(verdict), "as_of": as_of}


def _released(entry: Mapping[str, Any], as_of: str) -> dict[str, Any]:
    kept = {name: entry[name] for name in ("decision_id", "agent", "point", "subject", "action", "rule", "key", "value_brl", "cost_brl")}
    return {**kept, "as_of": as_of, "verdict": RELEASED, "by": [], "reason": "Aquilo a que cedia não segue mais."}


def _numbered(bodies: Iterable[dict[str, Any]], earlier: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each body with its entry's id: a decision may be superseded, released and superseded again, and each time is an entry."""
    counts: dict[str, int] = {}
    for entry in earlier:
        counts[entry["decision_id"]] = counts.get(entry["decision_id"], 0) + 1
    for body in bodies:
        yield _digest({**body, "number": counts.get(body["decision_id"], 0)}), body


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(body).encode()).hexdigest()[:32]
