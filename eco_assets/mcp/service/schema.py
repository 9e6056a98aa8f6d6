"""Shapes of requests, and of answers for the OpenAPI page. Requests are decoded into these by msgspec; an unknown member is an error."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=1000)]
Day = Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Features = Annotated[dict[Annotated[str, Meta(min_length=1, max_length=100)], Number | Text | bool | None], Meta(max_length=200)]
Milliseconds = Annotated[int, Meta(ge=1, le=60_000)]


class DecideRequest(Struct, forbid_unknown_fields=True):
    """One decision. `features` replace or complete what is served about the subject; `as_of` is the day that must be served."""

    point: Name
    subject: Name
    features: Features = {}
    as_of: Day | None = None
    deadline_ms: Milliseconds | None = None


class BatchItem(Struct, forbid_unknown_fields=True):
    """One subject of a batch."""

    subject: Name
    features: Features = {}


class BatchRequest(Struct, forbid_unknown_fields=True):
    """Decisions about several subjects of one point; they are recorded in one transaction."""

    point: Name
    items: Annotated[list[BatchItem], Meta(min_length=1, max_length=200)]
    as_of: Day | None = None
    deadline_ms: Milliseconds | None = None


class ApprovalRequest(Struct, forbid_unknown_fields=True):
    """A person's answer. The key's name stands for the person unless `by` says who it is; `content_hash` is of what the person saw."""

    verdict: Literal["approved", "rejected"]
    why: Text = ""
    by: Text = ""
    content_hash: Annotated[str, Meta(pattern="^[0-9a-f]{12,64}$")] | None = None


class OutcomeRequest(Struct, forbid_unknown_fields=True):
    """What came of a decision. `at` is when that was known, now by default; `source` who says so, the key's name by default."""

    decision_id: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    reward_brl: Number
    at: Annotated[datetime, Meta(tz=True)] | None = None
    source: Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")] | None = None


class QuestionPart(Struct):
    """A part of a question's instructions."""

    type: str
    text: str = ""


class WireChoice(Struct):
    """One value that may be chosen."""

    value: str | bool
    description: str = ""


class WireLevel(Struct):
    """One level of a score."""

    label: str
    description: str = ""


class WireQuestion(Struct):
    """A question of OpenAI's decisions: predicate, choice or score."""

    type: Literal["predicate", "choice", "score"]
    instructions: str | list[QuestionPart]
    name: Annotated[str, Meta(max_length=200)] | None = None
    choices: Annotated[list[WireChoice], Meta(max_length=255)] = []
    levels: Annotated[list[WireLevel], Meta(max_length=255)] = []


class WireMessage(Struct):
    """A message of the input; only users' text is read."""

    role: str = ""
    content: str | list[QuestionPart] = ""
    type: str = "message"


class WireRequest(Struct):
    """`POST /v1/decisions` of OpenAI."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    input: str | list[WireMessage]
    questions: Annotated[list[WireQuestion], Meta(min_length=1, max_length=400)]


REQUESTS = (DecideRequest, BatchRequest, ApprovalRequest, OutcomeRequest, WireRequest)

_STRINGS: dict[str, Any] = {"type": "string"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": [*required], "properties": {**required, **(optional or {})}}


_PROBLEM = _object(
    {"type": _STRINGS, "title": _STRINGS, "status": {"type": "integer"}, "detail": _STRINGS, "instance": _STRINGS},
    {"error": {"type": "object", "description": "the same in OpenAI's form, for OpenAI's clients"}},
)
_DECISION = _object(
    {
        "decision_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "agent": _STRINGS,
        "point": _STRINGS,
        "subject": _STRINGS,
        "as_of": {"type": "string", "format": "date"},
        "policy": _object({"name": _STRINGS, "version": _STRINGS, "digest": _STRINGS}),
        "features": {"type": "object"},
        "predictions": {"type": "object"},
        "alternatives": {"type": "array", "items": {"type": "object"}},
        "action": _STRINGS,
        "workflow": {"type": ["string", "null"]},
        "value_brl": {"type": "number"},
        "cost_brl": {"type": "number"},
        "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        "requires_approval": {"type": "boolean"},
        "guardrails": {"type": "array", "items": _STRINGS},
        "reason": {"type": "string", "description": "for business people, in Portuguese"},
    },
    {
        "latency": {"type": "object", "description": "milliseconds by phase: features, model, provider, queue, policy"},
        "latency_ms": {"type": "number"},
        "traceparent": _STRINGS,
    },
)
_WIRE_ANSWER = {"type": "object", "required": ["type"], "properties": {"type": {"enum": ["predicate", "choice", "score", "refusal"]}}}
ANSWERS: dict[str, dict[str, Any]] = {
    "Problem": _PROBLEM,
    "Decision": _DECISION,
    "BatchAnswer": _object(
        {
            "results": {
                "type": "array",
                "items": _object(
                    {"subject": _STRINGS, "status": {"type": "integer"}},
                    {"decision": {"$ref": "#/components/schemas/Decision"}, "problem": {"$ref": "#/components/schemas/Problem"}},
                ),
            }
        }
    ),
    "WireAnswer": _object(
        {
            "answers": {"type": "array", "items": _WIRE_ANSWER},
            "model": _STRINGS,
            "usage": _object(
                {"input_tokens": {"type": "integer"}, "output_tokens": {"type": "integer"}, "total_tokens": {"type": "integer"}}
            ),
        }
    ),
    "Listing": _object({"items": {"type": "array", "items": {"type": "object"}}}),
    "Object": {"type": "object"},
    "Health": _object({"status": {"enum": ["ok", "bad"]}}, {"parts": {"type": "object"}}),
}


def components() -> dict[str, Any]:
    """Every named schema of the API."""
    _, found = msgspec.json.schema_components(REQUESTS, ref_template="#/components/schemas/{name}")
    return {**found, **ANSWERS}
