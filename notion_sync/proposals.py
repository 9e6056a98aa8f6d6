"""Proposals: what a salesperson sends to a customer, made from a template and a decision that was really taken.

The customer's text holds no id, no probability and no word of how it was decided; that is in the page's properties and in an
internal section at its end. The same decision and template give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from eco_assets.errors import ConfigError
from notion_sync.decision_log import log_path
from notion_sync.documents.inline import Inline, bold, code, link
from notion_sync.documents.tree import Block, BulletList, Divider, Document, Heading, NumberedList, Paragraph, Property, Table, Toggle
from notion_sync.formatting import brl, date_short, number
from notion_sync.proposal_templates import Template, required_template
from notion_sync.proposal_values import Offer, offer, proposal_number, schedule, valid_until, values
from notion_sync.records import Record, Rendered, short_id

INTERNAL = "Uso interno – retire antes de enviar"
_ID_IN_PATH = 12


def proposal_path(decision: Record) -> str:
    """Return the page's path in the workspace."""
    return f"propostas/{decision['as_of']}/{decision['agent']}-{str(decision['decision_id'])[:_ID_IN_PATH]}.md"


def customer_text(decision: Record, template: Template | None = None) -> Document:
    """Return what the customer reads, and nothing else.

    Raises:
        RequestRefused: the decision makes no proposal, or its cost is not what the template asks.
        ConfigError: a placeholder of the template has no value for this decision.
    """
    template = template or required_template(decision)
    words, action = values(template, decision), str(decision["action"])
    blocks: list[Block] = []
    for section in template.body["sections"]:
        if action in section.get("only", (action,)):
            blocks += _section(section, template, decision, words)
    blocks.append(Divider())
    blocks += [Paragraph(_filled(text, words, template)) for text in template.body["signature"]]
    return Document(_filled(template.body["title"], words, template), {}, tuple(blocks))


def proposal(decision: Record, template: Template | None = None) -> Rendered:
    """Return the page of a proposal: the customer's text, and an internal note at its end.

    Raises:
        RequestRefused, ConfigError: as `customer_text`.
    """
    template = template or required_template(decision)
    document = customer_text(decision, template)
    price, policy = offer(template, decision), decision["policy"]
    as_of = date.fromisoformat(str(decision["as_of"]))
    properties: dict[str, Property] = {
        "tipo": "proposta",
        "agente": str(decision["agent"]),
        "data": as_of,
        "modelo": template.name,
        "numero": proposal_number(decision),
        "validade": valid_until(template, as_of),
        "desconto_percentual": float(price.discount_percent),
        "total_brl": float(price.total_brl),
        "decisao": str(decision["decision_id"]),
        "politica": f"{policy['name']}@{policy['version']}",
    }
    blocks = (*document.blocks, Divider(), _internal(decision, template, as_of))
    return Rendered(proposal_path(decision), Document(document.title, properties, blocks))


def _internal(decision: Record, template: Template, as_of: date) -> Toggle:
    policy = decision["policy"]
    notes: tuple[Inline, ...] = (
        (bold("Decisão: "), code(str(decision["decision_id"])), " · ", link("registro de decisões", _log(decision, as_of))),
        (bold("Política: "), code(f"{policy['name']}@{policy['version']}")),
        (bold("Modelo de proposta: "), code(template.name)),
        (bold("De onde veio: "), code(f"eco explain {short_id(decision)}")),
    )
    return Toggle(INTERNAL, (BulletList(notes),), level=2)


def _log(decision: Record, as_of: date) -> str:
    return f"../../{log_path(str(decision['agent']), as_of)}"


def _section(section: Mapping[str, Any], template: Template, decision: Record, words: Mapping[str, str]) -> list[Block]:
    def filled(name: str) -> tuple[str, ...]:
        return tuple(_filled(text, words, template) for text in section.get(name, ()))

    blocks: list[Block] = [Heading(2, section["heading"])] if "heading" in section else []
    blocks += [Paragraph(text) for text in filled("text")]
    if "items" in section:
        blocks.append(BulletList(filled("items")))
    if "steps" in section:
        blocks.append(NumberedList(filled("steps")))
    if "stages" in section:
        rows = schedule(template, date.fromisoformat(str(decision["as_of"])))
        shown = tuple((name, date_short(first), date_short(last)) for name, first, last in rows)
        blocks.append(Table(("Etapa", "Início", "Término"), shown))
    if "prices" in section:
        blocks.append(_prices(offer(template, decision)))
    return blocks + [Paragraph(text) for text in filled("after")]


def _prices(price: Offer) -> Table:
    rows: list[tuple[Inline, ...]] = []
    for line in price.lines:
        is_free = not line.price_brl
        money = ("incluído", "incluído") if is_free else (brl(line.price_brl), brl(line.total_brl))
        rows.append((line.name, number(line.quantity), *money))
    if price.discount_brl:
        places = 0 if price.discount_percent == int(price.discount_percent) else 1
        rows.append(("Subtotal", "", "", brl(price.subtotal_brl)))
        rows.append((f"Desconto de {number(price.discount_percent, places)}%", "", "", brl(-price.discount_brl)))
    rows.append((bold("Total"), "", "", bold(brl(price.total_brl))))
    return Table(("Item", "Quantidade", "Valor unitário", "Valor"), tuple(rows), right=frozenset({1, 2, 3}))


def _filled(text: str, words: Mapping[str, str], template: Template) -> str:
    try:
        return text.format_map(words)
    except KeyError as error:
        message = f"template {template.file}: the placeholder {error} of {text!r} has no value for this decision"
        raise ConfigError(message) from error
