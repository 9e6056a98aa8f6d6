"""Properties: the schema of a data source, and the values of a page, as requests give them and the API says them back."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from notion_sync.testing.content import file_name, file_object, plain, rich_text
from notion_sync.testing.store import Node, Store
from notion_sync.testing.wire import Json, checked_array, checked_text, identifier, invalid, minute, refused

_COLORS = ("default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red")
_COMPUTED = ("created_time", "last_edited_time", "created_by", "last_edited_by", "unique_id", "formula", "rollup", "button")
_MOST_REFERENCES = 25
_STATUS = (
    ("Not started", "default", "To-do", "gray"),
    ("In progress", "blue", "In progress", "blue"),
    ("Done", "green", "Complete", "green"),
)
_SHORT = {"email": 200, "phone_number": 200, "url": 2_000}
_KNOWN = {
    "title",
    "rich_text",
    "number",
    "select",
    "multi_select",
    "status",
    "date",
    "people",
    "files",
    "checkbox",
    "url",
    "email",
    "phone_number",
    "relation",
    "verification",
    "place",
    *_COMPUTED,
}


def config(store: Store, source: Node, name: str, said: Json, path: str) -> Json:
    """Return a property's configuration as the API says it back."""
    kind = said.get("type") or next((key for key in said if key not in ("name", "description", "id")), "")
    if kind not in _KNOWN:
        raise refused(path, "a property type that the API can create", kind)
    given = said.get(kind) or {}
    held: Json = {}
    if kind == "number":
        held = {"format": given.get("format", "number")}
    elif kind in ("select", "multi_select"):
        held = {"options": [option(store, entry) for entry in checked_array(given.get("options", []), f"{path}.{kind}.options")]}
    elif kind == "status":
        held = _status(store, given)
    elif kind == "unique_id":
        held = {"prefix": given.get("prefix")}
    elif kind == "relation":
        held = _relation(store, given, path)
    elif kind == "rollup":
        held = _rollup(store, source, given)
    elif kind == "formula":
        held = dict(given)
    identity = "title" if kind == "title" else store.property_id()
    return {"id": identity, "name": name, "description": said.get("description"), "type": kind, kind: held}


def option(store: Store, said: Json) -> Json:
    """Return an option of a select; a new one gets an id and a colour."""
    name = checked_text(said.get("name"), "body.properties.options.name", 100)
    if "," in name:
        raise invalid("Invalid select option, commas not allowed: " + name)
    color = said.get("color") or store.random.choice(_COLORS)
    return {"id": said.get("id") or store.new_id(), "name": name, "color": color, "description": said.get("description")}


def _status(store: Store, given: Json) -> Json:
    if given.get("options"):
        options = [option(store, entry) for entry in given["options"]]
        return {"options": options, "groups": given.get("groups", [])}
    options = [{"id": store.new_id(), "name": name, "color": color, "description": None} for name, color, _, _ in _STATUS]
    groups = [
        {"id": store.new_id(), "name": group, "color": shade, "option_ids": [made["id"]]}
        for (_, _, group, shade), made in zip(_STATUS, options, strict=True)
    ]
    return {"options": options, "groups": groups}


def _relation(store: Store, given: Json, path: str) -> Json:
    target = store.find(identifier(given.get("data_source_id"), f"{path}.relation.data_source_id"), "data_source")
    kind = given.get("type") or ("dual_property" if "dual_property" in given else "single_property")
    return {"database_id": target.parent["database_id"], "data_source_id": target.id, "type": kind, kind: dict(given.get(kind) or {})}


def _rollup(store: Store, source: Node, given: Json) -> Json:
    """Return a rollup with names and ids of what it goes through; values are not computed."""
    schema: dict[str, Json] = source.data["schema"]
    relation = find_property(schema, str(given.get("relation_property_id") or given.get("relation_property_name")))
    if relation is None or relation["type"] != "relation":
        raise invalid("The relation of a rollup is not a property that exists.")
    other = store.nodes[relation["relation"]["data_source_id"]].data["schema"]
    target = find_property(other, str(given.get("rollup_property_id") or given.get("rollup_property_name")))
    if target is None:
        raise invalid("The target of a rollup is not a property that exists.")
    named = {"rollup_property_name": target["name"], "relation_property_name": relation["name"]}
    ids = {"rollup_property_id": target["id"], "relation_property_id": relation["id"]}
    return {**named, **ids, "function": given.get("function", "show_original")}


def add_property(store: Store, source: Node, name: str, said: Json, path: str) -> None:
    """Give a data source a property; a two-way relation gives the other side one as well."""
    spec = config(store, source, name, said, path)
    source.data["schema"][spec["id"]] = spec
    _link_back(store, source, spec)


