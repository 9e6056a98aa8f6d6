"""The proposals of a day: only of what was carried out, an index that adds up, and what could not be made is told."""

from __future__ import annotations

from datetime import date
from typing import Any

from test_proposals import DECISIONS, decision, lead

from notion_sync.documents.canonical import canonical
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.proposal_pages import carried_out, day_of_proposals, proposing_agents

DAY = date(2026, 10, 30)
CALL = next(each for each in DECISIONS if each["action"] == "ligar_para_publico")


def told(*decisions: dict[str, Any]) -> list[dict[str, Any]]:
    """The decisions, each with an id of its own."""
    return [{**each, "decision_id": f"{number:032x}"} for number, each in enumerate(decisions, start=1)]


def done(of: dict[str, Any], outcome: str = "completed") -> dict[str, Any]:
    return {"decision_id": of["decision_id"], "agent": of["agent"], "outcome": outcome, "steps": []}


def test_both_agents_that_offer_something_propose() -> None:
    assert proposing_agents() == ("agencia", "comercial")


def test_only_what_was_carried_out_to_its_end_is_proposed() -> None:
    first, waits, failed, undone = told(*(lead("proposta_padrao") for _ in range(4)))
    none = decision("comercial", "proposal_and_discount", "aguardar", "x", 0.0, {}) | {"decision_id": "f" * 32}
    executions = [done(first), done(failed, "failed"), done(undone, "compensated"), done(none)]
    assert carried_out([first, waits, failed, undone, none], executions) == [first]


def test_the_index_adds_up_and_leads_to_each_page() -> None:
    decisions = told(lead("proposta_padrao"), lead("proposta_desconto_10"))
    made = day_of_proposals("comercial", DAY, decisions, [done(each) for each in decisions])
    *pages, index = made.pages
    text = to_markdown(index.document)
    assert canonical(read_markdown(text)) == canonical(index.document)
    assert index.path == "propostas/2026-10-30/comercial.md"
    assert [page.document.properties["total_brl"] for page in pages] == [1800.0, 1620.0]
    assert "**2 propostas** foram preparadas em 30 de outubro de 2026, no total de **R$\N{NO-BREAK SPACE}3.420,00**." in text
    assert all(f"]({page.path.rpartition('/')[2]})" in text for page in pages)
    assert made.refused == {}


def test_a_campaign_whose_price_is_not_the_policys_is_told_and_stops_no_other() -> None:
    right, wrong = told(CALL, {**CALL, "cost_brl": 359.0})
    made = day_of_proposals("agencia", DAY, [right, wrong], [done(right), done(wrong)])
    assert len(made.pages) == 2
    assert list(made.refused) == [wrong["decision_id"]]
    text = to_markdown(made.pages[-1].document)
    assert "1 decisão concluída ficou sem proposta" in text
    assert "Contatos do grupo “aposentados”" in text


def test_a_day_without_any_says_so() -> None:
    (index,) = day_of_proposals("agencia", DAY, [], []).pages
    assert "Nenhuma proposta foi preparada em 30 de outubro de 2026" in to_markdown(index.document)
