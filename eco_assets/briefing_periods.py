"""Gathers several days for the weekly and monthly reports: ledger records a day, costs, key figures then and before.

How a page looks is `notion_sync/generators`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from eco_assets.briefing import FIGURES, agent_slo, figure_at
from eco_assets.day import standing_decisions
from eco_assets.finops.costs import AgentCost, cost_per_agent
from eco_assets.finops.prices import declared_prices
from eco_assets.settings import AGENTS
from notion_sync.generators.monthly_costs import PARTS, MonthCosts, Spending
from notion_sync.generators.periods import DayRecords
from notion_sync.generators.weekly_report import DAYS, AgentWeek

if TYPE_CHECKING:
    from eco_assets.platform import Platform
    from notion_sync.records import Kpi


def day_records(platform: Platform, agent: str, day: date) -> DayRecords:
    """One agent's day, from the ledger alone."""
    as_of, ledger = day.isoformat(), platform.ledger
    decisions, executions = standing_decisions(ledger, agent, as_of), ledger.list("execution", agent=agent, as_of=as_of)
    seconds = sum(entry["cpu_seconds"] for entry in ledger.list("cost", agent=agent, as_of=as_of))
    return DayRecords(day, decisions, executions, _cost(agent, decisions, executions, seconds).to_dict())


def _cost(agent: str, decisions: Sequence[Mapping[str, Any]], executions: Sequence[Mapping[str, Any]], seconds: float) -> AgentCost:
    return next(cost for cost in cost_per_agent(decisions, executions, {agent: seconds}) if cost.agent == agent)


def agent_week(platform: Platform, agent: str, as_of: date) -> AgentWeek:
    """Everything that the report on the seven days up to `as_of` says, and the seven days before for comparison."""
    days = [day_records(platform, agent, as_of - timedelta(days=back)) for back in range(2 * DAYS - 1, -1, -1)]
    first = (as_of - timedelta(days=DAYS - 1)).isoformat()
    return AgentWeek(
        agent=agent,
        as_of=as_of,
        days=days[DAYS:],
        before=days[:DAYS],
        kpis=tuple(_kpis(platform, agent, as_of)),
        answers=tuple(platform.ledger.list("approval", agent=agent, as_of=as_of.isoformat(), since=first)),
        slo=tuple(asdict(result) for result in agent_slo(platform, agent, as_of)),
        ledger_head=platform.ledger.last(agent=agent, as_of=as_of.isoformat()),
    )


def _kpis(platform: Platform, agent: str, as_of: date) -> Iterator[Kpi]:
    with platform.lake.connect() as db:
        for figure in FIGURES:
            if figure.agent == agent:
                yield figure_at(db, figure, as_of, before=as_of - timedelta(days=DAYS))


def month_costs(platform: Platform, as_of: date) -> MonthCosts:
    """What the agents cost in the month of `as_of`, up to that day, and in the month before."""
    first = as_of.replace(day=1)
    records = _month_records(platform, first, as_of)
    previous = first - timedelta(days=1)
    before = _month_records(platform, previous.replace(day=1), previous)
    entries = platform.ledger.list("cost", as_of=as_of.isoformat(), since=first.isoformat())
    daily = {day: _parts([of_agent[number] for of_agent in records.values()]) for number, day in enumerate(_days(first, as_of))}
    decisions = [decision for of_agent in records.values() for day in of_agent for decision in day.decisions]
    prices = declared_prices()
    return MonthCosts(
        first=first,
        as_of=as_of,
        last=(first + timedelta(days=32)).replace(day=1) - timedelta(days=1),
        costs=tuple(_totals(platform, records, first, as_of)),
        before=tuple(_totals(platform, before, previous.replace(day=1), previous)),
        days=tuple((day, parts) for day, parts in daily.items() if any(parts.values())),
        steps=tuple(_steps(entries, float(prices.cpu_hour_brl) / 3600)),
        workflows=tuple(_workflows(records)),
        tokens=sum(int(decision.get("tokens") or 0) for decision in decisions),
        tokens_usd=sum(float(decision.get("cost_usd") or 0) for decision in decisions),
        budget_usd=platform.settings.llm_budget_usd,
        prices={"cpu_hour_brl": prices.cpu_hour_brl, "usd_brl": prices.usd_brl, "stated_on": prices.stated_on},
    )


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _month_records(platform: Platform, first: date, last: date) -> dict[str, list[DayRecords]]:
    """Agent → its days; all who decide, and who else computed."""
    entries = platform.ledger.list("cost", as_of=last.isoformat(), since=first.isoformat())
    agents = sorted({*AGENTS, *(str(entry["agent"]) for entry in entries)})
    return {agent: [day_records(platform, agent, day) for day in _days(first, last)] for agent in agents}


def _totals(platform: Platform, records: Mapping[str, Sequence[DayRecords]], first: date, last: date) -> Iterator[dict[str, Any]]:
    """An agent's cost over all days, reckoned from the records: sums of rounded days would differ by centavos."""
    for agent, days in records.items():
        entries = platform.ledger.list("cost", agent=agent, as_of=last.isoformat(), since=first.isoformat())
        decisions, executions = [d for day in days for d in day.decisions], [e for day in days for e in day.executions]
        cost = _cost(agent, decisions, executions, sum(entry["cpu_seconds"] for entry in entries))
        if cost.total_brl or cost.decisions:
            yield cost.to_dict()


def _parts(days: Iterable[DayRecords]) -> dict[str, float]:
    costs = [day.cost or {} for day in days]
    return {name: sum(float(cost.get(name) or 0.0) for cost in costs) for name, _ in PARTS}


def _steps(entries: Sequence[Mapping[str, Any]], second_brl: float) -> Iterator[Spending]:
    spent: dict[tuple[str, str], list[float]] = {}
    for entry in entries:
        spent.setdefault((str(entry["agent"]), str(entry["step"])), []).append(float(entry["cpu_seconds"]))
    for (agent, step), each in sorted(spent.items(), key=lambda item: (-sum(item[1]), item[0])):
        yield Spending(agent, step, len(each), sum(each) * second_brl, sum(each))


def _workflows(records: Mapping[str, Sequence[DayRecords]]) -> Iterator[Spending]:
    spent: dict[tuple[str, str], list[float]] = {}
    for agent, days in records.items():
        for execution in (execution for day in days for execution in day.executions):
            if execution.get("cost_brl"):
                spent.setdefault((agent, str(execution["workflow"])), []).append(float(execution["cost_brl"]))
    for (agent, name), each in sorted(spent.items(), key=lambda item: (-sum(item[1]), item[0])):
        yield Spending(agent, name, len(each), sum(each))
