"""The doors: the same key acts once, what is scarce runs out, and what is broken says so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from workflow_house import DAY, WorkflowHouse

from eco_assets.errors import ActionRefused, DoorUnavailable


def test_a_message_sent_twice_with_one_key_lies_in_the_outbox_once(house: WorkflowHouse) -> None:
    names = {house.world.send("crm", "w/step", {"n": 1}) for _ in range(3)}

    assert len(names) == 1
    assert house.messages() == [{"key": "w/step", "door": "crm", "n": 1}]


def test_each_key_has_a_message_of_its_own(house: WorkflowHouse) -> None:
    for key in ("a/step", "b/step", "a/other"):
        house.world.send("crm", key, {})

    assert house.sent() == ["a/other", "a/step", "b/step"]


def test_a_message_keeps_its_accents_and_leaves_no_temporary_file(house: WorkflowHouse) -> None:
    name = house.world.send("email", "k", {"text": "avaliação"})

    assert "avaliação" in (house.outbox / name.split()[0]).read_text(encoding="utf-8")
    assert [path.suffix for path in (house.outbox / "email").iterdir()] == [".json"]


def test_a_withdrawal_is_a_second_message_that_names_the_first(house: WorkflowHouse) -> None:
    house.world.send("crm", "k", {"n": 1})
    for _ in range(2):
        house.world.withdraw("crm", "k")

    assert house.sent() == ["k"]
    assert house.withdrawn() == ["k"]


@pytest.mark.parametrize("what", ["door", "outbox"])
def test_a_file_in_the_way_of_a_folder_is_a_door_that_may_open_later(house: WorkflowHouse, what: str) -> None:
    blocked = house.block("crm") if what == "door" else house.outbox
    if what == "outbox":
        blocked.write_text("in the way", encoding="utf-8")

    with pytest.raises(DoorUnavailable, match="the outbox crm cannot be written"):
        house.world.send("crm", "k", {})

    blocked.unlink()
    house.world.send("crm", "k", {})
    assert house.sent() == ["k"]


def test_what_was_never_sent_through_a_blocked_door_needs_no_withdrawal(house: WorkflowHouse) -> None:
    house.block("crm")

    assert house.world.withdraw("crm", "k") == "nothing was sent"


def test_what_was_sent_must_be_withdrawn_and_a_door_that_cannot_says_so(house: WorkflowHouse) -> None:
    house.world.send("crm", "k", {})
    mark = house.outbox / house.world.withdraw("crm", "k").split()[0]
    mark.unlink()
    mark.mkdir()  # the withdrawal's own file cannot be written

    with pytest.raises(DoorUnavailable):
        house.world.withdraw("crm", "k")


def test_a_booking_counts_once_a_key(house: WorkflowHouse) -> None:
    for _ in range(3):
        house.world.book("sdr", "k", day=DAY, quantity=2, capacity=5)

    assert house.world.booked("sdr", DAY) == 2


def test_more_than_is_left_is_refused_and_takes_nothing(house: WorkflowHouse) -> None:
    house.world.book("sdr", "a", day=DAY, quantity=3, capacity=5)

    with pytest.raises(ActionRefused, match="sdr on 2026-10-31: 3 of 5 taken, 3 more asked for"):
        house.world.book("sdr", "b", day=DAY, quantity=3, capacity=5)

    assert house.world.booked("sdr", DAY) == 3
    house.world.book("sdr", "c", day=DAY, quantity=2, capacity=5)
    assert house.world.booked("sdr", DAY) == 5


def test_another_day_and_another_resource_have_room_of_their_own(house: WorkflowHouse) -> None:
    house.world.book("sdr", "a", day=DAY, quantity=5, capacity=5)
    house.world.book("sdr", "b", day="2026-11-01", quantity=5, capacity=5)
    house.world.book("van", "c", day=DAY, quantity=5, capacity=5)

    assert (house.world.booked("sdr", "2026-11-01"), house.world.booked("van", DAY)) == (5, 5)


def test_what_is_released_may_be_booked_by_another(house: WorkflowHouse) -> None:
    house.world.book("sdr", "a", day=DAY, quantity=5, capacity=5)
    for _ in range(2):
        house.world.release("a")
    house.world.book("sdr", "b", day=DAY, quantity=5, capacity=5)

    assert house.world.booked("sdr", DAY) == 5


def test_releasing_what_was_never_booked_is_fine(house: WorkflowHouse) -> None:
    assert house.world.release("nobody") == "released"


def test_many_at_once_never_book_more_than_there_is(house: WorkflowHouse) -> None:
    def book(number: int) -> bool:
        try:
            house.world.book("sdr", f"k{number}", day=DAY, quantity=1, capacity=10)
        except ActionRefused:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(book, range(30))) == 10

    assert house.world.booked("sdr", DAY) == 10


def test_a_bookings_file_that_cannot_be_opened_is_a_door_that_may_open_later(house: WorkflowHouse) -> None:
    bookings = house.root / "jorge" / "bookings.db"
    bookings.unlink()
    bookings.mkdir()

    with pytest.raises(DoorUnavailable, match="bookings file"):
        house.world.book("sdr", "k", day=DAY, quantity=1, capacity=5)
