"""The declared rules by which decisions of different points and agents give way to each other: `rules.yaml`, read and checked.

A rule is data: which actions exclude each other on which shared key, what is scarce, and what goes first. How they are applied is
`resolve.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eco_assets.errors import PolicyError
from eco_assets.mcp.policies import Policy

RULES = Path(__file__).parent / "rules.yaml"
EVERYTHING = "*"


class Strict(BaseModel):
    """A frozen part of a file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Actions(Strict):
    """Some actions, as `agent.point.action`; `*` stands for any part."""

    actions: tuple[str, ...] = Field(min_length=1)

    def holds(self, decision: Mapping[str, Any]) -> bool:
        """Whether the decision's action is one of these."""
        name = f"{decision['agent']}.{decision['point']}.{decision['action']}"
        return any(fnmatchcase(name, pattern) for pattern in self.actions)


class Side(Actions):
    """One side of an exclusion and where its key is.

    `key` is `subject`, `subject[N]` (the N-th part between colons), `features.NAME`, or `*` for one key that all share. `words` turns
    its values into those of the other side; a value that is not in a given map has no key.
    """

    key: str = Field(pattern=r"^(subject(\[\d\])?|features\.[a-z][a-z0-9_]*|\*)$")
    words: dict[str, str] = {}

    def key_of(self, decision: Mapping[str, Any]) -> str | None:
        """The value that this side shares with the other; None where the decision has none."""
        value: object
        if self.key == EVERYTHING:
            return EVERYTHING
        if self.key.startswith("features."):
            value = decision.get("features", {}).get(self.key.removeprefix("features."))
        elif self.key == "subject":
            value = decision["subject"]
        else:
            parts, index = str(decision["subject"]).split(":"), int(self.key[-2])
            value = parts[index] if index < len(parts) else None
        if value is None or value == "":
            return None
        return self.words.get(str(value)) if self.words else str(value)


class Exclusion(Strict):
    """At most one side may act on one key and day. Among several actions of one side nothing is excluded, unless both sides are one."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    reason: str
    shared: str = Field(description="what the key is, in Portuguese, as `máquina`")
    sides: tuple[Side, ...] = Field(min_length=1, max_length=2)
    approval_above_brl: float | None = Field(
        default=None, ge=0, description="a person chooses when the one that would give way is worth more, net, and only value decides"
    )


class Use(Actions):
    """What one decision takes of a resource: a number, or its cost."""

    quantity: float | Literal["cost"] = 1.0

    def of(self, decision: Mapping[str, Any]) -> float:
        """The quantity that the decision takes."""
        return float(decision.get("cost_brl", 0.0)) if self.quantity == "cost" else float(self.quantity)


class Resource(Strict):
    """Something scarce that several points take from; `capacity` a day, `monthly` a calendar month where there is a budget."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    unit: Literal["brl", "count"]
    capacity: float = Field(gt=0)
    monthly: float | None = Field(default=None, gt=0)
    uses: tuple[Use, ...] = Field(min_length=1)

    def taken_by(self, decision: Mapping[str, Any]) -> float:
        """What a decision takes of it; 0 when it does not use it."""
        return next((use.of(decision) for use in self.uses if use.holds(decision)), 0.0)


class Precedence(Actions):
    """Actions that go before all others, whatever these are worth."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    reason: str


class Rules(Strict):
    """All of `rules.yaml`. `precedence` is in order, the first goes first."""

    api: Literal["eco/mega-rules/v1"]
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    precedence: tuple[Precedence, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    resources: tuple[Resource, ...] = ()

    def rank(self, decision: Mapping[str, Any]) -> int:
        """Position in `precedence`; as many as there are where no entry holds."""
        return next((number for number, each in enumerate(self.precedence) if each.holds(decision)), len(self.precedence))

    def touches(self, decision: Mapping[str, Any]) -> bool:
        """Whether any rule could be about this decision."""
        sides = (side for rule in self.exclusions for side in rule.sides)
        return any(side.holds(decision) for side in sides) or any(resource.taken_by(decision) for resource in self.resources)

    def resource(self, name: str) -> Resource:
        """The resource called `name`. Raises `PolicyError` when there is none."""
        for each in self.resources:
            if each.id == name:
                return each
        raise PolicyError(f"no resource {name!r}; rules.yaml has {', '.join(each.id for each in self.resources)}")


@cache
def load_rules(path: Path = RULES) -> Rules:
    """The rules of a file.

    Raises:
        PolicyError: the file is malformed, or two rules share an id; names the key.
    """
    try:
        rules = Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyError(f"{path.name}: {'.'.join(map(str, first['loc'])) or 'rules'}: {first['msg']}") from error
    except yaml.YAMLError as error:
        raise PolicyError(f"{path.name}: not valid YAML: {error}") from error
    names = [entry.id for entry in rules.precedence] + [rule.id for rule in rules.exclusions] + [each.id for each in rules.resources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PolicyError(f"{path.name}: the id {twice[0]!r} occurs twice")
    return rules


def unknown_actions(patterns: Iterable[str], policies: Mapping[str, Policy]) -> list[str]:
    """The patterns that no action of any policy matches: a rule about nothing is a mistake."""
    known = [f"{policy.agent}.{policy.point}.{action.name}" for policy in policies.values() for action in policy.actions]
    return sorted({pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in known)})
