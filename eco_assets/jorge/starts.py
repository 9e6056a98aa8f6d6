"""What starts each workflow: a decision's action, a goal or an event of the mega-agent, the day's plan, or another workflow's event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from eco_assets.jorge.workflow import Workflow


@dataclass(frozen=True)
class Start:
    """One way in.

    Attributes:
        kind: of what starts it.
        name: `agent/point.action`, a goal's id, or an event's name.
        label: as people call it.
    """

    kind: Literal["decision", "goal", "plan", "event"]
    name: str
    label: str


def starts_of(workflows: Mapping[str, Workflow]) -> dict[str, tuple[Start, ...]]:
    """Every workflow with what starts it; empty where nothing ever would, which a test refuses.

    An event counts only where a workflow that something starts emits it.
    """
    found = {name: tuple(starts) for name, starts in _told(workflows).items()}
    fresh = [name for name, starts in found.items() if starts]
    while fresh:
        source = workflows[fresh.pop()]
        for event in source.emits:
            for name, workflow in workflows.items():
                start = Start("event", event, source.label)
                if event in workflow.listens and start not in found[name]:
                    fresh += [name] if not found[name] else []
                    found[name] = (*found[name], start)
    return found


def _told(workflows: Mapping[str, Workflow]) -> dict[str, list[Start]]:
    """What decisions, goals and the plan start."""
    from eco_assets.mcp.mega.carry import BRIEF
    from eco_assets.mcp.mega.goals import load_templates
    from eco_assets.mcp.policies import load_policies

    found: dict[str, list[Start]] = {name: [] for name in workflows}
    for policy in load_policies().values():
        for action in policy.actions:
            if action.workflow in found:
                found[action.workflow].append(Start("decision", f"{policy.name}.{action.name}", action.label))
    for template in load_templates().values():
        if template.workflow in found:
            found[template.workflow].append(Start("goal", template.id, template.title))
    if BRIEF in found:
        found[BRIEF].append(Start("plan", "decisions/mega/plan", "O plano do dia"))
    return found
