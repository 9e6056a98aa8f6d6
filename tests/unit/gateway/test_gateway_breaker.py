"""The breaker: what opens it, that every process sees it, and that one probe is let through over all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis_house import redis_server

from eco_assets.mcp.gateway.breaker import SCHEMA, Breakers, RedisStates, SqliteStates
from eco_assets.mcp.gateway.catalogue import BreakerLimits
from eco_assets.mcp.gateway.shared import Database, MappedCounters, RedisCounters

LIMITS = BreakerLimits(
    failures=3, window=10, least_calls=4, error_rate=0.5, slow_ms=100, slow_rate=0.5, open_s=5, exhausted_s=300, probe_s=10
)
WORKER = """
import sys, json
from pathlib import Path
from eco_assets.mcp.gateway.breaker import SCHEMA, Breakers, SqliteStates
from eco_assets.mcp.gateway.catalogue import BreakerLimits
from eco_assets.mcp.gateway.shared import Database, MappedCounters
home, now = Path(sys.argv[1]), [0.0]
limits = BreakerLimits(**json.loads(sys.argv[2]))
held = Breakers(SqliteStates(Database(home / "gateway.db", SCHEMA)), MappedCounters(home / "counters"), limits, lambda: now[0])
for line in sys.stdin:
    now[0], call, *given = json.loads(line)
    print(json.dumps(getattr(held, call)(*given)), flush=True)
"""


class Clock:
    """A time that the test sets."""

    now = 1_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(tmp_path: Path, clock: Clock) -> Breakers:
    return Breakers(SqliteStates(Database(tmp_path / "gateway.db", SCHEMA)), MappedCounters(tmp_path / "counters"), LIMITS, clock)


@pytest.fixture
def two_processes(tmp_path: Path) -> Iterator[Any]:
    command = [sys.executable, "-c", WORKER, str(tmp_path), LIMITS.model_dump_json()]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    def call(which: int, now: float, name: str, *given: Any) -> Any:
        worker = workers[which]
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(json.dumps([now, name, *given]) + "\n")
        worker.stdin.flush()
        return json.loads(worker.stdout.readline())

    yield call
    for worker in workers:
        worker.kill()
        worker.wait()


def test_failures_in_a_row_open_it_and_a_success_between_does_not(breakers: Breakers) -> None:
    for call in ("failed", "failed", "succeeded", "failed", "failed"):
        breakers.failed("m", "HTTP 500") if call == "failed" else breakers.succeeded("m", 10)
        if call == "succeeded":
            assert breakers.state("m") == "closed"
    assert breakers.state("m") == "open"  # not in a row, but four of five calls failed
    assert breakers.state("other") == "closed"


def test_a_rate_of_errors_opens_it(breakers: Breakers) -> None:
    for _ in range(4):
        breakers.succeeded("m", 10)
    for _ in range(3):
        breakers.failed("m", "HTTP 500")
        breakers.succeeded("m", 10)
    assert breakers.state("m") == "closed"  # 3 of 10
    breakers.failed("m", "HTTP 500")
    breakers.failed("m", "HTTP 500")
    assert breakers.state("m") == "open"  # half of the newest ten


def test_slow_answers_open_it(breakers: Breakers) -> None:
    for ms in (10, 10, 200, 200):
        breakers.succeeded("m", ms)
    assert breakers.state("m") == "open"
    assert breakers.status()["m"].reason == "slow answers"


def test_what_only_a_person_can_mend_opens_it_at_once_for_long(breakers: Breakers, clock: Clock) -> None:
    breakers.failed("m", "HTTP 402", is_exhausted=True)
    clock.now += 299
    assert breakers.state("m") == "open"
    clock.now += 2
    assert breakers.state("m") == "half_open"


def test_a_failed_probe_opens_it_for_twice_as_long(breakers: Breakers, clock: Clock) -> None:
    for _ in range(3):
        breakers.failed("m", "HTTP 500")
    clock.now += 6
    assert breakers.state("m") == "half_open"
    assert breakers.claim("m")
    breakers.failed("m", "HTTP 500")
    clock.now += 9
    assert breakers.state("m") == "open"
    clock.now += 2
    assert breakers.claim("m")
    breakers.succeeded("m", 10)
    assert breakers.state("m") == "closed"


def test_an_answer_from_before_it_opened_does_not_close_it(breakers: Breakers) -> None:
    breakers.failed("m", "HTTP 401", is_exhausted=True)
    breakers.succeeded("m", 10)
    assert breakers.state("m") == "open"


def test_what_opens_in_one_process_is_open_in_the_other_and_one_of_both_probes(two_processes: Any) -> None:
    for _ in range(3):
        two_processes(0, 100.0, "failed", "m", "HTTP 500")
    assert two_processes(1, 100.0, "state", "m") == "open"
    assert [two_processes(which, 106.0, "state", "m") for which in (0, 1)] == ["half_open", "half_open"]
    assert [two_processes(which, 106.0, "claim", "m") for which in (1, 0, 1, 0)] == [True, False, False, False]
    assert two_processes(0, 117.0, "claim", "m") is True  # the first prober never came back
    two_processes(0, 117.0, "succeeded", "m", 20)
    assert [two_processes(which, 117.0, "state", "m") for which in (0, 1)] == ["closed", "closed"]


def test_in_server_mode_the_state_is_in_redis(tmp_path: Path, clock: Clock) -> None:
    with redis_server(tmp_path) as url:
        first, second = (
            Breakers(RedisStates(client), RedisCounters(client), LIMITS, clock)
            for client in (redis.Redis.from_url(url), redis.Redis.from_url(url))
        )
        for _ in range(3):
            first.failed("m", "HTTP 500")
        assert second.state("m") == "open"
        clock.now += 6
        assert [second.claim("m"), first.claim("m")] == [True, False]
        second.succeeded("m", 10)
        assert first.state("m") == "closed"


def test_a_redis_that_is_gone_leaves_each_process_its_own_breaker(clock: Clock) -> None:
    client = redis.Redis(port=9, socket_connect_timeout=0.2)
    alone = Breakers(RedisStates(client), RedisCounters(client), LIMITS, clock)
    for _ in range(3):
        alone.failed("m", "HTTP 500")
    assert alone.state("m") == "open"
    clock.now += 6
    assert [alone.claim("m"), alone.state("m")] == [True, "open"]
    clock.now += 11
    alone.succeeded("m", 10)
    assert alone.state("m") == "closed"
