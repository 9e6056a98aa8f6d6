"""Decision policies: one YAML file a decision point under `policies/<agent>/`, read, checked and compiled once.

A policy lists what may be done, when (`eligible`) and what it is worth (`value_brl`), the rules that narrow or settle it, and what a model
is asked, as CEL expressions over `features`, `predictions`, `params`, `age_hours` and `answers`. Deciding is `engine.py`'s.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path

import yaml
from pydantic import PrivateAttr, ValidationError

from eco_assets.errors import PolicyError
from eco_assets.ledger import canonical
from eco_assets.mcp.expressions import SCOPE, Expression, Read, compile_expression
from eco_assets.mcp.plan import Plan, plan_of
from eco_assets.mcp.policy_lines import Loc, line_of
from eco_assets.mcp.policy_model import Action, Ask, Content, Rule

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # written in C: ten times as fast
POLICIES = Path(__file__).parent / "policies"
BEFORE_ANSWERS = tuple(root for root in SCOPE if root != "answers")

__all__ = ["POLICIES", "Action", "Ask", "Policy", "Rule", "load_policies", "parse_policy", "read_policy"]


class Policy(Content):
    """One version of one decision point's policy, compiled."""

    _digest: str = PrivateAttr(default="")
    _text: str = PrivateAttr(default="")
    _expressions: dict[Loc, Expression] = PrivateAttr(default_factory=dict)
    _reads: dict[str, tuple[str, ...] | None] = PrivateAttr(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical content: comments, spelling of YAML and inline tests do not count."""
        return self._digest

    @property
    def text(self) -> str:
        """The file's text, as the ledger keeps it."""
        return self._text

    @property
    def expressions(self) -> dict[Loc, Expression]:
        """Compiled expressions by where they stand in the file: `("actions", 0, "eligible")`."""
        return self._expressions

    def reads(self, root: str) -> tuple[str, ...] | None:
        """Names that expressions read of `features`, `predictions`, `age_hours`, ...; None where some expression reads it as a whole."""
        return self._reads[root]

    @cached_property
    def plan(self) -> Plan:
        """Its expressions, rules and actions as the row engine runs them; guardrails and exploration are not in it."""
        return plan_of(self)

    def action(self, name: str) -> Action:
        """The action of that name, which exists."""
        return next(action for action in self.actions if action.name == name)


@cache
def load_policies(root: Path = POLICIES) -> dict[str, Policy]:
    """All policies by name, compiled.

    Raises:
        PolicyError: a file is malformed or an expression does not compile; names file, line and key.
    """
    policies = [read_policy(path) for path in sorted(root.glob("*/*.yaml"))]
    return {policy.name: policy for policy in policies}


def read_policy(path: Path) -> Policy:
    """One policy. Raises `PolicyError` as `load_policies` does."""
    where = f"{path.parent.name}/{path.name}"
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise PolicyError(f"{where}: not valid YAML: {error}") from error
    except OSError as error:
        raise PolicyError(f"{where}: cannot be read: {error}") from error
    policy = parse_policy(text, where)
    if (policy.agent, policy.point) != (path.parent.name, path.stem):
        raise PolicyError(f"{where}: says it is {policy.name}; file and content must agree")
    return policy


def parse_policy(text: str, where: str) -> Policy:
    """A policy from its text; `where` names it in errors. Raises `PolicyError` as `load_policies` does."""
    try:
        policy = Policy.model_validate(yaml.load(text, LOADER))  # noqa: S506 -- a safe loader
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyError(f"{_at(text, where, first['loc'])}: {_path(first['loc']) or 'policy'}: {first['msg']}") from error
    except yaml.YAMLError as error:
        raise PolicyError(f"{where}: not valid YAML: {error}") from error
    policy._text = text
    content = policy.model_dump(mode="json", exclude_defaults=True, exclude={"tests"})
    policy._digest = hashlib.sha256(canonical(content).encode()).hexdigest()
    for loc, source in _sources(policy):
        scope = BEFORE_ANSWERS if loc[0] == "ask" else SCOPE
        policy._expressions[loc] = compile_expression(source, f"{_at(text, where, loc)}: {described(policy, loc)}", scope)
        _refuse_unknown(policy, policy._expressions[loc], f"{_at(text, where, loc)}: {described(policy, loc)}")
    for root in SCOPE:
        policy._reads[root] = _names(policy, root)
    return policy


def _sources(policy: Policy) -> Iterator[tuple[Loc, str]]:
    yield ("confidence",), policy.confidence
    for part in ("rules", "ask"):
        for number, item in enumerate(getattr(policy, part)):
            yield (part, number, "when"), item.when
    for number, action in enumerate(policy.actions):
        for key in ("eligible", "value_brl", "cost_brl"):
            yield ("actions", number, key), getattr(action, key)


def _refuse_unknown(policy: Policy, expression: Expression, where: str) -> None:
    """Raise `PolicyError` when an expression reads a parameter or an answer that the policy does not have."""
    known = {"params": set(policy.params), "answers": {ask.id for ask in policy.ask}}
    for root, name in sorted(expression.reads or ()):
        if root in known and name not in known[root]:
            raise PolicyError(f"{where}: unknown name '{root}.{name}'; known: {', '.join(sorted(known[root])) or 'none'}")


def _names(policy: Policy, root: str) -> tuple[str, ...] | None:
    reads: list[Read] = []
    for expression in policy.expressions.values():
        if expression.reads is None:
            if root in expression.program.variables():
                return None
        else:
            reads.extend(expression.reads)
    return tuple(sorted({name for of, name in reads if of == root}))


def described(policy: Content, loc: Loc) -> str:
    """`action big: eligible` for where an expression stands."""
    if len(loc) < 3:
        return _path(loc)
    item = getattr(policy, str(loc[0]))[int(loc[1])]
    return f"{str(loc[0]).removesuffix('s')} {item.name if isinstance(item, Action) else item.id}: {loc[2]}"


def _path(loc: Loc) -> str:
    return ".".join(map(str, loc))


def _at(text: str, where: str, loc: Loc) -> str:
    line = line_of(text, loc)
    return f"{where}:{line}" if line else where
