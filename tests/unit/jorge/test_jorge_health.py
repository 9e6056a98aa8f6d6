"""Health: alive, ready, each agent, each dependency; what is stuck is found; what is old is forgotten, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from toy_workflows import ToyHouse
from workflow_house import DAY, decision

from eco_assets.jorge import dead_letters, health, retention
from eco_assets.jorge.queues import default_queues
from eco_assets.ledger import Entry

SPEC = default_queues()["industrial"]


@pytest.fixture
def house(tmp_path: Path) -> ToyHouse:
    return ToyHouse(tmp_path)


@pytest.mark.parametrize(
    ("counted", "dead", "asked", "wrong"),
    [
        ({}, 0, "running", ""),
        ({"queued": 2000, "running": 8, "oldest_s": 1.0}, 0, "running", "queue is full"),
        ({"queued": 1, "running": 0, "oldest_s": 301.0}, 0, "running", "oldest order waits for 301 s"),
        ({"queued": 1, "running": 0, "oldest_s": 301.0}, 0, "paused", ""),
        ({}, 2, "running", "2 dead letter"),
    ],
)
def test_an_agent_is_ill_where_its_queue_is_full_or_old_or_something_died(
    counted: dict[str, float], dead: int, asked: str, wrong: str
) -> None:
    found = health.of_agent(SPEC, counted, dead, [], asked)

    assert found["is_ok"] is (not wrong)
    assert wrong in found["finding"]


def test_what_runs_for_longer_than_promised_is_stuck(house: ToyHouse) -> None:
    order, now = decision("comercial.slow"), datetime.now(UTC)
    with house.engine() as engine:
        engine.enqueue([order])
        assert house.began.acquire(timeout=60)
        assert health.stuck(engine, house.workflows, now) == []
        (found,) = health.stuck(engine, house.workflows, now + timedelta(seconds=1000))
        (unknown,) = health.stuck(engine, {}, now)
        assert health.liveness(engine)["is_ok"]
        house.gate.set()
        engine.wait([order["decision_id"]], timeout_s=120)

    assert (found["id"], "300 s are promised" in found["because"]) == (order["decision_id"], True)
    assert "no workflow of that name" in unknown["because"]


def test_work_that_no_worker_takes_is_told(house: ToyHouse) -> None:
    house.run(decision("industrial.quick"))
    with house.port() as port:
        assert health.liveness(port)["is_ok"], "nothing waits, so nobody is missed"
        port.enqueue([decision("industrial.quick", 2)])
        found = health.liveness(port)

    assert not found["is_ok"]
    assert "none alive, 1 orders wait" in found["finding"]


def test_a_database_that_is_broken_is_not_ready_and_the_rest_is_still_told(house: ToyHouse) -> None:
    house.run(decision("industrial.quick"))
    with house.port() as port:
        assert health.readiness(port)["is_ok"]
        port.store.database.dispose()
        for path in (house.path, house.path.with_suffix(".db-wal"), house.path.with_suffix(".db-shm")):
            path.unlink(missing_ok=True)
        house.path.write_bytes(b"not a database " * 100)
        found = {each["name"]: each for each in health.deep(port, house.ledger, default_queues(), house.workflows, house.world)}

    assert (found["database"]["is_ok"], found["ledger"]["is_ok"]) == (False, True)
    assert "comercial" not in found


def test_a_home_where_nothing_ran_is_well(house: ToyHouse) -> None:
    assert all(each["is_ok"] for each in health.deep(None, house.ledger, default_queues(), house.workflows, house.world))


class TestRetention:
    """Orders that ended well long ago are forgotten."""

    LATER = timedelta(days=31)

    def forget(self, house: ToyHouse, now: datetime) -> int:
        with house.port() as port:
            return retention.sweep(port, house.ledger, now=now)

    def ids(self, house: ToyHouse) -> set[str]:
        with house.port() as port:
            return {order["id"] for order in port.orders()}

    def test_what_is_old_and_recorded_goes_and_the_ledger_keeps_how_it_ended(self, house: ToyHouse) -> None:
        records = house.run(*(decision("industrial.quick", number) for number in range(4)))
        now = datetime.now(UTC)

        assert self.forget(house, now + timedelta(days=29)) == 0
        assert self.forget(house, now + self.LATER) == 4
        assert self.ids(house) == set()
        assert [each["workflow_id"] for each in house.ledger.list("execution")] == [each["workflow_id"] for each in records]

    def test_dead_letters_and_what_nobody_recorded_stay(self, house: ToyHouse) -> None:
        house.switches.refuse |= {"two", "undo_one"}
        dead, unrecorded, recorded = decision("comercial.two"), decision("industrial.quick", 1), decision("industrial.quick", 2)
        house.run(dead)
        with house.engine() as engine:
            (record, _) = engine.run([recorded, unrecorded], timeout_s=120)
        house.ledger.append([Entry("execution", record["workflow_id"], "industrial", DAY, record)])

        assert self.forget(house, datetime.now(UTC) + self.LATER) == 1
        assert self.ids(house) == {dead["decision_id"], unrecorded["decision_id"]}

    def test_what_a_requeue_came_to_is_recorded_before_it_is_forgotten(self, house: ToyHouse) -> None:
        house.switches.refuse |= {"two", "undo_one"}
        (record,) = house.run(decision("comercial.two"))
        house.switches.refuse.clear()
        with house.port() as port:
            run = dead_letters.requeue(port, house.ledger, record["workflow_id"], by="ana")
        house.go_on(run)

        assert self.forget(house, datetime.now(UTC) + self.LATER) == 2
        told: dict[str, Any] | None = dead_letters.last_record(house.ledger, record["workflow_id"])
        assert told is not None
        assert told["outcome"] == "compensated"
