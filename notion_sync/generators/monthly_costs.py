"""What the agents cost in a month and what is expected in return, for whoever pays: by agent, by day, by what costs most.

A pure function from sums to a page: the same month gives the same bytes. The arithmetic is in `eco_assets/finops`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from notion_sync.charts import Chart, CostChart, DayChart, draw
from notion_sync.documents.inline import Inline, bold, code, link
from notion_sync.documents.tree import Block, BulletList, Callout, Divider, Document, Heading, Image, Paragraph, Property, Table
from notion_sync.formatting import MISSING, brl, count, date_long, date_short, number, percent, usd
from notion_sync.generators.periods import change, month_words
from notion_sync.labels import Labels, agent_name, human
from notion_sync.records import Record, Rendered

PARTS = (("compute_brl", "Processamento"), ("model_brl", "Modelos de linguagem"), ("action_brl", "Ações"))
_TOP = 10
_SHORTEST = 7  # days of a month from which its whole cost may be projected


@dataclass(frozen=True)
class Spending:
    """One thing that costs: a step's computing or a workflow's actions; `seconds` of processor time or None, `times` it was done."""

    agent: str
    name: str
    times: int
    cost_brl: float
    seconds: float | None = None


@dataclass(frozen=True)
class MonthCosts:
    """All that the monthly report says.

    Attributes:
        first, as_of: first day of the month, and the last that is counted.
        last: the month's last day.
        costs: one `AgentCost.to_dict` an agent, over the month; before: of the month before.
        days: day → (name of a part → reais), the days that cost something; see `PARTS`.
        steps, workflows: what costs most, by computing and by actions, the dearest first.
        tokens, tokens_usd: of language models; budget_usd: what they may cost a day.
        prices: `cpu_hour_brl`, `usd_brl`, `stated_on` of `prices.yaml`.
    """

    first: date
    as_of: date
    last: date
    costs: Sequence[Record]
    before: Sequence[Record] = ()
    days: Sequence[tuple[date, Record]] = ()
    steps: Sequence[Spending] = ()
    workflows: Sequence[Spending] = ()
    tokens: int = 0
    tokens_usd: float = 0.0
    budget_usd: float | None = None
    prices: Record = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether the month's last day is counted."""
        return self.as_of == self.last


def monthly_path(first: date) -> str:
    """Return the page's path in the workspace."""
    return f"custos/{first:%Y-%m}.md"


def monthly_costs(month: MonthCosts, labels: Labels | None = None) -> Rendered:
    """Return the page of a month.

    Args:
        month: what was spent; see `MonthCosts`.
        labels: machine name → words, for this installation.
    """
    charts = {f"custos-{chart.name}.png": chart for chart in _charts(month)}
    properties: dict[str, Property] = {
        "tipo": "custo_dos_agentes",
        "data": month.as_of,
        "mes": f"{month.first:%Y-%m}",
        "custo_brl": round(_sum(month.costs, "total_brl"), 2),
        "valor_esperado_brl": round(_sum(month.costs, "expected_value_brl"), 2),
        "situacao": "mês fechado" if month.is_over else "mês em curso",
    }
    pictures = [Image(name, chart.title) for name, chart in charts.items()]
    blocks: list[Block] = [*_summary(month)]
    if _sum(month.costs, "total_brl") or _sum(month.costs, "decisions"):
        blocks += [*_by_agent(month), *pictures, *_against(month), *_most(month, labels), *_models(month)]
    blocks += _method(month)
    title = f"Custo mensal dos agentes – {month_words(month.first)}"
    return Rendered(
        monthly_path(month.first), Document(title, properties, tuple(blocks)), {name: draw(chart) for name, chart in charts.items()}
    )


def _sum(costs: Sequence[Record], name: str) -> float:
    return sum(float(cost.get(name) or 0) for cost in costs)


def _summary(month: MonthCosts) -> Iterator[Block]:
    total, value = _sum(month.costs, "total_brl"), _sum(month.costs, "expected_value_brl")
    if not total and not _sum(month.costs, "decisions"):
        yield Paragraph(f"Não há custos nem decisões registrados em {month_words(month.first)}.")
        return
    before = _sum(month.before, "total_brl")
    until = "" if month.is_over else f" até {date_long(month.as_of)}"
    against = f", {change(total, before)} sobre o mês anterior" if before and month.is_over else ""
    decisions = round(_sum(month.costs, "decisions"))
    yield Paragraph(
        (
            f"Em {month_words(month.first)}{until}, os agentes custaram ",
            bold(brl(total)),
            f"{against}, para {count(decisions, 'decisão', 'decisões')} com valor esperado de ",
            bold(brl(value)),
            f": {brl(value / total)} para cada R$ 1,00 gasto." if total else ".",
        )
    )
    if not month.is_over:
        yield Callout(_projection(month, total), "note")


def _projection(month: MonthCosts, total: float) -> str:
    """What the month will cost if it goes on like this; a few days say nothing about a month."""
    counted, whole = (month.as_of - month.first).days + 1, (month.last - month.first).days + 1
    active = len(month.days)
    if active < _SHORTEST:
        return f"O mês ainda está em curso e tem custos de {count(active, 'dia', 'dias')}: é cedo para projetar o total."
    return f"O mês ainda está em curso. No ritmo dos {number(counted)} dias contados, terminaria em {brl(total / counted * whole)}."


