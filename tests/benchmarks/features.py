"""The feature store: the point-in-time join of many entities and three views, and reading three views by key.

`python -m tests.benchmarks.features` measures ours; with `--feast` also Feast, in an environment of its own, on the same files in the same
run. Every figure is of a process of its own: `cpu_s` and `wall_s` of the measured call, `peak_mb` of the whole process, imports included.
Nothing is asserted: on a shared machine figures are compared by their ratio within one run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"
FEAST, VERSION = ROOT / ".tools" / "benchmarks" / "feast", "0.67.0"
VIEWS = ("f0", "f1", "f2")
ROWS, KEYS, DAYS, TTL_DAYS = (2_000_000, 1_000_000, 500_000), 200_000, 200, 60
ONLINE_KEYS, READS = 10_000, 3_000


def make_files(folder: Path, entities: int) -> None:
    """Entities, three tables of features, and their small forms for reading by key; moments are whole seconds in UTC."""
    import duckdb

    def draw(rows: int, seed: int, keys: int) -> str:
        moment = f"TIMESTAMP '2026-01-01' + to_seconds(CAST(hash(i, {seed}, 1) % {DAYS * 86400} AS BIGINT))"
        return f"SELECT CAST(hash(i, {seed}) % {keys} AS BIGINT) AS entity_id, {moment} AS event_timestamp"

    columns = ", ".join(f"CAST(hash(i, {number}) % 1000003 AS DOUBLE) / 7 AS {name}" for number, name in enumerate("abc"))
    with duckdb.connect() as db:
        tables = {"entities": f"{draw(entities, 99, KEYS + KEYS // 10)} FROM range({entities}) t(i)"}
        for number, name in enumerate(VIEWS):
            rows = ROWS[number] * entities // 1_000_000
            tables[name] = f"{draw(rows, number, KEYS)}, {columns} FROM range({rows}) t(i)"
            now = f"SELECT i AS entity_id, TIMESTAMP '2026-07-01' + to_seconds(i % 3600) AS event_timestamp, {columns}"
            tables[f"online_{name}"] = f"{now} FROM range({ONLINE_KEYS}) t(i)"
        for name, query in tables.items():
            db.execute(f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet)")


def make_lake(folder: Path) -> None:
    """The same rows in a lake."""
    from eco_assets.lake import Lake

    def load(db: Any) -> None:
        db.execute("CREATE SCHEMA bench")
        for path in sorted(folder.glob("*f?.parquet")):
            db.execute(f"CREATE TABLE bench.{path.stem} AS SELECT * FROM '{path}'")

    Lake(folder / "lake").commit(load)


def our_views(prefix: str = "") -> dict[str, Any]:
    """The three tables as views."""
    from eco_assets.aurion.features.views import View

    def declared(name: str) -> View:
        return View.model_validate(
            {
                "name": name,
                "agent": "industrial",
                "description": "A table of the benchmark.",
                "owner": "benchmark",
                "entity": "entity",
                "keys": [{"name": "entity_id", "type": "bigint", "description": "Entity."}],
                "source": {"table": f"bench.{prefix}{name}"},
                "event_time": {"column": "event_timestamp", "type": "timestamp", "timezone": "UTC"},
                "ttl": f"{TTL_DAYS}d",
                "features": [{"name": column, "type": "double", "description": "A number."} for column in "abc"],
            }
        )

    return {name: declared(name) for name in VIEWS}


def measured(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a call gives, with its CPU and wall seconds."""
    before, started = os.times(), time.perf_counter()
    found = call()
    wall, after = time.perf_counter() - started, os.times()
    return {"cpu_s": round(sum(after[:2]) - sum(before[:2]), 2), "wall_s": round(wall, 2), **found}


def our_join(folder: Path) -> dict[str, Any]:
    """Three views, three features each, for every entity."""
    import pyarrow.parquet as pq

    from eco_assets.aurion.features.offline import training_set
    from eco_assets.lake import Lake

    lake, picked = Lake(folder / "lake"), [(view, view.feature_names) for view in our_views().values()]
    entities = pq.read_table(folder / "entities.parquet")

    def join() -> dict[str, Any]:
        found = training_set(lake, picked, entities, time_column="event_timestamp", timezone="UTC")
        known = [found.num_rows - found.column(f"{name}__a").null_count for name in VIEWS]
        return {"rows": found.num_rows, "known": known}

    return measured(join)


