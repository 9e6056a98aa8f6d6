"""The workflows of an agent as people read them: a diagram each, and a page of the knowledge base per agent, in Portuguese.

Pure: the same declarations give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from notion_sync.documents.inline import Inline
from notion_sync.documents.tree import Block, BulletList, Code, Document, Heading, Paragraph, Property, Table
from notion_sync.labels import agent_name
from notion_sync.records import Rendered

if TYPE_CHECKING:
    from eco_assets.jorge.workflow import Approval, Step, Workflow

NAME = "Fluxos"


def catalogue_pages(workflows: Mapping[str, Workflow], starts: Mapping[str, Iterable[str]]) -> tuple[Rendered, ...]:
    """A page per agent, in the order of the catalogue.

    Args:
        workflows: all, by name.
        starts: workflow → what starts it, in words (`starts.starts_of`).
    """
    agents = dict.fromkeys(workflow.agent for workflow in workflows.values())
    return tuple(_page(agent, [each for each in workflows.values() if each.agent == agent], starts) for agent in agents)


def page_path(agent: str) -> str:
    """Where an agent's page is in the knowledge base."""
    return f"catalogo/fluxos/{agent}.md"


def diagram(workflow: Workflow) -> str:
    """The workflow as a Mermaid flowchart: steps in order, what undoes them, the approval point, events in and out."""
    lines = ["flowchart LR"]
    lines += [f'  in{place}(["{event}"]) --> s0' for place, event in enumerate(workflow.listens)]
    first = "s0"
    if workflow.approval is not None:
        lines += [f'  s0{{"{approval_words(workflow.approval)}?"}} -- sim --> s1', "  s0 -- não --> recusada([recusada])"]
        first = "s1"
    start = int(first[1:])
    for place, step in enumerate(workflow.steps, start=start):
        lines.append(f'  s{place}["{_words(step)}"]')
        if place > start:
            lines.append(f"  s{place - 1} --> s{place}")
        if step.undo is not None:
            before = f"u{place - 1}" if place > start else "desfeita([desfeita])"
            lines.append(f"  s{place} -. falha .-> u{place}[/desfaz {_words(step)}/] -.-> {before}")
    last = f"s{start + len(workflow.steps) - 1}"
    lines.append(f"  {last} --> fim([concluída])")
    lines += [f'  fim --> out{place}(["{event}"])' for place, event in enumerate(workflow.emits)]
    return "\n".join(lines)


def approval_words(approval: Approval) -> str:
    """When a person must agree, in words."""
    if approval.above_brl is not None and approval.when is None:
        return f"acima de R$ {approval.above_brl:,.0f}, uma pessoa aprova".replace(",", ".", 1).replace(".", ",", 0)
    return "uma pessoa aprova" if approval.when is None else "uma pessoa aprova os casos grandes"


def seconds_words(seconds: float) -> str:
    """A promise of time in words."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _page(agent: str, workflows: list[Workflow], starts: Mapping[str, Iterable[str]]) -> Rendered:
    rows = tuple(
        (
            Inline.of(each.label),
            Inline.of(str(len(each.steps))),
            Inline.of(approval_words(each.approval) if each.approval else "não"),
            Inline.of(seconds_words(each.slo_s)),
        )
        for each in workflows
    )
    return rows  # type: ignore[return-value]


def _words(step: Step) -> str:
    return step.name.replace("_", " ")
