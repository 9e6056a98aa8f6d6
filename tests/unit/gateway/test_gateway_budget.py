"""Budgets: whole micro-dollars, never more than there are, whoever asks at the same time and whatever fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_openai import FakeOpenAI
from gateway_house import gateway, question
from redis_house import redis_server

from eco_assets.mcp.gateway.budget import SCHEMA, SqliteBudget
from eco_assets.mcp.gateway.pricing import Rates, estimated_tokens, known_rates
from eco_assets.mcp.gateway.shared import Database

WRITER = """
import json, random, sys
from pathlib import Path
from eco_assets.mcp.gateway.budget import SCHEMA, RedisBudget, SqliteBudget
from eco_assets.mcp.gateway.shared import Database, connect_redis
home, seed, url = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
budget = RedisBudget(connect_redis(url)) if url else SqliteBudget(Database(home / "gateway.db", SCHEMA))
rng, spent, refused = random.Random(seed), 0, 0
limits = {"installation": 50_000, f"agent:{seed}": 40_000}
while refused < 20:
    held = budget.reserve(rng.randrange(1, 900), limits)
    if isinstance(held, str):
        refused += 1
        continue
    cost = rng.choice([0, held.micro_usd // 2, held.micro_usd])
    budget.settle(held, cost)
    spent += cost
print(json.dumps({"spent": spent, "installation": budget.spent("installation")}))
"""


def writers(tmp_path: Path, url: str) -> list[dict[str, int]]:
    """Two processes that spend until nothing is left."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    found = [subprocess.Popen([*command, str(seed), url], stdout=subprocess.PIPE, text=True) for seed in range(2)]
    return [json.loads(writer.communicate(timeout=120)[0]) for writer in found]


def test_two_processes_never_spend_more_than_there_is(tmp_path: Path) -> None:
    found = writers(tmp_path, "")
    total = sum(each["spent"] for each in found)
    assert 49_000 < total <= 50_000
    assert max(each["spent"] for each in found) <= 40_000
    assert SqliteBudget(Database(tmp_path / "gateway.db", SCHEMA)).spent("installation") == total


def test_nor_in_server_mode(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        found = writers(tmp_path, url)
    total = sum(each["spent"] for each in found)
    assert 49_000 < total <= 50_000
    assert max(each["installation"] for each in found) == total


def test_a_scope_without_money_is_named_and_nothing_is_held_on_the_others(tmp_path: Path) -> None:
    budget = SqliteBudget(Database(tmp_path / "gateway.db", SCHEMA))
    assert budget.reserve(60, {"installation": 100, "agent:a": 50}) == "agent:a"
    assert budget.spent("installation") == 0


def test_yesterday_is_another_budget(tmp_path: Path) -> None:
    days = iter(["2026-11-21", "2026-11-22", "2026-11-22"])
    budget = SqliteBudget(Database(tmp_path / "gateway.db", SCHEMA), lambda: next(days))
    held = budget.reserve(100, {"installation": 100})
    assert not isinstance(held, str)
    assert not isinstance(budget.reserve(100, {"installation": 100}), str)
    budget.settle(held, 40)  # to the day that it was taken from
    assert budget.spent("installation") == 100


def test_a_file_that_cannot_be_written_spends_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "gateway.db", SCHEMA)
    database.close()
    assert SqliteBudget(database).reserve(1, {"installation": 100}) == "sqlite"


def test_when_the_money_is_gone_nobody_is_asked_and_the_cheap_way_is_taken(tmp_path: Path) -> None:
    with FakeOpenAI(always="garbage") as garbled, FakeOpenAI() as sound:
        held = gateway(tmp_path, garbled, sound, settings={"llm_agent_budget_usd": 0.0009})
        answers = [held.answer_all([question(at)])[0] for at in range(6)]
        spent = held.status()["spent_micro_usd"]
        held.close()
    outcomes = [hop.outcome for answer in answers for hop in answer.hops]
    assert "skipped: budget of agent:varejo" in outcomes
    assert spent == sum(answer.cost_micro_usd for answer in answers) <= 900  # what the garbled answers cost counts too
    assert answers[0].hops[0].cost_micro_usd > 0
    assert answers[-1].choice is None


def test_rates_round_up_and_know_what_was_cached() -> None:
    rates = Rates(0.1, 0.01, 0.5)
    assert rates.cost(100, 60) == 40
    assert rates.cost(1, 0) == 1
    assert rates.cost(1_000, 0, cached_tokens=1_000) == 10
    assert Rates(0, 0, 0).cost(10_000, 500) == 0
    assert known_rates("x-ai", "grok-4.7") == Rates(2.0, 0.5, 6.0)


@pytest.mark.parametrize("is_openai", [True, False])
def test_tokens_are_estimated_without_a_network(is_openai: bool) -> None:
    text = "Chegou atrasado e com defeito, quero o meu dinheiro de volta. " * 10
    found = estimated_tokens(text, is_openai=is_openai)
    assert 100 < found < 250
