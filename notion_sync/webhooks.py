"""Notion's webhooks: who may deliver, what a delivery says, and the queue that it waits in. An accelerator: polling finds the same.

A delivery carries ids and no content, may come twice, late, or in another order, and tells of our own writes too. So it only says
that something is worth reading now; what is read then is the present state, whatever the order was.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.errors import PermanentError, RequestRefused

SIGNATURE = "x-notion-signature"
KEPT = timedelta(days=30)  # Notion delivers for a day at most; what is older can be no duplicate
_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, entity TEXT NOT NULL, page TEXT NOT NULL,
  at TEXT NOT NULL, received_at TEXT NOT NULL, is_echo INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE IF NOT EXISTS own (id TEXT PRIMARY KEY) STRICT;
"""
Outcome = Literal["queued", "duplicate", "echo"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Named(_Part):
    """A thing of Notion's: a page, a comment, an author."""

    id: str = Field(min_length=1, max_length=100)
    type: str = Field(min_length=1, max_length=40)


class Delivery(_Part):
    """What a delivery says, of any of the known kinds and of those that come; `data` depends on the kind."""

    id: str = Field(min_length=1, max_length=100)
    type: str = Field(min_length=1, max_length=100)
    timestamp: datetime
    entity: _Named
    authors: tuple[_Named, ...] = ()
    attempt_number: int = Field(default=1, ge=1)
    data: dict[str, Any] = {}

    @property
    def page(self) -> str:
        """The page that it is about, as its id; empty where the delivery does not say."""
        told = self.entity.id if self.entity.type == "page" else self.data.get("page_id")
        return told if isinstance(told, str) else ""


@dataclass(frozen=True)
class Waiting:
    """A delivery in the queue; `seq` grows with each that is new."""

    seq: int
    id: str
    type: str
    page: str
    at: str
    received_at: str


def signature(token: str, raw: bytes) -> str:
    """The header that vouches for a body: HMAC-SHA256 with the subscription's verification token."""
    return "sha256=" + hmac.new(token.encode(), raw, hashlib.sha256).hexdigest()


def is_signed(token: str, raw: bytes, given: str) -> bool:
    """Whether a signature is that of these very bytes; the time that this takes tells nothing."""
    return hmac.compare_digest(signature(token, raw).encode(), given.strip().encode())


def handshake(raw: bytes) -> str | None:
    """The token of Notion's first request to a new address; None for any other body."""
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    token = body.get("verification_token") if isinstance(body, dict) and len(body) == 1 else None
    return token if isinstance(token, str) and 8 <= len(token) <= 200 and token.isascii() and token.isprintable() else None


def read_delivery(raw: bytes) -> Delivery:
    """A delivery. Raises `RequestRefused` where it is none."""
    try:
        return Delivery.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise RequestRefused(f"this is no delivery of Notion's: {place}: {first['msg']}") from error


class Inbox:
    """The queue of deliveries, one SQLite file; any number of processes receive into it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self._path, timeout=60, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.executescript(_SCHEMA)
                yield db
            finally:
                db.close()
        except sqlite3.Error as error:
            raise PermanentError(f"{self._path} could not be read or written ({error}); check the disk and its permissions") from error

    def receive(self, delivery: Delivery, now: datetime | None = None) -> Outcome:
        """Put a delivery into the queue, once by its id. What only we wrote is remembered as an echo, and nobody waits for it."""
        moment = now or datetime.now(UTC)
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            if db.execute("UPDATE deliveries SET attempts = attempts + 1 WHERE id = ?", (delivery.id,)).rowcount:
                db.execute("COMMIT")
                return "duplicate"
            own = {row[0] for row in db.execute("SELECT id FROM own")}
            is_echo = bool(delivery.authors) and all(author.type == "bot" and author.id in own for author in delivery.authors)
            db.execute("DELETE FROM deliveries WHERE received_at < ?", ((moment - KEPT).isoformat(),))
            row = (delivery.id, delivery.type, delivery.entity.id, delivery.page)
            db.execute(
                "INSERT INTO deliveries (id, type, entity, page, at, received_at, is_echo) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, delivery.timestamp.isoformat(), moment.isoformat(), int(is_echo)),
            )
            db.execute("COMMIT")
        return "echo" if is_echo else "queued"

    def after(self, seq: int = 0) -> list[Waiting]:
        """Deliveries that are no echo and came after a number, in the order in which they came."""
        if not self._path.exists():
            return []
        with self._open() as db:
            query = "SELECT seq, id, type, page, at, received_at FROM deliveries WHERE seq > ? AND NOT is_echo ORDER BY seq"
            return [Waiting(*row) for row in db.execute(query, (seq,))]

    def claim(self, ids: Sequence[str]) -> None:
        """Remember who we are in Notion: what these users wrote is our own echo."""
        with self._open() as db:
            db.executemany("INSERT OR IGNORE INTO own VALUES (?)", [(each,) for each in ids])


class Handshake:
    """The verification token that Notion sent to a new address, until a person has put it into the environment."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, token: str) -> None:
        """Remember the newest token, readable by the owner of the home only."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(token)
        temporary.replace(self.path)

    def take(self) -> str | None:
        """The token, once: it is forgotten when it was shown. None where there is none."""
        if not self.path.exists():
            return None
        token = self.path.read_text(encoding="ascii")
        self.path.unlink(missing_ok=True)
        return token
