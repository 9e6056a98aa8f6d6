"""The online store of several hosts: Redis. A space is a hash of rows and a sorted set of their event times, in one slot of a cluster.

A row is written by a script that compares event times, so that a row is never older than it was. A materialization is many such scripts: a
reader may see one key new and another not yet. The moment up to which a space is complete lies in the same hash and is written last.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from eco_assets.aurion.features.online import Kept
from eco_assets.errors import ConfigError, LakeBusy, SourceRefused, SourceUnavailable

if TYPE_CHECKING:
    import redis

_SPACES, _THROUGH, _CHUNK = "eco:features", "through", 1000
_PUT = """
local changed = 0
for i = 2, #ARGV, 3 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  local is_newer = not old or ARGV[1] == '1' or tonumber(ARGV[i + 1]) >= tonumber(string.match(old, '^%S+'))
  if old ~= ARGV[i + 2] and is_newer then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
    changed = changed + 1
  end
end
return changed
"""


class RedisStore:
    """Rows in the Redis that `url` names. Each installation needs a database of its own, and a server that evicts nothing."""

    kind = "redis"

    def __init__(self, url: str, *, wait_s: float = 120.0, lease_s: float = 30.0) -> None:
        """`lease_s` is how long a process that died keeps others from writing a view.

        Raises:
            ConfigError: the URL is not one of Redis.
        """
        import redis
        from redis.backoff import ExponentialBackoff
        from redis.retry import Retry

        try:
            parts = urlsplit(url)
            self.place = f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}/{parts.path.strip('/') or 0}"
            retry = Retry(ExponentialBackoff(cap=0.2, base=0.02), 2)
            self._redis = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=2, retry=retry)
        except ValueError:
            raise ConfigError("ECO_REDIS_URL is not like redis://user:password@host:6379/0") from None
        self._wait_s, self._lease_s = wait_s, lease_s

    def read(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[list[Kept | None]]:
        """See `OnlineStore`. One round trip."""
        with self._told():
            pipe = self._redis.pipeline(transaction=False)
            for space, keys in asked:
                pipe.hmget(_names(space)[0], [*keys, _THROUGH])  # a command without a key is none
            found = pipe.execute()
        return [[_unpacked(key, row) for key, row in zip(keys, rows, strict=False)] for (_, keys), rows in zip(asked, found, strict=True)]

    def through(self, space: str) -> int | None:
        """See `OnlineStore`."""
        with self._told():
            found: Any = self._redis.hget(_names(space)[0], _THROUGH)
        return None if found is None else int(found)

    def count(self, space: str) -> int:
        """See `OnlineStore`."""
        with self._told():
            return int(self._redis.zcard(_names(space)[1]))

    def newest(self, space: str) -> int | None:
        """See `OnlineStore`."""
        with self._told():
            found: Any = self._redis.zrange(_names(space)[1], 0, 0, desc=True, withscores=True)
        return int(found[0][1]) if found else None

    def sample(self, space: str, count: int) -> list[str]:
        """See `OnlineStore`."""
        with self._told():
            found: Any = self._redis.zrandmember(_names(space)[1], count)
        return [key.decode() for key in found]

    @contextmanager
    def writing(self, space: str) -> Iterator[RedisWriter]:
        """See `OnlineStore`. A thread keeps the lease while this process lives."""
        lock = self._redis.lock(f"{_names(space)[0]}:lock", timeout=self._lease_s, thread_local=False)
        with self._told():
            if not lock.acquire(blocking_timeout=self._wait_s):
                raise LakeBusy(f"another process has been writing {space} for {self._wait_s:.0f} s; try again when it is done")
            done, lost = threading.Event(), threading.Event()
            keeper = threading.Thread(target=_keep, args=(lock, self._lease_s / 3, done, lost), daemon=True)
            keeper.start()
            try:
                yield RedisWriter(self._redis, space, lost)
            finally:
                done.set()
                keeper.join()
                _release(lock)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Redis's errors as ours, without the URL's password."""
        import redis

        try:
            yield
        except redis.AuthenticationError:
            raise SourceRefused(f"{self.place} refused the user or the password in ECO_REDIS_URL") from None
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise SourceUnavailable(f"{self.place} does not answer ({type(error).__name__}); is Redis running there?") from None
        except redis.ResponseError as error:
            raise SourceRefused(f"{self.place}: {error}") from None


class RedisWriter:
    """See `Writer`."""

    def __init__(self, client: redis.Redis, space: str, lost: threading.Event) -> None:
        self._redis, self._space, self._lost = client, space, lost
        self._rows, self._times = _names(space)
        self._put = client.register_script(_PUT)

    def times(self, since_us: int | None) -> dict[str, int]:
        """See `Writer`."""
        found: Any = self._redis.zrange(self._times, "-inf" if since_us is None else since_us, "+inf", byscore=True, withscores=True)
        return {key.decode(): int(score) for key, score in found}

    def put(self, rows: Sequence[Kept], *, is_forced: bool = False) -> int:
        """See `Writer`."""
        changed = 0
        for start in range(0, len(rows), _CHUNK):
            self._still_ours()
            flat = [part for row in rows[start : start + _CHUNK] for part in (row.key, row.event_us, _packed(row))]
            changed += int(self._put(keys=[self._rows, self._times], args=[int(is_forced), *flat]))
        return changed

    def delete(self, keys: Sequence[str]) -> int:
        """See `Writer`."""
        deleted = 0
        for start in range(0, len(keys), _CHUNK):
            self._still_ours()
            chunk, pipe = list(keys[start : start + _CHUNK]), self._redis.pipeline(transaction=True)
            pipe.hdel(self._rows, *chunk)
            pipe.zrem(self._times, *chunk)
            deleted += int(pipe.execute()[0])
        return deleted

    def delete_before(self, event_us: int) -> int:
        """See `Writer`."""
        old: Any = self._redis.zrange(self._times, "-inf", f"({event_us}", byscore=True)
        return self.delete([key.decode() for key in old])

    def finish(self, through_us: int) -> None:
        """See `Writer`."""
        self._still_ours()
        self._redis.hset(self._rows, _THROUGH, through_us)
        self._redis.sadd(_SPACES, self._space)
        known: Any = self._redis.smembers(_SPACES)
        for other in (name.decode() for name in known):
            if other != self._space and other.split("@")[0] == self._space.split("@")[0]:
                self._redis.unlink(*_names(other))
                self._redis.srem(_SPACES, other)

    def _still_ours(self) -> None:
        if self._lost.is_set():
            raise LakeBusy(f"the right to write {self._space} was lost to another process; try again")


def _keep(lock: Any, every_s: float, done: threading.Event, lost: threading.Event) -> None:
    import redis

    while not done.wait(every_s):
        try:
            lock.reacquire()
        except redis.RedisError:
            lost.set()
            return


def _release(lock: Any) -> None:
    import redis

    try:
        lock.release()
    except redis.RedisError:
        return  # lost or unreachable: the lease ends by itself


def _names(space: str) -> tuple[str, str]:
    """The hash of rows and the sorted set of event times. The braces keep both in one slot."""
    return f"{_SPACES}:{{{space}}}:rows", f"{_SPACES}:{{{space}}}:times"


def _packed(row: Kept) -> bytes:
    return f"{row.event_us} {'' if row.expires_us is None else row.expires_us} ".encode() + row.row


def _unpacked(key: str, packed: bytes | None) -> Kept | None:
    if packed is None:
        return None
    event, expires, row = packed.split(b" ", 2)
    return Kept(key, int(event), int(expires) if expires else None, row)
