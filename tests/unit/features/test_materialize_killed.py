"""Processes that die while they materialize, readers beside a writer, two writers, a server that goes away."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from feature_house import ROW, fill, hour, redis_server, view

from eco_assets.aurion.features.online import Kept, OnlineStore
from eco_assets.aurion.features.online_redis import RedisStore
from eco_assets.aurion.features.online_sqlite import SqliteStore
from eco_assets.aurion.features.store import FeatureStore
from eco_assets.errors import ConfigError, LakeBusy, SourceRefused, SourceUnavailable
from eco_assets.lake import Lake

Build = Callable[..., FeatureStore]
MACHINES = 1500
# Materializes the small lake's view in chunks of 150 rows and says so after each; where it is killed is the parent's choice.
SLOWLY = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from feature_house import hour, view
from eco_assets.aurion.features import offline, online_redis, online_sqlite
from eco_assets.aurion.features.store import FeatureStore
from eco_assets.lake import Lake
offline._CHUNK = 150
for writer in (online_sqlite.SqliteWriter, online_redis.RedisWriter):
    def slow(self, rows, *, is_forced=False, put=writer.put):
        changed = put(self, rows, is_forced=is_forced)
        print("chunk", flush=True)
        time.sleep(0.05)
        return changed
    writer.put = slow
where = sys.argv[3]
online = online_redis.RedisStore(where, lease_s=2) if where.startswith("redis") else online_sqlite.SqliteStore(Path(where))
FeatureStore(Lake(Path(sys.argv[2])), online, {"reading": view()}).materialize("reading", hour(float(sys.argv[4])))
print("done", flush=True)
"""


def version(lake: Lake, number: int) -> None:
    """Every machine reads `number`, at that hour."""
    names = pa.array([f"m{machine}" for machine in range(MACHINES)])
    at = pa.array([hour(number).replace(tzinfo=None)] * MACHINES, pa.timestamp("us"))
    heat = pa.array([float(number)] * MACHINES)
    fill(lake, pa.table([names, at, at, heat, pa.nulls(MACHINES, pa.string())], schema=ROW))


@contextmanager
def materializing(lake: Lake, online: OnlineStore, where: str, through: float) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SLOWLY, str(Path(__file__).parent), str(lake.root), where, str(through)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def chunks(process: subprocess.Popen[str], count: int) -> None:
    assert process.stdout is not None
    for _ in range(count):
        assert process.stdout.readline() == "chunk\n"


def all_heats(store: FeatureStore) -> list[float | None]:
    answers = store.get(["reading:heat"], [{"machine": f"m{machine}"} for machine in range(MACHINES)], at=hour(100))
    return [answer["reading"].values["heat"] for answer in answers]


def test_a_killed_materialization_leaves_rows_of_before_or_after_and_the_next_one_completes_it(
    lake: Lake, online: OnlineStore, store: Build
) -> None:
    served = store(view())
    version(lake, 1)
    served.materialize("reading", hour(2))
    version(lake, 3)

    with materializing(lake, online, online.place, 4) as process:
        chunks(process, 4)
        process.kill()
        process.wait()

    left = all_heats(served)
    assert set(left) <= ({1.0} if online.kind == "sqlite" else {1.0, 3.0})
    assert left.count(3.0) == (0 if online.kind == "sqlite" else 150 * 4)
    assert served.through("reading") == hour(2)
    served.materialize("reading", hour(4))
    assert all_heats(served) == [3.0] * MACHINES
    assert served.parity("reading", 500).is_equal


def test_a_smaller_moment_after_a_kill_moves_no_key_back(lake: Lake, redis_url: str) -> None:
    served = FeatureStore(lake, RedisStore(redis_url, wait_s=20, lease_s=1), {"reading": view()})
    version(lake, 3)
    with materializing(lake, served.online, redis_url, 4) as process:
        chunks(process, 2)
        process.kill()
        process.wait()
    older, newer = (hour(number).replace(tzinfo=None) for number in (1, 3))
    lake.commit(
        lambda db: db.execute("INSERT INTO demo.readings SELECT machine, $older, seen, 1.0, state FROM demo.readings", {"older": older})
    )

    done = served.materialize("reading", hour(2))

    assert done.through == newer.replace(tzinfo=UTC)
    assert all_heats(served) == [3.0] * MACHINES


