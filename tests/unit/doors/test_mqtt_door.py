"""Commands to machines through a real mosquitto: taken by the broker, confirmed by the machine, once a key."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from door_house import TRACE, Broker, DoorHouse, Machine

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Unreached

ANSWERS = "fabrica/{subject}/respostas"
STOP = {
    "decision_id": "d1",
    "traceparent": TRACE,
    "subject": "maquina-1",
    "action": "reduzir",
    "command": "load",
    "value": 0.6,
    "undo_command": "",
    "undo_value": 1.0,
}


@pytest.fixture
def machine(broker: Broker) -> Iterator[Machine]:
    running = Machine(broker)
    yield running
    running.stop()


def test_a_command_reaches_the_machine_with_its_key_and_is_confirmed(house: DoorHouse, broker: Broker, machine: Machine) -> None:
    world = house.world(machine=broker.door(ack_topic=ANSWERS))
    for _ in range(2):
        assert world.send("machine", "w/load", STOP) == "fabrica/maquina-1/comandos: confirmed by the machine"

    assert machine.heard == ["w/load"]
    assert machine.acted["w/load"]["value"] == 0.6
    assert "undo_value" not in machine.acted["w/load"]


def test_undoing_sends_the_command_that_undoes(house: DoorHouse, broker: Broker, machine: Machine) -> None:
    world = house.world(machine=broker.door(ack_topic=ANSWERS))
    world.send("machine", "k", STOP)
    world.withdraw("machine", "k", STOP)

    assert (machine.acted["k/withdraw"]["command"], machine.acted["k/withdraw"]["value"]) == ("load", 1.0)
    assert machine.acted["k/withdraw"]["withdraws"] == "k"


def test_an_answer_that_got_lost_is_asked_for_again_and_the_machine_acts_once(house: DoorHouse, broker: Broker) -> None:
    machine = Machine(broker, silent=1)
    with pytest.raises(DoorUnavailable, match="did not answer"):
        house.world(machine=broker.door(ack_topic=ANSWERS, timeout_s=1)).send("machine", "k", STOP)
    house.world(machine=broker.door(ack_topic=ANSWERS)).send("machine", "k", STOP)
    machine.stop()

    assert machine.heard == ["k", "k"]
    assert list(machine.acted) == ["k"]


def test_a_machine_that_refuses_refuses_for_good(house: DoorHouse, broker: Broker) -> None:
    machine = Machine(broker, refuses="porta aberta")
    with pytest.raises(ActionRefused, match="porta aberta"):
        house.world(machine=broker.door(ack_topic=ANSWERS)).send("machine", "k", STOP)
    machine.stop()


def test_a_command_that_nobody_listens_for_has_not_happened(house: DoorHouse, broker: Broker) -> None:
    world = house.world(machine=broker.door(), radio=broker.door(needs_listener=False))
    with pytest.raises(Unreached, match="no machine listens"):
        world.send("machine", "k", STOP)

    assert world.withdraw("machine", "k", STOP) == "nothing was sent"
    assert world.send("radio", "k2", STOP).endswith("taken by the broker")


def test_a_broker_that_is_gone_is_found_again(house: DoorHouse, broker: Broker) -> None:
    world = house.world(machine=broker.door(needs_listener=False))
    broker.stop()
    with pytest.raises(Unreached):
        world.send("machine", "k", STOP)
    broker.start()

    assert world.send("machine", "k", STOP).endswith("taken by the broker")


def test_a_broker_that_says_nothing_is_given_up(house: DoorHouse, broker: Broker) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        world = house.world(machine=broker.door(port=silent.getsockname()[1], timeout_s=0.5))
        with pytest.raises(Unreached):
            world.send("machine", "k", STOP)


def test_a_subject_cannot_widen_the_topic(house: DoorHouse, broker: Broker) -> None:
    world = house.world(machine=broker.door(needs_listener=False))

    assert world.send("machine", "k", {**STOP, "subject": "a/#"}) == "fabrica/a__/comandos: taken by the broker"


def test_the_test_connects_and_says_nothing(house: DoorHouse, broker: Broker, machine: Machine) -> None:
    assert house.world(machine=broker.door()).check("machine").endswith("answers")
    assert machine.heard == []
