"""Answers in Notion: the account that sets the status answers. The emulator over HTTP, spoken to by the unmodified client."""

from __future__ import annotations

from notion_desk import Desk


def test_the_account_of_a_listed_person_answers(desk: Desk) -> None:
    stranger, ana = desk.emulator.person("Zé"), desk.emulator.person("Ana Souza")
    assert desk.turn() == {}
    desk.sets(stranger, "Aprovada")
    assert desk.turn() == {"refused": 1}
    assert f"Zé (conta notion:{stranger.id}) não pode responder" in desk.reads()
    desk.sets(ana, "Proposta")
    desk.turn()
    desk.sets(ana, "Aprovada")
    assert desk.turn()["approved"] == 1
    assert desk.answers() == [("approved", "Ana Souza")]
    assert "Resposta registrada: aprovada, por Ana Souza" in desk.reads()
    assert desk.turn() == {}, "and then it is silent"


def test_an_altered_proposal_is_not_answered(desk: Desk) -> None:
    ana = desk.emulator.person("Ana Souza")
    ana.edit(desk.block("Contato recente"), "Contato antigo, mas vale.")
    desk.sets(ana, "Aprovada")
    assert desk.turn()["refused"] >= 1
    assert desk.answers() == []
    assert "Contato antigo, mas vale." in desk.reads(), "a person's words stay"


def test_comments_become_rows(desk: Desk) -> None:
    ana = desk.emulator.person("Ana Souza")
    ana.comment(desk.page, "vale a pena?")
    desk.turn()
    desk.turn()
    with desk.platform.lake.connect() as db:
        rows = db.execute("SELECT kind, who, after FROM feedback.events").fetchall()
    assert rows == [("commented", f"Ana Souza [notion:{ana.id}]", "vale a pena?")]
