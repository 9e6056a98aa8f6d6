"""From a decision's materialization to its agent's first step done: the resident worker, our sensor's run, a plain asset sensor's run.

`.venv/bin/python -m tests.benchmarks.triggers [--rounds 20] [--runs 6] [--json]`. The daemon and the worker are processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg

from tests.benchmarks.trigger_graph import ACTED, AGENT, DECIDED, RECORDED, engine, graph, ledger

WAIT_S = 180.0


def resident(home: Path) -> None:
    """The worker's process: the resident loop over the benchmark's graph, with the engine kept open."""
    from eco_assets.jorge.dispatch import execute_day
    from eco_assets.resident.outbox import Outbox
    from sensors.resident import Resident, Result, Watched

    os.environ["DAGSTER_HOME"] = str(home / "dagster")
    with dg.DagsterInstance.get() as instance, engine(home) as warm:

        @contextmanager
        def kept() -> Iterator[object]:
            yield warm

        def execute(agent: str, day: str) -> Result:
            execute_day(ledger(home), agent, day, kept)  # type: ignore[arg-type]
            return Result()

        watched = Watched(AGENT, (DECIDED,), (dg.AssetCheckKey(DECIDED, RECORDED),), ACTED)
        Resident(instance, Outbox(home / "resident"), [watched], execute).serve(threading.Event(), lambda _: None)


def measure(path: str, rounds: int) -> list[float]:
    """Seconds of each round of one path; the first round, with its cold start, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dagster").mkdir()
        (home / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        worker = _worker(path, home)
        try:
            os.environ["DAGSTER_HOME"] = str(home / "dagster")
            with dg.DagsterInstance.get() as instance:
                return [_round(instance, home, (date(2018, 1, 1) + timedelta(days=n)).isoformat()) for n in range(rounds + 1)][1:]
        finally:
            worker.terminate()
            worker.wait(timeout=30)


def _worker(path: str, home: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DAGSTER_HOME": str(home / "dagster"), "ECO_BENCH_TRIGGERS": str(home), "ECO_BENCH_PATH": path}
    daemon = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "tests.benchmarks.trigger_graph"]
    command = [sys.executable, "-m", "tests.benchmarks.triggers", "--serve", str(home)] if path == "resident" else daemon
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _round(instance: dg.DagsterInstance, home: Path, day: str) -> float:
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    job = graph(home, "nobody").resolve_job_def("decide")
    ran = job.execute_in_process(instance=instance, partition_key=day, run_config=quiet)
    made = instance.get_records_for_run(ran.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records[0].timestamp
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = ledger(home).list("execution", agent=AGENT, as_of=day)
        if found:
            first = min(step["at"] for step in found[0]["steps"] if step["at"])
            return datetime.fromisoformat(first).timestamp() - made
        time.sleep(0.05)
    return float("inf")  # lost, or later than anybody waits; it is counted, because a plain asset sensor does lose changes


def _told(seconds: list[float]) -> dict[str, float | int]:
    ordered = sorted(each for each in seconds if each != float("inf"))
    if not ordered:
        return {"rounds": 0, "lost": len(seconds)}
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {
        "rounds": len(ordered),
        "lost": len(seconds) - len(ordered),
        "p50_s": round(statistics.median(ordered), 3),
        "p95_s": round(p95, 3),
        "most_s": round(ordered[-1], 3),
    }


def main() -> None:
    """Measure the three paths and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of the resident path")
    parser.add_argument("--runs", type=int, default=6, help="of each path through a run")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--paths", nargs="+", default=["resident", "sensor", "plain"])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.serve:
        resident(given.serve)
        return
    found = {path: _told(measure(path, given.rounds if path == "resident" else given.runs)) for path in given.paths}
    found["load"] = {"one_minute": round(os.getloadavg()[0], 2)}
    if given.json:
        print(json.dumps(found))
        return
    for path, told in found.items():
        print(f"{path:<10}" + "  ".join(f"{name} {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()
