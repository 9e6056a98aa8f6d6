"""What happened on the way to a decision is told on its page, in plain words, and only where it happened."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from records_factory import decision

from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.formatting import NBSP
from notion_sync.reports import AgentDay, Rendered, agent_report, daily_index, decision_log

DAY = date(2018, 5, 31)
ASKED = {
    "id": "tema",
    "question": "Do que o cliente se queixa?",
    "used": "entrega",
    "meaning": "atraso ou extravio",
    "by": "openai/gpt",
    "is_used": True,
    "confidence": 0.93,
    "cost_usd": 0.000123,
    "is_cached": False,
}
CEDED = (
    "Cede a varejo/review_recovery: recuperar_cliente (pedido abc): um só cupom. A outra rende mais; "
    "vale R$ 10,00 líquidos, a outra R$ 20,00."
)


def text_of(page: Rendered) -> str:
    return to_markdown(page.document).replace(NBSP, " ")


def log(**changes: Any) -> str:
    return text_of(decision_log("varejo", DAY, [decision(1, **changes)], [], labels={"replenishment.repor_estoque": "Repor o estoque"}))


def test_nothing_is_told_where_nothing_happened() -> None:
    page = log(rules=[], answers={}, exploration={"is_explored": False}, errors=[])
    for words in ("Regras que valeram", "Pergunta a um modelo", "Exploração", "O que faltou", "Em disputa", "Cederam"):
        assert words not in page


def test_rules_are_told_with_their_reasons() -> None:
    told = [{"id": "conta_calada", "reason": "Sem venda há 40 dias."}, {"id": "outro_dia", "reason": ""}]
    page = log(rules=["conta_calada", "outro_dia"], rules_told=told)
    assert "**Regras que valeram:** Sem venda há 40 dias – `conta_calada`; `outro_dia`" in page
    assert "**Regras que valeram:** `conta_calada`" in log(rules=["conta_calada"]), "a policy that the ledger does not hold"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Resposta usada: **Entrega (atraso ou extravio)**, dada por `openai/gpt` com 93% de confiança; custo de US$ 0,000123"),
        ({"is_cached": True}, "com 93% de confiança; a resposta já era conhecida e não custou nada"),
        (
            {"used": "sem_resposta", "meaning": "", "is_used": False, "confidence": 0.4},
            "**Sem resposta**, que vale quando falta segurança: `openai/gpt` respondeu com 40% de confiança",
        ),
        (
            {"used": "sem_resposta", "meaning": "", "by": "", "is_used": False, "cost_usd": 0.0},
            "**Sem resposta**, que vale quando ninguém responde com segurança; não custou nada",
        ),
        ({"used": "true", "meaning": ""}, "Resposta usada: **sim**"),
    ],
)
def test_a_question_is_told_with_who_answered_how_surely_and_at_what_cost(changes: dict[str, Any], words: str) -> None:
    page = log(questions_told=[ASKED | changes])
    assert "**Pergunta a um modelo:** Do que o cliente se queixa? Resposta usada" in page
    assert words in page.replace("\\", "")


def test_an_explored_action_is_told_with_its_chance() -> None:
    page = log(exploration={"epsilon": 0.1, "is_explored": True}, propensity=0.025)
    assert "ação sorteada entre as permitidas, para aprender o efeito dela; a chance de sair era de 2,5%" in page


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"kind": "missing", "where": "p_late_now", "message": "x"}, "não se conhece o dado Probabilidade de atraso agora"),
        (
            {"kind": "stale", "where": "units_7d", "message": "x", "age_hours": 50.2, "max_age_hours": 48.0},
            "o dado Unidades vendidas em 7 dias tem 50 horas, e a política aceita até 48 horas",
        ),
        (
            {"kind": "expression", "where": "action repor_estoque: value_brl", "message": "a.b is null"},
            "não foi possível calcular a ação «Repor o estoque»",
        ),
        ({"kind": "expression", "where": "rule conta_grande: when", "message": "x"}, "não foi possível avaliar a regra «Conta grande»"),
        ({"kind": "expression", "where": "confidence", "message": "x"}, "não foi possível avaliar uma conta da política"),
        ({"kind": "reason", "where": "action repor_estoque: reason", "message": "x"}, "o motivo da ação não pôde ser escrito por completo"),
    ],
)
def test_an_error_is_told_without_an_expression(error: dict[str, Any], words: str) -> None:
    page = log(errors=[error])
    assert f"**O que faltou para decidir:** {words}" in page
    assert "is null" not in page


def test_a_dispute_is_told_where_a_person_must_choose() -> None:
    held = decision(1, requires_approval=True, held_because="Disputa com varejo/review_recovery: recuperar_cliente; uma pessoa escolhe.")
    for page in (text_of(decision_log("varejo", DAY, [held], [])), text_of(agent_report(AgentDay("varejo", DAY, [held])))):
        assert "Disputa com «Recuperar cliente» (Avaliações de clientes); uma pessoa escolhe." in page


def test_what_gave_way_is_listed_with_the_reason_and_the_plan() -> None:
    gone = [decision(number, superseded_because=CEDED) for number in (2, 3)]
    pages = (
        text_of(decision_log("varejo", DAY, [decision(1)], [], superseded=gone)),
        text_of(agent_report(AgentDay("varejo", DAY, [decision(1)], superseded=gone))),
    )
    for page in pages:
        assert "Além das decisões acima, 2 decisões cederam a outras e não são executadas" in page
        assert "[Plano do dia do mega-agente](../../relatorios/2018-05-31/mega-agente.md)" in page
        assert page.count("Cede a «Recuperar cliente» (Avaliações de clientes)") == 2
        assert "| Cama, mesa e banho | Repor estoque | R$ 70,00 |" in page


def test_the_first_page_leads_to_the_plan_where_the_day_was_planned() -> None:
    assert "[Plano do dia do mega-agente](mega-agente.md)" in text_of(daily_index(DAY, [], is_planned=True))
    assert "mega-agente" not in text_of(daily_index(DAY, []))
