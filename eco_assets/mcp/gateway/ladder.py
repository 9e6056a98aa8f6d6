"""The ladder: rungs are asked one after the other until one is sure, within what is left of the deadline and of the budget.

Every attempt, and every rung that was passed over, is a hop of the answer. Retries are made here and nowhere else: once, after a
transient fault, where the wait that the provider asks for fits.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from eco_assets.errors import EcoError
from eco_assets.mcp.gateway.breaker import Breakers
from eco_assets.mcp.gateway.budget import INSTALLATION, Budget, Reservation
from eco_assets.mcp.gateway.catalogue import Model
from eco_assets.mcp.gateway.client import Attempt, Clients, attempt
from eco_assets.mcp.gateway.faults import NO_SUCH_ENDPOINT
from eco_assets.mcp.gateway.heads import Head, best
from eco_assets.mcp.gateway.pricing import estimated_tokens
from eco_assets.mcp.gateway.prompt import instructions
from eco_assets.mcp.questions import Answer, Hop, Question

ROOM = 1.5  # times its least, so that the next model is not passed over by a millisecond
HEAD_MS = 10.0  # that a provider's hop leaves for a local head
RETRY_MS = (20.0, 60.0)  # the pause before a second attempt, where the provider names none
Rung = Model | Head


@dataclass
class Climb:
    """One question on its way up."""

    question: Question
    evidence: str
    deadline: float
    hops: list[Hop] = field(default_factory=list)

    @property
    def left_ms(self) -> float:
        """What is left of the deadline."""
        return (self.deadline - perf_counter()) * 1000

    @property
    def cost(self) -> int:
        """Micro-dollars so far."""
        return sum(hop.cost_micro_usd for hop in self.hops)


def name_of(rung: Rung) -> str:
    """`provider/model`, or `head/<name>`."""
    return rung.id if isinstance(rung, Model) else f"head/{rung.name}"


class Ladder:
    """Climbs. Everything shared is handed in."""

    def __init__(self, clients: Clients, breakers: Breakers | None, budget: Budget | None, limits: Mapping[str, int]) -> None:
        self._clients, self._breakers, self._budget, self._limits = clients, breakers, budget, limits
        self._missing: set[tuple[str, str]] = set()  # endpoints that a server does not have

    def is_permitted(self, rung: Rung, question: Question) -> bool:
        """Whether the rung could be asked now, as far as can be told without asking."""
        if not isinstance(rung, Model):
            return rung.is_for(question)
        return self._state(rung) != "open" and question.limits.deadline_ms >= self._least_ms(rung)

    async def climb(self, climb: Climb, rungs: Sequence[Rung], propensity: float) -> Answer:
        """The first sure answer of `rungs`; without one, an answer whose choice is None."""
        question = climb.question
        for at, rung in enumerate(rungs):
            if isinstance(rung, Model):
                found = await self._ask_model(climb, rung, self._kept_ms(rungs[at + 1 :], climb, rung))
            else:
                found = await _ask_head(climb, rung)
            if found is not None:
                choice, confidence, shares = found
                provider, model = (rung.provider, rung.name) if isinstance(rung, Model) else ("head", rung.name)
                return Answer(question.id, choice, confidence, shares, provider, model, propensity, hops=tuple(climb.hops))
        return Answer(question.id, None, propensity=propensity, hops=tuple(climb.hops))

    async def _ask_model(self, climb: Climb, model: Model, kept_ms: float) -> tuple[str, float, Mapping[str, float]] | None:
        endpoints = [each for each in model.spec.endpoints if (model.id, each) not in self._missing] or model.spec.endpoints[-1:]
        is_retried = False
        while endpoints:
            tried = await self._hop(climb, model, endpoints[0], kept_ms)
            if tried is None:
                return None
            if tried.reply is not None:
                is_sure = tried.reply.confidence >= climb.question.min_confidence
                return (tried.reply.choice, tried.reply.confidence, tried.reply.probabilities) if is_sure else None
            if tried.status in NO_SUCH_ENDPOINT and len(endpoints) > 1:
                self._missing.add((model.id, endpoints[0]))
                endpoints = endpoints[1:]
                continue
            if is_retried or not await _paused(climb, tried, kept_ms):
                return None
            is_retried = True
        return None

    async def _hop(self, climb: Climb, model: Model, endpoint: str, kept_ms: float) -> Attempt | None:
        """One attempt, paid for and logged; None where it was passed over."""
        question, state = climb.question, self._state(model)
        output = 0 if endpoint == "decisions" else question.limits.max_output_tokens
        tokens = estimated_tokens(instructions(question) + climb.evidence, is_openai=model.is_openai)
        estimate, left_ms = model.rates.cost(tokens, output), climb.left_ms - kept_ms
        why = self._obstacle(climb, model, state, left_ms, estimate, tokens + output)
        held = None
        if why is None:
            held, why = self._reserve(question, estimate)
        if why is None and state == "half_open" and self._breakers is not None and not self._breakers.claim(model.id):
            why = "breaker"
            self._settle(held, 0)
        if why is not None:
            climb.hops.append(Hop(model.provider, model.name, endpoint, f"skipped: {why}", breaker=state))
            return None
        try:
            tried = await attempt(self._clients, model, endpoint, question, climb.evidence, left_ms / 1000)
        except asyncio.CancelledError:
            self._tell(model, "cancelled", is_probe=state == "half_open")
            raise
        cost = _cost(tried, model, estimate)
        self._settle(held, cost)
        self._count(model, tried, has_other_endpoint=endpoint != model.spec.endpoints[-1])
        climb.hops.append(_logged(tried, climb, model, endpoint, cost, state))
        return tried

    def _obstacle(self, climb: Climb, model: Model, state: str, left_ms: float, estimate: int, tokens: int) -> str | None:
        """Why the model is passed over, or None."""
        if state == "open":
            return "breaker"
        if left_ms < self._least_ms(model):
            return "deadline"
        if tokens > model.spec.context:
            return "context"
        if climb.cost + estimate > climb.question.limits.max_cost_micro_usd:
            return "budget of the answer"
        return None

    def _reserve(self, question: Question, estimate: int) -> tuple[Reservation | None, str | None]:
        """Money for one attempt, or why there is none; what costs nothing reserves nothing."""
        if self._budget is None or not estimate:
            return None, None
        scopes = {INSTALLATION: self._limits[INSTALLATION], f"agent:{question.agent}": self._limits["agent"]}
        held = self._budget.reserve(estimate, scopes)
        return (None, f"budget of {held}") if isinstance(held, str) else (held, None)

    def _settle(self, held: Reservation | None, cost: int) -> None:
        if held is not None and self._budget is not None:
            self._budget.settle(held, cost)

    def _count(self, model: Model, tried: Attempt, *, has_other_endpoint: bool) -> None:
        if self._breakers is None or (tried.status in NO_SUCH_ENDPOINT and has_other_endpoint):
            return
        if tried.fault is None:
            self._breakers.succeeded(model.id, tried.ms)
        else:
            fault = tried.fault
            self._breakers.failed(model.id, str(fault.error), is_exhausted=fault.is_exhausted, retry_after_s=fault.retry_after_s)

    def _tell(self, model: Model, reason: str, *, is_probe: bool) -> None:
        """A probe that was cancelled must not keep the others waiting."""
        if is_probe and self._breakers is not None:
            self._breakers.failed(model.id, reason)

    def _state(self, model: Model) -> str:
        return "closed" if self._breakers is None else self._breakers.state(model.id)

    def _least_ms(self, model: Model) -> float:
        known = self._breakers.fastest_ms(model.id) if self._breakers is not None else 0.0
        return known or model.spec.least_ms

    def _kept_ms(self, later: Sequence[Rung], climb: Climb, model: Model) -> float:
        """What a hop leaves for the rungs after it: a local head's time, and the next model's least where twice its own remains."""
        kept = HEAD_MS if any(not isinstance(rung, Model) and rung.is_for(climb.question) for rung in later) else 0.0
        following = next((rung for rung in later if isinstance(rung, Model) and self._state(rung) != "open"), None)
        if following is not None:
            wanted = kept + ROOM * self._least_ms(following)
            if climb.left_ms - wanted >= 2 * self._least_ms(model):
                return wanted
        return kept


async def _ask_head(climb: Climb, head: Head) -> tuple[str, float, Mapping[str, float]] | None:
    """A local head is asked whatever the time is: it takes milliseconds, and after it nobody is left."""
    if not head.is_for(climb.question):
        return None
    started = perf_counter()
    try:
        shares = await asyncio.to_thread(head.probabilities, climb.question)
        choice, confidence = best(shares)
    except EcoError as error:
        climb.hops.append(Hop("head", head.name, "local", type(error).__name__, (perf_counter() - started) * 1000))
        return None
    is_sure = confidence >= climb.question.min_confidence
    climb.hops.append(Hop("head", head.name, "local", "answered" if is_sure else "unsure", (perf_counter() - started) * 1000))
    return (choice, confidence, shares) if is_sure else None


async def _paused(climb: Climb, tried: Attempt, kept_ms: float) -> bool:
    """Wait before a second attempt; False where there should be none, or no time for it."""
    fault = tried.fault
    if fault is None or not fault.is_transient or (fault.status is None and climb.left_ms - kept_ms < tried.ms):
        return False
    pause_ms = fault.retry_after_s * 1000 if fault.retry_after_s is not None else random.uniform(*RETRY_MS)  # noqa: S311 -- spreads load
    if pause_ms >= climb.left_ms - kept_ms:
        return False
    await asyncio.sleep(pause_ms / 1000)
    return True


def _cost(tried: Attempt, model: Model, estimate: int) -> int:
    """What the attempt cost: as billed, nothing where it was refused, the estimate where nobody knows."""
    if tried.usage is not None:
        return model.rates.cost(tried.usage.input, tried.usage.output, tried.usage.cached)
    return 0 if tried.fault is not None and not tried.fault.is_charged else estimate


def _logged(tried: Attempt, climb: Climb, model: Model, endpoint: str, cost: int, state: str) -> Hop:
    if tried.fault is not None:
        outcome = tried.fault.name
    else:
        is_sure = tried.reply is not None and tried.reply.confidence >= climb.question.min_confidence
        outcome = "answered" if is_sure else "unsure"
    used = tried.usage
    return Hop(
        model.provider,
        model.name,
        endpoint,
        outcome,
        round(tried.ms, 3),
        tried.status,
        used.input if used else 0,
        used.output if used else 0,
        used.cached if used else 0,
        cost,
        state,
    )
