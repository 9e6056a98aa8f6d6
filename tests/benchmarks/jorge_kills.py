"""Kills resident workers again and again (kill -9) while they carry sagas out, and counts the effects that are missing or there twice.

    python -m tests.benchmarks.jorge_kills [--orders 2000] [--kills 20] [--workers 2] [--sqlite]

A saga has four steps that write through the world's outbox and bookings; every fifth is refused at its third step and must be taken
back. A killed worker is replaced at once, under a new name. Recovery is the time from a kill to the end of the last order that the
dead worker had begun. On Postgres with fsync on; with `--sqlite`, or without PostgreSQL, one worker on SQLite.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eco_assets.errors import ActionRefused, DoorUnavailable, NotFound
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_port
from eco_assets.jorge.worker import work
from eco_assets.jorge.workflow import Order, Step, Workflow, booking, catalogue, message
from eco_assets.jorge.world import World
from tests.servers import postgres, postgres_binary


def _refused_in_every_fifth(world: World, order: Order) -> str:
    if int(order.decision["subject"]) % 5 == 0:
        raise ActionRefused("no third step for this one")
    return world.send("billing", order.key, order.message(kind="invoice"))


SAGA = Workflow(
    "varejo.demo",
    "Demo",
    "Four steps, the third refused for every fifth order.",
    (
        booking("slots", 1_000_000),
        message("crm", "note"),
        Step("invoice", _refused_in_every_fifth, lambda world, order: world.withdraw("billing", order.key, order.message(kind="invoice"))),
        message("email", "tell"),
    ),
)
SAGAS = catalogue([SAGA])


def orders(number: int) -> list[dict[str, Any]]:
    """So many sagas."""
    common = {"agent": "varejo", "workflow": "varejo.demo", "action": "demo", "as_of": "2026-10-31", "cost_brl": 1.0}
    return [{"decision_id": f"saga-{each:05}", "subject": str(each), **common} for each in range(number)]


class Fleet:
    """Worker processes; `kill` ends one of them as a power cut would, and starts another."""

    def __init__(self, target: str, folder: Path, count: int) -> None:
        self._command = [sys.executable, "-m", "tests.benchmarks.jorge_kills", "--serve", target, "--folder", str(folder)]
        self._running = [self._start() for _ in range(count)]

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command)

    def kill(self, which: int) -> None:
        self._running[which].kill()
        self._running[which].wait()
        self._running[which] = self._start()

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()

    def __len__(self) -> int:
        return len(self._running)


def drill(port: Engine, fleet: Fleet, number: int, kills: int, seed: int) -> dict[str, Any]:
    """Queue the sagas, kill a worker after every so many that ended, and look at what came of them."""
    chance, recoveries, struck = random.Random(seed), list[float](), 0
    began = time.perf_counter()
    port.enqueue(orders(number))
    waiting: list[tuple[float, set[str]]] = []
    while True:
        ended = number - sum(int(each["queued"] + each["running"]) for each in port.counts().values())
        now = time.perf_counter()
        for moment, open_ones in waiting[:]:
            open_ones -= {one for one in open_ones if port.status(one)["state"] not in ("running", "queued")}
            if not open_ones:
                recoveries.append(now - moment)
                waiting.remove((moment, open_ones))
        if ended >= number and not waiting:
            break
        if struck < kills and ended >= (struck + 1) * number // (kills + 2):
            time.sleep(chance.random() / 4)
            running = {each["id"] for each in port.orders(states=["running"])}
            fleet.kill(chance.randrange(len(fleet)))
            waiting.append((time.perf_counter(), running))
            struck += 1
            print(f"{ended} of {number} ended, {struck} killed", file=sys.stderr, flush=True)
        time.sleep(0.1)
    wall = time.perf_counter() - began
    records = port.wait([order["decision_id"] for order in orders(number)])
    found = {"orders": number, "kills": struck, "wall_s": wall, "outcomes": dict(Counter(record["outcome"] for record in records))}
    ranked = sorted(recoveries)
    return {**found, "recovery_s": {"median": ranked[len(ranked) // 2], "longest": ranked[-1]} if ranked else {}}


def effects(outbox: Path, world: World, number: int) -> dict[str, int]:
    """Differences between what lies in the outbox and what must: all 0 when every effect is there once a key."""
    messages = [json.loads(path.read_text("utf-8")) for path in outbox.glob("*/*.json")]
    sent = Counter(each["key"] for each in messages if "withdraws" not in each)
    withdrawn = Counter(each["withdraws"] for each in messages if "withdraws" in each)
    refused = {order["decision_id"] for order in orders(number) if int(order["subject"]) % 5 == 0}
    good = {order["decision_id"] for order in orders(number)} - refused
    wanted = {f"{one}/{step}" for one in good for step in ("note", "invoice", "tell")} | {f"{one}/note" for one in refused}
    return {
        "missing": len(wanted - set(sent)),
        "unasked": len(set(sent) - wanted),
        "twice": sum(count - 1 for count in (*sent.values(), *withdrawn.values())),
        "not taken back": len({f"{one}/note" for one in refused} - set(withdrawn)),
        "bookings off by": abs(round(world.booked("slots", "2026-10-31")) - len(good)),
    }


@contextmanager
def _target(folder: Path, is_sqlite: bool) -> Iterator[str]:
    if is_sqlite or postgres_binary("postgres") is None:
        yield str(folder / "engine.db")
        return
    with postgres(folder, is_durable=True) as url:
        yield url


def run(number: int, kills: int, workers: int, *, is_sqlite: bool = False, seed: int = 1) -> dict[str, Any]:
    """One drill on a fresh database; the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _target(folder, is_sqlite) as text:
            target = _named(text)
            fleet = Fleet(text, folder, 1 if isinstance(target, Path) else workers)
            try:
                with _port(target) as port:
                    figures = drill(port, fleet, number, kills, seed)
            finally:
                fleet.stop()
            world = World(folder / "outbox", folder / "bookings.db")
            return {
                "on": "SQLite" if isinstance(target, Path) else "Postgres",
                **figures,
                "effects": effects(folder / "outbox", world, number),
            }


@contextmanager
def _port(target: Path | str) -> Iterator[Engine]:
    deadline = time.monotonic() + 60
    while isinstance(target, Path) and not target.exists():
        if time.monotonic() > deadline:
            raise NotFound(f"no worker has begun on {target}")
        time.sleep(0.1)
    with open_port(target, SAGAS) as port:
        yield port


def _named(text: str) -> Path | str:
    return text if text.startswith("postgresql") else Path(text)


def serve(target: Path | str, folder: Path) -> None:
    """A worker, until SIGTERM; one that comes before the dead one's lock is free tries again."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    while not stop.is_set():
        try:
            work(target, SAGAS, World(folder / "outbox", folder / "bookings.db"), stop)
        except DoorUnavailable:
            time.sleep(0.2)


def main() -> None:
    """Print the figures, or serve as a worker of the drill."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--serve", default="")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.serve:
        serve(_named(given.serve), given.folder)
        return
    print(json.dumps(run(given.orders, given.kills, given.workers, is_sqlite=given.sqlite, seed=given.seed), indent=2))


if __name__ == "__main__":
    main()
