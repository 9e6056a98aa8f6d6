"""Decides about one subject while somebody waits: online context, live score, questions, engine, journal. HTTP and MCP share it.

The engine stays pure; what is measured here (latency by phase, trace, caller) goes into the record beside what the engine says.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eco_assets.errors import EcoError, NotFound, RequestRefused
from eco_assets.mcp import engine
from eco_assets.mcp.engine import Context, Scalar, Spent
from eco_assets.mcp.evaluation import evaluate
from eco_assets.mcp.journal import Item, Journal, RequestKey, Result
from eco_assets.mcp.live import PREDICTIONS, Scorers
from eco_assets.mcp.online import Online
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.policy_ledger import register
from eco_assets.mcp.questions import Answer

if TYPE_CHECKING:
    from eco_assets.mcp.gateway import Gateway
    from ml.tracking import Registry

MAX_FEATURES, MAX_TEXT = 200, 1000


@dataclass(frozen=True, slots=True)
class Ask:
    """One decision that somebody asks for. `features` replace or complete what is served."""

    point: str
    subject: str
    features: Mapping[str, Any] = field(default_factory=dict)
    as_of: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: by which door, with which API key's id, in which trace (32 hexadecimal digits)."""

    source: str
    key_id: str = ""
    trace_id: str = ""


@dataclass(slots=True)
class _Clock:
    """Milliseconds by phase, each since the phase before it; a phase that comes twice counts both."""

    started: float = field(default_factory=time.perf_counter)
    last: float = 0.0
    phases: dict[str, float] = field(default_factory=dict)

    def phase(self, name: str) -> None:
        now = time.perf_counter()
        took = (now - (self.last or self.started)) * 1000
        self.phases[name] = round(self.phases.get(name, 0.0) + took, 3)
        self.last = now


