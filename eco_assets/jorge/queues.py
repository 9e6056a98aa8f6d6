"""The queues: one an agent, each with its own places, so that a flood, a poison or a slow door of one takes nothing from another.

What an agent may have waiting is bounded. The decision layer asks for `pressure` and hands over no more than there is `room` for;
what is held back stays decided and goes on with the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.errors import ConfigError

FILE = "queues.yaml"
URGENT = 5  # orders of this priority or a smaller one may use a queue's reserve
_DECLARED = Path(__file__).with_name(FILE)


class QueueSpec(BaseModel):
    """One agent's queue; the words are in `queues.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str
    concurrency: int = Field(ge=1, le=200)
    rate: int | None = Field(default=None, ge=1, description="Orders that begin within a rolling minute, over all workers.")
    depth: int = Field(ge=1)
    reserve: float = Field(ge=0, lt=1)
    oldest_s: float = Field(gt=0)
    poll_s: float = Field(gt=0, le=60)

    def options(self) -> dict[str, Any]:
        """As dbos registers it."""
        limiter = {"limit": self.rate, "period": 60.0} if self.rate else None
        return {"worker_concurrency": self.concurrency, "limiter": limiter, "polling_interval_sec": self.poll_s}

    def room(self, waiting: int, *, is_urgent: bool = False) -> int:
        """How many more orders may be handed over while so many wait."""
        depth = self.depth if is_urgent else int(self.depth * (1 - self.reserve))
        return max(0, depth - waiting)


def load_queues(home: Path | None = None) -> dict[str, QueueSpec]:
    """Every agent's queue: the declared ones, with what the home's `queues.yaml` changes.

    Raises:
        ConfigError: the file is malformed, or names an agent or a member that there is not.
    """
    declared = _read(_DECLARED)
    changed = _read(home / FILE) if home is not None and (home / FILE).exists() else {}
    unknown = sorted(set(changed) - set(declared))
    if unknown:
        raise ConfigError(f"{home}/{FILE}: no agent {unknown[0]!r}; the known ones are {', '.join(declared)}")
    found = {}
    for agent, members in declared.items():
        try:
            found[agent] = QueueSpec.model_validate({"agent": agent, **members, **changed.get(agent, {})})
        except ValidationError as error:
            first = error.errors()[0]
            raise ConfigError(f"{FILE}: {agent}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    return found


@cache
def default_queues() -> Mapping[str, QueueSpec]:
    """The declared queues, without an installation's changes."""
    return load_queues()


def pressure(waiting: int, spec: QueueSpec) -> float:
    """How full a queue is: 0 nothing waits, 1 and more it takes no further orders but urgent ones."""
    return waiting / max(1.0, spec.depth * (1 - spec.reserve))


def handed_over(orders: Sequence[dict[str, Any]], waiting: int, spec: QueueSpec) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Split orders into those that there is room for and those that are held back.

    Urgent ones go first, then what is worth most beyond its cost; within that, the order in which they were decided.
    """
    ranked = sorted(orders, key=lambda order: (_priority(order), -_worth(order)))
    taken: set[str] = set()
    for order in ranked:
        if spec.room(waiting + len(taken), is_urgent=_priority(order) <= URGENT) > 0:
            taken.add(order["decision_id"])
    return [o for o in orders if o["decision_id"] in taken], [o for o in orders if o["decision_id"] not in taken]


def _priority(order: Mapping[str, Any]) -> int:
    return int(order.get("priority") or 10)


def _worth(order: Mapping[str, Any]) -> float:
    return float(order.get("value_brl") or 0.0) - float(order.get("cost_brl") or 0.0)


def register(agents: Iterable[str], queues: Mapping[str, QueueSpec]) -> None:
    """Register the agents' queues with the launched dbos, a paused one paused; an undeclared agent's is like the mega-agent's."""
    from dbos import DBOS

    for agent in sorted(set(agents)):
        options, held = (queues.get(agent) or queues["mega"]).options(), DBOS.retrieve_queue(agent)
        if held is not None and held.worker_concurrency == 0:
            options["worker_concurrency"] = 0
        DBOS.register_queue(agent, on_conflict="always_update", **options)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read ({error})") from error
    if not isinstance(found, dict) or not all(isinstance(value, dict) for value in found.values()):
        raise ConfigError(f"{path}: each agent must have its members, as in {_DECLARED.name} of eco_assets/jorge")
    return found
