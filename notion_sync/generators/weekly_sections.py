"""The sections of an agent's weekly report: figures, days, actions, decisions, failures and answers; and what they are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from notion_sync.decision_detail import about, action_words, anchor
from notion_sync.decision_log import log_path
from notion_sync.documents.inline import Inline, bold, link
from notion_sync.documents.tree import Block, BulletList, Heading, Image, Paragraph, Table
from notion_sync.formatting import MISSING, brl, date_short, measure, number, percent
from notion_sync.generators.periods import DayRecords, change, compared, states, success_rate, weekday_words
from notion_sync.labels import Labels, human
from notion_sync.privacy import shown_text
from notion_sync.records import Kpi, Record, outcomes, ranked, total_value, value_of
from notion_sync.reports import report_path
from notion_sync.words import OUTCOMES

_TOP, _SHOWN_ACTIONS = 10, 12
_VERDICTS = {"approved": "aprovada", "rejected": "recusada", "expired": "venceu sem resposta"}


@dataclass(frozen=True)
class AgentWeek:
    """All that a weekly report says about one agent.

    Attributes:
        agent: machine name; as_of: the last of the seven days.
        days: one for each of the seven days, oldest first; before: those of the seven days before.
        kpis: key figures at the end of the week, `previous` being seven days earlier.
        answers: what people answered about decisions of the week: `{decision_id, verdict, by, why}`.
        slo: the fields of `eco_assets.slo.objectives.SloResult`, one dict an objective.
        ledger_head: hash of the ledger's last entry about the agent's last day.
    """

    agent: str
    as_of: date
    days: Sequence[DayRecords]
    before: Sequence[DayRecords] = ()
    kpis: Sequence[Kpi] = ()
    answers: Sequence[Record] = ()
    slo: Sequence[Record] = ()
    ledger_head: str = ""

    @property
    def decisions(self) -> list[Record]:
        """Of all seven days."""
        return [decision for day in self.days for decision in day.decisions]

    @property
    def executions(self) -> list[Record]:
        """Of all seven days."""
        return [execution for day in self.days for execution in day.executions]


def day_log(agent: str, day: date) -> str:
    """Return where a day's decision log lies, seen from a weekly report."""
    return f"../../../{log_path(agent, day)}"


def figures(week: AgentWeek) -> Iterator[Block]:
    """The week in figures, beside the seven days before."""
    sums = [_sums(days) for days in (week.days, week.before)]
    if not any(figures["decisions"] for figures in sums):
        return
    names = (
        ("decisions", "Decisões", "count"),
        ("value", "Valor esperado", "brl"),
        ("completed", "Execuções concluídas", "count"),
        ("undone", "Execuções desfeitas ou com falha", "count"),
        ("success", "Taxa de sucesso das execuções", "percent"),
        ("cost", "Custo total", "brl"),
        ("each", "Custo por decisão", "brl"),
    )
    yield Heading(2, "A semana em números")
    has_before = bool(sums[1]["decisions"])
    rows = tuple(compared(label, sums[0][name], sums[1][name] if has_before else None, unit) for name, label, unit in names)
    yield Table(("Indicador", "Esta semana", "Sete dias anteriores", "Variação"), rows, right=frozenset({1, 2, 3}))
    value, cost = sums[0]["value"], sums[0]["cost"]
    if cost and value is not None:
        yield Paragraph(f"Para cada R$ 1,00 gasto na semana, o valor esperado é de {brl(value / cost)}.")


def _sums(days: Sequence[DayRecords]) -> dict[str, float | None]:
    found = states(days)
    decisions, cost = sum(len(day.decisions) for day in days), sum(day.cost_brl for day in days)
    return {
        "decisions": decisions,
        "value": sum(day.value_brl for day in days),
        "completed": found["completed"],
        "undone": found["compensated"] + found["failed"],
        "success": success_rate(found),
        "cost": cost,
        "each": cost / decisions if decisions else None,
    }


def kpis(week: AgentWeek) -> Iterator[Block]:
    """Key figures of the business at the end of the week."""
    if not any(kpi.value is not None for kpi in week.kpis):
        return
    yield Heading(2, "Indicadores do negócio")
    rows = tuple(
        (
            kpi.label,
            measure(kpi.value, kpi.unit),
            measure(kpi.previous, kpi.unit),
            change(kpi.value, kpi.previous, is_share=kpi.unit == "percent"),
        )
        for kpi in week.kpis
    )
    yield Table(("Indicador", "Fim da semana", "Sete dias antes", "Variação"), rows, right=frozenset({1, 2, 3}))


