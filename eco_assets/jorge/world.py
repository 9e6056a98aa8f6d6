"""The doors through which steps act on the world. Each call carries a key; the same key acts once, however often it is called.

While no sender is configured, a message lies in the outbox in its final form, one JSON file a key. What is scarce (people's hours,
budgets) is booked in a small SQLite file.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eco_assets.errors import ActionRefused, DoorUnavailable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS bookings (
  key TEXT PRIMARY KEY, resource TEXT NOT NULL, day TEXT NOT NULL, quantity REAL NOT NULL, is_released INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS bookings_by_day ON bookings (resource, day);
"""


class World:
    """The outbox folder and the bookings file of one installation."""

    def __init__(self, outbox: Path, bookings: Path) -> None:
        self._outbox = outbox
        self._bookings = bookings
        bookings.parent.mkdir(parents=True, exist_ok=True)
        with self._db() as db:
            db.executescript(_SCHEMA)

    def send(self, door: str, key: str, message: Mapping[str, Any]) -> str:
        """Put a message into the outbox; returns its file name.

        Raises:
            DoorUnavailable: it could not be written; the same call may go through later.
        """
        return self._write(door, key, {"key": key, "door": door, **message})

    def withdraw(self, door: str, key: str) -> str:
        """Take a message back: a second message tells the receiver to ignore the first. Raises as `send` does.

        A door that cannot be written and does not hold the message never had it, so there is nothing to take back.
        """
        try:
            return self._write(door, f"{key}/withdraw", {"key": key, "door": door, "withdraws": key})
        except DoorUnavailable:
            if self._target(door, key).exists():
                raise
            return "nothing was sent"

    def book(self, resource: str, key: str, *, day: str, quantity: float, capacity: float) -> str:
        """Book `quantity` of a resource for a day.

        Raises:
            ActionRefused: less than that is left of the day's `capacity`.
            DoorUnavailable: the bookings file is busy or broken.
        """
        with self._db() as db:
            db.execute("BEGIN IMMEDIATE")
            row = db.execute("SELECT is_released FROM bookings WHERE key = ?", (key,)).fetchone()
            if row is None:
                query = "SELECT coalesce(sum(quantity), 0) FROM bookings WHERE resource = ? AND day = ? AND is_released = 0"
                taken = float(db.execute(query, (resource, day)).fetchone()[0])
                if taken + quantity > capacity:
                    raise ActionRefused(f"{resource} on {day}: {taken:g} of {capacity:g} taken, {quantity:g} more asked for")
                db.execute("INSERT INTO bookings (key, resource, day, quantity) VALUES (?, ?, ?, ?)", (key, resource, day, quantity))
            db.execute("COMMIT")
        return f"{resource}: {quantity:g}"

    def release(self, key: str) -> str:
        """Give a booking back; a booking that never was is fine."""
        with self._db() as db:
            db.execute("UPDATE bookings SET is_released = 1 WHERE key = ?", (key,))
        return "released"

    def booked(self, resource: str, day: str) -> float:
        """How much of a resource is taken on a day."""
        with self._db() as db:
            query = "SELECT coalesce(sum(quantity), 0) FROM bookings WHERE resource = ? AND day = ? AND is_released = 0"
            return float(db.execute(query, (resource, day)).fetchone()[0])

    def _write(self, door: str, key: str, message: Mapping[str, Any]) -> str:
        target = self._target(door, key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps(message, ensure_ascii=False, indent=1, sort_keys=True), encoding="utf-8")
            temporary.replace(target)
        except OSError as error:
            raise DoorUnavailable(f"the outbox {door} cannot be written: {error}") from error
        return f"{door}/{target.name}"

    def _target(self, door: str, key: str) -> Path:
        return self._outbox / door / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"

    @contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._bookings, timeout=30, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                yield db
            finally:
                db.close()
        except sqlite3.OperationalError as error:
            raise DoorUnavailable(f"the bookings file cannot be used: {error}") from error
