"""How Jorge OS is: alive, ready, and in depth by agent and by what it depends on; and which orders are stuck.

Findings are plain values: `name`, `is_ok`, `finding` (what is so, and what to do where it is not). Nothing here changes anything.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eco_assets.errors import EcoError, NotFound
from eco_assets.jorge.controls import PAUSED, state
from eco_assets.jorge.dead_letters import listed
from eco_assets.jorge.queues import QueueSpec, pressure

if TYPE_CHECKING:
    from eco_assets.jorge.engine import Engine
    from eco_assets.jorge.workflow import Workflow
    from eco_assets.jorge.world import World
    from eco_assets.ledger import Ledger
    from eco_assets.platform import Platform

SLACK = 3.0  # an order is stuck when it runs for so many times what its workflow promises
Finding = dict[str, Any]


def liveness(port: Engine) -> Finding:
    """Whether a worker is alive. Embedded there is one only while a run carries out orders, so only waiting work needs one."""
    workers = port.store.workers()
    alive = [worker for worker in workers if worker["is_alive"]]
    waiting = sum(int(counted["queued"] + counted["running"]) for counted in port.counts().values())
    if alive:
        return _finding("workers", True, f"{len(alive)} alive")
    told = f"none alive, {waiting} orders wait: start one with `eco worker`, or run the day again" if waiting else "none, and nothing waits"
    return _finding("workers", not waiting, told)


def readiness(port: Engine) -> Finding:
    """Whether the engine's database answers, and how fast."""
    import sqlalchemy as sa

    began = time.perf_counter()
    try:
        with port.store.database.connect() as db:
            db.execute(sa.text("SELECT count(*) FROM jorge_workers"))
    except sa.exc.SQLAlchemyError as error:
        return _finding("database", False, f"does not answer: {type(error).__name__}; check ECO_JORGE_DB, the server or the disk")
    return _finding("database", True, f"answers in {(time.perf_counter() - began) * 1000:.1f} ms")


def stuck(port: Engine, workflows: Mapping[str, Workflow], now: datetime | None = None) -> list[dict[str, Any]]:
    """Orders that run for far longer than promised, or whose worker is dead, oldest first, each with `because`."""
    moment, found = now or datetime.now(UTC), []
    alive = {worker["id"] for worker in port.store.workers() if worker["is_alive"]}
    is_shared = port.store.database.dialect.name == "postgresql"  # on SQLite there is one worker, and a lock says that it lives
    for order in port.orders(states=["running"], newest_first=False):
        declared = workflows.get(str(order["workflow"]))
        promised = declared.slo_s if declared is not None else 300.0
        ran = (moment - datetime.fromisoformat(order["updated_at"])).total_seconds()
        if declared is None:
            found.append({**order, "because": "no workflow of that name is known here"})
        elif is_shared and order["worker"] not in alive:
            found.append({**order, "because": f"its worker {order['worker']} is dead; another takes it over, if one is running"})
        elif ran > SLACK * promised:
            found.append({**order, "because": f"it has run for {ran:.0f} s; {promised:.0f} s are promised"})
    return found


def of_agent(spec: QueueSpec, counted: Mapping[str, float], dead: int, held: list[dict[str, Any]], asked: str) -> Finding:
    """One agent's health from plain values.

    Args:
        spec: its queue.
        counted: orders queued and running, age of the oldest, as `Engine.counts` tells them.
        dead: dead letters that nobody has acknowledged.
        held: its stuck orders.
        asked: `running`, `paused` or `draining`.
    """
    queued, oldest = int(counted.get("queued", 0)), float(counted.get("oldest_s", 0.0))
    full, wrong = pressure(queued, spec), []
    if full >= 1:
        wrong.append(f"the queue is full ({queued} of {spec.depth}): decisions are held back")
    if oldest > spec.oldest_s and asked != PAUSED:
        wrong.append(f"the oldest order waits for {oldest:.0f} s, {spec.oldest_s:.0f} s are allowed: is a worker running?")
    if dead:
        wrong.append(f"{dead} dead letter(s): `eco dlq list --agent {spec.agent}`")
    if held:
        wrong.append(f"{len(held)} stuck order(s), such as {held[0]['id']}: {held[0]['because']}")
    told = f"{asked}, {queued} queued, {int(counted.get('running', 0))} running"
    return {
        **_finding(spec.agent, not wrong, "; ".join([told, *wrong])),
        "pressure": round(full, 4),
        "oldest_s": oldest,
        "dead_letters": dead,
    }


def deep(
    port: Engine | None,
    ledger: Ledger,
    queues: Mapping[str, QueueSpec],
    workflows: Mapping[str, Workflow],
    world: World,
    *,
    reach: bool = False,
) -> list[Finding]:
    """Everything: the database, workers, each agent, each door, the ledger.

    Args:
        port: the engine; None where nothing was carried out yet.
        ledger: the ledger.
        queues: the agents' queues.
        workflows: the catalogue.
        world: the doors.
        reach: whether to ask each door's far side, which may take its time-out.
    """
    found = [_ledger(ledger)]
    if port is None:
        found.append(_finding("database", True, "nothing was carried out yet"))
    else:
        ready = readiness(port)
        found.append(ready)
        if ready["is_ok"]:
            found += [liveness(port), *_agents(port, ledger, queues, workflows)]
    return [*found, *_doors(world, reach=reach)]


def of_platform(platform: Platform, *, reach: bool = False) -> list[Finding]:
    """`deep` of an installation; raises `ConfigError` where its queues or doors are declared wrongly."""
    from eco_assets.jorge.agents import WORKFLOWS
    from eco_assets.jorge.launch import open_port
    from eco_assets.jorge.queues import load_queues

    queues = load_queues(platform.settings.home)
    with ExitStack() as stack:
        port = None
        with suppress(NotFound):
            port = stack.enter_context(open_port(platform.settings.jorge_target, WORKFLOWS))
        return deep(port, platform.ledger, queues, WORKFLOWS, platform.world, reach=reach)


def _agents(port: Engine, ledger: Ledger, queues: Mapping[str, QueueSpec], workflows: Mapping[str, Workflow]) -> list[Finding]:
    counts, held = port.counts(), stuck(port, workflows)
    dead = [letter["agent"] for letter in listed(port, ledger) if not letter["is_acknowledged"]]
    return [
        of_agent(spec, counts.get(agent, {}), dead.count(agent), [order for order in held if order["agent"] == agent], state(ledger, agent))
        for agent, spec in queues.items()
    ]


def _ledger(ledger: Ledger) -> Finding:
    try:
        return _finding("ledger", True, f"{ledger.head().seq} entries")
    except EcoError as error:
        return _finding("ledger", False, str(error))


def _doors(world: World, *, reach: bool) -> list[Finding]:
    """Each configured door: its breaker, and with `reach` whether its far side answers."""
    found = []
    for each in world.doors():
        told, is_ok = f"{each.kind}, breaker {each.breaker}{': ' + each.last_error if each.last_error else ''}", each.breaker != "open"
        if reach and is_ok:
            try:
                told = f"{told}; {world.check(each.name)}"
            except EcoError as error:
                told, is_ok = f"{told}; {error}", False
        found.append(_finding(f"door {each.name}", is_ok, told))
    return found


def _finding(name: str, is_ok: bool, finding: str) -> Finding:
    return {"name": name, "is_ok": is_ok, "finding": finding}
