"""One decision in full: why it was taken, from which figures, and what else was possible.

Here belong the section of a decision and the words for its subject; the page round the sections is `decision_log`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from notion_sync.decision_facts import evaluated
from notion_sync.documents.inline import Inline, Span, bold, code
from notion_sync.documents.tree import Block, BulletList, Code, Heading, Paragraph, Table
from notion_sync.formatting import MISSING, brl, count, date_short, measured, percent
from notion_sync.labels import Labels, coded, human, subject_words, term
from notion_sync.privacy import HIDDEN, is_free_text, shown_text
from notion_sync.records import Record, short_id, value_of
from notion_sync.words import OUTCOMES, SHARES


def anchor(decision: Record) -> str:
    """Return the name of a decision's section."""
    return f"d-{short_id(decision).lower()}"


def approval_command(decision: Record) -> str:
    """Return the command by which a person approves `decision`."""
    return f"eco approve {decision['decision_id']} --by NOME"


def about(decision: Record, labels: Labels | None) -> str:
    """Return what `decision` is about, in words."""
    return subject_words(str(decision.get("point", "")), str(decision["subject"]), labels)


def action_words(decision: Record, labels: Labels | None, action: str | None = None) -> str:
    """Return the words for the decision's action, or for another `action` of its point.

    A label under `point.action` wins over one under `action`: two points may name different things alike.
    """
    slug = action or str(decision["action"])
    return human(f"{decision.get('point', '')}.{slug}", labels)


def details(decision: Record, outcome: str, labels: Labels | None) -> list[Block]:
    """Return the section of one decision: why, from what, and what else was possible."""
    title = f"{about(decision, labels)} – {action_words(decision, labels)}"
    blocks: list[Block] = [
        Heading(3, title, anchor(decision)),
        Paragraph(shown_text(str(decision.get("reason") or "Sem motivo registrado."))),
        BulletList(tuple(_facts(decision, outcome, labels))),
    ]
    alternatives = decision.get("alternatives") or []
    if alternatives:
        blocks.append(_alternatives(decision, alternatives, labels))
    if outcome == "awaiting_approval":
        blocks.append(Code(approval_command(decision), "bash"))
    return blocks


def _facts(decision: Record, outcome: str, labels: Labels | None) -> list[Inline]:
    policy = decision["policy"]
    money = f"{brl(decision.get('value_brl'))}, com custo de {brl(decision.get('cost_brl'))}"
    facts: list[Inline] = [
        (bold("Código: "), code(short_id(decision)), f" · {OUTCOMES.get(outcome, outcome)}"),
        (bold("Valor esperado: "), f"{money} e confiança de {percent(decision.get('confidence'), 0)}"),
        (bold("Política: "), code(f"{policy['name']}@{policy['version']}")),
    ]
    models: list[Inline] = [code(f"{model['name']}@{model['version']}") for model in decision.get("models") or []]
    if models:
        facts.append((bold("Modelos: "), *_listed(models)))
    for title, name in (("Previsões: ", "predictions"), ("Dados usados: ", "features")):
        values = decision.get(name) or {}
        if values:
            facts.append((bold(title), *_listed([_pair(key, values[key], labels) for key in sorted(values)])))
    facts += evaluated(decision, labels)
    guardrails = [shown_text(_guardrail(rule)) for rule in decision.get("guardrails") or []]
    if guardrails:
        facts.append((bold("Limites aplicados: "), "; ".join(guardrails)))
    return facts


def _guardrail(rule: Any) -> str:
    if isinstance(rule, Mapping):
        return str(rule.get("reason") or rule.get("why") or rule["name"])
    return str(rule)


def _pair(name: str, value: Any, labels: Labels | None) -> Inline:
    words = term(name, labels)
    shown = ": " + feature_value(name, value, labels)
    return (*words, shown) if isinstance(words, tuple) else (words, shown)


def _listed(items: Sequence[Inline]) -> list[str | Span]:
    parts: list[str | Span] = []
    for item in items:
        parts += [" · "] if parts else []
        parts += item if isinstance(item, tuple) else [item]
    return parts


def feature_value(name: str, value: Any, labels: Labels | None = None) -> str:
    """Return a feature or prediction for readers: its unit is told by its name; free text is never shown."""
    if is_free_text(name, value):
        return HIDDEN
    match value:
        case None:
            return MISSING
        case bool():
            return "sim" if value else "não"
        case int() | float():
            if name.endswith("_brl"):
                return brl(value)
            is_share = name in SHARES or name.endswith(("_rate", "_share"))
            return percent(value) if is_share else measured(value)
        case str():
            return _day(value) or coded(value, labels)
        case _:
            return count(len(value), "item", "itens") if isinstance(value, Sequence | Mapping) else HIDDEN


def _day(text: str) -> str | None:
    try:
        return date_short(date.fromisoformat(text)) if "-" in text else None
    except ValueError:
        return None


def _alternatives(decision: Record, alternatives: Sequence[Record], labels: Labels | None) -> Table:
    """Show what was possible; the rule that excluded an option is an expression, and stays in the ledger."""
    rows: list[tuple[Inline, ...]] = []
    for option in alternatives:
        words = action_words(decision, labels, option["action"])
        name: Inline = bold(f"{words} (escolhida)") if option["action"] == decision["action"] else words
        amounts = (option.get("value_brl"), option.get("cost_brl"), value_of(option) - value_of(option, "cost_brl"))
        is_eligible = bool(option["is_eligible"])
        shown = tuple(brl(amount) if is_eligible else MISSING for amount in amounts)
        rows.append((name, *shown, "Sim" if is_eligible else "Não"))
    header = ("Alternativa", "Valor esperado", "Custo", "Resultado líquido", "Permitida")
    return Table(header, tuple(rows), right=frozenset({1, 2, 3}))