def by_day(week: AgentWeek, pictures: Sequence[Image]) -> Iterator[Block]:
    """A line a day, with what the charts show."""
    active = [day for day in week.days if day.decisions]
    if not active:
        return
    yield Heading(2, "Dia a dia")
    if len(active) == 1:
        report = link(weekday_words(active[0].day), f"../../../{report_path(week.agent, active[0].day)}")
        yield Paragraph(("Só há decisões de um dia da semana: ", report, "."))
        return
    rows: list[tuple[Inline, ...]] = []
    for day in week.days:
        found = day.states
        words = weekday_words(day.day)
        name: Inline = link(words, f"../../../{report_path(week.agent, day.day)}") if day.decisions else words
        wrong = found["failed"] + found["compensated"]
        figures = (
            number(len(day.decisions)),
            brl(day.value_brl),
            number(found["completed"]),
            number(found["awaiting_approval"]),
            number(wrong),
        )
        rows.append((name, *(figures if day.decisions else (MISSING,) * 5), brl(day.cost_brl) if day.cost_brl else MISSING))
    header = ("Dia", "Decisões", "Valor esperado", "Concluídas", "Aguardam", "Desfeitas ou com falha", "Custo")
    yield Table(header, tuple(rows), right=frozenset({1, 2, 3, 4, 5, 6}))
    yield from pictures


def actions(week: AgentWeek, labels: Labels | None) -> Iterator[Block]:
    """What was decided, by action."""
    if not week.decisions:
        return
    grouped: dict[str, list[Record]] = {}
    for decision in week.decisions:
        grouped.setdefault(action_words(decision, labels), []).append(decision)
    done = {str(execution["decision_id"]) for execution in week.executions if execution["outcome"] == "completed"}
    ordered = sorted(grouped.items(), key=lambda each: (-total_value(each[1]), -len(each[1]), each[0]))
    rows = tuple(
        (
            words,
            number(len(decisions)),
            percent(len(decisions) / len(week.decisions), 0),
            brl(total_value(decisions)),
            number(sum(str(decision["decision_id"]) in done for decision in decisions)),
        )
        for words, decisions in ordered[:_SHOWN_ACTIONS]
    )
    yield Heading(2, "O que foi decidido")
    yield Table(("Ação", "Decisões", "Parte do total", "Valor esperado", "Concluídas"), rows, right=frozenset({1, 2, 3, 4}))


def decisions(week: AgentWeek, labels: Labels | None) -> Iterator[Block]:
    """The most valuable decisions."""
    top = [decision for decision in ranked(week.decisions)[:_TOP] if value_of(decision)]
    if not top:
        return
    state = {key: value for day in week.days for key, value in _states_by_id(day).items()}
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (
            link(about(decision, labels), f"{day_log(week.agent, _day(decision))}#{anchor(decision)}"),
            action_words(decision, labels),
            date_short(_day(decision)),
            brl(decision.get("value_brl")),
            OUTCOMES.get(state[str(decision["decision_id"])], state[str(decision["decision_id"])]),
        )
        for decision in top
    )
    yield Heading(2, "As decisões de maior valor")
    yield Table(("Assunto", "Ação", "Dia", "Valor esperado", "Situação"), rows, right=frozenset({3}))


def _states_by_id(day: DayRecords) -> Mapping[str, str]:
    return outcomes(day.decisions, day.executions)


def _day(decision: Record) -> date:
    return date.fromisoformat(str(decision["as_of"]))


def failures(week: AgentWeek, labels: Labels | None) -> Iterator[Block]:
    """Group what went wrong by workflow and step: ten equal failures are one thing to mend."""
    wrong = [execution for execution in week.executions if execution["outcome"] in {"failed", "compensated"}]
    if not wrong:
        return
    grouped: Counter[tuple[str, str, str]] = Counter()
    for execution in wrong:
        step = next((step for step in execution.get("steps") or [] if step["outcome"] == "failed"), None)
        detail = shown_text(str(step.get("detail") or "")).strip().rstrip(".") if step else ""
        name = human(step["name"], labels) if step else ""
        grouped[(human(execution["workflow"], labels), f"{name}: {detail}" if detail else name, str(execution["outcome"]))] += 1
    rows = tuple(
        (workflow, why or MISSING, OUTCOMES.get(outcome, outcome), number(times))
        for (workflow, why, outcome), times in sorted(grouped.items(), key=lambda each: (-each[1], each[0]))[:_TOP]
    )
    yield Heading(2, "O que não deu certo")
    yield Table(("Fluxo", "Etapa e motivo", "Como terminou", "Vezes"), rows, right=frozenset({3}))


def answers(week: AgentWeek, labels: Labels | None) -> Iterator[Block]:
    """What people answered."""
    if not week.answers:
        return
    known = {str(decision["decision_id"]): decision for decision in week.decisions}
    items: list[Inline] = []
    for answer in week.answers:
        decision = known.get(str(answer["decision_id"]))
        what = f"{about(decision, labels)} – {action_words(decision, labels)}" if decision else str(answer["decision_id"])[:8]
        verdict = _VERDICTS.get(str(answer["verdict"]), str(answer["verdict"]))
        by, why = shown_text(str(answer.get("by") or "")), shown_text(str(answer.get("why") or "")).strip()
        items.append((bold(what), f": {verdict}{f' por {by}' if by else ''}{f' – {why}' if why else ''}."))
    yield Heading(2, "O que as pessoas responderam")
    yield BulletList(tuple(items[:40]))
