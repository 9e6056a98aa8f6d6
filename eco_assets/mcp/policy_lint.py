"""Finds what is wrong or doubtful in a policy before it decides: names nothing provides, what can never happen, what nobody reads.

A finding names file, line and part. `error` means that some decision would fail or could never be as written; `warning` asks for a look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from eco_assets.errors import PolicyError
from eco_assets.mcp.expressions import FAILURES, Expression, Node
from eco_assets.mcp.policies import POLICIES, Policy, described, read_policy
from eco_assets.mcp.policy_columns import Columns, static_columns
from eco_assets.mcp.policy_lines import Loc, line_of

DAILY_H = 24.0  # marts are built once a day: a shorter limit would be passed before the next build
_PREDICTIONS = re.compile(r"\bpredictions\.(\w+)", re.IGNORECASE)
_ARITHMETIC = ("+", "-", "*", "/", "%")
_OWN = ("action", "value_brl", "cost_brl", "workflow", "is_eligible", "why")  # what a reason may name besides inputs
_FUNCTIONS = ("size", "contains", "startsWith", "endsWith", "matches", "double", "int", "string", "exists", "all", "map", "filter")


@dataclass(frozen=True)
class Finding:
    """One finding about a policy file."""

    file: str
    line: int
    where: str
    message: str
    level: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """`file:line: where: message`."""
        return f"{self.file}:{self.line}: {self.where}: {self.message}"


def lint_file(path: Path, columns: Callable[[Policy], Columns] = static_columns) -> list[Finding]:
    """All findings about one file; `columns` tells what a policy's query gives."""
    file = str(path.relative_to(POLICIES)) if path.is_relative_to(POLICIES) else str(path)
    try:
        policy = read_policy(path)
    except PolicyError as error:
        place, _, message = str(error).partition(": ")
        line = place.rpartition(":")[2]
        return [Finding(file, int(line) if line.isdigit() else 0, "policy", message)]
    found = [_finding(policy, file, *each) for each in _all(policy, columns(policy))]
    return sorted(found, key=lambda finding: (finding.line, finding.message))


Raw = tuple[Loc, str, Literal["error", "warning"]]


def _finding(policy: Policy, file: str, loc: Loc, message: str, level: Literal["error", "warning"]) -> Finding:
    where = described(policy, loc) if len(loc) > 2 and loc[0] in ("actions", "rules", "ask") else ".".join(map(str, loc))
    return Finding(file, line_of(policy.text, loc), where, message, level)


def _all(policy: Policy, columns: Columns) -> Iterator[Raw]:
    for check in (_names, _models, _reasons, _types, _reach, _ties, _unused, _ages, _answers, _limits, _tests):
        yield from check(policy, columns)


def _names(policy: Policy, columns: Columns) -> Iterator[Raw]:
    for missing in columns.missing:
        yield ("query",), missing, "error"
    for loc, expression in policy.expressions.items():
        for root, name in sorted(expression.reads or ()):
            if root in ("features", "predictions") and (said := _misread(root, name, columns)):
                yield loc, said, "error"
        unknown = [f for f in expression.program.functions() if f[0] not in "_!-@" and f not in _FUNCTIONS and not f.startswith("_")]
        for function in unknown:
            if function != "has":
                yield loc, f"no function {function!r} in CEL; there are {', '.join(_FUNCTIONS)}", "error"
        if "has(" in expression.source:
            yield loc, "has() is true for every name that is read here: compare with null instead", "error"
    for number, ask in enumerate(policy.ask):
        for name in ask.evidence:
            if columns.names is not None and name not in columns.names:
                yield ("ask", number, "evidence"), f"the query gives no column {name!r}", "error"
    for name in policy.inputs.features:
        if columns.names is not None and name not in columns.names:
            yield ("inputs", "features", name), f"the query gives no column {name!r}", "error"


