"""One attempt at one endpoint of one model, over the `openai` SDK: transport, authentication and errors are its, retries are not.

Requests go through the client's own `post` with a body that was made once a question (`prompt.py`), and the bytes that come back are
read here: that takes half the CPU of the typed calls (1.9 against 3.5 ms) and validates more, because the choices are known here.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from eco_assets.errors import AnswerRefused
from eco_assets.mcp.gateway.catalogue import Model
from eco_assets.mcp.gateway.faults import Fault, fault_of, timed_out
from eco_assets.mcp.gateway.prompt import Reply, chat_body, decisions_body, read_chat, read_decision
from eco_assets.mcp.questions import Question

if TYPE_CHECKING:
    from openai import AsyncOpenAI

PATHS = {"decisions": "/decisions", "chat": "/chat/completions"}
CONNECT_S = 5.0
LARGEST_ANSWER = 1_000_000  # bytes; a decision is about 500


@dataclass(frozen=True)
class Usage:
    """Tokens that were billed; `cached` are part of the input."""

    input: int
    output: int
    cached: int = 0


@dataclass(frozen=True)
class Attempt:
    """How it went: a reply or a fault. `usage` is None where the provider did not say."""

    ms: float
    reply: Reply | None = None
    fault: Fault | None = None
    usage: Usage | None = None
    status: int | None = None


def load_libraries() -> None:
    """Import and read what the first question would otherwise wait for: about two seconds."""
    import openai  # noqa: F401 -- its resources come with the first client
    from httpx2 import Response  # noqa: F401

    from eco_assets.mcp.gateway.masking import personal_columns

    personal_columns()


class Clients:
    """One client a provider and event loop, kept for its connections; a client cannot move to another loop."""

    def __init__(self) -> None:
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, AsyncOpenAI]] = WeakKeyDictionary()

    def of(self, model: Model) -> AsyncOpenAI:
        """The client of the model's provider on the running loop."""
        mine = self._by_loop.setdefault(asyncio.get_running_loop(), {})
        if model.base_url not in mine:
            from openai import AsyncOpenAI, DefaultAioHttpClient, Timeout

            limit = Timeout(None, connect=CONNECT_S)  # the time that is left is given with every attempt
            transport = DefaultAioHttpClient(timeout=limit)
            mine[model.base_url] = AsyncOpenAI(
                api_key=model.key, base_url=model.base_url, max_retries=0, timeout=limit, http_client=transport
            )
        return mine[model.base_url]

    def prepare(self, models: tuple[Model, ...]) -> None:
        """Make the running loop's clients, if it has none; 0.1 s a provider that no question's deadline should pay for."""
        if asyncio.get_running_loop() not in self._by_loop:
            for model in models:
                self.of(model)

    async def warm_up(self, models: tuple[Model, ...], seconds: float) -> None:
        """Make the clients and open a connection of each, so that the first question does not pay for it; failures are not told."""
        from openai import OpenAIError

        async def one(model: Model) -> None:
            with suppress(OpenAIError, TimeoutError, ValueError):
                async with asyncio.timeout(seconds):
                    await self.of(model).get("/models", cast_to=_response())

        await asyncio.gather(*(one(model) for model in {model.base_url: model for model in models}.values()))

    async def close_here(self) -> None:
        """Close the running loop's clients."""
        for client in self._by_loop.pop(asyncio.get_running_loop(), {}).values():
            await client.close()

    def loops(self) -> list[asyncio.AbstractEventLoop]:
        """Loops that have clients."""
        return list(self._by_loop)


async def attempt(clients: Clients, model: Model, endpoint: str, question: Question, evidence: str, seconds: float) -> Attempt:
    """Ask once; never raises for what a provider does.

    Args:
        clients: of this gateway.
        model: whom.
        endpoint: `decisions` or `chat`.
        question: with its choices and limits.
        evidence: as `evidence_json` spells it, masked.
        seconds: after which the attempt is given up.
    """
    from openai import OpenAIError

    has_logprobs = model.spec.confidence == "logprobs"
    made = decisions_body(question, evidence) if endpoint == "decisions" else chat_body(question, evidence, has_logprobs=has_logprobs)
    client, started = clients.of(model), perf_counter()
    body = {"model": model.name, **made, **(model.spec.options if endpoint == "chat" else {})}
    try:
        async with asyncio.timeout(seconds):
            response = await client.post(PATHS[endpoint], cast_to=_response(), body=body)
    except TimeoutError:
        return Attempt(_since(started), fault=timed_out(seconds))
    except (OpenAIError, OSError, ValueError) as error:
        fault = fault_of(error)
        return Attempt(_since(started), fault=fault, status=fault.status)
    ms = _since(started)
    try:
        found = _decoded(response.content)
        usage = _usage(found)
        reply = read_decision(found, question) if endpoint == "decisions" else read_chat(found, question, has_logprobs=has_logprobs)
    except AnswerRefused as error:
        return Attempt(ms, fault=Fault(error, response.status_code), usage=_usage_or_none(response.content), status=response.status_code)
    return Attempt(ms, reply, usage=usage, status=response.status_code)


def _since(started: float) -> float:
    return (perf_counter() - started) * 1000


def _response() -> Any:
    from httpx2 import Response

    return Response


def _decoded(content: bytes) -> Any:
    import msgspec

    if len(content) > LARGEST_ANSWER:
        raise AnswerRefused(f"the answer has {len(content):,} bytes: it is not one of the choices")
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerRefused("the answer is no JSON") from error


def _usage_or_none(content: bytes) -> Usage | None:
    with suppress(AnswerRefused):
        return _usage(_decoded(content))
    return None


def _usage(body: Any) -> Usage | None:
    """Tokens as chat or decisions name them; None where they are missing or are no counts."""
    told = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(told, dict):
        return None
    try:
        details = told.get("prompt_tokens_details") or told.get("input_tokens_details") or {}
        names = ("prompt_tokens", "completion_tokens") if "prompt_tokens" in told else ("input_tokens", "output_tokens")
        given, made = (int(told[name]) for name in names)
        cached = int(details.get("cached_tokens") or 0)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Usage(given, made, cached) if min(given, made, cached) >= 0 else None
