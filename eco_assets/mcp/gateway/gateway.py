"""The way in: `Gateway.answer` never raises for a provider's fault; `open_gateway` opens one over a home."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from time import perf_counter
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from eco_assets.mcp.gateway.budget import INSTALLATION
from eco_assets.mcp.gateway.cache import Cache, key_of, tags_of
from eco_assets.mcp.gateway.catalogue import Catalogue, Configured, configured
from eco_assets.mcp.gateway.client import Clients, load_libraries
from eco_assets.mcp.gateway.heads import Head
from eco_assets.mcp.gateway.ladder import Climb, Ladder, Rung, name_of
from eco_assets.mcp.gateway.masking import mask
from eco_assets.mcp.gateway.parts import Parts, open_parts
from eco_assets.mcp.gateway.prompt import evidence_json
from eco_assets.mcp.gateway.router import Router, choose
from eco_assets.mcp.questions import Answer, Hop, Question
from eco_assets.settings import Settings

AT_ONCE = 16  # questions of one batch
WARM_UP_S = 3.0
CLOSE_S = 5.0
T = TypeVar("T")


class Gateway:
    """Answers questions. Safe for threads and for several event loops; not to be carried over a fork."""

    def __init__(
        self, table: Configured, heads: Sequence[Head], router: Router | None, parts: Parts | None, limits: Mapping[str, int]
    ) -> None:
        self._table, self._heads, self._router, self._parts = table, tuple(heads), router, parts
        self._clients = Clients()
        self._ladder = Ladder(self._clients, parts.breakers if parts else None, parts.budget if parts else None, limits)
        self._asked: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[object, asyncio.Task[Answer]]] = WeakKeyDictionary()
        self._batches: _Loop | None = None
        self._lock = threading.Lock()

    @property
    def cache(self) -> Cache | None:
        """The cache of answers, whose `invalidate` takes tags (`tags_of`); None without a provider."""
        return self._parts.cache if self._parts else None

    async def answer(self, question: Question) -> Answer:
        """The answer of the first who is sure; `choice` is None where nobody is, and the hops say why.

        Equal questions that are asked at the same time are asked once. Heads see the evidence as it is, providers masked.
        """
        self._clients.prepare(self._table.models)
        started = perf_counter()
        route, wrong = self._route(question)
        if self._parts is None:
            return await self._climbed(Climb(question, "", started + question.limits.deadline_ms / 1000, wrong), route, "", ())
        masked = mask(question.evidence)
        evidence = evidence_json(masked.evidence)
        names = [name_of(rung) for rung in route]
        key, tags, cache = key_of(question, evidence, names), tags_of(question), self.cache
        found = cache.get(key, tags) if cache is not None else None
        if found is not None and found.confidence >= question.min_confidence:
            return replace(found, question=question.id, is_cached=True, masked=masked.count)
        flight = (key, question.min_confidence, question.limits)
        asked = self._asked.setdefault(asyncio.get_running_loop(), {})
        task, is_first = asked.get(flight), flight not in asked
        if task is None:
            deadline = started + question.limits.deadline_ms / 1000
            climb = Climb(question, evidence, deadline, list(wrong))
            task = asked[flight] = asyncio.create_task(self._climbed(climb, route, key, tags))
            task.add_done_callback(lambda _: asked.pop(flight, None))
        answer = await asyncio.shield(task)
        return replace(answer, question=question.id, is_cached=not is_first, masked=masked.count)

    async def _climbed(self, climb: Climb, route: Sequence[Rung], key: str, tags: tuple[str, ...]) -> Answer:
        cache, question = self.cache, climb.question
        counts = cache.counts(tags) if cache is not None else None
        permitted = [at for at, rung in enumerate(route) if self._ladder.is_permitted(rung, question)]
        chosen = choose(question, [name_of(rung) for rung in route], permitted, self._router)
        answer = await self._ladder.climb(climb, [route[at] for at in chosen.order], chosen.propensity)
        if cache is not None and answer.choice is not None and answer.provider != "head":
            cache.put(key, tags, counts, answer)
        return answer

    def answer_all(self, questions: Sequence[Question]) -> list[Answer]:
        """The answers, in the order of the questions; 16 at once. From any thread that runs no event loop."""
        if not questions:
            return []

        async def every() -> list[Answer]:
            gate = asyncio.Semaphore(AT_ONCE)

            async def one(question: Question) -> Answer:
                async with gate:
                    return await self.answer(question)

            return list(await asyncio.gather(*(one(question) for question in questions)))

        with self._lock:
            self._batches = self._batches or _Loop()
        return self._batches.run(every())

    async def warm_up(self) -> None:
        """Connect to every provider on this loop, before the first question that is in a hurry."""
        await self._clients.warm_up(self._table.models, WARM_UP_S)

    def status(self) -> dict[str, Any]:
        """For health pages and metrics: models, open breakers, micro-dollars of today, cache hits and misses."""
        found: dict[str, Any] = {"models": [model.id for model in self._table.models], "heads": [head.name for head in self._heads]}
        if self._parts is None:
            return found
        opened = {name: {"until": each.until, "reason": each.reason} for name, each in self._parts.breakers.status().items()}
        cache = {"hits": self._parts.cache.hits, "misses": self._parts.cache.misses}
        return {**found, "open_breakers": opened, "spent_micro_usd": self._parts.budget.spent(INSTALLATION), "cache": cache}

    async def aclose(self) -> None:
        """Close this loop's connections, then everything."""
        await self._clients.close_here()
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Let go of what is open. Connections of a loop that still runs are closed there; call `aclose` on it if you can."""
        if self._batches is not None:
            self._batches.run(self._clients.close_here())
            self._batches.stop()
            self._batches = None
        for loop in self._clients.loops():
            if loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(self._clients.close_here(), loop)
                with suppress(TimeoutError):
                    closing.result(0 if _is_on_a_loop() else CLOSE_S)  # the loop cannot wait for itself
        if self._parts is not None:
            self._parts.close()
            self._parts = None

    def _route(self, question: Question) -> tuple[list[Rung], list[Hop]]:
        """The rungs of the question's route, and a hop that says so where there is no such route."""
        routes = self._table.routes
        wrong = [] if question.route in routes else [Hop("router", question.route, "route", "skipped: no such route")]
        rungs: list[Rung] = []
        for model in routes.get(question.route, routes["default"]):
            rungs.extend([model] if model is not None else self._heads)
        return rungs, wrong


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Loop:
    """An event loop in a thread of its own, for callers that have none; kept, because connections belong to it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="eco-gateway", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def stop(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def open_gateway(settings: Settings, heads: Sequence[Head] = (), router: Router | None = None, table: Catalogue | None = None) -> Gateway:
    """A gateway over a home; without a configured provider nothing is opened and heads alone answer.

    Args:
        settings: whose keys say which providers there are.
        heads: local models, in the order of trial.
        router: values rungs; without one the declared order holds.
        table: what is declared; `providers.yaml` by default.

    Raises:
        ConfigError: the table is malformed, or a configured model has no price.
    """
    known = configured(settings, table)
    if known.models:
        load_libraries()
    limits = {INSTALLATION: round(settings.llm_budget_usd * 1_000_000), "agent": round(settings.llm_agent_budget_usd * 1_000_000)}
    return Gateway(known, heads, router, open_parts(settings, known) if known.models else None, limits)
