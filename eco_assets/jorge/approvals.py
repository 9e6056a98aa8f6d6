"""Answers of people to what waits for one. The wait is an entry of the ledger, so it holds no thread and no place in a queue.

An answer counts only for the very content that was proposed, only from a person who may give it, and only the first one.
What nobody answers is escalated, and expires: a decision about a past day is not carried out because somebody found it a week later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from eco_assets.day import HELD, SUPERSEDED, newest_decisions, resolutions, standing_decisions
from eco_assets.errors import NotFound, PermanentError, RequestRefused
from eco_assets.jorge.approvers import Approvers, approvers
from eco_assets.ledger import Entry, Ledger, canonical
from eco_assets.settings import Settings

__all__ = ["APPROVED", "EXPIRED", "REJECTED", "answer", "approvers", "content_hash", "counts", "needs_person", "sweep", "terms", "waiting"]

APPROVED, REJECTED, EXPIRED = "approved", "rejected", "expired"
KIND = "approval"
SOURCES = ("cli", "console", "http", "mcp", "notion")
_BLIND = ("mcp", "notion")  # what these show may be older than what they answer, so they must say what they saw
_PROPOSED = (
    "decision_id",
    "agent",
    "point",
    "subject",
    "as_of",
    "action",
    "workflow",
    "value_brl",
    "cost_brl",
    "features",
    "input",
    "reason",
)
_SHORTEST = 12
EXPIRES_H, ESCALATE_AFTER_H = 72.0, 24.0


def content_hash(decision: Mapping[str, Any]) -> str:
    """SHA-256 of what is proposed: who, what, why, from which figures, at what cost."""
    content = {name: decision[name] for name in _PROPOSED if decision.get(name) is not None}
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def counts(given: Mapping[str, Any], decision: Mapping[str, Any]) -> bool:
    """Whether a recorded answer is about this very content; answers of versions before the hash were recorded without it."""
    return "content_hash" not in given or given["content_hash"] == content_hash(decision)


def needs_person(decision: Mapping[str, Any]) -> bool:
    """Whether a person must say yes first: the policy or a rule between agents asks for it, or the workflow does for this content."""
    if decision.get("requires_approval"):
        return True
    workflow = _workflow(decision)
    declared = getattr(workflow, "approval", None)
    if workflow is None or declared is None:
        return False
    try:
        return bool(declared.holds(workflow.read(decision)))
    except RequestRefused:  # it cannot begin as it is, and is parked for a person when it is handed over
        return False


def terms(decision: Mapping[str, Any]) -> dict[str, Any]:
    """How long a decision may wait: `expires_h`, `escalate_after_h`, `escalate_to`; the workflow's, else the defaults."""
    declared = getattr(_workflow(decision), "approval", None)
    return {
        "expires_h": float(getattr(declared, "expires_h", EXPIRES_H)),
        "escalate_after_h": float(getattr(declared, "escalate_after_h", ESCALATE_AFTER_H)),
        "escalate_to": str(getattr(declared, "escalate_to", "")),
    }


def answer(
    ledger: Ledger,
    decision_id: str,
    verdict: str,
    by: str,
    content_hash: str | None = None,
    source: str = "console",
    why: str = "",
    *,
    people: Approvers | None = None,
    via: str = "",
    now: datetime | None = None,
) -> dict[str, Any]:
    """Record a person's answer to a decision that waits for one; returns the decision.

    Args:
        ledger: source and target.
        decision_id: or a unique prefix of it.
        verdict: `approved` or `rejected`.
        by: the person: name, address, or `Name <address>`.
        content_hash: of what the person saw, at least its first 12 digits. Answers through `mcp` and `notion` must bring it.
        source: which door the answer came through, one of `SOURCES`.
        why: the reason, for the record.
        people: who may answer; those of the environment and of the ledger's home by default.
        via: what vouches for the person there, such as an API key's name.
        now: the moment of the answer.

    Raises:
        NotFound: no such decision.
        PermanentError: it does not wait for an answer, has one already, has expired or was replaced; the content is another one;
            the person may not answer; or the answer is neither yes nor no.
    """
    if verdict not in (APPROVED, REJECTED):
        raise PermanentError(f"{verdict!r} is no answer; it must be {APPROVED} or {REJECTED}")
    if source not in SOURCES:
        raise PermanentError(f"{source!r} is no door for answers; they are {', '.join(SOURCES)}")
    decision = ledger.get("decision", decision_id)
    _still_waits(ledger, decision, now or datetime.now(UTC))
    _same_content(decision, content_hash, source)
    listed = people if people is not None else people_of(ledger)
    name = listed.admit(by, decision)
    body = {
        "decision_id": decision["decision_id"],
        "verdict": verdict,
        "by": name,
        "why": why,
        "content_hash": _hash(decision),
        "source": source,
        "is_listed": not listed.is_open,
        "via": via,
    }
    if not ledger.append([Entry(KIND, decision["decision_id"], decision["agent"], decision["as_of"], body)]):
        raise _answered(ledger, decision)
    return decision


_hash = content_hash


def people_of(ledger: Ledger) -> Approvers:
    """Who may answer in the installation that a ledger belongs to; its home is the ledger's folder."""
    return approvers(Settings.from_env().model_copy(update={"home": ledger.path.parent}))