def our_online(folder: Path, place: str) -> dict[str, Any]:
    """Materialize the three small tables, then read them by key, one entity a call."""
    from eco_assets.aurion.features.online import OnlineStore
    from eco_assets.aurion.features.online_redis import RedisStore
    from eco_assets.aurion.features.online_sqlite import SqliteStore
    from eco_assets.aurion.features.store import FeatureStore
    from eco_assets.lake import Lake

    online: OnlineStore = RedisStore(place) if place.startswith("redis") else SqliteStore(Path(place))
    store = FeatureStore(Lake(folder / "lake"), online, our_views("online_"))
    moment = datetime(2026, 7, 2, tzinfo=UTC)
    written = measured(lambda: {"rows": sum(store.materialize(name, moment).written for name in VIEWS)})
    equal = all(store.parity(name).is_equal for name in VIEWS)
    found = reads(lambda key: store.get(VIEWS, [{"entity_id": key}], at=moment)[0]["f2"].values["c"])
    return {**found, "materialize": written, "parity": equal}


def reads(get: Callable[[int], Any]) -> dict[str, Any]:
    """Milliseconds of single reads of random keys, after a hundred that do not count."""
    draw, took = random.Random(7), []
    for number in range(READS + 100):
        key = draw.randrange(ONLINE_KEYS)
        started = time.perf_counter()
        value = get(key)
        if number >= 100:
            took.append((time.perf_counter() - started) * 1000)
        if value is None:
            raise SystemExit(f"key {key} has no value")
    took.sort()
    return {"p50_ms": round(took[len(took) // 2], 4), "p99_ms": round(took[len(took) * 99 // 100], 4), "reads": len(took)}


def child(name: str, command: list[str]) -> dict[str, Any]:
    """Run a part in a process of its own."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    printed = process.stdout.read() if process.stdout else ""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name} failed with exit code {process.returncode}")
    found = json.loads(printed.splitlines()[-1])
    return {"name": name, **found, "peak_mb": round(used.ru_maxrss / 1024), "process_cpu_s": round(used.ru_utime + used.ru_stime, 2)}


def feast_python() -> str:
    """Feast's own environment, made by uv when it is missing."""
    python = FEAST / "bin" / "python"
    if not python.exists():
        uv = str(ROOT / ".tools" / "bin" / "uv")
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(FEAST)], check=True)
    subprocess.run(
        [str(ROOT / ".tools" / "bin" / "uv"), "pip", "install", "-q", "--python", str(python), f"feast[duckdb]=={VERSION}"], check=True
    )
    return str(python)


def parts(folder: Path, has_feast: bool) -> list[dict[str, Any]]:
    """Every measurement, one after another."""
    ours = [sys.executable, "-m", "tests.benchmarks.features", "--folder", str(folder), "--part"]
    found = [child("point-in-time join, ours", [*ours, "join"])]
    theirs = [feast_python(), str(Path(__file__).with_name("features_feast.py")), str(folder)] if has_feast else []
    if theirs:
        found.append(child(f"point-in-time join, Feast {VERSION} (duckdb)", [*theirs, "join"]))
    found.append(child("online get, ours, SQLite", [*ours, str(folder / "online.db")]))
    if theirs:
        found.append(child(f"online get, Feast {VERSION}, SQLite", [*theirs, "online"]))
    if shutil.which("redis-server"):
        with ExitStack() as stack:
            sys.path.insert(0, str(ROOT / "tests" / "unit" / "features"))
            from feature_house import redis_server

            port, _ = stack.enter_context(redis_server(folder))
            found.append(child("online get, ours, Redis", [*ours, f"redis://127.0.0.1:{port}/0"]))
    return found


def main() -> None:
    """Measure, print, keep."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--feast", action="store_true", help="measure Feast too")
    options.add_argument("--entities", type=int, default=1_000_000, help="entities of the join; tables grow with them")
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--part", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.part:
        print(json.dumps(our_join(given.folder) if given.part == "join" else our_online(given.folder, given.part)))
        return
    load = os.getloadavg()
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name), given.entities)
        make_lake(Path(name))
        found = parts(Path(name), given.feast)
    for one in found:
        print(f"{one['name']:<46}" + ", ".join(f"{key} {value}" for key, value in one.items() if key != "name"))
    print(f"load average before {load[0]:.1f}, after {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores; peak of this process", end=" ")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"features-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    kept.write_text(json.dumps({"load": load, "entities": given.entities, "figures": found}, indent=2))
    print(f"kept in {kept.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
