"""An answer counts only for the very content that was proposed; whatever changed it, the answer is refused and its page says so."""

from __future__ import annotations

from typing import Any

import pytest
from feedback_house import DAY, proposal
from notion_desk import Desk
from test_answers_on_pages import ANA, YES, Home, home

from eco_assets.feedback import publish_approvals
from eco_assets.jorge.approvals import content_hash
from eco_assets.ledger import Entry
from eco_assets.platform import Platform
from notion_sync.approval_pages import approval_path

__all__ = ["home"]
CHANGES = {"cost_brl": 3_500.0, "action": "enviar_proposta", "reason": "Outro motivo.", "subject": "lead-0", "features": {"age_days": 90.0}}


def proposed_again(platform: Platform, **changes: Any) -> str:
    """The agent decides anew about the same subject; returns the new proposal's page."""
    newer = {**proposal(), "decision_id": "f" * 32, **changes}
    platform.ledger.append([Entry("decision", newer["decision_id"], "comercial", DAY, newer)])
    return approval_path({**newer, "content_hash": content_hash(newer)})


def answers(platform: Platform) -> list[tuple[str, str]]:
    return [(given["decision_id"], given["by"]) for given in platform.ledger.list("approval")]


@pytest.mark.parametrize("change", CHANGES)
def test_in_a_folder_an_answer_to_what_was_proposed_before_is_refused(home: Home, change: str) -> None:
    home.person(YES, ANA)
    new = proposed_again(home.platform, **{change: CHANGES[change]})
    assert home.turn()["refused"] >= 1
    assert answers(home.platform) == []
    assert "deu lugar a outra decisão" in home.text
    assert "A última resposta não foi aceita" in home.text
    assert home.property("registro") == "substituída"
    publish_approvals(home.platform, "comercial", DAY)
    file = home.platform.settings.knowledge / new
    file.write_text(file.read_text("utf-8").replace(*YES).replace(*ANA), "utf-8")
    assert home.turn()["approved"] == 1
    assert answers(home.platform) == [("f" * 32, "Ana Souza")]


def test_a_page_whose_proposal_was_replaced_says_so_before_anybody_answers(home: Home) -> None:
    proposed_again(home.platform, cost_brl=3_500.0)
    assert publish_approvals(home.platform, "comercial", DAY).waiting == 1
    assert "nenhuma resposta nesta página vale" in home.text
    assert "Aguarda a resposta" not in home.text
    assert publish_approvals(home.platform, "comercial", DAY).changed == 0


def test_an_answer_that_counted_stays_on_its_page_when_a_newer_proposal_comes(home: Home) -> None:
    home.person(YES, ANA)
    home.turn()
    proposed_again(home.platform, cost_brl=3_500.0)
    publish_approvals(home.platform, "comercial", DAY)
    assert "Resposta registrada: aprovada, por Ana Souza" in home.text


@pytest.mark.parametrize("change", ["cost_brl", "action"])
def test_in_notion_an_answer_to_what_was_proposed_before_is_refused(desk: Desk, change: str) -> None:
    ana = desk.emulator.person("Ana Souza")
    desk.sets(ana, "Aprovada")
    new = proposed_again(desk.platform, **{change: CHANGES[change]})
    assert desk.turn()["refused"] == 1
    assert desk.answers() == []
    assert "deu lugar a outra decisão" in desk.reads()
    publish_approvals(desk.platform, "comercial", DAY)
    row = desk.platform.knowledge.store.page(new)
    assert row is not None
    assert row.ref is not None
    desk.page = row.ref
    desk.sets(ana, "Aprovada")
    assert desk.turn()["approved"] == 1
    assert answers(desk.platform) == [("f" * 32, "Ana Souza")]


@pytest.mark.parametrize("moment", ["before the answer", "after it"])
@pytest.mark.parametrize("act", ["edit", "delete"])
def test_in_notion_a_text_changed_around_the_answer_voids_it_and_the_page_says_so(desk: Desk, act: str, moment: str) -> None:
    ana = desk.emulator.person("Ana Souza")
    block = desk.block("Contato recente")

    def alter() -> None:
        if act == "edit":
            ana.edit(block, "Contato antigo.")
        else:
            ana.delete(block)

    if moment == "before the answer":
        alter()
    desk.sets(ana, "Aprovada")
    if moment == "after it":
        alter()
    assert desk.turn()["refused"] >= 1
    assert desk.answers() == []
    assert "o texto da página foi alterado" in desk.reads()
    assert any("altered on the page" in why for why in desk.refusals())
