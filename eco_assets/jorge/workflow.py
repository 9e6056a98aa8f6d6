"""What a workflow is: a typed input and named steps, each with what undoes it. Running them durably is `coordinator.py`'s.

The workflows are in `agents/`, the steps that they are made of in `steps.py`; a new one is one block in its agent's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from eco_assets.errors import ConfigError, RequestRefused
from eco_assets.jorge.world import World


class WorkflowInput(BaseModel):
    """What a workflow must be told; subclasses add typed fields, which are looked for in the order's input and features."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    subject: str
    action: str = ""
    as_of: date
    cost_brl: float = 0.0


@dataclass(frozen=True)
class Order:
    """One thing to be carried out: a decision, or what an event or a plan asked for. `key` is the step's: order id / step name."""

    decision: dict[str, Any]
    key: str
    input: Any = None

    @property
    def day(self) -> str:
        """The business day, ISO."""
        return str(self.decision["as_of"])

    @property
    def cost_brl(self) -> float:
        """What the action may cost."""
        return float(self.decision.get("cost_brl") or 0.0)

    def message(self, **content: Any) -> dict[str, Any]:
        """A message about this order, with what its receiver needs to trace it."""
        return {
            "decision_id": self.decision["decision_id"],
            "traceparent": self.decision.get("traceparent", ""),
            "subject": self.decision["subject"],
            "action": self.decision["action"],
            **content,
        }


Act = Callable[[World, Order], str]


@dataclass(frozen=True)
class Retry:
    """How often a step is tried while its errors are transient: `first_s` before the second attempt, then `factor` times longer."""

    attempts: int = 4
    first_s: float = 0.2
    factor: float = 2.0
    most_s: float = 30.0

    def pause_s(self, attempt: int) -> float:
        """Seconds to wait after the attempt of that number, from 1."""
        return float(min(self.first_s * self.factor ** (attempt - 1), self.most_s))


UNDO = Retry(attempts=8)  # taking back is worth more patience than acting


@dataclass(frozen=True)
class Step:
    """`do` acts and returns what it did in a few words; `undo` takes it back and must succeed even if `do` never happened.

    Attributes:
        name: unique within the workflow; part of the idempotency key.
        retry: of `do`; a permanent error is not tried again.
        timeout_s: of one attempt of `do` or `undo`, seconds.
        is_idempotent: whether the receiver can tell a repeat by its key. If not, the step is fenced: once begun it is never begun
            again, and an order whose worker died within it waits for a person.
    """

    name: str
    do: Act
    undo: Act | None = None
    retry: Retry = Retry()
    timeout_s: float = 30.0
    is_idempotent: bool = True


@dataclass(frozen=True)
class Approval:
    """The workflow's approval point: which orders wait for a person before anything is done, and what happens while nobody answers."""

    when: Callable[[WorkflowInput], bool] | None = None
    above_brl: float | None = None
    expires_h: float = 72.0
    escalate_to: str = ""
    escalate_after_h: float = 24.0

    def holds(self, given: WorkflowInput) -> bool:
        """Whether this order waits; one without a condition always does."""
        if self.when is None and self.above_brl is None:
            return True
        is_dear = self.above_brl is not None and given.cost_brl > self.above_brl
        return is_dear or (self.when is not None and self.when(given))


