"""What happened on a day that the group answers as one: machine stops, suppliers that fail, budgets that run out, models that drifted.

Pure: an event is a goal whose parameters come from what happened. What starts one is declared in its template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from eco_assets.mcp.mega.goals import Template, Trigger
from eco_assets.mcp.mega.models import Anticipation, Goal
from eco_assets.mcp.mega.resolve import net
from eco_assets.mcp.mega.rules import Actions

AT_MOST = 10  # events of one template a day: beyond that a list helps nobody


def events(
    templates: Mapping[str, Template],
    decisions: Sequence[Mapping[str, Any]],
    anticipations: Sequence[Anticipation],
    drifted: Sequence[tuple[str, str]] = (),
) -> list[Goal]:
    """The day's events, by template and then by what is at stake.

    Args:
        templates: all; those of goals are passed over.
        decisions: the newest of the day.
        anticipations: of the day.
        drifted: (model, version) pairs whose inputs moved far.
    """
    found = []
    for template in templates.values():
        if template.trigger is not None:
            for subject, why in list(_happened(template.trigger, decisions, anticipations, drifted))[:AT_MOST]:
                found.append(template.goal({template.trigger.parameter: subject}, source="event", why=why))
    return found


def _happened(
    trigger: Trigger, decisions: Sequence[Mapping[str, Any]], anticipations: Iterable[Anticipation], drifted: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """What each event is about, and why, the most serious first."""
    if trigger.what == "decision":
        actions = Actions(actions=trigger.actions)
        started = [decision for decision in decisions if actions.holds(decision)]
        for decision in sorted(started, key=lambda decision: (-net(decision), decision["decision_id"])):
            yield (
                str(decision["subject"]),
                f"{decision['agent']}/{decision['point']}: {decision['action']}. {decision.get('reason', '')}".strip(),
            )
    elif trigger.what == "budget":
        for anticipation in anticipations:
            if anticipation.kind == "budget" and anticipation.risk == "breach":
                yield anticipation.resource, anticipation.text
    else:
        for model, version in sorted(set(drifted)):
            yield model, f"as entradas da versão {version} mudaram muito desde o treino"
