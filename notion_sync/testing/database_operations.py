"""Databases and data sources: schemas, queries."""

from __future__ import annotations

from notion_sync.testing.content import icon, rich_text, text_item
from notion_sync.testing.operations import Operations
from notion_sync.testing.query import page_of, query
from notion_sync.testing.schema import add_property, change_property
from notion_sync.testing.store import Node
from notion_sync.testing.wire import ApiError, Json, checked_object, only


class DatabaseOperations(Operations):
    """/databases and /data_sources."""

    def create_database(self, body: Json) -> Json:
        """POST /databases."""
        only(body, {"parent", "title", "description", "is_inline", "icon", "cover", "initial_data_source", "properties"})
        _, parent = self._parent(body.get("parent"), "page", "block")
        title = rich_text(body.get("title") or [], "body.title", self.store.name_of)
        data = {
            "title": title or [text_item("New database")],
            "description": rich_text(body.get("description") or [], "body.description", self.store.name_of),
            "is_inline": bool(body.get("is_inline")),
            "icon": icon(body.get("icon")),
            "cover": self._cover(body.get("cover")),
        }
        database = self.store.add("database", parent, data, by=self.actor)
        said = (
            (body.get("initial_data_source") or {}).get("properties") or body.get("properties") or {"Name": {"type": "title", "title": {}}}
        )
        self._data_source(database, title, said, "body.initial_data_source.properties")
        return self.store.database_view(database)

    def _data_source(self, database: Node, title: list[Json], said: Json, path: str) -> Node:
        parent = {"type": "database_id", "database_id": database.id}
        source = self.store.add("data_source", parent, {"title": title, "description": [], "schema": {}}, by=self.actor)
        try:
            for name, spec in said.items():
                add_property(self.store, source, name, checked_object(spec, f"{path}.{name}"), f"{path}.{name}")
        except ApiError:
            self.forget(source)
            if len(database.children) == 0:
                self.forget(database)
            raise
        if not any(spec["type"] == "title" for spec in source.data["schema"].values()):
            add_property(self.store, source, "Name", {"title": {}}, path)
        return source

    def database(self, identity: str) -> Json:
        """GET /databases/{id}."""
        return self.store.database_view(self.store.find(identity, "database"))

    def update_database(self, identity: str, body: Json) -> Json:
        """PATCH /databases/{id}."""
        only(body, self._trash_keys({"title", "description", "is_inline", "icon", "cover", "in_trash", "is_locked", "parent"}))
        node = self.store.find(identity, "database")
        self._describe(node, body)
        for flag in ("is_inline", "is_locked"):
            if flag in body:
                node.data[flag] = bool(body[flag])
        self.store.touch(node, self.actor)
        return self.store.database_view(node)

    def _describe(self, node: Node, body: Json) -> None:
        for name in ("title", "description"):
            if name in body:
                node.data[name] = rich_text(body[name], f"body.{name}", self.store.name_of)
                twin = self._twin(node)
                if twin is not None:
                    twin.data[name] = node.data[name]
        if "icon" in body:
            node.data["icon"] = icon(body["icon"])
        if "cover" in body:
            node.data["cover"] = self._cover(body["cover"])
        is_trashed = self._wants_trash(body)
        if is_trashed is not None:
            node.in_trash = is_trashed

    def _twin(self, node: Node) -> Node | None:
        """The only data source of a database and the database itself share title and description."""
        if node.kind == "database":
            return self.store.nodes[node.children[0]] if len(node.children) == 1 else None
        owner = self.store.owner(node)
        return owner if owner is not None and len(owner.children) == 1 else None

    def create_data_source(self, body: Json) -> Json:
        """POST /data_sources."""
        only(body, {"parent", "title", "properties", "icon"})
        database, _ = self._parent(body.get("parent"), "database")
        title = rich_text(body.get("title") or [], "body.title", self.store.name_of)
        said = checked_object(body.get("properties"), "body.properties")
        source = self._data_source(database, title, said, "body.properties")  # type: ignore[arg-type]
        source.data["icon"] = icon(body.get("icon"))
        return self.store.data_source_view(source)

    def data_source(self, identity: str) -> Json:
        """GET /data_sources/{id}."""
        return self.store.data_source_view(self.store.find(identity, "data_source"))

    def update_data_source(self, identity: str, body: Json) -> Json:
        """PATCH /data_sources/{id}."""
        only(body, self._trash_keys({"title", "description", "properties", "icon", "in_trash", "parent"}))
        node = self.store.find(identity, "data_source")
        for key, said in (body.get("properties") or {}).items():
            change_property(self.store, node, key, said)
        self._describe(node, body)
        self.store.touch(node, self.actor)
        return self.store.data_source_view(node)

    def query_data_source(self, identity: str, body: Json) -> Json:
        """POST /data_sources/{id}/query."""
        only(body, {"filter", "sorts", "start_cursor", "page_size", "in_trash", "archived", "result_type", "filter_properties"})
        source = self.store.find(identity, "data_source")
        rows, is_complete = query(self.store, source, body)
        answer = page_of(rows, body, "page_or_data_source", lambda node: node.id, self._page)
        if not is_complete and not answer["has_more"]:
            answer["request_status"] = {"type": "incomplete", "incomplete_reason": "query_result_limit_reached"}
        return answer

    def templates(self, identity: str) -> Json:
        """GET /data_sources/{id}/templates."""
        self.store.find(identity, "data_source")
        return {"templates": [], "has_more": False, "next_cursor": None}
