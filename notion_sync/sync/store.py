"""What the synchronisation remembers, durably: pages, what was written, what is about to be, what people did, every accepted state.

One SQLite file (WAL). `commit` writes a page's new state, its events and versions, and clears its outbox, in one transaction.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from notion_sync.sync.merge import Entry
from notion_sync.sync.properties import Seen
from notion_sync.sync.schema import SCHEMA, from_json, to_json
from notion_sync.workspaces.protocol import Known


@dataclass(frozen=True)
class Event:
    """What happened on a page. `id` grows; `source_id` is unique for what happened; `at` is UTC.

    `kind`: edited, deleted, restored, accepted, handed_over, commented, status_changed, changed, conflict, suspended.
    """

    id: int
    kind: str
    page: str
    key: str
    who: str
    before: str
    after: str
    at: datetime
    source_id: str


@dataclass(frozen=True)
class Conflict:
    """Where a person and the machine changed the same: the person's text `before` stands, the machine's is `after`."""

    id: int
    page: str
    key: str
    before: str
    after: str
    at: datetime


@dataclass(frozen=True)
class Note:
    """An event to be noted."""

    kind: str
    key: str = ""
    who: str = ""
    before: str = ""
    after: str = ""
    source: str = ""


@dataclass(frozen=True)
class Row:
    """What is remembered of a page.

    Attributes:
        state: `new` (never written), `live`, `deleted` (by a person: a tombstone) or `suspended`.
        document: what the machine says now, as Markdown; wanted, said: hash of it, and of what was last brought to the page.
        version: how many states were accepted. entries: in the order in which the machine says them. pictures: name → SHA-256.
    """

    key: str
    kind: str = ""
    ref: str | None = None
    state: str = "new"
    document: str = ""
    wanted: str = ""
    said: str = ""
    version: int = 0
    etag: str = ""
    entries: tuple[Entry, ...] = ()
    known: tuple[Known, ...] = ()
    properties: Mapping[str, Seen] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pending:
    """A write that was begun."""

    id: int
    kind: str
    body: Mapping[str, Any]


class Store:
    """The file. Safe to use from several processes; a page is changed by whoever holds the synchronisation's lock."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path, self.clock = path, clock
        self._is_ready = False

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=60.0, isolation_level=None)
        try:
            if not self._is_ready or not self.path.stat().st_size:
                db.execute("PRAGMA journal_mode=WAL")
                db.executescript(SCHEMA)
                self._is_ready = True
            db.execute("PRAGMA synchronous=FULL")
            yield db
        finally:
            db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def page(self, key: str) -> Row | None:
        """What is remembered of a page, or None."""
        with self._open() as db:
            found = db.execute(f"SELECT {_COLUMNS} FROM page WHERE key = ?", (key,)).fetchone()
        return _row(found) if found else None

    def pages(self) -> list[tuple[str, str, str | None, str, str, str, str]]:
        """(key, kind, ref, state, wanted, said, etag) of every page, by key."""
        with self._open() as db:
            return db.execute("SELECT key, kind, ref, state, wanted, said, etag FROM page ORDER BY key").fetchall()

    def save(self, row: Row) -> None:
        """Remember a page as it is, without an event."""
        with self._writing() as db:
            _save(db, row)

    def intend(self, page: str, kind: str, body: Mapping[str, Any]) -> None:
        """Note a write before it is made."""
        with self._writing() as db:
            values = (page, kind, json.dumps(body), self.clock().isoformat())
            db.execute("INSERT INTO outbox (page, kind, body, at) VALUES (?, ?, ?, ?)", values)

    def pending(self, page: str) -> list[Pending]:
        """The writes of a page that were begun and not accounted for, oldest first."""
        with self._open() as db:
            rows = db.execute("SELECT id, kind, body FROM outbox WHERE page = ? ORDER BY id", (page,)).fetchall()
        return [Pending(identity, kind, json.loads(body)) for identity, kind, body in rows]

    def waiting(self) -> int:
        """How many writes were begun and not accounted for."""
        with self._open() as db:
            return int(db.execute("SELECT count(*) FROM outbox").fetchone()[0])

    def pages_waiting(self) -> set[str]:
        """The pages that have such writes."""
        with self._open() as db:
            return {str(page) for (page,) in db.execute("SELECT DISTINCT page FROM outbox")}

    def commit(self, row: Row, notes: Sequence[Note] = (), markdown: str | None = None, author: str = "", cause: str = "") -> Row:
        """Remember a page's new state with what happened; its outbox is accounted for, but a suspended page's is kept.

        Returns the row as it is now.

        Args:
            row: the new state.
            notes: what happened.
            author: who made the state.
            cause: why it was made.
            markdown: the accepted state, kept as a version where it is another than the last; None where it did not change.
        """
        at = self.clock().isoformat()
        with self._writing() as db:
            is_new = markdown is not None and _is_new(db, row.key, markdown)
            row = replace(row, version=row.version + 1) if notes or is_new else row
            for number, note in enumerate(notes):
                source = note.source or f"{row.key}#{row.version}.{number}"
                values = (note.kind, row.key, note.key, note.who, note.before, note.after, at, source)
                db.execute(f"INSERT OR IGNORE INTO event ({_EVENT[4:]}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
                if note.kind == "conflict":
                    closing = "UPDATE conflict SET closed_at = ? WHERE page = ? AND key = ? AND closed_at IS NULL"
                    db.execute(closing, (at, row.key, note.key))  # the newer one says it all
                    clash = (row.key, note.key, note.before, note.after, at)
                    db.execute("INSERT INTO conflict (page, key, before, after, at) VALUES (?, ?, ?, ?, ?)", clash)
                elif note.kind in ("accepted", "deleted", "handed_over"):
                    closing = "UPDATE conflict SET closed_at = ? WHERE page = ? AND (key = ? OR ? = '') AND closed_at IS NULL"
                    db.execute(closing, (at, row.key, note.key, note.key))
            if markdown is not None and is_new:
                state = (row.key, row.version, markdown, _digest(markdown), author, cause, at)
                db.execute("INSERT INTO version VALUES (?, ?, ?, ?, ?, ?, ?)", state)
            _save(db, row)
            if row.state != "suspended":  # else nobody could look what became of it
                db.execute("DELETE FROM outbox WHERE page = ?", (row.key,))
        return row

    def events(self, after: int = 0) -> list[Event]:
        """Events with a greater number, oldest first."""
        with self._open() as db:
            rows = db.execute(f"SELECT {_EVENT} FROM event WHERE id > ? ORDER BY id", (after,)).fetchall()
        return [Event(*row[:7], datetime.fromisoformat(row[7]), row[8]) for row in rows]  # type: ignore[call-arg]

    def conflicts(self) -> list[Conflict]:
        """Open conflicts, oldest first."""
        with self._open() as db:
            rows = db.execute("SELECT id, page, key, before, after, at FROM conflict WHERE closed_at IS NULL ORDER BY id").fetchall()
        return [Conflict(*row[:5], datetime.fromisoformat(row[5])) for row in rows]  # type: ignore[call-arg]

    def close(self, conflict: int) -> None:
        """Close a conflict."""
        with self._writing() as db:
            db.execute("UPDATE conflict SET closed_at = ? WHERE id = ?", (self.clock().isoformat(), conflict))

    def versions(self, page: str) -> list[tuple[int, str, str, str, str]]:
        """(n, markdown, author, cause, at) of every accepted state, oldest first."""
        with self._open() as db:
            return db.execute("SELECT n, markdown, author, cause, at FROM version WHERE page = ? ORDER BY n", (page,)).fetchall()

    def comments(self, page: str) -> dict[str, str]:
        """Comments that were told: id → text."""
        with self._open() as db:
            return dict(db.execute("SELECT id, text FROM comment WHERE page = ?", (page,)).fetchall())

    def told(self, row: Row, comments: Mapping[str, str], notes: Sequence[Note]) -> None:
        """Note new comments once."""
        at = self.clock().isoformat()
        with self._writing() as db:
            for note in notes:
                values = (note.kind, row.key, note.key, note.who, note.before, note.after, at, note.source)
                db.execute(f"INSERT OR IGNORE INTO event ({_EVENT[4:]}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            db.executemany("INSERT OR REPLACE INTO comment VALUES (?, ?, ?)", [(row.key, name, text) for name, text in comments.items()])

    def place(self, name: str) -> dict[str, Any]:
        """What a workspace remembers under a name."""
        with self._open() as db:
            found = db.execute("SELECT body FROM place WHERE name = ?", (name,)).fetchone()
        return dict(json.loads(found[0])) if found else {}

    def keep(self, name: str, body: Mapping[str, Any]) -> None:
        """Remember something for a workspace."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO place VALUES (?, ?)", (name, json.dumps(body)))


_COLUMNS = "key, kind, ref, state, document, wanted, said, version, etag, entries, known, properties, pictures"
_EVENT = "id, kind, page, key, who, before, after, at, source_id"


def _is_new(db: sqlite3.Connection, page: str, markdown: str) -> bool:
    """Whether a state is another than the newest version of a page."""
    last = db.execute("SELECT sha256 FROM version WHERE page = ? ORDER BY n DESC LIMIT 1", (page,)).fetchone()
    return last is None or last[0] != _digest(markdown)


def _digest(markdown: str) -> str:
    return hashlib.sha256(markdown.encode()).hexdigest()


def _save(db: sqlite3.Connection, row: Row) -> None:
    seen = {name: [to_json(value.said), to_json(value.seen)] for name, value in row.properties.items()}
    packed = (
        json.dumps([asdict(entry) for entry in row.entries]),
        json.dumps([[each.id, each.hash, each.text] for each in row.known]),
        json.dumps(seen),
        json.dumps(dict(row.pictures)),
    )
    plain = (row.key, row.kind, row.ref, row.state, row.document, row.wanted, row.said, row.version, row.etag)
    db.execute(f"INSERT OR REPLACE INTO page ({_COLUMNS}) VALUES ({', '.join('?' * 13)})", (*plain, *packed))


def _row(found: Sequence[Any]) -> Row:
    entries = tuple(Entry(**entry) for entry in json.loads(found[9]))
    known = tuple(Known(*each) for each in json.loads(found[10]))
    seen = {name: Seen(from_json(said), from_json(value)) for name, (said, value) in json.loads(found[11]).items()}
    return Row(*found[:9], entries, known, seen, json.loads(found[12]))  # type: ignore[call-arg]
