"""Which decisions have a page of their own, what it says, and the index that leads to them."""

from __future__ import annotations

from typing import Any

import pytest
from days_factory import LAST, decision, execution

from notion_sync.documents.canonical import canonical
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.generators.decision_records import MOST, decision_records, why_recorded

CHEAP = decision("bomba_1")
DEAR = decision("bomba_2", cost_brl=1900.0)
WAITS = decision("bomba_3", requires_approval=True)
YIELDS = decision("bomba_4", superseded_because="Cede a industrial/alarm_response: parar (máquina bomba_4): a outra rende mais.")


def pages(*decisions: dict[str, Any], **more: Any) -> dict[str, Any]:
    found = decision_records("industrial", LAST, list(decisions), more.pop("executions", ()), **more)
    for page in found:
        text = to_markdown(page.document)
        assert canonical(read_markdown(text)) == canonical(page.document)
        assert "ana@exemplo.com" not in text
    return {page.path: page for page in found}


@pytest.mark.parametrize(
    ("made", "outcome", "why"),
    [
        (CHEAP, "completed", ""),
        (CHEAP, "failed", "a execução não chegou ao fim"),
        (DEAR, "completed", "custa R$\N{NO-BREAK SPACE}500,00 ou mais"),
        (WAITS, "awaiting_approval", "exige a aprovação de uma pessoa"),
        (YIELDS, "superseded", "cedeu a outra decisão"),
    ],
)
def test_a_decision_has_a_page_for_a_reason(made: dict[str, Any], outcome: str, why: str) -> None:
    assert why_recorded(made, outcome) == why


def test_pages_are_few_and_the_index_leads_to_each() -> None:
    found = pages(CHEAP, DEAR, WAITS, executions=[execution(CHEAP), execution(DEAR)], superseded=[YIELDS])
    folder = "decisoes/2026-10-31/industrial/"
    names = {each["decision_id"][:12] + ".md" for each in (DEAR, WAITS, YIELDS)}
    assert set(found) == {folder + name for name in (*names, "index.md")}
    index = to_markdown(found[folder + "index.md"].document)
    assert all(f"]({name})" in index for name in names)
    assert "3 decisões de 31 de outubro de 2026 têm página própria" in index


def test_a_page_that_waits_says_what_is_proposed_and_by_which_content() -> None:
    page = pages(WAITS, hashes={WAITS["decision_id"]: "c" * 64})[f"decisoes/2026-10-31/industrial/{WAITS['decision_id'][:12]}.md"]
    assert page.document.properties["situacao"] == "Proposta"
    assert page.document.properties["conteudo"] == "c" * 64
    text = to_markdown(page.document)
    assert f"eco approve {WAITS['decision_id']} --by NOME" in text
    for heading in ("Contexto", "Decisão", "Alternativas consideradas", "Aprovação", "Consequências"):
        assert f"\n## {heading}\n" in text
    assert "Sem resposta, nada é feito." in text


@pytest.mark.parametrize(
    ("verdict", "status", "words"), [("approved", "Aprovada", "Aprovada por Ana"), ("rejected", "Rejeitada", "Recusada por Ana")]
)
def test_an_answer_is_told_with_who_gave_it_and_when(verdict: str, status: str, words: str) -> None:
    answer = {"decision_id": WAITS["decision_id"], "verdict": verdict, "by": "Ana", "why": "", "recorded_at": "2026-11-01T12:00:00+00:00"}
    (page, _) = pages(WAITS, answers=[answer]).values()
    assert page.document.properties["situacao"] == status
    text = to_markdown(page.document)
    assert words in text
    assert "01/11/2026 às 09:00" in text


def test_a_failed_execution_is_told_step_by_step() -> None:
    (page, _) = pages(CHEAP, executions=[execution(CHEAP, "compensated")]).values()
    text = to_markdown(page.document)
    assert page.document.properties["situacao"] == "Desfeita"
    assert "| `open_work_order` | falhou | 2\N{NO-BREAK SPACE}ms | Sem resposta. |" in text


def test_beyond_a_hundred_the_log_has_the_rest_and_a_day_without_any_says_so() -> None:
    many = [decision(f"bomba_{number}", cost_brl=600.0 + number) for number in range(MOST + 5)]
    found = pages(*many)
    assert len(found) == MOST + 1
    assert "Mais 5 decisões estão só no registro do dia." in to_markdown(found["decisoes/2026-10-31/industrial/index.md"].document)
    assert "Nenhuma decisão de 31 de outubro de 2026 pede página própria." in to_markdown(pages(CHEAP).popitem()[1].document)
