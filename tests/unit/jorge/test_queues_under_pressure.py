"""Queues that hold: no agent starves another, urgent work goes first, what there is no room for is held back, a key runs once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy_workflows import ToyHouse
from workflow_house import DAY, decision

from eco_assets.errors import ConfigError
from eco_assets.jorge import controls
from eco_assets.jorge.dispatch import execute_day
from eco_assets.jorge.queues import FILE, default_queues, handed_over, load_queues, pressure
from eco_assets.ledger import Entry

AGENTS = ("comercial", "varejo", "industrial", "agencia", "mega")


@pytest.fixture
def house(tmp_path: Path) -> ToyHouse:
    return ToyHouse(tmp_path)


def many(workflow: str, count: int, **more: Any) -> list[dict[str, Any]]:
    return [{**decision(workflow, number), **more} for number in range(count)]


class TestTable:
    """What is declared, and what an installation changes."""

    def test_every_agent_has_its_queue(self) -> None:
        assert tuple(default_queues()) == AGENTS

    def test_a_home_changes_what_it_names_and_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / FILE).write_text("varejo: {concurrency: 2, rate: 60}", encoding="utf-8")

        changed, declared = load_queues(tmp_path), default_queues()

        assert (changed["varejo"].concurrency, changed["varejo"].rate, changed["varejo"].depth) == (2, 60, declared["varejo"].depth)
        assert changed["comercial"] == declared["comercial"]
        assert changed["varejo"].options()["limiter"] == {"limit": 60, "period": 60.0}

    @pytest.mark.parametrize("text", ["vendas: {depth: 1}", "varejo: {depht: 1}", "varejo: {concurrency: 0}", "varejo: 3", "[", "- x"])
    def test_a_malformed_table_is_refused_by_name(self, tmp_path: Path, text: str) -> None:
        (tmp_path / FILE).write_text(text, encoding="utf-8")

        with pytest.raises(ConfigError, match=FILE):
            load_queues(tmp_path)


class TestRoom:
    """Back-pressure: plain values."""

    SPEC = default_queues()["industrial"].model_copy(update={"depth": 10, "reserve": 0.2})

    def test_pressure_is_one_where_only_urgent_orders_still_fit(self) -> None:
        assert [pressure(waiting, self.SPEC) for waiting in (0, 4, 8, 16)] == [0, 0.5, 1, 2]
        assert [self.SPEC.room(waiting) for waiting in (0, 8, 10, 99)] == [8, 0, 0, 0]
        assert [self.SPEC.room(waiting, is_urgent=True) for waiting in (8, 10)] == [2, 0]

    def test_what_is_urgent_goes_first_then_what_is_worth_most_and_the_order_is_kept(self) -> None:
        orders = [
            {"decision_id": "cheap", "value_brl": 1.0},
            {"decision_id": "dear", "value_brl": 90.0, "cost_brl": 10.0},
            {"decision_id": "urgent", "priority": 1},
        ]

        taken, back = handed_over(orders, 7, self.SPEC)

        assert [one["decision_id"] for one in taken] == ["dear", "urgent"] or [one["decision_id"] for one in taken] == ["urgent"]
        assert {one["decision_id"] for one in (*taken, *back)} == {"cheap", "dear", "urgent"}
        assert handed_over(orders, 0, self.SPEC) == (orders, [])
        assert handed_over(orders, 99, self.SPEC) == ([], orders)


def test_a_flood_of_one_agent_starves_no_other(house: ToyHouse) -> None:
    flood, few = many("comercial.slow", 30), many("industrial.quick", 5)

    with house.engine() as engine:
        engine.enqueue(flood)
        for _ in range(8):
            assert house.began.acquire(timeout=60)  # every place of the flooding agent is taken and stays taken
        records = engine.run(few, timeout_s=120)
        counts = engine.counts()["comercial"]
        house.gate.set()
        ended = engine.wait([order["decision_id"] for order in flood], timeout_s=120)

    assert {record["outcome"] for record in records} == {"completed"}
    assert (counts["queued"], counts["running"]) == (22, 8)
    assert {record["outcome"] for record in ended} == {"completed"}
    assert set(house.did.values()) == {1}


def test_the_urgent_order_runs_before_those_that_came_first(house: ToyHouse) -> None:
    (house.root / FILE).write_text("comercial: {concurrency: 1}", encoding="utf-8")
    first, everyday = decision("comercial.slow"), many("comercial.two", 4)
    urgent = {**decision("comercial.two", 99), "priority": 1}

    with house.engine() as engine:
        engine.enqueue([first])
        assert house.began.acquire(timeout=60)
        engine.enqueue(everyday)
        engine.enqueue([urgent])
        house.gate.set()
        engine.wait([order["decision_id"] for order in (*everyday, urgent)], timeout_s=120)

    after = [identity for identity in house.order_of if identity != first["decision_id"]]
    assert after[0] == urgent["decision_id"]


def test_the_same_order_is_queued_once_and_a_delayed_one_waits(house: ToyHouse) -> None:
    order, later = decision("industrial.quick"), {**decision("industrial.quick", 2), "delay_s": 3600}

    with house.engine() as engine:
        assert [engine.enqueue([order, order]), engine.enqueue([order])] == [1, 0]
        engine.run([order], timeout_s=120)
        engine.enqueue([later])
        assert engine.status(later["decision_id"])["state"] == "delayed"

    assert list(house.did.values()) == [1]


def test_no_more_orders_begin_in_a_minute_than_the_rate_allows(house: ToyHouse) -> None:
    (house.root / FILE).write_text("industrial: {rate: 3}", encoding="utf-8")
    orders, quick = many("industrial.quick", 6), many("comercial.two", 6)

    with house.engine() as engine:
        engine.enqueue(orders)
        engine.run(quick, timeout_s=120)  # the other agent's many polls later
        states = [engine.status(order["decision_id"])["state"] for order in orders]

    assert states.count("queued") >= 3


class TestIntake:
    """The decision layer hands over what there is room for."""

    @pytest.fixture
    def decided(self, house: ToyHouse) -> list[dict[str, Any]]:
        orders = [{**order, "value_brl": float(number)} for number, order in enumerate(many("comercial.two", 6))]
        house.ledger.append(Entry("decision", order["decision_id"], "comercial", DAY, order) for order in orders)
        return orders

    def day(self, house: ToyHouse, waiting: int = 0) -> dict[str, int]:
        queues = load_queues(house.root)
        intake = controls.intake(house.ledger, queues, lambda: {"comercial": {"queued": waiting}})
        return execute_day(house.ledger, "comercial", DAY, house.engine, intake=intake).outcomes()

    def test_what_the_queue_cannot_take_is_held_back_and_goes_on_with_the_next_run(
        self, house: ToyHouse, decided: list[dict[str, Any]]
    ) -> None:
        (house.root / FILE).write_text("comercial: {depth: 4, reserve: 0}", encoding="utf-8")

        assert self.day(house, waiting=1) == {"completed": 3, "held_back": 3}
        assert self.day(house) == {"completed": 6}
        assert [record["decision_id"] for record in house.ledger.list("execution")[:3]] == [d["decision_id"] for d in decided[3:]]
        assert set(house.did.values()) == {1}

    def test_nothing_is_handed_to_an_agent_that_is_paused(self, house: ToyHouse, decided: list[dict[str, Any]]) -> None:
        house.run(decision("industrial.quick"))
        with house.port() as port:
            controls.pause(port, house.ledger, "comercial", by="ana", why="price list is wrong")

        assert self.day(house) == {"held_back": 6}
        assert house.ledger.list("commitment") == [], "what is held back may still give way"
        with house.port() as port:
            controls.resume(port, house.ledger, load_queues(house.root)["comercial"], by="ana")
        assert self.day(house) == {"completed": 6}
