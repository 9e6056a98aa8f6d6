"""The ledger: an append-only, hash-chained record of decisions, executions, approvals and costs (SQLite).

Every entry carries the hash of the one before it, so a changed or removed entry is found by `verify`. A cut-off tail is found
through `ledger.head`, a second file that names the newest entry. What is *derived* (reports, cost tables) stays out.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eco_assets.errors import LedgerError, NotFound

Body = Mapping[str, Any]
GENESIS = "0" * 64
_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, agent TEXT NOT NULL, as_of TEXT NOT NULL,
  at TEXT NOT NULL, body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL, UNIQUE (kind, id)
) STRICT;
CREATE INDEX IF NOT EXISTS entries_by_day ON entries (kind, agent, as_of);
CREATE TRIGGER IF NOT EXISTS entries_never_change BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS entries_never_go BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@dataclass(frozen=True)
class Entry:
    """One thing that happened. `id` is unique within its `kind`; `as_of` is the business day, ISO."""

    kind: str
    id: str
    agent: str
    as_of: str
    body: Body


@dataclass(frozen=True)
class Head:
    """The newest entry: its number (0 when empty) and its hash."""

    seq: int
    hash: str


def canonical(value: object) -> str:
    """JSON with one spelling per value: sorted keys, no spaces, UTF-8; NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _hash(previous: str, seq: int, entry: Entry, at: str, body: str) -> str:
    fields = [previous, str(seq), entry.kind, entry.id, entry.agent, entry.as_of, at, body]
    return hashlib.sha256("\x1f".join(fields).encode()).hexdigest()


def _body(entry: Entry) -> str:
    try:
        return canonical(entry.body)
    except (ValueError, TypeError) as error:
        raise LedgerError(f"{entry.kind} {entry.id} cannot be written: {error}") from error


class Tail:
    """The end of the chain within one write transaction: what is there may be read, and entries follow one another."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        newest = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        self.seq: int = newest[0] if newest else 0
        self._previous: str = newest[1] if newest else GENESIS
        self.added = 0

    def body(self, kind: str, entry_id: str) -> str | None:
        """The JSON of an entry, or None when there is none."""
        found = self._db.execute("SELECT body FROM entries WHERE kind = ? AND id = ?", (kind, entry_id)).fetchone()
        return None if found is None else str(found[0])

    def since(self, seq: int, kinds: Sequence[str]) -> list[tuple[str, str, str, str, str]]:
        """`kind, id, agent, as_of, body` of the entries of some kinds after a number, in their order."""
        marks = ", ".join("?" * len(kinds))
        query = f"SELECT kind, id, agent, as_of, body FROM entries WHERE seq > ? AND kind IN ({marks}) ORDER BY seq"
        return self._db.execute(query, (seq, *kinds)).fetchall()

    def of_day(self, kind: str, agent: str, as_of: str) -> list[tuple[str, str]]:
        """`id, body` of the entries of a kind about an agent's day, in their order."""
        query = "SELECT id, body FROM entries WHERE kind = ? AND agent = ? AND as_of = ? ORDER BY seq"
        return self._db.execute(query, (kind, agent, as_of)).fetchall()

    def insert(self, entry: Entry, body: str) -> None:
        """Add an entry whose id is not there yet; `body` is its JSON."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.seq, self.added = self.seq + 1, self.added + 1
        digest = _hash(self._previous, self.seq, entry, at, body)
        row = (self.seq, entry.kind, entry.id, entry.agent, entry.as_of, at, body, self._previous, digest)
        self._db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self._previous = digest


class Session:
    """See `Ledger.session`."""

    def __init__(self, db: sqlite3.Connection, write_head: Callable[[sqlite3.Connection], None]) -> None:
        self._db = db
        self._write_head = write_head

    @contextmanager
    def transaction(self) -> Iterator[Tail]:
        """The end of the chain, for this writer alone; what was inserted is on disk when the block has ended, else nothing of it.

        Raises:
            sqlite3.Error: the file cannot be read or written, or another writer kept it for too long.
        """
        self._db.execute("BEGIN IMMEDIATE")
        try:
            tail = Tail(self._db)
            yield tail
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        if tail.added:
            self._write_head(self._db)


def _use_wal(db: sqlite3.Connection, wait_s: float) -> None:
    """Write ahead, and let readers be. SQLite does not wait here for a process that is just opening or closing the file, so we do."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


