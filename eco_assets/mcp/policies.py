"""Decision policies: one YAML file a decision point under `policies/<agent>/`, read, checked and compiled once.

A policy lists what may be done, when (`eligible`) and what it is worth (`value_brl`), as CEL expressions over `features`,
`predictions` and `params`. Choosing among them is `engine.py`'s.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from eco_assets.errors import PolicyError

POLICIES = Path(__file__).parent / "policies"
SCOPE = ("features", "predictions", "params")


class Strict(BaseModel):
    """A policy part: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Action(Strict):
    """Something that may be done about a subject. Without a `workflow` nothing is executed."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    workflow: str | None = None
    eligible: str = "true"
    value_brl: str
    cost_brl: str = "0.0"
    reason: str

    _programs: dict[str, Any] = PrivateAttr(default_factory=dict)


class Guardrails(Strict):
    """Limits for one day of one decision point."""

    max_actions_per_day: int = Field(gt=0)
    max_cost_brl_per_day: float = Field(gt=0)
    approval_above_brl: float = Field(gt=0, description="an action that costs more waits for a person")


class Policy(Strict):
    """One version of one decision point's policy."""

    agent: str
    point: str
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    description: str
    owner: str
    subject: str
    query: str = Field(
        description="DuckDB SQL: one row a subject, `subject` first; columns that begin with p_ are predictions; uses $as_of"
    )
    trace: str = Field(
        description="DuckDB SQL: the raw rows behind one subject as source, file, row_number, batch; uses $subject, may use $as_of"
    )
    may_be_empty: bool = Field(default=False, description="a day without any subject is fine")
    models: tuple[str, ...] = ()
    params: dict[str, float | str] = {}
    confidence: str = "1.0"
    default: str
    actions: tuple[Action, ...] = Field(min_length=2)
    guardrails: Guardrails

    _digest: str = PrivateAttr(default="")
    _confidence: Any = PrivateAttr(default=None)

    @property
    def name(self) -> str:
        """`agent/point`."""
        return f"{self.agent}/{self.point}"

    @property
    def digest(self) -> str:
        """SHA-256 of the file that this policy was read from."""
        return self._digest

    @model_validator(mode="after")
    def _default_is_an_action(self) -> Policy:
        names = [action.name for action in self.actions]
        if len(set(names)) < len(names):
            raise ValueError("two actions share a name")
        if self.default not in names:
            raise ValueError(f"default {self.default!r} is not one of the actions {', '.join(names)}")
        default = self.actions[names.index(self.default)]
        if default.workflow is not None or default.eligible != "true":
            raise ValueError(f"default {self.default!r} is what a guardrail falls back to: it must be always eligible and have no workflow")
        return self


@cache
def load_policies(root: Path = POLICIES) -> dict[str, Policy]:
    """All policies by name, compiled.

    Raises:
        PolicyError: a file is malformed or an expression does not compile; names file and key.
    """
    policies = [read_policy(path) for path in sorted(root.glob("*/*.yaml"))]
    return {policy.name: policy for policy in policies}


def read_policy(path: Path) -> Policy:
    """One policy. Raises `PolicyError` as `load_policies` does."""
    where = f"{path.parent.name}/{path.name}"
    content = path.read_bytes()
    try:
        policy = Policy.model_validate(yaml.safe_load(content))
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyError(f"{where}: {'.'.join(map(str, first['loc'])) or 'policy'}: {first['msg']}") from error
    except yaml.YAMLError as error:
        raise PolicyError(f"{where}: not valid YAML: {error}") from error
    if (policy.agent, policy.point) != (path.parent.name, path.stem):
        raise PolicyError(f"{where}: says it is {policy.name}; file and content must agree")
    policy._digest = hashlib.sha256(content).hexdigest()
    policy._confidence = _compile(policy.confidence, f"{where}: confidence")
    for action in policy.actions:
        for key in ("eligible", "value_brl", "cost_brl"):
            action._programs[key] = _compile(getattr(action, key), f"{where}: action {action.name}: {key}")
    return policy


def _compile(source: str, where: str) -> Any:
    import cel

    try:
        program = cel.compile(source)
    except (ValueError, TypeError) as error:
        raise PolicyError(f"{where}: {error}") from error
    unknown = sorted(set(program.variables()) - set(SCOPE))
    if unknown:
        raise PolicyError(f"{where}: unknown name {unknown[0]!r}; an expression may use {', '.join(SCOPE)}")
    return program
