"""Providers that fail in every way that they can: everything is answered by somebody, and what failed is said."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from fake_openai import FakeOpenAI
from gateway_house import SureHead, gateway, question

from eco_assets.mcp.gateway.faults import status_fault
from eco_assets.mcp.questions import AskLimits

QUOTA = {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}


@pytest.mark.parametrize(
    ("fault", "outcome", "calls", "is_billed"),
    [
        ((500, {}, {}), "ProviderUnavailable", 2, True),
        ((429, {"retry-after-ms": "10"}, {}), "ProviderUnavailable", 2, False),
        ((400, {}, {"error": {"message": "bad request"}}), "ProviderRefused", 1, False),
        ((401, {}, {}), "ProviderRefused", 1, False),
        ((402, {}, {}), "ProviderRefused", 1, False),
        ((429, {}, QUOTA), "ProviderRefused", 1, False),
        ("garbage", "AnswerRefused", 1, True),
        ("drop", "ProviderUnavailable", 2, True),
    ],
)
def test_a_fault_is_named_billed_and_retried_as_it_deserves(tmp_path: Path, fault: Any, outcome: str, calls: int, is_billed: bool) -> None:
    with FakeOpenAI(always=fault) as broken, FakeOpenAI(choice="b") as sound:
        held = gateway(tmp_path, broken, sound)
        (answer,) = held.answer_all([question()])
        held.close()
    assert answer.choice == "b"
    assert [hop.outcome for hop in answer.hops] == [*[outcome] * calls, "answered"]
    assert len(broken.asked) == calls
    assert all((hop.cost_micro_usd > 0) is is_billed for hop in answer.hops[:-1])


def test_a_transient_fault_is_tried_again_after_the_wait_that_was_asked_for_where_it_fits(tmp_path: Path) -> None:
    with FakeOpenAI(faults=[(429, {"retry-after-ms": "200"}, {})]) as server:
        held = gateway(tmp_path, server)
        started = time.monotonic()
        (answer,) = held.answer_all([question()])
        waited_s = time.monotonic() - started
        server.script.faults.append((429, {"Retry-After": "60"}, {}))
        (late,) = held.answer_all([question(1)])
        held.close()
    assert [hop.outcome for hop in answer.hops] == ["ProviderUnavailable", "answered"]
    assert waited_s >= 0.2
    assert [hop.outcome for hop in late.hops] == ["ProviderUnavailable"]  # a minute does not fit into five seconds
    assert late.choice is None


def test_a_hanging_provider_leaves_the_next_one_its_time(tmp_path: Path) -> None:
    with FakeOpenAI(always="hang") as hanging, FakeOpenAI(choice="b") as sound:
        held = gateway(tmp_path, hanging, sound, model={"least_ms": 800})
        (answer,) = held.answer_all([question(limits=AskLimits(deadline_ms=3_000, max_cost_micro_usd=5_000))])
        held.close()
    assert answer.choice == "b"
    assert answer.hops[0].outcome == "ProviderUnavailable"
    assert answer.hops[0].cost_micro_usd > 0  # nobody knows whether it was billed, so the estimate stays


@pytest.mark.parametrize("choice", ["c", "a; rm -rf", "", "A"])
def test_an_answer_outside_the_choices_is_refused(tmp_path: Path, choice: str) -> None:
    for endpoint in ("decisions", "chat"):
        with FakeOpenAI(choice=choice) as server:
            held = gateway(tmp_path / endpoint, server, model={"endpoints": [endpoint]})
            (answer,) = held.answer_all([question()])
            held.close()
        assert answer.choice is None
        assert answer.hops[0].outcome == "AnswerRefused"


def test_while_all_providers_are_down_every_question_is_answered_by_the_head(tmp_path: Path) -> None:
    down = [FakeOpenAI(always=fault) for fault in ((503, {}, {}), "drop", (429, {"Retry-After": "60"}, {}))]
    with down[0], down[1], down[2]:
        dead = FakeOpenAI()
        dead.port = 9  # nobody listens there
        held = gateway(tmp_path, *down, dead, heads=[SureHead()])
        answers = held.answer_all([question(at) for at in range(60)])
        held.close()
    assert [answer.provider for answer in answers] == ["head"] * 60
    assert sum(len(server.asked) for server in down) < 60  # the breakers kept the rest away


def test_a_provider_killed_while_it_answers_loses_nobody(tmp_path: Path) -> None:
    with FakeOpenAI(delay_s=0.1) as killed:
        held = gateway(tmp_path, killed, heads=[SureHead()])
        held.answer_all([question(100)])
        threading.Thread(target=kill_after, args=(killed, 21)).start()
        answers = held.answer_all([question(at) for at in range(64)])
        held.close()
    by = [answer.provider for answer in answers]
    assert None not in [answer.choice for answer in answers]
    assert set(by) == {"p0", "head"}


def kill_after(server: FakeOpenAI, asked: int) -> None:
    """Stop the server while it makes its answers."""
    while len(server.asked) < asked:
        time.sleep(0.005)
    server.stop()


def test_a_storm_of_429_opens_the_breaker_after_three_calls(tmp_path: Path) -> None:
    with FakeOpenAI(always=(429, {}, {})) as storm:
        held = gateway(tmp_path, storm, heads=[SureHead()])
        for at in range(10):
            held.answer_all([question(at)])
        status = held.status()["open_breakers"]
        held.close()
    assert len(storm.asked) in (3, 4)  # two calls a question until the third failure in a row; its retry was let through
    assert "p0/m" in status


def test_a_used_up_quota_opens_it_at_once_and_for_long(tmp_path: Path) -> None:
    with FakeOpenAI(always=(402, {}, {})) as server:
        held = gateway(tmp_path, server, heads=[SureHead()])
        answers = [held.answer_all([question(at)])[0] for at in range(5)]
        held.close()
    assert len(server.asked) == 1
    assert [hop.outcome for hop in answers[1].hops] == ["skipped: breaker", "answered"]
    assert answers[1].hops[0].breaker == "open"


def test_what_a_caller_that_gave_up_has_asked_for_stays_paid(tmp_path: Path) -> None:
    async def give_up() -> int:
        task = asyncio.create_task(held.answer(question()))
        while not server.asked:
            await asyncio.sleep(0.01)
        task.cancel()
        spent = int(held.status()["spent_micro_usd"])
        await held.aclose()
        return spent

    with FakeOpenAI(always="hang") as server:
        held = gateway(tmp_path, server)
        assert asyncio.run(give_up()) > 0


def test_retry_after_is_read_in_all_its_forms() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    read = [
        status_fault(429, headers, {}).retry_after_s
        for headers in ({"retry-after": "2"}, {"retry-after-ms": "50"}, {"retry-after": soon}, {"retry-after": "soon"})
    ]
    assert read[0] == 2
    assert read[1] == 0.05
    assert read[2] is not None
    assert 25 < read[2] <= 30
    assert read[3] is None
