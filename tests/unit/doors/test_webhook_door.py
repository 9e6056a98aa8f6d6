"""Signed webhooks to a real HTTP server that acts once a key, however its answers get lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from door_house import EVENT, TRACE, DoorHouse, Receiver, dead_port, drops, halves, hangs, until

from eco_assets.errors import ActionRefused, DoorUnavailable
from eco_assets.jorge.doors.door import Unreached
from eco_assets.jorge.doors.webhook import signature

SECRET = "uma chave compartilhada"  # noqa: S105


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)


def test_an_event_arrives_signed_with_its_key_and_trace(house: DoorHouse, receiver: Receiver) -> None:
    world = house.world(pager=receiver.door())
    for _ in range(2):
        world.send("pager", "w/page", EVENT)

    ((headers, body),) = receiver.requests
    assert headers["Idempotency-Key"] == "w/page"
    assert headers["traceparent"] == TRACE
    assert headers["X-Eco-Signature"] == signature(SECRET, headers["X-Eco-Timestamp"], body)
    assert signature("another", headers["X-Eco-Timestamp"], body) != headers["X-Eco-Signature"]
    assert json.loads(body) == {**EVENT, "key": "w/page"}


@pytest.mark.parametrize("fault", [drops, halves, 500, 502, 503, 429, 408, 409])
def test_what_may_go_through_later_is_asked_again_and_acts_once(house: DoorHouse, receiver: Receiver, fault: Any) -> None:
    world = house.world(pager=receiver.door())
    receiver.plan = [fault, fault]
    for _ in range(2):
        with pytest.raises(DoorUnavailable):
            world.send("pager", "k", EVENT)
    world.send("pager", "k", EVENT)

    assert len(receiver.requests) == 3
    assert list(receiver.acted) == ["k"]
    assert {headers["Idempotency-Key"] for headers, _ in receiver.requests} == {"k"}


def test_a_slow_receiver_is_given_up_and_asked_again_with_the_same_key(house: DoorHouse, receiver: Receiver) -> None:
    receiver.plan = [hangs]
    with pytest.raises(DoorUnavailable):
        house.world(pager=receiver.door(timeout_s=0.3)).send("pager", "k", EVENT)
    until(lambda: len(receiver.requests) == 1)
    house.world(pager=receiver.door()).send("pager", "k", EVENT)

    assert list(receiver.acted) == ["k"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 302, 501])
def test_what_will_never_be_done_is_refused_and_personal_data_of_the_answer_is_masked(
    house: DoorHouse, receiver: Receiver, status: int
) -> None:
    receiver.plan = [status]
    with pytest.raises(ActionRefused, match=str(status)) as refused:
        house.world(pager=receiver.door()).send("pager", "k", EVENT)

    assert "529.982" not in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_wait_that_the_receiver_asks_for_is_kept_within_the_call(house: DoorHouse, receiver: Receiver) -> None:
    receiver.plan = [(429, {"Retry-After": "0"}), (503, {"Retry-After": "1"})]
    house.world(pager=receiver.door()).send("pager", "k", EVENT)

    assert len(receiver.requests) == 3


def test_a_wait_longer_than_the_doors_patience_is_not_kept(house: DoorHouse, receiver: Receiver) -> None:
    receiver.plan = [(429, {"Retry-After": "3600"})]
    with pytest.raises(DoorUnavailable, match="429"):
        house.world(pager=receiver.door()).send("pager", "k", EVENT)

    assert len(receiver.requests) == 1


def test_what_may_have_arrived_is_withdrawn_and_what_never_left_is_not(house: DoorHouse, receiver: Receiver) -> None:
    world = house.world(pager=receiver.door(), dead={**receiver.door(), "url": f"http://127.0.0.1:{dead_port()}/"})
    receiver.plan = [drops]
    with pytest.raises(DoorUnavailable):
        world.send("pager", "lost", EVENT)
    with pytest.raises(Unreached):
        world.send("dead", "never", EVENT)
    for _ in range(2):
        world.withdraw("pager", "lost", EVENT)

    assert world.withdraw("dead", "never", EVENT) == "nothing was sent"
    assert world.withdraw("pager", "other", EVENT) == "nothing was sent"
    assert list(receiver.acted) == ["lost", "lost/withdraw"]
    assert receiver.acted["lost/withdraw"]["withdraws"] == "lost"


def test_the_breaker_opens_on_failures_in_a_row_and_then_nobody_is_asked(house: DoorHouse, receiver: Receiver) -> None:
    world = house.world(pager=receiver.door(failures=2, open_s=3600))
    receiver.plan = [500, 500]
    for number in range(2):
        with pytest.raises(DoorUnavailable):
            world.send("pager", f"k{number}", EVENT)
    with pytest.raises(Unreached, match="the door pager is shut"):
        world.send("pager", "k2", EVENT)

    (state,) = world.doors()
    assert (state.breaker, state.deliveries) == ("open", {"begun": 2})
    assert "500" in state.last_error
    assert len(receiver.requests) == 2


def test_a_refusal_is_an_answer_and_opens_no_breaker(house: DoorHouse, receiver: Receiver) -> None:
    world = house.world(pager=receiver.door(failures=2))
    receiver.plan = [422] * 4
    for number in range(4):
        with pytest.raises(ActionRefused):
            world.send("pager", f"k{number}", EVENT)

    assert world.doors()[0].breaker == "closed"
    assert world.doors()[0].deliveries == {"refused": 4}


def test_one_dead_door_keeps_no_other_shut(house: DoorHouse, receiver: Receiver) -> None:
    dead = {**receiver.door(failures=1), "url": f"http://127.0.0.1:{dead_port()}/"}
    world = house.world(dead=dead, pager=receiver.door())
    with pytest.raises(Unreached):
        world.send("dead", "a", EVENT)

    world.send("pager", "b", EVENT)
    assert list(receiver.acted) == ["b"]


def test_the_test_sends_no_event(house: DoorHouse, receiver: Receiver) -> None:
    assert "204" in house.world(pager=receiver.door()).check("pager")
    assert receiver.requests == []