def _models(policy: Policy, columns: Columns) -> Iterator[Raw]:
    """A record names the versions of the models that `inputs` names: no less than the query reads, and no more."""
    from ml.families import FAMILIES

    read = {table.lower() for table in _PREDICTIONS.findall(policy.query)}
    named: list[tuple[Loc, str]] = [(("inputs", "models"), name) for name in policy.models]
    named += [(("inputs", "optional_models", name), name) for name in policy.inputs.optional_models]
    for loc, name in named:
        if name not in FAMILIES:
            yield loc, f"there is no model {name!r}; the known ones are {', '.join(sorted(FAMILIES))}", "error"
        elif FAMILIES[name].table not in read:
            yield loc, f"the query reads no predictions of {name}", "error"
    tables = {FAMILIES[name].table for _, name in named if name in FAMILIES}
    for table in sorted(read - tables):
        yield ("query",), f"reads predictions.{table}, whose model is in neither models nor optional_models", "error"


def _misread(root: str, name: str, columns: Columns) -> str:
    if name.startswith("e_"):
        return f"{name} is evidence, which only a model may see"
    if name.startswith("p_") != (root == "predictions"):
        return f"{root}.{name}: columns that begin with p_ are predictions, the others features"
    if columns.names is not None and name not in columns.names:
        return f"{root}.{name}: the query gives {', '.join(sorted(columns.names))}"
    return ""


def _reasons(policy: Policy, columns: Columns) -> Iterator[Raw]:
    known = {*(columns.names or ()), *policy.params, *_OWN, *(ask.id for ask in policy.ask)}
    texts = [(("actions", n, "reason"), action.reason) for n, action in enumerate(policy.actions)]
    texts += [(("rules", n, "reason"), rule.reason) for n, rule in enumerate(policy.rules)]
    for loc, text in texts:
        try:
            names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        except ValueError as error:
            yield loc, f"is no format: {error}", "error"
            continue
        for name in names:
            if columns.names is not None and name not in known:
                yield loc, f"names {name!r}, which nothing provides", "error"


def _types(policy: Policy, columns: Columns) -> Iterator[Raw]:
    for loc, expression in policy.expressions.items():
        for node in expression.tree.walk() if expression.tree else ():
            if node.kind == "binary" and node.value in _ARITHMETIC and sum(map(_is_whole, node.parts)) == 1:
                whole = next(part.value for part in node.parts if _is_whole(part))
                yield loc, f"{node.value} of a double and the whole number {whole} always fails in CEL: write {whole}.0", "error"


def _is_whole(node: Node) -> bool:
    return node.kind == "literal" and isinstance(node.value, int) and not isinstance(node.value, bool)


def constant(policy: Policy, expression: Expression) -> Any:
    """The value of an expression that reads no subject; None where it does, or fails."""
    if expression.reads is None or any(root != "params" for root, _ in expression.reads):
        return None
    try:
        return expression.run({"params": dict(policy.params)})
    except FAILURES:
        return None


def _reach(policy: Policy, columns: Columns) -> Iterator[Raw]:
    settled: dict[str, str] = {}
    for number, rule in enumerate(policy.rules):
        loc: Loc = ("rules", number, "when")
        value = constant(policy, policy.expressions[loc])
        if always := settled.get("true"):
            yield loc, f"is never reached: rule {always} always settles the action", "error"
        elif earlier := settled.get(rule.when.strip()):
            yield loc, f"is never reached: rule {earlier} settles the action under the same condition", "error"
        elif value is False:
            yield loc, "never holds", "error"
        if rule.then.action:
            settled.setdefault("true" if value is True else rule.when.strip(), rule.id)
    named = {rule.then.action for rule in policy.rules}
    for number, action in enumerate(policy.actions):
        if constant(policy, policy.expressions["actions", number, "eligible"]) is False:
            yield ("actions", number, "eligible"), "never holds: the action is never taken", "error"
            continue
        if action.name in (policy.default, *named):
            continue
        value, cost, least = (_constant_number(policy, *place) for place in _places(policy, number))
        if None not in (value, cost, least) and value - cost <= least and not policy.explore:  # type: ignore[operator]
            yield ("actions", number, "value_brl"), f"never pays more than the default {policy.default}: never taken", "error"


def _places(policy: Policy, number: int) -> list[tuple[int, str]]:
    default = [action.name for action in policy.actions].index(policy.default)
    return [(number, "value_brl"), (number, "cost_brl"), (default, "value_brl")]