def _by_agent(month: MonthCosts) -> Iterator[Block]:
    header = ("Agente", *(words for _, words in PARTS), "Total", "Decisões", "Por decisão", "Valor esperado", "Retorno por R$ 1,00")
    rows: list[tuple[Inline, ...]] = []
    for cost in sorted(month.costs, key=lambda each: (-float(each["total_brl"]), str(each["agent"]))):
        parts = tuple(brl(cost[name]) for name, _ in PARTS)
        decided = int(cost["decisions"])
        value = (brl(cost["expected_value_brl"]), brl(cost.get("return_on_cost"))) if decided else (MISSING, MISSING)
        each = brl(cost.get("total_per_decision_brl")) if decided else MISSING
        rows.append((_name(str(cost["agent"])), *parts, bold(brl(cost["total_brl"])), number(decided), each, *value))
    totals = tuple(bold(brl(_sum(month.costs, name))) for name, _ in PARTS)
    total, decisions, value_brl = (_sum(month.costs, name) for name in ("total_brl", "decisions", "expected_value_brl"))
    rows.append(
        (
            bold("Total"),
            *totals,
            bold(brl(total)),
            bold(number(round(decisions))),
            bold(brl(total / decisions if decisions else None)),
            bold(brl(value_brl)),
            bold(brl(value_brl / total if total else None)),
        )
    )
    yield Heading(2, "Por agente")
    yield Table(header, tuple(rows), right=frozenset(range(1, 9)))


def _name(agent: str) -> str:
    return {"mega": "Mega-agente", "grupo": "Grupo"}.get(agent) or agent_name(agent)


def _charts(month: MonthCosts) -> Iterator[Chart]:
    spending = [cost for cost in month.costs if float(cost["total_brl"]) >= 0.01]
    spending.sort(key=lambda cost: (-float(cost["total_brl"]), str(cost["agent"])))
    if len(spending) > 1:
        parts = tuple((words, tuple(float(cost[name]) for cost in spending)) for name, words in PARTS)
        yield CostChart("agentes", "Custo por agente", tuple(_name(str(cost["agent"])) for cost in spending), parts)
    if len(month.days) > 1:
        shown = tuple((words, tuple(float(costs.get(name, 0.0)) for _, costs in month.days)) for name, words in PARTS)
        yield DayChart("dias", "Custo por dia", tuple(day for day, _ in month.days), shown, "brl")


def _against(month: MonthCosts) -> Iterator[Block]:
    if not month.before:
        return
    before = {str(cost["agent"]): cost for cost in month.before}
    rows = tuple(
        (
            _name(str(cost["agent"])),
            brl(cost["total_brl"]),
            brl(before[str(cost["agent"])]["total_brl"]),
            change(cost["total_brl"], before[str(cost["agent"])]["total_brl"]),
        )
        for cost in sorted(month.costs, key=lambda each: -float(each["total_brl"]))
        if str(cost["agent"]) in before
    )
    if rows:
        yield Heading(2, "Em relação ao mês anterior")
        if not month.is_over:
            yield Paragraph("O mês anterior está inteiro; este, ainda não.")
        yield Table(("Agente", "Este mês", "Mês anterior", "Variação"), rows, right=frozenset({1, 2, 3}))


def _most(month: MonthCosts, labels: Labels | None) -> Iterator[Block]:
    if month.workflows:
        rows: tuple[tuple[Inline, ...], ...] = tuple(
            (human(each.name, labels), _name(each.agent), number(each.times), brl(each.cost_brl)) for each in month.workflows[:_TOP]
        )
        yield Heading(2, "Ações que mais custaram")
        yield Table(("Fluxo", "Agente", "Execuções", "Custo"), rows, right=frozenset({2, 3}))
    if month.steps:
        spent = sum(each.seconds or 0.0 for each in month.steps)
        lines: tuple[tuple[Inline, ...], ...] = tuple(
            (code(each.name), _name(each.agent), f"{number(each.seconds, 1)} s", percent((each.seconds or 0) / spent if spent else None, 0))
            for each in month.steps[:_TOP]
        )
        yield Heading(2, "Etapas que mais usaram o processador")
        yield Table(("Etapa", "Agente", "Tempo de processador", "Parte do total"), lines, right=frozenset({2, 3}))


def _models(month: MonthCosts) -> Iterator[Block]:
    yield Heading(2, "Modelos de linguagem")
    if not month.tokens and not month.tokens_usd:
        yield Paragraph("Nenhum modelo de linguagem pago respondeu neste mês.")
        return
    days = (month.as_of - month.first).days + 1
    budget = month.budget_usd
    items: list[Inline] = [f"Uso: {count(month.tokens, 'token', 'tokens')}, por {usd(month.tokens_usd)}."]
    if budget:
        items.append(f"Do limite de {usd(budget)} por dia foram usados, em média, {percent(month.tokens_usd / (budget * days))}.")
    yield BulletList(tuple(items))


def _method(month: MonthCosts) -> Iterator[Block]:
    """Say how the figures come about, so that nobody takes an assumption for an invoice."""
    yield Divider()
    yield Heading(3, "Como estes números são feitos")
    items: list[Inline] = ["Custos e decisões vêm do registro de auditoria, pelo dia de referência dos dados."]
    if month.prices:
        hour, dollar = brl(month.prices["cpu_hour_brl"]), brl(month.prices["usd_brl"])
        stated = date_short(date.fromisoformat(str(month.prices["stated_on"])[:10]))
        items.append(
            (
                f"Preços supostos em {stated}: {hour} por hora de processador e {dollar} por dólar (",
                code("eco_assets/finops/prices.yaml"),
                ").",
            )
        )
    items.append("O custo de uma ação conta mesmo quando ela foi desfeita, porque foi gasto.")
    items.append("O valor é o esperado pelas políticas quando decidiram, não o resultado medido.")
    yield BulletList(tuple(items))
    yield Paragraph(("Custos do dia, por agente: ", link("resumo do dia", f"../relatorios/{month.as_of.isoformat()}/index.md"), "."))
