"""Remembers every batch that arrived: which file, which content, under which contract, accepted or quarantined, and why (SQLite)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
  batch_id TEXT PRIMARY KEY, tbl TEXT NOT NULL, file TEXT NOT NULL, fingerprint TEXT NOT NULL, contract_version TEXT NOT NULL,
  status TEXT NOT NULL, rows INTEGER NOT NULL, rejected INTEGER NOT NULL, reasons TEXT NOT NULL, at TEXT NOT NULL,
  bytes INTEGER NOT NULL DEFAULT 0, changes TEXT NOT NULL DEFAULT '[]', source TEXT NOT NULL DEFAULT 'files',
  cursor_from TEXT, cursor_to TEXT, replayed_as TEXT
) STRICT;
"""
_COLUMNS = (
    "batch_id, tbl, file, fingerprint, contract_version, status, rows, rejected, reasons, at, "
    "bytes, changes, source, cursor_from, cursor_to, replayed_as"
)


@dataclass(frozen=True)
class Batch:
    """One version of one file, or what a connector read in one go; `file` is the file or the cursor range.

    `status`: `validated` (not in the lake yet), `loaded`, `replaced` by a newer one, or `quarantined`; a person turns the last one into
    `replayed` (`replayed_as` is the batch that holds the corrected rows) or `dropped`. `changes` says how the rows' shape went beyond the
    contract in ways that hurt nobody. `bytes` is the size of the accepted rows as Parquet.
    """

    batch_id: str
    table: str
    file: str
    fingerprint: str
    contract_version: str
    status: str
    rows: int
    rejected: int
    reasons: tuple[str, ...]
    at: str
    bytes: int = 0
    changes: tuple[str, ...] = ()
    source: str = "files"
    cursor_from: str | None = None
    cursor_to: str | None = None
    replayed_as: str | None = None


class Batches:
    """The register of batches of one lake."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as db:
            db.executescript(_SCHEMA)
            known = {row[1] for row in db.execute("PRAGMA table_info(batches)")}
            for column in (
                "bytes INTEGER NOT NULL DEFAULT 0",
                "changes TEXT NOT NULL DEFAULT '[]'",
                "source TEXT NOT NULL DEFAULT 'files'",
                "cursor_from TEXT",
                "cursor_to TEXT",
                "replayed_as TEXT",
            ):  # a register of an earlier version has fewer
                if column.split()[0] not in known:
                    db.execute(f"ALTER TABLE batches ADD COLUMN {column}")

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=60)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            with db:
                yield db
        finally:
            db.close()

    def get(self, batch_id: str) -> Batch | None:
        """The batch, or None when it never arrived."""
        with self._connect() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM batches WHERE batch_id = ?", (batch_id,)).fetchone()
        return _batch(row) if row else None

    def save(self, batch: Batch) -> Batch:
        """Add or update a batch. A batch that becomes `loaded` marks the file's earlier ones `replaced`."""
        with self._connect() as db:
            if batch.status == "loaded":
                query = "UPDATE batches SET status = 'replaced' WHERE tbl = ? AND file = ? AND batch_id <> ? AND status = 'loaded'"
                db.execute(query, (batch.table, batch.file, batch.batch_id))
            words = {name: json.dumps(getattr(batch, name), ensure_ascii=False) for name in ("reasons", "changes")}
            values = {**asdict(batch), **words}
            db.execute(f"INSERT OR REPLACE INTO batches ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))
        return batch

    def mark_loaded(self, batch: Batch) -> Batch:
        """The batch is in the lake now."""
        return self.save(replace(batch, status="loaded"))

    def list(self, table: str | None = None, status: str | None = None) -> list[Batch]:
        """Batches, oldest first."""
        query = f"SELECT {_COLUMNS} FROM batches WHERE 1"
        values: list[str] = []
        for column, value in (("tbl", table), ("status", status)):
            if value is not None:
                query, values = f"{query} AND {column} = ?", [*values, value]
        with self._connect() as db:
            return [_batch(row) for row in db.execute(f"{query} ORDER BY at, file", values)]


def _batch(row: tuple[Any, ...]) -> Batch:
    values = dict(zip((field.name for field in fields(Batch)), row, strict=True))
    return Batch(**{**values, "reasons": tuple(json.loads(values["reasons"])), "changes": tuple(json.loads(values["changes"]))})