def _link_back(store: Store, source: Node, spec: Json) -> None:
    """Give the other side of a two-way relation its property, unless it has it."""
    relation = spec.get("relation")
    if relation is None or relation["type"] != "dual_property" or relation["dual_property"].get("synced_property_id"):
        return
    target, name = store.nodes[relation["data_source_id"]], spec["name"]
    back_name = relation["dual_property"].get("synced_property_name") or f"Related to {plain(source.data['title'])} ({name})"
    back: Json = {"id": store.property_id(), "name": back_name, "description": None, "type": "relation"}
    towards = {"database_id": source.parent["database_id"], "data_source_id": source.id, "type": "dual_property"}
    back["relation"] = {**towards, "dual_property": {"synced_property_name": name, "synced_property_id": spec["id"]}}
    target.data["schema"][back["id"]] = back
    relation["dual_property"] = {"synced_property_name": back_name, "synced_property_id": back["id"]}


def change_property(store: Store, source: Node, key: str, said: Json | None) -> None:
    """Rename, change or (with None) delete a property, found by name or id."""
    schema: dict[str, Json] = source.data["schema"]
    spec = find_property(schema, key)
    path = f"body.properties.{key}"
    if spec is None:
        if said is None:
            raise invalid(f"Could not find property with name or id: {key}")
        add_property(store, source, said.get("name") or key, said, path)
        return
    if said is None:
        if spec["type"] == "title":
            raise invalid("Cannot delete the title property.")
        del schema[spec["id"]]
        return
    if "name" in said:
        spec["name"] = said["name"]
        _rename_other_side(store, spec)
    if "description" in said:
        spec["description"] = said["description"]
    kind = said.get("type") or next((name for name in said if name in _KNOWN), spec["type"])
    if kind not in said:
        return
    if kind == spec["type"] and kind in ("select", "multi_select"):
        spec[kind]["options"] = _options(store, spec[kind]["options"], said[kind].get("options", []))
    elif kind == spec["type"] == "unique_id":
        spec["unique_id"] = {**spec["unique_id"], **said["unique_id"]}
    elif kind in _KNOWN:
        fresh = config(store, source, spec["name"], {**said, "type": kind}, path)
        schema[spec["id"]] = {**fresh, "id": spec["id"], "description": spec.get("description")}
        _link_back(store, source, schema[spec["id"]])


def _options(store: Store, before: list[Json], said: list[Json]) -> list[Json]:
    by_id, by_name = {entry["id"]: entry for entry in before}, {entry["name"]: entry for entry in before}
    return [by_id.get(entry.get("id", "")) or by_name.get(entry.get("name", "")) or option(store, entry) for entry in said]


def _rename_other_side(store: Store, spec: Json) -> None:
    synced = spec.get("relation", {}).get("dual_property", {})
    target = store.nodes.get(spec.get("relation", {}).get("data_source_id", ""))
    if target is not None and synced.get("synced_property_id") in target.data["schema"]:
        target.data["schema"][synced["synced_property_id"]]["relation"]["dual_property"]["synced_property_name"] = spec["name"]


def find_property(schema: dict[str, Json], key: str) -> Json | None:
    """Return the property with this id (percent-encoded or not) or name."""
    if key in schema:
        return schema[key]
    return next((spec for spec in schema.values() if spec["name"] == key or unquote(spec["id"]) == unquote(key)), None)


def set_values(store: Store, page: Node, said: Json) -> None:
    """Write a request's property values into a page.

    Raises:
        ApiError: an unknown property, a wrong type, a computed property or a limit.
    """
    schema = store.schema(page)
    source = store.data_source_of(page)
    for key, value in said.items():
        spec = find_property(schema, key)
        if spec is None or (source is None and spec["type"] != "title"):
            raise invalid(f"{key} is not a property that exists.")
        kind = spec["type"]
        given = value if isinstance(value, dict) else {kind: value}
        if kind in _COMPUTED:
            if value is None or given.get(kind) is None:
                continue
            raise invalid(f"body failed validation: {key} is of type {kind}, which cannot be written.")
        if kind not in given:
            raise invalid(f"{key} is expected to be {kind}.")
        before = page.data["values"].get(spec["id"], {}).get(kind)
        made = _value(store, spec, given[kind], f"body.properties.{key}.{kind}")
        page.data["values"][spec["id"]] = {kind: made}
        if kind == "relation":
            _mirror(store, page, spec, before or [], made)


