"""What people do to running work: pause, resume, drain an agent; cancel or fork an order. Every act is audited.

Paused, an agent starts nothing and is handed nothing. Draining, it is handed nothing and ends what it has; then it is paused.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from eco_assets.errors import DoorUnavailable, NotFound
from eco_assets.jorge.operations import KIND, audited
from eco_assets.jorge.queues import QueueSpec, handed_over, load_queues, pressure

if TYPE_CHECKING:
    from eco_assets.jorge.engine import Engine
    from eco_assets.ledger import Ledger
    from eco_assets.platform import Platform

RUNNING, PAUSED, DRAINING = "running", "paused", "draining"
_AFTER = {"pause": PAUSED, "resume": RUNNING, "drain": DRAINING}
Orders = list[dict[str, Any]]


def state(ledger: Ledger, agent: str) -> str:
    """`running`, `paused` or `draining`, as people last asked for it."""
    asked = [entry for entry in ledger.list(KIND, agent=agent) if entry["operation"] in _AFTER and "failed" not in entry]
    return _AFTER[asked[-1]["operation"]] if asked else RUNNING


def pause(port: Engine, ledger: Ledger, agent: str, *, by: str, why: str = "") -> None:
    """Start no further order of an agent, over restarts, until `resume`; what runs ends."""
    with audited(ledger, "pause", agent, by=by, why=why, agent=agent):
        port.pause(agent)


def resume(port: Engine, ledger: Ledger, spec: QueueSpec, *, by: str, why: str = "") -> None:
    """Start an agent's orders again."""
    with audited(ledger, "resume", spec.agent, by=by, why=why, agent=spec.agent):
        port.unpause(spec.agent, spec.concurrency)


def drain(port: Engine, ledger: Ledger, agent: str, *, by: str, why: str = "", timeout_s: float = 600.0) -> int:
    """Hand an agent nothing more, wait until it has ended what it has, and pause it; returns how many orders were waited for.

    Raises:
        DoorUnavailable: some had not ended after `timeout_s` seconds; it keeps draining.
    """
    with audited(ledger, "drain", agent, by=by, why=why, agent=agent):
        first, deadline = _open(port, agent), time.monotonic() + timeout_s
        while left := _open(port, agent):
            if time.monotonic() > deadline:
                raise DoorUnavailable(f"{left} orders of {agent} have not ended after {timeout_s:.0f} s; is a worker running? drain again")
            time.sleep(0.2)
    pause(port, ledger, agent, by=by, why=f"drained: {why}".rstrip(": "))
    return first


def cancel(port: Engine, ledger: Ledger, order_id: str, *, by: str, why: str = "") -> dict[str, Any]:
    """Ask for an order's end: it stops before its next step and what it did is undone. Returns how it stands."""
    found = one(port, order_id)
    with audited(ledger, "cancel", found["id"], by=by, why=why, agent=found["agent"], as_of=str(found["as_of"] or "")):
        port.cancel(found["id"])
    return port.status(found["id"])


def fork(port: Engine, ledger: Ledger, order_id: str, step: str, *, by: str, why: str = "") -> str:
    """Run an ended order again from a step on, as a new order; returns its id."""
    found = one(port, order_id)
    with audited(ledger, "fork", found["id"], by=by, why=why, agent=found["agent"], as_of=str(found["as_of"] or ""), step=step):
        return port.fork(found["id"], step)


def one(port: Engine, name: str) -> dict[str, Any]:
    """An order by its id or a unique prefix of it. Raises `NotFound`."""
    try:
        return port.status(name)
    except NotFound:
        began = [order for order in port.orders(limit=100_000) if order["id"].startswith(name)]
        found = [order for order in began if ":" not in order["id"]] or began  # a requeue's run is named after its order
    if len(found) != 1 or not name:
        raise NotFound(f"{'more than one' if found else 'no'} order begins with {name!r}; `eco jorge status` lists the newest")
    return found[0]


def overview(port: Engine | None, ledger: Ledger, queues: Mapping[str, QueueSpec]) -> list[dict[str, Any]]:
    """Every agent's queue: state, orders queued and running, age of the oldest, pressure, dead letters."""
    counts = port.counts() if port is not None else {}
    dead = [letter["agent"] for letter in port.dead()] if port is not None else []
    told = []
    for agent, spec in queues.items():
        counted = counts.get(agent, {"queued": 0, "running": 0, "oldest_s": 0.0})
        told.append(
            {
                "agent": agent,
                "state": state(ledger, agent),
                "queued": int(counted["queued"]),
                "running": int(counted["running"]),
                "oldest_s": counted["oldest_s"],
                "depth": spec.depth,
                "pressure": round(pressure(int(counted["queued"]), spec), 4),
                "dead_letters": dead.count(agent),
            }
        )
    return told


def intake(
    ledger: Ledger, queues: Mapping[str, QueueSpec], counts: Callable[[], Mapping[str, Mapping[str, float]]]
) -> Callable[[str, Orders], tuple[Orders, Orders]]:
    """Back-pressure: what splits an agent's orders into those to hand over now and those to hold back.

    Args:
        ledger: says who is paused.
        queues: the agents' queues.
        counts: what waits now, as `Engine.counts` tells it; asked only where there is something to hand over.
    """

    def split(agent: str, orders: Orders) -> tuple[Orders, Orders]:
        if not orders or state(ledger, agent) != RUNNING:
            return [], orders
        return handed_over(orders, int(counts().get(agent, {}).get("queued", 0)), queues[agent])

    return split


def intake_of(platform: Platform) -> Callable[[str, Orders], tuple[Orders, Orders]]:
    """The back-pressure of an installation; where nothing was carried out yet, nothing waits."""
    from eco_assets.jorge.agents import WORKFLOWS
    from eco_assets.jorge.launch import open_port

    def counts() -> Mapping[str, Mapping[str, float]]:
        try:
            with open_port(platform.settings.jorge_target, WORKFLOWS) as port:
                return port.counts()
        except NotFound:
            return {}

    return intake(platform.ledger, load_queues(platform.settings.home), counts)


def _open(port: Engine, agent: str) -> int:
    counted = port.counts().get(agent, {})
    return int(counted.get("queued", 0) + counted.get("running", 0))
