"""What gives way is recorded once, is never carried out, and comes back when what it gave way to does not go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mega_records import DAY, decision, entry, small_rules

from eco_assets.day import standing_decisions
from eco_assets.errors import PermanentError
from eco_assets.jorge import dispatch
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.dispatch import APPROVED, REJECTED, answer, execute_day, execution_of
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.world import World
from eco_assets.ledger import Ledger
from eco_assets.mcp.mega import standing
from eco_assets.mcp.mega.rules import Rules

STOP = "industrial.alarm.parar_maquina"
PLAN = "industrial.planning.inspecionar"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Rules:
    """The small rules are the installation's."""
    return install(monkeypatch, small_rules())


def install(monkeypatch: pytest.MonkeyPatch, chosen: Rules) -> Rules:
    monkeypatch.setattr(standing, "load_rules", lambda: chosen)
    return chosen


def run(ledger: Ledger, agent: str = "industrial") -> dict[str, str]:
    root = ledger.path.parent

    @contextmanager
    def engine() -> Iterator[Engine]:
        with open_engine(root / "jorge" / "engine.db", WORKFLOWS, World(root / "outbox", root / "jorge" / "bookings.db")) as opened:
            yield opened

    records = execute_day(ledger, agent, DAY, engine).records
    decided = ledger.known("decision", [record["decision_id"] for record in records])  # a stop's events start workflows of their own
    return {record["decision_id"]: record["outcome"] for record in records if record["decision_id"] in decided}


def pair(plan_value: float = 50.0, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return decision(STOP, "pump", 100.0, **more), decision(PLAN, "p1", plan_value, machine="pump")


def test_a_superseded_decision_stands_no_longer_and_is_never_carried_out(ledger: Ledger, rules: Rules) -> None:
    stop, plan = pair()
    ledger.append([entry(stop), entry(plan)])
    assert run(ledger) == {stop["decision_id"]: "completed"}
    (found,) = ledger.list("resolution", agent="industrial", as_of=DAY)
    assert (found["decision_id"], found["verdict"], found["by"]) == (plan["decision_id"], "superseded", [stop["decision_id"]])
    assert [each["decision_id"] for each in standing_decisions(ledger, "industrial", DAY)] == [stop["decision_id"]]
    assert execution_of(ledger, plan)["outcome"] == "superseded"
    head = ledger.head()
    assert run(ledger) == {stop["decision_id"]: "completed"}
    assert standing.resolve_day(ledger, DAY)[0]["decision_id"] == plan["decision_id"]
    assert ledger.head() == head


def test_what_was_begun_is_recorded_first_and_a_later_safer_decision_gives_way_to_it(ledger: Ledger, rules: Rules) -> None:
    stop, plan = pair()
    ledger.append([entry(plan)])

    class Killed(Exception):
        pass

    @contextmanager
    def dying() -> Iterator[Engine]:
        raise Killed
        yield

    with pytest.raises(Killed):
        execute_day(ledger, "industrial", DAY, dying)
    assert ledger.list("commitment")[0]["decision_ids"] == [plan["decision_id"]]
    ledger.append([entry(stop)])
    assert run(ledger) == {plan["decision_id"]: "completed"}
    assert ledger.list("resolution")[0]["decision_id"] == stop["decision_id"]


def test_a_refused_winner_lets_the_other_go_on(ledger: Ledger, rules: Rules) -> None:
    stop, plan = pair(needs=True)
    ledger.append([entry(stop), entry(plan)])
    assert run(ledger) == {stop["decision_id"]: "awaiting_approval"}
    answer(ledger, stop["decision_id"], by="Ana", verdict=REJECTED)
    assert run(ledger) == {stop["decision_id"]: "rejected", plan["decision_id"]: "completed"}
    assert [each["verdict"] for each in ledger.list("resolution")] == ["superseded", "released"]


def test_a_dispute_above_the_amount_waits_for_a_person_who_chooses_one(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, small_rules(approval_above_brl=10.0))
    stop, plan = pair()
    ledger.append([entry(stop), entry(plan)])
    assert set(run(ledger).values()) == {"awaiting_approval"}
    waiting = standing_decisions(ledger, "industrial", DAY)
    assert [each["requires_approval"] for each in waiting] == [True, True]
    assert "Uma pessoa escolhe" in waiting[1]["held_because"]
    answer(ledger, plan["decision_id"], by="Ana", verdict=APPROVED)
    assert run(ledger) == {plan["decision_id"]: "completed"}
    assert execution_of(ledger, stop)["outcome"] == "superseded"


def test_a_decision_that_nobody_disputes_still_needs_no_approval(ledger: Ledger, rules: Rules) -> None:
    stop, _ = pair()
    ledger.append([entry(stop)])
    with pytest.raises(PermanentError, match="needs no approval"):
        answer(ledger, stop["decision_id"], by="Ana", verdict=APPROVED)


def test_an_older_decision_that_was_carried_out_keeps_its_place_when_a_newer_one_replaces_it(ledger: Ledger, rules: Rules) -> None:
    plan, stop = decision(PLAN, "p1", 50.0, machine="pump"), decision(STOP, "pump", 100.0)
    ledger.append([entry(plan)])
    run(ledger)
    newer = decision(PLAN, "p1", 60.0, machine="pump")
    ledger.append([entry(newer), entry(stop)])
    assert run(ledger) == {plan["decision_id"]: "completed", newer["decision_id"]: "already_acted"}
    assert [each["decision_id"] for each in ledger.list("resolution")] == [stop["decision_id"]]


def test_the_resolution_comes_before_the_execution_whoever_starts_it(ledger: Ledger, rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(dispatch, "resolve_day", lambda found, day: seen.append(day))
    run(ledger)
    assert seen == [DAY]
