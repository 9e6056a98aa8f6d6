"""What each endpoint does. One method an operation; the store keeps the state, `content` and `schema` the shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from notion_sync.testing import page_markdown
from notion_sync.testing.content import block_content, drafts, file_object, icon, plain, rich_text, text_item
from notion_sync.testing.query import MOST_RESULTS, page_of, query
from notion_sync.testing.schema import add_property, change_property, find_property, page_properties, set_values, value
from notion_sync.testing.store import BOT_ID, Node, Store
from notion_sync.testing.wire import ApiError, Json, checked_array, checked_object, identifier, invalid, minute, not_found, only, refused

MOST_BLOCKS = 1_000
_REFERENCE = {"page_id": "page", "database_id": "database", "data_source_id": "data_source", "block_id": "block"}


class Handlers:
    """The operations of the API, on one store, in the name of one user (the integration's bot unless a person edits)."""

    def __init__(self, store: Store, actor: str = BOT_ID, version: str = "2026-03-11") -> None:
        self.store, self.actor, self.version = store, actor, version
        self.kept: int | None = None  # a fault: only so many children of the next append stay

    # -- users -----------------------------------------------------------------------------------------------------------

    def me(self) -> Json:
        """GET /users/me."""
        return self.store.users[BOT_ID]

    def user(self, identity: str) -> Json:
        """GET /users/{id}."""
        if identity not in self.store.users:
            message = (
                f"Could not find user with ID: {identity}. Make sure your integration has capabilities to read user information. "
                "With those capabilities, only members and guests in the integration's workspace are visible."
            )
            raise ApiError(404, "object_not_found", message, {"integration_id": BOT_ID})
        return self.store.users[identity]

    def users(self, body: Json) -> Json:
        """GET /users."""
        return page_of(list(self.store.users.values()), body, "user", lambda user: str(user["id"]), lambda user: user)

    # -- pages -----------------------------------------------------------------------------------------------------------

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

    def _page(self, page: Node) -> Json:
        return self.store.page_view(page, page_properties(self.store, page))

    def _cover(self, said: Any) -> Json | None:
        return None if said is None else self.store.attached(file_object(said, "body.cover"))

    # -- blocks ----------------------------------------------------------------------------------------------------------

    def block(self, identity: str) -> Json:
        """GET /blocks/{id}."""
        return self.store.block_view(self.store.find(identity, "block", "page", "database"))

    def children(self, identity: str, body: Json) -> Json:
        """GET /blocks/{id}/children."""
        parent = self.store.find(identity, "block", "page")
        return page_of(self.store.living(parent), body, "block", lambda node: node.id, self.store.block_view)

    def append(self, identity: str, body: Json) -> Json:
        """PATCH /blocks/{id}/children."""
        is_new = self.version >= "2026-03-11"
        only(body, {"children", "position" if is_new else "after"})
        parent = self.store.find(identity, "block", "page", trashed=False)
        below = drafts(body.get("children"), "body.children", self.store.name_of)
        self._check_count(below)
        if parent.type == "table" and any(len(row.content.get("cells", ())) != parent.data["table_width"] for row in below):
            raise invalid("Number of cells in table row must match the table width of the parent table")
        at = self._position(parent, body)
        if self.kept is not None:
            below = below[: self.kept]
        made = self.store.add_drafts(parent, below, by=self.actor, at=at)
        self.store.touch(parent, self.actor)
        # With a position the API also answers with the siblings that follow (11 of 16 recordings).
        shown = made if at is None else self.store.living(parent)[self._rank(parent, made) :]
        return {**page_of(shown[:100], {}, "block", lambda node: node.id, self.store.block_view), "next_cursor": None, "has_more": False}

    def _rank(self, parent: Node, made: list[Node]) -> int:
        living = self.store.living(parent)
        return living.index(made[0]) if made else len(living)

    def _position(self, parent: Node, body: Json) -> int | None:
        after = body.get("after")
        position = body.get("position") or ({"type": "after_block", "after_block": {"id": after}} if after else None)
        if position is None or position.get("type") == "end":
            return None
        if position.get("type") == "start":
            return 0
        if position.get("type") != "after_block":
            raise refused("body.position.type", '`"after_block"`, `"start"` or `"end"`', position.get("type"))
        sibling = identifier(position.get("after_block", {}).get("id"), "body.position.after_block.id")
        if sibling not in parent.children:
            raise invalid(f"Block with ID {sibling} is not a child of the parent block.")
        return parent.children.index(sibling) + 1

    def update_block(self, identity: str, body: Json) -> Json:
        """PATCH /blocks/{id}."""
        node = self.store.find(identity, "block", "page", "database")
        is_trashed = self._wants_trash(body)
        if self.store.is_trashed(node) and is_trashed is not False:
            raise invalid("Can't edit block that is archived. You must unarchive the block before editing.")
        if is_trashed is not None:
            node.in_trash = is_trashed
        if node.kind == "block":
            self._rewrite(node, body)
        self.store.touch(node, self.actor)
        return self.store.block_view(node)

    def _rewrite(self, node: Node, body: Json) -> None:
        given = next((name for name in body if name not in ("type", "object", "in_trash", "archived")), None)
        if given is None:
            return
        if given != node.type:
            raise invalid(f"Block type cannot be changed: the block is of type {node.type}, the request says {given}.")
        path = f"body.{given}"
        said = checked_object(body[given], path)
        if node.type == "table_row":
            width = len(node.data["cells"])
            if len(checked_array(said.get("cells"), f"{path}.cells")) != width:
                raise invalid("Number of cells in table row must match the table width of the parent table")
        node.data = self.store.attached(block_content(node.type, said, path, self.store.name_of, before=node.data))

    def delete_block(self, identity: str) -> Json:
        """DELETE /blocks/{id}; deleting what is in the trash is no error."""
        node = self.store.find(identity, "block", "page", "database")
        if not node.in_trash:
            node.in_trash = True
            self.store.touch(node, self.actor)
        return self.store.block_view(node)

    def _check_count(self, below: Sequence[Any]) -> None:
        count = sum(draft.count() for draft in below)
        if count > MOST_BLOCKS:
            raise refused("body.children", f"at most {MOST_BLOCKS} blocks with their children", count)

    # -- databases -------------------------------------------------------------------------------------------------------

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
            change_property(self.store, node, unquote(key) if unquote(key) in node.data["schema"] else key, said)
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

    # -- search, comments, files -----------------------------------------------------------------------------------------

    def search(self, body: Json) -> Json:
        """POST /search: any word of a title, never complete: what is newer than the index's lag is missing."""
        only(body, {"query", "filter", "sort", "start_cursor", "page_size"})
        wanted = (body.get("filter") or {}).get("value")
        words = str(body.get("query") or "").casefold().split()
        found = [
            node
            for node in self.store.all("page", "data_source")
            if (wanted in (None, node.kind) or (wanted == "database" and node.kind == "data_source"))
            and (not words or any(word in self.store.title(node).casefold() for word in words))
            and (self.store.clock.now - node.edited).total_seconds() >= self.store.search_lag_s
        ]
        is_up = (body.get("sort") or {}).get("direction") == "ascending"
        found.sort(key=lambda node: (minute(node.edited), node.created), reverse=not is_up)
        return page_of(found[:MOST_RESULTS], body, "page_or_data_source", lambda node: node.id, self._found)

    def _found(self, node: Node) -> Json:
        return self._page(node) if node.kind == "page" else self.store.data_source_view(node)

    def comments(self, body: Json) -> Json:
        """GET /comments: those of a page or block that nobody has resolved."""
        self._check_comments()
        target = self.store.find(identifier(body.get("block_id"), "query.block_id"), "block", "page")
        found = [node for node in self.store.all("comment") if _target(node.parent) == target.id and not node.data["is_resolved"]]
        return page_of(found, body, "comment", lambda node: node.id, self.store.comment_view)

    def create_comment(self, body: Json) -> Json:
        """POST /comments."""
        self._check_comments()
        only(body, {"parent", "discussion_id", "rich_text", "attachments", "display_name", "markdown"})
        said = self._said(body)
        if "discussion_id" in body:
            thread = identifier(body["discussion_id"], "body.discussion_id")
            first = next((node for node in self.store.all("comment") if node.data["discussion_id"] == thread), None)
            if first is None:
                raise not_found("discussion", thread, BOT_ID)
            parent = first.parent
        else:
            _, parent = self._parent(body.get("parent"), "page", "block")
            thread = self.store.new_id()
        node = self.store.add("comment", parent, {"discussion_id": thread, "rich_text": said, "is_resolved": False}, by=self.actor)
        return self.store.comment_view(node)

    def _said(self, body: Json) -> list[Json]:
        if "markdown" in body:
            return [text_item(str(body["markdown"]))]
        return rich_text(body.get("rich_text"), "body.rich_text", self.store.name_of)

    def comment(self, identity: str) -> Json:
        """GET /comments/{id}."""
        self._check_comments()
        return self.store.comment_view(self.store.find(identity, "comment"))

    def update_comment(self, identity: str, body: Json) -> Json:
        """PATCH /comments/{id}."""
        node = self.store.find(identity, "comment")
        node.data["rich_text"] = self._said(body)
        node.edited = self.store.clock.now
        return self.store.comment_view(node)

    def delete_comment(self, identity: str) -> Json:
        """DELETE /comments/{id}."""
        node = self.store.find(identity, "comment")
        view = self.store.comment_view(node)
        del self.store.nodes[identity]
        return view

    def _check_comments(self) -> None:
        if not self.store.comment_capability:
            raise ApiError(403, "restricted_resource", "Insufficient permissions for this endpoint.")

    def create_upload(self, body: Json) -> Json:
        """POST /file_uploads."""
        only(body, {"mode", "filename", "content_type", "number_of_parts", "external_url"})
        name = body.get("filename") or "file"
        known = {"pdf": "application/pdf", "png": "image/png", "txt": "text/plain", "csv": "text/csv", "json": "application/json"}
        data = {
            "status": "pending",
            "filename": name,
            "content_type": body.get("content_type") or known.get(name.rsplit(".", 1)[-1]),
            "content_length": None,
            "expiry_time": minute(self.store.clock.now),
        }
        node = self.store.add("file_upload", {"type": "workspace", "workspace": True}, data, by=self.actor)
        return {**self.store.upload_view(node), "upload_url": f"https://api.notion.com/v1/file_uploads/{node.id}/send"}

    def send_upload(self, identity: str, content: bytes) -> Json:
        """POST /file_uploads/{id}/send."""
        node = self.store.find(identity, "file_upload")
        node.data.update(status="uploaded", content_length=len(content))
        node.data["bytes"] = content.decode("latin-1")
        return self.upload(identity)

    def upload(self, identity: str) -> Json:
        """GET /file_uploads/{id}, and what completing a multi-part upload answers."""
        view = self.store.upload_view(self.store.find(identity, "file_upload"))
        view.pop("bytes", None)
        return view

    def uploads(self, body: Json) -> Json:
        """GET /file_uploads."""
        found = [node for node in reversed(self.store.all("file_upload")) if body.get("status") in (None, node.data["status"])]
        return page_of(found, body, "file_upload", lambda node: node.id, lambda node: self.upload(node.id))

    # -- shared ----------------------------------------------------------------------------------------------------------

    def _parent(self, said: Any, *kinds: str) -> tuple[Node | None, Json]:
        """Return what an object is to be created in, and how its parent reads."""
        reference = checked_object(said, "body.parent")
        if reference.get("workspace") or reference.get("type") == "workspace":
            return None, {"type": "workspace", "workspace": True}
        key = next((name for name, kind in _REFERENCE.items() if name in reference and kind in kinds), None)
        if key is None:
            raise refused("body.parent", "a parent that this endpoint takes", reference)
        owner = self.store.find(identifier(reference[key], f"body.parent.{key}"), _REFERENCE[key], trashed=False)  # type: ignore[arg-type]
        if owner.kind == "database" and "database" in kinds and "data_source" in kinds:
            owner = self.store.nodes[owner.children[0]]
        named = f"{owner.kind}_id"
        return owner, {"type": named, named: owner.id}

    def _wants_trash(self, body: Json) -> bool | None:
        if self.version >= "2026-03-11" and "archived" in body:
            raise refused("body.archived", "not present", body["archived"])
        said = body.get("in_trash", body.get("archived"))
        return None if said is None else bool(said)

    def _trash_keys(self, keys: set[str]) -> set[str]:
        return keys if self.version >= "2026-03-11" else {*keys, "archived"}

    def forget(self, node: Node) -> None:
        """Undo the creation of an object."""
        owner = self.store.owner(node)
        if owner is not None and node.id in owner.children:
            owner.children.remove(node.id)
        self.store.nodes.pop(node.id, None)


def _target(parent: Json) -> str:
    return str(parent[parent["type"]])


def words_of(node: Node) -> str:
    """Return the words of a block."""
    return plain(node.data.get("rich_text", []))
