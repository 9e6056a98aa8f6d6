"""OpenAI's decisions wire format over our decision points: any client of openai 3 is a client of ours.

`model` is `eco/<agent>/<point>`; `input` is a subject, or JSON with `subject` and `features`. A choice is answered by the policy's action,
a predicate by what its name says: `requires_approval`, `acts`, or one of the prediction's names. What we cannot answer is a refusal.
`model` `eco/router` answers any question about any text through the gateway's ladder; nothing is recorded as a decision then.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from eco_assets.errors import EcoError, NotFound, RequestRefused
from eco_assets.mcp.decider import Ask
from eco_assets.mcp.questions import Answer, Choice, Question
from eco_assets.mcp.service.operation import Call, Reply
from eco_assets.mcp.service.schema import Features, Name, WireQuestion, WireRequest

if TYPE_CHECKING:
    from eco_assets.mcp.service.state import Service

PREFIX, ROUTER = "eco/", "eco/router"


class _Subject(msgspec.Struct, forbid_unknown_fields=True):
    subject: Name
    features: Features = {}


async def decisions(service: Service, call: Call) -> Reply:
    """`POST /v1/decisions`."""
    request: WireRequest = call.body
    if request.model == ROUTER:
        return await _routed(service, request)
    if not request.model.startswith(PREFIX):
        known = ", ".join([*(PREFIX + name for name in sorted(service.policies)), ROUTER])
        raise NotFound(f"no model {request.model!r}; the known ones are {known}")
    subject = _subject(_text(request))
    ask = Ask(request.model.removeprefix(PREFIX), subject.subject, subject.features)
    (result,) = await service.decider.results([ask], call.caller("openai"), key=call.request_key())
    if isinstance(result, EcoError):
        raise result
    record = result.record()
    answers = [_answered(question, record) for question in request.questions]
    headers = {"Eco-Decision-Id": record["decision_id"], "Eco-Decision": "new" if result.is_new else "standing"}
    return Reply(_body(answers, f"{PREFIX}{record['policy']['name']}@{record['policy']['version']}", record["tokens"]), headers=headers)


async def _routed(service: Service, request: WireRequest) -> Reply:
    gateway, text = service.decider.gateway, _text(request)
    if gateway is None:
        raise NotFound(f"{ROUTER} needs a gateway, and none is configured here")
    asked = [_question(number, question, text) for number, question in enumerate(request.questions)]
    found: Sequence[Answer] = await asyncio.gather(*(gateway.answer(question) for question in asked))
    answers = [_from_gateway(question, answer) for question, answer in zip(request.questions, found, strict=True)]
    return Reply(_body(answers, ROUTER, sum(answer.tokens for answer in found)))


def _text(request: WireRequest) -> str:
    if isinstance(request.input, str):
        return request.input
    users = [message for message in request.input if message.role == "user"]
    if not users:
        raise RequestRefused("input holds no message of a user")
    content = users[-1].content
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _subject(text: str) -> _Subject:
    try:
        if text.lstrip().startswith("{"):
            return msgspec.json.decode(text, type=_Subject)
        return msgspec.convert({"subject": text.strip()}, _Subject)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise RequestRefused(f'input must be a subject, or JSON as {{"subject": "...", "features": {{}}}}: {error}') from error


def _answered(question: WireQuestion, record: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision says to one question."""
    if question.type == "choice":
        values = [choice.value for choice in question.choices]
        if record["action"] not in values:
            return _refusal(question)
        known = {option["action"]: option.get("propensity", 0.0) for option in record["alternatives"]}
        shares = [{"value": value, "probability": known.get(value, 0.0) if isinstance(value, str) else 0.0} for value in values]
        return {**_named(question), "choice": record["action"], "confidence": record["confidence"], "probabilities": shares}
    if question.type == "predicate":
        facts = {"requires_approval": float(record["requires_approval"]), "acts": float(record["workflow"] is not None)}
        value = facts.get(question.name or "", record["predictions"].get(question.name or ""))
        if isinstance(value, int | float) and 0 <= value <= 1:
            return {**_named(question), "probability": float(value)}
    return _refusal(question)


def _question(number: int, question: WireQuestion, text: str) -> Question:
    words = question.instructions if isinstance(question.instructions, str) else "".join(part.text for part in question.instructions)
    if question.type == "choice":
        choices = tuple(Choice(str(choice.value), choice.description) for choice in question.choices)
    elif question.type == "score":
        choices = tuple(Choice(level.label, level.description) for level in question.levels)
    else:
        choices = (Choice("true", "sim"), Choice("false", "não"))
    if len(choices) < 2:
        raise RequestRefused(f"question {number + 1}: a {question.type} needs at least two choices or levels")
    key = hashlib.sha256(f"{text}\x1f{words}".encode()).hexdigest()[:32]
    return Question(f"q{number + 1}", f"{key}/q{number + 1}", "grupo", "router", key, question.type, words, choices, {"text": text}, 0.0)


def _from_gateway(question: WireQuestion, answer: Answer) -> dict[str, Any]:
    if answer.choice is None:
        return _refusal(question)
    known = answer.probabilities
    if question.type == "predicate":
        sure = answer.confidence if answer.choice == "true" else 1 - answer.confidence
        return {**_named(question), "probability": known.get("true", sure)}
    if question.type == "choice":
        shares = [{"value": choice.value, "probability": known.get(str(choice.value), 0.0)} for choice in question.choices]
        chosen = next(choice.value for choice in question.choices if str(choice.value) == answer.choice)
        return {**_named(question), "choice": chosen, "confidence": answer.confidence, "probabilities": shares}
    labels = [level.label for level in question.levels]
    shares = [{"label": label, "value": at, "probability": known.get(label, 0.0)} for at, label in enumerate(labels)]
    return {**_named(question), "score": float(labels.index(answer.choice)), "confidence": answer.confidence, "probabilities": shares}


def _named(question: WireQuestion) -> dict[str, Any]:
    return {"type": question.type, "name": question.name}


def _refusal(question: WireQuestion) -> dict[str, Any]:
    return {"type": "refusal", "name": question.name}


def _body(answers: list[dict[str, Any]], model: str, tokens: int) -> bytes:
    usage = {
        "input_tokens": tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens,
    }
    return msgspec.json.encode({"object": "decision", "answers": answers, "model": model, "usage": usage})
