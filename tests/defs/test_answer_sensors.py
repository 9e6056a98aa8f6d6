"""What a person approved is carried out: one run an agent and day, asked for once, whatever door the answer came through."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from eco_assets.defs.jobs import execution_job
from eco_assets.defs.partitions import DAILY
from eco_assets.jorge.approvals import answer
from eco_assets.jorge.approvers import Approvers
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from eco_assets.settings import AGENTS, Settings
from resources.platform import PlatformResource
from sensors.answers import answers_sensor

DAYS = ("2026-10-30", "2026-10-31")


@pytest.fixture
def home(tmp_path: Path) -> Platform:
    return Platform(Settings(home=tmp_path / "home"))


def proposed(home: Platform, number: int, day: str, agent: str = "comercial") -> str:
    identity = hashlib.sha256(f"{agent}/{number}".encode()).hexdigest()[:32]
    body: dict[str, Any] = {
        "decision_id": identity,
        "agent": agent,
        "point": "demo",
        "subject": f"s{number}",
        "as_of": day,
        "action": "agir",
        "workflow": f"{agent}.agir",
        "cost_brl": 10.0,
        "requires_approval": True,
    }
    home.ledger.append([Entry("decision", identity, agent, day, body)])
    return identity


@dg.asset(partitions_def=DAILY)
def carried_out() -> None:
    """Stands for the executions of an agent."""


@pytest.fixture
def jobs() -> dg.RepositoryDefinition:
    """The jobs that carry decisions out, by name."""
    named = [dg.define_asset_job(execution_job(agent), selection=[carried_out]) for agent in AGENTS]
    return dg.Definitions(assets=[carried_out], jobs=named).get_repository_def()


Tick = Callable[..., tuple[list[dg.RunRequest], str]]


@pytest.fixture
def tick(home: Platform, jobs: dg.RepositoryDefinition) -> Tick:
    """Evaluates an agent's sensor at a cursor; gives its requests and the next cursor."""

    def evaluate(cursor: str | None, agent: str = "comercial") -> tuple[list[dg.RunRequest], str]:
        with dg.DagsterInstance.ephemeral() as instance:
            resources = {"platform": PlatformResource.of(home)}
            context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=jobs, resources=resources)
            data = answers_sensor(agent).evaluate_tick(context)
            return list(data.run_requests or []), data.cursor or ""

    return evaluate


def given(home: Platform, identity: str, verdict: str) -> None:
    answer(home.ledger, identity, verdict, "Ana", people=Approvers())


def test_approved_days_are_carried_out_once_and_rejected_ones_not(home: Platform, tick: Tick) -> None:
    first, second, third, other = (proposed(home, number, DAYS[number % 2]) for number in range(4))
    foreign = proposed(home, 9, DAYS[0], "varejo")
    assert tick(None) == ([], "0")
    given(home, first, "approved")
    given(home, second, "rejected")
    given(home, third, "approved")
    given(home, foreign, "approved")
    requests, cursor = tick("0")
    again, _ = tick("0")
    assert [(request.partition_key, request.run_key) for request in requests] == [(DAYS[0], requests[0].run_key)]
    assert [request.run_key for request in again] == [requests[0].run_key], "a tick that is repeated asks for the same run"
    assert tick(cursor) == ([], cursor)
    given(home, other, "approved")
    assert [request.partition_key for request in tick(cursor)[0]] == [DAYS[1]]
    assert [request.partition_key for request in tick(None, "varejo")[0]] == [DAYS[0]]


def test_what_was_carried_out_already_asks_for_nothing(home: Platform, tick: Tick) -> None:
    identity = proposed(home, 1, DAYS[0])
    given(home, identity, "approved")
    home.ledger.append([Entry("execution", identity, "comercial", DAYS[0], {"decision_id": identity, "outcome": "completed"})])
    assert tick(None)[0] == []


def test_a_lost_cursor_asks_for_the_same_runs_again(home: Platform, tick: Tick) -> None:
    given(home, proposed(home, 1, DAYS[0]), "approved")
    assert [r.run_key for r in tick("not a number")[0]] == [r.run_key for r in tick(None)[0]] != []
