"""The pages that a day leaves behind: a report per agent, the decision log, and the first page that leads to them.

This module is the door: builders are pure functions from records to a page, and the same records give the same bytes.
The parts of an agent's report are in `report_sections`; publishing is the workspace's business.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from datetime import date

from notion_sync.charts import draw
from notion_sync.decision_log import decision_log, log_path
from notion_sync.documents.inline import bold, link
from notion_sync.documents.tree import BulletList, Document, Heading, Image, Paragraph, Property, Table
from notion_sync.formatting import brl, count, date_long, joined, number
from notion_sync.labels import Labels, agent_name
from notion_sync.mega_plan import plan_path
from notion_sync.records import AgentDay, AgentSummary, Kpi, Rendered, policies, status, summarise, total_value
from notion_sync.report_sections import sections, summary_text

__all__ = [
    "AgentDay",
    "AgentSummary",
    "Kpi",
    "Rendered",
    "agent_report",
    "daily_index",
    "decision_log",
    "report_path",
    "summarise",
]

_PLAN = ": objetivos, quem faz o quê, conflitos e como terminaram, e o que vem pela frente."


def report_path(agent: str, as_of: date) -> str:
    """Return the path of an agent's report in the workspace."""
    return f"relatorios/{as_of.isoformat()}/{agent}.md"


def agent_report(day: AgentDay, labels: Labels | None = None) -> Rendered:
    """Return the daily report of one agent, in Portuguese, for business readers.

    Args:
        day: what happened; see `AgentDay`.
        labels: machine name → words, for this installation; they win over the common ones.
    """
    names = {f"{day.agent}-{chart.name}.png": chart for chart in day.charts}
    if len(names) != len(day.charts):
        raise ValueError(f"two charts of {day.agent} have the same name: {[chart.name for chart in day.charts]}")
    pictures = tuple(Image(name, chart.title) for name, chart in names.items())
    properties: dict[str, Property] = {
        "tipo": "relatorio_diario",
        "agente": day.agent,
        "data": day.as_of,
        "versao_politicas": policies(day.decisions),
        "decisoes": len(day.decisions),
        "valor_esperado_brl": round(total_value(day.decisions), 2),
        "situacao": status(day),
        "ledger_head": day.ledger_head,
    }
    title = f"Relatório diário – {agent_name(day.agent)} – {date_long(day.as_of)}"
    document = Document(title, properties, (summary_text(day), *sections(day, pictures, labels)))
    return Rendered(report_path(day.agent, day.as_of), document, {name: draw(chart) for name, chart in names.items()})


def daily_index(as_of: date, summaries: Sequence[AgentSummary], *, is_planned: bool = False) -> Rendered:
    """Return the day's first page: one line per agent, in the order given, with links to its report and its log.

    Args:
        as_of: the business day.
        summaries: one an agent.
        is_planned: whether the mega-agent planned the day, so that its page is there to be linked to.
    """
    header = ("Agente", "Situação", "Decisões", "Valor esperado", "Concluídas", "Aguardam aprovação", "Falhas", "Registro")
    rows = tuple(
        (
            link(agent_name(line.agent), f"{line.agent}.md"),
            line.status[:1].upper() + line.status[1:],
            number(line.decisions),
            brl(line.expected_value_brl),
            number(line.executed),
            number(line.awaiting),
            number(line.failed),
            link("Decisões", f"../../{log_path(line.agent, as_of)}"),
        )
        for line in summaries
    )
    total = sum(line.decisions for line in summaries)
    value = sum(line.expected_value_brl for line in summaries)
    table = Table(header, rows, right=frozenset({2, 3, 4, 5, 6}))
    properties: dict[str, Property] = {
        "tipo": "resumo_diario",
        "data": as_of,
        "agentes": tuple(line.agent for line in summaries),
        "decisoes": total,
        "valor_esperado_brl": round(value, 2),
        "situacao": _overall(summaries),
    }
    plan = (Paragraph((link("Plano do dia do mega-agente", posixpath.basename(plan_path(as_of))), _PLAN)),) if is_planned else ()
    blocks = (_index_text(summaries, total, value), table, *plan, *_to_do(summaries))
    return Rendered(f"relatorios/{as_of.isoformat()}/index.md", Document(f"Resumo do dia – {date_long(as_of)}", properties, blocks))


def _overall(summaries: Sequence[AgentSummary]) -> str:
    found = {line.status for line in summaries}
    order = ("com falhas", "aguarda aprovação", "requer atenção", "em ordem")
    return next((state for state in order if state in found), "sem decisões")


def _index_text(summaries: Sequence[AgentSummary], total: int, value: float) -> Paragraph:
    if not total:
        return Paragraph("Nenhum agente tomou decisões neste dia.")
    active = [agent_name(line.agent) for line in summaries if line.decisions]
    verb = "tomou" if len(active) == 1 else "tomaram"
    text = f"{joined(active)} {verb} {count(total, 'decisão', 'decisões')}, com valor esperado de "
    return Paragraph((text, bold(brl(value)), "."))


def _to_do(summaries: Sequence[AgentSummary]) -> tuple[Heading | BulletList, ...]:
    items = []
    for line in summaries:
        parts = []
        if line.awaiting:
            parts.append(count(line.awaiting, "decisão aguarda aprovação", "decisões aguardam aprovação"))
        if line.failed:
            parts.append(count(line.failed, "execução falhou", "execuções falharam"))
        if parts:
            items.append((link(agent_name(line.agent), f"{line.agent}.md"), f": {joined(parts)}."))
    return (Heading(2, "O que precisa de você"), BulletList(tuple(items))) if items else ()
