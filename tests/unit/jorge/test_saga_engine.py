"""The durable engine: a saga completes, or what it did is taken back; nothing happens twice."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from workflow_house import DAY, DEAF, WorkflowHouse, decision, trail

from eco_assets.errors import ActionRefused, ConfigError, DoorUnavailable
from eco_assets.jorge.agents import WORKFLOWS
from eco_assets.jorge.workflow import Order, Step, Workflow, booking, catalogue, message
from eco_assets.jorge.world import World

STOP = "industrial.parar_maquina"
TRACED = ("decision_id", "subject", "action", "traceparent")


def saga(*steps: Step, name: str = "comercial.demo") -> dict[str, Workflow]:
    return catalogue([Workflow(name, "Demo", "A saga of the tests.", steps)])


def refuses(world: World, order: Order) -> str:
    raise ActionRefused("no, and not later either")


def test_a_saga_completes_step_by_step_and_its_messages_name_decision_and_trace(house: WorkflowHouse) -> None:
    order = decision(STOP, cost_brl=4800.0)
    (record,) = house.run(order)

    steps = ["book_technician_slots", "stop", "open_work_order", "page_supervisor"]
    assert record["outcome"] == "completed"
    assert trail(record) == [(name, "done") for name in steps]
    assert [step["key"] for step in record["steps"]] == [f"{order['decision_id']}/{name}" for name in steps]
    assert (record["workflow_id"], record["decision_id"], record["agent"], record["cost_brl"]) == (
        order["decision_id"],
        order["decision_id"],
        "industrial",
        4800.0,
    )
    assert record["started_at"] <= record["finished_at"]
    assert house.sent() == sorted(f"{order['decision_id']}/{name}" for name in steps[1:])
    assert house.withdrawn() == []
    assert house.world.booked("technician_slots", DAY) == 1
    assert json.loads(json.dumps(record)) == record
    for sent in house.messages():
        assert {key: sent[key] for key in TRACED} == {key: order[key] for key in TRACED}


def test_a_refused_step_is_not_tried_again_and_everything_is_undone_in_reverse_with_it(house: WorkflowHouse) -> None:
    tries: list[str] = []

    def refused(world: World, order: Order) -> str:
        tries.append(order.key)
        raise ActionRefused("no room")

    sagas = saga(booking("slots", 5), message("crm", "note"), replace(message("email", "write"), do=refused), message("shift", "never"))
    order = decision("comercial.demo")
    (record,) = house.run(order, sagas=sagas)

    assert record["outcome"] == "compensated"
    assert trail(record) == [
        ("book_slots", "done"),
        ("note", "done"),
        ("write", "failed"),
        ("write", "undone"),
        ("note", "undone"),
        ("book_slots", "undone"),
    ]
    assert record["steps"][2]["detail"] == "no room"
    assert len(tries) == 1
    assert record["cost_brl"] == 0.0
    assert house.world.booked("slots", DAY) == 0
    assert house.withdrawn() == sorted(f"{order['decision_id']}/{name}" for name in ("note", "write"))


def test_capacity_that_ran_out_compensates_the_rest(house: WorkflowHouse) -> None:
    sagas = saga(booking("slots", 2), message("crm", "note"))
    records = house.run(*(decision("comercial.demo", number) for number in range(5)), sagas=sagas)

    assert sorted(record["outcome"] for record in records) == ["compensated"] * 3 + ["completed"] * 2
    assert house.world.booked("slots", DAY) == 2
    assert len(house.sent()) == 2


def test_a_door_that_opens_again_is_tried_again(house: WorkflowHouse) -> None:
    blocked, tries = house.block("crm"), []

    def patient(world: World, order: Order) -> str:
        tries.append(order.key)
        try:
            return world.send("crm", order.key, {})
        except DoorUnavailable:
            blocked.unlink()  # somebody repairs it before the next try
            raise

    (record,) = house.run(decision("comercial.demo"), sagas=saga(replace(message("crm", "note"), do=patient)))

    assert record["outcome"] == "completed"
    assert len(tries) == 2
    assert len(house.sent()) == 1


def test_a_door_that_stays_shut_is_compensated(house: WorkflowHouse) -> None:
    house.block("cmms")
    (record,) = house.run(decision(STOP))

    assert record["outcome"] == "compensated"
    assert trail(record)[:3] == [("book_technician_slots", "done"), ("stop", "done"), ("open_work_order", "failed")]
    assert trail(record)[3:] == [("open_work_order", "undone"), ("stop", "undone"), ("book_technician_slots", "undone")]
    assert "the outbox cmms cannot be written" in record["steps"][2]["detail"]
    assert house.world.booked("technician_slots", DAY) == 0
    assert len(house.withdrawn()) == 1


def test_a_step_that_cannot_be_undone_does_not_keep_the_others_from_it(house: WorkflowHouse) -> None:
    steps = (booking("slots", 5), Step("glue", do=lambda world, order: "stuck", undo=refuses), Step("fail", do=refuses))
    (record,) = house.run(decision("comercial.demo"), sagas=saga(*steps))

    assert record["outcome"] == "failed"
    assert trail(record)[2:] == [("fail", "failed"), ("fail", "undone"), ("glue", "failed"), ("book_slots", "undone")]
    assert house.world.booked("slots", DAY) == 0


def test_an_error_that_nobody_thought_of_is_compensated_and_an_unknown_workflow_fails_alone(house: WorkflowHouse) -> None:
    def breaks(world: World, order: Order) -> str:
        raise ZeroDivisionError("by zero")

    sagas = {**WORKFLOWS, **saga(booking("slots", 5), Step("break", do=breaks))}
    broken, unknown, good = house.run(decision("comercial.demo"), decision("comercial.unknown"), decision("comercial.nutrir"), sagas=sagas)

    assert [record["outcome"] for record in (broken, unknown, good)] == ["compensated", "failed", "completed"]
    assert "by zero" in broken["steps"][1]["detail"]
    assert "comercial.unknown" in unknown["error"]
    assert house.world.booked("slots", DAY) == 0


def test_the_same_decision_twice_acts_once_and_has_one_record(house: WorkflowHouse) -> None:
    order = decision("comercial.nutrir")
    first = house.run(order, order)
    stamps = {path: path.stat().st_mtime_ns for path in house.outbox.glob("*/*.json")}
    second = house.run(order)

    assert first == second
    assert {path: path.stat().st_mtime_ns for path in house.outbox.glob("*/*.json")} == stamps


def test_records_come_in_the_order_asked_for(house: WorkflowHouse) -> None:
    orders = [decision(name) for name in sorted(DEAF) if not name.startswith("mega.")]
    with house.engine() as engine:
        records = engine.run(orders, timeout_s=60)

    assert [record["decision_id"] for record in records] == [order["decision_id"] for order in orders]
    assert {record["outcome"] for record in records} == {"completed"}


def test_a_second_worker_on_the_same_file_gives_up_after_its_wait(house: WorkflowHouse) -> None:
    seen: list[BaseException] = []

    def second() -> None:
        try:
            with house.engine(wait_s=0.1):
                pass
        except DoorUnavailable as error:
            seen.append(error)

    with house.engine():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    assert "another worker" in str(seen[0])


def test_what_was_not_waited_for_goes_on_at_the_next_start(house: WorkflowHouse) -> None:
    orders = [decision(STOP, number) for number in range(3)]
    with pytest.raises(DoorUnavailable, match="still running; run again"), house.engine(pause_s=0.5) as engine:
        engine.run(orders, timeout_s=0.6)

    records = house.run(*orders)

    assert [record["outcome"] for record in records] == ["completed"] * 3
    assert len(house.sent()) == 9
    assert house.withdrawn() == []


def test_an_interrupted_run_goes_on_at_the_next_start(house: WorkflowHouse) -> None:
    slow = threading.Event()

    def waits(world: World, order: Order) -> str:
        slow.wait(12)  # longer than the engine waits for its workflows when it closes
        return world.send("crm", order.key, {})

    order = decision("comercial.demo")
    sagas = saga(booking("slots", 5), replace(message("crm", "note"), do=waits), message("email", "write"))
    with pytest.raises(KeyboardInterrupt), house.engine(sagas) as engine:
        with pytest.raises(DoorUnavailable):
            engine.run([order], timeout_s=0.5)
        raise KeyboardInterrupt
    slow.set()

    (record,) = house.run(order, sagas=sagas)

    assert record["outcome"] == "completed"
    assert len(house.sent()) == 2


class TestCatalogue:
    """What a saga may look like."""

    def test_two_sagas_of_one_name_are_refused(self) -> None:
        demo = Workflow("comercial.demo", "Demo", "", (message("crm", "note"),))
        with pytest.raises(ConfigError, match=r"comercial\.demo"):
            catalogue([demo, demo])

    def test_two_steps_of_one_name_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"comercial\.demo"):
            saga(message("crm", "note"), message("email", "note"))

    @pytest.mark.parametrize("name", sorted(WORKFLOWS))
    def test_every_step_of_every_saga_can_be_undone(self, name: str) -> None:
        assert all(step.undo for step in WORKFLOWS[name].steps)
        assert WORKFLOWS[name].label
        assert WORKFLOWS[name].description
