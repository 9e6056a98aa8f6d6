"""Choosing among weighed options: highest net value, within the day's limits, sometimes drawn to learn. Pure.

A tie goes to the default, then to the cheaper action, then to the one that stands first in the policy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eco_assets.mcp.policies import Policy
from eco_assets.mcp.wording import shown

Option = Mapping[str, Any]


@dataclass(frozen=True)
class Spent:
    """What a decision point has committed to on the day so far; `subject_actions` counts actions by subject."""

    actions: int = 0
    cost_brl: float = 0.0
    subject_actions: Mapping[str, int] = field(default_factory=dict)

    def plus(self, decision: Mapping[str, Any]) -> Spent:
        """With one more decision."""
        if decision["workflow"] is None:
            return self
        subject = decision["subject"]
        counted = {**self.subject_actions, subject: self.subject_actions.get(subject, 0) + 1}
        return Spent(self.actions + 1, round(self.cost_brl + decision["cost_brl"], 2), counted)


NOTHING_SPENT = Spent()


@dataclass(frozen=True)
class Choice:
    """The chosen option, the limits that kept better ones out, and each action's probability of being chosen."""

    option: Option
    kept_out: tuple[str, ...] = ()
    propensities: Mapping[str, float] = field(default_factory=dict)
    is_explored: bool = False


def net(option: Option) -> float:
    """Expected value less cost, BRL."""
    return float(option["value_brl"]) - float(option["cost_brl"])


def settle(policy: Policy, wanted: Option, default: Option, spent: Spent, subject: str) -> Choice:
    """One given option if it is eligible and within the limits, else the default."""
    if not wanted["is_eligible"]:
        return Choice(default, (), {default["action"]: 1.0})
    broken = broken_limits(policy, wanted, spent, subject)
    chosen = default if broken else wanted
    return Choice(chosen, broken, {chosen["action"]: 1.0})


def choose(policy: Policy, options: Sequence[Option], default: Option, spent: Spent, subject: str, identity: str) -> Choice:
    """The eligible option of highest net value that keeps the limits; with the policy's epsilon, one drawn from all that do."""
    kept_out: list[str] = []
    best, allowed = default, [default]
    ranked = sorted((option for option in options if option["is_eligible"]), key=lambda option: (-net(option), option["cost_brl"]))
    for option in ranked:
        if option is default:
            continue
        broken = broken_limits(policy, option, spent, subject)
        if not broken:
            allowed.append(option)
            best = option if best is default and net(option) > net(default) else best
        elif best is default and net(option) > net(default):
            kept_out.extend(rule for rule in broken if rule not in kept_out)
    return _explored(policy, best, allowed, tuple(kept_out), identity)


def _explored(policy: Policy, best: Option, allowed: list[Option], kept_out: tuple[str, ...], identity: str) -> Choice:
    if policy.explore is None:
        return Choice(best, kept_out, {best["action"]: 1.0})
    epsilon, only = policy.explore.epsilon, policy.explore.only
    drawn = sorted((option for option in allowed if not only or option["action"] in only), key=lambda option: str(option["action"]))
    if not drawn:
        return Choice(best, kept_out, {best["action"]: 1.0})
    propensities = {option["action"]: epsilon / len(drawn) for option in drawn}
    others = len(drawn) - (best["action"] in propensities)
    propensities[best["action"]] = 1.0 - epsilon * others / len(drawn)
    draw = draw_of(identity)
    if draw >= epsilon:
        return Choice(best, kept_out, propensities)
    chosen = drawn[int(draw / epsilon * len(drawn))]
    return Choice(chosen, kept_out, propensities, is_explored=True)


def draw_of(identity: str) -> float:
    """A number from 0 up to 1 that follows from a decision's id alone."""
    return (int.from_bytes(hashlib.sha256(f"{identity}/explore".encode()).digest()[:8], "big") >> 11) / 2**53


def broken_limits(policy: Policy, option: Option, spent: Spent, subject: str) -> tuple[str, ...]:
    """The limits that an option would break, in words."""
    if option["workflow"] is None:
        return ()
    limits, broken = policy.guardrails, []
    if spent.actions + 1 > limits.max_actions_per_day:
        broken.append(f"limite de {limits.max_actions_per_day} ações por dia")
    each = limits.max_actions_per_subject
    if each is not None and spent.subject_actions.get(subject, 0) + 1 > each:
        broken.append(f"limite de {each} {'ação' if each == 1 else 'ações'} por dia para o mesmo caso")
    if spent.cost_brl + option["cost_brl"] > limits.max_cost_brl_per_day:
        broken.append(f"orçamento diário de R$ {shown(limits.max_cost_brl_per_day):,.2f}")
    return tuple(broken)
