"""State that all processes of a home share: counters that are read at memory speed, and a SQLite file or a Redis behind them.

A counter is what makes a change known: who changes something bumps it before the change counts as done, who reads compares it. In a
home it is eight bytes of a mapped file, so a reader pays no system call; in server mode it is a key of Redis.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from eco_assets.errors import ConfigError

SLOTS = 4096  # names share slots by their hash: a collision invalidates too much, never too little
LOCK_WAIT_S = 1.0  # a question cannot wait for longer; a transaction here takes about 0.1 ms
_WORD = 8
_SIZE = (SLOTS + 1) * _WORD  # the first word names the file
BOOT = Path("/proc/sys/kernel/random/boot_id")
PREFIX = "eco:gateway:"


class Counters(Protocol):
    """Counters by name that every process sees alike."""

    def read(self, names: Sequence[str]) -> tuple[object, ...] | None:
        """An identity of the store, then one count a name; None where the store does not answer (nothing may be relied on then)."""
        ...

    def bump(self, names: Sequence[str]) -> None:
        """Raise the counts; every `read` that begins after this returned sees it, in every process."""
        ...


class MappedCounters:
    """Counters in a mapped file. Not for network file systems.

    The identity holds the machine's boot: pages that a crash of the machine lost could turn a count back.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._lock = threading.Lock()
        with self._locked():
            if os.fstat(self._file).st_size < _SIZE:
                os.ftruncate(self._file, _SIZE)
                os.pwrite(self._file, secrets.token_bytes(_WORD), 0)
        self._map = mmap.mmap(self._file, _SIZE)
        self._words = memoryview(self._map).cast("Q")
        self._boot = BOOT.read_text().strip() if BOOT.exists() else ""

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock:  # a file lock does not keep two threads apart
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def read(self, names: Sequence[str]) -> tuple[object, ...]:
        """See `Counters.read`; half a microsecond a name."""
        words = self._words
        return (self._boot, words[0], *[words[_slot(name)] for name in names])

    def bump(self, names: Sequence[str]) -> None:
        """See `Counters.bump`. Under a lock: two bumps that both wrote 6 over 5 would be one."""
        with self._locked():
            for slot in {_slot(name) for name in names}:
                self._words[slot] = (self._words[slot] + 1) % 2**64

    def close(self) -> None:
        """Let go of the file."""
        self._words.release()
        self._map.close()
        os.close(self._file)


class RedisCounters:
    """Counters in Redis; one round trip a read. A Redis that was emptied has another identity."""

    def __init__(self, client: Any) -> None:
        self._redis = client

    def read(self, names: Sequence[str]) -> tuple[object, ...] | None:
        """See `Counters.read`."""
        import redis

        try:
            found: Any = self._redis.mget([f"{PREFIX}epoch", *(f"{PREFIX}count:{name}" for name in names)])
            if found[0] is None:
                self._redis.set(f"{PREFIX}epoch", secrets.token_hex(8), nx=True)
                return self.read(names)
        except redis.RedisError:
            return None
        return tuple(found)

    def bump(self, names: Sequence[str]) -> None:
        """See `Counters.bump`; raises `redis.RedisError` when it is not known to have happened."""
        pipe = self._redis.pipeline(transaction=True)
        for name in names:
            pipe.incr(f"{PREFIX}count:{name}")
        pipe.execute()

    def close(self) -> None:
        """Nothing is held."""


def connect_redis(url: str) -> Any:
    """A Redis client that gives up after a quarter of a second: a question cannot wait for longer.

    Raises:
        ConfigError: the URL is malformed.
    """
    import redis

    try:
        return redis.Redis.from_url(url, socket_timeout=0.25, socket_connect_timeout=0.25, decode_responses=False)
    except ValueError:
        raise ConfigError("ECO_REDIS_URL is not like redis://user:password@host:6379/0") from None


class Database:
    """One SQLite file, one connection a process, used by one thread at a time. A crash of the machine may lose the last moments."""

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(schema)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, outside a transaction."""
        with self._lock:
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection in an immediate transaction: what is read in it stays true until it is written."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()


def _slot(name: str) -> int:
    return 1 + zlib.crc32(name.encode()) % SLOTS
