"""What orchestration costs: idle ticks with automation, definitions load, one materialization, event rows and bytes of a day.

`.venv/bin/python -m tests.benchmarks.orchestration [--home HOME] [--assets 100 500 1000] [--json]`. `--home` is a home that `eco run` has
filled; a copy of its event log is counted, purged and counted again. CPU seconds, because the machine may be shared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from sqlite3 import connect
from typing import Any

import dagster as dg

from tests.benchmarks.automated_graph import Ticker, graph

SHARES = 5
TICKS = 5
MADE = 20


def _cpu(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def idle_ticks(assets: int, shares: int) -> dict[str, float]:
    """CPU of an idle tick of all sensors, of the dearest single one, and statements to the database; medians."""
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        ticker = Ticker(graph(assets, shares), instance)
        ticker.tick()
        found, whole = ticker.tick(), statistics.median(_cpu(ticker.tick) for _ in range(TICKS))
        return {"cpu_s": round(whole, 3), "cpu_s_a_sensor": round(whole / shares, 3), "statements": found.statements}


def load() -> dict[str, float]:
    """A new process that imports the code location and resolves it, and one that imports Dagster alone."""
    codes = {"dagster_cpu_s": "import dagster", "cpu_s": "from eco_assets.definitions import build_defs; build_defs().get_repository_def()"}
    found = {}
    for name, code in codes.items():
        before = os.times()
        subprocess.run([sys.executable, "-W", "ignore::UserWarning", "-c", code], check=True, stderr=subprocess.DEVNULL)
        after = os.times()
        found[name] = round(after.children_user + after.children_system - before.children_user - before.children_system, 2)
    return found


def materialization() -> dict[str, float]:
    """CPU of a materialization that does nothing, in a process and on disk."""

    def asset(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"made_{number}")
        def make() -> None: ...

        return make

    job = dg.Definitions([asset(n) for n in range(MADE)], jobs=[dg.define_asset_job("make", executor_def=dg.in_process_executor)])
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    resolved = job.resolve_job_def("make")
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        resolved.execute_in_process(instance=instance, run_config=quiet)
        used = _cpu(lambda: resolved.execute_in_process(instance=instance, run_config=quiet))
    return {"cpu_ms": round(1000 * used / MADE, 1)}


def events(home: Path) -> dict[str, Any]:
    """Rows and bytes of the event log of a home, as they are and after a purge of everything that is over."""
    from eco_assets.defs.purge import purge_events

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(home / "dagster", Path(folder) / "dagster"))
        before = _log(copy)
        with dg.DagsterInstance.from_config(str(copy)) as instance:
            runs = len(instance.get_run_ids())
            purge_events(instance, 0.0, datetime.now(UTC) + timedelta(days=1))
        return {"runs": runs, "before": before, "after": _log(copy)}


def _log(folder: Path) -> dict[str, int]:
    rows = 0
    for file in sorted((folder / "history" / "runs").glob("*.db")):
        with closing(connect(file)) as db:
            known = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'event_logs'").fetchone()[0]
            rows += int(db.execute("SELECT count(*) FROM event_logs").fetchone()[0]) if known else 0
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return {"rows": rows, "bytes": size}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a home that `eco run` has filled")
    parser.add_argument("--assets", type=int, nargs="+", default=[100, 500, 1000])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cases: dict[str, Callable[[], Any]] = {"materialization": materialization, "definitions": load}
    if given.home:
        cases["events"] = lambda: events(given.home)
    for assets in given.assets:
        for shares in (1, SHARES):
            cases[f"idle tick, {assets} assets, {shares} sensor(s)"] = partial(idle_ticks, assets, shares)
    for name, case in cases.items():  # one line each as it is known, because the whole takes minutes
        told = {"load_average": round(os.getloadavg()[0], 1), "told": case()}
        print(json.dumps({name: told}) if given.json else f"{name:<34}{told}", flush=True)


if __name__ == "__main__":
    main()
