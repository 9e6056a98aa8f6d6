"""Dead letters: seen, corrected, tried again, given up; every act is in the ledger, and none is done twice or lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from toy_workflows import ToyHouse
from workflow_house import DAY, decision

from eco_assets.errors import NotFound, PermanentError
from eco_assets.jorge import dead_letters
from eco_assets.jorge.dispatch import execution_of
from eco_assets.ledger import Entry


@pytest.fixture
def house(tmp_path: Path) -> ToyHouse:
    return ToyHouse(tmp_path)


@pytest.fixture
def letter(house: ToyHouse) -> dict[str, Any]:
    """An order whose second step was refused and whose first could not be taken back."""
    order = decision("comercial.two")
    house.ledger.append([Entry("decision", order["decision_id"], "comercial", DAY, order)])
    house.switches.refuse |= {"two", "undo_one"}
    (record,) = house.run(order)
    assert record["outcome"] == "failed"
    return order


def test_what_could_not_be_undone_is_listed_with_its_history(house: ToyHouse, letter: dict[str, Any]) -> None:
    with house.port() as port:
        (found,) = dead_letters.listed(port, house.ledger)
        told = dead_letters.show(port, house.ledger, letter["decision_id"][:8])

    assert (found["id"], found["agent"], found["is_acknowledged"]) == (letter["decision_id"], "comercial", False)
    assert [(row["step"], row["kind"]) for row in found["parked"]] == [("one", "undo")]
    assert "undo_one is refused" in found["error"]
    assert ("do", "two", "failed") in [(step["what"], step["name"], step["outcome"]) for step in told["history"]]
    assert told["order"]["subject"] == letter["subject"]


def test_requeued_after_the_cause_is_mended_it_is_taken_back_and_settled(house: ToyHouse, letter: dict[str, Any]) -> None:
    house.switches.refuse -= {"undo_one"}
    with house.port() as port:
        run = dead_letters.requeue(port, house.ledger, letter["decision_id"], by="ana", why="door mended")
        (waiting,) = dead_letters.listed(port, house.ledger)
    assert waiting["is_acknowledged"], "somebody sees to it"

    record = house.go_on(run)
    with house.port() as port:
        settled = [dead_letters.settle(port, house.ledger) for _ in range(2)]
        assert dead_letters.listed(port, house.ledger) == []

    assert record["outcome"] == "compensated"
    assert [len(each) for each in settled] == [1, 0]
    assert house.did[f"{letter['decision_id']}/one:undo_one"] == 1
    assert dead_letters.standing(house.ledger, house.ledger.list("execution")) == {"open": 0, "acknowledged": 0, "settled": 1}
    assert execution_of(house.ledger, letter)["outcome"] == "compensated"
    assert [entry["operation"] for entry in house.ledger.list("operation")] == ["requeue", "run", "settled"]
    house.ledger.verify()


def test_requeued_in_vain_it_is_an_alarm_again(house: ToyHouse, letter: dict[str, Any]) -> None:
    with house.port() as port:
        run = dead_letters.requeue(port, house.ledger, letter["decision_id"], by="ana")
    assert house.go_on(run)["outcome"] == "failed"

    with house.port() as port:
        dead_letters.settle(port, house.ledger)
        (found,) = dead_letters.listed(port, house.ledger)

    assert not found["is_acknowledged"]
    assert dead_letters.standing(house.ledger, house.ledger.list("execution"))["open"] == 1


def test_an_order_that_never_began_is_corrected_and_runs_as_corrected(house: ToyHouse) -> None:
    order = decision("comercial.priced")
    (record,) = house.run(order)
    assert record["outcome"] == "failed"
    identity = order["decision_id"]

    with house.port() as port:
        with pytest.raises(PermanentError, match="price_brl"):
            dead_letters.edit(port, house.ledger, house.workflows, identity, {"price_brl": "muito"}, by="ana", why="x")
        with pytest.raises(PermanentError, match="nothing is changed"):
            dead_letters.edit(port, house.ledger, house.workflows, identity, {}, by="ana", why="x")
        dead_letters.edit(port, house.ledger, house.workflows, identity, {"price_brl": 10.0}, by="ana", why="price was missing")
        run = dead_letters.requeue(port, house.ledger, identity, by="ana")

    assert house.go_on(run)["outcome"] == "completed"
    with house.port() as port:
        dead_letters.settle(port, house.ledger)
        assert dead_letters.listed(port, house.ledger) == []
        assert port.order(run)["input"] == {"price_brl": 10.0}
    (entry,) = [each for each in house.ledger.list("operation") if each["operation"] == "edit"]
    assert (entry["before"], entry["changes"], entry["by"]) == ({"price_brl": None}, {"price_brl": 10.0}, "ana")


def test_what_has_acted_cannot_be_edited(house: ToyHouse, letter: dict[str, Any]) -> None:
    with house.port() as port, pytest.raises(PermanentError, match="has acted already"):
        dead_letters.edit(port, house.ledger, house.workflows, letter["decision_id"], {"price_brl": 1.0}, by="ana", why="x")


def test_a_step_that_may_have_acted_waits_for_a_person_and_is_not_repeated_by_itself(house: ToyHouse) -> None:
    order = decision("comercial.fenced")
    house.switches.unreachable.add("once")
    (record,) = house.run(order)
    house.switches.unreachable.clear()
    assert record["outcome"] == "failed"
    assert house.run(order)[0]["outcome"] == "failed", "queued again it is not tried again"

    with house.port() as port:
        (found,) = dead_letters.listed(port, house.ledger)
        assert [row["kind"] for row in found["parked"]] == ["unknown"]
        run = dead_letters.requeue(port, house.ledger, found["id"], by="ana", why="the far side has nothing of it")

    assert house.go_on(run)["outcome"] == "completed"
    assert list(house.did.values()) == [1]


def test_given_up_it_is_gone_and_the_reason_is_kept(house: ToyHouse, letter: dict[str, Any]) -> None:
    with house.port() as port:
        for by, why, told in (("ana", " ", "needs a reason"), ("", "cleaned by hand", "needs the name")):
            with pytest.raises(PermanentError, match=told):
                dead_letters.drop(port, house.ledger, letter["decision_id"], by=by, why=why)
        dead_letters.drop(port, house.ledger, letter["decision_id"], by="ana", why="cleaned by hand")
        assert dead_letters.listed(port, house.ledger) == []
        with pytest.raises(NotFound):
            dead_letters.requeue(port, house.ledger, letter["decision_id"], by="ana")

    assert dead_letters.standing(house.ledger, house.ledger.list("execution")) == {"open": 0, "acknowledged": 0, "settled": 1}


def test_acknowledged_it_is_no_alarm_but_still_a_dead_letter(house: ToyHouse, letter: dict[str, Any]) -> None:
    with house.port() as port:
        dead_letters.acknowledge(port, house.ledger, letter["decision_id"], by="ana", why="calling the supplier")
        (found,) = dead_letters.listed(port, house.ledger)

    assert found["is_acknowledged"]
    assert dead_letters.standing(house.ledger, house.ledger.list("execution"))["acknowledged"] == 1


def test_an_act_that_fails_is_recorded_as_such_and_changes_nothing(house: ToyHouse, letter: dict[str, Any]) -> None:
    class Broken:
        def __init__(self, port: Any) -> None:
            self.port = port

        def __getattr__(self, name: str) -> Any:
            return getattr(self.port, name)

        def requeue(self, *_: Any, **__: Any) -> str:
            raise PermanentError("the database is gone")

    with house.port() as port:
        broken: Any = Broken(port)
        with pytest.raises(PermanentError, match="the database is gone"):
            dead_letters.requeue(broken, house.ledger, letter["decision_id"], by="ana")
        (found,) = dead_letters.listed(port, house.ledger)

    assert [entry.get("error", "")[:12] for entry in house.ledger.list("operation")][1] == "the database"
    assert found["id"] == letter["decision_id"]


def test_an_unknown_or_ambiguous_beginning_is_refused(house: ToyHouse, letter: dict[str, Any]) -> None:
    with house.port() as port:
        for name in ("zz", ""):
            with pytest.raises(NotFound):
                dead_letters.find(port, name)