@dataclass(frozen=True)
class Workflow:
    """A workflow of one agent. If a step fails for good, it and the steps before it are undone in reverse order.

    Attributes:
        name: `<agent>.<slug>`.
        label: what business people call it, in Portuguese.
        description: what it does.
        steps: in order.
        input: what it must be told.
        approval: when a person must agree first.
        slo_s: seconds from being queued to its end that are promised.
        priority: 1 is the most urgent; 10 is everyday work.
        version: to be raised when its steps change; an order ends on the version that it began with.
        listens: events that start it. emits: events that its success tells.
        is_binding: whether it stands and falls with the order whose event started it: where one is taken back, so is the other.
        earlier: older versions that orders may still be on.
    """

    name: str
    label: str
    description: str
    steps: tuple[Step, ...]
    input: type[WorkflowInput] = WorkflowInput
    approval: Approval | None = None
    slo_s: float = 300.0
    priority: int = 10
    version: int = 1
    listens: tuple[str, ...] = ()
    emits: tuple[str, ...] = ()
    is_binding: bool = False
    earlier: tuple[Workflow, ...] = field(default=(), repr=False)

    @property
    def agent(self) -> str:
        """The agent that owns it."""
        return self.name.split(".")[0]

    def read(self, order: Mapping[str, Any]) -> WorkflowInput:
        """The typed input of an order.

        Raises:
            RequestRefused: something that the workflow needs is missing or of the wrong type; names it.
        """
        told = {name: value for part in ("predictions", "features", "input") for name, value in (order.get(part) or {}).items()}
        own = {name: order[name] for name in ("subject", "action", "as_of", "cost_brl") if order.get(name) is not None}
        try:
            return self.input.model_validate({**told, **own})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "input"
            raise RequestRefused(f"{self.name} cannot begin: {where}: {first['msg']}; correct the order with `eco dlq edit`") from None

    def at(self, version: int) -> Workflow | None:
        """The declaration of a version; None where it is gone."""
        return next((each for each in (self, *self.earlier) if each.version == version), None)

    def step(self, name: str) -> Step:
        """The step called `name`. Raises `ConfigError` when there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise ConfigError(f"workflow {self.name} version {self.version} has no step {name!r}")


def message(door: str, name: str, **content: Any) -> Step:
    """A step that sends a message through a door and can withdraw it."""
    return Step(
        name,
        do=lambda world, order: world.send(door, order.key, order.message(**content)),
        undo=lambda world, order: world.withdraw(door, order.key, order.message(**content)),
    )


def booking(resource: str, capacity: float, *, of_cost: bool = False) -> Step:
    """A step that books one unit of a resource, or the action's cost, against the day's capacity, and can give it back."""
    return Step(
        f"book_{resource}",
        do=lambda world, order: world.book(
            resource, order.key, day=order.day, quantity=order.cost_brl if of_cost else 1, capacity=capacity
        ),
        undo=lambda world, order: world.release(order.key),
    )


def catalogue(workflows: Iterable[Workflow]) -> dict[str, Workflow]:
    """Workflows by name.

    Raises:
        ConfigError: two share a name, two steps of one do, a version occurs twice, one binds without listening, or events start one
            another in a circle.
    """
    known: dict[str, Workflow] = {}
    for workflow in workflows:
        names = [step.name for step in workflow.steps]
        if workflow.name in known or len(set(names)) < len(names):
            raise ConfigError(f"workflow {workflow.name}: its name or one of its step names occurs twice")
        if workflow.is_binding and not workflow.listens:
            raise ConfigError(f"workflow {workflow.name} binds, but listens to no event: there is nothing that it could bind")
        versions = [workflow.version, *(each.version for each in workflow.earlier)]
        if len(set(versions)) < len(versions):
            raise ConfigError(f"workflow {workflow.name}: version {max(versions, key=versions.count)} occurs twice")
        known[workflow.name] = workflow
    _refuse_circles(known)
    return known


def listeners(workflows: Mapping[str, Workflow], event: str) -> list[Workflow]:
    """The workflows that an event starts."""
    return [workflow for workflow in workflows.values() if event in workflow.listens]


def _refuse_circles(known: Mapping[str, Workflow]) -> None:
    def walk(workflow: Workflow, seen: tuple[str, ...]) -> None:
        if workflow.name in seen:
            raise ConfigError(f"events start workflows in a circle: {' → '.join((*seen, workflow.name))}")
        for event in workflow.emits:
            for next_one in listeners(known, event):
                walk(next_one, (*seen, workflow.name))

    for workflow in known.values():
        walk(workflow, ())
