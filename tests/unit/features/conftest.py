"""The lake, and each online store in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from feature_house import redis_binary, redis_server

from eco_assets.aurion.features.online import OnlineStore
from eco_assets.aurion.features.online_redis import RedisStore
from eco_assets.aurion.features.online_sqlite import SqliteStore
from eco_assets.aurion.features.store import FeatureStore
from eco_assets.aurion.features.views import View
from eco_assets.lake import Lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """One for all tests of a file: each makes its table anew."""
    return Lake(tmp_path_factory.mktemp("lake"), wait_s=30)


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if redis_binary() is None:
        pytest.skip("Redis is not installed (Debian: apt-get install redis-server)")
    with redis_server(tmp_path_factory.mktemp("redis")) as (port, _):
        yield port


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """The server's first database, emptied."""
    import redis

    with redis.Redis(port=redis_port) as client:
        client.flushall()
    return f"redis://127.0.0.1:{redis_port}/0"


@pytest.fixture(params=["sqlite", "redis"])
def online(request: pytest.FixtureRequest, tmp_path: Path) -> OnlineStore:
    if request.param == "sqlite":
        return SqliteStore(tmp_path / "online.db", wait_s=20)
    return RedisStore(request.getfixturevalue("redis_url"), wait_s=20, lease_s=2)


@pytest.fixture
def store(lake: Lake, online: OnlineStore) -> Callable[..., FeatureStore]:
    """A feature store over some views."""

    def build(*views: View) -> FeatureStore:
        return FeatureStore(lake, online, {view.name: view for view in views})

    return build
