"""Which of a day's decisions go through: pure, no I/O, no clock. The same decisions give the same answer in whatever order they come.

Decisions are ranked once, by a total order; each is accepted unless it excludes one that was accepted before it, or takes more of a
resource than is left. So both sides of an exclusion are never accepted, and no capacity is exceeded. Who was carried out already goes
first: what was done cannot give way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eco_assets.mcp.mega.rules import Exclusion, Rules

Record = Mapping[str, Any]
SUPERSEDED, HELD = "superseded", "held"
_DUST = 1e-6  # sums of centavos in floats


@dataclass(frozen=True)
class Orders:
    """What the active goals ask of the resolution: smaller capacities by resource id, and the decisions that serve a goal."""

    capacities: Mapping[str, float] = field(default_factory=dict)
    serving: frozenset[str] = frozenset()
    goals: Mapping[str, str] = field(default_factory=dict)  # resource id → the goal that made it smaller


@dataclass(frozen=True)
class State:
    """What happened to the day's decisions so far, by decision id: carried out or begun, and approved by a person."""

    committed: frozenset[str] = frozenset()
    approved: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Verdict:
    """A decision that does not go through: `superseded`, or `held` until a person chooses. `by` are the decisions it gives way to."""

    decision: Record
    verdict: str
    rule: str
    key: str
    by: tuple[str, ...]
    reason: str


@dataclass
class _Taken:
    """What was accepted so far, by rule, side and key, and what is left of each resource."""

    sides: dict[tuple[str, int, str], list[Record]] = field(default_factory=dict)
    resources: dict[str, float] = field(default_factory=dict)


def net(decision: Record) -> float:
    """Expected value less cost, BRL."""
    return float(decision.get("value_brl") or 0.0) - float(decision.get("cost_brl") or 0.0)


def precedence(decision: Record, rules: Rules, state: State, orders: Orders) -> tuple[bool, int, bool, bool, float, str]:
    """The place of a decision in the total order, smaller first: done, safe, approved, asked for by a goal, of more value, by id."""
    identity = decision["decision_id"]
    return (
        identity not in state.committed,
        rules.rank(decision),
        identity not in state.approved,
        identity not in orders.serving,
        -net(decision),
        identity,
    )


def resolve(decisions: Iterable[Record], rules: Rules, state: State = State(), orders: Orders = Orders()) -> dict[str, Verdict]:
    """The decisions that do not go through, by decision id; what is not named goes through.

    Args:
        decisions: the newest decision about each subject and point of one day, without those that a person refused. Those without a
            workflow take no part.
        rules: exclusions, resources and what goes first.
        state: what was carried out or approved.
        orders: what the active goals ask.
    """
    acting = {decision["decision_id"]: decision for decision in decisions if decision.get("workflow")}
    ranked = sorted(acting.values(), key=lambda decision: precedence(decision, rules, state, orders))
    taken, verdicts = _Taken(), {}
    for decision in ranked:
        found = _against(decision, rules, state, orders, taken)
        is_done = decision["decision_id"] in state.committed
        if found is not None and not is_done:
            verdicts[decision["decision_id"]] = found
            if found.verdict == HELD:  # a person may still choose it, so its place is kept
                for identity in found.by:
                    verdicts.setdefault(identity, _held_winner(acting[identity], found))
            continue
        _take(decision, rules, taken)
    return verdicts


def _against(decision: Record, rules: Rules, state: State, orders: Orders, taken: _Taken) -> Verdict | None:
    """Why a decision cannot be accepted beside what was taken; None when it can. What a person may still choose comes last."""
    found = [
        _gives_way(decision, rivals, rule, key, rules, state, orders)
        for rule in rules.exclusions
        for key, rivals in _rivals(decision, rule, taken)
    ]
    found += _without_room(decision, rules, orders, taken)
    return min(found, key=lambda verdict: verdict.verdict == HELD, default=None)


def _without_room(decision: Record, rules: Rules, orders: Orders, taken: _Taken) -> Iterable[Verdict]:
    """One verdict a resource of which less is left than the decision takes."""
    for resource in rules.resources:
        wanted, used = resource.taken_by(decision), taken.resources.get(resource.id, 0.0)
        capacity = min(resource.capacity, orders.capacities.get(resource.id, resource.capacity))
        if wanted and used + wanted > capacity + _DUST:
            goal = orders.goals.get(resource.id) if capacity < resource.capacity else None
            cause = f", reduzida pelo objetivo «{goal}»," if goal else ""
            reason = (
                f"{resource.label}: da capacidade do dia ({_amount(capacity, resource.unit)}{cause}) as decisões que vêm antes já tomam "
                f"{_amount(used, resource.unit)}; esta pede {_amount(wanted, resource.unit)}."
            ).replace(",)", ")")
            yield Verdict(decision, SUPERSEDED, resource.id, resource.id, (), reason)


