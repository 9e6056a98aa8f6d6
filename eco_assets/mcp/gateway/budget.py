"""What language models may cost, in whole micro-dollars, shared by all processes: reserved before a hop, settled after it.

A reservation counts as spent, so that two processes can never both spend the last dollar. What a hop really cost replaces it; where
nobody knows (a timeout, a garbled answer) the reservation stays spent. A day is a day of UTC.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from eco_assets.mcp.gateway.shared import PREFIX, Database

SCHEMA = """CREATE TABLE IF NOT EXISTS spent (
  day TEXT NOT NULL, scope TEXT NOT NULL, micro_usd INTEGER NOT NULL, PRIMARY KEY (day, scope)) STRICT, WITHOUT ROWID"""
INSTALLATION = "installation"
KEPT_S = 40 * 86_400  # of a day's sums in Redis
_RESERVE = """
for at, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') + tonumber(ARGV[1]) > tonumber(ARGV[at + 2]) then return at end
end
for _, key in ipairs(KEYS) do redis.call('INCRBY', key, ARGV[1]); redis.call('EXPIRE', key, ARGV[2]) end
return 0
"""


@dataclass(frozen=True)
class Reservation:
    """Money that is held: `micro_usd` on each of `scopes` of `day`."""

    day: str
    scopes: tuple[str, ...]
    micro_usd: int


class Budget(Protocol):
    """Sums of money by day and scope."""

    def reserve(self, micro_usd: int, limits: Mapping[str, int]) -> Reservation | str:
        """Hold an amount on every scope of `limits` (micro-dollars a day), or on none: then the scope that has too little is named."""
        ...

    def settle(self, held: Reservation, micro_usd: int) -> None:
        """Put what it really cost in the reservation's place."""
        ...

    def spent(self, scope: str) -> int:
        """Micro-dollars of today, reservations included."""
        ...


def today() -> str:
    """The day that is paid for now, ISO."""
    return datetime.now(UTC).date().isoformat()


class SqliteBudget:
    """In a home: every reservation is one immediate transaction."""

    def __init__(self, database: Database, day: Callable[[], str] = today) -> None:
        self._database, self._day = database, day

    def reserve(self, micro_usd: int, limits: Mapping[str, int]) -> Reservation | str:
        """See `Budget.reserve`; names `sqlite` while the file cannot be written."""
        day = self._day()
        try:
            with self._database.writing() as db:
                for scope, limit in limits.items():
                    if _sum(db, day, scope) + micro_usd > limit:
                        return scope
                _add(db, day, tuple(limits), micro_usd)
        except sqlite3.Error:
            return "sqlite"
        return Reservation(day, tuple(limits), micro_usd)

    def settle(self, held: Reservation, micro_usd: int) -> None:
        """See `Budget.settle`."""
        if micro_usd != held.micro_usd:
            with suppress(sqlite3.Error), self._database.writing() as db:  # else it stays as reserved
                _add(db, held.day, held.scopes, micro_usd - held.micro_usd)

    def spent(self, scope: str) -> int:
        """See `Budget.spent`."""
        with self._database.reading() as db:
            return _sum(db, self._day(), scope)


class RedisBudget:
    """In server mode: a reservation is one script, which Redis runs alone. While Redis does not answer nothing is spent."""

    def __init__(self, client: Any, day: Callable[[], str] = today) -> None:
        self._redis, self._day = client, day
        self._script = client.register_script(_RESERVE)

    def reserve(self, micro_usd: int, limits: Mapping[str, int]) -> Reservation | str:
        """See `Budget.reserve`; names `redis` while it does not answer."""
        import redis

        day, scopes = self._day(), tuple(limits)
        try:
            short: int = self._script(keys=[_key(day, scope) for scope in scopes], args=[micro_usd, KEPT_S, *limits.values()])
        except redis.RedisError:
            return "redis"
        return scopes[short - 1] if short else Reservation(day, scopes, micro_usd)

    def settle(self, held: Reservation, micro_usd: int) -> None:
        """See `Budget.settle`; while Redis does not answer the reservation stays spent."""
        import redis

        if micro_usd == held.micro_usd:
            return
        try:
            pipe = self._redis.pipeline(transaction=True)
            for scope in held.scopes:
                pipe.incrby(_key(held.day, scope), micro_usd - held.micro_usd)
            pipe.execute()
        except redis.RedisError:
            return

    def spent(self, scope: str) -> int:
        """See `Budget.spent`."""
        return int(self._redis.get(_key(self._day(), scope)) or 0)


def _key(day: str, scope: str) -> str:
    return f"{PREFIX}spent:{day}:{scope}"


def _sum(db: Any, day: str, scope: str) -> int:
    row = db.execute("SELECT micro_usd FROM spent WHERE day = ? AND scope = ?", (day, scope)).fetchone()
    return int(row[0]) if row else 0


def _add(db: Any, day: str, scopes: tuple[str, ...], micro_usd: int) -> None:
    db.executemany(
        "INSERT INTO spent VALUES (?, ?, ?) ON CONFLICT (day, scope) DO UPDATE SET micro_usd = micro_usd + excluded.micro_usd",
        [(day, scope, micro_usd) for scope in scopes],
    )
