"""`eco report`: reports on a week and a month, and the pages about the platform itself, made and published now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from eco_assets import console
from eco_assets.commands.shared import Agent, Day, Json, guarded, known_agent
from eco_assets.commands.shared import platform as open_platform
from eco_assets.errors import RequestRefused
from eco_assets.settings import AGENTS

if TYPE_CHECKING:
    from datetime import date

    from eco_assets.platform import Platform
    from notion_sync.records import Rendered

_WEEKLY, _MONTHLY = "weekly", "monthly"


@guarded
def report(
    kind: Annotated[str, typer.Argument(help="weekly, monthly, components, decisions_of_architecture, risks or post_mortems.")],
    agent: Agent = None,
    day: Day = None,
    as_json: Json = False,
) -> None:
    """Make and publish pages; `--date` is the last day of a week or a month, `--agent` of weekly reports only."""
    from eco_assets.knowledge_pages import KINDS

    known = (_WEEKLY, _MONTHLY, *KINDS)
    if kind not in known:
        raise RequestRefused(f"no report {kind!r}; the known ones are {', '.join(known)}")
    if agent and kind != _WEEKLY:
        raise RequestRefused(f"{kind} is about all agents: leave --agent out")
    engines, chosen = open_platform(), known_agent(agent)
    as_of = day.date() if day else None
    pages = _periodic(engines, kind, chosen, as_of) if kind in (_WEEKLY, _MONTHLY) else KINDS[kind][1](engines)
    published = [engines.workspace.publish(page.path, page.document, page.images) for page in pages]
    if as_json:
        console.as_json([{"path": str(each.path), "is_changed": each.is_changed} for each in published])
        return
    for each in published if kind in (_WEEKLY, _MONTHLY) else published[-1:]:
        console.say(str(each.path))
    console.say(f"{len(published)} page(s), {sum(each.is_changed for each in published)} changed")


def _periodic(engines: Platform, kind: str, agent: str | None, day: date | None) -> Sequence[Rendered]:
    from eco_assets.briefing import labels
    from eco_assets.briefing_periods import agent_week, month_costs
    from eco_assets.summary import last_decided
    from notion_sync.generators.monthly_costs import monthly_costs
    from notion_sync.generators.weekly_report import weekly_report

    as_of = day or last_decided(engines) or engines.business_date()
    if kind == _MONTHLY:
        return [monthly_costs(month_costs(engines, as_of), labels())]
    return [weekly_report(agent_week(engines, each, as_of), labels()) for each in ([agent] if agent else AGENTS)]