class Decider:
    """Everything that a decision needs, for one process.

    Args:
        policies: by name.
        online: where contexts are read.
        journal: where decisions are made durable.
        gateway: answers what ask rules ask; without one nobody does, and the policy says what holds then.
        registry: where models for rows that requests bring come from; without one such a request is refused.
    """

    def __init__(
        self,
        policies: Mapping[str, Policy],
        online: Online,
        journal: Journal,
        gateway: Gateway | None = None,
        registry: Registry | None = None,
    ) -> None:
        self.policies, self.online, self.journal, self.gateway = policies, online, journal, gateway
        self.scorers = Scorers(registry)
        self._registered: set[str] = set()

    def policy(self, point: str) -> Policy:
        """The policy of a decision point, named `agent/point`, or by the point alone where that is clear."""
        found = self.policies.get(point)
        if found is None:
            named = [policy for policy in self.policies.values() if policy.point == point]
            if len(named) != 1:
                raise NotFound(f"no decision point {point!r}; the known ones are {', '.join(sorted(self.policies))}")
            found = named[0]
        return found

    async def decide(
        self,
        point: str,
        subject: str,
        *,
        features: Mapping[str, Any] | None = None,
        as_of: str | None = None,
        source: str,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Decide about a subject and return the decision's record, which is in the ledger by then.

        Raises:
            NotFound: no such point, or nothing is served about the subject; says what to do.
            RequestRefused: a feature is unknown or malformed, or the key was used for another request.
            PolicyError: an expression fails on this context and the policy has no action for that.
            Overloaded, DeadlineExceeded: nothing was recorded; ask again.
        """
        ask = Ask(point, subject, features or {}, as_of)
        key = None if idempotency_key is None else RequestKey(f"{source}:{idempotency_key}", repr(ask))
        (result,) = await self.results([ask], Caller(source), key=key)
        if isinstance(result, EcoError):
            raise result
        return result.record()

    async def results(
        self, asks: Sequence[Ask], caller: Caller, *, key: RequestKey | None = None, deadline: float | None = None
    ) -> list[Result]:
        """Decide about several subjects in one transaction; each has its own record or its own error.

        Args:
            asks: what to decide.
            caller: for the records.
            key: the same key gives the same results again.
            deadline: of `time.monotonic`.

        Raises:
            Overloaded, DeadlineExceeded, RequestRefused, LedgerError: as `Journal.submit`; nothing was recorded.
        """
        prepared = [await self._prepared(ask, caller) for ask in asks]
        items = [item for item in prepared if isinstance(item, Item)]
        if not items and key is None:
            return [error for error in prepared if isinstance(error, EcoError)]
        if key is not None and len(items) < len(prepared):  # what cannot be prepared is part of the answer that the key stands for
            items = [item if isinstance(item, Item) else _refusal(ask, item) for ask, item in zip(asks, prepared, strict=True)]
            return await self.journal.submit(items, key=key, deadline=deadline)
        decided = iter(await self.journal.submit(items, key=key, deadline=deadline))
        return [next(decided) if isinstance(one, Item) else one for one in prepared]

    async def _prepared(self, ask: Ask, caller: Caller) -> Item | EcoError:
        try:
            return await self._item(ask, caller)
        except EcoError as error:
            return error
        except Exception as error:
            logging.getLogger(__name__).exception("%s about %s could not be prepared", ask.point, ask.subject)
            return EcoError(f"{ask.point} about {ask.subject} could not be decided: {error!r}")

    async def _item(self, ask: Ask, caller: Caller) -> Item:
        clock = _Clock()
        policy = self.policy(ask.point)
        given = _checked(ask.features)
        context = await self._context(policy, ask, given)
        clock.phase("features")
        if given:
            context = await self._scored(policy, context, given)
            clock.phase("model")
        identity = engine.decision_id(policy, context)
        answers: Mapping[str, Answer] = {}
        if policy.ask:
            answers = await self._answers(policy, context, identity)
            clock.phase("provider")
        if policy.digest not in self._registered:
            await asyncio.to_thread(register, self.journal.ledger, policy, context.as_of)
            self._registered.add(policy.digest)
        trace_id = caller.trace_id or uuid.uuid4().hex
        evaluation = evaluate(context, policy, answers)  # here, as nobody else waits for it: what was spent comes in later
        clock.phase("policy")

        def make(spent: Spent) -> dict[str, Any]:
            clock.phase("queue")
            record = engine.conclude(context, policy, evaluation, spent, answers, identity)
            clock.phase("policy")
            record["source"], record["caller"] = caller.source, caller.key_id
            record["latency_ms"] = round((clock.last - clock.started) * 1000, 3)
            record["latency"] = clock.phases
            record["traceparent"] = f"00-{trace_id}-{identity[:16]}-01"
            return record

        return Item(identity, policy.agent, policy.point, context.as_of, context.subject, make)

    async def _context(self, policy: Policy, ask: Ask, given: Mapping[str, Scalar]) -> Context:
        """What is served about the subject, with the request's own features in it."""
        if self.online.is_blocking:
            edition = await asyncio.to_thread(self.online.edition, policy.name)
        else:
            edition = self.online.edition(policy.name)
        if edition is None:
            raise NotFound(f"nothing is served for {policy.name} yet: materialize online/{policy.name}, or run `eco run`")
        if ask.as_of is not None and ask.as_of != edition.as_of:
            raise NotFound(f"{policy.name} serves {edition.as_of}, not {ask.as_of}; another day is decided by `eco run --date {ask.as_of}`")
        if self.online.is_blocking:
            context = await asyncio.to_thread(self.online.read, policy.name, ask.subject)
        else:
            context = self.online.read(policy.name, ask.subject)
        if context is None and not given:
            raise NotFound(
                f"{policy.name} serves nothing about {policy.subject} {ask.subject!r} on {edition.as_of}: bring its features in the "
                f"request, or materialize online/{policy.name} once the marts hold it"
            )
        if context is None:
            context = Context(ask.subject, edition.as_of, {}, {}, edition.models, edition.feature_version)
        if not given:
            return context
        return replace(context, features={**context.features, **given}, age_hours={**context.age_hours, **dict.fromkeys(given, 0.0)})

    async def _scored(self, policy: Policy, context: Context, given: Mapping[str, Scalar]) -> Context:
        """With live scores by the models that read a feature which the request brings."""
        predictions, ages = dict(context.predictions), dict(context.age_hours)
        models = [await self.scorers.get(*model, context.as_of) for model in context.models if model[0] in PREDICTIONS]
        known = policy.plan.readable.union(*(model.inputs for model in models))
        if not given.keys() <= known or not given.keys().isdisjoint(predictions):
            _refuse_unknown(policy, given, (known | (context.features.keys() - given.keys())) - predictions.keys())
        for model in models:
            if not given.keys().isdisjoint(model.inputs):
                predictions[model.prediction], ages[model.prediction] = model.score(context.features), 0.0
        return replace(context, predictions=predictions, age_hours=ages)

    async def warm_up(self) -> None:
        """Load the models that requests may bring features for, before the first of them does."""
        for name in self.policies:
            edition = await asyncio.to_thread(self.online.edition, name)
            for model, version in edition.models if edition is not None else ():
                if model in PREDICTIONS and edition is not None:
                    with suppress(EcoError):
                        await self.scorers.get(model, version, edition.as_of)

    async def _answers(self, policy: Policy, context: Context, identity: str) -> Mapping[str, Answer]:
        """What models say to the policy's questions about this context; nobody is asked twice about what stands."""
        asked = engine.questions(context, policy, identity)
        if not asked or self.gateway is None or self.journal.stands(identity):
            return {}
        found = await asyncio.gather(*(self.gateway.answer(question) for question in asked))
        return {question.id: answer for question, answer in zip(asked, found, strict=True)}


def _refuse_unknown(policy: Policy, given: Mapping[str, Scalar], known: AbstractSet[str]) -> None:
    """A name that nothing reads is a slip of the pen: it would be taken for a feature that counts."""
    unknown = sorted(given.keys() - known)
    if unknown:
        raise RequestRefused(f"{policy.name} reads no feature {unknown[0]!r}; the known ones are {', '.join(sorted(known))}")


def _checked(features: Mapping[str, Any]) -> dict[str, Scalar]:
    """Features as the batch has them: numbers are floats of six digits."""
    if len(features) > MAX_FEATURES:
        raise RequestRefused(f"{len(features)} features are given; at most {MAX_FEATURES} may be")
    found: dict[str, Scalar] = {}
    for name, value in features.items():
        if value is None or isinstance(value, bool):
            found[name] = value
        elif isinstance(value, int | float):
            number = float(value) if abs(value) < 1e300 else float("inf")
            if number != number or abs(number) == float("inf"):
                raise RequestRefused(f"feature {name} is not a finite number")
            found[name] = round(number, 6)
        elif isinstance(value, str) and len(value) <= MAX_TEXT:
            found[name] = value
        else:
            raise RequestRefused(f"feature {name} must be a number, true, false, null or a text of at most {MAX_TEXT} characters")
    return found


def _refusal(ask: Ask, error: EcoError) -> Item:
    """An item whose decision is that there is none: what it would be called is made from what was asked."""

    def make(spent: Spent) -> dict[str, Any]:
        raise error

    return Item(f"refused:{uuid.uuid4().hex}", "grupo", ask.point, "", ask.subject, make)