def _constant_number(policy: Policy, number: int, key: str) -> float | None:
    value = constant(policy, policy.expressions["actions", number, key])
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _ties(policy: Policy, columns: Columns) -> Iterator[Raw]:
    seen: dict[tuple[str, str, str], str] = {}
    for number, action in enumerate(policy.actions):
        twin = seen.setdefault((action.eligible, action.value_brl, action.cost_brl), action.name)
        if twin != action.name:
            yield ("actions", number, "value_brl"), f"always ties with {twin}, which stands first and is taken", "warning"


def _unused(policy: Policy, columns: Columns) -> Iterator[Raw]:
    reads = {read for expression in policy.expressions.values() for read in expression.reads or ()}
    if any(expression.reads is None for expression in policy.expressions.values()):
        return
    worded = " ".join([*(action.reason for action in policy.actions), *(rule.reason for rule in policy.rules)])
    for name in policy.params:
        if ("params", name) not in reads and f"{{{name}" not in worded:
            yield ("params", name), "is read by nothing", "warning"
    asked = {name for ask in policy.ask for name in ask.evidence}
    for name, declared in policy.inputs.features.items():
        used = {("features", name), ("predictions", name)} & reads or name in asked or f"{{{name}" in worded
        if not used and not declared.required:
            yield ("inputs", "features", name), "is read by nothing", "warning"
    for number, ask in enumerate(policy.ask):
        if ("answers", ask.id) not in reads:
            yield ("ask", number, "id"), f"answers.{ask.id} is read by nothing: the question would be asked in vain", "error"


def _ages(policy: Policy, columns: Columns) -> Iterator[Raw]:
    limits: list[tuple[Loc, float | None]] = [(("inputs", "max_age_hours"), policy.inputs.max_age_hours)]
    limits += [(("inputs", "features", name, "max_age_hours"), each.max_age_hours) for name, each in policy.inputs.features.items()]
    for loc, limit in limits:
        if limit is not None and limit < DAILY_H:
            yield loc, f"{limit:g} h is less than the day between two builds of the marts: the input would be too old every day", "warning"


def _answers(policy: Policy, columns: Columns) -> Iterator[Raw]:
    known = {ask.id: {*(ask.choices or ("true", "false")), ask.otherwise} for ask in policy.ask}
    for loc, expression in policy.expressions.items():
        for node in expression.tree.walk() if expression.tree else ():
            for name, value in _compared(node):
                if name in known and value not in known[name]:
                    choices = ", ".join(sorted(known[name]))
                    yield loc, f"answers.{name} is never {value!r}: it is one of {choices}", "error"


def _compared(node: Node) -> Iterator[tuple[str, Any]]:
    if node.kind != "binary" or node.value not in ("==", "!=", "in"):
        return
    for side, other in (node.parts, node.parts[::-1]):
        if side.kind == "read" and side.value[0] == "answers":
            yield from ((side.value[1], item.value) for item in (other.parts or (other,)) if item.kind == "literal")


def _limits(policy: Policy, columns: Columns) -> Iterator[Raw]:
    limits = policy.guardrails
    if limits.approval_above_brl > limits.max_cost_brl_per_day:
        yield ("guardrails", "approval_above_brl"), "is above the day's budget: no action could ever ask for approval", "warning"
    if limits.max_actions_per_subject is not None and limits.max_actions_per_subject >= limits.max_actions_per_day:
        yield ("guardrails", "max_actions_per_subject"), "is not below max_actions_per_day: it can never be met", "warning"
    for number in range(len(policy.actions)):
        cost = _constant_number(policy, number, "cost_brl")
        if cost is not None and cost > limits.max_cost_brl_per_day:
            yield ("actions", number, "cost_brl"), f"R$ {cost:g} is above the day's budget: the action is never taken", "error"


def _tests(policy: Policy, columns: Columns) -> Iterator[Raw]:
    if not policy.tests:
        yield ("actions",), "there are no inline tests", "warning"
    untested = {rule.id for rule in policy.rules} - {str(test.expect.rule) for test in policy.tests}
    for number, rule in enumerate(policy.rules):
        if policy.tests and rule.id in untested:
            yield ("rules", number, "id"), f"no inline test expects rule {rule.id}", "warning"