def _rivals(decision: Record, rule: Exclusion, taken: _Taken) -> Iterable[tuple[str, list[Record]]]:
    """The accepted decisions of the other side, on each key that the decision has in the rule."""
    is_one_sided = len(rule.sides) == 1
    for number, side in enumerate(rule.sides):
        key = side.key_of(decision) if side.holds(decision) else None
        if key is None:
            continue
        found = taken.sides.get((rule.id, number if is_one_sided else 1 - number, key))
        if found:
            yield key, found


def _gives_way(decision: Record, rivals: list[Record], rule: Exclusion, key: str, rules: Rules, state: State, orders: Orders) -> Verdict:
    identity, best = decision["decision_id"], rivals[0]
    ids = tuple(sorted(rival["decision_id"] for rival in rivals))
    mine = precedence(decision, rules, state, orders)
    is_value_alone = all(precedence(rival, rules, state, orders)[:4] == mine[:4] for rival in rivals) and identity not in state.approved
    held = is_value_alone and rule.approval_above_brl is not None and net(decision) > rule.approval_above_brl
    about = "" if key == "*" else f" ({rule.shared} {key})"
    names = f"{best['agent']}/{best['point']}: {best['action']}" + (f" e mais {len(rivals) - 1}" if len(rivals) > 1 else "")
    amounts = f"vale {_amount(net(decision), 'brl')} líquidos, a outra {_amount(net(best), 'brl')}"
    if held:
        return Verdict(decision, HELD, rule.id, key, ids, f"Disputa com {names}{about}: {rule.reason} Uma pessoa escolhe: {amounts}.")
    why = _why(precedence(best, rules, state, orders), mine, rules, best)
    return Verdict(decision, SUPERSEDED, rule.id, key, ids, f"Cede a {names}{about}: {rule.reason} {why}; {amounts}.")


def _why(winner: tuple[Any, ...], mine: tuple[Any, ...], rules: Rules, best: Record) -> str:
    """The first part of the order in which the two differ, in words."""
    if winner[0] != mine[0]:
        return "A outra já foi iniciada"
    if winner[1] != mine[1]:
        return rules.precedence[rules.rank(best)].reason
    if winner[2] != mine[2]:
        return "Uma pessoa aprovou a outra"
    if winner[3] != mine[3]:
        return "A outra serve a um objetivo ativo"
    return "A outra rende mais" if winner[4] != mine[4] else "Rendem o mesmo, e a ordem dos códigos desempata"


def _held_winner(decision: Record, loser: Verdict) -> Verdict:
    rival = loser.decision
    reason = f"Disputa com {rival['agent']}/{rival['point']}: {rival['action']} ({loser.key}); uma pessoa escolhe qual das duas segue."
    return Verdict(decision, HELD, loser.rule, loser.key, (rival["decision_id"],), reason)


def conflicts_left(decisions: Iterable[Record], rules: Rules, orders: Orders = Orders()) -> list[str]:
    """What decisions that go through break, found without `resolve`: both sides of an exclusion, or too much of a resource."""
    passed = sorted((decision for decision in decisions if decision.get("workflow")), key=lambda decision: decision["decision_id"])
    found = []
    for rule in rules.exclusions:
        keyed: list[dict[str, list[str]]] = []
        for side in rule.sides:
            ids: dict[str, list[str]] = {}
            for decision in passed:
                key = side.key_of(decision) if side.holds(decision) else None
                if key is not None:
                    ids.setdefault(key, []).append(decision["decision_id"])
            keyed.append(ids)
        both = keyed[0].keys() & keyed[1].keys() if len(keyed) > 1 else {key for key, ids in keyed[0].items() if len(ids) > 1}
        found += [f"{rule.id}: {key}: {', '.join(sorted({i for ids in keyed for i in ids[key]}))}" for key in sorted(both)]
    for resource in rules.resources:
        capacity = min(resource.capacity, orders.capacities.get(resource.id, resource.capacity))
        taken = sum(resource.taken_by(decision) for decision in passed)
        if taken > capacity + _DUST * max(1, len(passed)):
            found.append(f"{resource.id}: {taken:g} of {capacity:g}")
    return found


def _take(decision: Record, rules: Rules, taken: _Taken) -> None:
    for rule in rules.exclusions:
        for number, side in enumerate(rule.sides):
            key = side.key_of(decision) if side.holds(decision) else None
            if key is not None:
                taken.sides.setdefault((rule.id, number, key), []).append(decision)
    for resource in rules.resources:
        wanted = resource.taken_by(decision)
        if wanted:
            taken.resources[resource.id] = taken.resources.get(resource.id, 0.0) + wanted


def _amount(value: float, unit: str) -> str:
    text = f"{value:,.2f}" if unit == "brl" else f"{value:,.6g}"
    shown = text.translate(str.maketrans(".,", ",."))
    return f"R$ {shown}" if unit == "brl" else shown
