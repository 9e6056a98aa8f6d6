"""Remembers every batch that arrived: which file, which content, under which contract, accepted or quarantined, and why (SQLite)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
  batch_id TEXT PRIMARY KEY, tbl TEXT NOT NULL, file TEXT NOT NULL, fingerprint TEXT NOT NULL, contract_version TEXT NOT NULL,
  status TEXT NOT NULL, rows INTEGER NOT NULL, rejected INTEGER NOT NULL, reasons TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True)
class Batch:
    """One version of one file. `status`: `validated` (not in the lake yet), `loaded`, `replaced` by a newer one, or `quarantined`."""

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


class Batches:
    """The register of batches of one lake."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as db:
            db.executescript(_SCHEMA)

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
            row = db.execute("SELECT * FROM batches WHERE batch_id = ?", (batch_id,)).fetchone()
        return _batch(row) if row else None

    def save(self, batch: Batch) -> Batch:
        """Add or update a batch. A batch that becomes `loaded` marks the file's earlier ones `replaced`."""
        with self._connect() as db:
            if batch.status == "loaded":
                query = "UPDATE batches SET status = 'replaced' WHERE tbl = ? AND file = ? AND batch_id <> ? AND status = 'loaded'"
                db.execute(query, (batch.table, batch.file, batch.batch_id))
            values = {**asdict(batch), "reasons": json.dumps(batch.reasons, ensure_ascii=False)}
            db.execute("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", tuple(values.values()))
        return batch

    def mark_loaded(self, batch: Batch) -> Batch:
        """The batch is in the lake now."""
        return self.save(replace(batch, status="loaded"))

    def list(self, table: str | None = None, status: str | None = None) -> list[Batch]:
        """Batches, oldest first."""
        query = "SELECT * FROM batches WHERE 1"
        values: list[str] = []
        for column, value in (("tbl", table), ("status", status)):
            if value is not None:
                query, values = f"{query} AND {column} = ?", [*values, value]
        with self._connect() as db:
            return [_batch(row) for row in db.execute(f"{query} ORDER BY at, file", values)]


def _batch(row: tuple[str, str, str, str, str, str, int, int, str, str]) -> Batch:
    return Batch(*row[:8], reasons=tuple(json.loads(row[8])), at=row[9])
