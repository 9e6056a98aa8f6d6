"""What a policy's expressions give for one subject, before limits and exploration: rules that held, each action's eligibility and worth.

Pure. An input that is missing or too old and an expression that fails do not raise: they are the evaluation's `errors`; `on_error` holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from eco_assets.mcp.expressions import FAILURES, Expression
from eco_assets.mcp.policies import Policy, described
from eco_assets.mcp.policy_model import Action
from eco_assets.mcp.questions import Answer

if TYPE_CHECKING:
    from eco_assets.mcp.engine import Context

Weight = tuple[bool, float, float]


@dataclass(frozen=True)
class Narrowed:
    """What the rules leave: ids of those that held, the rule that bars an action, the action that is settled, who needs approval."""

    path: tuple[str, ...] = ()
    barred: Mapping[str, str] = field(default_factory=dict)
    settled: str | None = None
    approve: frozenset[str] | Literal[True] = frozenset()


@dataclass(frozen=True)
class Evaluation:
    """One subject's. With `errors` only the failing action and the default count.

    `options` are in the order of the policy's actions, `answers` what rules saw of each ask rule.
    """

    options: tuple[dict[str, Any], ...]
    narrowed: Narrowed
    confidence: float
    answers: Mapping[str, str]
    errors: tuple[dict[str, Any], ...] = ()


class Failed(Exception):
    """An expression failed on a subject; becomes an entry of `errors` and never leaves this package."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where, self.message = where, message


def evaluate(context: Context, policy: Policy, answers: Mapping[str, Answer]) -> Evaluation:
    """Evaluate all that a policy says about one subject."""
    stale = stale_inputs(context, policy)
    scope = Scope(context, policy, stale)
    errors = input_errors(context, policy, stale)
    if not errors:
        try:
            scope.answer(answers)
            narrowed = narrow(policy, lambda number: scope.truth(("rules", number, "when")))
            options = weigh(policy, narrowed, scope.weight)
            confidence = scope.number(("confidence",))
            return Evaluation(options, narrowed, clipped(confidence), scope.values["answers"])
        except Failed as failed:
            errors = [{"kind": "expression", "where": failed.where, "message": failed.message}]
    return failed_evaluation(policy, scope, errors)


def failed_evaluation(policy: Policy, scope: Scope, errors: list[dict[str, Any]]) -> Evaluation:
    """Only the failing action, where it can be weighed, and the default."""

    def weight(number: int) -> Weight:
        action = policy.actions[number]
        try:
            if action.name == policy.failing:
                return scope.weight(number)
        except Failed:
            pass
        return action.name == policy.default, 0.0, 0.0

    return Evaluation(weigh(policy, Narrowed(), weight), Narrowed(), 0.0, scope.values["answers"], tuple(errors))


class Scope:
    """The names that one policy's expressions see for one subject. Every name that is read exists: what is not known is null."""

    def __init__(self, context: Context, policy: Policy, stale: frozenset[str]) -> None:
        self._policy, self._expressions = policy, policy.expressions
        self.values: dict[str, dict[str, Any]] = {
            "features": _seen(policy.reads("features"), context.features, stale),
            "predictions": _seen(policy.reads("predictions"), context.predictions, stale),
            "params": dict(policy.params),
            "age_hours": _seen(policy.reads("age_hours"), context.age_hours, frozenset()),
            "answers": {ask.id: ask.otherwise for ask in policy.ask},
        }
        self.asked: frozenset[str] = frozenset()
        self._cel: Any = None

    def answer(self, answers: Mapping[str, Answer]) -> None:
        """Put the answers in of the questions whose `when` holds; the others keep `otherwise`."""
        asked = [(number, ask) for number, ask in enumerate(self._policy.ask) if self.truth(("ask", number, "when"))]
        self.asked = frozenset(ask.id for _, ask in asked)
        used = {ask.id: used_choice(ask, answers.get(ask.id)) for _, ask in asked}
        if used:
            self.values["answers"].update(used)
            self._cel = None

    def truth(self, loc: tuple[int | str, ...]) -> bool:
        """A condition's value. Raises `Failed`."""
        expression = self._expressions[loc]
        value = self._run(expression, loc)
        if not isinstance(value, bool):
            raise Failed(described(self._policy, loc), f"{expression.source!r} gives {value!r}, must be true or false")
        return value

    def number(self, loc: tuple[int | str, ...]) -> float:
        """A number's value. Raises `Failed`."""
        expression = self._expressions[loc]
        value = self._run(expression, loc)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Failed(described(self._policy, loc), f"{expression.source!r} gives {value!r}, must be a finite number")
        return float(value)

    def weight(self, number: int) -> Weight:
        """Eligibility, value and cost of an action; the last two are 0 where it is not eligible. Raises `Failed`."""
        if not self.truth(("actions", number, "eligible")):
            return False, 0.0, 0.0
        return True, self.number(("actions", number, "value_brl")), self.number(("actions", number, "cost_brl"))

    def _run(self, expression: Expression, loc: tuple[int | str, ...]) -> Any:
        if self._cel is None:
            import cel

            self._cel = cel.Context(variables=self.values)  # one a decision: building it costs more than running an expression
        try:
            return expression.run(self._cel)
        except FAILURES as error:
            nulls = sorted(f"{root}.{name}" for root, name in expression.reads or () if self.values[root].get(name) is None)
            why = f"{', '.join(nulls)} is null" if nulls else str(error).split(". ")[0]
            raise Failed(described(self._policy, loc), f"{why} in {expression.source!r}") from error


