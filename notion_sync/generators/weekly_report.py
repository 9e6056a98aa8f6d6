"""An agent's week for business people: seven days beside the seven before, what was done, what waits, what went wrong.

A pure function from records to a page: the same week gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from notion_sync.charts import Chart, DayChart, draw
from notion_sync.decision_detail import about, anchor
from notion_sync.documents.inline import Inline, Span, bold, code, link
from notion_sync.documents.tree import Block, BulletList, Callout, Divider, Document, Heading, Image, Paragraph, Property
from notion_sync.formatting import MISSING, brl, count, date_short, joined, number, plural
from notion_sync.generators.periods import change, span_words, states
from notion_sync.generators.weekly_sections import (
    AgentWeek,
    actions,
    answers,
    by_day,
    day_log,
    decisions,
    failures,
    figures,
    kpis,
)
from notion_sync.labels import Labels, agent_name
from notion_sync.records import AgentDay, Record, Rendered, awaiting, total_value, value_of
from notion_sync.report_health import slo_section

__all__ = ["DAYS", "AgentWeek", "weekly_path", "weekly_report"]

DAYS = 7
_NAMED = 3  # decisions that wait and are named


def weekly_path(agent: str, as_of: date) -> str:
    """Return the path of the report on the seven days that end on `as_of`."""
    return f"relatorios/semanas/{as_of.isoformat()}/{agent}.md"


def weekly_report(week: AgentWeek, labels: Labels | None = None) -> Rendered:
    """Return the page of a week.

    Args:
        week: what happened; see `AgentWeek`.
        labels: machine name → words, for this installation; they win over the common ones.
    """
    first = week.as_of - timedelta(days=DAYS - 1)
    charts = {f"{week.agent}-{chart.name}.png": chart for chart in _charts(week)}
    found = states(week.days)
    properties: dict[str, Property] = {
        "tipo": "relatorio_semanal",
        "agente": week.agent,
        "data": week.as_of,
        "inicio": first,
        "decisoes": len(week.decisions),
        "valor_esperado_brl": round(total_value(week.decisions), 2),
        "custo_brl": round(sum(day.cost_brl for day in week.days), 2),
        "situacao": _status(found, week.slo),
        "ledger_head": week.ledger_head,
    }
    pictures = [Image(name, chart.title) for name, chart in charts.items()]
    blocks: list[Block] = [_summary(week, first, found), *_attention(week, found, labels)]
    for section in (figures(week), kpis(week), by_day(week, pictures), actions(week, labels), decisions(week, labels)):
        blocks += section
    blocks += [*failures(week, labels), *answers(week, labels), *slo_section(AgentDay(week.agent, week.as_of, slo=week.slo))]
    blocks += [Divider(), Paragraph(("Registro de auditoria: ", code(week.ledger_head) if week.ledger_head else MISSING, "."))]
    title = f"Relatório semanal – {agent_name(week.agent)} – {span_words(first, week.as_of)}"
    return Rendered(
        weekly_path(week.agent, week.as_of), Document(title, properties, tuple(blocks)), {n: draw(c) for n, c in charts.items()}
    )


def _status(found: Counter[str], slo: Sequence[Record]) -> str:
    if found["failed"]:
        return "com falhas"
    if found["awaiting_approval"]:
        return "aguarda aprovação"
    if any(line["is_met"] is False for line in slo):
        return "requer atenção"
    return "em ordem" if found else "sem decisões"


def _summary(week: AgentWeek, first: date, found: Counter[str]) -> Paragraph:
    name, when = agent_name(week.agent), span_words(first, week.as_of)
    quantity = len(week.decisions)
    if not quantity:
        return Paragraph(f"O agente {name} não tomou decisões na semana de {when}.")
    before = sum(len(day.decisions) for day in week.before)
    against = f" ({change(quantity, before)} sobre os sete dias anteriores)" if before else ""
    acted = quantity - found["none"]
    text = f" {plural(acted, 'exigia', 'exigiam')} ação; {count(found['completed'], 'foi concluída', 'foram concluídas')}."
    return Paragraph(
        (
            f"Na semana de {when}, o agente {name} tomou ",
            bold(count(quantity, "decisão", "decisões")),
            f"{against}, com valor esperado de ",
            bold(brl(total_value(week.decisions))),
            f". {number(acted)}{text}" if acted else ". Nenhuma exigia ação.",
        )
    )


def _attention(week: AgentWeek, found: Counter[str], labels: Labels | None) -> Iterator[Block]:
    """Say first what needs somebody: what waits, what failed, which objective was missed."""
    items: list[Inline] = []
    waiting = [(day.day, decision) for day in week.days for decision in awaiting(day.decisions, day.executions)]
    if waiting:
        worth = brl(total_value([decision for _, decision in waiting]))
        dearest = sorted(waiting, key=lambda each: (-value_of(each[1]), str(each[1]["decision_id"])))[:_NAMED]
        listed: list[str | Span] = []
        for day, decision in dearest:
            listed += [", "] if listed else []
            listed.append(link(f"{about(decision, labels)} ({date_short(day)})", f"{day_log(week.agent, day)}#{anchor(decision)}"))
        rest = f" e mais {number(len(waiting) - _NAMED)}" if len(waiting) > _NAMED else ""
        words = count(len(waiting), "decisão aguarda aprovação", "decisões aguardam aprovação")
        items.append((bold(words), f", no valor de {worth}: ", *listed, f"{rest}."))
    if found["failed"]:
        items.append((bold(count(found["failed"], "execução falhou", "execuções falharam")), "; veja “O que não deu certo”."))
    missed = [str(line.get("title") or line["objective"]) for line in week.slo if line["is_met"] is False]
    if missed:
        items.append(
            (bold(plural(len(missed), "Nível de serviço não cumprido", "Níveis de serviço não cumpridos")), f": {joined(missed)}.")
        )
    if items:
        yield Heading(2, "O que precisa de você")
        yield BulletList(tuple(items))
    elif week.decisions:
        yield Callout("Nada aguarda uma pessoa, nada falhou e nenhum nível de serviço foi descumprido.", "success")


def _charts(week: AgentWeek) -> Iterator[Chart]:
    """One chart, where more than one day has something to show: of a single day the table says as much."""
    active = [day for day in week.days if day.decisions]
    if len(active) < 2:
        return
    days = tuple(day.day for day in week.days)
    done = tuple(float(day.states["completed"]) for day in week.days)
    rest = tuple(float(sum(day.states.values()) - day.states["completed"] - day.states["none"]) for day in week.days)
    if any(done) or any(rest):
        parts = (("Concluídas", done), ("Aguardam, desfeitas ou com falha", rest))
        yield DayChart("semana-acoes", "Decisões que exigiam ação, por dia", days, parts)
    yield DayChart(
        "semana-valor", "Valor esperado das decisões, por dia", days, (("Valor", tuple(day.value_brl for day in week.days)),), "brl"
    )
