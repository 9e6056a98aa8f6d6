"""What the operations do. Each takes the worker's service and a request that was let in, and gives a reply or raises."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from eco_assets.errors import EcoError, NotFound
from eco_assets.ledger import Ledger
from eco_assets.mcp.decider import Ask
from eco_assets.mcp.journal import Recorded
from eco_assets.mcp.outcomes import Outcome, record_outcomes
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.service.operation import Call, Reply
from eco_assets.mcp.service.problems import invalid, problem_of
from eco_assets.mcp.service.schema import ApprovalRequest, BatchRequest, DecideRequest, OutcomeRequest

if TYPE_CHECKING:
    from eco_assets.mcp.service.state import Service

DEADLINE_MS = 10_000  # of a request that names none


async def decide(service: Service, call: Call) -> Reply:
    """`POST /v1/decide`: the decision's record, as the ledger has it."""
    request: DecideRequest = call.body
    ask = Ask(request.point, request.subject, request.features, request.as_of)
    (result,) = await service.decider.results([ask], call.caller("http"), key=call.request_key(), deadline=_deadline(request.deadline_ms))
    if isinstance(result, EcoError):
        raise result
    _counted(service, request.point, result)
    return Reply(result.body.encode(), headers={"Eco-Decision": "new" if result.is_new else "standing"})


async def decide_batch(service: Service, call: Call) -> Reply:
    """`POST /v1/decide:batch`: a decision or a problem for each subject, in their order."""
    request: BatchRequest = call.body
    if call.key.per_minute and len(request.items) > 1:
        more = len(request.items) - 1
        if wait := service.limits.take(call.key.id, call.key.per_minute, more):
            from eco_assets.mcp.service.problems import too_often

            raise too_often(wait)
    asks = [Ask(request.point, item.subject, item.features, request.as_of) for item in request.items]
    results = await service.decider.results(asks, call.caller("http"), key=call.request_key(), deadline=_deadline(request.deadline_ms))
    parts: list[dict[str, Any]] = []
    for item, result in zip(request.items, results, strict=True):
        if isinstance(result, EcoError):
            problem = problem_of(result)
            parts.append(
                {"subject": item.subject, "status": problem.status, "problem": msgspec.Raw(problem.body(f"urn:uuid:{call.instance}"))}
            )
        else:
            _counted(service, request.point, result)
            parts.append({"subject": item.subject, "status": 200, "decision": msgspec.Raw(result.body.encode())})
    return Reply(msgspec.json.encode({"results": parts}))


async def outcomes(service: Service, call: Call) -> Reply:
    """`POST /v1/outcomes`: what came of a decision."""
    request: OutcomeRequest = call.body
    at = request.at or datetime.now(UTC)
    outcome = Outcome(request.decision_id, request.reward_brl, at, request.source or call.key.name)
    added = await service.slowly(record_outcomes, service.platform.ledger, [outcome])
    return Reply(msgspec.json.encode({"decision_id": outcome.decision_id, "source": outcome.source, "is_new": bool(added)}))


async def decision(service: Service, call: Call) -> Reply:
    """`GET /v1/decisions/{id}`: the record."""
    return Reply(msgspec.json.encode(await service.slowly(service.platform.ledger.get, "decision", _id(call))))


async def explain(service: Service, call: Call) -> Reply:
    """`GET /v1/decisions/{id}/explain`: from the decision back to its raw rows and on to its pages."""
    from eco_assets.provenance import explain as walk

    identity = _id(call)
    return Reply(msgspec.json.encode(await service.slowly(walk, service.platform, identity), enc_hook=str))


async def policies(service: Service, call: Call) -> Reply:
    """`GET /v1/policies`: every decision point."""
    return Reply(msgspec.json.encode({"items": [_summary(service, policy) for policy in service.policies.values()]}))


async def policy(service: Service, call: Call) -> Reply:
    """`GET /v1/policies/{agent}/{point}`: one policy in full."""
    found = _policy(service, call)
    return Reply(msgspec.json.encode({**_summary(service, found), "content": found.model_dump(mode="json", exclude_defaults=True)}))


async def policy_versions(service: Service, call: Call) -> Reply:
    """`GET /v1/policies/{agent}/{point}/versions`: every version that may ever have decided, newest last."""
    found = _policy(service, call)
    listed = await service.slowly(_versions, service.platform.ledger, found)
    return Reply(msgspec.json.encode({"items": listed}))


async def approvals(service: Service, call: Call) -> Reply:
    """`GET /v1/approvals`: decisions of a day that wait for a person; of the served days by default."""
    listed = await service.slowly(waiting, service, call.query.get("agent"), call.query.get("as_of"))
    return Reply(msgspec.json.encode({"items": listed}))


async def approve(service: Service, call: Call) -> Reply:
    """`POST /v1/approvals/{id}`: a person's answer."""
    request: ApprovalRequest = call.body
    given = Given(request.verdict, request.by or call.key.name, request.content_hash, "http", request.why, call.key.name)
    return Reply(msgspec.json.encode(await service.slowly(answer_approval, service, _id(call), given)))


async def live(service: Service, call: Call) -> Reply:
    """`GET /health/live`: the process answers."""
    return Reply(b'{"status":"ok"}')


async def ready(service: Service, call: Call) -> Reply:
    """`GET /health/ready`: it takes decisions."""
    is_ready = service.journal.is_open and not service.is_ending
    return Reply(b'{"status":"ok"}') if is_ready else Reply(b'{"status":"bad"}', 503, {"Retry-After": "1"})


