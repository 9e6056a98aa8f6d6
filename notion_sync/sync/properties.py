"""The three-way merge of a page's properties, by owner. Pure.

| owner | who writes | what happens to a person's change |
|---|---|---|
| machine | the machine | it is undone, and told as an event |
| human | people | it is told as an event; the machine writes only when the page is created |
| shared | both | it stands; where both changed, the person's value stands and the machine's is told as a conflict |
| append_only | both | entries are only ever added |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from notion_sync.documents.tree import Property

Owner = Literal["machine", "human", "shared", "append_only"]
PropertyEventKind = Literal["changed", "restored", "conflict", "parked"]


@dataclass(frozen=True)
class Seen:
    """What is remembered of a property: what the machine last said, and what was last read on the page."""

    said: Property
    seen: Property


@dataclass(frozen=True)
class PropertyEvent:
    """What happened to a property."""

    kind: PropertyEventKind
    name: str
    before: Property = None
    after: Property = None


@dataclass(frozen=True)
class PropertyPlan:
    """Values to write, what happened, and what to remember when they are written."""

    writes: Mapping[str, Property]
    events: tuple[PropertyEvent, ...]
    base: Mapping[str, Seen]


def merge_properties(
    base: Mapping[str, Seen], desired: Mapping[str, Property], remote: Mapping[str, Property], owners: Mapping[str, Owner]
) -> PropertyPlan:
    """Return which values to write.

    Args:
        base: what is remembered; a name that is missing was never seen.
        desired: what the machine says now.
        remote: what stands on the page; a name that is missing was deleted or has another type: it is parked, never made again.
        owners: who owns each property; `machine` where nothing is said.
    """
    writes: dict[str, Property] = {}
    events: list[PropertyEvent] = []
    after: dict[str, Seen] = {}
    for name in {**base, **desired}:
        before = base.get(name)
        if name not in remote:
            events += [PropertyEvent("parked", name, before.seen)] if before is not None and before.seen is not None else []
            after[name] = Seen(before.said if before else desired.get(name), None)
            continue
        said = desired.get(name, before.said if before else None)
        value, found = _settle(name, owners.get(name, "machine"), before, said, remote[name], is_said=name in desired)
        events += found
        if value != remote[name]:
            writes[name] = value
        after[name] = Seen(said, value)
    return PropertyPlan(writes, tuple(events), after)


def _settle(
    name: str, owner: Owner, before: Seen | None, said: Property, stands: Property, *, is_said: bool
) -> tuple[Property, list[PropertyEvent]]:
    """Return the value that shall stand, and what happened."""
    is_edited = before is not None and stands != before.seen
    changed = [PropertyEvent("changed", name, before.seen, stands)] if is_edited and before is not None else []
    if owner == "human" and before is None and is_said and stands != said and not _is_empty(stands):
        changed = [PropertyEvent("changed", name, said, stands)]  # filled in before the machine ever looked
    if owner == "human" or not is_said:
        return stands, changed
    if owner == "append_only":
        return _joined(stands, said), changed
    if owner == "machine":
        return said, [PropertyEvent("restored", name, stands, said)] if is_edited and stands != said else []
    is_new = before is None or said != before.said
    if stands == said or not is_new:
        return stands, changed
    is_persons = is_edited or (before.seen != before.said if before else not _is_empty(stands))
    return (stands, [*changed, PropertyEvent("conflict", name, stands, said)]) if is_persons else (said, changed)


def _is_empty(value: Property) -> bool:
    """Whether nobody has said anything: a page that was never seen may already hold a person's value."""
    return value in (None, "", (), False)


def _joined(stands: Property, said: Property) -> Property:
    held = stands if isinstance(stands, tuple) else () if stands in (None, "") else (str(stands),)
    more = said if isinstance(said, tuple) else () if said in (None, "") else (str(said),)
    return (*held, *(entry for entry in dict.fromkeys(more) if entry not in held))
