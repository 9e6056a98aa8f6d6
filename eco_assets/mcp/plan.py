"""A policy laid out for the row engine: what every decision would look up anew, as plain tuples and functions, made once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from eco_assets.mcp.cel_python import Function, Translator
from eco_assets.mcp.expressions import Expression, Read

if TYPE_CHECKING:
    from eco_assets.mcp.policies import Policy
    from eco_assets.mcp.policy_lines import Loc
    from eco_assets.mcp.policy_model import Ask

_SUBJECTS = ("features", "predictions", "age_hours")  # what differs from subject to subject, answers apart
_PLAIN = frozenset({float, str, bool, type(None)})
_NUMBERS = frozenset({float, type(None)})


@dataclass(frozen=True, slots=True)
class Program:
    """One expression: where it stands, compiled by CEL, and as a Python function where it has one."""

    loc: Loc
    expression: Expression
    function: Function | None


@dataclass(frozen=True, slots=True)
class RuleStep:
    """A rule: the actions that it bars, the one that it settles, whom it makes wait for a person."""

    id: str
    when: Program
    bars: tuple[str, ...]
    settles: str | None
    approve: frozenset[str] | Literal[True]


@dataclass(frozen=True, slots=True)
class ActionStep:
    """An action and what is said of it where it is not eligible."""

    name: str
    workflow: str | None
    eligible: Program
    value_brl: Program
    cost_brl: Program
    not_eligible: str


@dataclass(frozen=True, slots=True)
class AskStep:
    """An ask rule and the place of its answer, None where nothing reads it."""

    ask: Ask
    when: Program
    place: int | None


@dataclass(frozen=True)
class Plan:
    """See `plan_of`.

    Attributes:
        otherwise: what holds of each ask rule when nobody answers.
        required: inputs that must be known.
        readable: names that a feature may have: those that expressions read and those that are declared.
        max_age_hours: of the inputs that are declared; all others have `common_max_age_hours`. Infinite where there is no limit.
    """

    rules: tuple[RuleStep, ...]
    actions: tuple[ActionStep, ...]
    asks: tuple[AskStep, ...]
    confidence: Program
    otherwise: Mapping[str, str]
    required: tuple[str, ...]
    max_age_hours: Mapping[str, float]
    common_max_age_hours: float
    least_max_age_hours: float
    reads: Mapping[str, tuple[str, ...] | None]
    readable: frozenset[str]
    _names: tuple[tuple[str, ...], ...]
    _answers: tuple[str, ...]
    _numbers: tuple[int, ...]

    def values(self, parts: Sequence[Mapping[str, Any]], stale: frozenset[str]) -> list[Any] | None:
        """The values that functions take, of a subject's features, predictions and ages; None where functions do not hold for them."""
        values = [known.get(name) for names, known in zip(self._names, parts, strict=True) for name in names]
        if stale:
            aged = [name in stale and root != "age_hours" for root, names in zip(_SUBJECTS, self._names, strict=True) for name in names]
            values = [None if is_stale else value for value, is_stale in zip(values, aged, strict=True)]
        if not (_PLAIN.issuperset(map(type, values)) and _NUMBERS.issuperset([type(values[place]) for place in self._numbers])):
            return None
        return [*values, *self._answers]


def plan_of(policy: Policy) -> Plan:
    """Lay a compiled policy out."""
    reads = sorted({read for expression in policy.expressions.values() if expression.tree for read in expression.reads or ()})
    names = tuple(tuple(name for root, name in reads if root == wanted) for wanted in _SUBJECTS)
    asked = {ask.id: ask for ask in policy.ask}
    answers = tuple(name for root, name in reads if root == "answers")
    ordered = [
        *((root, name) for root, part in zip(_SUBJECTS, names, strict=True) for name in part),
        *(("answers", name) for name in answers),
    ]
    places: dict[Read, int] = {read: place for place, read in enumerate(ordered)}
    translator = Translator(places, {("params", name): value for name, value in policy.params.items()})

    def program(loc: Loc, *, is_condition: bool = False) -> Program:
        expression = policy.expressions[loc]
        made = translator.condition if is_condition else translator.number
        return Program(loc, expression, made(expression.tree))

    rules, actions, asks = [], [], []
    for number, rule in enumerate(policy.rules):
        then = rule.then
        kept = {then.action} if then.action else set(then.only)
        bars = [action.name for action in policy.actions if action.name in then.exclude or (kept and action.name not in kept)]
        approve: frozenset[str] | Literal[True] = True if then.approve is True else frozenset(then.approve)
        when = program(("rules", number, "when"), is_condition=True)
        rules.append(RuleStep(rule.id, when, tuple(name for name in bars if name != policy.default), then.action, approve))
    for number, action in enumerate(policy.actions):
        eligible = program(("actions", number, "eligible"), is_condition=True)
        value, cost = program(("actions", number, "value_brl")), program(("actions", number, "cost_brl"))
        actions.append(ActionStep(action.name, action.workflow, eligible, value, cost, f"não elegível: {action.eligible}"))
    for number, ask in enumerate(policy.ask):
        asks.append(AskStep(ask, program(("ask", number, "when"), is_condition=True), places.get(("answers", ask.id))))
    confidence = program(("confidence",))
    declared, common = policy.inputs.features, policy.inputs.max_age_hours or inf
    limits = {name: one.max_age_hours or common for name, one in declared.items()}
    return Plan(
        rules=tuple(rules),
        actions=tuple(actions),
        asks=tuple(asks),
        confidence=confidence,
        otherwise={name: ask.otherwise for name, ask in asked.items()},
        required=tuple(name for name, one in declared.items() if one.required),
        max_age_hours=limits,
        common_max_age_hours=common,
        least_max_age_hours=min([common, *limits.values()]),
        reads={root: policy.reads(root) for root in _SUBJECTS},
        readable=frozenset({*(policy.reads("features") or ()), *declared}),
        _names=names,
        _answers=tuple(asked[name].otherwise for name in answers),
        _numbers=tuple(sorted(places[read] for read in translator.numbers)),
    )
