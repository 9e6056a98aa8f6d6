"""How fast files and tables come into the lake under their contract: rows and MB per CPU second, against DuckDB's own COPY and dlt.

    python -m tests.benchmarks.ingestion [--rows 2000000]

Each case runs in a process of its own, one after the other, on the same files. CPU seconds are user and system of that process and its
children; a Postgres server's are not counted. `ratio` is rows per CPU second against DuckDB's COPY of the same source.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eco_assets.contracts.contract import Contract, load_contracts
from tests.servers import postgres, postgres_binary

POSTGRES_TYPES = {"DOUBLE": "double precision", "VARCHAR": "text"}

ITEMS = next(contract for contract in load_contracts() if contract.table == "varejo.order_items")
SHAPE = """SELECT md5((i // 3)::VARCHAR) AS order_id, (i % 3 + 1)::INTEGER AS order_item_id, md5((i % 30011)::VARCHAR) AS product_id,
             md5((i % 3001)::VARCHAR) AS seller_id, TIMESTAMP '2024-01-01' + to_seconds((i * 37) % 31536000) AS shipping_limit_date,
             (((i * 7919) % 90000) / 100 + 1)::DECIMAL(10, 2) AS price, (((i * 104729) % 5000) / 100)::DECIMAL(10, 2) AS freight_value
           FROM range({rows}) t(i)"""


LINE = (
    "{source:8} {case:15} wall {wall_s:6.1f} s  cpu {cpu_s:6.1f} s  {rows_per_cpu_s:10,.0f} rows/CPU-s  "
    "{mb_per_cpu_s:6.1f} MB/CPU-s  ratio {ratio:.2f}"
)


def prepare(root: Path, rows: int) -> None:
    """The same rows as CSV and as Parquet."""
    import duckdb

    with duckdb.connect() as db:
        for name, form in (("items.csv", "CSV, HEADER"), ("items.parquet", "PARQUET, COMPRESSION zstd")):
            db.execute(f"COPY ({SHAPE.format(rows=rows)}) TO '{root / name}' (FORMAT {form})")


def contract_of(kind: str) -> Contract:
    """The real contract of the order items, over a generated file."""
    return replace(ITEMS, glob=f"items.{kind}", file_format=kind)


def eco_file(root: Path, kind: str) -> None:
    """Into the lake, checked."""
    from eco_assets.aurion.landing import Landing
    from eco_assets.aurion.load import load
    from eco_assets.lake import Lake

    lake = Lake(root / f"lake-{kind}")
    landing = Landing(lake, root, root / "inbox")
    landed = landing.land(contract_of(kind))
    load(lake, landing, [landed])
    assert landed.is_accepted, landed.reasons


def eco_check(root: Path, kind: str) -> None:
    """Checked by the slow way, which names every broken row; nothing is loaded."""
    import duckdb

    from eco_assets.aurion import incoming
    from eco_assets.aurion.judge import load_texts
    from eco_assets.contracts.check import find_violations

    contract = contract_of(kind)
    with duckdb.connect() as db:
        load_texts(db, contract, incoming.of_file(db, contract, root / f"items.{kind}"))
        assert not find_violations(db, contract, "items")


def copy_file(root: Path, kind: str) -> None:
    """DuckDB's COPY to Parquet with given types, nothing checked."""
    import duckdb

    types = ", ".join(f"'{column.physical_name}': '{column.sql_type}'" for column in ITEMS.columns)
    source = f"read_csv('{root / 'items.csv'}', auto_detect=false, header=true, delim=',', quote='\"', escape='\"', columns={{{types}}})"
    if kind == "parquet":
        source = f"read_parquet('{root / 'items.parquet'}')"
    with duckdb.connect() as db:
        db.execute(f"COPY (SELECT * FROM {source}) TO '{root / f'copy-{kind}.parquet'}' (FORMAT parquet, COMPRESSION zstd)")


def dlt_file(root: Path, kind: str) -> None:
    """The filesystem reader of dlt into DuckDB, as its documentation has it."""
    import dlt
    from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_parquet

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    reader = read_csv_duckdb(use_pyarrow=True) if kind == "csv" else read_parquet(use_pyarrow=True)
    pipeline = dlt.pipeline(
        f"bench_{kind}", pipelines_dir=str(root / f"dlt-{kind}"), destination=dlt.destinations.duckdb(str(root / f"dlt-{kind}.duckdb"))
    )
    pipeline.run((filesystem(bucket_url=root.as_uri(), file_glob=f"items.{kind}") | reader).with_name("items")).raise_on_failed_jobs()


def eco_postgres(root: Path, kind: str) -> None:
    """A connection's sync: read by its cursor, checked, committed with the state, in the commits of a first sync."""
    from eco_assets.aurion.connectors.sql import SqlConnector
    from eco_assets.aurion.landing import Landing
    from eco_assets.aurion.sync import Source, sync
    from eco_assets.lake import Lake

    at = urlsplit(kind)
    address = {"host": at.hostname, "port": at.port, "user": at.username, "password": "none", "database": at.path[1:]}
    config = {**address, "tables": {"items": {"cursor": "shipping_limit_date", "key": ["order_id", "order_item_id"]}}}
    contract = replace(ITEMS, server="connection", load_mode="append")
    lake = Lake(root / "lake-postgres")
    (landed,) = sync(lake, Landing(lake, root, root / "inbox"), Source("bench", SqlConnector("postgres"), config, [("items", contract)]))
    assert landed.is_accepted, landed.reasons


def copy_postgres(root: Path, kind: str) -> None:
    """DuckDB's Postgres scanner, copied to Parquet, nothing checked."""
    from eco_assets.lake import Lake

    with Lake(root / "lake-copy").connect(read_only=False) as db:
        db.execute(f"ATTACH '{kind}' AS source (TYPE postgres, READ_ONLY)")
        db.execute(f"COPY source.public.items TO '{root / 'copy-postgres.parquet'}' (FORMAT parquet, COMPRESSION zstd)")


def dlt_postgres(root: Path, kind: str) -> None:
    """The table reader of dlt into DuckDB, as its documentation has it."""
    import dlt
    from dlt.sources.sql_database import sql_table

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    pipeline = dlt.pipeline(
        "bench_pg", pipelines_dir=str(root / "dlt-pg"), destination=dlt.destinations.duckdb(str(root / "dlt-pg.duckdb"))
    )
    pipeline.run(sql_table(credentials=kind.replace("postgresql:", "postgresql+psycopg:"), table="items")).raise_on_failed_jobs()


FILES = {"copy": copy_file, "eco": eco_file, "eco check only": eco_check, "dlt": dlt_file}
TABLES = {"copy": copy_postgres, "eco": eco_postgres, "dlt": dlt_postgres}


def measured(root: Path, case: str, kind: str) -> dict[str, float]:
    """Run one case in a process of its own; `kind` is `csv`, `parquet` or the URL of a database."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "tests.benchmarks.ingestion", "--case", case, "--kind", kind, "--root", root], check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"wall_s": wall, "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def sources(root: Path) -> Iterator[tuple[str, dict[str, Callable[[Path, str], None]], str]]:
    """Each source with its cases and where it is; PostgreSQL only where its server is installed."""
    yield "csv", FILES, "csv"
    yield "parquet", FILES, "parquet"
    if postgres_binary("initdb") is None:
        print("postgres: no server on this machine")
        return
    with postgres(root) as url:
        import psycopg

        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            types = ", ".join(f"{column.physical_name} {POSTGRES_TYPES.get(column.sql_type, column.sql_type)}" for column in ITEMS.columns)
            cursor.execute(f"CREATE TABLE items ({types}, PRIMARY KEY (order_id, order_item_id))")
            with cursor.copy("COPY items FROM STDIN (FORMAT csv, HEADER)") as copy, (root / "items.csv").open("rb") as file:
                while part := file.read(1 << 20):
                    copy.write(part)
            cursor.execute("CREATE INDEX ON items (shipping_limit_date, order_id, order_item_id)")
        yield "postgres", TABLES, url


def main() -> None:
    """Print the table, and the same as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--case")
    parser.add_argument("--kind")
    parser.add_argument("--root", type=Path)
    given = parser.parse_args()
    if given.case:
        cases = FILES if given.kind in ("csv", "parquet") else TABLES
        cases[given.case](given.root, given.kind)
        return
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="eco-bench-") as folder:
        root = Path(folder)
        prepare(root, given.rows)
        megabytes = (root / "items.csv").stat().st_size / 1e6
        for source, cases, address in sources(root):
            base = 0.0
            for case in cases:
                cost = measured(root, case, address)
                rate = given.rows / cost["cpu_s"]
                base = base or rate
                rates = {"rows_per_cpu_s": rate, "mb_per_cpu_s": megabytes / cost["cpu_s"], "ratio": rate / base}
                found.append({"source": source, "case": case, **cost, **rates})
                print(LINE.format(**found[-1]), flush=True)
    print(f"load average {os.getloadavg()[0]:.1f}; {given.rows:,} rows, {megabytes:.0f} MB as CSV")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "ingestion.json").write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
