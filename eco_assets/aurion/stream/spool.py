"""Where readings lie until they are in the lake: Parquet files that are whole and on the disk before anybody is told that we have them.

A file is written beside its name, flushed to the disk and then given its name, and the folder is flushed too. A killed writer leaves a
`.tmp` file that the next one deletes. The name is `<connection>-<UTC time>-<number>.parquet`; of one connection, a later file has the
greater name, even if the clock was put back.
"""

from __future__ import annotations

import base64
import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from eco_assets.aurion.stream.events import (
    DEAD_LETTERS,
    EVENTS,
    GAPS,
    DeadLetter,
    Event,
    Gap,
    event_schema,
    gap_schema,
    iso,
    moment,
    now_us,
    table,
)
from eco_assets.errors import ConfigError

REMEMBERED = 200_000  # ids of written readings that a redelivery is held against, 20 MB; the raw table's key knows them all


@dataclass
class Pending:
    """What is to be made durable together. Each part is emptied as soon as it is, so that a second try does not write it twice."""

    events: list[Event] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.events or self.gaps or self.dead)


class Spool:
    """The files of one connection. One process at a time may hold it."""

    def __init__(self, inbox: Path, home: Path, connection: str) -> None:
        self._inbox = inbox
        self._home = home / connection
        self.connection = connection
        self.state: dict[str, Any] = {}
        self._known: set[str] = set()
        self._order: deque[str] = deque()
        self._number = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the connection: read its state, delete what a killed process left half-written, remember the ids that wait in the inbox.

        Raises:
            ConfigError: another process holds it.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._home / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError(
                f"another ingester reads the connection {self.connection} into {self._inbox}: end it first, or share topics (share_group)"
            ) from None
        try:
            self._open()
            yield
        finally:
            lock.release()

    def _open(self) -> None:
        path = self._home / "state.json"
        self.state = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        for folder in (EVENTS, GAPS, DEAD_LETTERS):
            for left in (self._inbox / folder).glob(f"{self.connection}-*.tmp"):
                if owner(left.name) == self.connection:
                    left.unlink()
        waiting = sorted(
            path for path in (self._inbox / EVENTS).glob(f"{self.connection}-*.parquet") if owner(path.name) == self.connection
        )
        names = [path.name for path in waiting]
        self.state["last"] = max([self.state.get("last", ""), *(stamp(name) for name in names)])
        for path in waiting[-20:]:
            import pyarrow.parquet as pq

            self._remember(pq.read_table(path, columns=["event_id"])["event_id"].to_pylist())

    def is_known(self, event_id: str) -> bool:
        """Whether this reading was written lately."""
        return event_id in self._known

    def commit(self, pending: Pending) -> str:
        """Make it durable; returns the name of the file of readings ("" without one). Readings must be new, see `is_known`.

        Raises:
            OSError: the disk is full or broken; what is still in `pending` is not durable.
        """
        name = ""
        if pending.dead:
            letters = [self._letter(letter) for letter in pending.dead]
            self._write(DEAD_LETTERS, "jsonl", lambda file: file.write(b"".join(letters)))
            pending.dead.clear()
        if pending.gaps:
            self._parquet(GAPS, table(pending.gaps, gap_schema()))
            pending.gaps.clear()
        if pending.events:
            name = self._parquet(EVENTS, table(pending.events, event_schema()))
            self._remember([event.event_id for event in pending.events])
            pending.events.clear()
        return name

    def save_state(self) -> None:
        """Make `state` durable. Raises `OSError` as `commit` does."""
        path = self._home / "state.json"
        write_durably(path, lambda file: file.write(json.dumps(self.state).encode()))

    def _parquet(self, folder: str, rows: Any) -> str:
        import pyarrow.parquet as pq

        return self._write(folder, "parquet", lambda file: pq.write_table(rows, file, compression="zstd"))

    def _write(self, folder: str, suffix: str, content: Callable[[IO[bytes]], object]) -> str:
        at = moment(now_us()).strftime("%Y%m%dT%H%M%S%fZ")
        if at <= self.state["last"]:  # the clock was put back, or stands still
            at = _next(self.state["last"])
        self._number += 1
        name = f"{self.connection}-{at}-{self._number:06d}.{suffix}"
        path = self._inbox / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content)
        self.state["last"] = at
        return name

    def _letter(self, letter: DeadLetter) -> bytes:
        entry: dict[str, object] = {
            "received_at": iso(letter.received_at),
            "connection": self.connection,
            "topic": letter.topic,
            "reason": letter.reason,
            "size": letter.size,
        }
        try:
            entry["payload"] = letter.payload.decode()
        except UnicodeDecodeError:
            entry["payload_base64"] = base64.b64encode(letter.payload).decode()
        return json.dumps(entry, ensure_ascii=False).encode(errors="replace") + b"\n"

    def _remember(self, ids: list[str]) -> None:
        self._known.update(ids)
        self._order.extend(ids)
        while len(self._order) > REMEMBERED:
            self._known.discard(self._order.popleft())


def write_durably(path: Path, content: Callable[[IO[bytes]], object]) -> None:
    """Write a file that is whole or not there, also after a power cut."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            content(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def owner(name: str) -> str:
    """The connection that a spool file is of."""
    return name.rsplit("-", 2)[0]


def stamp(name: str) -> str:
    """The time in the name of a spool file, as text that grows with it."""
    return name.rsplit("-", 2)[1]


def _next(at: str) -> str:
    """The microsecond after a stamp."""
    digits = int(at[9:21]) + 1
    return f"{at[:9]}{digits:012d}Z"
