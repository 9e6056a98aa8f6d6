"""The sections of an agent's daily report, top to bottom: what a manager asks first comes first.

One function a section; a section with nothing to say says so in one sentence or is left out. Quality, models and costs
are in `report_health`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from notion_sync.decision_detail import about, action_words, anchor, approval_command
from notion_sync.decision_log import log_path
from notion_sync.documents.inline import Inline, bold, link
from notion_sync.documents.tree import Block, BulletList, Callout, Code, Heading, Image, Paragraph, Table
from notion_sync.formatting import (
    MISSING,
    brl,
    count,
    date_long,
    is_missing,
    joined,
    measure,
    number,
    percent,
    percentage_points,
    plural,
    signed_percent,
)
from notion_sync.gave_way import gave_way
from notion_sync.labels import Labels, agent_name, human
from notion_sync.mega_plan import reason_words
from notion_sync.privacy import shown_text
from notion_sync.records import AgentDay, Kpi, Record, awaiting, outcomes, ranked, total_value
from notion_sync.report_health import checks_section, cost_section, models_section, provenance, slo_section
from notion_sync.words import OUTCOMES

_TOP = 10
_PENDING = 20


def summary_text(day: AgentDay) -> Paragraph:
    """Return the day in words: how many decisions, worth what, what is done, what waits, what failed."""
    name, when = agent_name(day.agent), date_long(day.as_of)
    if not day.decisions:
        return Paragraph(f"O agente {name} não tomou decisões em {when}.")
    quantity = len(day.decisions)
    state = Counter(outcomes(day.decisions, day.executions).values())
    return Paragraph(
        (
            f"O agente {name} tomou ",
            bold(count(quantity, "decisão", "decisões")),
            f" em {when}, com valor esperado de ",
            bold(brl(total_value(day.decisions))),
            f". {_progress(state, quantity)}",
        )
    )


def _progress(state: Counter[str], quantity: int) -> str:
    done = [
        (state["completed"], "foi concluída", "foram concluídas"),
        (state["awaiting_approval"], "aguarda aprovação", "aguardam aprovação"),
        (state["failed"], "falhou", "falharam"),
        (state["compensated"], "foi desfeita com segurança", "foram desfeitas com segurança"),
        (state["rejected"], "foi recusada", "foram recusadas"),
        (state["already_acted"], "trata de assunto já atendido no dia", "tratam de assuntos já atendidos no dia"),
        (state["not_started"], "ainda não foi iniciada", "ainda não foram iniciadas"),
        (state["none"], "não exige ação", "não exigem ação"),
    ]
    parts = [count(found, one, many) for found, one, many in done if found]
    only = [(one, many) for found, one, many in done if found == quantity]
    if only:
        one, many = only[0]
        return f"Ela {one}." if quantity == 1 else f"Todas {many}."
    return f"Dessas decisões, {joined(parts)}."


def sections(day: AgentDay, pictures: Sequence[Image], labels: Labels | None) -> tuple[Block, ...]:
    """Return everything below the summary."""
    blocks: list[Block] = []
    blocks += _kpis(day.kpis)
    blocks += _approvals(day, labels)
    blocks += _decisions(day, labels)
    blocks += gave_way(day.superseded, day.as_of, labels)
    blocks += _executions(day, labels)
    if pictures:
        blocks += [Heading(2, "Gráficos"), *pictures]
    blocks += models_section(day, labels)
    blocks += checks_section(day, labels)
    blocks += cost_section(day)
    blocks += slo_section(day)
    blocks += provenance(day)
    return tuple(blocks)


def _kpis(kpis: Sequence[Kpi]) -> Iterator[Block]:
    if not kpis:
        return
    yield Heading(2, "Indicadores")
    rows = tuple((kpi.label, measure(kpi.value, kpi.unit), measure(kpi.previous, kpi.unit), _change(kpi)) for kpi in kpis)
    yield Table(("Indicador", "Hoje", "Dia anterior", "Variação"), rows, right=frozenset({1, 2, 3}))


def _change(kpi: Kpi) -> str:
    if kpi.value is None or kpi.previous is None or is_missing(kpi.value) or is_missing(kpi.previous):
        return MISSING
    if kpi.unit == "percent":
        return percentage_points(kpi.value - kpi.previous)
    return signed_percent((kpi.value - kpi.previous) / abs(kpi.previous)) if kpi.previous else MISSING


def _approvals(day: AgentDay, labels: Labels | None) -> Iterator[Block]:
    waiting = awaiting(day.decisions, day.executions)
    if not waiting:
        return
    yield Heading(2, "Aguardam sua aprovação")
    verb = plural(len(waiting), "aguarda", "aguardam")
    worth = brl(total_value(waiting))
    yield Callout(f"{count(len(waiting), 'decisão', 'decisões')} {verb} uma pessoa. Valor esperado: {worth}.", "warning")
    shown = waiting[:_PENDING]
    yield BulletList(tuple(_pending_line(day, decision, labels) for decision in shown))
    yield Paragraph("Para aprovar, troque NOME pelo seu nome:")
    yield Code("\n".join(approval_command(decision) for decision in shown), "bash")
    if len(waiting) > _PENDING:
        rest = count(len(waiting) - _PENDING, "decisão", "decisões")
        yield Paragraph(("Ainda: ", link(f"mais {rest} no registro de decisões", _log(day)), "."))


def _pending_line(day: AgentDay, decision: Record, labels: Labels | None) -> Inline:
    words = f"{about(decision, labels)}: {action_words(decision, labels)}"
    reason = shown_text(str(decision.get("reason") or "")).strip()
    if decision.get("held_because"):
        reason = f"{reason} {reason_words(str(decision['held_because']), labels)}".strip()
    return (
        link(words, f"{_log(day)}#{anchor(decision)}"),
        f" – {brl(decision.get('value_brl'))}",
        f". {reason}" if reason else "",
    )


def _log(day: AgentDay) -> str:
    return f"../../{log_path(day.agent, day.as_of)}"


def _decisions(day: AgentDay, labels: Labels | None) -> Iterator[Block]:
    if not day.decisions:
        return
    yield Heading(2, "Decisões que mais importam")
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (
            link(about(decision, labels), f"{_log(day)}#{anchor(decision)}"),
            action_words(decision, labels),
            brl(decision.get("value_brl")),
            percent(decision.get("confidence"), 0),
            shown_text(str(decision.get("reason") or "")) or MISSING,
        )
        for decision in ranked(day.decisions)[:_TOP]
    )
    yield Table(("Assunto", "Ação", "Valor esperado", "Confiança", "Motivo"), rows, right=frozenset({2, 3}))
    yield Paragraph((link("Ver todas no registro de decisões", _log(day)), "."))


def _executions(day: AgentDay, labels: Labels | None) -> Iterator[Block]:
    if not day.executions:
        return
    yield Heading(2, "Execuções")
    found = Counter(str(execution["outcome"]) for execution in day.executions)
    rows = tuple(
        (words, number(found[outcome]), percent(found[outcome] / len(day.executions)))
        for outcome, words in OUTCOMES.items()
        if found[outcome]
    )
    yield Table(("Situação", "Execuções", "Parte do total"), rows, right=frozenset({1, 2}))
    failed = [execution for execution in day.executions if execution["outcome"] in {"failed", "compensated"}]
    if failed:
        subjects = {str(decision["decision_id"]): about(decision, labels) for decision in day.decisions}
        yield Heading(3, "O que não deu certo")
        yield BulletList(tuple(_failure(execution, subjects, labels) for execution in failed[:_TOP]))
    if len(failed) > _TOP:
        yield Paragraph(f"E mais {count(len(failed) - _TOP, 'execução', 'execuções')} em situação semelhante.")


def _failure(execution: Record, subjects: Mapping[str, str], labels: Labels | None) -> Inline:
    step = next((step for step in execution.get("steps") or [] if step["outcome"] == "failed"), None)
    text = f": {OUTCOMES[str(execution['outcome'])].lower()}"
    if step:
        detail = shown_text(str(step.get("detail") or "")).strip().rstrip(".")
        text += " depois da falha" if execution["outcome"] == "compensated" else ""
        text += f" na etapa “{human(step['name'], labels)}”" + (f" – {detail}" if detail else "")
    subject = subjects.get(str(execution["decision_id"]))
    return (bold(human(execution["workflow"], labels)), f" ({subject})" if subject else "", f"{text}.")
