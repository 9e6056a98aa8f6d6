"""One circuit breaker a model: it opens on failures in a row, a rate of errors or of slow answers, and at once where only a person helps.

Calls are counted in the memory of each process; that a breaker is open is shared. Who finds its time over lets one probe through, over
all processes: the probe closes it, or opens it anew for twice as long. purgatory counts failures in a row alone, hence this one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Any, Literal, Protocol

from eco_assets.mcp.gateway.catalogue import BreakerLimits
from eco_assets.mcp.gateway.shared import PREFIX, Counters, Database

SCHEMA = """CREATE TABLE IF NOT EXISTS breakers (
  model TEXT PRIMARY KEY, until REAL NOT NULL, for_s REAL NOT NULL, reason TEXT NOT NULL, probe_until REAL NOT NULL
) STRICT, WITHOUT ROWID"""
COUNTER = "breakers"
LONGEST_S = 600.0
State = Literal["closed", "open", "half_open"]
_CLAIM = """
local until_, probe = redis.call('HGET', KEYS[1], 'until'), redis.call('HGET', KEYS[1], 'probe_until')
if not until_ or tonumber(until_) > tonumber(ARGV[1]) or tonumber(probe) > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'probe_until', ARGV[2])
return 1
"""


@dataclass(frozen=True)
class Opened:
    """An open breaker: until when (seconds since 1970), for how long it was opened, and why."""

    until: float
    for_s: float
    reason: str


class States(Protocol):
    """Open breakers, shared."""

    def load(self) -> dict[str, Opened]:
        """Every open one by model."""
        ...

    def open(self, model: str, opened: Opened) -> None:
        """Open one, or open it anew."""
        ...

    def close(self, model: str) -> None:
        """Close one."""
        ...

    def claim(self, model: str, now: float, until: float) -> bool:
        """Take the one probe of an open breaker whose time is over; whoever takes it has until `until` to come back."""
        ...


class SqliteStates:
    """In a home."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, Opened]:
        """See `States.load`."""
        with self._database.reading() as db:
            return {row[0]: Opened(*row[1:]) for row in db.execute("SELECT model, until, for_s, reason FROM breakers")}

    def open(self, model: str, opened: Opened) -> None:
        """See `States.open`."""
        with self._database.writing() as db:
            db.execute("INSERT OR REPLACE INTO breakers VALUES (?, ?, ?, ?, 0)", (model, opened.until, opened.for_s, opened.reason))

    def close(self, model: str) -> None:
        """See `States.close`."""
        with self._database.writing() as db:
            db.execute("DELETE FROM breakers WHERE model = ?", (model,))

    def claim(self, model: str, now: float, until: float) -> bool:
        """See `States.claim`."""
        with self._database.writing() as db:
            found = db.execute(
                "UPDATE breakers SET probe_until = ? WHERE model = ? AND until <= ? AND probe_until <= ?", (until, model, now, now)
            )
            return found.rowcount == 1


