"""One agent's crash, poison or slow dependency touches no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_workflows import ToyHouse
from workflow_house import decision

from eco_assets.jorge import dead_letters, health
from eco_assets.jorge.queues import load_queues


@pytest.fixture
def house(tmp_path: Path) -> ToyHouse:
    return ToyHouse(tmp_path)


def test_doors_that_hang_for_one_agent_take_no_thread_from_another(house: ToyHouse) -> None:
    """Each of the 24 orders leaves up to 4 threads hanging in its door: more than a pool that all agents shared would have."""
    stuck = [decision("comercial.stuck", number) for number in range(24)]
    quick = [decision("industrial.quick", number) for number in range(5)]

    with house.engine() as engine:
        engine.enqueue(stuck)
        ended = engine.wait([order["decision_id"] for order in stuck], timeout_s=120)  # nothing lets them go before this line
        records = engine.run(quick, timeout_s=120)

    assert {record["outcome"] for record in ended} == {"compensated"}
    assert {record["outcome"] for record in records} == {"completed"}


def test_orders_that_cannot_begin_or_end_are_dead_letters_of_their_agent_only(house: ToyHouse) -> None:
    house.switches.refuse |= {"two", "undo_one"}
    poison = [decision("comercial.two"), decision("comercial.priced")]
    fine = [decision("industrial.quick", number) for number in range(3)]

    records = house.run(*poison, *fine)

    assert [record["outcome"] for record in records] == ["failed", "failed", "completed", "completed", "completed"]
    with house.port() as port:
        assert {letter["agent"] for letter in dead_letters.listed(port, house.ledger)} == {"comercial"}
        told = health.deep(port, house.ledger, load_queues(), house.workflows, house.world)
    assert [finding["name"] for finding in told if not finding["is_ok"]] == ["comercial"]
