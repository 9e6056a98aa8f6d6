"""A configurable OpenAI-compatible server on loopback, in a thread of its own: real HTTP, faults on demand."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass
class Asked:
    """One request as it came."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Script:
    """What the server does: `faults` are used up first, one a request, then everybody gets `choice`."""

    choice: str = "a"
    confidence: float = 0.95
    delay_s: float = 0.0
    has_decisions: bool = True
    faults: list[str | tuple[int, dict[str, str], Any]] = field(default_factory=list)
    always: str | tuple[int, dict[str, str], Any] | None = None


class FakeOpenAI:
    """Answers `/v1/decisions` and `/v1/chat/completions` as scripted; `asked` holds every request."""

    def __init__(self, **script: Any) -> None:
        self.script = Script(**script)
        self.asked: list[Asked] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port = 0

    @property
    def base_url(self) -> str:
        """Up to `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop at once: who waits for an answer loses its connection."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end)
            self._thread.join(10)

    def _end(self) -> None:
        assert self._site is not None
        assert self._runner is not None
        assert self._runner.server is not None
        self._site._server.close()  # type: ignore[union-attr]
        for connection in self._runner.server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_later(0.05, self._loop.stop)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application()
        app.router.add_post("/v1/decisions", self._decisions)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)

        async def start() -> None:
            assert self._runner is not None
            await self._runner.setup()
            self._site = web.TCPSite(self._runner, "127.0.0.1", self.port)
            await self._site.start()
            self.port = self._site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

        self._loop.run_until_complete(start())
        self._ready.set()
        self._loop.run_forever()

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": []})

    async def _decisions(self, request: web.Request) -> web.StreamResponse:
        if not self.script.has_decisions:
            return web.json_response({"error": {"message": "not found"}}, status=404)
        return await self._answered(request, self._decision)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._answered(request, self._completion)

    async def _answered(self, request: web.Request, make: Callable[[dict[str, Any]], dict[str, Any]]) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(Asked(request.path, body, dict(request.headers)))
        fault = self.script.faults.pop(0) if self.script.faults else self.script.always
        if fault == "hang":
            await asyncio.sleep(30)
        if fault == "drop":
            assert request.transport is not None
            request.transport.abort()
            await asyncio.sleep(30)
        if fault == "garbage":
            return web.Response(body=b"\xff<html>{not json", content_type="application/json")
        if isinstance(fault, tuple):
            status, headers, said = fault
            return web.json_response(said, status=status, headers=headers)
        await asyncio.sleep(self.script.delay_s)
        return web.json_response(make(body))

    def _decision(self, body: dict[str, Any]) -> dict[str, Any]:
        asked, script = body["questions"][0], self.script
        if asked["type"] == "predicate":
            answer: dict[str, Any] = {"type": "predicate", "probability": script.confidence}
        else:
            name, listed = ("value", "choices") if asked["type"] == "choice" else ("label", "levels")
            others = [each[name] for each in asked[listed] if each[name] != script.choice]
            shares = [{name: script.choice, "probability": script.confidence}]
            shares += [{name: other, "probability": (1 - script.confidence) / max(1, len(others))} for other in others]
            answer = {"type": asked["type"], "confidence": script.confidence, "probabilities": shares}
            answer |= {"choice": script.choice} if asked["type"] == "choice" else {"score": 1.0}
        usage = {"input_tokens": 100, "input_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 0}, "output_tokens": 0}
        return {"answers": [answer], "model": body["model"], "usage": usage}

    def _completion(self, body: dict[str, Any]) -> dict[str, Any]:
        import math

        said: dict[str, Any] = {"choice": self.script.choice}
        if "confidence" in body["response_format"]["json_schema"]["schema"]["properties"]:
            said["confidence"] = self.script.confidence
        first: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(said)}}
        if body.get("logprobs"):
            spelled = ['{"', "choice", '":', ' "', self.script.choice, '"}']
            sure = math.log(self.script.confidence)
            first["logprobs"] = {"content": [{"token": each, "logprob": sure if each == self.script.choice else 0.0} for each in spelled]}
        usage = {"prompt_tokens": 100, "completion_tokens": 8, "total_tokens": 108}
        return {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [first], "usage": usage}