class RedisStates:
    """In server mode."""

    def __init__(self, client: Any) -> None:
        self._redis = client
        self._claim = client.register_script(_CLAIM)

    def load(self) -> dict[str, Opened]:
        """See `States.load`."""
        names = [name.decode() for name in self._redis.smembers(f"{PREFIX}breakers")]
        rows = {name: self._redis.hgetall(f"{PREFIX}breaker:{name}") for name in names}
        return {name: Opened(float(row[b"until"]), float(row[b"for_s"]), row[b"reason"].decode()) for name, row in rows.items() if row}

    def open(self, model: str, opened: Opened) -> None:
        """See `States.open`."""
        row = {"until": opened.until, "for_s": opened.for_s, "reason": opened.reason, "probe_until": 0}
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(f"{PREFIX}breaker:{model}", mapping=row).sadd(f"{PREFIX}breakers", model).execute()

    def close(self, model: str) -> None:
        """See `States.close`."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(f"{PREFIX}breaker:{model}").srem(f"{PREFIX}breakers", model).execute()

    def claim(self, model: str, now: float, until: float) -> bool:
        """See `States.claim`."""
        return bool(self._claim(keys=[f"{PREFIX}breaker:{model}"], args=[now, until]))


@dataclass
class _Calls:
    """The newest calls of one model in this process: (is_failed, is_slow), and the fastest answer among them."""

    newest: deque[tuple[bool, bool]]
    failed_in_a_row: int = 0
    fastest: deque[float] = field(default_factory=lambda: deque(maxlen=20))


class Breakers:
    """The breakers of all models. Safe for threads. Where the shared state does not answer, this process's own holds."""

    def __init__(self, states: States, counters: Counters, limits: BreakerLimits, clock: Callable[[], float] = time) -> None:
        self._states, self._counters, self._limits, self._clock = states, counters, limits, clock
        self._open: dict[str, Opened] = {}
        self._calls: dict[str, _Calls] = {}
        self._seen: object = None
        self._lock = threading.RLock()

    def state(self, model: str) -> State:
        """Whether the model may be asked: `closed` yes, `open` no, `half_open` by whoever gets the probe (`claim`)."""
        with self._lock:
            self._refresh()
            opened = self._open.get(model)
            if opened is None:
                return "closed"
            return "open" if opened.until > self._clock() else "half_open"

    def claim(self, model: str) -> bool:
        """Take the one probe of a half-open breaker, over all processes; say how it went within `probe_s`."""
        with self._lock:
            now = self._clock()
            until = now + self._limits.probe_s
            try:
                return self._states.claim(model, now, until)
            except _lost():  # then this process has a probe of its own
                self._open[model] = Opened(until, self._open[model].for_s, self._open[model].reason)
                return True

    def succeeded(self, model: str, ms: float) -> None:
        """An answer came back, of whatever content."""
        with self._lock:
            calls = self._of(model)
            calls.failed_in_a_row = 0
            calls.fastest.append(ms)
            is_slow = ms >= self._limits.slow_ms
            calls.newest.append((False, is_slow))
            if model in self._open:
                if self._open[model].until <= self._clock():  # a probe; a call from before it opened proves nothing
                    self._close(model)
            elif is_slow and self._rate(calls, slow=True) >= self._limits.slow_rate:
                self._trip(model, "slow answers", self._limits.open_s)

    def failed(self, model: str, reason: str, *, is_exhausted: bool = False, retry_after_s: float | None = None) -> None:
        """No answer came back. `is_exhausted` opens at once, for longer; a wait that the provider asked for is kept when it opens."""
        with self._lock:
            calls = self._of(model)
            calls.failed_in_a_row += 1
            calls.newest.append((True, False))
            if is_exhausted:
                self._trip(model, reason, self._limits.exhausted_s)
            elif model in self._open:  # a probe, or a call that was under way when it opened
                if self._open[model].until <= self._clock():
                    self._trip(model, reason, max(min(2 * self._open[model].for_s, LONGEST_S), retry_after_s or 0.0))
            elif calls.failed_in_a_row >= self._limits.failures or self._rate(calls, slow=False) >= self._limits.error_rate:
                self._trip(model, reason, max(self._limits.open_s, min(retry_after_s or 0.0, LONGEST_S)))

    def fastest_ms(self, model: str) -> float:
        """The fastest of the newest 20 answers; 0 while fewer than five are known."""
        found = self._of(model).fastest
        return min(found) if len(found) >= 5 else 0.0

    def status(self) -> dict[str, Opened]:
        """Every open breaker by model."""
        with self._lock:
            self._refresh()
            return dict(self._open)

    def _of(self, model: str) -> _Calls:
        return self._calls.setdefault(model, _Calls(deque(maxlen=self._limits.window)))

    def _rate(self, calls: _Calls, *, slow: bool) -> float:
        if len(calls.newest) < self._limits.least_calls:
            return 0.0
        return sum(each[1] if slow else each[0] for each in calls.newest) / len(calls.newest)

    def _trip(self, model: str, reason: str, seconds: float) -> None:
        opened = Opened(self._clock() + seconds, seconds, reason)
        self._open[model] = opened
        self._of(model).newest.clear()
        self._share(lambda: self._states.open(model, opened))

    def _close(self, model: str) -> None:
        self._open.pop(model, None)
        self._of(model).newest.clear()
        self._share(lambda: self._states.close(model))

    def _share(self, change: Callable[[], None]) -> None:
        try:
            change()
            self._counters.bump([COUNTER])
        except _lost():
            return

    def _refresh(self) -> None:
        """Read the shared state again when somebody changed it."""
        now = self._counters.read([COUNTER])
        if now is None or now == self._seen:
            return
        try:
            self._open = self._states.load()
        except _lost():
            return
        self._seen = now


def _lost() -> tuple[type[Exception], ...]:
    """What the shared state raises when it does not answer."""
    import sqlite3

    import redis

    return (sqlite3.Error, redis.RedisError)
