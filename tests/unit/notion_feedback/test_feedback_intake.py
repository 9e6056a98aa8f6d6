"""Events of pages are taken in once: answers that count, answers that do not, outcomes, and rows of the lake."""

from __future__ import annotations

from pathlib import Path

import pytest
from feedback_house import DAY, FeedbackHouse, proposal

from eco_assets.errors import LedgerError
from eco_assets.jorge.approvers import Approvers
from eco_assets.ledger import Ledger
from eco_assets.mcp.outcomes import rewards
from notion_sync.approval_pages import BY, EARNED, STATUS, WHY
from notion_sync.feedback.answers import reais


@pytest.fixture
def house(tmp_path: Path) -> FeedbackHouse:
    return FeedbackHouse(tmp_path)


def answered(house: FeedbackHouse, page: str, status: str = "Aprovada", who: str = "Ana Souza") -> None:
    house.note("status_changed", page, STATUS, who=who, before="Proposta", after=status)


def test_an_answer_of_a_listed_person_counts_once(house: FeedbackHouse) -> None:
    (page,) = house.propose(proposal())
    house.note("changed", page, WHY, after="Cliente antigo.")
    answered(house, page)
    first, again = house.take_in(), house.take_in()
    assert (first.added, again.added) == (2, 0)
    (given,) = house.ledger.list("approval")
    assert (given["verdict"], given["by"], given["why"], given["source"]) == ("approved", "Ana Souza", "Cliente antigo.", "notion")
    assert [row[2] for row in house.rows()].count("approved") == 1
    assert first.days == {("comercial", DAY)}
    assert [entry["event"] for entry in house.ledger.list("feedback")] == ["changed", "status_changed"]


def test_in_a_folder_the_name_is_filled_in_even_after_the_status(house: FeedbackHouse) -> None:
    (page,) = house.propose(proposal())
    answered(house, page, "rejeitada", who="")
    house.take_in()
    assert house.ledger.list("approval") == []
    assert "falta dizer quem responde" in house.ledger.list("feedback")[-1]["told"]
    house.note("changed", page, BY, after="ana@empresa.com.br")
    house.take_in()
    (given,) = house.ledger.list("approval")
    assert (given["verdict"], given["by"]) == ("rejected", "Ana Souza")


@pytest.mark.parametrize(("who", "told"), [("Rui Lima", "não pode responder"), ("Zé", "não pode responder"), ("", "falta dizer quem")])
def test_nobody_else_s_answer_counts(house: FeedbackHouse, who: str, told: str) -> None:
    (page,) = house.propose(proposal())
    answered(house, page, who=who)
    assert house.take_in().results == {"refused": 1}
    assert house.ledger.list("approval") == []
    assert told in house.ledger.list("feedback")[0]["told"]
    answered(house, page)
    assert house.take_in().results == {"approved": 1}


