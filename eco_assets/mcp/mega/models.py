"""What passes between the mega-agent and the agents, typed. JSON Schemas are made from these models; nothing else is let through."""

from __future__ import annotations

from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from eco_assets.mcp.mega.rules import Strict

Scalar = str | float | bool | None
AgentName = Literal["comercial", "varejo", "industrial", "agencia"]
_ID = r"^[a-z][a-z0-9_]*$"
M = TypeVar("M", bound=BaseModel)


class Message(Strict):
    """A value that crosses the border between the mega-agent and an agent; numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Goal(Message):
    """A goal or an event with its parameters, ready to be split. `source` is who asked: the installation, a text, or what happened."""

    id: str = Field(pattern=_ID)
    version: str
    kind: Literal["goal", "event"]
    title: str
    parameters: dict[str, Scalar] = Field(default={})
    source: Literal["installation", "text", "event"] = "installation"
    text: str = Field(default="", max_length=2000, description="what a person wrote, as it was")
    why: str = Field(default="", description="how it was understood, or what happened")

    @property
    def key(self) -> str:
        """The goal and its parameters: what tells two instances of one template apart."""
        return "/".join([self.id, *(f"{name}={value}" for name, value in sorted(self.parameters.items()) if value is not None)])


class Constraints(Message):
    """What an agent's answer must keep."""

    actions: tuple[str, ...] = Field(default=(), description="the actions that serve the objective; all that act where none is named")
    max_actions: int | None = Field(default=None, gt=0)
    max_cost_brl: float | None = Field(default=None, ge=0)
    min_net_brl: float = 0.0


class SubTask(Message):
    """What one agent is asked about one decision point."""

    id: str = Field(pattern=r"^[a-z0-9_./=\-: ]+$", max_length=300)
    goal: str
    agent: AgentName
    point: str = Field(pattern=_ID)
    as_of: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    objective: str = Field(min_length=5)
    subjects: str = Field(default="true", description="CEL over features, predictions, params, subject: which subjects it is about")
    parameters: dict[str, Scalar] = Field(default={})
    constraints: Constraints = Constraints()
    tokens: int = Field(ge=0, description="share of the goal's token budget, reserved before the agent is asked")
    deadline_ms: int = Field(gt=0, le=600_000)


class Proposed(Message):
    """One decision that an agent puts forward for the objective."""

    decision_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    subject: str
    action: str = Field(pattern=_ID)
    value_brl: float
    cost_brl: float = Field(ge=0)
    requires_approval: bool


class Proposal(Message):
    """An agent's answer to a sub-task. `matched` are the subjects that the filter holds for; totals are of `decisions`."""

    task: str
    agent: AgentName
    point: str
    status: Literal["answered", "nothing_to_do", "not_decided"]
    decisions: tuple[Proposed, ...] = ()
    considered: int = Field(ge=0)
    matched: int = Field(ge=0)
    value_brl: float = 0.0
    cost_brl: float = 0.0
    tokens: int = Field(default=0, ge=0)
    reason: str = Field(min_length=3)


class Attempt(Message):
    """One time that an agent was asked: its answer was `accepted`, `refused` for what `errors` say, `failed`, or was `late`."""

    outcome: Literal["accepted", "refused", "failed", "late"]
    errors: tuple[str, ...] = ()


class TaskResult(Message):
    """A sub-task with what came of it. `proposal` is None where no answer was valid, and `why` says so."""

    task: SubTask
    proposal: Proposal | None
    attempts: tuple[Attempt, ...]
    tokens_reserved: int = Field(ge=0)
    tokens_spent: int = Field(ge=0)
    why: str


class Indicator(Message):
    """The figure that a goal is about, as it stands on the day; None where there is no data for it."""

    label: str
    unit: str
    value: float | None


class GoalPlan(Message):
    """One goal with its sub-tasks answered. `budget_tokens` is for all of them together."""

    goal: Goal
    indicator: Indicator | None
    tasks: tuple[TaskResult, ...]
    budget_tokens: int
    tokens_spent: int


class Resolved(Message):
    """A decision that does not go through, as the ledger records it."""

    decision_id: str
    agent: str
    point: str
    subject: str
    action: str
    verdict: Literal["superseded", "held"]
    rule: str
    key: str
    by: tuple[str, ...]
    reason: str
    value_brl: float
    cost_brl: float


class Anticipation(Message):
    """What is expected of a capacity or a budget. `low` and `high` are p10 and p90, None where there is too little history for a band.

    `limit` is what there is for the whole horizon; `reached_on` the first day on which the expected sum passes it. `capacity` is what a
    day may take from now on, where the plan shifts it.
    """

    id: str
    kind: Literal["capacity", "budget"]
    resource: str
    label: str
    unit: Literal["brl", "count"]
    horizon_days: int = Field(gt=0)
    until: str
    expected: float
    low: float | None
    high: float | None
    limit: float
    reached_on: str | None
    risk: Literal["ok", "attention", "breach"]
    capacity: float | None = None
    basis: str = Field(description="which forecast and how much history it stands on")
    text: str


class OrdersRecord(Message):
    """What the plan asks of the resolution; see `resolve.Orders`."""

    capacities: dict[str, float] = Field(default={})
    serving: tuple[str, ...] = ()
    goals: dict[str, str] = Field(default={})


class Plan(Message):
    """A day of the mega-agent, or the answer to one goal."""

    api: Literal["eco/mega-plan/v1"] = "eco/mega-plan/v1"
    as_of: str
    goals: tuple[GoalPlan, ...] = ()
    anticipations: tuple[Anticipation, ...] = ()
    resolved: tuple[Resolved, ...] = ()
    orders: OrdersRecord = OrdersRecord()
    missing: tuple[str, ...] = Field(default=(), description="decision points without any decision of the day")
    rules_version: str
    begun: int | None = Field(default=None, description="of a plan for one goal: the day's decisions that were begun and cannot give way")
    understanding: JsonValue = Field(default=None, description="of a plan for a text: what was understood, and what was not")


@cache
def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a model."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


@cache
def _validator(model: type[BaseModel]) -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    return Draft202012Validator(schema(model))


def problems(model: type[BaseModel], message: object) -> tuple[str, ...]:
    """What a JSON value breaks of a model's schema, each as `path: what`; empty where it keeps it."""
    found = sorted(_validator(model).iter_errors(message), key=lambda error: [str(part) for part in error.absolute_path])
    return tuple(f"{'.'.join(map(str, error.absolute_path)) or 'message'}: {error.message[:300]}" for error in found[:20])


def accepted(model: type[M], message: object) -> M:
    """The message as its model. Raises `ValueError` with everything that is wrong with it; nothing of a wrong message is used."""
    import json

    broken = problems(model, message)
    if broken:
        raise ValueError("; ".join(broken))
    return model.model_validate_json(json.dumps(message, allow_nan=False))
