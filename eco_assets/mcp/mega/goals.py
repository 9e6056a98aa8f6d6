"""Goal templates: one YAML file a goal or event under `goals/`, read and checked; and which goals an installation pursues.

A template says what words mean it, which parameters it has, and how it is split into sub-tasks. Understanding a text is `understand.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from eco_assets.errors import ConfigError, PolicyError
from eco_assets.mcp.expressions import compile_expression
from eco_assets.mcp.mega.models import AgentName, Constraints, Goal, Scalar
from eco_assets.mcp.mega.rules import Strict, load_rules
from eco_assets.mcp.policies import Policy, load_policies

TEMPLATES = Path(__file__).parent / "goals"
ACTIVE = "goals.yaml"
FILTER_SCOPE = ("features", "predictions", "params", "subject")
_ID = r"^[a-z][a-z0-9_]*$"


class Parameter(Strict):
    """A parameter of a goal and how it is read from a text.

    `state` is a Brazilian state, `percent` a share (10 % is 0.1), `money` reais, `value` a word after one of `after` that `query` knows.
    """

    name: str = Field(pattern=_ID)
    label: str
    type: Literal["state", "percent", "money", "value"]
    is_required: bool = False
    default: Scalar = None
    minimum: float | None = None
    maximum: float | None = None
    after: tuple[str, ...] = ()
    query: str = Field(default="", description="DuckDB SQL: the known values, one a row; may use $as_of")


class Cap(Strict):
    """A resource that the goal makes smaller: `factor` is CEL over `params`, times what an ordinary day takes of it."""

    resource: str
    factor: str


class Measure(Strict):
    """The figure that the goal is about: SQL with one number for $as_of, which may use the goal's parameters as $name."""

    label: str
    unit: str
    query: str


class Task(Strict):
    """How a part of the goal is asked of one agent. `share` is of the goal's token budget, `money` of its money."""

    id: str = Field(pattern=_ID)
    agent: AgentName
    point: str = Field(pattern=_ID)
    objective: str
    subjects: str = "true"
    constraints: Constraints = Constraints()
    share: float = Field(gt=0, le=1)
    money: float = Field(default=0.0, ge=0, le=1)
    resource: str = Field(default="", description="a resource that the goal makes smaller: its new size is what the sub-task may spend")
    deadline_ms: int = Field(default=5000, gt=0, le=600_000)


class Trigger(Strict):
    """What starts an event: a decision with one of `actions`, a budget expected to run out, or a model whose inputs moved far."""

    what: Literal["decision", "budget", "drift"]
    actions: tuple[str, ...] = ()
    parameter: str = Field(description="the event's parameter that names the subject, the resource or the model")


