"""The decision engine: pure, no I/O, no clock. The same context gives the same decision, in a batch or alone.

It weighs what a policy allows and picks the eligible action of highest expected net value; guardrails may turn that into the
policy's default. Reading features and writing the ledger is `batch.py`'s.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from eco_assets.errors import PolicyError
from eco_assets.ledger import canonical
from eco_assets.mcp.policies import Action, Policy

Scalar = float | int | str | bool | None


@dataclass(frozen=True)
class Context:
    """What is known about one subject.

    `models` are (name, version) pairs, `feature_version` names the code that made the features, `as_of` is the business day, ISO.
    """

    subject: str
    as_of: str
    features: Mapping[str, Scalar]
    predictions: Mapping[str, Scalar] = field(default_factory=dict)
    models: tuple[tuple[str, str], ...] = ()
    feature_version: str = ""


@dataclass(frozen=True)
class Spent:
    """What a decision point has committed to on the day so far."""

    actions: int = 0
    cost_brl: float = 0.0

    def plus(self, decision: Mapping[str, Any]) -> Spent:
        """With one more decision."""
        if decision["workflow"] is None:
            return self
        return Spent(self.actions + 1, self.cost_brl + decision["cost_brl"])


def decision_id(policy: Policy, context: Context) -> str:
    """Hash of all that a decision follows from: the same inputs have the same id, so they decide once and act once.

    Raises:
        PolicyError: a feature or prediction is no JSON value (NaN, infinite); names policy and subject.
    """
    inputs = {
        "agent": policy.agent,
        "point": policy.point,
        "subject": context.subject,
        "as_of": context.as_of,
        "policy": [policy.version, policy.digest],
        "models": sorted(context.models),
        "features": context.features,
        "predictions": context.predictions,
    }
    try:
        return hashlib.sha256(canonical(inputs).encode()).hexdigest()[:32]
    except (ValueError, TypeError) as error:
        named = [name for name, value in {**context.features, **context.predictions}.items() if not _is_plain(value)]
        raise PolicyError(
            f"{policy.name} {policy.version}, subject {context.subject}: {', '.join(named) or error} is not a finite number or text"
        ) from error


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | str | int) or (isinstance(value, float) and math.isfinite(value))


def decide(context: Context, policy: Policy, spent: Spent = Spent()) -> dict[str, Any]:
    """Decide about one subject; returns the decision's ledger record without what only the caller knows (latency, trace).

    Raises:
        PolicyError: an expression fails on this context; names policy, action and subject.
    """
    scope = {"features": dict(context.features), "predictions": dict(context.predictions), "params": dict(policy.params)}
    options = [_weigh(action, policy, scope, context.subject) for action in policy.actions]
    default = next(option for option in options if option["action"] == policy.default)
    final, broken = _choose(policy, options, default, spent)
    action = next(action for action in policy.actions if action.name == final["action"])
    return {
        "decision_id": decision_id(policy, context),
        "agent": policy.agent,
        "point": policy.point,
        "subject": context.subject,
        "as_of": context.as_of,
        "policy": {"name": policy.name, "version": policy.version, "digest": policy.digest},
        "models": [{"name": name, "version": version} for name, version in context.models],
        "feature_version": context.feature_version,
        "features": dict(context.features),
        "predictions": dict(context.predictions),
        "alternatives": options,
        "action": action.name,
        "workflow": action.workflow,
        "value_brl": final["value_brl"],
        "cost_brl": final["cost_brl"],
        "confidence": round(min(1.0, max(0.0, _number(policy._confidence, scope, policy.name, context.subject))), 4),
        "requires_approval": action.workflow is not None and final["cost_brl"] > policy.guardrails.approval_above_brl,
        "guardrails": broken,
        "reason": _reason(action, scope, final, broken, f"{policy.name} {policy.version}, action {action.name}, subject {context.subject}"),
        "route": "policy",
        "provider": "none",
        "tokens": 0,
        "cost_usd": 0.0,
    }


def _weigh(action: Action, policy: Policy, scope: dict[str, Any], subject: str) -> dict[str, Any]:
    where = f"{policy.name} {policy.version}, action {action.name}"
    eligible = _run(action._programs["eligible"], scope, where, subject)
    if not isinstance(eligible, bool):
        raise PolicyError(f"{where}, subject {subject}: eligible gives {eligible!r}, must be true or false")
    value, cost = (_number(action._programs[key], scope, where, subject) if eligible else 0.0 for key in ("value_brl", "cost_brl"))
    return {
        "action": action.name,
        "is_eligible": eligible,
        "value_brl": round(value, 2),
        "cost_brl": round(cost, 2),
        "workflow": action.workflow,
        "why": "elegível" if eligible else f"não elegível: {action.eligible}",
    }


def _net(option: Mapping[str, Any]) -> float:
    """Expected value less cost, BRL."""
    return float(option["value_brl"]) - float(option["cost_brl"])


def _choose(policy: Policy, options: list[dict[str, Any]], default: dict[str, Any], spent: Spent) -> tuple[dict[str, Any], list[str]]:
    """The eligible option of highest net value that keeps the guardrails, and the guardrails that kept better ones out."""
    kept_out: list[str] = []
    for option in sorted((option for option in options if option["is_eligible"]), key=_net, reverse=True):
        if _net(option) <= _net(default):
            break
        broken = _broken_guardrails(policy, option, spent)
        if not broken:
            return option, kept_out
        kept_out.extend(rule for rule in broken if rule not in kept_out)
    return default, kept_out


def _broken_guardrails(policy: Policy, chosen: Mapping[str, Any], spent: Spent) -> list[str]:
    if chosen["workflow"] is None:
        return []
    limits, broken = policy.guardrails, []
    if spent.actions + 1 > limits.max_actions_per_day:
        broken.append(f"limite de {limits.max_actions_per_day} ações por dia")
    if spent.cost_brl + chosen["cost_brl"] > limits.max_cost_brl_per_day:
        broken.append(f"orçamento diário de R$ {_Shown(limits.max_cost_brl_per_day):,.2f}")
    return broken


def _number(program: Any, scope: dict[str, Any], where: str, subject: str) -> float:
    value = _run(program, scope, where, subject)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PolicyError(f"{where}, subject {subject}: {program.source!r} gives {value!r}, must be a finite number")
    return float(value)


def _run(program: Any, scope: dict[str, Any], where: str, subject: str) -> Any:
    try:
        return program.execute(scope)
    except (ValueError, TypeError, KeyError, RuntimeError, ArithmeticError) as error:
        raise PolicyError(f"{where}, subject {subject}: {error} in {program.source!r}") from error


def _reason(action: Action, scope: dict[str, Any], final: Mapping[str, Any], broken: list[str], where: str) -> str:
    """The action's reason with its numbers, in the words of business people."""
    known = {**scope["params"], **scope["features"], **scope["predictions"], **final}
    shown = {name: _Shown(value) if isinstance(value, float) else value for name, value in known.items()}
    try:
        text = action.reason.format_map(shown)
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise PolicyError(f"{where}: reason cannot be filled in: {error!r}") from error
    return f"{text} Limite aplicado: {'; '.join(broken)}." if broken else text


class _Shown(float):
    """A number as Brazilian readers write it: 1.234,5."""

    def __format__(self, spec: str) -> str:
        return super().__format__(spec).translate(str.maketrans(".,", ",."))
