"""A day's executions: what needs a person waits, what was done is not done again."""

from __future__ import annotations

from typing import Any

import pytest
from workflow_house import DAY, WorkflowHouse, decision

from eco_assets.errors import NotFound, PermanentError
from eco_assets.jorge.dispatch import APPROVED, REJECTED, answer, execute_day, execution_of
from eco_assets.ledger import Entry, Ledger


@pytest.fixture
def ledger(house: WorkflowHouse) -> Ledger:
    return Ledger(house.root / "ledger.db")


def record(ledger: Ledger, *decisions: dict[str, Any]) -> None:
    ledger.append(Entry("decision", d["decision_id"], d["agent"], d["as_of"], d) for d in decisions)


def no_engine() -> Any:
    raise AssertionError("an engine was opened for nothing")


def test_every_decision_with_a_workflow_is_carried_out_once(house: WorkflowHouse, ledger: Ledger) -> None:
    orders = [decision("comercial.nutrir", number) for number in range(3)]
    record(ledger, *orders, {**decision("comercial.nutrir", 9), "workflow": None, "action": "aguardar"})

    first = execute_day(ledger, "comercial", DAY, house.engine)
    second = execute_day(ledger, "comercial", DAY, no_engine)

    assert (first.added, second.added) == (3, 0)
    assert first.outcomes() == second.outcomes() == {"completed": 3}
    assert len(house.sent()) == 6
    assert [entry["decision_id"] for entry in ledger.list("execution")] == [order["decision_id"] for order in orders]


def test_a_record_that_was_lost_is_written_again_without_acting_again(house: WorkflowHouse, ledger: Ledger) -> None:
    order = decision("comercial.nutrir")
    record(ledger, order)
    (before,) = house.run(order)  # the process died before it could write the execution
    stamps = {path: path.stat().st_mtime_ns for path in house.outbox.glob("*/*.json")}

    (after,) = execute_day(ledger, "comercial", DAY, house.engine).records

    assert {key: after[key] for key in before} == before
    assert {path: path.stat().st_mtime_ns for path in house.outbox.glob("*/*.json")} == stamps


def test_a_day_without_decisions_opens_no_engine(ledger: Ledger) -> None:
    assert execute_day(ledger, "comercial", DAY, no_engine).records == ()


def test_another_agent_and_another_day_are_not_touched(house: WorkflowHouse, ledger: Ledger) -> None:
    record(ledger, decision("varejo.responder_avaliacao"), {**decision("comercial.nutrir"), "as_of": "2026-10-30"})

    assert execute_day(ledger, "comercial", DAY, no_engine).records == ()


class TestApprovals:
    """A decision that needs a person."""

    @pytest.fixture
    def waiting(self, ledger: Ledger) -> dict[str, Any]:
        order = decision("industrial.parar_maquina", cost_brl=4800.0, requires_approval=True)
        record(ledger, order)
        return order

    def test_it_waits_and_is_not_executed(self, ledger: Ledger, waiting: dict[str, Any]) -> None:
        executed = execute_day(ledger, "industrial", DAY, no_engine)

        assert executed.outcomes() == {"awaiting_approval": 1}
        assert executed.added == 0
        assert execution_of(ledger, waiting)["outcome"] == "awaiting_approval"
        assert ledger.list("execution") == []

    def test_the_others_do_not_wait_for_it(self, house: WorkflowHouse, ledger: Ledger, waiting: dict[str, Any]) -> None:
        record(ledger, decision("industrial.inspecionar"))

        assert execute_day(ledger, "industrial", DAY, house.engine).outcomes() == {"awaiting_approval": 1, "completed": 1}

    def test_approved_it_is_executed_once(self, house: WorkflowHouse, ledger: Ledger, waiting: dict[str, Any]) -> None:
        answer(ledger, waiting["decision_id"], by="ana", verdict=APPROVED, why="ok")
        assert execution_of(ledger, waiting)["outcome"] == "not_started"

        assert execute_day(ledger, "industrial", DAY, house.engine).outcomes() == {"completed": 1}
        assert execute_day(ledger, "industrial", DAY, no_engine).added == 0
        assert execution_of(ledger, waiting)["outcome"] == "completed"
        assert len(house.sent()) == 3

    def test_rejected_it_is_recorded_and_never_executed(self, ledger: Ledger, waiting: dict[str, Any]) -> None:
        answer(ledger, waiting["decision_id"], by="ana", verdict=REJECTED, why="caro")

        first = execute_day(ledger, "industrial", DAY, no_engine)
        second = execute_day(ledger, "industrial", DAY, no_engine)

        assert first.outcomes() == second.outcomes() == {"rejected": 1}
        assert (first.added, second.added) == (1, 0)
        assert execution_of(ledger, waiting)["outcome"] == "rejected"

    @pytest.mark.parametrize(("first", "then"), [(APPROVED, REJECTED), (REJECTED, APPROVED), (APPROVED, APPROVED)])
    def test_a_second_answer_is_refused_and_the_first_stands(self, ledger: Ledger, waiting: dict[str, Any], first: str, then: str) -> None:
        answer(ledger, waiting["decision_id"], by="ana", verdict=first)

        with pytest.raises(PermanentError, match=f"was {first} by ana already"):
            answer(ledger, waiting["decision_id"], by="bia", verdict=then)

        assert ledger.get("approval", waiting["decision_id"])["verdict"] == first

    @pytest.mark.parametrize("verdict", ["maybe", "", "Approved"])
    def test_an_answer_that_is_neither_yes_nor_no_is_refused(self, ledger: Ledger, waiting: dict[str, Any], verdict: str) -> None:
        with pytest.raises(PermanentError, match="must be approved or rejected"):
            answer(ledger, waiting["decision_id"], by="ana", verdict=verdict)

        assert execute_day(ledger, "industrial", DAY, no_engine).outcomes() == {"awaiting_approval": 1}

    def test_a_recorded_answer_that_is_no_approval_never_executes(self, ledger: Ledger, waiting: dict[str, Any]) -> None:
        body = {"decision_id": waiting["decision_id"], "verdict": "maybe", "by": "x", "why": ""}
        ledger.append([Entry("approval", waiting["decision_id"], "industrial", DAY, body)])

        assert execute_day(ledger, "industrial", DAY, no_engine).outcomes() == {"awaiting_approval": 1}

    def test_the_beginning_of_an_id_is_enough_and_an_unknown_one_is_not_found(self, ledger: Ledger, waiting: dict[str, Any]) -> None:
        assert answer(ledger, waiting["decision_id"][:8], by="ana", verdict=APPROVED)["decision_id"] == waiting["decision_id"]
        with pytest.raises(NotFound, match="no decision begins with 'zzz'"):
            answer(ledger, "zzz", by="ana", verdict=APPROVED)

    def test_what_needs_no_approval_takes_no_answer(self, ledger: Ledger) -> None:
        order = decision("industrial.inspecionar")
        record(ledger, order)

        with pytest.raises(PermanentError, match="needs no approval"):
            answer(ledger, order["decision_id"], by="ana", verdict=APPROVED)


def test_what_a_decision_without_workflow_comes_to_is_nothing(ledger: Ledger) -> None:
    idle = {**decision("comercial.nutrir"), "workflow": None}
    record(ledger, idle)

    assert execution_of(ledger, idle)["outcome"] == "nothing_to_do"
