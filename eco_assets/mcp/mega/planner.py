"""The mega-agent's plan: goals and events split into sub-tasks, the agents asked, conflicts resolved, the days ahead anticipated.

`plan` answers one goal and writes nothing. `plan_day` plans a business day for the goals that the installation pursues and for what
happened, and records plan and resolution in the ledger.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from eco_assets.day import newest_decisions
from eco_assets.errors import NotFound
from eco_assets.ledger import Entry, canonical
from eco_assets.mcp.expressions import compile_expression
from eco_assets.mcp.mega.anticipate import HISTORY_DAYS, anticipate, ordinary, taken_by_day
from eco_assets.mcp.mega.ask import Agent, PolicyAgent, TokenBudget, ask
from eco_assets.mcp.mega.events import events
from eco_assets.mcp.mega.goals import Parameter, Template, active_goals, load_templates, titled
from eco_assets.mcp.mega.loads import outlooks
from eco_assets.mcp.mega.models import Anticipation, Goal, GoalPlan, Indicator, OrdersRecord, Plan, Resolved, SubTask
from eco_assets.mcp.mega.resolve import Orders, resolve
from eco_assets.mcp.mega.rules import Rules, load_rules
from eco_assets.mcp.mega.standing import (
    MEGA,
    PLAN,
    contenders,
    orders_of,
    resolution_body,
    resolve_day,
    resolving,
    state_of,
)
from eco_assets.mcp.mega.understand import Understanding, understand
from eco_assets.mcp.policies import load_policies

if TYPE_CHECKING:
    from eco_assets.platform import Platform

PACE = "ritmo do orçamento do mês"


@dataclass(frozen=True)
class _Day:
    """What a plan is made of: the day's newest decisions that nobody refused, and what is coming."""

    as_of: date
    rules: Rules
    decisions: Sequence[Mapping[str, Any]]
    taken: Mapping[str, Mapping[str, float]]
    anticipations: Sequence[Anticipation]

    @property
    def iso(self) -> str:
        """The day, ISO."""
        return self.as_of.isoformat()


def plan(platform: Platform, goal: str | Goal, day: date, agents: Mapping[str, Agent] | None = None) -> Plan:
    """The plan for one goal; nothing is written and nothing is carried out.

    Args:
        platform: whose ledger, lake and gateway to use.
        goal: a text in Portuguese, or a goal of a template.
        day: the business day that it is about.
        agents: who answers for an agent, by its name; its policies by default.

    Returns:
        A plan with the goal, or without any where the text was not understood: `understanding` then says what was. `resolved` is what
        would not go through with this goal.
    """
    known = _read_day(platform, day)
    understood = _understood(platform, goal, day) if isinstance(goal, str) else None
    asked = understood.goal if understood is not None else goal
    record = understood.record() if understood is not None else None
    if not isinstance(asked, Goal):
        return Plan(as_of=known.iso, anticipations=tuple(known.anticipations), rules_version=known.rules.version, understanding=record)
    answered = _answered(platform, known, asked, agents or {}, understood.tokens if understood is not None else 0)
    orders = _orders([answered], known, orders_of(platform.ledger, known.iso))
    state = state_of(platform.ledger, known.iso)
    verdicts = resolve(contenders(platform.ledger, known.iso, state), known.rules, state, _as_orders(orders))
    resolved = [Resolved.model_validate(resolution_body(verdict)) for _, verdict in sorted(verdicts.items())]
    return Plan(
        as_of=known.iso,
        goals=(answered,),
        anticipations=tuple(known.anticipations),
        resolved=tuple(resolved),
        orders=orders,
        missing=_missing(known),
        rules_version=known.rules.version,
        begun=len(state.committed),
        understanding=record,
    )


