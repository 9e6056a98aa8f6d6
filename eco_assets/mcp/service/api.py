"""The table of the HTTP API, and its OpenAPI page. Add an operation here; FastAPI routes it and `operation.py` lets requests in."""

from __future__ import annotations

from typing import Any

from eco_assets.mcp.service import handlers, notion, wire
from eco_assets.mcp.service.operation import JSON, Operation
from eco_assets.mcp.service.problems import MEDIA_TYPE
from eco_assets.mcp.service.schema import ApprovalRequest, BatchRequest, DecideRequest, OutcomeRequest, WireRequest, components

VERSION = "1.0.0"
_POINT, _SUBJECT = "comercial/lead_next_action", "lead-1"
_ASK = {"point": _POINT, "subject": _SUBJECT}
_WIRE = {
    "model": f"eco/{_POINT}",
    "input": _SUBJECT,
    "questions": [
        {
            "type": "choice",
            "name": "action",
            "instructions": "Which action?",
            "choices": [{"value": "agendar_contato"}, {"value": "nutrir"}, {"value": "aguardar"}],
        }
    ],
}
_WIRE_SAMPLE = {
    "object": "decision",
    "answers": [{"type": "choice", "name": "action", "choice": "nutrir", "confidence": 0.8, "probabilities": []}],
    "model": f"eco/{_POINT}@2.0.0",
    "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0},
}
_DAY = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
_DECIDING = (400, 404, 413, 422, 503, 504)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "decide",
        "POST",
        "/v1/decide",
        "Decide about one subject; the answer is the ledger's record. An id that was decided keeps its decision.",
        handlers.decide,
        scope="decide",
        request=DecideRequest,
        answer="Decision",
        example=_ASK,
        statuses=_DECIDING,
        has_request_key=True,
    ),
    Operation(
        "decide_batch",
        "POST",
        "/v1/decide:batch",
        "Decide about up to 200 subjects of one point; each has its decision or its problem.",
        handlers.decide_batch,
        scope="decide",
        request=BatchRequest,
        answer="BatchAnswer",
        example={"point": _POINT, "items": [{"subject": _SUBJECT}]},
        statuses=_DECIDING,
        has_request_key=True,
    ),
    Operation(
        "decisions",
        "POST",
        "/v1/decisions",
        "OpenAI's decisions: `client.decisions.create(...)` of openai 3 with this base URL.",
        wire.decisions,
        scope="decide",
        request=WireRequest,
        answer="WireAnswer",
        example=_WIRE,
        sample=_WIRE_SAMPLE,
        statuses=_DECIDING,
        has_request_key=True,
    ),
    Operation(
        "outcomes",
        "POST",
        "/v1/outcomes",
        "Tell what came of a decision.",
        handlers.outcomes,
        scope="outcomes",
        request=OutcomeRequest,
        example={"decision_id": "0" * 32, "reward_brl": 120.0},
        statuses=(400, 404, 409, 413, 422, 503),
    ),
    Operation("policies", "GET", "/v1/policies", "Every decision point.", handlers.policies, answer="Listing"),
    Operation("policy", "GET", "/v1/policies/{agent}/{point}", "One policy in full.", handlers.policy, statuses=(404,)),
    Operation(
        "policy_versions",
        "GET",
        "/v1/policies/{agent}/{point}/versions",
        "Every version of a policy that the ledger knows.",
        handlers.policy_versions,
        answer="Listing",
        statuses=(404,),
    ),
    Operation(
        "decision", "GET", "/v1/decisions/{decision_id}", "A decision's record.", handlers.decision, answer="Decision", statuses=(404, 422)
    ),
    Operation(
        "explain",
        "GET",
        "/v1/decisions/{decision_id}/explain",
        "From a decision back to its raw rows and on to what came of it.",
        handlers.explain,
        statuses=(404, 409, 422, 503),
    ),
    Operation(
        "approvals",
        "GET",
        "/v1/approvals",
        "Decisions that wait for a person.",
        handlers.approvals,
        answer="Listing",
        query=(("agent", {"type": "string"}, "only this agent's"), ("as_of", _DAY, "of this day; of the served days by default")),
        statuses=(422, 503),
    ),
    Operation(
        "approve",
        "POST",
        "/v1/approvals/{decision_id}",
        "Answer a decision that waits.",
        handlers.approve,
        scope="approve",
        request=ApprovalRequest,
        example={"verdict": "approved", "why": "dentro do plano"},
        statuses=(400, 404, 409, 413, 422, 503),
    ),
    Operation(
        "notion_webhook",
        "POST",
        "/v1/notion/webhook",
        "Notion's webhook deliveries, signed over the raw body; each counts once.",
        notion.webhook,
        scope=None,
        statuses=(401, 409, 413, 422),
        is_raw=True,
    ),
    Operation("live", "GET", "/health/live", "The process answers.", handlers.live, scope=None, answer="Health"),
    Operation("ready", "GET", "/health/ready", "It takes decisions.", handlers.ready, scope=None, answer="Health", statuses=(503,)),
    Operation("deep", "GET", "/health/deep", "Every part, with what is wrong with it.", handlers.deep, answer="Health", statuses=(503,)),
    Operation("metrics", "GET", "/metrics", "Numbers for Prometheus.", handlers.metrics, scope="metrics", media_type="text/plain"),
)
_WHEN = {
    400: "The body is not JSON.",
    401: "No valid key.",
    403: "The key lacks the scope.",
    404: "No such thing; the detail names what is known.",
    409: "The state of things does not allow this.",
    413: "The body is too large.",
    422: "The body or a parameter is not what the operation takes; the detail names it.",
    429: "The key is used too often.",
    503: "Nothing was done; ask again after `Retry-After`.",
    504: "Nothing was recorded in the time that was given.",
}


