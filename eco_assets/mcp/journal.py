"""Decides and writes in one step, so that a decision is durable before anybody hears of it and limits hold between processes.

Work waits in a bounded queue. One thread takes what waits, opens one ledger transaction, decides with what the ledger says was spent, and
commits; then everybody in the group is told. What is in the ledger already is not decided again: who was first decided.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from eco_assets.errors import DeadlineExceeded, EcoError, LedgerError, NotFound, Overloaded, RequestRefused
from eco_assets.ledger import Entry, Ledger, Session, Tail, canonical
from eco_assets.mcp.engine import Spent
from eco_assets.mcp.tally import Tallies

GROUP = 256  # decisions of one transaction at most: what comes later waits for at most this many
_ENCODE = msgspec.json.Encoder(order="deterministic").encode
REQUEST = "request"  # the ledger's kind for an idempotency key


@dataclass(frozen=True, slots=True)
class Item:
    """One decision to make; `make` gets what was spent and gives the record, without I/O."""

    id: str
    agent: str
    point: str
    as_of: str
    subject: str
    make: Callable[[Spent], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RequestKey:
    """An idempotency key: `id` names caller and key, `fingerprint` what was asked."""

    id: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A decision as the ledger has it: the JSON of its record. `is_new` is false when it stood already."""

    body: str
    is_new: bool

    def record(self) -> dict[str, Any]:
        """The decision record."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


Result = Recorded | EcoError


@dataclass(slots=True)
class _Work:
    items: Sequence[Item]
    key: RequestKey | None
    deadline: float | None
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[Result]]
    results: list[Result] = field(default_factory=list)
    error: EcoError | None = None


class Journal:
    """The way of one process's decisions into the ledger.

    Args:
        ledger: of the installation.
        lock: file that the journals of an installation queue on, so that none polls the database.
        limit: decisions that may wait; more are refused with `Overloaded`.
        wait_s: how long a group waits for a writer that does not queue, such as a batch.
    """

    def __init__(self, ledger: Ledger, lock: Path, *, limit: int = 2048, wait_s: float = 10.0) -> None:
        self.ledger, self._lock, self._limit, self._wait_s = ledger, lock, limit, wait_s
        self._waiting: deque[_Work] = deque()
        self._pending = 0
        self._wakes = threading.Condition()
        self._is_closed = False
        self._tallies = Tallies()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.written = self.groups = self.refused = 0
        self.commit_s = 0.0
        self._thread.start()

    @property
    def pending(self) -> int:
        """Decisions that wait or are being written."""
        return self._pending

    @property
    def is_open(self) -> bool:
        """Whether it takes work."""
        return not self._is_closed and self._thread.is_alive()

    def stands(self, decision_id: str) -> bool:
        """Whether a decision is in the ledger already."""
        return self.ledger.holds("decision", decision_id)

    async def submit(self, items: Sequence[Item], *, key: RequestKey | None = None, deadline: float | None = None) -> list[Result]:
        """Decide and record; returns, item by item, what the ledger holds or why there is nothing.

        Args:
            items: what to decide; they share one transaction, and one's error does not touch the others.
            key: the same key gives the same results again, also after a restart.
            deadline: of `time.monotonic`; what was not begun by then is not recorded.

        Raises:
            Overloaded: too many wait, or the journal is closed; nothing was recorded.
            DeadlineExceeded: nothing was recorded.
            RequestRefused: the key was used for another request.
            LedgerError: the ledger cannot be written; nothing was recorded.
        """
        loop = asyncio.get_running_loop()
        work = _Work(items, key, deadline, loop, loop.create_future())
        with self._wakes:
            if self._is_closed or self._pending + len(items) > self._limit:
                self.refused += len(items)
                why = "the service is shutting down" if self._is_closed else f"{self._pending} decisions wait to be recorded"
                raise Overloaded(f"{why}; nothing was recorded, ask again in a second")
            self._pending += max(len(items), 1)
            self._waiting.append(work)
            self._wakes.notify()
        return await asyncio.shield(work.future)

    def close(self) -> None:
        """Take no more work, write what waits, and end."""
        with self._wakes:
            self._is_closed = True
            self._wakes.notify()
        self._thread.join()

    def _run(self) -> None:
        with self._lock.open("ab") as mark:
            while group := self._take():
                try:
                    with self.ledger.session(self._wait_s) as session:
                        while group:
                            self._write(session, mark.fileno(), group)
                            self._tell(group)
                            group = self._take()
                except Exception as error:  # noqa: BLE001 -- whoever waits is told, and the next group gets its turn
                    self._fail(group, error)

    def _take(self) -> list[_Work]:
        """What waits, up to a group; waits for the first. Empty when closed and nothing is left."""
        with self._wakes:
            while not self._waiting and not self._is_closed:
                self._wakes.wait()
            group: list[_Work] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0].items) <= GROUP):
                group.append(self._waiting.popleft())
                size += len(group[-1].items)
            return group

    def _write(self, session: Session, lock: int, group: Sequence[_Work]) -> None:
        with _queued(lock):
            started = time.perf_counter()
            try:
                with session.transaction() as tail:
                    self._tallies.catch_up(tail)
                    for work in group:
                        self._decide(tail, work)
                    self._tallies.seen(tail.seq)
            except sqlite3.Error as error:
                self._tallies.forget()
                raise LedgerError(f"the ledger could not be written ({error}); check the disk, then ask again") from error
            except BaseException:
                self._tallies.forget()
                raise
            self.written += tail.added
            self.groups += 1
            self.commit_s += time.perf_counter() - started

    def _decide(self, tail: Tail, work: _Work) -> None:
        if work.key is not None and (held := tail.body(REQUEST, work.key.id)) is not None:
            self._repeat(tail, work, work.key, held)
        elif work.deadline is not None and time.monotonic() > work.deadline:
            work.error = DeadlineExceeded("the deadline passed before the decision's turn came; nothing was recorded, ask again")
        else:
            work.results = [self._one(tail, item) for item in work.items]
            if work.key is not None and work.items:
                first = work.items[0]
                tail.insert(Entry(REQUEST, work.key.id, first.agent, first.as_of, {}), _remembered(work.key, work))

    def _one(self, tail: Tail, item: Item) -> Result:
        if (held := tail.body("decision", item.id)) is not None:
            return Recorded(held, is_new=False)
        tally = self._tallies.of(tail, item.agent, item.point, item.as_of)
        try:
            record = item.make(tally.spent(item.subject))
            body = _ENCODE(record).decode()  # sorted keys; a seventh of the time of `canonical`
        except EcoError as error:
            return error
        except (ValueError, TypeError) as error:
            return LedgerError(f"decision {item.id} cannot be written: {error}")
        except Exception as error:  # whatever is wrong with one item must touch neither the others nor the thread
            logging.getLogger(__name__).exception("decision %s could not be made", item.id)
            return EcoError(f"decision {item.id} could not be made: {error!r}")
        tail.insert(Entry("decision", item.id, item.agent, item.as_of, {}), body)
        tally.add(item.id, item.subject, record["workflow"], record["cost_brl"])
        return Recorded(body, is_new=True)

    def _repeat(self, tail: Tail, work: _Work, key: RequestKey, held: str) -> None:
        """Answer as the key was answered before."""
        known = msgspec.json.decode(held)
        if known["fingerprint"] != key.fingerprint:
            work.error = RequestRefused("this Idempotency-Key was used for another request; use a new key for a new request")
            return
        for one in known["results"]:
            body = tail.body("decision", one["decision_id"]) if "decision_id" in one else None
            work.results.append(Recorded(body, is_new=False) if body is not None else _error(one))

    def _tell(self, group: Sequence[_Work]) -> None:
        done: dict[asyncio.AbstractEventLoop, list[_Work]] = {}
        for work in group:
            done.setdefault(work.loop, []).append(work)
        with self._wakes:
            self._pending -= sum(max(len(work.items), 1) for work in group)
        for loop, works in done.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, works)

    def _fail(self, group: Sequence[_Work], error: Exception) -> None:
        told = error if isinstance(error, EcoError) else LedgerError(f"the ledger could not be written ({error}); check the disk")
        for work in group:
            work.error = told
        self._tell(group)


@contextmanager
def _queued(lock: int) -> Iterator[None]:
    """Hold the file that journals queue on. The system gives it back when a process dies."""
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)


def _resolve(works: Sequence[_Work]) -> None:
    for work in works:
        if work.future.done():  # whoever asked is gone; the row is not
            continue
        if work.error is not None:
            work.future.set_exception(work.error)
        else:
            work.future.set_result(work.results)


def _remembered(key: RequestKey, work: _Work) -> str:
    results = [
        {"decision_id": item.id} if isinstance(result, Recorded) else {"error": type(result).__name__, "message": str(result)}
        for item, result in zip(work.items, work.results, strict=True)
    ]
    return canonical({"fingerprint": key.fingerprint, "results": results})


def _error(one: dict[str, Any]) -> EcoError:
    """An error as it was answered before."""
    import eco_assets.errors as known

    kind = getattr(known, one.get("error", ""), NotFound)
    return kind(one.get("message", "the decision is gone")) if issubclass(kind, EcoError) else NotFound("the decision is gone")
