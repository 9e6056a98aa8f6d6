"""The small database beside the engine: bookings of what is scarce, and what left through which door. SQLite, or Postgres by URL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from eco_assets.errors import DoorUnavailable

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS bookings (key TEXT PRIMARY KEY, resource TEXT NOT NULL, day TEXT NOT NULL,"
    " quantity DOUBLE PRECISION NOT NULL, is_released INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX IF NOT EXISTS bookings_by_day ON bookings (resource, day)",
    "CREATE TABLE IF NOT EXISTS deliveries (key TEXT PRIMARY KEY, door TEXT NOT NULL, turn INTEGER NOT NULL, state TEXT NOT NULL,"
    " receipt TEXT NOT NULL, at TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS deliveries_by_state ON deliveries (state, door)",
)
_CREATING = 7_041_771  # two processes that create the tables at once would collide in Postgres' catalogue
_KEPT_OPEN = 8
Row = Sequence[Any]


class Transaction(Protocol):
    """An open transaction; parameters are question marks."""

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and return its rows."""
        ...

    def alone(self, name: str) -> None:
        """Wait until nobody else is inside a transaction of that name; until this one ends nobody comes in."""
        ...


class Store(Protocol):
    """Where bookings and deliveries lie. Safe for threads and processes."""

    def transaction(self) -> Any:
        """A context manager that gives a `Transaction`, committed at the end. Raises `DoorUnavailable` when it cannot be used."""
        ...

    def close(self) -> None:
        """Close the connections that are kept open; the next use opens new ones."""
        ...


def open_store(place: Path | str) -> Store:
    """A store in a SQLite file, or in a Postgres database where `place` is a URL."""
    if isinstance(place, str) and place.startswith(("postgresql://", "postgres://", "postgresql+")):
        return _Postgres(place)
    return _Sqlite(Path(place))


class _Sqlite:
    def __init__(self, file: Path) -> None:
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as db:
            db.execute("PRAGMA journal_mode=WAL")
            for statement in _SCHEMA:
                db.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            yield _SqliteTransaction(db)
            db.execute("COMMIT")

    def close(self) -> None:
        """None is kept open."""

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._file, timeout=30, isolation_level=None)
            try:
                yield db
            finally:
                db.close()
        except sqlite3.OperationalError as error:
            raise DoorUnavailable(f"the bookings file cannot be used: {error}") from error


class _SqliteTransaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._db.execute(query, parameters).fetchall()

    def alone(self, name: str) -> None:
        """A writer of a SQLite file is alone in any case."""


class _Postgres:
    """A few connections are kept open; each is used by one thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("postgresql+psycopg://", "postgresql://").replace("postgresql+psycopg2://", "postgresql://")
        self._idle: list[Any] = []
        self._lock = threading.Lock()
        with self.transaction() as transaction:
            transaction.execute("SELECT pg_advisory_xact_lock(?)", (_CREATING,))
            for statement in _SCHEMA:
                transaction.execute(statement)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        import psycopg

        db = None
        try:
            db = self._take()
            with db.transaction():
                yield _PostgresTransaction(db)
            self._give_back(db)
            db = None
        except psycopg.OperationalError as error:
            raise DoorUnavailable(f"the database of bookings and deliveries does not answer: {error}") from error
        finally:
            if db is not None:
                with suppress(psycopg.Error):
                    db.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for db in idle:
            db.close()

    def _take(self) -> Any:
        import psycopg

        with self._lock:
            while self._idle:
                db = self._idle.pop()
                if not db.closed and not db.broken:
                    return db
        return psycopg.connect(self._url, autocommit=True, connect_timeout=10)

    def _give_back(self, db: Any) -> None:
        with self._lock:
            if len(self._idle) < _KEPT_OPEN:
                self._idle.append(db)
                return
        db.close()


class _PostgresTransaction:
    def __init__(self, db: Any) -> None:
        self._db = db

    def execute(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        cursor = self._db.execute(query.replace("?", "%s"), tuple(parameters))
        return list(cursor.fetchall()) if cursor.description else []

    def alone(self, name: str) -> None:
        self._db.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
