"""Answers of people: only for the very content, only from who may give them, only in time, only once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from workflow_house import DAY, WorkflowHouse, decision

from eco_assets.errors import ConfigError, PermanentError
from eco_assets.jorge.approvals import answer, approvers, content_hash, sweep, waiting
from eco_assets.jorge.approvers import Approver, Approvers
from eco_assets.jorge.dispatch import execute_day
from eco_assets.jorge.escalation import teller
from eco_assets.ledger import Entry, Ledger
from eco_assets.settings import Settings

ANA = Approver(name="Ana Souza", email="ana@empresa.com.br", agents=("industrial",), up_to_brl=5_000)
BIA = Approver(name="Bia", email="bia@empresa.com.br", agents=("varejo", "comercial"))
PEOPLE = Approvers((ANA, BIA))
LATER = timedelta(hours=73)


@pytest.fixture
def ledger(house: WorkflowHouse) -> Ledger:
    return Ledger(house.root / "ledger.db")


@pytest.fixture
def stop(ledger: Ledger) -> dict[str, Any]:
    """A machine's stop that waits for a person."""
    order = {**decision("industrial.parar_maquina", cost_brl=4800.0, requires_approval=True), "value_brl": 9000.0}
    ledger.append([Entry("decision", order["decision_id"], "industrial", DAY, order)])
    return order


def no_engine() -> Any:
    raise AssertionError("an engine was opened for nothing")