class Template(Strict):
    """One goal or event."""

    api: Literal["eco/mega-goal/v1"]
    id: str = Field(pattern=_ID)
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    kind: Literal["goal", "event"]
    title: str
    description: str
    owner: str
    words: tuple[tuple[str, ...], ...] = Field(default=(), description="a text means this goal when it has a word of every group")
    examples: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    trigger: Trigger | None = None
    workflow: str = Field(default="mega.dividir_meta", pattern=r"^mega\.[a-z_]+$", description="what is carried out about the goal itself")
    indicator: Measure | None = None
    caps: tuple[Cap, ...] = ()
    gives_precedence: bool = Field(default=True, description="what agents propose for it goes before what is worth more")
    tokens: int = Field(ge=0, description="token budget of one answer, shared by the sub-tasks")
    money_brl: float | None = Field(default=None, gt=0, description="money that the sub-tasks may propose to spend, shared by them")
    tasks: tuple[Task, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _adds_up(self) -> Template:
        if sum(task.share for task in self.tasks) > 1.000001 or sum(task.money for task in self.tasks) > 1.000001:
            raise ValueError("the shares of the sub-tasks are more than the whole")
        uncapped = {task.resource for task in self.tasks} - {cap.resource for cap in self.caps} - {""}
        if uncapped:
            raise ValueError(f"a sub-task spends {sorted(uncapped)[0]!r}, which the goal has no cap for")
        names = [task.id for task in self.tasks]
        if len(set(names)) < len(names):
            raise ValueError("two sub-tasks share an id")
        if (self.kind == "event") != (self.trigger is not None):
            raise ValueError("an event has a trigger, a goal has none")
        if self.kind == "goal" and not (self.words and self.examples):
            raise ValueError("a goal needs words and an example, or no text can ever mean it")
        return self

    def goal(self, parameters: Mapping[str, Scalar], **more: Any) -> Goal:
        """The goal with these parameters; those not given have their defaults.

        Raises:
            ConfigError: a parameter is unknown, missing or out of bounds; names it.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise ConfigError(f"goal {self.id}: no parameter {unknown[0]!r}; it has {', '.join(known) or 'none'}")
        full = {name: parameters.get(name, parameter.default) for name, parameter in known.items()}
        for name, parameter in known.items():
            wrong = out_of_bounds(parameter, full[name])
            if wrong:
                raise ConfigError(f"goal {self.id}: {name} {wrong}")
        return Goal(id=self.id, version=self.version, kind=self.kind, title=titled(self.title, full), parameters=full, **more)


def out_of_bounds(parameter: Parameter, value: Scalar) -> str:
    """What is wrong with a parameter's value, or nothing."""
    if value is None:
        return "is required" if parameter.is_required else ""
    if parameter.type in ("percent", "money"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number, not {value!r}"
        if (parameter.minimum is not None and value < parameter.minimum) or (parameter.maximum is not None and value > parameter.maximum):
            return f"must lie between {parameter.minimum} and {parameter.maximum}, not {value}"
    return ""


def titled(text: str, parameters: Mapping[str, Scalar]) -> str:
    """A title or objective with its parameters filled in; a share reads 10 %, what is not given reads `todos`."""
    shown = {name: _shown(value) for name, value in parameters.items()}
    return text.format_map(shown)


def _shown(value: Scalar) -> str:
    if value is None:
        return "todos"
    if isinstance(value, float) and 0 < value < 1:
        return f"{value * 100:g} %".replace(".", ",")
    return f"{value:,.2f}".translate(str.maketrans(".,", ",.")) if isinstance(value, float) else str(value)


@cache
def load_templates(root: Path = TEMPLATES) -> dict[str, Template]:
    """All templates by id.

    Raises:
        PolicyError: a file is malformed, or an expression in it does not compile; names file and key.
    """
    return {path.stem: read_template(path) for path in sorted(root.glob("*.yaml"))}


def read_template(path: Path) -> Template:
    """One template. Raises `PolicyError` as `load_templates` does."""
    try:
        found = Template.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyError(f"goals/{path.name}: {'.'.join(map(str, first['loc'])) or 'goal'}: {first['msg']}") from error
    except yaml.YAMLError as error:
        raise PolicyError(f"goals/{path.name}: not valid YAML: {error}") from error
    if found.id != path.stem:
        raise PolicyError(f"goals/{path.name}: says it is {found.id}; file and content must agree")
    for task in found.tasks:
        compile_expression(task.subjects, f"goals/{path.name}: task {task.id}: subjects", FILTER_SCOPE)
    for cap in found.caps:
        compile_expression(cap.factor, f"goals/{path.name}: cap {cap.resource}", ("params",))
        load_rules().resource(cap.resource)
    try:
        for text in (found.title, *(task.objective for task in found.tasks)):
            titled(text, {parameter.name: None for parameter in found.parameters})
    except (LookupError, ValueError) as error:
        raise PolicyError(f"goals/{path.name}: a text names no parameter of the goal: {error!r}") from error
    return found


def unknown_points(templates: Mapping[str, Template], policies: Mapping[str, Policy] | None = None) -> list[str]:
    """Sub-tasks and triggers about points or actions that no policy has, as `goal: what`."""
    known = policies or load_policies()
    found = []
    for template in templates.values():
        for task in template.tasks:
            policy = known.get(f"{task.agent}/{task.point}")
            names = {action.name for action in policy.actions} if policy else set()
            if policy is None:
                found.append(f"{template.id}: {task.agent}/{task.point}")
            found += [f"{template.id}: {task.point}.{name}" for name in task.constraints.actions if policy and name not in names]
    return sorted(found)


def active_goals(home: Path, templates: Mapping[str, Template] | None = None) -> list[Goal]:
    """The goals that an installation pursues: `goals.yaml` in its home, or the repository's default.

    Raises:
        ConfigError: the file is malformed, or names a goal or a parameter that does not exist.
    """
    path = home / ACTIVE if (home / ACTIVE).exists() else Path(__file__).with_name(ACTIVE)
    known = templates or load_templates()
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        rows = [(str(row["goal"]), dict(row.get("parameters") or {})) for row in listed.get("goals") or []]
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: write `goals:` as a list of `goal: ID` and `parameters: {{...}}` ({error!r})") from error
    found = []
    for name, parameters in rows:
        if name not in known or known[name].kind != "goal":
            raise ConfigError(f"{path}: no goal {name!r}; known are {', '.join(n for n, t in known.items() if t.kind == 'goal')}")
        found.append(known[name].goal(parameters))
    return found
