"""How fast orders are carried out, and what our layer adds to bare dbos, in one run; on SQLite and on Postgres.

    python -m tests.benchmarks.jorge [--orders 1000] [--sustain 0]

An order has three steps that only answer, so that what is measured is the engine. `--sustain MINUTES` feeds 10,000 steps a minute.
Postgres runs with fsync on, as a server would; without PostgreSQL its lines are left out.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_database, open_engine, open_port
from eco_assets.jorge.queues import default_queues
from eco_assets.jorge.store import Store
from eco_assets.jorge.worker import work
from eco_assets.jorge.workflow import Step, Workflow, catalogue
from eco_assets.jorge.world import World
from tests.servers import postgres, postgres_binary

STEPS = 3
FLOW = catalogue([Workflow("varejo.demo", "Demo", "Three steps.", tuple(Step(name, lambda world, order: "ok") for name in "abc"))])


def order(number: int, name: str) -> dict[str, Any]:
    """An order of the demo."""
    more = {"subject": str(number), "action": "demo", "as_of": "2026-10-31", "features": {"p": 0.5, "value": 12.0}}
    return {"decision_id": f"{name}-{number}", "agent": "varejo", "workflow": "varejo.demo", "cost_brl": 1.0, **more}


def cpu_s() -> float:
    """Of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _target(text: str) -> Path | str:
    return text if text.startswith("postgresql") else Path(text)


def ours(target: str, number: int) -> dict[str, float]:
    """Our engine with a worker in this process."""
    folder = Path(tempfile.mkdtemp())
    with open_engine(_target(target), FLOW, World(folder / "outbox", folder / "bookings.db")) as engine:
        return flat_out(lambda: _run(engine, number))


def _run(engine: Engine, number: int) -> int:
    orders = [order(each, "ours") for each in range(number)]
    engine.enqueue(orders)
    return len(engine.wait([each["decision_id"] for each in orders]))


def bare(target: str, number: int) -> dict[str, float]:
    """Bare dbos: the same three steps, the same queue, the same database settings."""
    from dbos import DBOS, DBOSClient, WorkflowSerializationFormat

    @DBOS.step(name="do")
    def do(name: str, given: dict[str, Any]) -> dict[str, Any]:
        return {"name": name, "detail": "ok"}

    @DBOS.workflow(name="bare")
    def flow(given: dict[str, Any]) -> dict[str, Any]:
        return {"steps": [do(name, given) for name in "abc"]}

    where, path = _target(target), _target(target)
    database = open_database(where)
    url = f"sqlite:///{path}" if isinstance(path, Path) else path
    settings: dict[str, Any] = {"name": "jorge", "system_database_url": url, "system_database_engine": database, "log_level": "ERROR"}
    DBOS(config={**settings, "executor_id": "bare", "application_version": "bare"})  # type: ignore[typeddict-item]
    DBOS.launch()
    DBOS.register_queue("varejo", **default_queues()["varejo"].options())
    client = DBOSClient(system_database_url=url, system_database_engine=database, application_name="jorge")
    options = {"queue_name": "varejo", "workflow_name": "bare", "app_version": "bare", "priority": 10}

    def run() -> int:
        with database.begin() as transaction:
            for each in range(number):
                named = {**options, "workflow_id": f"bare-{each}", "serialization_type": WorkflowSerializationFormat.PORTABLE}
                client.enqueue_in_transaction(transaction, named, order(each, "bare"))  # type: ignore[arg-type]
        while len(client.list_workflows(status="SUCCESS", load_input=False, load_output=False)) < number:
            time.sleep(0.25)
        return number

    figures = flat_out(run)
    DBOS.destroy()
    return figures


def flat_out(run: Callable[[], int]) -> dict[str, float]:
    """Orders and steps a second, CPU milliseconds an order."""
    before, started = cpu_s(), time.perf_counter()
    done = run()
    wall, spent = time.perf_counter() - started, cpu_s() - before
    return {"orders_s": done / wall, "steps_s": STEPS * done / wall, "cpu_ms": 1000 * spent / done}


