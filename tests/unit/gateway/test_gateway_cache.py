"""The cache: answers by content in two levels, and no stale one after an invalidation, in any process, whatever the interleaving."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_openai import FakeOpenAI
from gateway_house import gateway, question
from redis_house import redis_server

from eco_assets.mcp.gateway.cache import key_of, tags_of
from eco_assets.mcp.questions import Choice

WORKER = """
import json, mmap, random, sys, time
from pathlib import Path
from eco_assets.mcp.gateway import open_gateway
from eco_assets.mcp.gateway.catalogue import CacheLimits, configured
from eco_assets.mcp.gateway.parts import open_parts
from eco_assets.mcp.questions import Answer
from eco_assets.settings import Settings
home, seed, seconds, url = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
settings = Settings(home=home, openai_api_key="k", redis_url=url or None)
cache = open_parts(settings, configured(settings)).cache
shared = open(home / "truth", "r+b")
words = memoryview(mmap.mmap(shared.fileno(), 128)).cast("Q")  # versions of 4 keys, then the versions whose invalidation returned
rng, stale, hits = random.Random(seed), 0, 0
owned = seed % 4  # each key is written by one process, so that its versions grow
end = time.perf_counter() + seconds
while time.perf_counter() < end:
    if rng.random() < 0.1:
        words[owned] += 1
        cache.invalidate(f"tag:{owned}")
        words[4 + owned] = words[owned]
        continue
    key = rng.randrange(4)
    least = words[4 + key]
    found = cache.get(f"k{key}", (f"tag:{key}",))
    if found is not None:
        hits += 1
        stale += int(found.choice) < least
        continue
    counts = cache.counts((f"tag:{key}",))
    version = words[key]
    if rng.random() < 0.3:
        time.sleep(rng.random() * 0.002)  # the model thinks
    cache.put(f"k{key}", (f"tag:{key}",), counts, Answer("q", str(version), 0.9))
print(json.dumps({"stale": stale, "hits": hits, "written": words[owned]}))
"""


def race(tmp_path: Path, url: str) -> list[dict[str, int]]:
    """Four processes, one second."""
    (tmp_path / "truth").write_bytes(bytes(128))
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    workers = [subprocess.Popen([*command, str(seed), "1.0", url], stdout=subprocess.PIPE, text=True) for seed in range(4)]
    return [json.loads(worker.communicate(timeout=120)[0]) for worker in workers]


def test_no_process_is_given_what_an_invalidation_has_met(tmp_path: Path) -> None:
    found = race(tmp_path, "")
    assert sum(each["stale"] for each in found) == 0
    assert all(each["hits"] > 100 for each in found)
    assert all(each["written"] > 10 for each in found)


def test_nor_in_server_mode(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        found = race(tmp_path, url)
    assert sum(each["stale"] for each in found) == 0
    assert all(each["hits"] > 10 for each in found)


def test_equal_content_is_answered_once_until_its_tag_is_invalidated(tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        one, other = gateway(tmp_path, server), gateway(tmp_path, server)
        first = one.answer_all([question(0, subject="s1")])[0]
        again = one.answer_all([question(0, subject="s2", key="d9/motivo")])[0]
        elsewhere = other.answer_all([question(0)])[0]
        assert (first.is_cached, again.is_cached, elsewhere.is_cached) == (False, True, True)
        assert again.cost_micro_usd == 0
        assert again.choice == first.choice
        assert len(server.asked) == 1
        server.script.choice = "b"
        assert other.cache is not None
        other.cache.invalidate("point:varejo/review_recovery")
        assert one.answer_all([question(0)])[0].choice == "b"
        assert elsewhere.hops == first.hops
        one.close()
        other.close()


def test_what_is_asked_or_of_whom_makes_another_key() -> None:
    base = question(0)
    keys = {
        key_of(asked, evidence, models)
        for asked, evidence, models in (
            (base, "{}", ["m"]),
            (question(0, text="Outra?"), "{}", ["m"]),
            (question(0, choices=(Choice("a", "outro"), Choice("b"))), "{}", ["m"]),
            (question(0, kind="score"), "{}", ["m"]),
            (question(0, route="strong"), "{}", ["m"]),
            (question(0, point="other"), "{}", ["m"]),
            (base, '{"x":1}', ["m"]),
            (base, "{}", ["m", "n"]),
        )
    }
    assert len(keys) == 8
    assert key_of(base, "{}", ["m"]) == key_of(question(5, evidence=base.evidence), "{}", ["m"])
    assert tags_of(base) == ("all", "agent:varejo", "point:varejo/review_recovery", "ask:varejo/review_recovery/motivo")


def test_abstentions_and_failures_are_not_kept(tmp_path: Path) -> None:
    with FakeOpenAI(confidence=0.5, faults=[(400, {}, {})]) as server:
        held = gateway(tmp_path, server)
        for _ in range(3):
            assert held.answer_all([question()])[0].choice is None
        held.close()
    assert len(server.asked) == 3


def test_a_stricter_question_is_not_given_a_laxer_answer(tmp_path: Path) -> None:
    with FakeOpenAI(confidence=0.85) as server:
        held = gateway(tmp_path, server)
        assert held.answer_all([question()])[0].choice == "a"
        assert held.answer_all([question(min_confidence=0.9)])[0].choice is None
        held.close()


def test_an_answer_is_forgotten_when_its_time_is_over(tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        held = gateway(tmp_path, server, cache={"ttl_s": 0.05})
        held.answer_all([question()])
        time.sleep(0.06)
        held.answer_all([question()])
        held.close()
    assert len(server.asked) == 2


def test_a_redis_that_is_gone_gives_nothing_from_the_cache_and_spends_nothing(tmp_path: Path) -> None:
    with FakeOpenAI() as server:
        held = gateway(tmp_path, server, settings={"redis_url": "redis://127.0.0.1:9/0"})
        (answer,) = held.answer_all([question()])
        assert answer.hops[0].outcome == "skipped: budget of redis"
        with pytest.raises(Exception, match=r"127\.0\.0\.1:9"):
            held.cache.invalidate("all")  # type: ignore[union-attr]
        held.close()
    assert server.asked == []
