"""`eco workflows`: the catalogue, and one workflow with its steps, what starts it, and its diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from eco_assets import console
from eco_assets.commands.shared import Json, guarded
from eco_assets.errors import NotFound

if TYPE_CHECKING:
    from eco_assets.jorge.starts import Start
    from eco_assets.jorge.workflow import Workflow

Name = Annotated[str | None, typer.Argument(help="One workflow, `agent.name`, or a part of it that only one has.")]
Owner = Annotated[str | None, typer.Option("--agent", help="Only this agent's; `mega` is one of them.")]


@guarded
def workflows(name: Name = None, agent: Owner = None, as_json: Json = False) -> None:
    """Every workflow: what starts it, its steps and what undoes them, its approval point and promise; with NAME, one and its diagram."""
    from eco_assets.jorge.agents import WORKFLOWS
    from eco_assets.jorge.starts import starts_of

    starts = starts_of(WORKFLOWS)
    if name is not None:
        found = _one(WORKFLOWS, name)
        _show(found, starts[found.name], as_json=as_json)
        return
    shown = [each for each in WORKFLOWS.values() if agent in (None, each.agent)]
    if as_json:
        console.as_json([_told(each, starts[each.name]) for each in shown])
        return
    rows = [
        (each.name, " → ".join(step.name + (" ⟲" if step.undo else "") for step in each.steps), _approval(each), f"{each.slo_s:.0f} s")
        for each in shown
    ]
    console.table(f"{len(rows)} workflows (⟲ can be undone)", ("workflow", "steps", "a person", "promise"), rows)


def _one(known: dict[str, Workflow], name: str) -> Workflow:
    if name in known:
        return known[name]
    alike = [each for each in known if name in each]
    if len(alike) != 1:
        said = f"{len(alike)} have it: {', '.join(alike[:8])}" if alike else "`eco workflows` lists them"
        raise NotFound(f"no workflow {name!r}; {said}")
    return known[alike[0]]


def _show(workflow: Workflow, starts: tuple[Start, ...], *, as_json: bool) -> None:
    from eco_assets.jorge.catalogue_page import diagram, step_words

    told = _told(workflow, starts) | {"diagram": diagram(workflow)}
    if as_json:
        console.as_json(told)
        return
    rows = [
        (step.name, step_words(step.name), "yes" if step.undo else "no", f"{step.retry.attempts} × {step.timeout_s:.0f} s")
        for step in workflow.steps
    ]
    console.table(f"{workflow.name}: {workflow.label}", ("step", "in words", "undone", "attempts"), rows)
    console.say(workflow.description)
    console.say(f"started by: {'; '.join(f'{start.kind} {start.name}' for start in starts) or 'nothing'}")
    console.say(
        f"a person: {_approval(workflow)}   promise: {workflow.slo_s:.0f} s   priority: {workflow.priority}   version: {workflow.version}"
    )
    console.say(f"input: {', '.join(_fields(workflow))}")
    console.say("\n" + told["diagram"])


def _told(workflow: Workflow, starts: tuple[Start, ...]) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "agent": workflow.agent,
        "label": workflow.label,
        "description": workflow.description,
        "steps": [{"name": step.name, "is_undone": step.undo is not None} for step in workflow.steps],
        "approval": _approval(workflow),
        "slo_s": workflow.slo_s,
        "priority": workflow.priority,
        "version": workflow.version,
        "input": _fields(workflow),
        "starts": [{"kind": start.kind, "name": start.name} for start in starts],
        "listens": list(workflow.listens),
        "emits": list(workflow.emits),
    }


def _fields(workflow: Workflow) -> list[str]:
    return list(workflow.input.model_fields)


def _approval(workflow: Workflow) -> str:
    if workflow.approval is None:
        return "no"
    if workflow.approval.above_brl is not None:
        return f"above R$ {workflow.approval.above_brl:,.0f}"
    return "always" if workflow.approval.when is None else "big cases"
