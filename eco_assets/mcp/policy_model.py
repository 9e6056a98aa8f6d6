"""What a policy file may hold (`eco/policy/v1`): the keys, their types and what must agree among them. No expression is compiled here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

NAME = r"^[a-z][a-z0-9_]*$"


class Strict(BaseModel):
    """A policy part: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(Strict):
    """One feature or prediction. A required one that is missing or too old gives `on_error`; an optional one is null then."""

    required: bool = False
    max_age_hours: float | None = Field(default=None, gt=0)


class Inputs(Strict):
    """What the policy reads. `max_age_hours` holds for every input without a limit of its own; an unknown age is not too old."""

    max_age_hours: float | None = Field(default=None, gt=0)
    features: dict[str, Input] = Field(default={}, description="features and predictions by name")
    models: tuple[str, ...] = Field(default=(), description="models whose champions make the predictions")
    optional_models: dict[str, Annotated[int, Field(gt=0)]] = Field(
        default={}, description="models that it can do without, each with the days for which a prediction is read (1: the day's own)"
    )

    @model_validator(mode="after")
    def _needed_or_optional(self) -> Inputs:
        if both := sorted(set(self.models) & set(self.optional_models)):
            raise ValueError(f"{both[0]} is in models and in optional_models; a model is needed or it is not")
        return self


class Limits(Strict):
    """What all questions about one subject may take, each."""

    deadline_ms: int = Field(default=150, gt=0)
    max_output_tokens: int = Field(default=60, gt=0)
    max_cost_usd: float = Field(default=0.0005, ge=0)


class Action(Strict):
    """Something that may be done about a subject. Without a `workflow` nothing is executed."""

    name: str = Field(pattern=NAME)
    label: str
    workflow: str | None = None
    eligible: str = "true"
    value_brl: str
    cost_brl: str = "0.0"
    reason: str


class Effect(Strict):
    """What a rule does: `only` and `exclude` narrow the choice, `action` settles it, `approve` asks a person (true: for any action)."""

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    action: str | None = None
    approve: tuple[str, ...] | Literal[True] = ()

    @model_validator(mode="after")
    def _does_something(self) -> Effect:
        if not (self.only or self.exclude or self.action or self.approve):
            raise ValueError("does nothing; it needs one of only, exclude, action, approve")
        if self.action and (self.only or self.exclude):
            raise ValueError("action settles the choice: only and exclude would do nothing beside it")
        return self

    def names(self) -> set[str]:
        """Actions that it names."""
        approved = set() if self.approve is True else set(self.approve)
        return {*self.only, *self.exclude, *approved, *([self.action] if self.action else [])}


class Rule(Strict):
    """Applied when `when` holds, in the order of the file; one with `action` ends the list."""

    id: str = Field(pattern=NAME)
    when: str
    then: Effect
    reason: str = Field(default="", description="for business people, in Portuguese")


