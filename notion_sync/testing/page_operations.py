"""Pages: creation, properties, Markdown."""

from __future__ import annotations

from urllib.parse import unquote

from notion_sync.testing import page_markdown
from notion_sync.testing.content import drafts, icon
from notion_sync.testing.operations import Operations
from notion_sync.testing.query import page_of
from notion_sync.testing.schema import find_property, set_values, value
from notion_sync.testing.store import BOT_ID
from notion_sync.testing.wire import ApiError, Json, checked_object, invalid, not_found, only


class PageOperations(Operations):
    """/pages."""

    def create_page(self, body: Json) -> Json:
        """POST /pages."""
        only(body, {"parent", "properties", "children", "icon", "cover", "markdown", "position", "template", "content"})
        owner, parent = self._parent(body.get("parent"), "page", "data_source", "database")
        said = checked_object(body.get("properties", {}), "body.properties")
        below = drafts(body.get("children") or [], "body.children", self.store.name_of)
        self._check_count(below)
        data = {"values": {}, "icon": icon(body.get("icon")), "cover": self._cover(body.get("cover"))}
        page = self.store.add("page", parent, data, by=self.actor)
        try:
            set_values(self.store, page, said)
        except ApiError:
            self.forget(page)
            raise
        if owner is not None and owner.kind == "data_source":
            owner.data["last_number"] = page.data["number"] = owner.data.get("last_number", 0) + 1
        self.store.add_drafts(page, below, by=self.actor)
        if body.get("markdown"):
            page_markdown.insert(self.store, page, str(body["markdown"]), self.actor)
        return self._page(page)

    def page(self, identity: str) -> Json:
        """GET /pages/{id}."""
        return self._page(self.store.find(identity, "page"))

    def update_page(self, identity: str, body: Json) -> Json:
        """PATCH /pages/{id}."""
        only(body, self._trash_keys({"properties", "icon", "cover", "in_trash", "is_locked", "is_archived", "template", "erase_content"}))
        page = self.store.find(identity, "page")
        is_trashed = self._wants_trash(body)
        if self.store.is_trashed(page) and is_trashed is not False:
            raise invalid("Can't edit page that is archived. You must unarchive the page before editing.")
        if is_trashed is not None:
            page.in_trash = is_trashed
        set_values(self.store, page, body.get("properties") or {})
        if "icon" in body:
            page.data["icon"] = icon(body["icon"])
        if "cover" in body:
            page.data["cover"] = self._cover(body["cover"])
        for flag in ("is_locked", "is_archived"):
            if flag in body:
                page.data[flag] = bool(body[flag])
        self.store.touch(page, self.actor)
        return self._page(page)

    def page_property(self, identity: str, key: str, body: Json) -> Json:
        """GET /pages/{id}/properties/{id}."""
        page = self.store.find(identity, "page")
        spec = find_property(self.store.schema(page), unquote(key))
        if spec is None:
            raise not_found("property", key, BOT_ID)
        kind, held = spec["type"], value(self.store, page, spec)
        single = {"object": "property_item", "type": kind, "id": spec["id"]}
        if kind not in ("title", "rich_text", "relation", "people"):
            return {**single, kind: held}
        full = [self.store.users.get(entry["id"], entry) for entry in held] if kind == "people" else held
        listed = page_of(list(enumerate(full)), body, "property_item", lambda pair: str(pair[0]), lambda pair: {**single, kind: pair[1]})
        listed["property_item"] = {"id": spec["id"], "next_url": None, "type": kind, kind: {}}
        return listed

    def page_markdown(self, identity: str) -> Json:
        """GET /pages/{id}/markdown."""
        return page_markdown.read(self.store, self.store.find(identity, "page"))

    def update_markdown(self, identity: str, body: Json) -> Json:
        """PATCH /pages/{id}/markdown."""
        page = self.store.find(identity, "page", trashed=False)
        return page_markdown.update(self.store, page, body, self.actor)