def test_readers_beside_a_writer_see_whole_rows_and_no_key_goes_back(lake: Lake, online: OnlineStore, store: Build) -> None:
    served = store(view())
    version(lake, 1)
    served.materialize("reading", hour(2))
    version(lake, 3)
    seen: list[list[float | None]] = []

    with materializing(lake, online, online.place, 4) as process:
        chunks(process, 1)
        while process.poll() is None:
            seen.append(all_heats(served))
    seen.append(all_heats(served))

    assert len(seen) > 2
    assert seen[-1] == [3.0] * MACHINES
    assert all(heat in (1.0, 3.0) for one in seen for heat in one)
    for earlier, later in pairwise(seen):
        assert all((old or 0.0) <= (new or 0.0) for old, new in zip(earlier, later, strict=True))
    if online.kind == "sqlite":
        assert all(len(set(one)) == 1 for one in seen), "a materialization is seen as a whole or not at all"


def test_a_second_writer_of_a_view_gives_up_after_its_wait(lake: Lake, online: OnlineStore) -> None:
    is_embedded = online.kind == "sqlite"
    other: OnlineStore = SqliteStore(Path(online.place), wait_s=0.2) if is_embedded else RedisStore(online.place, wait_s=0.2)
    version(lake, 1)

    with online.writing(view().space), pytest.raises(LakeBusy, match="another process"):
        FeatureStore(lake, other, {"reading": view()}).materialize("reading", hour(2))


def test_threads_read_the_embedded_store_each_by_a_connection_of_its_own(lake: Lake, tmp_path: Path) -> None:
    version(lake, 1)
    served = FeatureStore(lake, SqliteStore(tmp_path / "online.db"), {"reading": view()})
    served.materialize("reading", hour(2))
    found: list[list[float | None]] = []

    readers = [threading.Thread(target=lambda: found.append(all_heats(served))) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert found == [[1.0] * MACHINES] * 4


def test_a_writer_whose_lease_was_taken_writes_nothing_more(redis_url: str) -> None:
    import redis

    online = RedisStore(redis_url, wait_s=5, lease_s=0.6)
    with pytest.raises(LakeBusy, match="lost to another process"), online.writing("reading@1") as writer:
        with redis.Redis.from_url(redis_url) as client:
            assert client.set("eco:features:{reading@1}:rows:lock", "another")
        threading.Event().wait(1.0)
        writer.put([Kept('["m1"]', 1, None, b"[]")])
    assert online.count("reading@1") == 0


def test_a_long_materialization_keeps_its_lease(redis_url: str) -> None:
    online = RedisStore(redis_url, wait_s=0.1, lease_s=0.6)
    with online.writing("reading@1") as writer:
        threading.Event().wait(1.5)
        with pytest.raises(LakeBusy), RedisStore(redis_url, wait_s=0.1).writing("reading@1"):
            pass
        writer.put([Kept('["m1"]', 1, None, b"[]")])
        writer.finish(1)
    assert online.count("reading@1") == 1


def test_a_redis_that_is_down_is_a_transient_error_without_its_password(lake: Lake, tmp_path: Path) -> None:
    version(lake, 1)
    online = RedisStore("redis://eco:segredo@127.0.0.1:1/0", wait_s=1)
    served = FeatureStore(lake, online, {"reading": view()})

    for call in (lambda: served.get(["reading"], [{"machine": "m1"}]), lambda: served.materialize("reading", hour(2))):
        with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:1/0 does not answer") as caught:
            call()
        assert "segredo" not in f"{caught.value} {caught.value.__cause__} {online.place}"


def test_a_wrong_password_is_a_permanent_error_without_it(tmp_path: Path, redis_port: int) -> None:
    with redis_server(tmp_path, secret="certo") as (port, _):  # noqa: S106
        wrong, right = (RedisStore(f"redis://:{word}@127.0.0.1:{port}/0", wait_s=1) for word in ("segredo", "certo"))
        with pytest.raises(SourceRefused, match="ECO_REDIS_URL") as caught:
            wrong.count("reading@1")
        assert "segredo" not in str(caught.value)
        assert right.count("reading@1") == 0
    with pytest.raises(ConfigError, match="ECO_REDIS_URL"):
        RedisStore("http://127.0.0.1/segredo")


def test_a_redis_that_came_back_empty_is_filled_by_the_next_materialization(lake: Lake, tmp_path: Path, redis_port: int) -> None:
    version(lake, 1)
    with redis_server(tmp_path) as (port, _):
        served = FeatureStore(lake, RedisStore(f"redis://127.0.0.1:{port}/0", wait_s=5), {"reading": view(late_by="1h")})
        served.materialize("reading", hour(50))
    with pytest.raises(SourceUnavailable):
        all_heats(served)
    with redis_server(tmp_path, port=port):
        assert set(all_heats(served)) == {None}
        assert served.materialize("reading", hour(51)).written == MACHINES
        assert set(all_heats(served)) == {1.0}
