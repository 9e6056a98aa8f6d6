"""What the processes of one home share, opened together: in the home by default, in Redis where one is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eco_assets.mcp.gateway import breaker, budget, cache
from eco_assets.mcp.gateway.catalogue import Configured
from eco_assets.mcp.gateway.shared import Database, MappedCounters, RedisCounters, connect_redis
from eco_assets.settings import Settings


@dataclass(frozen=True)
class Parts:
    """Cache, budget and breakers over one store."""

    cache: cache.Cache
    budget: budget.Budget
    breakers: breaker.Breakers
    opened: tuple[Any, ...]

    def close(self) -> None:
        """Close files and connections."""
        for each in self.opened:
            each.close()


def open_parts(settings: Settings, table: Configured) -> Parts:
    """The parts of a home.

    Raises:
        ConfigError: `ECO_REDIS_URL` is malformed.
    """
    if settings.redis_url is not None:
        client = connect_redis(settings.redis_url)
        shared = RedisCounters(client)
        breakers = breaker.Breakers(breaker.RedisStates(client), shared, table.breaker)
        return Parts(cache.Cache(shared, cache.RedisStore(client), table.cache), budget.RedisBudget(client), breakers, (client,))
    database = Database(settings.gateway / "gateway.db", f"{cache.SCHEMA};{budget.SCHEMA};{breaker.SCHEMA};")
    counters = MappedCounters(settings.gateway / "counters")
    breakers = breaker.Breakers(breaker.SqliteStates(database), counters, table.breaker)
    answers = cache.Cache(counters, cache.SqliteStore(database), table.cache)
    return Parts(answers, budget.SqliteBudget(database), breakers, (database, counters))