class Ask(Strict):
    """A question to a model, asked when `when` holds. Rules and actions read `answers.<id>`: the choice, or `otherwise`."""

    id: str = Field(pattern=NAME)
    when: str = "true"
    kind: Literal["choice", "predicate", "score"] = "choice"
    question: str
    choices: dict[str, str] = Field(default={}, description="value: what a model is told that it means; a score's levels ascend")
    evidence: tuple[str, ...] = Field(min_length=1, description="features and predictions that the model may see")
    min_confidence: float = Field(default=0.8, gt=0, le=1)
    otherwise: str = Field(description="what holds when nobody answers or nobody was asked")
    route: str = "default"

    @field_validator("choices", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Accept a list of values without meanings."""
        return dict.fromkeys(map(str, value), "") if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _can_be_answered(self) -> Ask:
        if self.kind == "predicate" and set(self.choices) - {"true", "false"}:
            raise ValueError("a predicate's choices are 'true' and 'false'; leave choices out")
        if self.kind != "predicate" and len(self.choices) < 2:
            raise ValueError(f"a {self.kind} needs at least two choices")
        return self


class Guardrails(Strict):
    """Limits for one day of one decision point."""

    max_actions_per_day: int = Field(gt=0)
    max_cost_brl_per_day: float = Field(gt=0)
    approval_above_brl: float = Field(gt=0, description="an action that costs more waits for a person")
    max_actions_per_subject: int | None = Field(default=None, gt=0)


class Explore(Strict):
    """With probability `epsilon` an action is drawn, evenly, from those that rules, eligibility and guardrails permit."""

    epsilon: float = Field(gt=0, le=0.5)
    only: tuple[str, ...] = Field(default=(), description="actions that may be drawn; all by default")


class GivenSpent(Strict):
    """What the day has used up already; `subject_actions` about this subject."""

    actions: int = Field(default=0, ge=0)
    cost_brl: float = Field(default=0.0, ge=0)
    subject_actions: int = Field(default=0, ge=0)


class Given(Strict):
    """What an inline test puts in. `answers` are choices, given with full confidence."""

    features: dict[str, float | str | bool | None] = {}
    predictions: dict[str, float | str | bool | None] = {}
    answers: dict[str, str] = {}
    spent: GivenSpent = GivenSpent()
    age_hours: dict[str, float] = {}


class Expect(Strict):
    """What an inline test expects; a key that is left out is not compared. `rule` is one that held, null that none did."""

    action: str
    rule: str | None = "*"
    requires_approval: bool | None = None


class InlineTest(Strict):
    """One case with the decision that it must get. Exploration is off in it."""

    name: str
    given: Given
    expect: Expect


class Content(Strict):
    """A policy's content."""

    api: Literal["eco/policy/v1"]
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
    inputs: Inputs = Inputs()
    limits: Limits = Limits()
    params: dict[str, float | str] = {}
    confidence: str = "1.0"
    rules: tuple[Rule, ...] = ()
    ask: tuple[Ask, ...] = ()
    default: str
    on_error: str = Field(default="", description="action when an input or an expression fails; the default by default")
    actions: tuple[Action, ...] = Field(min_length=2)
    guardrails: Guardrails
    explore: Explore | None = None
    tests: tuple[InlineTest, ...] = ()

    @property
    def name(self) -> str:
        """`agent/point`."""
        return f"{self.agent}/{self.point}"

    @property
    def models(self) -> tuple[str, ...]:
        """Models whose champions make the predictions."""
        return self.inputs.models

    @property
    def failing(self) -> str:
        """Name of the action for a subject that cannot be decided."""
        return self.on_error or self.default

    @model_validator(mode="after")
    def _names_agree(self) -> Content:
        names = [action.name for action in self.actions]
        if len(set(names)) < len(names):
            raise ValueError("two actions share a name")
        self._check_default(names)
        for what, used in self._named():
            unknown = sorted(used - set(names))
            if unknown:
                raise ValueError(f"{what} names {unknown[0]!r}, which is not one of the actions {', '.join(names)}")
        for part in (self.rules, self.ask):
            ids = [item.id for item in part]
            if len(set(ids)) < len(ids):
                raise ValueError(f"two of the same kind share the id {next(each for each in ids if ids.count(each) > 1)!r}")
        return self

    def _check_default(self, names: list[str]) -> None:
        if self.default not in names:
            raise ValueError(f"default {self.default!r} is not one of the actions {', '.join(names)}")
        default = self.actions[names.index(self.default)]
        if default.workflow is not None or default.eligible != "true":
            raise ValueError(f"default {self.default!r} is what a guardrail falls back to: it must be always eligible and have no workflow")
        for rule in self.rules:
            if self.default in rule.then.exclude:
                raise ValueError(f"rule {rule.id} excludes the default {self.default!r}, which is always permitted")

    def _named(self) -> list[tuple[str, set[str]]]:
        used = [(f"rule {rule.id}", rule.then.names()) for rule in self.rules]
        used.append(("on_error", {self.failing}))
        used.append(("explore", set(self.explore.only) if self.explore else set()))
        used.extend((f"test {test.name!r}", {test.expect.action}) for test in self.tests)
        return used
