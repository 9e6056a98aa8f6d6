"""`eco goal`: what the mega-agent would do for a goal, the goals it knows, and why a decision gave way. Nothing is carried out here."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from eco_assets import console
from eco_assets.commands.shared import Json, guarded, quiet
from eco_assets.commands.shared import platform as open_platform

if TYPE_CHECKING:
    from click import Context

    from eco_assets.mcp.mega.models import Plan
    from eco_assets.platform import Platform

PLAN = "plan"
Day = Annotated[
    datetime | None, typer.Option("--day", "--date", formats=["%Y-%m-%d"], help="Business day; the last one that was decided by default.")
]


class _TextFirst(TyperGroup):
    """`eco goal "reduzir atrasos em SP"` is `eco goal plan "..."`: a text is no name of a command."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        """Put the command in front of a text."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = [PLAN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_TextFirst, no_args_is_help=True, help="Goals of the mega-agent: what it would do for one, and those it knows.")


@app.command(PLAN)
@guarded
def plan_goal(text: Annotated[str, typer.Argument(help="The goal, in Portuguese.")], day: Day = None, as_json: Json = False) -> None:
    """Plan a goal for one business day; nothing is carried out."""
    platform = open_platform()
    with quiet():
        from eco_assets.mcp.mega import plan

        made = plan(platform, text, _day(platform, day))
    if as_json:
        console.as_json(made.model_dump(mode="json"))
    else:
        _show(made)
    if not made.goals:
        raise typer.Exit(1)


@app.command("list")
@guarded
def list_goals(as_json: Json = False) -> None:
    """The goals and events that the mega-agent knows, and which goals this installation pursues."""
    from eco_assets.mcp.mega.goals import active_goals, load_templates

    active = {goal.id: goal.parameters for goal in active_goals(open_platform().settings.home)}
    templates = load_templates().values()
    if as_json:
        console.as_json([{**template.model_dump(mode="json"), "is_active": template.id in active} for template in templates])
        return
    rows = [
        (
            each.id,
            each.kind,
            "yes" if each.id in active else "",
            each.description,
            f"«{each.examples[0]}»" if each.examples else "",
        )
        for each in templates
    ]
    console.table(f"{len(rows)} goals and events", ("id", "kind", "active", "what it means", "as a text"), rows)


@app.command()
@guarded
def explain(
    identity: Annotated[str, typer.Argument(metavar="ID", help="A goal's id, or the id (or its beginning) of a decision.")],
    as_json: Json = False,
) -> None:
    """What a goal asks of whom, or why a decision goes through or not."""
    from eco_assets.mcp.mega.goals import load_templates

    template = load_templates().get(identity)
    found = template.model_dump(mode="json") if template else _of_decision(open_platform(), identity)
    if as_json:
        console.as_json(found)
    elif template:
        rows = [(task.id, f"{task.agent}/{task.point}", task.objective, task.subjects, f"{task.share:.0%}") for task in template.tasks]
        console.table(
            f"{template.id} {template.version}: {template.description}", ("sub-task", "point", "objective", "subjects", "tokens"), rows
        )
    else:
        decision = found["decision"]
        console.say(f"{decision['decision_id']}: {decision['agent']}/{decision['point']} {decision['subject']} → {decision['action']}")
        for entry in found["resolutions"]:
            console.say(f"  {entry['recorded_at']} {entry['verdict']} ({entry['rule']}): {entry['reason']}")
        if not found["resolutions"]:
            console.say("  no conflict was ever about it")
        for goal in found["goals"]:
            console.say(f"  serves {goal}")


def _of_decision(platform: Platform, identity: str) -> dict[str, Any]:
    from eco_assets.errors import NotFound
    from eco_assets.mcp.mega import newest_plan

    decision = platform.ledger.get("decision", identity)
    day = decision["as_of"]
    entries = [
        e for e in platform.ledger.list("resolution", agent=decision["agent"], as_of=day) if e["decision_id"] == decision["decision_id"]
    ]
    try:
        made = newest_plan(platform, date.fromisoformat(day))
    except NotFound:
        return {"decision": decision, "resolutions": entries, "goals": []}
    results = [(each.goal.title, result.proposal) for each in made.goals for result in each.tasks if result.proposal]
    goals = [title for title, proposal in results if decision["decision_id"] in {each.decision_id for each in proposal.decisions}]
    return {"decision": decision, "resolutions": entries, "goals": goals}


def _day(platform: Platform, day: Any) -> date:
    from eco_assets.summary import last_decided

    chosen: date = day.date() if day else last_decided(platform) or platform.business_date()
    return chosen


def _show(made: Plan) -> None:
    understood: Any = made.understanding
    if not made.goals:
        console.fail("not planned: " + "; ".join(understood["problems"]))
        return
    (found,) = made.goals
    console.say(f"{found.goal.title}, {made.as_of} ({found.goal.why})")
    if found.indicator and found.indicator.value is not None:
        shown = f"{found.indicator.value:.1%}" if found.indicator.unit == "percent" else f"{found.indicator.value:g}"
        console.say(f"{found.indicator.label}: {shown}")
    rows = [
        (
            f"{result.task.agent}/{result.task.point}",
            result.task.objective,
            len(result.proposal.decisions) if result.proposal else 0,
            result.proposal.value_brl if result.proposal else 0.0,
            result.proposal.cost_brl if result.proposal else 0.0,
            result.why,
        )
        for result in found.tasks
    ]
    console.table(f"{len(rows)} sub-task(s)", ("agent", "objective", "actions", "value R$", "cost R$", "answer"), rows)
    console.say(f"tokens: {found.tokens_spent} of {found.budget_tokens}")
    for name, capacity in made.orders.capacities.items():
        console.say(f"limit of the day: {name} {capacity:,.2f} ({made.orders.goals.get(name, '')})")
    risky = [each.text for each in made.anticipations if each.risk != "ok"]
    for text in risky:
        console.say(f"ahead: {text}")
    if made.begun:
        console.say(f"{made.begun} decision(s) of the day were begun already and cannot give way.")
    if made.resolved:
        lost = [(each.verdict, f"{each.agent}/{each.point}", each.subject, each.action, each.reason) for each in made.resolved[:20]]
        console.table(f"{len(made.resolved)} decision(s) would not go through", ("verdict", "point", "subject", "action", "why"), lost)
    console.say("A plan only: nothing was carried out. A goal listed in goals.yaml of the home is pursued every day.")
