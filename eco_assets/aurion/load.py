"""Makes validated batches part of the raw catalogue: their Parquet files are registered, not copied, in one transaction.

Rows, the record of the load and the cursor that reading goes on from become visible together, in one snapshot. Killed at any moment, the
earlier snapshot is served, and the next run loads the same batches again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.batches import Batch
from eco_assets.aurion.landing import Landed, Landing
from eco_assets.aurion.loads import create_tables, record_cursor, record_load
from eco_assets.contracts.check import literal, quoted
from eco_assets.contracts.compat import refresh_views
from eco_assets.contracts.contract import Contract
from eco_assets.errors import NotFound
from eco_assets.lake import Lake

if TYPE_CHECKING:
    import duckdb


_MARKS = {"_eco_file": "VARCHAR", "_eco_row": "BIGINT", "_eco_batch": "VARCHAR", "_eco_loaded_at": "TIMESTAMP"}


@dataclass(frozen=True)
class Load:
    """Batches of one table, and for a connector where its streams are read on from."""

    contract: Contract
    batches: Sequence[Batch]
    cursors: Mapping[tuple[str, str], dict[str, Any]] = field(default_factory=dict)


def load(lake: Lake, landing: Landing, sources: Iterable[Landed]) -> int:
    """Load what was validated and is not in the lake yet; returns the number of rows that became visible."""
    loads = []
    for landed in sources:
        waiting = [batch for batch in landed.batches if batch.status == "validated"]
        if waiting or (landed.is_accepted and not _has_table(lake, landed.contract)):
            loads.append(Load(landed.contract, waiting))
    return commit(lake, landing, loads)


def commit(lake: Lake, landing: Landing, loads: Sequence[Load]) -> int:
    """Load all of it in one transaction."""
    if not loads:
        return 0

    def apply(db: duckdb.DuckDBPyConnection) -> None:
        for item in loads:
            _apply(db, landing, item)

    lake.commit(apply, catalogue="raw")
    loaded = [landing.batches.mark_loaded(batch) for item in loads for batch in item.batches if batch.status == "validated"]
    return sum(batch.rows for batch in loaded)


def _apply(db: duckdb.DuckDBPyConnection, landing: Landing, item: Load) -> None:
    create_tables(db)
    _create(db, item.contract)
    for batch in item.batches:
        if batch.status == "validated":
            _add(db, landing, item.contract, batch)
            record_load(db, batch)
    refresh_views(db, item.contract)
    for (source, stream), state in item.cursors.items():
        record_cursor(db, source, stream, state, item.batches[-1].batch_id if item.batches else "")


def _add(db: duckdb.DuckDBPyConnection, landing: Landing, contract: Contract, batch: Batch) -> None:
    if landing.deletes(batch).exists():
        removed = f"read_parquet({literal(str(landing.deletes(batch)))})"
        db.execute(f"DELETE FROM {contract.table} t WHERE EXISTS (SELECT 1 FROM {removed} f WHERE {_same(contract)})")
    if not landing.parquet(batch).exists():
        return  # a source that only removed
    file = f"read_parquet({literal(str(landing.parquet(batch)))})"
    _evolve(db, contract, file)
    if contract.load_mode == "replace_file":
        db.execute(f"DELETE FROM {contract.table} WHERE _eco_file = ?", [batch.file])
    elif contract.load_mode == "upsert":
        db.execute(f"DELETE FROM {contract.table} t WHERE {_is_in(contract, file)}")
    elif _repeats(db, contract, file):
        known = f"EXISTS (SELECT 1 FROM {contract.table} t WHERE {_same(contract)})"
        keys = ", ".join(quoted(name) for name in contract.key)
        first = f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _eco_row) = 1"
        db.execute(f"INSERT INTO {contract.table} BY NAME SELECT * FROM {file} f WHERE NOT {known} {first}")
        return
    schema, table = contract.table.split(".")
    path = literal(str(landing.parquet(batch)))
    db.execute(f"CALL ducklake_add_data_files('raw', '{table}', {path}, schema => '{schema}', allow_missing => true)")


def _same(contract: Contract) -> str:
    return " AND ".join(f"f.{quoted(name)} = t.{quoted(name)}" for name in contract.key)


def _is_in(contract: Contract, file: str) -> str:
    """SQL that is true for a row of the table whose key occurs in the file; the event time spares reading what cannot match."""
    found = f"EXISTS (SELECT 1 FROM {file} f WHERE {_same(contract)})"
    if contract.event_time is None:
        return found
    when = quoted(contract.event_time)
    return f"t.{when} BETWEEN (SELECT min({when}) FROM {file}) AND (SELECT max({when}) FROM {file}) AND {found}"


def _repeats(db: duckdb.DuckDBPyConnection, contract: Contract, file: str) -> bool:
    """Whether a key of the file occurs in it twice, or in the table already: a message that was delivered again."""
    keys = ", ".join(quoted(name) for name in contract.key)
    twice = db.execute(f"SELECT 1 FROM {file} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1").fetchone()
    return bool(twice or db.execute(f"SELECT 1 FROM {contract.table} t WHERE {_is_in(contract, file)} LIMIT 1").fetchone())


def _create(db: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    columns = {**{column.name: column.sql_type for column in contract.columns}, **_MARKS}
    shape = ", ".join(f"{quoted(name)} {kind}" for name, kind in columns.items())
    db.execute(f"CREATE SCHEMA IF NOT EXISTS {contract.domain}")
    db.execute(f"CREATE TABLE IF NOT EXISTS {contract.table} ({shape})")


def _evolve(db: duckdb.DuckDBPyConnection, contract: Contract, file: str) -> None:
    """Give the table the columns and the room that the file needs."""
    wanted = {name: kind for name, kind, *_ in db.execute(f"DESCRIBE SELECT * FROM {file}").fetchall()}
    present = {name: kind for name, kind, *_ in db.execute(f"DESCRIBE {contract.table}").fetchall()}
    for name, kind in wanted.items():
        if name not in present:
            db.execute(f"ALTER TABLE {contract.table} ADD COLUMN {quoted(name)} {kind}")
        elif (present[name], kind) == ("INTEGER", "BIGINT"):
            db.execute(f"ALTER TABLE {contract.table} ALTER COLUMN {quoted(name)} SET DATA TYPE BIGINT")


def _has_table(lake: Lake, contract: Contract) -> bool:
    import duckdb

    try:
        with lake.raw() as db:
            db.execute(f"SELECT 1 FROM {contract.table} LIMIT 0")
    except (NotFound, duckdb.CatalogException):
        return False
    return True
