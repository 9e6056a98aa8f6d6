"""Databases to Arrow: rows per CPU-second of the connector's path beside the other ways there, in one run on the same rows.

`python -m tests.benchmarks.connectors [ROWS]` starts PostgreSQL and MariaDB on loopback and prints a table; `measure(rows)` returns it. CPU
is of this process only, the server's is not counted. Each way runs three times in turns, the median counts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "connectors_native"))
ROUNDS = 3
QUERY = "SELECT id, total, customer, changed_at, day, is_paid, note, quantity FROM orders ORDER BY changed_at, id"


def measure(rows: int = 200_000) -> dict[str, dict[str, float]]:
    """Rows per CPU-second by database and way, of the ways whose server and libraries are installed."""
    from native_servers import MariaDB, Postgres, mariadb_binaries, postgres_binaries

    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        postgres, mariadb = postgres_binaries(), mariadb_binaries()
        if postgres:
            found["postgres"] = _on(Postgres(Path(folder) / "postgres", postgres), _fill_postgres, _postgres_ways, rows)
        if mariadb:
            found["mysql"] = _on(MariaDB(Path(folder) / "mariadb", mariadb), _fill_mariadb, _mariadb_ways, rows)
    return found


def _on(server: Any, fill: Callable[[Any, int], None], ways: Callable[[Any], dict[str, Callable[[], int]]], rows: int) -> dict[str, float]:
    server.start()
    try:
        fill(server, rows)
        chosen = ways(server)
        spent: dict[str, list[float]] = {name: [] for name in chosen}
        for way in chosen.values():
            way()  # imports and caches
        for _ in range(ROUNDS):
            for name, way in chosen.items():
                began = time.process_time()
                got = way()
                spent[name].append(time.process_time() - began)
                if got != rows:
                    raise SystemExit(f"{name} gave {got} rows, not {rows}")
        return {name: rows / statistics.median(times) for name, times in spent.items()}
    finally:
        server.kill()


def _fill_postgres(server: Any, rows: int) -> None:
    with server.connect() as connection:
        connection.execute(
            "CREATE TABLE orders AS SELECT g::bigint AS id, (random() * 10000)::numeric(12,2) AS total,"
            " 'customer-' || g % 5000 AS customer, timestamptz '2024-01-01' + g * interval '17 s' AS changed_at,"
            " date '2024-01-01' + (g % 365)::int AS day, g % 3 = 0 AS is_paid,"
            f" CASE WHEN g % 7 <> 0 THEN md5(g::text) END AS note, g % 100 AS quantity FROM generate_series(1, {rows}) g"
        )
        connection.execute("ALTER TABLE orders ADD PRIMARY KEY (id)")
        connection.execute("CREATE INDEX ON orders (changed_at, id)")
        connection.execute("VACUUM ANALYZE orders")


def _fill_mariadb(server: Any, rows: int) -> None:
    connection = server.connect()
    for line in (
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id bigint PRIMARY KEY, total decimal(12,2), customer varchar(20), changed_at timestamp(6) NOT NULL,"
        " day date,"
        " is_paid tinyint, note varchar(40), quantity int, KEY (changed_at, id))",
        "INSERT INTO shop.orders SELECT seq, rand() * 10000, concat('customer-', seq % 5000), '2024-01-01' + INTERVAL seq * 17 SECOND,"
        f" '2024-01-01' + INTERVAL seq % 365 DAY, seq % 3 = 0, IF(seq % 7, md5(seq), NULL), seq % 100 FROM mysql.seq_1_to_{rows}",
    ):
        connection.cursor().execute(line)
    connection.close()


def _postgres_ways(server: Any) -> dict[str, Callable[[], int]]:
    address = server.address()
    url = f"postgresql://{address['user']}:{address['password']}@{address['host']}:{address['port']}/postgres"
    return _without_missing(
        {
            "connector, incremental": lambda: _connector("postgres", server.config(), "changed_at"),
            "connector, whole table": lambda: _connector("postgres", server.config(), None),
            "rows through SQLAlchemy to Arrow": lambda: _sqlalchemy(
                url.replace("postgresql:", "postgresql+psycopg:"), "postgres", server.config()
            ),
            "plain psycopg rows, no Arrow": lambda: _plain(server),
            "connectorx, Arrow": lambda: _connectorx(url, QUERY),
            "DuckDB postgres scanner, Arrow": lambda: _duckdb(url),
            "dlt sql_table, backend pyarrow": lambda: _dlt(url.replace("postgresql:", "postgresql+psycopg:")),
        }
    )


def _mariadb_ways(server: Any) -> dict[str, Callable[[], int]]:
    config = server.config("shop")
    url = f"mysql://{config['user']}:{config['password']}@127.0.0.1:{config['port']}/shop"
    return _without_missing(
        {
            "connector, incremental": lambda: _connector("mysql", config, "changed_at"),
            "connectorx, Arrow (decimals as floats)": lambda: _connectorx(url, QUERY),
        }
    )


def _without_missing(ways: dict[str, Callable[[], int]]) -> dict[str, Callable[[], int]]:
    """Connectorx is 180 MB and no dependency of Eco: `uv pip install connectorx==0.4.6` brings it in for a comparison."""
    has_connectorx = find_spec("connectorx") is not None
    return {name: way for name, way in ways.items() if has_connectorx or not name.startswith("connectorx")}


def _connector(dialect: str, config: dict[str, Any], cursor: str | None) -> int:
    from eco_assets.aurion.connectors.sql import SqlConnector

    connector = SqlConnector(dialect)
    wanted = {**config, "tables": {"orders": {"cursor": cursor}}}
    streams = [stream for stream in connector.discover(wanted) if stream.name == "orders"]
    return sum(batch.rows.num_rows for batch in connector.read(wanted, streams, {}))


def _sqlalchemy(url: str, dialect: str, config: dict[str, Any]) -> int:
    """What the connector does for databases without a faster way."""
    import pyarrow as pa
    import sqlalchemy as sa

    from eco_assets.aurion.connectors.rows import typed
    from eco_assets.aurion.connectors.sql import SqlConnector

    schema = next(stream.schema for stream in SqlConnector(dialect).discover(config) if stream.name == "orders")
    found = 0
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        result = connection.execution_options(stream_results=True, max_row_buffer=50_000).execute(sa.text(QUERY))
        for part in result.partitions(50_000):
            values = zip(*part, strict=True)
            found += pa.table({f.name: typed(list(column), f.type) for f, column in zip(schema, values, strict=True)}).num_rows
    return found


def _plain(server: Any) -> int:
    with server.connect() as connection, connection.transaction(), connection.cursor(name="plain") as cursor:
        cursor.itersize = 50_000
        cursor.execute(QUERY)
        return sum(1 for _ in cursor)


def _connectorx(url: str, query: str) -> int:
    import connectorx

    return int(connectorx.read_sql(url, query, return_type="arrow").num_rows)


def _duckdb(url: str) -> int:
    import duckdb

    with duckdb.connect() as db:
        db.execute("LOAD postgres")
        db.execute(f"ATTACH '{url}' AS source (TYPE postgres, READ_ONLY)")
        reader = db.execute(f"SELECT * FROM postgres_query('source', $q${QUERY}$q$)").to_arrow_reader(50_000)
        return sum(part.num_rows for part in reader)


def _dlt(url: str) -> int:
    from dlt.sources.sql_database import sql_table

    return sum(part.num_rows for part in sql_table(url, table="orders", backend="pyarrow", chunk_size=50_000))


def main() -> None:
    """Print the table."""
    for database, ways in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000).items():
        base = ways["connector, incremental"]
        print(f"\n{database}")
        for name, rate in sorted(ways.items(), key=lambda way: -way[1]):
            print(f"  {name:42} {rate:>10,.0f} rows per CPU-s   the connector is {base / rate:.2f} x of it")


if __name__ == "__main__":
    main()
