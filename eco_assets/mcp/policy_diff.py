"""What changed between two versions of a policy, in words, and how far the version must rise.

`major`: what it may do or reads is another thing. `minor`: some decision may differ. `patch`: words only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from eco_assets.mcp.policies import Policy

Bump = Literal["major", "minor", "patch"]
_RANK: tuple[Bump, ...] = ("patch", "minor", "major")
_MAJOR = ("query", "subject", "default", "actions.*", "actions.*.workflow", "inputs.models", "inputs.features.*.required")
_PATCH = ("description", "owner", "trace", "actions.*.label", "actions.*.reason", "rules.*.reason")
_IGNORED = ("version", "tests", "agent", "point", "api")


@dataclass(frozen=True)
class Change:
    """One change: where, what was and what is (None where there was nothing), and the rise that it asks for."""

    where: str
    before: Any
    after: Any
    bump: Bump

    @property
    def words(self) -> str:
        """The change in one line."""
        if self.before is None:
            return f"{self.where} is new: {_short(self.after)}"
        if self.after is None:
            return f"{self.where} is gone (was {_short(self.before)})"
        return f"{self.where}: {_short(self.before)} → {_short(self.after)}"


def changes(old: Policy, new: Policy) -> list[Change]:
    """All changes of content; versions and inline tests do not count."""
    before, after = (_keyed(policy.model_dump(mode="json")) for policy in (old, new))
    found = list(_walk((), before, after))
    if [rule.id for rule in old.rules] != [rule.id for rule in new.rules]:
        common = {rule.id for rule in old.rules} & {rule.id for rule in new.rules}
        orders = [[rule.id for rule in policy.rules if rule.id in common] for policy in (old, new)]
        if orders[0] != orders[1]:
            found.append(Change("order of rules", ", ".join(orders[0]), ", ".join(orders[1]), "minor"))
    return found


def required_bump(found: list[Change]) -> Bump | None:
    """The greatest rise that the changes ask for; None where nothing changed."""
    return max((change.bump for change in found), key=_RANK.index, default=None)


def has_risen(old: str, new: str, bump: Bump) -> bool:
    """Whether a version rose by at least that much."""
    before, after = ([int(part) for part in version.split(".")] for version in (old, new))
    kept = {"major": 1, "minor": 2, "patch": 3}[bump]
    return after[:kept] > before[:kept]


def _keyed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content with lists of named parts as mappings by name, so that they are compared by name."""
    keyed = {key: value for key, value in content.items() if key not in _IGNORED}
    for part in ("actions", "rules", "ask"):
        keyed[part] = {item.get("name") or item["id"]: item for item in content[part]}
    return keyed


def _walk(path: tuple[str, ...], before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            yield from _walk((*path, str(key)), before.get(key), after.get(key))
    elif before != after:
        yield Change(".".join(path), before, after, _bump(path))


def _bump(path: tuple[str, ...]) -> Bump:
    place = ".".join((path[0], "*", *path[2:]) if path[0] in ("actions", "rules", "ask") and len(path) > 1 else path)
    if path[:2] == ("inputs", "features") and len(path) > 2:
        place = ".".join(("inputs", "features", "*", *path[3:]))
    return "major" if place in _MAJOR else "patch" if place in _PATCH else "minor"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 90 else f"{text[:87]}..."