def narrow(policy: Policy, holds: Callable[[int], bool]) -> Narrowed:
    """Apply the rules in order; `holds` is asked for each by number until one settles the action."""
    path: list[str] = []
    barred: dict[str, str] = {}
    settled, approve = None, frozenset[str]()
    everything = False
    for number, rule in enumerate(policy.rules):
        if not holds(number):
            continue
        path.append(rule.id)
        then = rule.then
        everything = everything or then.approve is True
        approve |= frozenset() if then.approve is True else frozenset(then.approve)
        kept = {then.action} if then.action else set(then.only)
        for action in policy.actions:
            if action.name != policy.default and (action.name in then.exclude or (kept and action.name not in kept)):
                barred.setdefault(action.name, rule.id)
        if then.action:
            settled = then.action
            break
    return Narrowed(tuple(path), barred, settled, True if everything else approve)


def weigh(policy: Policy, narrowed: Narrowed, weight: Callable[[int], Weight]) -> tuple[dict[str, Any], ...]:
    """Every action as an option; `weight` is asked only for those that the rules permit."""
    return tuple(_option(action, narrowed.barred.get(action.name), number, weight) for number, action in enumerate(policy.actions))


def _option(action: Action, barred_by: str | None, number: int, weight: Callable[[int], Weight]) -> dict[str, Any]:
    is_eligible, value, cost = (False, 0.0, 0.0) if barred_by else weight(number)
    why = f"fora da regra {barred_by}" if barred_by else ("elegível" if is_eligible else f"não elegível: {action.eligible}")
    return {
        "action": action.name,
        "is_eligible": is_eligible,
        "value_brl": round(value, 2),
        "cost_brl": round(cost, 2),
        "workflow": action.workflow,
        "why": why,
    }


def used_choice(ask: Any, answer: Answer | None) -> str:
    """The choice that rules see: the answer's where it is a permitted one and sure enough, else `otherwise`."""
    choices = ask.choices or ("true", "false")
    if answer is None or answer.choice not in choices or answer.confidence < ask.min_confidence:
        return str(ask.otherwise)
    return str(answer.choice)


def stale_inputs(context: Context, policy: Policy) -> frozenset[str]:
    """Inputs whose known age is above their limit."""
    if not context.age_hours:
        return frozenset()
    declared, common = policy.inputs.features, policy.inputs.max_age_hours
    limits = {name: (declared[name].max_age_hours if name in declared else None) or common for name in context.age_hours}
    return frozenset(name for name, age in context.age_hours.items() if (limit := limits[name]) is not None and age > limit)


def input_errors(context: Context, policy: Policy, stale: frozenset[str]) -> list[dict[str, Any]]:
    """What of the required inputs is missing or too old."""
    found: list[dict[str, Any]] = []
    for name, declared in policy.inputs.features.items():
        if not declared.required:
            continue
        if context.value(name) is None:
            found.append({"kind": "missing", "where": name, "message": f"{name} is missing"})
        elif name in stale:
            limit = declared.max_age_hours or policy.inputs.max_age_hours
            age = context.age_hours[name]
            message = f"{name} is {age:.1f} h old, at most {limit:g} h is allowed"
            found.append({"kind": "stale", "where": name, "message": message, "age_hours": age, "max_age_hours": limit})
    return found


def clipped(confidence: float) -> float:
    """A confidence within 0 and 1, to four places."""
    return round(min(1.0, max(0.0, confidence)), 4)


def _seen(names: tuple[str, ...] | None, known: Mapping[str, Any], stale: frozenset[str]) -> dict[str, Any]:
    if names is None:
        return {name: None if name in stale else value for name, value in known.items()}
    return {name: None if name in stale else known.get(name) for name in names}
