"""Inline tests of policies: each case is decided by the engine, with exploration off, and compared with what it must get."""

from __future__ import annotations

from dataclasses import dataclass

from eco_assets.mcp.engine import Context, Spent, decide
from eco_assets.mcp.policies import Policy
from eco_assets.mcp.policy_lines import line_of
from eco_assets.mcp.policy_model import InlineTest
from eco_assets.mcp.questions import Answer

_SUBJECT, _DAY = "test", "2000-01-01"


@dataclass(frozen=True)
class Result:
    """One inline test: `problem` is empty where it passed; `line` is where it stands in the file."""

    policy: str
    name: str
    line: int
    problem: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether the decision was the expected one."""
        return not self.problem


def run_tests(policy: Policy) -> list[Result]:
    """All inline tests of a policy."""
    quiet = policy.model_copy(update={"explore": None})
    return [
        Result(policy.name, test.name, line_of(policy.text, ("tests", number)), _problem(quiet, test))
        for number, test in enumerate(policy.tests)
    ]


def _problem(policy: Policy, test: InlineTest) -> str:
    given, expect = test.given, test.expect
    context = Context(_SUBJECT, _DAY, dict(given.features), dict(given.predictions), age_hours=dict(given.age_hours))
    spent = Spent(given.spent.actions, given.spent.cost_brl, {_SUBJECT: given.spent.subject_actions})
    decision = decide(context, policy, spent, {name: Answer(name, choice, 1.0) for name, choice in given.answers.items()})
    wrong = []
    if decision["action"] != expect.action:
        wrong.append(f"action is {decision['action']}, expected {expect.action}")
    if expect.rule is None and decision["rules"]:
        wrong.append(f"rules that held: {', '.join(decision['rules'])}, expected none")
    if expect.rule not in (None, "*", *decision["rules"]):
        wrong.append(f"rule {expect.rule} did not hold; held: {', '.join(decision['rules']) or 'none'}")
    if expect.requires_approval not in (None, decision["requires_approval"]):
        wrong.append(f"requires_approval is {decision['requires_approval']}")
    errors = "; ".join(f"{error['where']}: {error['message']}" for error in decision["errors"])
    return "; ".join(wrong) + (f" ({errors})" if wrong and errors else "")
