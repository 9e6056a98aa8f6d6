"""The mega-agent's plan of a day for business people: goals, who does what, conflicts and how they ended, what is coming.

A pure function from the plan's record (`eco_assets/mcp/mega/models.py`, as JSON) to a page, in Portuguese; the same record gives the same
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from notion_sync.documents.inline import Inline, bold
from notion_sync.documents.tree import Block, BulletList, Callout, Code, Document, Heading, Paragraph, Property, Table
from notion_sync.formatting import MISSING, brl, count, date_long, date_short, measure, number
from notion_sync.labels import Labels, agent_name, human, subject_words
from notion_sync.privacy import shown_text
from notion_sync.records import SHORT_ID, Rendered

Record = Mapping[str, Any]
NAME = "Mega-agente"
SHOWN = 5  # decisions of a sub-task
LISTED = 40  # decisions that gave way
RISKS = {"ok": "Basta", "attention": "Atenção", "breach": "Não basta"}
POINTS = {
    "agencia/budget_reallocation": "Divisão da verba",
    "agencia/campaign_targeting": "Campanhas por público",
    "agencia/media_anomaly_response": "Preços de mídia",
    "comercial/account_rescue": "Resgate de contas",
    "comercial/lead_next_action": "Próximo passo do lead",
    "comercial/proposal_and_discount": "Proposta e desconto",
    "industrial/alarm_response": "Resposta a alarmes",
    "industrial/maintenance_planning": "Planejamento da manutenção",
    "industrial/sensor_trust": "Confiança nos sensores",
    "varejo/delivery_recovery": "Entregas em risco",
    "varejo/replenishment": "Reposição de estoque",
    "varejo/review_recovery": "Avaliações de clientes",
    "varejo/seller_watch": "Vigilância de vendedores",
}
_ACTION = re.compile(r"\b([a-z]+)/([a-z_]+): ([a-z0-9_]+)")
_ORDER = {"breach": 0, "attention": 1, "ok": 2}


def plan_path(as_of: date) -> str:
    """Return the path of a day's plan in the workspace."""
    return f"relatorios/{as_of.isoformat()}/mega-agente.md"


def plan_page(plan: Record, labels: Labels | None = None) -> Rendered:
    """Return the page of a day's plan.

    Args:
        plan: as `Plan.model_dump(mode="json")` gives it.
        labels: machine name → words, for this installation.
    """
    as_of = date.fromisoformat(plan["as_of"])
    held = [entry for entry in plan["resolved"] if entry["verdict"] == "held"]
    blocks: list[Block] = [_opening(plan), *_held(held, labels), *_coming(plan["anticipations"])]
    for position, goal in enumerate(plan["goals"], start=1):
        blocks += _goal(position, goal, labels)
    blocks += _conflicts([entry for entry in plan["resolved"] if entry["verdict"] != "held"], labels)
    blocks += _rest(plan)
    properties: dict[str, Property] = {
        "tipo": "plano_do_mega_agente",
        "data": as_of,
        "objetivos": tuple(dict.fromkeys(goal["goal"]["id"] for goal in plan["goals"])),
        "subtarefas": sum(len(goal["tasks"]) for goal in plan["goals"]),
        "conflitos_resolvidos": len(plan["resolved"]) - len(held),
        "aguardam_escolha": len(held),
        "alertas": sum(each["risk"] != "ok" for each in plan["anticipations"]),
        "versao_regras": plan["rules_version"],
    }
    return Rendered(plan_path(as_of), Document(f"Plano do dia do mega-agente – {date_long(as_of)}", properties, tuple(blocks)))


def _opening(plan: Record) -> Paragraph:
    tasks = [task for goal in plan["goals"] for task in goal["tasks"]]
    chosen = {each["decision_id"] for task in tasks if task["proposal"] for each in task["proposal"]["decisions"]}
    events = sum(goal["goal"]["kind"] == "event" for goal in plan["goals"])
    goals = len(plan["goals"]) - events
    happened = f" e {count(events, 'acontecimento', 'acontecimentos')}" if events else ""
    resolved = len(plan["resolved"])
    conflicts = count(resolved, "decisão cedeu ou aguarda", "decisões cederam ou aguardam") if resolved else "nenhuma decisão cedeu"
    return Paragraph(
        (
            "O mega-agente dividiu ",
            bold(f"{count(goals, 'objetivo', 'objetivos')}{happened}"),
            f" em {count(len(tasks), 'subtarefa', 'subtarefas')} para os agentes, que puseram à frente ",
            bold(count(len(chosen), "decisão", "decisões")),
            f". Nos conflitos do dia, {conflicts}.",
        )
    )


def _held(held: Sequence[Record], labels: Labels | None) -> Iterator[Block]:
    if not held:
        return
    yield Heading(2, "Aguardam sua escolha")
    yield Callout(f"{count(len(held), 'decisão disputa', 'decisões disputam')} com outra e o valor pede uma pessoa.", "warning")
    yield BulletList(tuple((bold(_what(entry, labels)), f" – {reason_words(entry['reason'], labels)}") for entry in held))
    yield Paragraph("Aprove a que deve seguir, trocando NOME pelo seu nome; a outra cede:")
    yield Code("\n".join(f"eco approve {entry['decision_id']} --by NOME" for entry in held), "bash")


def _what(entry: Record, labels: Labels | None) -> str:
    subject = subject_words(entry["point"], entry["subject"], labels)
    action = human(f"{entry['point']}.{entry['action']}", labels)
    return f"{agent_name(entry['agent'])} – {subject}: {action}"


