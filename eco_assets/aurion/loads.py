"""What was loaded, from where and up to where: two tables in the lake itself, written in the transaction that adds the rows.

`aurion.loads` has a row a batch, for ever. `aurion.cursors` has the state that a connector reads on from, one row a stream.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.batches import Batch
from eco_assets.contracts.contract import Contract
from eco_assets.errors import NotFound
from eco_assets.lake import Lake

if TYPE_CHECKING:
    import duckdb

_TABLES = (
    """CREATE TABLE IF NOT EXISTS aurion.loads (
         load_id VARCHAR, source VARCHAR, tbl VARCHAR, origin VARCHAR, cursor_from VARCHAR, cursor_to VARCHAR,
         rows BIGINT, bytes BIGINT, rejected BIGINT, contract_version VARCHAR, schema_changes VARCHAR, loaded_at TIMESTAMP)""",
    "CREATE TABLE IF NOT EXISTS aurion.cursors (source VARCHAR, stream VARCHAR, state VARCHAR, load_id VARCHAR, saved_at TIMESTAMP)",
)


def create_tables(db: duckdb.DuckDBPyConnection) -> None:
    """Make both tables where they are missing."""
    db.execute("CREATE SCHEMA IF NOT EXISTS aurion")
    for statement in _TABLES:
        db.execute(statement)


def record_load(db: duckdb.DuckDBPyConnection, batch: Batch) -> None:
    """A batch is in the lake as of this transaction."""
    db.execute(
        "INSERT INTO aurion.loads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, now()::TIMESTAMP)",
        [
            *(batch.batch_id, batch.source, batch.table, batch.file, batch.cursor_from, batch.cursor_to),
            *(batch.rows, batch.bytes, batch.rejected, batch.contract_version, json.dumps(batch.changes, ensure_ascii=False)),
        ],
    )


def record_cursor(db: duckdb.DuckDBPyConnection, source: str, stream: str, state: dict[str, Any], load_id: str) -> None:
    """Reading of a stream goes on from this state as of this transaction."""
    db.execute("DELETE FROM aurion.cursors WHERE source = ? AND stream = ?", [source, stream])
    db.execute("INSERT INTO aurion.cursors VALUES (?, ?, ?, ?, now()::TIMESTAMP)", [source, stream, json.dumps(state), load_id])


def cursor(lake: Lake, source: str, stream: str) -> dict[str, Any]:
    """The state that reading goes on from; empty before the first load."""
    rows = _rows(lake, "SELECT state FROM aurion.cursors WHERE source = ? AND stream = ?", [source, stream])
    return dict(json.loads(rows[0][0])) if rows else {}


def served_batches(lake: Lake, contract: Contract) -> frozenset[str]:
    """Ids of the batches whose rows are in the lake now: of a file the last one, of a stream all."""
    newest = "QUALIFY row_number() OVER (PARTITION BY origin ORDER BY loaded_at DESC) = 1" if contract.load_mode == "replace_file" else ""
    rows = _rows(lake, f"SELECT load_id, origin, loaded_at FROM aurion.loads WHERE tbl = ? {newest}", [contract.table])
    return frozenset(row[0] for row in rows)


def _rows(lake: Lake, query: str, parameters: list[str]) -> list[tuple[Any, ...]]:
    import duckdb

    try:
        with lake.raw() as db:
            return db.execute(query, parameters).fetchall()
    except (NotFound, duckdb.CatalogException):  # nothing was loaded yet
        return []
