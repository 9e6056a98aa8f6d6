"""The workflows of an agent as people read them: a diagram each, and a page of the knowledge base per agent, in Portuguese.

Pure: the same declarations give the same bytes. What starts a workflow is in `starts.py`, words for steps are in `step_words.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from eco_assets.jorge.starts import Start
from eco_assets.jorge.step_words import STEPS
from notion_sync.documents.inline import Inline, bold, link
from notion_sync.documents.tree import Block, BulletList, Code, Document, Heading, Item, Paragraph, Property, Table
from notion_sync.formatting import brl, count
from notion_sync.labels import agent_name
from notion_sync.records import Rendered

if TYPE_CHECKING:
    from eco_assets.jorge.workflow import Approval, Workflow

NAMES = {"mega": "Mega-agente"}
_STARTS = {"decision": "decisão", "goal": "meta ou evento do mega-agente", "plan": "plano do dia", "event": "fim de outro fluxo"}


def catalogue_pages(workflows: Mapping[str, Workflow], starts: Mapping[str, Sequence[Start]]) -> tuple[Rendered, ...]:
    """A page per agent, in the catalogue's order, and their index, last.

    Args:
        workflows: all, by name.
        starts: as `starts.starts_of` tells them.
    """
    agents = dict.fromkeys(workflow.agent for workflow in workflows.values())
    owned = {agent: [each for each in workflows.values() if each.agent == agent] for agent in agents}
    return (*(_page(agent, own, starts) for agent, own in owned.items()), _index(owned))


def page_path(agent: str) -> str:
    """Where an agent's page is in the knowledge base."""
    return f"catalogo/fluxos/{agent}.md"


def diagram(workflow: Workflow) -> str:
    """The workflow as a Mermaid flowchart: the approval point, the steps in order, what undoes them, events in and out."""
    lines, steps = ["flowchart LR"], workflow.steps
    entry = "aprova" if workflow.approval is not None else "s1"
    lines += [f'  entra{place}(["{event}"]) --> {entry}' for place, event in enumerate(workflow.listens, start=1)]
    if workflow.approval is not None:
        lines += [f'  aprova{{"{approval_words(workflow.approval)}"}} -- sim --> s1', "  aprova -- não --> recusada([recusada])"]
    for place, step in enumerate(steps, start=1):
        after = f"s{place + 1}" if place < len(steps) else "fim([concluída])"
        lines.append(f'  s{place}["{step_words(step.name)}"] --> {after}')
    for place in range(len(steps), 0, -1):
        before = f"u{place - 1}" if place > 1 else "desfeita([desfeita])"
        lines.append(f"  s{place} -. falha .-> u{place}[/desfaz {place}/] -.-> {before}")
    lines += [f'  fim --> sai{place}(["{event}"])' for place, event in enumerate(workflow.emits, start=1)]
    return "\n".join(lines)


def step_words(name: str) -> str:
    """What a step does, in words; the name itself where nobody gave it any."""
    return STEPS.get(name, name.replace("_", " "))


def approval_words(approval: Approval) -> str:
    """When a person must agree first, in words."""
    if approval.above_brl is not None:
        return f"acima de {brl(approval.above_brl)}, uma pessoa aprova?"
    return "uma pessoa aprova?" if approval.when is None else "caso grande: uma pessoa aprova?"


def seconds_words(seconds: float) -> str:
    """A promise of time in words."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def _index(owned: Mapping[str, Sequence[Workflow]]) -> Rendered:
    total = sum(map(len, owned.values()))
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (link(_name(agent), f"{agent}.md"), str(len(own)), str(sum(each.approval is not None for each in own)))
        for agent, own in owned.items()
    )
    blocks: tuple[Block, ...] = (
        Paragraph(
            f"{count(total, 'fluxo executa', 'fluxos executam')} o que os agentes decidem; a página de cada agente traz os desenhos."
        ),
        Table(("Agente", "Fluxos", "Com aprovação"), rows, right=frozenset({1, 2})),
    )
    return Rendered(page_path("index"), Document("Catálogo de fluxos", {"tipo": "catalogo_de_fluxos", "fluxos": total}, blocks))


def _name(agent: str) -> str:
    return NAMES.get(agent) or agent_name(agent)


def _page(agent: str, workflows: Sequence[Workflow], starts: Mapping[str, Sequence[Start]]) -> Rendered:
    name = _name(agent)
    rows: tuple[tuple[Inline, ...], ...] = tuple(
        (each.label, str(len(each.steps)), _asked(each), seconds_words(each.slo_s), _kinds(starts[each.name])) for each in workflows
    )
    blocks: list[Block] = [
        Paragraph(
            f"{count(len(workflows), 'fluxo', 'fluxos')} do agente {name}. O passo que falha de vez é desfeito, e os anteriores também, do"
            " último ao primeiro; o que não se consegue desfazer espera uma pessoa."
        ),
        Table(("Fluxo", "Passos", "Aprovação", "Prazo", "Começa por"), rows, right=frozenset({1})),
    ]
    for workflow in workflows:
        blocks += _section(workflow, starts[workflow.name])
    properties: dict[str, Property] = {"tipo": "catalogo_de_fluxos", "agente": agent, "fluxos": len(workflows)}
    return Rendered(page_path(agent), Document(f"Fluxos: {name}", properties, tuple(blocks)))


def _section(workflow: Workflow, starts: Sequence[Start]) -> list[Block]:
    told = [f"{_STARTS[start.kind]}: {_plain(start.label)}" for start in starts]
    facts: list[Inline] = [
        (bold("Começa por: "), "; ".join(dict.fromkeys(told))),
        (bold("Passos: "), " → ".join(step_words(step.name) for step in workflow.steps)),
        (bold("Prazo: "), f"{seconds_words(workflow.slo_s)} da fila ao fim; prioridade {workflow.priority}"),
    ]
    if workflow.approval is not None:
        to = workflow.approval.escalate_to
        waits = f"vale por {workflow.approval.expires_h:.0f} h" + (
            f"; sem resposta em {workflow.approval.escalate_after_h:.0f} h vai a {to}" if to else ""
        )
        facts.append((bold("Aprovação: "), f"{_asked(workflow)}; {waits}"))
    items = tuple(Item(each) for each in facts)
    return [Heading(2, workflow.label), BulletList(items), Code(diagram(workflow), "mermaid")]


def _asked(workflow: Workflow) -> str:
    return approval_words(workflow.approval).rstrip("?") if workflow.approval is not None else "não"


def _kinds(starts: Sequence[Start]) -> str:
    return ", ".join(dict.fromkeys(_STARTS[start.kind] for start in starts))


def _plain(title: str) -> str:
    """A goal's title without its parameters."""
    return title.partition("{")[0].rstrip(" :(,")