def _value(store: Store, spec: Json, said: Any, path: str) -> Any:
    kind = spec["type"]
    match kind:
        case "title" | "rich_text":
            return rich_text(said, path, store.name_of)
        case "number":
            if said is not None and (isinstance(said, bool) or not isinstance(said, (int, float))):
                raise refused(path, "a number or `null`", said)
            return said
        case "checkbox":
            return bool(said)
        case "url" | "email" | "phone_number":
            return None if said is None else checked_text(said, path, _SHORT[kind])
        case "select" | "status":
            return None if said is None else _chosen(store, spec, said)
        case "multi_select":
            return [_chosen(store, spec, entry) for entry in checked_array(said, path)]
        case "date":
            return None if said is None else date_value(said)
        case "people":
            return [{"object": "user", "id": identifier(entry.get("id"), f"{path}.id")} for entry in checked_array(said, path)]
        case "relation":
            return [{"id": identifier(entry.get("id"), f"{path}.id")} for entry in checked_array(said, path)]
        case "files":
            return [_file(store, entry, path) for entry in checked_array(said, path)]
        case _:
            return said


def _chosen(store: Store, spec: Json, said: Json) -> Json:
    options: list[Json] = spec[spec["type"]]["options"]
    found = next((entry for entry in options if entry["id"] == said.get("id") or entry["name"] == said.get("name")), None)
    if found is None:
        if spec["type"] == "status":
            raise invalid(f'Invalid status option. Status option "{said.get("name")}" does not exist".')
        found = option(store, said)
        options.append(found)
    return {"id": found["id"], "name": found["name"], "color": found["color"]}


def _file(store: Store, said: Json, path: str) -> Json:
    where = store.attached(file_object(said, path))
    return {"name": said.get("name") or file_name(where), **where}


def date_value(said: Json) -> Json:
    """Return a date as the API reads it back: seconds gone, a time zone turned into an offset."""
    zone = said.get("time_zone")
    return {"start": _moment(said.get("start"), zone), "end": _moment(said.get("end"), zone), "time_zone": None}


def _moment(text: str | None, zone: str | None) -> str | None:
    if text is None or (len(text) == 10 and zone is None):
        return text
    moment = datetime.fromisoformat(text)
    if zone:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    moment = moment.replace(second=0, microsecond=0)
    offset = moment.strftime("%z")
    return f"{moment:%Y-%m-%dT%H:%M}:00.000{offset[:3]}:{offset[3:]}" if offset else f"{moment:%Y-%m-%dT%H:%M}:00.000+00:00"


def _mirror(store: Store, page: Node, spec: Json, before: list[Json], after: list[Json]) -> None:
    """Keep the other side of a two-way relation."""
    synced = spec["relation"].get("dual_property", {}).get("synced_property_id")
    if not synced:
        return
    old, new = {entry["id"] for entry in before}, {entry["id"] for entry in after}
    for identity in old ^ new:
        other = store.nodes.get(identity)
        if other is None:
            continue
        refs = [entry for entry in other.data["values"].get(synced, {}).get("relation", []) if entry["id"] != page.id]
        other.data["values"][synced] = {"relation": [*refs, {"id": page.id}] if identity in new else refs}


def value(store: Store, page: Node, spec: Json) -> Any:
    """Return the bare value of a property of a page."""
    kind = spec["type"]
    match kind:
        case "created_time":
            return minute(page.created)
        case "last_edited_time":
            return minute(page.edited)
        case "created_by" | "last_edited_by":
            identity = page.created_by if kind == "created_by" else page.edited_by
            return store.users.get(identity, store.user(identity))
        case "unique_id":
            return {"prefix": spec["unique_id"]["prefix"], "number": page.data.get("number")}
        case "formula":
            return {"type": "string", "string": None}
        case "rollup":
            return {"type": "array", "array": [], "function": spec["rollup"].get("function", "show_original")}
        case "button":
            return {}
    held = page.data["values"].get(spec["id"], {})
    if kind in held:
        return held[kind]
    if kind in ("title", "rich_text", "multi_select", "people", "relation", "files"):
        return []
    if kind == "status":
        first = spec["status"]["options"][0]
        return {"id": first["id"], "name": first["name"], "color": first["color"]}
    return False if kind == "checkbox" else None


def page_properties(store: Store, page: Node) -> Json:
    """Return the properties of a page object; references beyond 25 are cut, as in the API."""
    shown: Json = {}
    for spec in store.schema(page).values():
        held = value(store, page, spec)
        entry = {"id": spec["id"], "type": spec["type"], spec["type"]: held}
        if spec["type"] == "people":
            entry["people"] = [store.users.get(user["id"], user) for user in held]
        if spec["type"] == "relation":
            living = [ref for ref in held if ref["id"] in store.nodes]
            entry["relation"], entry["has_more"] = living[:_MOST_REFERENCES], len(living) > _MOST_REFERENCES
        shown[spec["name"]] = entry
    return shown