def plan_day(
    platform: Platform, day: date, drifted: Sequence[tuple[str, str]] = (), agents: Mapping[str, Agent] | None = None
) -> tuple[Plan, int]:
    """Plan a business day and record plan and resolution; returns the plan and how many ledger entries are new.

    Run again on the same decisions, it records nothing.

    Args:
        platform: whose engines to use.
        day: the business day.
        drifted: (model, version) pairs whose inputs moved far; each is an event.
        agents: as `plan`.
    """
    before = platform.ledger.head().seq
    with resolving(platform.ledger):
        known = _read_day(platform, day)
        goals = active_goals(platform.settings.home)
        goals += events(load_templates(), known.decisions, known.anticipations, drifted)
        answered = [_answered(platform, known, goal, agents or {}) for goal in goals]
        orders = _orders(answered, known)
        resolved = resolve_day(platform.ledger, known.iso, known.rules, _as_orders(orders))
        made = Plan(
            as_of=known.iso,
            goals=tuple(answered),
            anticipations=tuple(known.anticipations),
            resolved=tuple(Resolved.model_validate({name: entry[name] for name in Resolved.model_fields}) for entry in resolved),
            orders=orders,
            missing=_missing(known),
            rules_version=known.rules.version,
        )
        _record(platform, made)
    return made, platform.ledger.head().seq - before


def newest_plan(platform: Platform, day: date) -> Plan:
    """The newest recorded plan of a day.

    Raises:
        NotFound: none was made.
    """
    plans = platform.ledger.list(PLAN, agent=MEGA, as_of=day.isoformat())
    if not plans:
        raise NotFound(f"no plan of {day.isoformat()}: `eco run` makes one")
    return Plan.model_validate(_content(plans[-1]))


def _content(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name in Plan.model_fields}


def _record(platform: Platform, made: Plan) -> None:
    """Append the plan unless the newest one says the same; the id follows from the one before, so that a day may come back to a plan."""
    body = made.model_dump(mode="json")
    earlier = platform.ledger.list(PLAN, agent=MEGA, as_of=made.as_of)
    if earlier and _content(earlier[-1]) == body:
        return
    number = len(earlier)
    identity = hashlib.sha256(canonical({"number": number, "plan": body}).encode()).hexdigest()[:32]
    platform.ledger.append([Entry(PLAN, identity, MEGA, made.as_of, body)])


def _read_day(platform: Platform, day: date) -> _Day:
    rules, iso = load_rules(), day.isoformat()
    refused = {entry["decision_id"] for entry in platform.ledger.list("approval", as_of=iso) if entry["verdict"] == "rejected"}
    decisions = [d for d in newest_decisions(platform.ledger, None, iso) if d["decision_id"] not in refused]
    first = min(day - timedelta(days=HISTORY_DAYS), day.replace(day=1))
    newest = {
        (d["as_of"], d["agent"], d["point"], d["subject"]): d for d in platform.ledger.list("decision", since=first.isoformat(), as_of=iso)
    }
    taken = taken_by_day(rules, newest.values())
    return _Day(day, rules, decisions, taken, anticipate(rules, taken, outlooks(platform.lake, day), day))


def _understood(platform: Platform, text: str, day: date) -> Understanding:
    def values(parameter: Parameter) -> list[str]:
        if not parameter.query:
            return []
        frame = platform.lake.frame(parameter.query, {"as_of": day} if "$as_of" in parameter.query else {})
        return [str(value) for value in frame.iloc[:, 0].tolist()]

    return understand(text, load_templates(), values, platform.gateway)


def split(template: Template, goal: Goal, as_of: date, capacities: Mapping[str, float] | None = None) -> list[SubTask]:
    """The sub-tasks of a goal, each with its share of the goal's tokens and money; `capacities` are those that the goal makes smaller."""
    tasks = []
    for task in template.tasks:
        limits = task.constraints
        bounds = [limits.max_cost_brl, (capacities or {}).get(task.resource)]
        if template.money_brl is not None and task.money:
            bounds.append(round(template.money_brl * task.money, 2))
        known = [bound for bound in bounds if bound is not None]
        if known:
            limits = limits.model_copy(update={"max_cost_brl": min(known)})
        tasks.append(
            SubTask(
                id=f"{_plain(goal.key)}/{task.id}",
                goal=goal.id,
                agent=task.agent,
                point=task.point,
                as_of=as_of.isoformat(),
                objective=titled(task.objective, goal.parameters),
                subjects=task.subjects,
                parameters=goal.parameters,
                constraints=limits,
                tokens=int(template.tokens * task.share),
                deadline_ms=task.deadline_ms,
            )
        )
    return tasks


