"""The decision log: every decision of a day in one table, and the reasons of those that matter.

Here belongs the page of one agent (or of all); a day's report links to its sections by `log_path`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from notion_sync.decision_detail import about, action_words, anchor, details
from notion_sync.documents.inline import Inline, code, link
from notion_sync.documents.tree import Block, Callout, Divider, Document, Heading, Paragraph, Property, Table
from notion_sync.formatting import MISSING, brl, count, date_long
from notion_sync.gave_way import gave_way
from notion_sync.labels import Labels, agent_name
from notion_sync.records import Record, Rendered, awaiting, detailed, outcomes, policies, ranked, short_id, total_value
from notion_sync.words import OUTCOMES

LISTED = 400
"""How many decisions the table shows: a page beyond that is not read."""


def log_path(agent: str | None, as_of: date) -> str:
    """Return the log's path in the workspace; None is the log of all agents."""
    return f"decisoes/{as_of.isoformat()}/{agent or 'index'}.md"


def decision_log(
    agent: str | None,
    as_of: date,
    decisions: Sequence[Record],
    executions: Sequence[Record],
    *,
    superseded: Sequence[Record] = (),
    ledger_head: str = "",
    labels: Labels | None = None,
) -> Rendered:
    """Return the page with the decisions of `as_of`.

    Args:
        agent: machine name of the agent, or None for all of them.
        as_of: the business day.
        decisions: ledger records of what was decided that day.
        executions: ledger records of what was done about it.
        superseded: ledger records of what gave way to another decision, with the reason as `superseded_because`.
        ledger_head: hash of the ledger's last entry, as the caller read it.
        labels: machine name → words, for this installation.
    """
    who = agent_name(agent) if agent else "Todos os agentes"
    blocks: list[Block] = [_opening(decisions, executions)]
    if decisions:
        blocks += _listing(decisions, executions, labels, has_agents=agent is None)
        blocks.append(Heading(2, "Detalhes das decisões que mais importam"))
        state = outcomes(decisions, executions)
        for decision in detailed(decisions, executions):
            blocks += details(decision, state[str(decision["decision_id"])], labels)
    blocks += gave_way(superseded, as_of, labels)
    blocks += [Divider(), Paragraph(("Registro de auditoria: ", code(ledger_head) if ledger_head else MISSING, "."))]
    properties: dict[str, Property] = {
        "tipo": "registro_de_decisoes",
        "agente": agent or "todos",
        "data": as_of,
        "versao_politicas": policies(decisions),
        "decisoes": len(decisions),
        "valor_esperado_brl": round(total_value(decisions), 2),
        "situacao": "aguarda aprovação" if awaiting(decisions, executions) else "sem pendências",
        "ledger_head": ledger_head,
    }
    title = f"Registro de decisões – {who} – {date_long(as_of)}"
    return Rendered(log_path(agent, as_of), Document(title, properties, tuple(blocks)))


def _opening(decisions: Sequence[Record], executions: Sequence[Record]) -> Block:
    if not decisions:
        return Paragraph("Nenhuma decisão foi registrada neste dia.")
    text = f"{count(len(decisions), 'decisão registrada', 'decisões registradas')}, "
    text += f"com valor esperado de {brl(total_value(decisions))}."
    waiting = len(awaiting(decisions, executions))
    if waiting:
        text += f" {count(waiting, 'aguarda aprovação', 'aguardam aprovação')}."
    return Paragraph(text)


def _listing(decisions: Sequence[Record], executions: Sequence[Record], labels: Labels | None, *, has_agents: bool) -> list[Block]:
    state = outcomes(decisions, executions)
    sections = {str(decision["decision_id"]) for decision in detailed(decisions, executions)}
    rows: list[tuple[Inline, ...]] = []
    for decision in ranked(decisions)[:LISTED]:
        key = str(decision["decision_id"])
        name = link(short_id(decision), f"#{anchor(decision)}") if key in sections else code(short_id(decision))
        words = (about(decision, labels), action_words(decision, labels))
        who = (agent_name(decision["agent"]),) if has_agents else ()
        rows.append((name, *who, *words, brl(decision.get("value_brl")), OUTCOMES.get(state[key], state[key])))
    header = ("Código", *(("Agente",) if has_agents else ()), "Assunto", "Ação", "Valor esperado", "Situação")
    money = frozenset({header.index("Valor esperado")})
    blocks: list[Block] = [Heading(2, "Todas as decisões"), Table(header, tuple(rows), right=money)]
    rest = len(decisions) - len(rows)
    if rest > 0:
        hidden = count(rest, "decisão de menor valor não aparece", "decisões de menor valor não aparecem")
        blocks.append(Callout(f"{hidden} nesta tabela; todas estão no registro de auditoria."))
    return blocks
