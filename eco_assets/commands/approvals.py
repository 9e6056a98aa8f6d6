"""`eco approvals`: what waits for a person, in full, and the answer; `eco approve` is the short form that pages print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Agent, Json, guarded, known_agent, operator
from eco_assets.commands.shared import platform as open_platform

if TYPE_CHECKING:
    from eco_assets.platform import Platform

app = typer.Typer(invoke_without_command=True, help="Decisions that wait for a person: list, show, approve, reject.")
Id = Annotated[str, typer.Argument(help="A decision's id, or a prefix of it.")]
By = Annotated[str, typer.Option("--by", help="Who answers: a listed name or address. Who runs the command by default.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the ledger.")]
Hash = Annotated[str | None, typer.Option("--hash", help="The content_hash of what you saw; refuses an answer to anything else.")]


@app.callback()
@guarded
def main(context: typer.Context, as_json: Json = False) -> None:
    """Decisions that wait for a person; without a subcommand, the list."""
    if context.invoked_subcommand is None:
        _list(None, as_json)


@app.command("list")
@guarded
def listed(agent: Agent = None, as_json: Json = False) -> None:
    """What waits, oldest first, and until when it may be answered."""
    _list(known_agent(agent), as_json)


@app.command()
@guarded
def show(decision_id: Id, as_json: Json = False) -> None:
    """One proposal in full: what would be done, why, at what cost, and the hash that an answer may name."""
    from eco_assets.jorge.approvals import content_hash, needs_person
    from eco_assets.jorge.approvers import approvers

    platform = open_platform()
    decision = platform.ledger.get("decision", decision_id)
    identity = decision["decision_id"]
    waits = next((one for one in _waiting(platform, decision["agent"], decision["as_of"]) if one["decision_id"] == identity), None)
    given = platform.ledger.get("approval", identity) if platform.ledger.holds("approval", identity) else None
    people = [one.name for one in approvers(platform.settings).people if decision["agent"] in one.agents]
    told = {"content_hash": content_hash(decision), "is_waiting": waits is not None, "answer": given, "approvers": people}
    if as_json:
        console.as_json({**(waits or decision), **told})
        return
    console.say(f"{identity} {decision['agent']}/{decision['point']} {decision['as_of']}")
    console.say(f"  {decision['subject']}: {decision['action']}, workflow {decision['workflow']}")
    console.say(f"  value R$ {decision['value_brl']:,.2f}, cost R$ {decision['cost_brl']:,.2f}")
    console.say(f"  {decision.get('reason', '')}")
    console.say(f"  content_hash {told['content_hash']}")
    console.say(f"  may answer: {', '.join(people) or 'anybody (nobody is listed)'}")
    if given is not None:
        console.say(f"  {given['verdict']} by {given['by']}{': ' + given['why'] if given.get('why') else ''}")
    elif waits is not None:
        console.say(f"  waits since {waits['asked_at'][:16]}, expires {waits['expires_at'][:16]}")
    else:
        console.say("  was replaced or gave way" if needs_person(decision) else "  needs no approval")


@app.command("approve")
@guarded
def yes(decision_id: Id, by: By = "", why: Why = "", seen: Hash = None) -> None:
    """Answer yes; the agent's next run for that day carries it out."""
    _answer(decision_id, "approved", by, why, seen)


@app.command("reject")
@guarded
def no(decision_id: Id, by: By = "", why: Why = "", seen: Hash = None) -> None:
    """Answer no; it is never carried out."""
    _answer(decision_id, "rejected", by, why, seen)


@app.command()
@guarded
def sweep(as_json: Json = False) -> None:
    """Escalate what waits for long and let expire what nobody answered; a schedule does this too."""
    from eco_assets.jorge.escalation import sweep_all

    done = sweep_all(open_platform())
    if as_json:
        console.as_json(done)
        return
    for body in done:
        console.say(f"{body['decision_id']} {body.get('verdict', 'escalated')}: {body['why']}")
    console.say(f"{len(done)} escalated or expired")


@guarded
def approve(
    decision_id: Id,
    by: By = "",
    reject: Annotated[bool, typer.Option("--reject", help="Answer no.")] = False,
    why: Why = "",
    seen: Hash = None,
) -> None:
    """Answer a decision that waits; the next run carries it out."""
    _answer(decision_id, "rejected" if reject else "approved", by, why, seen)


def _answer(decision_id: str, verdict: str, by: str, why: str, seen: str | None) -> None:
    from eco_assets.jorge.approvals import answer
    from eco_assets.jorge.approvers import approvers

    platform, user = open_platform(), operator()
    people = approvers(platform.settings)
    decision = answer(platform.ledger, decision_id, verdict, by or user, seen, "cli", why, people=people, via=user)
    who = platform.ledger.get("approval", decision["decision_id"])["by"]
    console.say(
        f"{decision['decision_id']} {verdict} by {who}; `eco run --agent {decision['agent']} --date {decision['as_of']}` goes on with it"
    )


def _waiting(platform: Platform, agent: str | None, as_of: str | None) -> list[dict[str, Any]]:
    from eco_assets.jorge.approvals import waiting

    return waiting(platform.ledger, agent, as_of)


def _list(agent: str | None, as_json: bool) -> None:
    found = _waiting(open_platform(), agent, None)
    if as_json:
        console.as_json(found)
        return
    now = datetime.now(UTC)
    rows = [
        (d["decision_id"][:12], d["as_of"], d["agent"], d["subject"], d["action"], d["value_brl"], d["cost_brl"], _left(d, now))
        for d in found
    ]
    console.table(f"{len(rows)} decision(s) wait", ("id", "day", "agent", "subject", "action", "value R$", "cost R$", "expires"), rows)


def _left(decision: dict[str, Any], now: datetime) -> str:
    hours = (datetime.fromisoformat(decision["expires_at"]) - now).total_seconds() / 3600
    return "expired" if hours <= 0 else f"in {hours:.0f} h"
