"""Reports on a week and a month: figures beside those before, charts where they say more, correct Portuguese, no personal data."""

from __future__ import annotations

from datetime import date
from typing import Any

from days_factory import LAST, days, decision, execution

from notion_sync.charts import DayChart, draw
from notion_sync.documents.canonical import canonical
from notion_sync.documents.markdown_reader import read_markdown
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.generators.monthly_costs import MonthCosts, Spending, monthly_costs
from notion_sync.generators.periods import DayRecords, change, month_words, span_words, timestamp_words
from notion_sync.generators.weekly_report import AgentWeek, weekly_report
from notion_sync.records import Kpi

MISSED = {
    "objective": "execution_success", "title": "Taxa de sucesso", "agent": "industrial", "unit": "%", "comparison": ">=", "target": 99,
    "value": 97.0, "is_met": False, "error_budget_left": -2.0, "alert": "critical", "samples": 33,
}  # fmt: skip


def week(**more: Any) -> AgentWeek:
    return AgentWeek("industrial", LAST, days(7, busy=3), **more)


def text_of(page: Any) -> str:
    text = to_markdown(page.document)
    assert canonical(read_markdown(text)) == canonical(page.document)
    return text


def test_spans_and_changes_read_as_brazilians_write_them() -> None:
    assert span_words(date(2026, 10, 25), LAST) == "25 a 31 de outubro de 2026"
    assert span_words(date(2026, 11, 1), date(2026, 11, 7)) == "1º a 7 de novembro de 2026"
    assert span_words(date(2026, 10, 26), date(2026, 11, 1)) == "26 de outubro a 1º de novembro de 2026"
    assert span_words(date(2026, 12, 28), date(2027, 1, 3)) == "28 de dezembro de 2026 a 3 de janeiro de 2027"
    assert month_words(LAST) == "outubro de 2026"
    assert change(110, 100) == "+10,0%"
    assert change(0.97, 0.99, is_share=True) == "-2,0\N{NO-BREAK SPACE}p.p."
    assert change(5, 0) == change(None, 3) == "–"
    assert timestamp_words("2026-11-22T22:12:06.742+00:00") == "22/11/2026 às 19:12"


def test_a_week_says_first_what_needs_somebody_and_then_figures_days_and_charts() -> None:
    page = weekly_report(week(before=days(7, date(2026, 10, 24), busy=1), slo=[MISSED]))
    text = text_of(page)
    assert page.path == "relatorios/semanas/2026-10-31/industrial.md"
    assert page.document.title == "Relatório semanal – Industrial – 25 a 31 de outubro de 2026"
    assert "**6 decisões** (+200,0% sobre os sete dias anteriores), com valor esperado de **R$\N{NO-BREAK SPACE}11.024,04**" in text
    assert text.index("O que precisa de você") < text.index("A semana em números") < text.index("Dia a dia")
    assert "**3 decisões aguardam aprovação**, no valor de R$\N{NO-BREAK SPACE}300,00" in text
    assert "**Nível de serviço não cumprido**: Taxa de sucesso." in text
    assert "| Custo total | R$\N{NO-BREAK SPACE}1.200,00 | R$\N{NO-BREAK SPACE}400,00 | +200,0% |" in text
    assert "[sáb., 31/10](../../../relatorios/2026-10-31/industrial.md)" in text
    assert set(page.images) == {"industrial-semana-acoes.png", "industrial-semana-valor.png"}
    assert all(content.startswith(b"\x89PNG") for content in page.images.values())
    again = weekly_report(week(before=days(7, date(2026, 10, 24), busy=1), slo=[MISSED]))
    assert (again.document, again.images) == (page.document, page.images)


def test_a_week_of_one_day_has_no_chart_and_an_empty_one_says_so() -> None:
    one = weekly_report(AgentWeek("industrial", LAST, days(7)))
    assert not one.images
    assert "Só há decisões de um dia da semana" in text_of(one)
    none = text_of(weekly_report(AgentWeek("varejo", LAST, days(7, busy=0))))
    assert "não tomou decisões na semana de 25 a 31 de outubro de 2026" in none
    assert "R$" not in none