def _coming(anticipations: Sequence[Record]) -> Iterator[Block]:
    yield Heading(2, "O que vem pela frente")
    if not anticipations:
        yield Paragraph("Nenhum recurso foi usado hoje; não há o que antecipar.")
        return
    ordered = sorted(anticipations, key=lambda each: (_ORDER[each["risk"]], each["id"]))
    rows: list[tuple[Inline, ...]] = []
    for each in ordered:
        unit = each["unit"]
        span = MISSING if each["low"] is None else f"{_amount(each['low'], unit)} a {_amount(each['high'], unit)}"
        when = "Próximos 7 dias" if each["kind"] == "capacity" else f"Mês, até {date_short(date.fromisoformat(each['until']))}"
        rows.append((each["label"], when, _amount(each["expected"], unit), span, _amount(each["limit"], unit), RISKS[each["risk"]]))
    yield Table(("Recurso", "Período", "Esperado", "Faixa (80 %)", "Limite", "Situação"), tuple(rows), right=frozenset({2, 3, 4}))
    alerts = [each for each in ordered if each["risk"] != "ok"]
    if alerts:
        yield BulletList(tuple(each["text"] for each in alerts))
    resting: dict[str, list[str]] = {}  # what a forecast stands on, with the resources that share it
    for each in ordered:
        labels = resting.setdefault(each["basis"], [])
        labels.extend([each["label"]] if each["label"] not in labels else [])
    yield Paragraph("Base das previsões:")
    yield BulletList(tuple(f"{', '.join(labels)}: {basis}." for basis, labels in resting.items()))


def _amount(value: float, unit: str) -> str:
    return brl(value) if unit == "brl" else number(value)


def _goal(position: int, found: Record, labels: Labels | None) -> Iterator[Block]:
    goal, indicator = found["goal"], found["indicator"]
    kind = "Acontecimento" if goal["kind"] == "event" else "Objetivo"
    yield Heading(2, f"{kind} {position}: {goal['title']}")
    if goal["why"]:
        yield Paragraph(reason_words(goal["why"], labels))
    if indicator:
        yield Paragraph((f"{indicator['label']}: ", bold(measure(indicator["value"], indicator["unit"])), "."))
    rows: list[tuple[Inline, ...]] = []
    for result in found["tasks"]:
        task, proposal = result["task"], result["proposal"]
        made = len(proposal["decisions"]) if proposal else 0
        worth = (brl(proposal["value_brl"]), brl(proposal["cost_brl"])) if made else (MISSING, MISSING)
        where = POINTS.get(f"{task['agent']}/{task['point']}", human(task["point"], labels))
        rows.append((agent_name(task["agent"]), where, task["objective"], number(made), *worth, shown_text(result["why"])))
    header = ("Agente", "Ponto de decisão", "Subtarefa", "Ações", "Valor esperado", "Custo", "Resposta")
    yield Table(header, tuple(rows), right=frozenset({3, 4, 5}))
    best = [(result["task"], each) for result in found["tasks"] if result["proposal"] for each in result["proposal"]["decisions"][:SHOWN]]
    if best:
        yield Paragraph("As ações de maior retorno em cada subtarefa:")
        yield BulletList(tuple(_proposed(task, each, labels) for task, each in best))
    spent, total = found["tokens_spent"], found["budget_tokens"]
    yield Paragraph(f"Tokens de modelos de linguagem: {number(spent)} de {number(total)}.")


def reason_words(reason: str, labels: Labels | None) -> str:
    """Return a reason with words in the place of `agent/point: action`."""

    def named(found: re.Match[str]) -> str:
        agent, point, action = found.groups()
        return f"«{human(f'{point}.{action}', labels)}» ({POINTS.get(f'{agent}/{point}', point)})"

    return shown_text(_ACTION.sub(named, reason))


def _proposed(task: Record, each: Record, labels: Labels | None) -> Inline:
    subject = subject_words(task["point"], each["subject"], labels)
    action = human(f"{task['point']}.{each['action']}", labels)
    waits = ", aguarda aprovação" if each["requires_approval"] else ""
    return (
        f"{agent_name(task['agent'])} – {subject}: ",
        bold(action),
        f" ({brl(each['value_brl'])}, custo {brl(each['cost_brl'])}{waits})",
    )


def _conflicts(superseded: Sequence[Record], labels: Labels | None) -> Iterator[Block]:
    yield Heading(2, "Conflitos resolvidos")
    if not superseded:
        yield Paragraph("Nenhuma decisão precisou ceder a outra.")
        return
    ranked = sorted(superseded, key=lambda entry: (entry["cost_brl"] - entry["value_brl"], entry["decision_id"]))
    rows: list[tuple[Inline, ...]] = []
    for entry in ranked[:LISTED]:
        worth = brl(entry["value_brl"] - entry["cost_brl"])
        rows.append((_what(entry, labels), reason_words(entry["reason"], labels), worth, entry["decision_id"][:SHORT_ID]))
    yield Table(("O que não segue", "Por quê", "Valor líquido", "Código"), tuple(rows), right=frozenset({2}))
    if len(ranked) > LISTED:
        yield Paragraph(f"E mais {count(len(ranked) - LISTED, 'decisão', 'decisões')}; todas estão no registro de auditoria.")


def _rest(plan: Record) -> Iterator[Block]:
    orders = plan["orders"]
    changed = sorted(orders["capacities"].items())
    if changed:
        labels = {each["resource"]: each["label"] for each in plan["anticipations"]}
        yield Heading(2, "Limites do dia mudados pelo plano")
        yield BulletList(
            tuple(f"{labels.get(name, name)}: {number(value, 2)} ({orders['goals'].get(name, '')})" for name, value in changed)
        )
    if plan["missing"]:
        yield Heading(2, "O que falta")
        names = "; ".join(POINTS.get(name, name) for name in plan["missing"])
        yield Callout(f"Sem decisões neste dia: {names}. O plano vale para os demais; execute de novo quando os dados chegarem.", "warning")
