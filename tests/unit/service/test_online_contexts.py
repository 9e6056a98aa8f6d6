"""Contexts online: an edition is seen as a whole, ages are counted, an older day never replaces a newer one, and it is the lake's."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from service_house import DAY, POINT, context, contexts

from eco_assets.aurion.features.online import OnlineStore
from eco_assets.aurion.features.online_sqlite import SqliteStore
from eco_assets.errors import NotFound
from eco_assets.mcp.engine import decision_id
from eco_assets.mcp.online import Online, differences, end_of, publish
from eco_assets.mcp.policies import load_policies


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnlineStore]:
    if request.param == "sqlite":
        yield SqliteStore(tmp_path / "online.db")
        return
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    sys.path.insert(0, str(Path(__file__).parents[1] / "features"))
    from feature_house import redis_server

    from eco_assets.aurion.features.online_redis import RedisStore

    with redis_server(tmp_path) as (port, _):
        yield RedisStore(f"redis://127.0.0.1:{port}/0")


def test_what_is_published_is_read_back_and_decides_under_the_batch_s_id(store: OnlineStore) -> None:
    publish(store, POINT, DAY, contexts(3))
    found = Online(store).read(POINT, "lead1")
    assert found is not None
    assert (found.features, found.predictions, found.models) == (context(1).features, context(1).predictions, context(1).models)
    policy = load_policies()[POINT]
    assert decision_id(policy, found) == decision_id(policy, context(1))


def test_a_subject_that_is_not_served_is_none_and_so_is_an_unknown_point(store: OnlineStore) -> None:
    publish(store, POINT, DAY, contexts(3))
    assert Online(store).read(POINT, "lead99") is None
    assert Online(store).read("comercial/other", "lead1") is None


def test_a_new_edition_replaces_the_old_one_as_a_whole(store: OnlineStore) -> None:
    publish(store, POINT, DAY, contexts(5))
    reader = Online(store)
    assert reader.read(POINT, "lead4") is not None
    publish(store, POINT, DAY + timedelta(days=1), [context(1, p_convert=0.9, day=DAY + timedelta(days=1))])
    found = reader.read(POINT, "lead1")
    assert found is not None
    assert (found.as_of, found.predictions["p_convert"]) == ("2018-06-01", 0.9)
    assert reader.read(POINT, "lead4") is None


def test_the_same_contexts_again_only_confirm_them(store: OnlineStore) -> None:
    first = publish(store, POINT, DAY, contexts(5), now=datetime(2026, 1, 1, 8, tzinfo=UTC))
    again = publish(store, POINT, DAY, contexts(5), now=datetime(2026, 1, 1, 10, tzinfo=UTC))
    assert (first.is_new, again.is_new, again.edition.digest) == (True, False, first.edition.digest)
    reader = Online(store, now=lambda: datetime(2026, 1, 1, 11, tzinfo=UTC).timestamp())
    found = reader.read(POINT, "lead0")
    assert found is not None
    assert found.age_hours["age_days"] == 1.0


def test_an_older_day_never_replaces_a_newer_one(store: OnlineStore) -> None:
    publish(store, POINT, DAY, contexts(5))
    older = publish(store, POINT, DAY - timedelta(days=1), contexts(9, DAY - timedelta(days=1)))
    assert not older.is_served
    assert older.edition.as_of == DAY.isoformat()
    assert Online(store).read(POINT, "lead8") is None


def test_age_counts_from_publication_or_from_the_end_of_the_day(store: OnlineStore) -> None:
    moment = datetime(2026, 1, 1, 8, tzinfo=UTC)
    publish(store, POINT, date(2025, 12, 30), [replace(context(1), as_of="2025-12-30", age_hours={"age_days": 2.0})], now=moment)
    later = (moment + timedelta(hours=3)).timestamp()
    recorded = Online(store, "published", now=lambda: later).read(POINT, "lead1")
    live = Online(store, "wall", now=lambda: later).read(POINT, "lead1")
    assert recorded is not None
    assert live is not None
    assert (recorded.age_hours["age_days"], recorded.age_hours["p_convert"]) == (5.0, 3.0)
    since = (moment + timedelta(hours=3) - end_of(date(2025, 12, 30))).total_seconds() / 3600
    assert live.age_hours["p_convert"] == pytest.approx(since)


def test_parity_names_what_differs(store: OnlineStore) -> None:
    publish(store, POINT, DAY, contexts(4))
    assert differences(store, POINT, contexts(4)) == []
    changed = [context(0), context(1, p_convert=0.1), context(2), context(7)]
    found = differences(store, POINT, changed)
    assert "lead1: p_convert is 0.4 online and 0.1 in the lake" in found
    assert "lead7 is not served" in found
    with pytest.raises(NotFound, match="nothing was published"):
        differences(store, "comercial/other", [])