def test_equal_failures_are_one_line_and_answers_are_told_without_personal_data() -> None:
    failed = [decision(f"bomba_{number}") for number in range(3)]
    day = DayRecords(LAST, failed, [execution(each, "failed") for each in failed], {"total_brl": 1200.0})
    answer = {"decision_id": failed[0]["decision_id"], "verdict": "rejected", "by": "Ana", "why": "Fale com ana@exemplo.com primeiro"}
    kpis = (Kpi("Máquinas em alarme", 5, "count", 4),)
    text = text_of(weekly_report(AgentWeek("industrial", LAST, [day], answers=[answer], kpis=kpis)))
    assert "| Antecipar manutencao | Open work order: Sem resposta | Falhou | 3 |" in text
    assert "recusada por Ana – Fale com (e-mail omitido) primeiro" in text
    assert "| Máquinas em alarme | 5 | 4 | +25,0% |" in text
    assert "ana@exemplo.com" not in text
    assert "0,0%" in text  # no execution succeeded


def cost(agent: str, total: float, decisions: int = 10) -> dict[str, Any]:
    return {
        "agent": agent, "decisions": decisions, "executions": 5, "compute_brl": 0.5, "model_brl": 0.0, "action_brl": total - 0.5,
        "total_brl": total, "total_per_decision_brl": total / decisions if decisions else None, "expected_value_brl": 3 * total,
        "return_on_cost": 3.0,
    }  # fmt: skip


def month(as_of: date = LAST, **more: Any) -> MonthCosts:
    shown = [(date(2026, 10, number), {"compute_brl": 0.1, "action_brl": 50.0}) for number in range(1, 11)]
    return MonthCosts(
        first=date(2026, 10, 1), as_of=as_of, last=LAST, costs=[cost("varejo", 100.0), cost("industrial", 400.5)], days=shown,
        steps=[Spending("varejo", "phd_varejo", 3, 0.01, 120.5)], workflows=[Spending("industrial", "industrial.reduzir_carga", 2, 800.0)],
        budget_usd=5.0, prices={"cpu_hour_brl": 0.25, "usd_brl": 5.4, "stated_on": date(2026, 11, 22)}, **more,
    )  # fmt: skip


def test_a_closed_month_adds_up_and_is_compared_with_the_month_before() -> None:
    page = monthly_costs(month(before=[cost("varejo", 80.0)], tokens=1200, tokens_usd=1.55))
    text = text_of(page)
    assert page.path == "custos/2026-10.md"
    assert page.document.properties["situacao"] == "mês fechado"
    nbsp = "\N{NO-BREAK SPACE}"
    assert f"custaram **R${nbsp}500,50**" in text
    assert f"R${nbsp}3,00 para cada R$ 1,00 gasto" in text
    assert f"| Varejo | R${nbsp}100,00 | R${nbsp}80,00 | +25,0% |" in text
    assert f"Uso: 1.200 tokens, por US${nbsp}1,55." in text
    assert "foram usados, em média, 1,0%" in text
    assert set(page.images) == {"custos-agentes.png", "custos-dias.png"}


def test_a_month_that_goes_on_is_projected_only_from_enough_days() -> None:
    text = text_of(monthly_costs(month(date(2026, 10, 10))))
    assert "No ritmo dos 10 dias contados, terminaria em R$\N{NO-BREAK SPACE}1.551,55." in text
    few = MonthCosts(date(2026, 10, 1), date(2026, 10, 2), LAST, [cost("varejo", 10.0)], days=[(date(2026, 10, 2), {"action_brl": 9.5})])
    assert "é cedo para projetar" in text_of(monthly_costs(few))
    nothing = text_of(monthly_costs(MonthCosts(date(2026, 10, 1), LAST, LAST, [])))
    assert "Não há custos nem decisões registrados em outubro de 2026." in nothing


def test_a_chart_of_days_is_drawn_alike_each_time() -> None:
    chart = DayChart(
        "dias", "Custo por dia", (date(2026, 10, 1), date(2026, 10, 2)), (("Ações", (10.0, 0.0)), ("Outros", (1.0, 2.0))), "brl"
    )
    assert draw(chart) == draw(chart)
