"""An input that changes within a day gives a subject a second decision; the world must not be changed for it twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eco_assets.day import standing_decisions
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.dispatch import execute_day
from eco_assets.jorge.engine import Engine
from eco_assets.jorge.launch import open_engine
from eco_assets.jorge.world import World
from eco_assets.ledger import Entry, Ledger

DAY = "2018-05-31"


def decided(identity: str, subject: str, workflow: str | None = "comercial.nutrir", needs: bool = False) -> Entry:
    body = {
        "decision_id": identity * 32,
        "agent": "comercial",
        "point": "lead_next_action",
        "subject": subject,
        "as_of": DAY,
        "action": "nutrir",
        "workflow": workflow,
        "cost_brl": 2.0,
        "requires_approval": needs,
    }
    return Entry("decision", body["decision_id"], "comercial", DAY, body)  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> tuple[Ledger, Path]:
    return Ledger(tmp_path / "ledger.db"), tmp_path


def run(house: tuple[Ledger, Path]) -> dict[str, str]:
    ledger, root = house

    @contextmanager
    def engine() -> Iterator[Engine]:
        with open_engine(root / "jorge" / "engine.db", WORKFLOWS, World(root / "outbox", root / "jorge" / "bookings.db")) as opened:
            yield opened

    return {record["decision_id"][0]: record["outcome"] for record in execute_day(ledger, "comercial", DAY, engine).records}


def messages(house: tuple[Ledger, Path]) -> int:
    return len(list((house[1] / "outbox").rglob("*.json")))


def test_a_subject_that_was_acted_on_is_not_acted_on_again_that_day(house: tuple[Ledger, Path]) -> None:
    house[0].append([decided("a", "lead-1")])
    assert run(house) == {"a": "completed"}
    sent = messages(house)
    house[0].append([decided("b", "lead-1"), decided("c", "lead-2")])
    assert run(house) == {"a": "completed", "b": "already_acted", "c": "completed"}
    assert messages(house) == 2 * sent


def test_a_decision_that_a_newer_one_replaced_before_it_was_carried_out_never_is(house: tuple[Ledger, Path]) -> None:
    house[0].append([decided("a", "lead-1"), decided("b", "lead-1")])
    assert run(house) == {"b": "completed"}


def test_a_newer_decision_to_do_nothing_stands_before_an_older_action(house: tuple[Ledger, Path]) -> None:
    house[0].append([decided("a", "lead-1"), decided("b", "lead-1", workflow=None)])
    assert run(house) == {}
    assert [decision["decision_id"][0] for decision in standing_decisions(house[0], "comercial", DAY)] == ["b"]


def test_a_replaced_decision_waits_for_nobody(house: tuple[Ledger, Path]) -> None:
    house[0].append([decided("a", "lead-1", needs=True), decided("b", "lead-1")])
    assert run(house) == {"b": "completed"}