def child(case: str, target: str, number: int) -> dict[str, float]:
    """One case in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.jorge", "--case", case, "--target", target, "--orders", str(number)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(printed.splitlines()[-1])
    return found


@contextmanager
def workers(target: str, number: int) -> Iterator[None]:
    """Resident workers as processes."""
    command = [sys.executable, "-m", "tests.benchmarks.jorge", "--case", "worker", "--target", target]
    started = [subprocess.Popen(command) for _ in range(number)]
    try:
        with open_port(_target(target), FLOW) as port:
            while sum(worker["is_alive"] for worker in port.store.workers()) < number:
                time.sleep(0.1)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def fleet(target: str, number: int, count: int) -> dict[str, float]:
    """Flat out with `count` resident workers; CPU is of the feeder only, so it is left out."""
    with workers(target, count), open_port(_target(target), FLOW) as port:
        return {**flat_out(lambda: _run(port, number)), "cpu_ms": float("nan")}


def paced(target: str, per_second: float, seconds: float, count: int = 1) -> dict[str, float]:
    """Milliseconds from an order's queueing to its end, at a steady pace, with `count` resident workers."""
    with workers(target, count), open_port(_target(target), FLOW) as port:
        ids: list[str] = []
        started = time.perf_counter()
        for number in range(round(per_second * seconds)):
            time.sleep(max(0.0, started + number / per_second - time.perf_counter()))
            given = order(number, "paced")
            port.enqueue([given])
            ids.append(given["decision_id"])
        records = port.wait(ids)
        statuses = port._status(ids, load=False)
        took = sorted(float((status.completed_at or status.updated_at) - status.created_at) for status in statuses)
        lasted = max(status.completed_at or status.updated_at for status in statuses) - min(status.created_at for status in statuses)
        steps_a_minute = STEPS * len(ids) / lasted * 60_000
        ended_well = sum(record["outcome"] == "completed" for record in records) / len(records)
    cut = statistics.quantiles(took, n=100)
    return {"p50_ms": cut[49], "p95_ms": cut[94], "p99_ms": cut[98], "steps_min": steps_a_minute, "success": ended_well}


def bytes_an_order(target: Path, number: int) -> float:
    """Of the SQLite file after a checkpoint, a finished order."""
    import sqlite3

    with sqlite3.connect(target) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return target.stat().st_size / number


def main() -> None:
    """Print a table of all cases, or run the one that is named."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=1000)
    parser.add_argument("--sustain", type=float, default=0.0, help="minutes of 10,000 steps a minute")
    parser.add_argument("--case", choices=["ours", "bare", "worker"])
    parser.add_argument("--target", default="")
    given = parser.parse_args()
    if given.case == "worker":
        import signal

        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        folder = Path(tempfile.mkdtemp())
        work(_target(given.target), FLOW, World(folder / "outbox", folder / "bookings.db"), stop)
        return
    if given.case:
        print(json.dumps((ours if given.case == "ours" else bare)(given.target, given.orders)))
        return
    with tempfile.TemporaryDirectory() as name:
        _all(Path(name), given.orders, given.sustain)


def _all(folder: Path, number: int, sustain: float) -> None:
    file = folder / "ours.db"
    rows = {"bare dbos, SQLite": child("bare", str(folder / "bare.db"), number), "ours, SQLite": child("ours", str(file), number)}
    size = bytes_an_order(file, number)
    if postgres_binary("postgres") is not None:
        with postgres(folder, is_durable=True) as url:
            made = iter(_databases(url))
            rows["bare dbos, Postgres"] = child("bare", next(made), number)
            rows["ours, Postgres"] = child("ours", next(made), number)
            rows["ours, Postgres, 1 resident"] = fleet(next(made), number, 1)
            rows["ours, Postgres, 2 residents"] = fleet(next(made), number, 2)
            latency = {"20 orders a second": paced(next(made), 20, 30)}
            if sustain:
                latency[f"10,000 steps a minute for {sustain:g} min, 2 residents"] = paced(next(made), 10_000 / STEPS / 60, sustain * 60, 2)
    else:
        latency = {}
    print(f"{'':32}{'orders/s':>10}{'steps/s':>10}{'CPU ms/order':>14}")
    for label, row in rows.items():
        print(f"{label:32}{row['orders_s']:10.1f}{row['steps_s']:10.1f}{row['cpu_ms']:14.1f}")
    for where in ("SQLite", "Postgres"):
        if f"ours, {where}" in rows:
            mine, theirs = rows[f"ours, {where}"], rows[f"bare dbos, {where}"]
            print(f"our layer, {where}: {mine['cpu_ms'] / theirs['cpu_ms']:.2f}x CPU, {theirs['orders_s'] / mine['orders_s']:.2f}x time")
    print(f"SQLite: {size:.0f} bytes an order")
    for label, row in latency.items():
        print(label + ": " + ", ".join(f"{name} {value:.4g}" for name, value in row.items()))


def _databases(url: str) -> Iterator[str]:
    import psycopg

    for number in range(10):
        with psycopg.connect(url, autocommit=True) as db:
            db.execute(f"CREATE DATABASE bench_{number}".encode())
        made = url.rsplit("/", 1)[0] + f"/bench_{number}"
        database = open_database(made)
        Store(database).create()
        database.dispose()
        yield made


if __name__ == "__main__":
    main()