def page(base: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI page; `base` is FastAPI's, of which version, title and description are kept."""
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    security = {"key": {"type": "http", "scheme": "bearer", "description": "An API key; `eco keys new` makes one."}}
    return {**base, "paths": paths, "components": {"schemas": components(), "securitySchemes": security}}


def _described(operation: Operation) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"} if operation.media_type != JSON else {"$ref": f"#/components/schemas/{operation.answer}"}
    content: dict[str, Any] = {"schema": schema, **({"example": operation.sample} if operation.sample else {})}
    statuses = {*operation.statuses, *((401, 403, 429) if operation.scope else ())}
    answers: dict[str, Any] = {"200": {"description": "Done.", "content": {operation.media_type: content}}}
    is_health = operation.answer == "Health"
    for status in sorted(statuses):
        kind, name = (JSON, "Health") if is_health and status == 503 else (MEDIA_TYPE, "Problem")
        answers[str(status)] = {"description": _WHEN[status], "content": {kind: {"schema": {"$ref": f"#/components/schemas/{name}"}}}}
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _needs(operation),
        "parameters": _parameters(operation),
        "responses": answers,
    }
    if operation.scope is not None:
        found["security"] = [{"key": []}]
    if operation.is_raw:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    if operation.request is not None:
        body = {"schema": {"$ref": f"#/components/schemas/{operation.request.__name__}"}, "example": operation.example}
        found["requestBody"] = {"required": True, "content": {JSON: body}}
    return found


def _needs(operation: Operation) -> str:
    return "For everybody." if operation.scope is None else f"Needs a key with the scope `{operation.scope}`."


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    path = [{"name": name, "in": "path", "required": True, "schema": _path_schema(name)} for name in names]
    query = [{"name": name, "in": "query", "schema": schema, "description": words} for name, schema, words in operation.query]
    if not operation.has_request_key:
        return [*path, *query]
    words = "The same key with the same body gives the same answer again; with another body it is refused (422)."
    schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"}
    return [*path, *query, {"name": "Idempotency-Key", "in": "header", "schema": schema, "description": words}]


def _path_schema(name: str) -> dict[str, Any]:
    return {"type": "string", "pattern": "^[0-9a-f]{32}$"} if name == "decision_id" else {"type": "string", "pattern": "^[a-z][a-z_]*$"}
