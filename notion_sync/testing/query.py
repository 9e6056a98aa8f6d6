"""Filters, sorts and pages of a list, as the API evaluates them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from notion_sync.testing.content import plain
from notion_sync.testing.schema import find_property, value
from notion_sync.testing.store import Node, Store
from notion_sync.testing.wire import Json, invalid, minute, refused

MOST_RESULTS = 10_000


def page_of(items: Sequence[Any], body: Json, kind: str, key: Callable[[Any], str], view: Callable[[Any], Json]) -> Json:
    """Return one page of a list; the cursor is the id of the next entry."""
    size, cursor = _size(body), body.get("start_cursor")
    start = 0
    if cursor is not None:
        start = next((index for index, entry in enumerate(items) if key(entry) == cursor), -1)
        if start < 0:
            raise invalid(f"The start_cursor provided is invalid: {cursor}")
    rest = items[start + size : start + size + 1]
    results = [view(entry) for entry in items[start : start + size]]
    return {
        "object": "list",
        "results": results,
        "next_cursor": key(rest[0]) if rest else None,
        "has_more": bool(rest),
        "type": kind,
        kind: {},
    }


def _size(body: Json) -> int:
    size = body.get("page_size", 100)
    if isinstance(size, str) and size.isdigit():
        size = int(size)
    if isinstance(size, bool) or not isinstance(size, int):
        raise refused("body.page_size", "a number or `undefined`", size)
    if not 1 <= size <= 100:
        raise refused("body.page_size", "≤ `100`" if size > 100 else "≥ `1`", size)
    return int(size)


def query(store: Store, source: Node, body: Json) -> tuple[list[Node], bool]:
    """Return the rows that a query asks for, in order, and whether all of them can be had."""
    rows = [row for row in reversed(store.living(source)) if not store.is_trashed(row) and store.is_shared(row)]
    rows = [row for row in rows if _holds(store, row, body.get("filter"), source.data["schema"])]
    for sort in reversed(body.get("sorts") or []):
        rows = _sorted(store, rows, sort, source.data["schema"])
    return rows[:MOST_RESULTS], len(rows) <= MOST_RESULTS


def _sorted(store: Store, rows: list[Node], sort: Json, schema: dict[str, Json]) -> list[Node]:
    is_down = sort.get("direction", "ascending") == "descending"
    if "timestamp" in sort:
        return sorted(rows, key=lambda row: _stamp(row, sort["timestamp"]), reverse=is_down)
    spec = _property(schema, sort.get("property", ""))
    keys = {row.id: _scalar(store, row, spec) for row in rows}
    full = [row for row in rows if keys[row.id] not in (None, "")]
    empty = [row for row in rows if keys[row.id] in (None, "")]
    ordered = sorted(full, key=lambda row: keys[row.id], reverse=is_down)
    return [*ordered, *empty]


def _stamp(row: Node, name: str) -> str:
    return minute(row.created if name == "created_time" else row.edited)


def _property(schema: dict[str, Json], key: str) -> Json:
    spec = find_property(schema, key)
    if spec is None:
        raise invalid(f"Could not find property with name or id: {key}")
    return spec


def _scalar(store: Store, row: Node, spec: Json) -> Any:
    held = value(store, row, spec)
    match spec["type"]:
        case "title" | "rich_text":
            return plain(held).casefold()
        case "select" | "status":
            names = [entry["name"] for entry in spec[spec["type"]]["options"]]
            return names.index(held["name"]) if held and held["name"] in names else None
        case "multi_select":
            return ",".join(entry["name"] for entry in held)
        case "date":
            return held["start"] if held else None
        case "unique_id":
            return held["number"]
        case "people" | "relation" | "files":
            return len(held) or None
        case _:
            return held


def _holds(store: Store, row: Node, condition: Json | None, schema: dict[str, Json]) -> bool:
    if not condition:
        return True
    if "and" in condition:
        return all(_holds(store, row, part, schema) for part in condition["and"])
    if "or" in condition:
        return any(_holds(store, row, part, schema) for part in condition["or"])
    if "timestamp" in condition:
        name = condition["timestamp"]
        return _test(store, _stamp(row, name), "date", condition.get(name) or {})
    spec = _property(schema, condition.get("property", ""))
    kind = next((key for key in condition if key not in ("property", "type")), "")
    return _test(store, _comparable(store, row, spec), spec["type"], condition[kind])


def _comparable(store: Store, row: Node, spec: Json) -> Any:
    held = value(store, row, spec)
    match spec["type"]:
        case "title" | "rich_text":
            return plain(held)
        case "select" | "status":
            return held["name"] if held else None
        case "multi_select":
            return [entry["name"] for entry in held]
        case "people" | "relation":
            return [entry["id"] for entry in held]
        case "created_by" | "last_edited_by":
            return [held["id"]]
        case "date":
            return held["start"] if held else None
        case "unique_id":
            return held["number"]
        case "formula" | "rollup":
            raise invalid(f"The emulator does not compute a {spec['type']}: filter by a property that people or machines write.")
        case _:
            return held


def _test(store: Store, held: Any, kind: str, operators: Json) -> bool:
    return all(_one(store, held, kind, operator, wanted) for operator, wanted in operators.items())


def _one(store: Store, held: Any, kind: str, operator: str, wanted: Any) -> bool:
    is_empty = held in (None, "", [])
    if operator in ("is_empty", "is_not_empty"):
        return is_empty == (operator == "is_empty")
    if kind in ("date", "created_time", "last_edited_time"):
        return _date_test(store, held, operator, wanted)
    folded, sought = (held.casefold(), wanted.casefold()) if isinstance(held, str) and isinstance(wanted, str) else (held, wanted)
    match operator:
        case "equals":
            return bool(folded == sought)
        case "does_not_equal":
            return bool(folded != sought)
        case "contains":
            return not is_empty and sought in folded
        case "does_not_contain":
            return is_empty or sought not in folded
        case "starts_with":
            return not is_empty and folded.startswith(sought)
        case "ends_with":
            return not is_empty and folded.endswith(sought)
    if held is None or operator not in _NUMBER:
        if operator not in _NUMBER:
            raise refused("body.filter", "a condition that the API knows", operator)
        return False
    return _NUMBER[operator](held, wanted)


_NUMBER: dict[str, Callable[[Any, Any], bool]] = {
    "greater_than": lambda held, wanted: held > wanted,
    "less_than": lambda held, wanted: held < wanted,
    "greater_than_or_equal_to": lambda held, wanted: held >= wanted,
    "less_than_or_equal_to": lambda held, wanted: held <= wanted,
}
_DATE: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda held, wanted: held == wanted,
    "before": lambda held, wanted: held < wanted,
    "after": lambda held, wanted: held > wanted,
    "on_or_before": lambda held, wanted: held <= wanted,
    "on_or_after": lambda held, wanted: held >= wanted,
}
_WINDOWS = {
    "past_week": (-7, 0),
    "past_month": (-30, 0),
    "past_year": (-365, 0),
    "next_week": (0, 7),
    "next_month": (0, 30),
    "next_year": (0, 365),
}


def _date_test(store: Store, held: str | None, operator: str, wanted: Any) -> bool:
    if held is None:
        return False
    if operator in _WINDOWS or operator == "this_week":
        first, last = _WINDOWS.get(operator, (-store.clock.now.weekday(), 6 - store.clock.now.weekday()))
        day = _moment(held).date()
        return store.clock.now.date() + timedelta(days=first) <= day <= store.clock.now.date() + timedelta(days=last)
    if operator not in _DATE:
        raise refused("body.filter", "a condition that the API knows", operator)
    if len(str(wanted)) == 10 or len(held) == 10:
        return _DATE[operator](held[:10], str(wanted)[:10])
    return _DATE[operator](_moment(held), _moment(str(wanted)))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=datetime.fromisoformat("2000-01-01T00:00+00:00").tzinfo)
