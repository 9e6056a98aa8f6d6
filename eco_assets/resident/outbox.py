"""The transactional outbox of the resident path: what must be carried out is written together with how far the log was read.

A process that dies between reading and acting leaves the row, and the next one acts on it; one that dies before the row was written
leaves the cursor as it was, and the next one reads again. A lock file says whether somebody is at work, and the system releases it
when the process dies.

Sensors carry out what no worker does. Who takes a change is written here too, so that worker and sensor never both do: whoever writes
it first has it. A sensor takes changes over from a worker that is gone, and only while it holds the worker's lock for a moment.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from eco_assets.errors import TransientError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursors (agent TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS triggers (
  key TEXT PRIMARY KEY, agent TEXT NOT NULL, day TEXT NOT NULL, changes TEXT NOT NULL, asked_by TEXT NOT NULL, changed_at REAL NOT NULL,
  written_at REAL NOT NULL, done_at REAL,
  attempts INTEGER NOT NULL DEFAULT 0, retry_at REAL NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE IF NOT EXISTS claims (change INTEGER PRIMARY KEY, taken_by TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS triggers_open ON triggers (written_at) WHERE done_at IS NULL;
"""
FIRST_RETRY_S, LAST_RETRY_S = 1.0, 300.0
RESIDENT, SENSOR = "resident", "sensor"  # who takes a change


@dataclass(frozen=True)
class Trigger:
    """One agent's day to carry out. `changes` are places in the event log; times are seconds since 1970."""

    key: str
    agent: str
    day: str
    changes: tuple[int, ...]
    asked_by: str
    changed_at: float
    attempts: int = 0


class Outbox:
    """The file `triggers.db` in a folder, and the lock beside it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "triggers.db"
        self._lock = folder / "worker.lock"
        with self._connect() as db:
            db.executescript(_SCHEMA)

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self._path, timeout=60, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            yield db
        finally:
            db.close()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Be the one that acts, until the block or the process ends.

        Raises:
            TransientError: another process is.
        """
        lock = FileLock(self._lock)
        try:
            lock.acquire(timeout=5)
        except Timeout as error:
            raise TransientError(f"another resident worker is at work in {self._lock.parent}; end it first") from error
        try:
            yield
        finally:
            lock.release()

    def is_worked_on(self) -> bool:
        """Whether a process is at work here."""
        lock = FileLock(self._lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def cursor(self, agent: str) -> str | None:
        """How far the log was read for an agent, as `write` was told."""
        with self._connect() as db:
            row = db.execute("SELECT cursor FROM cursors WHERE agent = ?", (agent,)).fetchone()
        return None if row is None else str(row[0])

    def write(self, agent: str, cursor: str, triggers: Iterable[Trigger]) -> int:
        """Remember the cursor and what it leads to, in one transaction; leaves what was taken before. Returns the number of new ones."""
        now, added = time.time(), 0
        into = "INSERT INTO triggers (key, agent, day, changes, asked_by, changed_at, written_at)"
        with self._connect() as db:
            db.execute("BEGIN IMMEDIATE")
            for each in triggers:
                claim = "INSERT OR IGNORE INTO claims VALUES (?, ?)"
                mine = [change for change in each.changes if db.execute(claim, (change, RESIDENT)).rowcount]
                if mine:  # its newest change names a trigger, and a change belongs to one trigger only
                    row = (f"{agent}:{each.day}:{max(mine)}", agent, each.day, json.dumps(mine), each.asked_by, each.changed_at, now)
                    added += db.execute(f"{into} VALUES (?, ?, ?, ?, ?, ?, ?)", row).rowcount
            db.execute("INSERT OR REPLACE INTO cursors VALUES (?, ?)", (agent, cursor))
            db.execute("COMMIT")
        return added

    def take(self, agent: str, changes: Collection[int], is_open: Callable[[int], bool]) -> set[int]:
        """Take changes for a sensor, so that no worker carries them out; returns those that it has now.

        None where a worker is at work. `is_open` is asked while none can be: whether nobody answered a change meanwhile.
        """
        lock = FileLock(self._lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return set()
        try:
            taken = {change for change in changes if is_open(change)}
            with self._connect() as db:
                db.execute("BEGIN IMMEDIATE")
                db.executemany("INSERT OR REPLACE INTO claims VALUES (?, ?)", [(change, SENSOR) for change in sorted(taken)])
                query = "SELECT key, changes FROM triggers WHERE done_at IS NULL AND agent = ?"
                for key, text in db.execute(query, (agent,)).fetchall():
                    left = [change for change in json.loads(text) if change not in taken]
                    if left:
                        db.execute("UPDATE triggers SET changes = ? WHERE key = ?", (json.dumps(left), key))
                    else:
                        db.execute("UPDATE triggers SET done_at = ?, error = 'left to the sensor' WHERE key = ?", (time.time(), key))
                db.execute("COMMIT")
        finally:
            lock.release()
        return taken

    def due(self, now: float | None = None) -> list[Trigger]:
        """What is to be carried out now, the oldest first; what failed waits for its next try."""
        query = "SELECT key, agent, day, changes, asked_by, changed_at, attempts FROM triggers WHERE done_at IS NULL AND retry_at <= ?"
        with self._connect() as db:
            rows = db.execute(f"{query} ORDER BY written_at, key", (time.time() if now is None else now,)).fetchall()
        return [Trigger(key, agent, day, tuple(json.loads(changes)), *more) for key, agent, day, changes, *more in rows]

    def done(self, key: str) -> None:
        """A trigger was carried out and reported."""
        with self._connect() as db:
            db.execute("UPDATE triggers SET done_at = ?, error = '' WHERE key = ?", (time.time(), key))

    def failed(self, trigger: Trigger, error: str) -> float:
        """A trigger failed; returns the seconds until it is tried again."""
        pause = min(FIRST_RETRY_S * 2.0**trigger.attempts, LAST_RETRY_S)
        with self._connect() as db:
            update = "UPDATE triggers SET attempts = attempts + 1, retry_at = ?, error = ? WHERE key = ?"
            db.execute(update, (time.time() + pause, error, trigger.key))
        return pause

    def status(self) -> dict[str, float | int | str]:
        """`open` and `done` triggers, seconds since the oldest open one's change (`lag_s`), and its `error`."""
        with self._connect() as db:
            open_, done = db.execute("SELECT count(*) FILTER (WHERE done_at IS NULL), count(done_at) FROM triggers").fetchone()
            oldest = db.execute("SELECT changed_at, error FROM triggers WHERE done_at IS NULL ORDER BY changed_at LIMIT 1").fetchone()
        changed_at, error = oldest or (time.time(), "")
        return {"open": open_, "done": done, "lag_s": max(0.0, round(time.time() - changed_at, 3)), "error": error}
