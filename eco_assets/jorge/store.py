"""What Jorge OS keeps beside dbos's own tables, in the same database: events, parked steps, fences, cancellations, workers.

The same database, because an event and the orders that it starts are written in one transaction.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

ALIVE_S = 15.0  # a worker without a beat for so long is dead
_TABLES = (
    "CREATE TABLE IF NOT EXISTS jorge_workers (id TEXT PRIMARY KEY, host TEXT NOT NULL, agents TEXT NOT NULL, version TEXT NOT NULL, "
    "beat DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS jorge_fences (key TEXT PRIMARY KEY, at TEXT NOT NULL, detail TEXT)",
    "CREATE TABLE IF NOT EXISTS jorge_cancels (order_id TEXT PRIMARY KEY, at TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS jorge_parked (key TEXT PRIMARY KEY, order_id TEXT NOT NULL, agent TEXT NOT NULL, workflow TEXT NOT NULL, "
    "step TEXT NOT NULL, kind TEXT NOT NULL, error TEXT NOT NULL, at TEXT NOT NULL, state TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS jorge_events (id TEXT PRIMARY KEY, type TEXT NOT NULL, order_id TEXT NOT NULL, agent TEXT NOT NULL, "
    "at TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS jorge_started (order_id TEXT PRIMARY KEY, event_id TEXT NOT NULL, parent TEXT NOT NULL, "
    "agent TEXT NOT NULL, workflow TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS jorge_standing (order_id TEXT PRIMARY KEY, state TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS jorge_started_by ON jorge_started (parent)",
    "CREATE INDEX IF NOT EXISTS jorge_parked_order ON jorge_parked (order_id)",
)


class Store:
    """The tables of one installation's engine."""

    def __init__(self, database: sa.Engine) -> None:
        self.database = database

    def create(self) -> None:
        """Make what is missing."""
        import sqlalchemy as sa

        with self.database.begin() as db:
            if db.dialect.name == "postgresql":  # two workers that start at once
                db.execute(sa.text("SELECT pg_advisory_xact_lock(4242002)"))
            for statement in _TABLES:
                db.execute(sa.text(statement))

    def mark_ready(self) -> None:
        """Mark that dbos's tables are there too."""
        import sqlalchemy as sa

        with self.database.begin() as db:
            db.execute(sa.text("CREATE TABLE IF NOT EXISTS jorge_ready (x INTEGER)"))

    # Workers
    def beat(self, worker: str, agents: Iterable[str], version: str) -> None:
        """Say that a worker is alive."""
        self._write(
            "INSERT INTO jorge_workers (id, host, agents, version, beat) VALUES (:id, :host, :agents, :version, :now) "
            "ON CONFLICT (id) DO UPDATE SET beat = :now",
            id=worker,
            host=socket.gethostname(),
            agents=",".join(sorted(agents)),
            version=version,
            now=time.time(),
        )

    def leave(self, worker: str) -> None:
        """Forget a worker that ended in peace."""
        self._write("DELETE FROM jorge_workers WHERE id = :id", id=worker)

    def workers(self) -> list[dict[str, Any]]:
        """All that ever beat and did not leave: id, host, agents, version, seconds since the last beat, whether it is alive."""
        now = time.time()
        rows = self._read("SELECT id, host, agents, version, beat FROM jorge_workers ORDER BY id")
        return [
            {
                "id": row["id"],
                "host": row["host"],
                "agents": row["agents"].split(","),
                "version": row["version"],
                "age_s": round(now - row["beat"], 1),
                "is_alive": now - row["beat"] < ALIVE_S,
            }
            for row in rows
        ]

    # Fences
    def begin_once(self, key: str) -> bool:
        """Write that a step that cannot be repeated begins; False where it began before."""
        statement = "INSERT INTO jorge_fences (key, at) VALUES (:key, :at) ON CONFLICT (key) DO NOTHING"
        return self._write(statement, key=key, at=_now()) == 1

    def unfence(self, key: str) -> None:
        """A person has found out that the step did not act: it may begin again."""
        self._write("DELETE FROM jorge_fences WHERE key = :key", key=key)

    # Cancellations
    def cancel(self, order_id: str) -> None:
        """Ask for an order's end."""
        statement = "INSERT INTO jorge_cancels (order_id, at) VALUES (:id, :at) ON CONFLICT (order_id) DO NOTHING"
        self._write(statement, id=order_id, at=_now())

    def is_cancelled(self, order_id: str) -> bool:
        """Whether somebody asked for it."""
        return bool(self._read("SELECT 1 AS x FROM jorge_cancels WHERE order_id = :id", id=order_id))

    # Parked steps
    def park(self, order: Mapping[str, Any], step: str, kind: str, error: str) -> None:
        """Keep what a person must see to: `undo` (it could not be taken back), `unknown` (it may have acted), `refused` (never begun)."""
        self._write(
            "INSERT INTO jorge_parked (key, order_id, agent, workflow, step, kind, error, at, state) "
            "VALUES (:key, :id, :agent, :workflow, :step, :kind, :error, :at, 'open') "
            "ON CONFLICT (key) DO UPDATE SET error = :error, at = :at, state = 'open'",
            key=f"{order['decision_id']}/{step}",
            id=order["decision_id"],
            agent=order["agent"],
            workflow=order["workflow"],
            step=step,
            kind=kind,
            error=error[:2000],
            at=_now(),
        )

    def settle(self, order_id: str, step: str | None = None, *, state: str = "done") -> int:
        """Close the parked rows of an order, or of one step of it; returns their number."""
        only = " AND step = :step" if step is not None else ""
        statement = f"UPDATE jorge_parked SET state = :state WHERE order_id = :id AND state = 'open'{only}"
        return self._write(statement, id=order_id, state=state, **({"step": step} if step is not None else {}))

    def parked(self, order_id: str | None = None, *, is_open: bool = True) -> list[dict[str, Any]]:
        """Parked rows, oldest first."""
        where = [*(["state = 'open'"] if is_open else []), *(["order_id = :id"] if order_id else [])]
        clause = f" WHERE {' AND '.join(where)}" if where else ""
        return self._read(f"SELECT * FROM jorge_parked{clause} ORDER BY at, key", **({"id": order_id} if order_id else {}))

    # Events
    def children(self, parent: str) -> list[dict[str, Any]]:
        """The orders that events of this one started: order_id, workflow."""
        query = "SELECT order_id, workflow FROM jorge_started WHERE parent = :id AND event_id <> '' ORDER BY order_id"
        return self._read(query, id=parent)

    def started_by(self, parents: Iterable[str]) -> list[str]:
        """The orders that events of these orders started, with what those started in turn."""
        found: list[str] = []
        waiting = list(parents)
        while waiting:
            batch, waiting = waiting[:500], waiting[500:]
            names = {f"p{number}": identity for number, identity in enumerate(batch)}
            marks = ", ".join(f":{name}" for name in names)
            rows = self._read(f"SELECT order_id FROM jorge_started WHERE parent IN ({marks})", **names)
            fresh = [row["order_id"] for row in rows if row["order_id"] not in found]
            found += fresh
            waiting += fresh
        return found

    def _write(self, statement: str, **values: Any) -> int:
        import sqlalchemy as sa

        with self.database.begin() as db:
            return int(db.execute(sa.text(statement), values).rowcount)

    def _read(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        import sqlalchemy as sa

        with self.database.connect() as db:
            return [dict(row) for row in db.execute(sa.text(statement), values).mappings()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
