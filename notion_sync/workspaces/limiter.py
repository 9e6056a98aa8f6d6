"""One rate budget for every process that speaks to Notion: 60-second windows, kept in a small SQLite file.

Notion allows 180 requests a minute on most plans; 144 are used. A pause that Notion asks for holds for all; blocked means stop.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eco_assets.errors import TransientError

A_MINUTE = 144
"""80 % of 180."""
WINDOW_S = 60.0
BLOCKED_S = 3_600.0
"""How long nothing is asked after Notion said that it blocks us."""


class BudgetSpent(TransientError):
    """Notion must not be asked for longer than anybody should wait here."""


class Limiter:
    """Says when a request may go.

    Args:
        path: the file that the processes share. a_minute: requests per window.
        window_s: the window's length. patience_s: a longer wait than this raises instead. clock, sleep: seconds since 1970, and waiting.
    """

    def __init__(
        self,
        path: Path,
        a_minute: int = A_MINUTE,
        patience_s: float = 90.0,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        window_s: float = WINDOW_S,
    ) -> None:
        self._path, self._most, self._patience_s, self._clock, self._sleep = path, a_minute, patience_s, clock, sleep
        self._window_s = window_s

    def take(self) -> None:
        """Wait for a place in the budget.

        Raises:
            BudgetSpent: the wait would be longer than `patience_s`.
        """
        waited = 0.0
        while (wait := self._place()) > 0:
            if waited + wait > self._patience_s:
                raise BudgetSpent(f"Notion must not be asked for another {wait:.0f} s: synchronise later")
            self._sleep(wait)
            waited += wait

    def pause(self, seconds: float) -> None:
        """Let nobody ask for so long."""
        with self._open() as db:
            until = self._clock() + seconds
            db.execute("UPDATE pause SET until = max(until, ?)", (until,))

    def block(self) -> None:
        """Notion blocks us: stop."""
        self.pause(BLOCKED_S)

    def _place(self) -> float:
        """Take a place, or return the seconds to wait for one."""
        now = self._clock()
        with self._open() as db:
            until = float(db.execute("SELECT until FROM pause").fetchone()[0])
            if until > now:
                return until - now
            db.execute("DELETE FROM call WHERE at <= ? OR at > ?", (now - self._window_s, now + self._window_s))
            count, first = db.execute("SELECT count(*), min(at) FROM call").fetchone()
            if count >= self._most:
                return max(float(first) + self._window_s - now, 0.01)
            db.execute("INSERT INTO call VALUES (?)", (now,))
        return 0.0

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._path, timeout=60.0, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous=OFF")
            db.execute("BEGIN IMMEDIATE")
            db.execute("CREATE TABLE IF NOT EXISTS call (at REAL NOT NULL)")
            db.execute("CREATE TABLE IF NOT EXISTS pause (until REAL NOT NULL)")
            db.execute("INSERT INTO pause SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM pause)")
            yield db
            db.execute("COMMIT")
        finally:
            db.close()
