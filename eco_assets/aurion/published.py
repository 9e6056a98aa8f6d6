"""What is held back, as tables of the lake for people who ask in SQL: `quarantine.batches` and `quarantine.rows`.

They are copies, made anew for each batch whose state changed; personal data is masked in them. The lake has no view of the files under
`quarantine/` itself, because a view would fix the folder that the lake lies in, and a lake may be moved.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from eco_assets.aurion.quality.context import one_of
from eco_assets.aurion.quarantine import REASONS, ROW, Held, Quarantine
from eco_assets.errors import NotFound

if TYPE_CHECKING:
    import duckdb

_TABLES = (
    """CREATE TABLE IF NOT EXISTS quarantine.batches (batch VARCHAR, tbl VARCHAR, source VARCHAR, file VARCHAR, is_whole BOOLEAN,
         rows BIGINT, status VARCHAR, edits INTEGER, reasons VARCHAR, arrived_at TIMESTAMP)""",
    """CREATE TABLE IF NOT EXISTS quarantine.rows (tbl VARCHAR, file VARCHAR, batch VARCHAR, row BIGINT, reasons VARCHAR,
         status VARCHAR, content VARCHAR)""",
)


def publish(quarantine: Quarantine) -> int:
    """Bring the tables up to date; returns the number of batches that changed, and writes nothing when none did."""
    now = {held.batch.batch_id: held for held in quarantine.held(everything=True)}
    if not now:  # nothing was ever held back, so the lake need not be asked
        return 0
    before = _published(quarantine)
    changed = [held for identity, held in now.items() if before.get(identity) != _line(held)]
    gone = sorted(set(before) - set(now))
    if not changed and not gone:
        return 0

    def write(db: duckdb.DuckDBPyConnection) -> None:
        db.execute("CREATE SCHEMA IF NOT EXISTS quarantine")
        for statement in _TABLES:
            db.execute(statement)
        names = [held.batch.batch_id for held in changed] + gone
        for table in ("batches", "rows"):
            db.execute(f"DELETE FROM quarantine.{table} WHERE batch {one_of(names)}")
        _insert(db, "batches", [_line(held) for held in changed])
        _insert(db, "rows", [row for held in changed for row in _rows(quarantine, held)])

    quarantine.lake.commit(write, catalogue="raw")
    return len(changed) + len(gone)


def _published(quarantine: Quarantine) -> dict[str, tuple[Any, ...]]:
    import duckdb

    try:
        with quarantine.lake.raw() as db:
            query = "SELECT * REPLACE (CAST(arrived_at AS VARCHAR) AS arrived_at) FROM quarantine.batches"
            return {row[0]: row for row in db.execute(query).fetchall()}
    except (NotFound, duckdb.CatalogException):  # nothing was ever held back
        return {}


def _line(held: Held) -> tuple[Any, ...]:
    batch = held.batch
    rows = batch.rejected or (batch.rows if held.is_whole else 0)
    told = "; ".join(batch.reasons)
    return batch.batch_id, batch.table, batch.source, batch.file, held.is_whole, rows, held.status, held.edits, told, _stamp(batch.at)


def _stamp(at: str) -> str:
    """A moment as the lake writes it: without zeros at the end of the fraction."""
    return at.rstrip("0").rstrip(".") if "." in at else at


def _rows(quarantine: Quarantine, held: Held) -> list[tuple[Any, ...]]:
    batch = held.batch
    found = quarantine.rows(batch)
    if not found:
        return [(batch.table, batch.file, batch.batch_id, None, "; ".join(batch.reasons), held.status, None)]
    return [
        (
            *(batch.table, batch.file, batch.batch_id, int(row[ROW] or 0), row[REASONS], held.status),
            json.dumps({name: value for name, value in row.items() if name not in (ROW, REASONS)}, ensure_ascii=False),
        )
        for row in found
    ]


def _insert(db: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    for start in range(0, len(rows), 1000):
        part = rows[start : start + 1000]
        marks = ", ".join(f"({', '.join('?' * len(part[0]))})" for _ in part)
        db.execute(f"INSERT INTO quarantine.{table} VALUES {marks}", [value for row in part for value in row])
