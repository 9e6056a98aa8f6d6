"""What a policy's expressions give for one subject, before limits and exploration: rules that held, each action's eligibility and worth.

Pure. An input that is missing or too old and an expression that fails do not raise: they are the evaluation's `errors`; `on_error` holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from eco_assets.mcp.cel_python import UNSURE
from eco_assets.mcp.expressions import FAILURES
from eco_assets.mcp.plan import ActionStep, Program
from eco_assets.mcp.policies import Policy, described
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
            narrowed = narrow(policy, scope.holds)
            options = weigh(policy, narrowed, scope.weight)
            confidence = scope.number(policy.plan.confidence)
            return Evaluation(options, narrowed, clipped(confidence), scope.answers)
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

    return Evaluation(weigh(policy, Narrowed(), weight), Narrowed(), 0.0, scope.answers, tuple(errors))


class Scope:
    """What one policy's expressions give for one subject. Every name that is read exists: what is not known is null.

    Python's functions of the plan answer where they can; CEL, whose names are copied for every subject, only where they cannot.
    """

    def __init__(self, context: Context, policy: Policy, stale: frozenset[str]) -> None:
        self._context, self._policy, self._stale, self._plan = context, policy, stale, policy.plan
        self._known = self._plan.values((context.features, context.predictions, context.age_hours), stale)
        self.answers: dict[str, str] = dict(self._plan.otherwise)
        self.asked: frozenset[str] = frozenset()
        self._values: dict[str, dict[str, Any]] = {}
        self._cel: Any = None

    def answer(self, answers: Mapping[str, Answer]) -> None:
        """Put the answers in of the questions whose `when` holds; the others keep `otherwise`."""
        if not self._plan.asks:
            return
        asked = [step for step in self._plan.asks if self.truth(step.when)]
        self.asked = frozenset(step.ask.id for step in asked)
        for step in asked:
            self.answers[step.ask.id] = used = used_choice(step.ask, answers.get(step.ask.id))
            if self._known is not None and step.place is not None:
                self._known[step.place] = used
        self._cel = None

    def truth(self, program: Program) -> bool:
        """A condition's value. Raises `Failed`."""
        if self._known is not None and program.function is not None:
            try:
                return program.function(self._known)  # type: ignore[no-any-return]
            except UNSURE:
                pass
        value = self._run(program)
        if not isinstance(value, bool):
            raise Failed(described(self._policy, program.loc), f"{program.expression.source!r} gives {value!r}, must be true or false")
        return value

    def number(self, program: Program) -> float:
        """A number's value. Raises `Failed`."""
        if self._known is not None and program.function is not None:
            try:
                value = program.function(self._known)
                if value - value == 0:  # finite
                    return float(value)
            except UNSURE:
                pass
        value = self._run(program)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Failed(described(self._policy, program.loc), f"{program.expression.source!r} gives {value!r}, must be a finite number")
        return float(value)

    def holds(self, number: int) -> bool:
        """Whether a rule's `when` holds. Raises `Failed`."""
        return self.truth(self._plan.rules[number].when)

    def weight(self, number: int) -> Weight:
        """Eligibility, value and cost of an action; the last two are 0 where it is not eligible. Raises `Failed`."""
        step = self._plan.actions[number]
        if not self.truth(step.eligible):
            return False, 0.0, 0.0
        return True, self.number(step.value_brl), self.number(step.cost_brl)

    def _run(self, program: Program) -> Any:
        expression = program.expression
        if self._cel is None:
            import cel

            self._cel = cel.Context(variables=self._named())  # one a decision: building it costs more than running an expression
        try:
            return expression.run(self._cel)
        except FAILURES as error:
            known = self._named()
            nulls = sorted(f"{root}.{name}" for root, name in expression.reads or () if known[root].get(name) is None)
            why = f"{', '.join(nulls)} is null" if nulls else str(error).split(". ")[0]
            raise Failed(described(self._policy, program.loc), f"{why} in {expression.source!r}") from error

    def _named(self) -> dict[str, dict[str, Any]]:
        """All names that CEL sees."""
        if not self._values:
            reads, context = self._plan.reads, self._context
            self._values = {
                "features": _seen(reads["features"], context.features, self._stale),
                "predictions": _seen(reads["predictions"], context.predictions, self._stale),
                "params": dict(self._policy.params),
                "age_hours": _seen(reads["age_hours"], context.age_hours, frozenset()),
                "answers": self.answers,
            }
        return self._values


def narrow(policy: Policy, holds: Callable[[int], bool]) -> Narrowed:
    """Apply the rules in order; `holds` is asked for each by number until one settles the action."""
    path: list[str] = []
    barred: dict[str, str] = {}
    settled, approve = None, frozenset[str]()
    everything = False
    for number, rule in enumerate(policy.plan.rules):
        if not holds(number):
            continue
        path.append(rule.id)
        if rule.approve is True:
            everything = True
        else:
            approve |= rule.approve
        for name in rule.bars:
            barred.setdefault(name, rule.id)
        if rule.settles:
            settled = rule.settles
            break
    return Narrowed(tuple(path), barred, settled, True if everything else approve)


def weigh(policy: Policy, narrowed: Narrowed, weight: Callable[[int], Weight]) -> tuple[dict[str, Any], ...]:
    """Every action as an option; `weight` is asked only for those that the rules permit."""
    options = []
    for number, action in enumerate(policy.plan.actions):
        barred_by = narrowed.barred.get(action.name)
        options.append(option_of(action, barred_by, *((False, 0.0, 0.0) if barred_by else weight(number))))
    return tuple(options)


def option_of(action: ActionStep, barred_by: str | None, is_eligible: bool, value: float, cost: float) -> dict[str, Any]:
    """One action, weighed, as the record has it."""
    return {
        "action": action.name,
        "is_eligible": is_eligible,
        "value_brl": round(value, 2),
        "cost_brl": round(cost, 2),
        "workflow": action.workflow,
        "why": f"fora da regra {barred_by}" if barred_by else ("elegível" if is_eligible else action.not_eligible),
    }


def used_choice(ask: Any, answer: Answer | None) -> str:
    """The choice that rules see: the answer's where it is a permitted one and sure enough, else `otherwise`."""
    choices = ask.choices or ("true", "false")
    if answer is None or answer.choice not in choices or answer.confidence < ask.min_confidence:
        return str(ask.otherwise)
    return str(answer.choice)


def stale_inputs(context: Context, policy: Policy) -> frozenset[str]:
    """Inputs whose known age is above their limit."""
    ages, plan = context.age_hours, policy.plan
    if not ages or max(ages.values()) <= plan.least_max_age_hours:
        return frozenset()
    limit_of, common = plan.max_age_hours.get, plan.common_max_age_hours
    return frozenset(name for name, age in ages.items() if age > limit_of(name, common))


def input_errors(context: Context, policy: Policy, stale: frozenset[str]) -> list[dict[str, Any]]:
    """What of the required inputs is missing or too old."""
    found: list[dict[str, Any]] = []
    for name in policy.plan.required:
        if context.value(name) is None:
            found.append({"kind": "missing", "where": name, "message": f"{name} is missing"})
        elif name in stale:
            limit = policy.plan.max_age_hours[name]
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