class Ledger:
    """Access to one ledger file. Safe for several processes: every append is one immediate transaction, synced to disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connect() as db:
            db.executescript(_SCHEMA)

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self._path

    @contextmanager
    def _connect(self, wait_s: float = 60.0) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._path, timeout=wait_s, isolation_level=None)
            try:
                _use_wal(db, wait_s)
                db.execute("PRAGMA synchronous=FULL")
                yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path} could not be read or written ({error}); check the disk and the file's permissions") from error

    def append(self, entries: Iterable[Entry]) -> int:
        """Add the entries that are not there yet, in one transaction; returns how many were new.

        An id that is there already is left as it is: who was first decided.

        Raises:
            LedgerError: the file cannot be written, or an entry's body is not JSON.
        """
        batch = list(entries)
        if not batch:
            return 0
        with self._connect() as db:
            db.execute("BEGIN IMMEDIATE")
            added = self._insert(db, batch)
            db.execute("COMMIT")
            if added:
                self._write_head(db)
        return added

    @contextmanager
    def session(self, wait_s: float = 60.0) -> Iterator[Session]:
        """One open connection for many transactions: what a resident service writes through, from one thread.

        Args:
            wait_s: how long a transaction waits for another writer.
        """
        with self._connect(wait_s) as db:
            yield Session(db, self._write_head)

    def _insert(self, db: sqlite3.Connection, batch: Sequence[Entry]) -> int:
        tail = Tail(db)
        for entry in batch:
            if tail.body(entry.kind, entry.id) is None:
                tail.insert(entry, _body(entry))
        return tail.added

    def _write_head(self, db: sqlite3.Connection) -> None:
        """Name the newest entry in the head file; under the write lock, so that a slower writer never puts an older one back."""
        target = self._path.with_suffix(".head")
        temporary = self._path.with_suffix(".head.tmp")
        try:
            db.execute("BEGIN IMMEDIATE")
            seq, digest = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
            temporary.write_text(f"{seq} {digest}\n", encoding="ascii")
            temporary.replace(target)
        except OSError as error:
            raise LedgerError(f"{target} could not be written ({error}); check the disk and the file's permissions") from error
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")

    def head(self) -> Head:
        """The newest entry."""
        with self._connect() as db:
            row = db.execute("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(*row) if row else Head(0, GENESIS)

    def last(self, *, agent: str, as_of: str) -> str:
        """Hash of the newest entry about one agent's day; what a page of that day can be checked against."""
        with self._connect() as db:
            query = "SELECT hash FROM entries WHERE agent = ? AND as_of = ? ORDER BY seq DESC LIMIT 1"
            row = db.execute(query, (agent, as_of)).fetchone()
        return str(row[0]) if row else GENESIS

    def holds(self, kind: str, entry_id: str) -> bool:
        """Whether there is an entry with that very id."""
        with self._connect() as db:
            return db.execute("SELECT 1 FROM entries WHERE kind = ? AND id = ?", (kind, entry_id)).fetchone() is not None

    def known(self, kind: str, ids: Iterable[str]) -> set[str]:
        """Those of `ids` that the ledger holds under `kind`."""
        with self._connect() as db:
            held = {row[0] for row in db.execute("SELECT id FROM entries WHERE kind = ?", (kind,))}
        return held.intersection(ids)

    def get(self, kind: str, entry_id: str) -> dict[str, Any]:
        """The body of one entry; a unique prefix of its id is enough.

        Raises:
            NotFound: no entry, or more than one, begins with that id.
        """
        query = "SELECT id, body FROM entries WHERE kind = ? AND id >= ? AND id < ? LIMIT 2"  # by the index, however many there are
        with self._connect() as db:
            rows = db.execute(query, (kind, entry_id, entry_id + chr(0x10FFFF))).fetchall()
            if len(rows) == 2 and rows[0][0] == entry_id:  # another id goes on where this one ends
                rows = rows[:1]
        if len(rows) != 1:
            what = "more than one" if rows else "no"
            raise NotFound(f"{what} {kind} begins with {entry_id!r}; `eco status --json` lists the newest ids")
        body: dict[str, Any] = json.loads(rows[0][1])
        return body

    def list(self, kind: str, *, agent: str | None = None, as_of: str | None = None, since: str | None = None) -> list[dict[str, Any]]:
        """Bodies of a kind in the order they were written, each with its `seq` and `recorded_at`.

        Args:
            kind: of the entries.
            agent: only this agent's.
            as_of: only those of this business day, ISO; with `since`, of the days from `since` to it.
            since: first business day, ISO.
        """
        query, values = "SELECT seq, at, body FROM entries WHERE kind = ?", [kind]
        for condition, value in (("agent =", agent), ("as_of <=" if since else "as_of =", as_of), ("as_of >=", since)):
            if value is not None:
                query, values = f"{query} AND {condition} ?", [*values, value]
        with self._connect() as db:
            rows = db.execute(f"{query} ORDER BY seq", values).fetchall()
        return [{**json.loads(body), "seq": seq, "recorded_at": at} for seq, at, body in rows]

    def verify(self) -> Head:
        """Recompute the whole chain; returns its head.

        Raises:
            LedgerError: an entry was changed, removed or put in between, or the tail was cut off; says at which number.
        """
        previous, seq = GENESIS, 0
        hashes: dict[int, str] = {0: GENESIS}
        with self._connect() as db:
            for row in db.execute("SELECT seq, kind, id, agent, as_of, at, body, previous, hash FROM entries ORDER BY seq"):
                seq += 1
                entry = Entry(row[1], row[2], row[3], row[4], {})
                if row[0] != seq or row[7] != previous or _hash(previous, seq, entry, row[5], row[6]) != row[8]:
                    raise LedgerError(f"the chain breaks at entry {row[0]} ({row[1]} {row[2]}): it was changed, removed or inserted")
                previous = hashes[seq] = row[8]
        mark = self._path.with_suffix(".head")
        if mark.exists():
            try:
                number, digest = mark.read_text(encoding="ascii").split()
            except (OSError, ValueError) as error:
                raise LedgerError(f"{mark} is damaged ({error}): whether the ledger's tail was cut off cannot be told") from error
            if hashes.get(int(number) if number.isdigit() else -1) != digest:
                raise LedgerError(f"the ledger ends at entry {seq}, but entry {number} was written once: its tail was cut off or replaced")
        return Head(seq, previous)
