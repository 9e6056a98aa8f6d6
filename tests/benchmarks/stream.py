"""Machines to inbox: messages a second, and a CPU second of the ingester, drained and live; recovery after kill -9; OPC UA values.

`.venv/bin/python -m tests.benchmarks.stream [--messages 50000] [--json]`. Needs mosquitto. All share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parents[1] / "unit" / "stream"
sys.path.insert(0, str(HOUSE))

from stream_house import Broker, House, accepts, eventually, free_port  # noqa: E402

from eco_assets.aurion.stream.demo import find_mosquitto  # noqa: E402

SERVER = """
import asyncio, sys, threading
from eco_assets.aurion.stream.demo import pumps, serve
asyncio.run(serve(int(sys.argv[1]), dict(list(pumps().items())[:5]), threading.Event(), 0.02))
"""


def cpu_s(process: subprocess.Popen[str]) -> float:
    """User and system seconds of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rows(house: House) -> int:
    """Rows that are durable."""
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in house.inbox.rglob("*.parquet"))


@contextmanager
def site(broker_program: str) -> Iterator[tuple[House, Broker, Callable[..., subprocess.Popen[str]]]]:
    """A broker, a house, and what starts the ingester in it."""
    with tempfile.TemporaryDirectory() as folder:
        broker, house = Broker(broker_program, Path(folder) / "broker").start(), House(Path(folder))
        connection = ("line", "mqtt", broker.config())
        try:
            yield house, broker, lambda **more: house.start(connection, limits={"batch_s": 1.0, "batch_rows": 5_000}, **more)
        finally:
            house.close()
            broker.stop()


def drained(broker_program: str, count: int) -> dict[str, Any]:
    """Messages that waited at the broker; the wall clock begins when the ingester is connected."""
    with site(broker_program) as (house, broker, start):
        broker.introduce()
        broker.send(range(count))
        process = start()
        eventually(lambda: rows(house) > 0, "the first file is there", 60)
        begun, first, used = time.perf_counter(), rows(house), cpu_s(process)
        eventually(lambda: rows(house) >= count, "all is durable", 300)
        wall, cpu = time.perf_counter() - begun, cpu_s(process) - used
        house.end(process)
        return {"messages": count, "per_s": (count - first) / wall, "per_cpu_s": (count - first) / cpu, "unique": len(set(house.numbers()))}


def live(broker_program: str, count: int) -> dict[str, Any]:
    """Messages that are published while the ingester reads, as fast as one publisher can."""
    with site(broker_program) as (house, broker, start):
        process = start()
        house.until_reading()
        begun, used = time.perf_counter(), cpu_s(process)
        sender = threading.Thread(target=broker.send, args=(range(count),))
        sender.start()
        eventually(lambda: rows(house) >= count, "all is durable", 300)
        wall, cpu = time.perf_counter() - begun, cpu_s(process) - used
        sender.join()
        house.end(process)
        return {"messages": count, "per_s": count / wall, "per_cpu_s": count / cpu, "unique": len(set(house.numbers()))}


def recovery(broker_program: str, count: int) -> dict[str, Any]:
    """Kill -9 in the middle of draining: seconds from the start of the next process to its first durable file, and to the last message."""
    with site(broker_program) as (house, broker, start):
        broker.introduce()
        broker.send(range(count))
        process = start()
        eventually(lambda: rows(house) >= count // 5, "a fifth is durable", 120)
        house.kill(process)
        before, begun = rows(house), time.perf_counter()
        process = start()
        eventually(lambda: rows(house) > before, "it goes on", 60)
        first_s = time.perf_counter() - begun
        eventually(lambda: rows(house) >= count, "all is durable", 300)
        all_s = time.perf_counter() - begun
        house.end(process)
        found = house.numbers()
        return {
            "messages": count, "durable_at_kill": before, "first_file_s": first_s, "all_s": all_s,
            "lost": count - len(set(found)), "twice_in_the_inbox": len(found) - len(set(found)),
        }  # fmt: skip


def opcua(seconds: float) -> dict[str, Any]:
    """40 variables that change 50 times a second, as fast as the server gets."""
    with tempfile.TemporaryDirectory() as folder:
        port, house = free_port(), House(Path(folder))
        environment = {**os.environ, "PYTHONPATH": str(HOUSE.parents[2])}
        server = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=environment, stderr=subprocess.DEVNULL)
        try:
            eventually(lambda: accepts(port), "the server listens", 60)
            config = {"url": f"opc.tcp://127.0.0.1:{port}/eco", "browse": "ns=2;s=Fabrica", "sampling_interval_ms": 10, "timeout_s": 30}
            process = house.start(("line", "opcua", config), limits={"batch_s": 1.0})
            eventually(lambda: rows(house) > 0, "values come", 60)
            begun, first, used = time.perf_counter(), rows(house), cpu_s(process)
            time.sleep(seconds)
            wall, cpu, count = time.perf_counter() - begun, cpu_s(process) - used, rows(house) - first
            house.end(process)
            return {"values": count, "per_s": count / wall, "per_cpu_s": count / cpu, "gaps": len(house.gaps())}
        finally:
            house.close()
            server.kill()
            server.wait()


def main() -> None:
    """Run all of it and print one line each."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--messages", type=int, default=50_000)
    given.add_argument("--json", action="store_true")
    options = given.parse_args()
    program = find_mosquitto()
    if program is None:
        raise SystemExit("there is no mosquitto on this machine")
    found: dict[str, Any] = {"load_before": os.getloadavg()}
    for name, work in (
        ("drained", lambda: drained(program, options.messages)),
        ("live", lambda: live(program, options.messages)),
        ("recovery", lambda: recovery(program, options.messages)),
        ("opcua", lambda: opcua(15)),
    ):
        found[name] = work()
        if not options.json:
            print(f"{name:<10}" + "  ".join(f"{key} {value:,.1f}" for key, value in found[name].items()), flush=True)
    found["load_after"] = os.getloadavg()
    print(
        json.dumps(found, indent=1)
        if options.json
        else f"load average {found['load_before'][0]:.1f} before, {found['load_after'][0]:.1f} after"
    )


if __name__ == "__main__":
    main()
