"""The journal: durable before it is told, limits exact between processes, first decided wins, never a silent loss."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from service_house import DAY, POINT, context, decider_of, journal_of, make_home, policy

from eco_assets.errors import DeadlineExceeded, EcoError, Overloaded, RequestRefused
from eco_assets.ledger import Entry
from eco_assets.mcp.batch import decide_day
from eco_assets.mcp.decider import Ask, Caller
from eco_assets.mcp.engine import Spent
from eco_assets.mcp.journal import Item, Journal, RequestKey, Result
from eco_assets.platform import Platform

AGENT = "comercial"
LEADS = 300  # the point's budget of R$ 4000 a day is used up after 114 contacts at R$ 35


def run(platform: Platform, asks: Sequence[Ask], **options: object) -> list[Result]:
    async def ask() -> list[Result]:
        journal = journal_of(platform)
        try:
            return await decider_of(platform, journal).results(asks, Caller("http"), **options)  # type: ignore[arg-type]
        finally:
            await asyncio.to_thread(journal.close)

    return asyncio.run(ask())


def records(results: Sequence[Result]) -> list[dict[str, object]]:
    for result in results:
        if isinstance(result, EcoError):
            raise result
    return [result.record() for result in results if not isinstance(result, EcoError)]


def worker(home: Path, first: int, count: int) -> subprocess.Popen[str]:
    script = Path(__file__).with_name("journal_worker.py")
    command = [sys.executable, str(script), str(home), str(first), str(count)]
    paths = f"{Path(__file__).parent}:{Path(__file__).parents[2]}"
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"})


def test_a_decision_is_in_the_ledger_and_keeps_its_id(tmp_path: Path) -> None:
    platform = make_home(tmp_path)
    (first,) = records(run(platform, [Ask(POINT, "lead1")]))
    (again,) = run(platform, [Ask("lead_next_action", "lead1")])
    assert not isinstance(again, EcoError)
    assert not again.is_new
    assert again.record() == first == {**platform.ledger.get("decision", str(first["decision_id"]))}
    platform.ledger.verify()


def test_what_the_batch_decided_stands_online_and_the_other_way_round(tmp_path: Path) -> None:
    platform = make_home(tmp_path)
    batch = decide_day(platform.ledger, policy(), [context(1)], "0" * 32)
    (online,) = run(platform, [Ask(POINT, "lead1")])
    assert not isinstance(online, EcoError)
    assert (online.is_new, online.record()["decision_id"]) == (False, batch.decisions[0]["decision_id"])
    run(platform, [Ask(POINT, "lead2")])
    assert decide_day(platform.ledger, policy(), [context(1), context(2)], "0" * 32).added == 0


def test_two_processes_keep_a_budget_to_the_cent(tmp_path: Path) -> None:
    platform = make_home(tmp_path, LEADS)
    both = [worker(platform.settings.home, first, LEADS // 2) for first in (0, LEADS // 2)]
    told = [line.split() for process in both for line in process.communicate(timeout=120)[0].splitlines()]
    assert [process.returncode for process in both] == [0, 0]
    assert len({identity for identity, _ in told}) == LEADS
    held = platform.ledger.list("decision", agent=AGENT, as_of=DAY.isoformat())
    acting = [decision for decision in held if decision["workflow"]]
    limits = policy().guardrails
    cost = sum(decision["cost_brl"] for decision in acting)
    assert cost <= limits.max_cost_brl_per_day
    assert len(acting) <= limits.max_actions_per_day
    assert cost > limits.max_cost_brl_per_day - 2 or len(acting) == limits.max_actions_per_day  # nothing that fits was refused
    spent, money = 0, 0.0
    for decision in held:  # every decision was made with exactly what was spent before it
        assert (decision["spent"]["actions"], decision["spent"]["cost_brl"]) == (spent, pytest.approx(money))
        spent, money = spent + bool(decision["workflow"]), money + (decision["cost_brl"] if decision["workflow"] else 0)
    platform.ledger.verify()


def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    platform = make_home(tmp_path, 1500)
    process = worker(platform.settings.home, 0, 1500)
    assert process.stdout is not None
    told = [process.stdout.readline().split()[0] for _ in range(60)]
    process.kill()
    told += [line.split()[0] for line in process.stdout.read().splitlines() if len(line.split()) == 2]
    process.wait(30)
    assert 60 <= len(told) < 1500
    assert platform.ledger.known("decision", told) == set(told)
    platform.ledger.verify()


def test_a_subject_that_is_decided_again_gives_back_what_its_first_decision_took(tmp_path: Path) -> None:
    platform = make_home(tmp_path)
    ask = Ask(POINT, "lead1")
    changed = Ask(POINT, "lead1", {"landing_page_leads": 5.0})
    (first,) = records(run(platform, [ask]))
    (second,) = records(run(platform, [changed]))
    assert first["decision_id"] != second["decision_id"]
    assert second["spent"] == {"actions": 0, "cost_brl": 0.0, "subject_actions": 0}
    body = {"decision_id": second["decision_id"], "outcome": "completed"}
    platform.ledger.append([Entry("execution", str(second["decision_id"]), AGENT, DAY.isoformat(), body)])
    (third,) = records(run(platform, [Ask(POINT, "lead1", {"landing_page_leads": 6.0})]))
    assert third["spent"] == {"actions": 1, "cost_brl": second["cost_brl"], "subject_actions": 1}


def test_the_same_request_key_gives_the_same_answer_also_in_a_new_process(tmp_path: Path) -> None:
    platform = make_home(tmp_path)
    asks = [Ask(POINT, "lead1"), Ask(POINT, "nobody")]
    first = run(platform, asks, key=RequestKey("k1", "f1"))
    again = run(platform, asks, key=RequestKey("k1", "f1"))
    assert [str(one) if isinstance(one, EcoError) else one.body for one in first] == [
        str(one) if isinstance(one, EcoError) else one.body for one in again
    ]
    with pytest.raises(RequestRefused, match="used for another request"):
        run(platform, [Ask(POINT, "lead2")], key=RequestKey("k1", "f2"))
    assert len(platform.ledger.list("decision")) == 1


def test_a_full_queue_refuses_and_a_late_request_is_not_recorded(tmp_path: Path) -> None:
    platform = make_home(tmp_path)

    def slow(_: Spent) -> dict[str, object]:
        time.sleep(0.5)
        return {"workflow": None, "cost_brl": 0.0, "point": "p", "subject": "s"}

    async def overload() -> None:
        journal = Journal(platform.ledger, tmp_path / "queue", limit=2)
        items = [Item(f"i{number}", AGENT, "p", "2026-01-01", "s", slow) for number in range(3)]
        first = asyncio.create_task(journal.submit(items[:1]))
        await asyncio.sleep(0.1)
        late = asyncio.create_task(journal.submit(items[1:2], deadline=time.monotonic() + 0.05))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match="nothing was recorded"):
            await journal.submit(items[2:])
        with pytest.raises(DeadlineExceeded):
            await late
        await first
        await asyncio.to_thread(journal.close)
        with pytest.raises(Overloaded, match="shutting down"):
            await journal.submit(items[2:])

    asyncio.run(overload())
    assert platform.ledger.known("decision", ["i0", "i1", "i2"]) == {"i0"}


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    platform = make_home(tmp_path, 200)

    async def leave() -> int:
        journal = journal_of(platform)
        decider = decider_of(platform, journal)
        tasks = [asyncio.create_task(decider.results([Ask(POINT, f"lead{number}")], Caller("http"))) for number in range(200)]
        await asyncio.sleep(0.01)
        await asyncio.to_thread(journal.close)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(not isinstance(one, BaseException) for one in done)

    assert len(platform.ledger.list("decision")) == 0
    told = asyncio.run(leave())
    assert len(platform.ledger.list("decision")) == told > 0


def test_an_item_that_cannot_be_made_touches_neither_its_neighbours_nor_what_comes_later(tmp_path: Path) -> None:
    platform = make_home(tmp_path)

    def poisoned(spent: Spent) -> dict[str, object]:
        raise KeyError("a bug")

    def plain(spent: Spent) -> dict[str, object]:
        return {"decision_id": "fine", "workflow": None, "cost_brl": 0.0}

    def item(name: str, make: Callable[[Spent], dict[str, object]]) -> Item:
        return Item(name, AGENT, POINT.partition("/")[2], DAY.isoformat(), name, make)

    async def submit() -> tuple[list[Result], list[Result]]:
        journal = journal_of(platform)
        try:
            together = await journal.submit([item("bad", poisoned), item("fine", plain)])
            return together, await journal.submit([item("later", plain)])
        finally:
            await asyncio.to_thread(journal.close)

    (bad, fine), (later,) = asyncio.run(submit())
    assert isinstance(bad, EcoError)
    assert "a bug" in str(bad)
    assert not isinstance(fine, EcoError)
    assert not isinstance(later, EcoError)
    assert platform.ledger.known("decision", ["bad", "fine", "later"]) == {"fine", "later"}
