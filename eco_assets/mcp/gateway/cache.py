"""Answers by content, in memory and in a store that all processes share; an answer of before an invalidation is never given after it.

An entry holds the counts of its tags as they were before the model was asked. It is given only while they still hold, which is looked
up with every read, in memory too. Where the counts cannot be read nothing is given. Abstentions and failures are not kept.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from time import time
from typing import Any, Protocol

from eco_assets.mcp.gateway.catalogue import CacheLimits
from eco_assets.mcp.gateway.shared import PREFIX, Counters, Database
from eco_assets.mcp.questions import Answer, Hop, Question

SCHEMA = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, until REAL NOT NULL, entry TEXT NOT NULL) STRICT, WITHOUT ROWID"
SWEEP_EVERY = 500  # writes, after which expired rows go
EVERYTHING = "all"


def key_of(question: Question, evidence: str, models: Sequence[str]) -> str:
    """What an answer depends on: the ask rule, its question as the policy states it, the masked evidence, and who may be asked.

    Neither the subject nor the policy's version is in it: equal content has equal answers, and a version that asks something else, of
    others, or among other choices has another key.
    """
    choices = [(choice.value, choice.meaning) for choice in question.choices]
    parts = [tags_of(question), question.kind, question.text, choices, question.route, evidence, list(models)]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()


def tags_of(question: Question) -> tuple[str, ...]:
    """The tags of a question's answer: `all`, `agent:<agent>`, `point:<agent>/<point>` and `ask:<agent>/<point>/<id>`."""
    point = f"{question.agent}/{question.point}"
    return (EVERYTHING, f"agent:{question.agent}", f"point:{point}", f"ask:{point}/{question.id}")


@dataclass(frozen=True)
class _Entry:
    until: float
    counts: tuple[object, ...]
    answer: Answer


class Store(Protocol):
    """The shared level: text by key, until a moment (seconds since 1970)."""

    def get(self, key: str) -> str | None:
        """What was put, unless it expired; None too where the store does not answer."""
        ...

    def put(self, key: str, until: float, entry: str) -> None:
        """Keep it; silently not where the store does not answer."""
        ...


class SqliteStore:
    """The shared level in a home."""

    def __init__(self, database: Database, clock: Callable[[], float] = time) -> None:
        self._database, self._clock, self._writes = database, clock, 0

    def get(self, key: str) -> str | None:
        """See `Store.get`."""
        with suppress(sqlite3.Error), self._database.reading() as db:
            row = db.execute("SELECT entry FROM answers WHERE key = ? AND until > ?", (key, self._clock())).fetchone()
            return row[0] if row else None
        return None

    def put(self, key: str, until: float, entry: str) -> None:
        """See `Store.put`."""
        self._writes += 1
        with suppress(sqlite3.Error), self._database.writing() as db:
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, until, entry))
            if self._writes % SWEEP_EVERY == 0:
                db.execute("DELETE FROM answers WHERE until <= ?", (self._clock(),))


class RedisStore:
    """The shared level in server mode."""

    def __init__(self, client: Any, clock: Callable[[], float] = time) -> None:
        self._redis, self._clock = client, clock

    def get(self, key: str) -> str | None:
        """See `Store.get`."""
        import redis

        try:
            found = self._redis.get(f"{PREFIX}answer:{key}")
        except redis.RedisError:
            return None
        return None if found is None else str(found.decode())

    def put(self, key: str, until: float, entry: str) -> None:
        """See `Store.put`."""
        import redis

        try:
            self._redis.set(f"{PREFIX}answer:{key}", entry, px=max(1, int((until - self._clock()) * 1000)))
        except redis.RedisError:
            return


class Cache:
    """Two levels over shared counters. Safe for threads."""

    def __init__(self, counters: Counters, store: Store, limits: CacheLimits, clock: Callable[[], float] = time) -> None:
        self._counters, self._store, self._limits, self._clock = counters, store, limits, clock
        self._memory: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self.hits = self.misses = 0

    def counts(self, tags: Sequence[str]) -> tuple[object, ...] | None:
        """The tags' counts now. Take them before the answer is made, and hand them to `put`."""
        return self._counters.read(tags)

    def get(self, key: str, tags: Sequence[str]) -> Answer | None:
        """The answer, if there is one that no invalidation has met. The counts are read after the entry was found."""
        with self._lock:
            entry = self._memory.get(key)
            if entry is not None:
                self._memory.move_to_end(key)
        if entry is None or not self._holds(entry, tags):
            entry = self._from_store(key, tags)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        return entry.answer

    def put(self, key: str, tags: Sequence[str], counts: tuple[object, ...] | None, answer: Answer) -> None:
        """Keep an answer that was made after `counts` were read."""
        if counts is None:
            return
        entry = _Entry(self._clock() + self._limits.ttl_s, counts, answer)
        self._remember(key, entry)
        self._store.put(key, entry.until, _dumps(entry))

    def invalidate(self, *tags: str) -> None:
        """No answer with one of these tags that was asked for before is given once this has returned, in any process.

        Raises:
            redis.RedisError: server mode, and Redis did not confirm; try again.
        """
        self._counters.bump(tags)

    def _holds(self, entry: _Entry, tags: Sequence[str]) -> bool:
        return entry.until > self._clock() and entry.counts == self._counters.read(tags)

    def _from_store(self, key: str, tags: Sequence[str]) -> _Entry | None:
        with self._lock:
            self._memory.pop(key, None)
        text = self._store.get(key)
        entry = _loads(text) if text else None
        if entry is None or not self._holds(entry, tags):
            return None
        self._remember(key, entry)
        return entry

    def _remember(self, key: str, entry: _Entry) -> None:
        with self._lock:
            self._memory[key] = entry
            self._memory.move_to_end(key)
            while len(self._memory) > self._limits.entries:
                self._memory.popitem(last=False)


def _dumps(entry: _Entry) -> str:
    counts = [count.hex() if isinstance(count, bytes) else count for count in entry.counts]
    is_bytes = [isinstance(count, bytes) for count in entry.counts]
    return json.dumps([entry.until, counts, is_bytes, asdict(entry.answer)])


def _loads(text: str) -> _Entry:
    until, counts, is_bytes, fields = json.loads(text)
    exact = tuple(bytes.fromhex(count) if was else count for count, was in zip(counts, is_bytes, strict=True))
    answer = Answer(**{**fields, "hops": tuple(Hop(**hop) for hop in fields["hops"])})
    return _Entry(until, exact, answer)
