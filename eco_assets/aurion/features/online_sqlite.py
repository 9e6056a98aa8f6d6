"""The embedded online store: one SQLite file in WAL mode. Readers never wait, and see a materialization as a whole or not at all."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from eco_assets.aurion.features.online import Kept
from eco_assets.errors import LakeBusy

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
  space TEXT NOT NULL, key TEXT NOT NULL, event_us INTEGER NOT NULL, expires_us INTEGER, row BLOB NOT NULL, PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_by_time ON rows (space, event_us);
CREATE TABLE IF NOT EXISTS spaces (space TEXT PRIMARY KEY, through_us INTEGER NOT NULL) STRICT;
"""
_READ = "SELECT key, event_us, expires_us, row FROM rows WHERE space = ? AND key = ?"
_PUT = """INSERT INTO rows VALUES (?, ?, ?, ?, ?) ON CONFLICT (space, key)
          DO UPDATE SET event_us = excluded.event_us, expires_us = excluded.expires_us, row = excluded.row
          WHERE (excluded.event_us, excluded.row) <> (event_us, row) AND """


class SqliteStore:
    """Rows in `path`; one connection a thread."""

    kind = "sqlite"

    def __init__(self, path: Path, *, wait_s: float = 120.0) -> None:
        self.path = path
        self._wait_s = wait_s
        self._local = threading.local()

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    def read(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[list[Kept | None]]:
        """See `OnlineStore`. All rows are of one state of the store."""
        db = self._db()
        db.execute("BEGIN")
        try:
            return [[_kept(db.execute(_READ, (space, key)).fetchone()) for key in keys] for space, keys in asked]
        finally:
            db.execute("COMMIT")

    def through(self, space: str) -> int | None:
        """See `OnlineStore`."""
        found = self._db().execute("SELECT through_us FROM spaces WHERE space = ?", (space,)).fetchone()
        return int(found[0]) if found else None

    def count(self, space: str) -> int:
        """See `OnlineStore`."""
        return int(self._db().execute("SELECT count(*) FROM rows WHERE space = ?", (space,)).fetchone()[0])

    def newest(self, space: str) -> int | None:
        """See `OnlineStore`."""
        found = self._db().execute("SELECT max(event_us) FROM rows WHERE space = ?", (space,)).fetchone()[0]
        return None if found is None else int(found)

    def sample(self, space: str, count: int) -> list[str]:
        """See `OnlineStore`."""
        rows = self._db().execute("SELECT key FROM rows WHERE space = ? ORDER BY random() LIMIT ?", (space, count))
        return [key for (key,) in rows]

    @contextmanager
    def writing(self, space: str) -> Iterator[SqliteWriter]:
        """See `OnlineStore`. One transaction: a process that dies leaves what was there before."""
        db = self._db()
        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=self._wait_s):
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield SqliteWriter(db, space)
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
        except Timeout as error:
            raise LakeBusy(f"another process has been writing {self.path} for {self._wait_s:.0f} s; try again when it is done") from error

    def _db(self) -> sqlite3.Connection:
        """The thread's connection; a forked process gets its own."""
        held: tuple[int, sqlite3.Connection] | None = getattr(self._local, "held", None)
        if held is None or held[0] != os.getpid():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".open")):  # turning WAL on waits for nobody
                db = sqlite3.connect(self.path, timeout=self._wait_s, isolation_level=None)
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = NORMAL")
                db.executescript(_SCHEMA)
            held = self._local.held = (os.getpid(), db)
        return held[1]


class SqliteWriter:
    """See `Writer`; all of it is one transaction."""

    def __init__(self, db: sqlite3.Connection, space: str) -> None:
        self._db = db
        self._space = space

    def times(self, since_us: int | None) -> dict[str, int]:
        """See `Writer`."""
        query = "SELECT key, event_us FROM rows WHERE space = ?"
        if since_us is None:
            return dict(self._db.execute(query, (self._space,)))
        return dict(self._db.execute(f"{query} AND event_us >= ?", (self._space, since_us)))

    def put(self, rows: Sequence[Kept], *, is_forced: bool = False) -> int:
        """See `Writer`."""
        which = "true" if is_forced else "excluded.event_us >= event_us"
        return self._db.executemany(_PUT + which, [(self._space, *row) for row in rows]).rowcount if rows else 0

    def delete(self, keys: Sequence[str]) -> int:
        """See `Writer`."""
        query = "DELETE FROM rows WHERE space = ? AND key = ?"
        return self._db.executemany(query, [(self._space, key) for key in keys]).rowcount if keys else 0

    def delete_before(self, event_us: int) -> int:
        """See `Writer`."""
        return self._db.execute("DELETE FROM rows WHERE space = ? AND event_us < ?", (self._space, event_us)).rowcount

    def finish(self, through_us: int) -> None:
        """See `Writer`."""
        self._db.execute("INSERT OR REPLACE INTO spaces VALUES (?, ?)", (self._space, through_us))
        others = f"{self._space.split('@')[0]}@"
        for table in ("rows", "spaces"):
            self._db.execute(f"DELETE FROM {table} WHERE space >= ? AND space < ? AND space <> ?", (others, f"{others}~", self._space))


def _kept(row: tuple[str, int, int | None, bytes] | None) -> Kept | None:
    return None if row is None else Kept(*row)
