"""The decisions of an agent that gave way to another, with the reason: without them a reader of what stands would miss the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from notion_sync.decision_detail import about, action_words
from notion_sync.documents.inline import Inline, link
from notion_sync.documents.tree import Block, Heading, Paragraph, Table
from notion_sync.formatting import brl, count
from notion_sync.labels import Labels
from notion_sync.mega_plan import plan_path, reason_words
from notion_sync.records import Record, short_id, value_of

LISTED = 40


def gave_way(superseded: Sequence[Record], as_of: date, labels: Labels | None) -> Iterator[Block]:
    """Yield the section; nothing where no decision gave way.

    Args:
        superseded: decisions with the reason as `superseded_because`.
        as_of: the business day, whose plan the section links to.
        labels: machine name → words, for this installation.
    """
    if not superseded:
        return
    verb = "cedeu a outra e não é executada" if len(superseded) == 1 else "cederam a outras e não são executadas"
    ranked = sorted(superseded, key=lambda decision: (-_worth(decision), str(decision["decision_id"])))
    rows: list[tuple[Inline, ...]] = [
        (about(each, labels), action_words(each, labels), brl(_worth(each)), _why(each, labels), short_id(each)) for each in ranked[:LISTED]
    ]
    yield Heading(2, "Cederam a outra decisão")
    yield Paragraph(
        (
            f"Além das decisões acima, {count(len(superseded), 'decisão', 'decisões')} {verb}; o ",
            link("Plano do dia do mega-agente", f"../../{plan_path(as_of)}"),
            " conta como terminaram os conflitos do grupo.",
        )
    )
    yield Table(("Assunto", "Ação", "Resultado líquido", "Por quê", "Código"), tuple(rows), right=frozenset({2}))
    if len(ranked) > LISTED:
        yield Paragraph(f"E mais {count(len(ranked) - LISTED, 'decisão', 'decisões')}; todas estão no registro de auditoria.")


def _why(decision: Record, labels: Labels | None) -> str:
    return reason_words(str(decision["superseded_because"]), labels)


def _worth(decision: Record) -> float:
    return value_of(decision) - value_of(decision, "cost_brl")
