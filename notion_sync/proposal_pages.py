"""The proposals of an agent's day: a page each for what was carried out to its end, and one page that leads to all of them.

A decision that still waits, failed or was undone makes no proposal: nothing may reach a customer that nobody stands behind.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from eco_assets.errors import RequestRefused
from notion_sync.decision_detail import about, action_words
from notion_sync.documents.inline import Inline, bold, code, link
from notion_sync.documents.tree import Block, Callout, Document, Heading, Paragraph, Property, Table
from notion_sync.formatting import brl, count, date_long, date_short
from notion_sync.labels import Labels, agent_name
from notion_sync.proposal_templates import load_templates, required_template, template_for
from notion_sync.proposal_values import Offer, audience, offer, valid_until
from notion_sync.proposals import proposal, proposal_path
from notion_sync.records import SHORT_ID, Record, Rendered

CARRIED_OUT = "completed"


@dataclass(frozen=True)
class DayOfProposals:
    """What a day proposes.

    Attributes:
        pages: one a proposal, the most expensive first, then the index.
        made: the decisions behind them, in the same order.
        refused: decision id → why its proposal could not be made, for people to mend template or policy.
    """

    pages: tuple[Rendered, ...]
    made: tuple[Record, ...]
    refused: Mapping[str, str]


def proposing_agents() -> tuple[str, ...]:
    """The agents whose decisions some template answers, by name."""
    return tuple(sorted({str(template.body["policy"]).partition("/")[0] for template in load_templates()}))


def carried_out(decisions: Sequence[Record], executions: Sequence[Record]) -> list[Record]:
    """Return the decisions that a template answers and whose execution came to its end."""
    ended = {str(execution["decision_id"]) for execution in executions if execution["outcome"] == CARRIED_OUT}
    return [decision for decision in decisions if str(decision["decision_id"]) in ended and template_for(decision)]


def day_of_proposals(
    agent: str, as_of: date, decisions: Sequence[Record], executions: Sequence[Record], labels: Labels | None = None
) -> DayOfProposals:
    """Return the pages of a day.

    Args:
        agent: whose decisions these are.
        as_of: the business day.
        decisions: ledger records of what stood that day.
        executions: ledger records of what was done about it.
        labels: machine name → words, for this installation.
    """
    pages: list[tuple[Record, Offer, Rendered]] = []
    refused: dict[str, str] = {}
    for decision in carried_out(decisions, executions):
        try:
            pages.append((decision, offer(required_template(decision), decision), proposal(decision)))
        except RequestRefused as error:
            refused[str(decision["decision_id"])] = str(error)
    pages.sort(key=lambda page: (-page[1].total_brl, str(page[0]["decision_id"])))
    index = _index(agent, as_of, [(decision, price) for decision, price, _ in pages], refused, labels)
    return DayOfProposals((*(page for _, _, page in pages), index), tuple(decision for decision, _, _ in pages), refused)


def index_path(agent: str, as_of: date) -> str:
    """Return the path of the page that leads to an agent's proposals of a day."""
    return f"propostas/{as_of.isoformat()}/{agent}.md"


def _index(agent: str, as_of: date, made: Sequence[tuple[Record, Offer]], refused: Mapping[str, str], labels: Labels | None) -> Rendered:
    total = sum((price.total_brl for _, price in made), start=Decimal(0))
    properties: dict[str, Property] = {
        "tipo": "propostas_do_dia",
        "agente": agent,
        "data": as_of,
        "propostas": len(made),
        "total_brl": float(total),
    }
    when = date_long(as_of)
    if made:
        verb = "foi preparada" if len(made) == 1 else "foram preparadas"
        opening = Paragraph((bold(count(len(made), "proposta", "propostas")), f" {verb} em {when}, no total de ", bold(brl(total)), "."))
    else:
        opening = Paragraph(
            f"Nenhuma proposta foi preparada em {when}: nenhuma decisão que oferece algo a um cliente foi concluída neste dia."
        )
    blocks: list[Block] = [opening]
    if made:
        blocks += [Paragraph("Leia cada uma antes de enviar e retire a nota de uso interno, no fim da página."), _table(made, labels)]
    if refused:
        blocks += [Heading(2, "Não puderam ser preparadas"), Callout(_refusal(len(refused)), "warning")]
        blocks.append(Table(("Decisão", "Por quê"), tuple((code(key[:SHORT_ID]), why) for key, why in refused.items())))
    title = f"Propostas – {agent_name(agent)} – {when}"
    return Rendered(index_path(agent, as_of), Document(title, properties, tuple(blocks)))


def _refusal(number: int) -> str:
    return (
        f"{count(number, 'decisão concluída ficou', 'decisões concluídas ficaram')} sem proposta; o modelo ou a política precisa de ajuste."
    )


def _table(made: Sequence[tuple[Record, Offer]], labels: Labels | None) -> Table:
    rows: list[tuple[Inline, ...]] = []
    for decision, price in made:
        template = required_template(decision)
        discount = "" if not price.discount_percent else f" ({brl(-price.discount_brl)})"
        rows.append(
            (
                link(_for_whom(decision, labels), posixpath.basename(proposal_path(decision))),
                action_words(decision, labels),
                (bold(brl(price.total_brl)), discount),
                date_short(valid_until(template, date.fromisoformat(str(decision["as_of"])))),
                code(template.name),
            )
        )
    return Table(("Para", "O que se oferece", "Total", "Vale até", "Modelo"), tuple(rows), right=frozenset({2, 3}))


def _for_whom(decision: Record, labels: Labels | None) -> str:
    if decision["agent"] == "agencia":
        words = audience(str(decision["subject"]))
        return words[:1].upper() + words[1:]
    return about(decision, labels)