def test_while_nobody_is_listed_no_page_answers(house: FeedbackHouse) -> None:
    house.people = Approvers()
    (page,) = house.propose(proposal())
    answered(house, page)
    assert house.take_in().results == {"refused": 1}
    assert "ECO_APPROVERS" in house.ledger.list("feedback")[0]["told"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_altered_page_answers_nothing_until_it_is_put_back_and_answered_again(house: FeedbackHouse, moment: str) -> None:
    (page,) = house.propose(proposal())
    if moment == "before":
        house.note("edited", page, "p1", before="R$ 35,00", after="R$ 3,50")
    answered(house, page)
    if moment == "after":
        house.note("deleted", page, "p1")
    assert house.take_in().results["refused"] >= 1
    assert house.ledger.list("approval") == []
    house.note("accepted", page, "p1")
    assert house.take_in().results == {"refused": 1}, "who answered saw the altered text, so putting it back makes no answer of it"
    answered(house, page, "Proposta")
    answered(house, page)
    assert house.take_in().results["approved"] == 1


def test_the_page_of_an_older_content_or_another_decision_answers_nothing(house: FeedbackHouse) -> None:
    (page,) = house.propose(proposal())
    head, _, _ = page.rpartition("-")
    for other in (f"{head}-{'0' * 12}.md", page.replace(page.split("/")[-1][:12], "0" * 12)):
        answered(house, other)
    assert house.take_in().results == {"refused": 2}
    assert house.ledger.list("approval") == []


def test_an_unknown_word_waits(house: FeedbackHouse) -> None:
    (page,) = house.propose(proposal())
    answered(house, page, "Em análise")
    assert house.take_in().results == {"noted": 1}
    answered(house, page, " APROVADA ")
    assert house.take_in().results == {"approved": 1}


def test_a_second_answer_changes_nothing(house: FeedbackHouse) -> None:
    (page,) = house.propose(proposal())
    answered(house, page)
    house.take_in()
    answered(house, page, "Rejeitada")
    assert house.take_in().results == {"noted": 1}
    assert [given["verdict"] for given in house.ledger.list("approval")] == ["approved"]
    assert house.ledger.list("outcome") == []


def test_policies_learn_that_a_rejected_decision_earned_nothing(house: FeedbackHouse) -> None:
    one, other = proposal(1), proposal(2)
    pages = house.propose(one, other)
    answered(house, pages[0], "Rejeitada")
    answered(house, pages[1])
    house.note("changed", pages[1], EARNED, who="Ana Souza", after="R$ 1.234,56")
    house.take_in()
    assert rewards(house.ledger, "comercial", DAY, DAY) == {one["decision_id"]: 0.0, other["decision_id"]: 1234.56}
    house.note("changed", pages[1], EARNED, who="Ana Souza", after="-20.5")
    house.take_in()
    assert rewards(house.ledger, "comercial", DAY, DAY)[other["decision_id"]] == -20.5


def test_an_outcome_counts_from_a_listed_person_and_as_an_amount_only(house: FeedbackHouse) -> None:
    (page,) = house.propose(proposal())
    house.note("changed", page, EARNED, who="Zé", after="10")
    house.note("changed", page, EARNED, who="Ana Souza", after="bastante")
    house.note("changed", page, EARNED, who="Ana Souza", after="")
    assert house.take_in().results == {"refused": 2, "noted": 1}
    assert house.ledger.list("outcome") == []


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1.234,56", 1234.56), ("R$ 1.234", 1234.0), ("12.5", 12.5), ("-3,2", -3.2), ("7", 7.0), ("12,5,0", None), ("", None), ("x", None)],
)
def test_amounts_are_read_as_brazilians_write_them(text: str, amount: float | None) -> None:
    assert reais(text) == amount


def test_other_pages_are_rows_with_their_subject_and_without_personal_data(house: FeedbackHouse) -> None:
    house.note("edited", f"decisoes/{DAY}/varejo.md", "d-0a1b2c3d/reason", who="Rui Lima <rui@x.com.br>", after="fale com ana@x.com.br")
    house.note("commented", "catalogo/fluxos/varejo.md", after="CPF 529.982.247-25")
    house.note("brand_new_kind", "x.md")
    house.take_in()
    with house.lake.connect() as db:
        columns = "kind, decision_id, agent, CAST(as_of AS VARCHAR), who, after"
        rows = db.execute(f"SELECT {columns} FROM feedback.events ORDER BY seq").fetchall()
    assert rows[0] == ("edited", "0a1b2c3d", "varejo", DAY, "Rui Lima <[EMAIL]>", "fale com [EMAIL]")
    assert rows[1] == ("commented", None, "varejo", None, "", "CPF [CPF]")
    assert rows[2][0] == "other"
    assert "ana@" not in str(house.ledger.list("feedback"))
    assert "fale com" not in str(house.ledger.list("feedback")), "the ledger never forgets, so it holds no text"


def test_a_store_that_was_lost_and_rebuilt_repeats_nothing(house: FeedbackHouse) -> None:
    (page,) = house.propose(proposal())
    house.note("commented", page, "c1", after="bom", source="comment-1")
    answered(house, page)
    house.take_in()
    kept = house.noted[0]
    house.noted = []
    house.note("commented", page, "c1", after="bom", source=kept.source_id)
    house.note("commented", page, "c2", after="novo", source="comment-2")
    house.note("commented", page, "c3", after="mais um", source="comment-3")
    assert house.take_in().added == 2
    assert house.take_in().added == 0
    assert len(house.rows()) == 4


def test_a_ledger_that_cannot_be_written_refuses_nothing(house: FeedbackHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    (page,) = house.propose(proposal())
    answered(house, page)
    whole = Ledger.append

    def full(self: Ledger, entries: object) -> int:
        raise LedgerError("disk full")

    monkeypatch.setattr(Ledger, "append", full)
    with pytest.raises(LedgerError):
        house.take_in()
    monkeypatch.setattr(Ledger, "append", whole)
    assert house.take_in().results == {"approved": 1}


def test_many_events_are_one_file_a_batch(house: FeedbackHouse) -> None:
    for number in range(2_500):
        house.note("commented", f"p{number % 7}.md", f"c{number}", after="x")
    assert house.take_in().added == 2_500
    with house.lake.connect() as db:
        (files,) = db.execute("SELECT count(*) FROM ducklake_list_files('eco', 'events', schema => 'feedback')").fetchone() or (0,)
    assert files == 2
