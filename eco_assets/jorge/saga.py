"""What a workflow is: named steps, each with what undoes it. Running them durably is `engine.py`'s; the workflows are in `agents/`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from eco_assets.errors import ConfigError
from eco_assets.jorge.world import World


@dataclass(frozen=True)
class Order:
    """One decision to be carried out. `key` is the step's idempotency key: workflow id / step name."""

    decision: dict[str, Any]
    key: str

    @property
    def day(self) -> str:
        """The business day, ISO."""
        return str(self.decision["as_of"])

    @property
    def cost_brl(self) -> float:
        """What the action may cost."""
        return float(self.decision["cost_brl"])

    def message(self, **content: Any) -> dict[str, Any]:
        """A message about this decision, with what its receiver needs to trace it."""
        return {
            "decision_id": self.decision["decision_id"],
            "traceparent": self.decision.get("traceparent", ""),
            "subject": self.decision["subject"],
            "action": self.decision["action"],
            **content,
        }


Act = Callable[[World, Order], str]


@dataclass(frozen=True)
class Step:
    """`do` acts and returns what it did in a few words; `undo` takes it back and must succeed even if `do` never happened."""

    name: str
    do: Act
    undo: Act | None = None


@dataclass(frozen=True)
class Saga:
    """A workflow of one agent. If a step fails for good, the steps before it are undone in reverse order."""

    name: str
    label: str
    description: str
    steps: tuple[Step, ...]

    @property
    def agent(self) -> str:
        """The agent that owns it."""
        return self.name.split(".")[0]


def message(door: str, name: str, **content: Any) -> Step:
    """A step that sends a message through a door and can withdraw it."""
    return Step(
        name,
        do=lambda world, order: world.send(door, order.key, order.message(**content)),
        undo=lambda world, order: world.withdraw(door, order.key),
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


def catalogue(sagas: Iterable[Saga]) -> dict[str, Saga]:
    """Sagas by name. Raises `ConfigError` when two share one, or two steps of one do."""
    known: dict[str, Saga] = {}
    for saga in sagas:
        names = [step.name for step in saga.steps]
        if saga.name in known or len(set(names)) < len(names):
            raise ConfigError(f"workflow {saga.name}: its name or one of its step names occurs twice")
        known[saga.name] = saga
    return known
