"""Pause, resume, drain, cancel, fork: what people do to running work, audited, and true over restarts."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from toy_workflows import ToyHouse
from workflow_house import decision

from eco_assets.errors import DoorUnavailable, NotFound, PermanentError
from eco_assets.jorge import controls
from eco_assets.jorge.queues import load_queues


@pytest.fixture
def house(tmp_path: Path) -> ToyHouse:
    house = ToyHouse(tmp_path)
    house.run(decision("industrial.quick", 1000))  # the queues exist from the first worker on
    house.did.clear()
    return house


def test_paused_an_agent_starts_nothing_over_restarts_and_others_go_on(house: ToyHouse) -> None:
    order, other = decision("comercial.two"), decision("industrial.quick")
    with house.port() as port:
        controls.pause(port, house.ledger, "comercial", by="ana", why="wrong prices")

    for _ in range(2):
        with house.engine() as engine:
            engine.enqueue([order])
            assert engine.run([other], timeout_s=120)[0]["outcome"] == "completed"
            assert engine.paused() == ["comercial"]
            assert engine.status(order["decision_id"])["state"] == "queued"
    with house.engine() as engine:
        controls.resume(engine, house.ledger, load_queues()["comercial"], by="bia")
        assert engine.wait([order["decision_id"]], timeout_s=120)[0]["outcome"] == "completed"

    done = [(entry["operation"], entry["by"], entry["why"]) for entry in house.ledger.list("operation")]
    assert done == [("pause", "ana", "wrong prices"), ("resume", "bia", "")]
    assert controls.state(house.ledger, "comercial") == "running"


def test_drained_an_agent_has_ended_what_it_had_and_is_paused(house: ToyHouse) -> None:
    orders = [decision("comercial.slow", number) for number in range(12)]
    with house.engine() as engine:
        engine.enqueue(orders)
        assert house.began.acquire(timeout=60)
        threading.Timer(0.3, house.gate.set).start()
        count = controls.drain(engine, house.ledger, "comercial", by="ana", timeout_s=120)
        records = engine.wait([order["decision_id"] for order in orders], timeout_s=1)

    assert 1 <= count <= 12
    assert {record["outcome"] for record in records} == {"completed"}
    assert controls.state(house.ledger, "comercial") == "paused"


def test_an_agent_that_cannot_be_drained_says_so_and_stays_draining(house: ToyHouse) -> None:
    with house.engine() as engine:
        engine.enqueue([decision("comercial.slow")])
        assert house.began.acquire(timeout=60)
        with pytest.raises(DoorUnavailable, match="1 orders of comercial have not ended"):
            controls.drain(engine, house.ledger, "comercial", by="ana", timeout_s=0.1)
        assert controls.state(house.ledger, "comercial") == "draining"
        house.gate.set()


def test_cancelled_an_order_stops_before_its_next_step_and_is_undone(house: ToyHouse) -> None:
    order = decision("comercial.slow")
    with house.engine() as engine:
        engine.enqueue([order])
        assert house.began.acquire(timeout=60)
        controls.cancel(engine, house.ledger, order["decision_id"][:10], by="ana", why="customer called")
        house.gate.set()
        (record,) = engine.wait([order["decision_id"]], timeout_s=120)
        with pytest.raises(PermanentError, match="has ended already"):
            controls.cancel(engine, house.ledger, order["decision_id"], by="ana")

    assert record["outcome"] == "cancelled"
    assert sorted(key.rpartition(":")[2] for key in house.did) == ["hang", "undo_hang"]
    assert [entry["operation"] for entry in house.ledger.list("operation")] == ["cancel"] * 3, "the one that was refused, and its failure"


def test_forked_an_order_runs_again_from_the_step_on_and_keeps_the_steps_before(house: ToyHouse) -> None:
    order = decision("comercial.two")
    with house.engine() as engine:
        engine.run([order], timeout_s=120)
        run = controls.fork(engine, house.ledger, order["decision_id"], "two", by="ana", why="letter was lost")
        (record,) = engine.wait([run], timeout_s=120)
        with pytest.raises(NotFound, match="no recorded step 'three'"):
            controls.fork(engine, house.ledger, order["decision_id"], "three", by="ana")

    assert record["outcome"] == "completed"
    assert {key.rpartition(":")[2]: count for key, count in house.did.items()} == {"one": 1, "two": 2}


def test_nobody_acts_without_a_name_and_on_nothing_unknown(house: ToyHouse) -> None:
    with house.port() as port:
        with pytest.raises(PermanentError, match="needs the name"):
            controls.pause(port, house.ledger, "comercial", by=" ")
        with pytest.raises(NotFound):
            controls.cancel(port, house.ledger, "zzz", by="ana")
        assert port.paused() == []
