"""What is coming: capacities of the next seven days and budgets to the month's end, from what the day takes and the load expected.

Pure functions of numbers; where the load comes from is `loads.py`'s. An anticipation warns; where a budget is expected to run out and its
spending is known well enough for a band, it also shifts: a day may take no more than an even share of what is left.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from eco_assets.mcp.mega.loads import HORIZON, Outlook
from eco_assets.mcp.mega.models import Anticipation
from eco_assets.mcp.mega.rules import Resource, Rules

HISTORY_DAYS = 28
BAND_DAYS = 7  # fewer days of spending say nothing of its spread
_SAME = Outlook("", 1.0, None, None, "sem previsão de carga: como hoje")


def taken_by_day(rules: Rules, decisions: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """What each business day's decisions take of each resource: resource → day → amount. A day without any is a zero where it decided."""
    found: dict[str, dict[str, float]] = {resource.id: {} for resource in rules.resources}
    for decision in decisions:
        for resource in rules.resources:
            if any(use_of_point(pattern, decision) for use in resource.uses for pattern in use.actions):
                days = found[resource.id]
                taken = resource.taken_by(decision) if decision["workflow"] else 0.0
                days[decision["as_of"]] = days.get(decision["as_of"], 0.0) + taken
    return found


def use_of_point(pattern: str, decision: Mapping[str, Any]) -> bool:
    """Whether a pattern of actions is about the decision's point, whatever was decided there."""
    return fnmatchcase(f"{decision['agent']}.{decision['point']}", pattern.rsplit(".", 1)[0])


def anticipate(rules: Rules, taken: Mapping[str, Mapping[str, float]], loads: Mapping[str, Outlook], as_of: date) -> list[Anticipation]:
    """One anticipation a capacity, and one a budget, of every resource that something was decided about on the day.

    Args:
        rules: the resources.
        taken: as `taken_by_day` gives it; days after `as_of` are not used.
        loads: the outlook by resource; without one the days ahead are like the last ones.
        as_of: the day.
    """
    found = []
    for resource in rules.resources:
        days = {day: amount for day, amount in taken.get(resource.id, {}).items() if day <= as_of.isoformat()}
        if as_of.isoformat() in days:
            load = loads.get(resource.id, _SAME)
            found.append(_capacity(resource, days, load, as_of))
            if resource.monthly is not None:
                found.append(_budget(resource, resource.monthly, days, load, as_of))
    return found


def ordinary(days: Mapping[str, float], as_of: date) -> tuple[float, float | None, int]:
    """What an ordinary day takes: mean and standard deviation of the known days of the last 28, and their number; today's where alone.

    Today does not count where there are earlier days: what it takes may still change, and the answer would change with it.
    """
    first = (as_of - timedelta(days=HISTORY_DAYS)).isoformat()
    known = [amount for day, amount in sorted(days.items()) if first <= day < as_of.isoformat()]
    if not known:
        return days.get(as_of.isoformat(), 0.0), None, 1
    spread = float(np.std(known, ddof=1)) if len(known) >= BAND_DAYS else None
    return float(np.mean(known)), spread, len(known)


def _band(middle: float, count: int, load: Outlook, spread: float | None) -> tuple[float | None, float | None]:
    """p10 and p90 of a sum of `count` days: the load's band and the days' spread, taken as independent; none where both are unknown."""
    if load.low is None and spread is None:
        return None, None
    below = middle * (1 - (load.low if load.low is not None else load.middle) / load.middle) if load.middle else 0.0
    above = middle * ((load.high if load.high is not None else load.middle) / load.middle - 1) if load.middle else 0.0
    noise = 1.2816 * (spread or 0.0) * np.sqrt(count)
    return max(0.0, middle - float(np.hypot(below, noise))), middle + float(np.hypot(above, noise))


def _capacity(resource: Resource, days: Mapping[str, float], load: Outlook, as_of: date) -> Anticipation:
    mean, spread, count = ordinary(days, as_of)
    expected = HORIZON * mean * load.middle
    low, high = _band(expected, HORIZON, load, spread)
    limit = HORIZON * resource.capacity
    a_day = mean * load.middle
    reached = (as_of + timedelta(days=1)).isoformat() if a_day > resource.capacity else None
    return _said(resource, "capacity", as_of, as_of + timedelta(days=HORIZON), (expected, low, high), limit, reached, load, count)


def _budget(resource: Resource, monthly: float, days: Mapping[str, float], load: Outlook, as_of: date) -> Anticipation:
    mean, spread, count = ordinary(days, as_of)
    end = as_of.replace(day=monthrange(as_of.year, as_of.month)[1])
    before = sum(amount for day, amount in days.items() if as_of.replace(day=1).isoformat() <= day < as_of.isoformat())
    ahead = (end - as_of).days
    today = days[as_of.isoformat()]
    expected = before + today + ahead * mean * load.middle
    low, high = _band(ahead * mean * load.middle, max(ahead, 1), load, spread)
    band = (None, None) if low is None or high is None or not ahead else (before + today + low, before + today + high)
    reached = _reached(as_of, end, monthly - before - today, mean * load.middle)
    shift = max(0.0, monthly - before) / (ahead + 1) if expected > monthly and spread is not None else None
    return _said(resource, "budget", as_of, end, (expected, *band), monthly, reached, load, count, shift)


def _reached(as_of: date, end: date, left: float, a_day: float) -> str | None:
    """The first day on which what is left is used up; None when that is after the end."""
    if left < 0:
        return as_of.isoformat()
    if a_day <= 0 or left / a_day >= (end - as_of).days:
        return None
    return (as_of + timedelta(days=int(left // a_day) + 1)).isoformat()


def _said(
    resource: Resource,
    kind: str,
    as_of: date,
    until: date,
    sums: tuple[float, float | None, float | None],
    limit: float,
    reached: str | None,
    load: Outlook,
    count: int,
    shift: float | None = None,
) -> Anticipation:
    expected, low, high = (None if each is None else round(each, 2) for each in sums)
    most = high if high is not None else expected
    risk = "breach" if expected is not None and expected > limit else "attention" if most is not None and most > limit else "ok"
    history = f"{count} {'dia' if count == 1 else 'dias'} de decisões" + (
        f"; {load.label.lower()}: {load.basis}" if load.label else f"; {load.basis}"
    )
    return Anticipation.model_validate(
        {
            "id": f"{kind}/{resource.id}",
            "kind": kind,
            "resource": resource.id,
            "label": resource.label,
            "unit": resource.unit,
            "horizon_days": max((until - as_of).days, 1),
            "until": until.isoformat(),
            "expected": expected,
            "low": low,
            "high": high,
            "limit": limit,
            "reached_on": reached,
            "risk": risk,
            "capacity": None if shift is None else round(shift, 2),
            "basis": history,
            "text": _text(resource, kind, risk, reached, shift),
        }
    )


def _text(resource: Resource, kind: str, risk: str, reached: str | None, shift: float | None) -> str:
    what = "a capacidade dos próximos 7 dias" if kind == "capacity" else "o orçamento do mês"
    if risk == "ok":
        return f"{resource.label}: {what} basta."
    if risk == "attention":
        return f"{resource.label}: {what} basta no esperado, mas não no alto da faixa."
    when = f" a partir de {date.fromisoformat(reached):%d/%m/%Y}" if reached else ""
    moved = " O limite de hoje passa à parte igual do que resta." if shift is not None else ""
    return f"{resource.label}: {what} não basta{when}.{moved}"