async def deep(service: Service, call: Call) -> Reply:
    """`GET /health/deep`: every part, with what is wrong with it."""
    parts = await service.slowly(_parts, service)
    is_well = all(part["is_ok"] for part in parts.values())
    return Reply(msgspec.json.encode({"status": "ok" if is_well else "bad", "parts": parts}), 200 if is_well else 503)


async def metrics(service: Service, call: Call) -> Reply:
    """`GET /metrics`: Prometheus text."""
    service.count()
    for name in service.policies:
        edition = service.online.edition(name)
        if edition is not None:
            service.metrics.set(f'eco_online_age_hours{{point="{name}"}}', service.online.age_h(edition))
    return Reply(service.metrics.text().encode(), media_type="text/plain; version=0.0.4; charset=utf-8")


def waiting(service: Service, agent: str | None, as_of: str | None) -> list[dict[str, Any]]:
    """Standing decisions that need a person's answer and have none, each with its `content_hash` and until when it may be answered."""
    from eco_assets.jorge.approvals import waiting as unanswered

    editions = [service.online.edition(name) for name in service.policies]
    days = {(edition.point.split("/")[0], edition.as_of) for edition in editions if edition is not None}
    if as_of is not None:
        days = {(name.split("/")[0], as_of) for name in service.policies}
    wanted = sorted((one, day) for one, day in days if agent in (None, one))
    return [decision for one, day in wanted for decision in unanswered(service.platform.ledger, one, day)]


@dataclass(frozen=True)
class Given:
    """A person's answer as a door brings it; `via` names the key that vouches for the person."""

    verdict: str
    by: str
    content_hash: str | None
    source: str
    why: str
    via: str


def answer_approval(service: Service, decision_id: str, given: Given) -> dict[str, Any]:
    """Record a person's answer to a decision that waits; returns it as the ledger has it."""
    from eco_assets.jorge.approvals import answer
    from eco_assets.jorge.approvers import approvers

    ledger, people = service.platform.ledger, approvers(service.settings)
    told = (given.content_hash, given.source, given.why)
    decided = answer(ledger, decision_id, given.verdict, given.by, *told, people=people, via=given.via)
    recorded = ledger.get("approval", decided["decision_id"])
    return {name: recorded[name] for name in ("decision_id", "verdict", "by", "why", "content_hash")}


def _parts(service: Service) -> dict[str, dict[str, Any]]:
    """Each part: whether it is well, and the finding."""
    found: dict[str, dict[str, Any]] = {}

    def look(name: str, call: Any) -> None:
        try:
            found[name] = {"is_ok": True, "finding": call()}
        except EcoError as error:
            found[name] = {"is_ok": False, "finding": str(error)}

    look("ledger", lambda: f"{service.platform.ledger.head().seq} entries")
    look("journal", lambda: _journal(service))
    for name in service.policies:
        look(f"online {name}", lambda name=name: _served(service, name))
    from eco_assets.jorge.health import of_platform

    try:  # what is decided here is carried out there
        jorge = {f"jorge {each.pop('name')}": each for each in of_platform(service.platform)}
    except EcoError as error:
        jorge = {"jorge": {"is_ok": False, "finding": str(error)}}
    return {**found, **jorge}


def _journal(service: Service) -> str:
    if not service.journal.is_open:
        raise NotFound("the journal is closed: this worker is ending")
    return f"{service.journal.pending} decisions wait"


def _served(service: Service, name: str) -> str:
    edition = service.online.edition(name)
    if edition is None:  # a point that was never published is not an illness of the service
        return "nothing is served yet"
    return f"{edition.subjects} subjects of {edition.as_of}, {service.online.age_h(edition):.1f} h old"


def _summary(service: Service, found: Policy) -> dict[str, Any]:
    edition = service.online.edition(found.name)
    return {
        "name": found.name,
        "version": found.version,
        "digest": found.digest,
        "description": found.description,
        "subject": found.subject,
        "models": list(found.models),
        "actions": [{"name": action.name, "label": action.label, "workflow": action.workflow} for action in found.actions],
        "serves": None
        if edition is None
        else {"as_of": edition.as_of, "subjects": edition.subjects, "age_hours": service.online.age_h(edition)},
    }


def _versions(ledger: Ledger, found: Policy) -> list[dict[str, Any]]:
    held = [entry for entry in ledger.list("policy", agent=found.agent) if entry.get("name") == found.name]
    known = ("name", "version", "text", "recorded_at")
    return [{**{name: entry[name] for name in known if name in entry}, "is_current": entry.get("text") == found.text} for entry in held]


def _policy(service: Service, call: Call) -> Policy:
    return service.decider.policy(f"{call.path['agent']}/{call.path['point']}")


def _id(call: Call) -> str:
    identity = call.path["decision_id"]
    if not (8 <= len(identity) <= 32 and set(identity) <= set("0123456789abcdef")):
        raise invalid("a decision's id has 32 hexadecimal digits; its first 8 are enough where they are unique")
    return identity


def _deadline(milliseconds: int | None) -> float:
    return time.monotonic() + (milliseconds or DEADLINE_MS) / 1000


def _counted(service: Service, point: str, result: Recorded) -> None:
    service.metrics.add(f'eco_decisions_total{{point="{point}",is_new="{str(result.is_new).lower()}"}}')
