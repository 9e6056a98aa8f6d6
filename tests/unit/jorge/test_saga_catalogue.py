"""Every saga of the catalogue, each step of it made to fail in turn: bookings come back, what was sent is withdrawn."""

from __future__ import annotations

from typing import Any

import pytest
from workflow_house import DAY, WorkflowHouse, decision, trail

from eco_assets.jorge.agents import SAGAS

ROUNDS = {  # doors shut at the same time: no saga uses two of one round, and each door is in one
    "first": ("email", "cmms", "call_centre"),
    "second": ("crm", "erp", "campaigns", "machine", "logistics", "marketplace", "stores", "ad_exchange", "media_plan"),
    "third": ("shift", "service_desk", "billing", "historian"),
}
BOOKED = {
    "sdr_slots": 400.0,
    "discount_brl": 6_000.0,
    "account_manager_slots": 24.0,
    "incentive_brl": 5_000.0,
    "technician_slots": 24.0,
    "maintenance_brl": 15_000.0,
    "media_brl": 20_000.0,
    "purchasing_brl": 20_000.0,
    "vouchers_brl": 6_000.0,
    "freight_brl": 3_000.0,
    "seller_support_slots": 20.0,
}


@pytest.fixture(scope="module")
def blocked_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[WorkflowHouse, list[dict[str, Any]], list[dict[str, Any]]]]:
    """For each round: the house, the decisions and the records of running every saga while those doors are shut."""
    runs = {}
    for turn, doors in ROUNDS.items():
        house = WorkflowHouse(tmp_path_factory.mktemp(turn))
        for door in doors:
            house.block(door)
        orders = [decision(name) for name in SAGAS]
        runs[turn] = (house, orders, house.run(*orders))
    return runs


@pytest.mark.parametrize("turn", ROUNDS)
def test_with_a_door_shut_every_saga_ends_completed_or_compensated(blocked_runs: Any, turn: str) -> None:
    _, _, records = blocked_runs[turn]

    assert "compensated" in {record["outcome"] for record in records} <= {"completed", "compensated"}
    for record in records:
        failed = [step for step in record["steps"] if step["outcome"] == "failed"]
        assert bool(failed) == (record["outcome"] == "compensated")
        assert all(any(f"the outbox {door} cannot be written" in step["detail"] for door in ROUNDS[turn]) for step in failed)


@pytest.mark.parametrize("turn", ROUNDS)
def test_what_was_done_before_the_shut_door_is_undone_in_reverse(blocked_runs: Any, turn: str) -> None:
    _, _, records = blocked_runs[turn]

    for record in records:
        if record["outcome"] == "compensated":
            steps = trail(record)
            failed_at = next(place for place, (_, outcome) in enumerate(steps) if outcome == "failed")
            names = [name for name, _ in steps[: failed_at + 1]]
            assert steps[failed_at + 1 :] == [(name, "undone") for name in reversed(names)]
            assert names == [step.name for step in SAGAS[record["workflow"]].steps][: failed_at + 1]


@pytest.mark.parametrize("turn", ROUNDS)
def test_every_message_of_a_compensated_saga_is_withdrawn_and_no_other(blocked_runs: Any, turn: str) -> None:
    house, _, records = blocked_runs[turn]
    compensated = {record["decision_id"] for record in records if record["outcome"] == "compensated"}

    sent_and_undone = [key for key in house.sent() if key.split("/")[0] in compensated]
    assert house.withdrawn() == sent_and_undone


@pytest.mark.parametrize("turn", ROUNDS)
def test_only_completed_sagas_keep_their_bookings(blocked_runs: Any, turn: str) -> None:
    house, orders, records = blocked_runs[turn]
    kept = dict.fromkeys(BOOKED, 0.0)
    for order, record in zip(orders, records, strict=True):
        if record["outcome"] == "completed":
            for step in SAGAS[order["workflow"]].steps:
                if step.name.startswith("book_"):
                    resource = step.name.removeprefix("book_")
                    kept[resource] += order["cost_brl"] if resource.endswith("_brl") else 1

    assert {resource: house.world.booked(resource, DAY) for resource in BOOKED} == kept


def test_every_step_that_uses_a_door_was_made_to_fail(blocked_runs: Any) -> None:
    failed = {
        (record["workflow"], step["name"])
        for _, _, records in blocked_runs.values()
        for record in records
        for step in record["steps"]
        if step["outcome"] == "failed"
    }

    assert failed == {(name, step.name) for name, saga in SAGAS.items() for step in saga.steps if not step.name.startswith("book_")}


def test_without_capacity_every_saga_that_books_is_compensated_before_it_sends(house: WorkflowHouse) -> None:
    for resource, capacity in BOOKED.items():
        house.world.book(resource, f"somebody else {resource}", day=DAY, quantity=capacity, capacity=capacity)
    records = house.run(*(decision(name) for name in SAGAS))

    for record in records:
        books = SAGAS[record["workflow"]].steps[0].name.startswith("book_")
        assert record["outcome"] == ("compensated" if books else "completed")
        assert not books or [outcome for _, outcome in trail(record)] == ["failed", "undone"]
    assert {resource: house.world.booked(resource, DAY) for resource in BOOKED} == BOOKED