def waiting(ledger: Ledger, agent: str | None = None, as_of: str | None = None) -> list[dict[str, Any]]:
    """Standing decisions without an answer that need one, oldest first, each with its terms.

    Each has besides the decision's members: `content_hash`, `asked_at`, `escalates_at`, `expires_at` (ISO, UTC), `escalate_to`.
    """
    days = sorted({(d["agent"], d["as_of"]) for d in ledger.list("decision", agent=agent, as_of=as_of)})
    answered = {entry["decision_id"] for entry in ledger.list(KIND, agent=agent, as_of=as_of)}
    found = [
        with_terms(decision)
        for one, day in days
        for decision in standing_decisions(ledger, one, day)
        if decision["workflow"] and decision["decision_id"] not in answered and needs_person(decision)
    ]
    return sorted(found, key=lambda decision: (decision["asked_at"], decision["seq"]))


def with_terms(decision: Mapping[str, Any]) -> dict[str, Any]:
    """A decision as `waiting` lists it."""
    told = terms(decision)
    asked = datetime.fromisoformat(decision["recorded_at"])
    return {
        **decision,
        "content_hash": content_hash(decision),
        "asked_at": asked.isoformat(),
        "escalates_at": (asked + timedelta(hours=told["escalate_after_h"])).isoformat(),
        "expires_at": (asked + timedelta(hours=told["expires_h"])).isoformat(),
        "escalate_to": told["escalate_to"],
    }


def sweep(
    ledger: Ledger,
    now: datetime | None = None,
    *,
    agent: str | None = None,
    as_of: str | None = None,
    tell: Callable[[dict[str, Any], str], object] | None = None,
) -> list[dict[str, Any]]:
    """Let expire what nobody answered in time, and escalate what waits for long; returns what was done, each once ever.

    Args:
        ledger: source and target; an expiry is an answer of nobody, an escalation an `operation`.
        now: the moment.
        agent: only this agent's.
        as_of: only of this business day.
        tell: brings an escalation (the decision, to whom) to the person; called again after a crash, so it must be idempotent.
            Without it nothing is escalated.
    """
    moment, done = now or datetime.now(UTC), []
    for decision in waiting(ledger, agent, as_of):
        identity, who = decision["decision_id"], (decision["agent"], decision["as_of"])
        if moment >= datetime.fromisoformat(decision["expires_at"]):
            body = {"decision_id": identity, "verdict": EXPIRED, "by": "eco", "why": f"nobody answered until {decision['expires_at']}"}
            if ledger.append([Entry(KIND, identity, *who, body | {"content_hash": decision["content_hash"]})]):
                done.append(body)
        elif tell is not None and moment >= datetime.fromisoformat(decision["escalates_at"]):
            entry = f"escalate/{identity}"
            if ledger.holds("operation", entry):
                continue
            tell(decision, decision["escalate_to"])
            why = f"it has waited since {decision['asked_at']}"
            body = {"operation": "escalate", "decision_id": identity, "to": decision["escalate_to"], "by": "eco", "why": why}
            ledger.append([Entry("operation", entry, *who, body)])
            done.append(body)
    return done


def _workflow(decision: Mapping[str, Any]) -> Any:
    """The decision's workflow; None where it has none or it is not known."""
    from eco_assets.jorge import agents

    return agents.WORKFLOWS.get(str(decision.get("workflow") or ""))


def _still_waits(ledger: Ledger, decision: dict[str, Any], now: datetime) -> None:
    identity = decision["decision_id"]
    if ledger.holds(KIND, identity):
        raise _answered(ledger, decision)
    resolution = resolutions(ledger, decision["agent"], decision["as_of"]).get(identity)
    verdict = resolution["verdict"] if resolution else ""
    if verdict == SUPERSEDED:
        raise PermanentError(f"{identity} gave way to another decision and is not carried out; `eco explain {identity[:12]}` says why")
    if not decision["workflow"] or not (needs_person(decision) or verdict == HELD):
        raise PermanentError(f"{identity} needs no approval")
    newest = {(d["point"], d["subject"]): d for d in newest_decisions(ledger, decision["agent"], decision["as_of"])}
    current = newest.get((decision["point"], decision["subject"]))
    if current is None or current["decision_id"] != identity:
        raise PermanentError(f"{identity} was replaced by {current['decision_id'] if current else 'none'}; answer that one")
    expires = datetime.fromisoformat(with_terms(current)["expires_at"])
    if now >= expires:
        raise PermanentError(f"{identity} expired on {expires.isoformat(timespec='minutes')}; it is not carried out any more")


def _same_content(decision: Mapping[str, Any], shown: str | None, source: str) -> None:
    own = content_hash(decision)
    if shown is None:
        if source in _BLIND:
            raise PermanentError(f"an answer through {source} must bring the content_hash of what the person saw")
        return
    if len(shown) < _SHORTEST or not own.startswith(shown.lower()):
        raise PermanentError(
            f"the answer is about other content than {decision['decision_id']} proposes (content_hash {own[:_SHORTEST]}); "
            "look at it again: `eco approvals show`"
        )


def _answered(ledger: Ledger, decision: Mapping[str, Any]) -> PermanentError:
    try:
        earlier = ledger.get(KIND, decision["decision_id"])
    except NotFound:
        return PermanentError(f"{decision['decision_id']} could not be answered; try again")
    return PermanentError(f"{decision['decision_id']} was {earlier['verdict']} by {earlier['by']} already")