def _plain(key: str) -> str:
    """A goal's key as part of an id: lower case, and a hash in the place of what an id may not hold."""
    shown = key.lower()
    is_plain = all(each.isascii() and (each.isalnum() or each in "_./=-: ") for each in shown)
    return shown if is_plain else hashlib.sha256(key.encode()).hexdigest()[:16]


def _answered(platform: Platform, known: _Day, goal: Goal, agents: Mapping[str, Agent], tokens: int = 0) -> GoalPlan:
    template = load_templates()[goal.id]
    budget = TokenBudget(template.tokens)
    budget.settle(0, tokens)  # what understanding the text took is part of the answer
    by_agent: dict[str, list[Mapping[str, Any]]] = {}
    for decision in known.decisions:
        by_agent.setdefault(decision["agent"], []).append(decision)
    results = []
    for task in split(template, goal, known.as_of, _capped(template, goal, known)):
        own = by_agent.get(task.agent, [])
        results.append(ask(agents.get(task.agent) or PolicyAgent(own), task, own, budget))
    indicator = _indicator(platform, template, goal, known.as_of)
    return GoalPlan(goal=goal, indicator=indicator, tasks=tuple(results), budget_tokens=template.tokens, tokens_spent=budget.spent)


def _indicator(platform: Platform, template: Template, goal: Goal, as_of: date) -> Indicator | None:
    import duckdb

    if template.indicator is None:
        return None
    given: dict[str, Any] = {"as_of": as_of, **goal.parameters}
    used = {name: value for name, value in given.items() if f"${name}" in template.indicator.query}
    try:
        value = float(platform.lake.frame(template.indicator.query, used).to_numpy(float)[0, 0])
    except (duckdb.Error, NotFound):  # its tables are not built in this installation
        value = math.nan
    figure = round(value, 6) if math.isfinite(value) else None
    return Indicator(label=template.indicator.label, unit=template.indicator.unit, value=figure)


def _orders(answered: Iterable[GoalPlan], known: _Day, base: Orders | None = None) -> OrdersRecord:
    """What the goals and the anticipations ask: the smallest capacity of each resource, and all decisions that serve a goal."""
    start = base or Orders()
    capacities, goals, serving = dict(start.capacities), dict(start.goals), set(start.serving)

    def lower(resource: str, capacity: float, why: str) -> None:
        if capacity < capacities.get(resource, known.rules.resource(resource).capacity):
            capacities[resource], goals[resource] = round(capacity, 2), why

    for found in answered:
        template = load_templates()[found.goal.id]
        for resource, capacity in _capped(template, found.goal, known).items():
            lower(resource, capacity, found.goal.title)
        if template.gives_precedence:
            serving |= {each.decision_id for result in found.tasks if result.proposal for each in result.proposal.decisions}
    for anticipation in known.anticipations:
        if anticipation.capacity is not None:
            lower(anticipation.resource, anticipation.capacity, PACE)
    return OrdersRecord(capacities=capacities, serving=tuple(sorted(serving)), goals=goals)


def _capped(template: Template, goal: Goal, known: _Day) -> dict[str, float]:
    """The capacities that a goal asks for: its factor of what an ordinary day takes."""
    found = {}
    for cap in template.caps:
        factor = float(compile_expression(cap.factor, cap.resource, ("params",)).run({"params": dict(goal.parameters)}))
        found[cap.resource] = round(ordinary(known.taken.get(cap.resource, {}), known.as_of)[0] * factor, 2)
    return found


def _as_orders(record: OrdersRecord) -> Orders:
    return Orders(record.capacities, frozenset(record.serving), record.goals)


def _missing(known: _Day) -> tuple[str, ...]:
    """The decision points that must decide every day and did not."""
    decided = {f"{decision['agent']}/{decision['point']}" for decision in known.decisions}
    return tuple(sorted(name for name, policy in load_policies().items() if name not in decided and not policy.may_be_empty))