class TestWho:
    """Only a listed person, of that agent, up to that cost."""

    @pytest.mark.parametrize("by", ["Ana Souza", "ana@empresa.com.br", "ANA  SOUZA", "Ana Souza <ana@empresa.com.br>"])
    def test_a_listed_person_is_known_by_name_or_address(self, ledger: Ledger, stop: dict[str, Any], by: str) -> None:
        answer(ledger, stop["decision_id"], "approved", by, people=PEOPLE)

        given = ledger.get("approval", stop["decision_id"])
        assert (given["by"], given["is_listed"], given["content_hash"]) == ("Ana Souza", True, content_hash(stop))

    @pytest.mark.parametrize(
        ("by", "told"),
        [
            ("Rui", "not listed.*Ana Souza"),
            ("Ana", "not listed"),
            ("Bia", "may not answer for industrial"),
            ("  ", "needs the name"),
        ],
    )
    def test_anybody_else_is_refused_and_nothing_is_recorded(self, ledger: Ledger, stop: dict[str, Any], by: str, told: str) -> None:
        with pytest.raises(PermanentError, match=told):
            answer(ledger, stop["decision_id"], "approved", by, people=PEOPLE)

        assert ledger.list("approval") == []

    def test_what_costs_more_than_a_person_may_approve_is_refused(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        poor = Approvers((Approver(name="Rui", up_to_brl=100),))

        with pytest.raises(PermanentError, match=r"up to R\$ 100"):
            answer(ledger, stop["decision_id"], "approved", "Rui", people=poor)

    def test_while_nobody_is_listed_the_answer_says_that_it_was_not_checked(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        answer(ledger, stop["decision_id"], "approved", "qualquer", people=Approvers())

        assert ledger.get("approval", stop["decision_id"])["is_listed"] is False

    def test_a_door_that_forgets_the_list_is_held_to_the_home_s(self, ledger: Ledger, stop: dict[str, Any], house: WorkflowHouse) -> None:
        (house.root / "approvers.yaml").write_text("approvers: [{name: Bia, agents: [varejo]}]", encoding="utf-8")

        with pytest.raises(PermanentError, match="not listed"):
            answer(ledger, stop["decision_id"], "approved", "Ana Souza")

    def test_the_variable_is_read_and_a_malformed_one_is_refused(self, tmp_path: Path) -> None:
        text = "Ana Souza <ana@empresa.com.br>:industrial+varejo, Rui"
        found = approvers(Settings(home=tmp_path, approvers=text)).people
        assert [(p.name, p.email, p.agents[:2]) for p in found] == [
            ("Ana Souza", "ana@empresa.com.br", ("industrial", "varejo")),
            ("Rui", "", ("comercial", "varejo")),
        ]
        for wrong in ("Ana:financas", "Ana <ana>", "Ana, ana", ":varejo"):
            with pytest.raises(ConfigError):
                approvers(Settings(home=tmp_path, approvers=wrong))

    @pytest.mark.parametrize("text", ["", "approvers: []", "approvers: [{nome: x}]", "[", "approvers: [{name: A, agents: [x]}]"])
    def test_a_file_that_lists_nobody_readable_lets_nobody_answer(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "approvers.yaml").write_text(text, encoding="utf-8")

        with pytest.raises(ConfigError):
            approvers(Settings(home=tmp_path))


class TestWhat:
    """The answer is to the content that the person saw."""

    def test_the_hash_of_the_proposal_or_its_beginning_is_taken(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        answer(ledger, stop["decision_id"], "approved", "Ana Souza", content_hash(stop)[:12], "notion", people=PEOPLE)

        assert ledger.get("approval", stop["decision_id"])["source"] == "notion"

    @pytest.mark.parametrize("seen", ["0" * 64, "", "abc"])
    def test_another_hash_is_refused(self, ledger: Ledger, stop: dict[str, Any], seen: str) -> None:
        with pytest.raises(PermanentError, match="other content"):
            answer(ledger, stop["decision_id"], "approved", "Ana Souza", seen, "notion", people=PEOPLE)

    @pytest.mark.parametrize("source", ["notion", "mcp"])
    def test_a_door_that_shows_copies_must_say_what_was_seen(self, ledger: Ledger, stop: dict[str, Any], source: str) -> None:
        with pytest.raises(PermanentError, match="must bring the content_hash"):
            answer(ledger, stop["decision_id"], "approved", "Ana Souza", None, source, people=PEOPLE)

    @pytest.mark.parametrize("member", ["action", "cost_brl", "subject", "workflow", "features", "input", "as_of", "value_brl", "reason"])
    def test_every_member_that_matters_is_in_the_hash_and_the_rest_is_not(self, stop: dict[str, Any], member: str) -> None:
        assert content_hash({**stop, member: "outro"}) != content_hash(stop)
        assert content_hash({**stop, "latency_ms": 1.0, "recorded_at": "x", "seq": 3, "requires_approval": False}) == content_hash(stop)

    def test_an_answer_to_other_content_is_never_acted_on(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        body = {"decision_id": stop["decision_id"], "verdict": "approved", "by": "Ana Souza", "why": "", "content_hash": "0" * 64}
        ledger.append([Entry("approval", stop["decision_id"], "industrial", DAY, body)])

        assert execute_day(ledger, "industrial", DAY, no_engine).outcomes() == {"awaiting_approval": 1}

    def test_a_decision_that_was_replaced_takes_no_answer(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        newer = {**decision("industrial.parar_maquina", cost_brl=1.0, requires_approval=True, name="2"), "subject": stop["subject"]}
        ledger.append([Entry("decision", newer["decision_id"], "industrial", DAY, newer)])

        with pytest.raises(PermanentError, match=f"was replaced by {newer['decision_id']}"):
            answer(ledger, stop["decision_id"], "approved", "Ana Souza", people=PEOPLE)

    def test_of_two_answers_at_once_one_counts(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        refused: list[str] = []
        gate = threading.Barrier(4)

        def give(verdict: str) -> None:
            gate.wait()
            try:
                answer(ledger, stop["decision_id"], verdict, "Ana Souza", people=PEOPLE)
            except PermanentError as error:
                refused.append(str(error))

        threads = [threading.Thread(target=give, args=(verdict,)) for verdict in ("approved", "rejected") * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        (given,) = ledger.list("approval")
        assert len(refused) == 3
        assert all(f"was {given['verdict']} by Ana Souza already" in told for told in refused)


class TestWhen:
    """What waits is escalated and expires."""

    def test_what_waits_is_listed_with_its_terms(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        (found,) = waiting(ledger)

        asked, expires = (datetime.fromisoformat(found[name]) for name in ("asked_at", "expires_at"))
        assert found["content_hash"] == content_hash(stop)
        assert expires - asked == timedelta(hours=72)
        assert waiting(ledger, "varejo") == waiting(ledger, "industrial", "2026-10-30") == []

    def test_unanswered_it_expires_once_and_is_never_carried_out(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        now = datetime.now(UTC)
        assert sweep(ledger, now + timedelta(hours=71)) == []
        (expired,) = sweep(ledger, now + LATER)

        assert expired["verdict"] == "expired"
        assert sweep(ledger, now + LATER) == waiting(ledger) == []
        assert execute_day(ledger, "industrial", DAY, no_engine).outcomes() == {"expired": 1}
        with pytest.raises(PermanentError, match="was expired by eco already"):
            answer(ledger, stop["decision_id"], "approved", "Ana Souza", people=PEOPLE)

    def test_an_answer_after_the_term_is_refused_though_nobody_swept(self, ledger: Ledger, stop: dict[str, Any]) -> None:
        with pytest.raises(PermanentError, match="expired on"):
            answer(ledger, stop["decision_id"], "approved", "Ana Souza", people=PEOPLE, now=datetime.now(UTC) + LATER)

    def test_it_is_escalated_once_to_who_may_answer(self, house: WorkflowHouse, ledger: Ledger, stop: dict[str, Any]) -> None:
        tell, now = teller(house.world, PEOPLE), datetime.now(UTC)

        assert sweep(ledger, now + timedelta(hours=23), tell=tell) == []
        (done,) = sweep(ledger, now + timedelta(hours=25), tell=tell)
        again = sweep(ledger, now + timedelta(hours=26), tell=tell)

        (message,) = house.messages()
        assert (done["operation"], again) == ("escalate", [])
        assert (message["to"], message["key"]) == ("ana@empresa.com.br", f"{stop['decision_id']}/escalation")
        assert [entry["decision_id"] for entry in ledger.list("operation")] == [stop["decision_id"]]

    def test_an_escalation_whose_record_was_lost_is_sent_under_the_same_key(
        self, house: WorkflowHouse, ledger: Ledger, stop: dict[str, Any]
    ) -> None:
        tell, later = teller(house.world, PEOPLE), datetime.now(UTC) + timedelta(hours=25)

        def killed(found: dict[str, Any], to: str) -> None:
            tell(found, to)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sweep(ledger, later, tell=killed)
        sweep(ledger, later, tell=tell)

        assert len(house.messages()) == 1
        assert len(ledger.list("operation")) == 1
