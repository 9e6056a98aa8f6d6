"""Columns of the data source: a document's properties in Notion's types, made when a property is first said.

A column is known by its id, so it may be renamed. One that people deleted or gave another type is not made again: its value is parked.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from notion_sync.approval_pages import STATUS
from notion_sync.documents.notion_limits import Payload
from notion_sync.documents.notion_reader import plain_text
from notion_sync.documents.notion_writer import rich_text
from notion_sync.documents.tree import Property
from notion_sync.sync.store import Store
from notion_sync.workspaces.protocol import TITLE
from notion_sync.workspaces.transport import Transport

KEY = "Chave"
DATABASE = "Eco – base de conhecimento"
_SELECTS = ("tipo", "agente", STATUS)
_PLACE = "notion"


class Columns:
    """The data source below `parent`, made on first use."""

    def __init__(self, transport: Transport, parent: str, store: Store) -> None:
        self._api, self._parent, self._store = transport, parent, store
        self._known: dict[str, Any] = {}

    def source(self) -> str:
        """The data source's id."""
        return str(self._place()["source"])

    def _place(self) -> dict[str, Any]:
        if not self._known:
            self._known = self._store.place(_PLACE) or self._found() or self._made()
        return self._known

    def _found(self) -> dict[str, Any] | None:
        """The database that an earlier run made and did not remember."""
        for block in self._api.listed("GET", f"blocks/{self._parent}/children"):
            if block["type"] == "child_database" and block["child_database"]["title"] == DATABASE:
                return self._read(self._api.ask("GET", f"databases/{block['id']}"))
        return None

    def _made(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"Nome": {"title": {}}, KEY: {"rich_text": {}}}
        body = {
            "parent": {"type": "page_id", "page_id": self._parent},
            "title": [{"text": {"content": DATABASE}}],
            "initial_data_source": {"properties": schema},
        }
        return self._read(self._api.ask("POST", "databases", body))

    def _read(self, database: Payload) -> dict[str, Any]:
        source = str(database["data_sources"][0]["id"])
        found = self._api.ask("GET", f"data_sources/{source}")["properties"]
        columns = {name: {"id": spec["id"], "type": spec["type"]} for name, spec in found.items()}
        columns[TITLE] = next(spec for spec in columns.values() if spec["type"] == "title")
        place = {"source": source, "columns": columns}
        self._store.keep(_PLACE, place)
        return place

    def _column(self, name: str, value: Property) -> dict[str, str]:
        """The column of a property, made where nobody ever made it."""
        columns: dict[str, dict[str, str]] = self._place()["columns"]
        if name not in columns:
            kind = _kind(name, value)
            answer = self._api.ask("PATCH", f"data_sources/{self.source()}", {"properties": {name: {kind: {}}}})
            columns[name] = {"id": str(answer["properties"][name]["id"]), "type": str(answer["properties"][name]["type"])}
            self._store.keep(_PLACE, self._place())
        return columns[name]

    def encoded(self, values: Mapping[str, Property]) -> dict[str, Payload]:
        """Values as the API takes them, by the id of their column."""
        found = {}
        for name, value in values.items():
            column = self._column(name, value)
            found[column["id"]] = _encoded(column["type"], value)
        return found

    def value(self, name: str, value: Property) -> Property:
        """What is read back of a value."""
        kind = self._place()["columns"].get(name, {}).get("type") or _kind(name, value)
        return _decoded({"type": kind, **_encoded(kind, value)})

    def decoded(self, properties: Mapping[str, Payload]) -> dict[str, Property]:
        """A page's properties by the names under which documents say them; a column that is gone or has another type is missing."""
        by_id = {str(found["id"]): found for found in properties.values()}
        values: dict[str, Property] = {}
        for name, column in self._place()["columns"].items():
            found = by_id.get(column["id"])
            if found is not None and found["type"] == column["type"] and name not in (KEY, "Nome"):
                values[name] = _decoded(found)
        return values


def _kind(name: str, value: Property) -> str:
    if name == TITLE:
        return "title"
    if name in _SELECTS:
        return "select"
    if isinstance(value, bool):
        return "checkbox"
    if isinstance(value, int | float):
        return "number"
    return "multi_select" if isinstance(value, tuple) else "date" if isinstance(value, date) else "rich_text"


def _encoded(kind: str, value: Property) -> Payload:
    text = ", ".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
    match kind:
        case "select":
            return {kind: {"name": text.replace(",", ";")[:100]} if text else None}
        case "checkbox":
            return {kind: bool(value)}
        case "number":
            return {kind: value if isinstance(value, int | float) and not isinstance(value, bool) else None}
        case "multi_select":
            entries = value if isinstance(value, tuple) else (text,) if text else ()
            return {kind: [{"name": entry.replace(",", ";")[:100]} for entry in dict.fromkeys(entries)][:100]}
        case "date":
            return {kind: {"start": value.isoformat()} if isinstance(value, date) else None}
        case _:
            return {kind: rich_text(text)[:100] if text else []}


def _decoded(found: Payload) -> Property:
    kind = str(found["type"])
    held = found.get(kind)
    match kind:
        case "select":
            return str(held["name"]) if held else ""
        case "multi_select":
            return tuple(str(entry["name"]) for entry in held or ())
        case "date":
            return date.fromisoformat(str(held["start"])[:10]) if held else None
        case "checkbox":
            return bool(held)
        case "number":
            return held
        case "title" | "rich_text":
            return plain_text(held or [])
        case _:
            return None
