"""Users, search, comments and file uploads."""

from __future__ import annotations

from notion_sync.testing.content import rich_text, text_item
from notion_sync.testing.operations import Operations
from notion_sync.testing.query import MOST_RESULTS, page_of
from notion_sync.testing.store import BOT_ID, Node
from notion_sync.testing.wire import ApiError, Json, identifier, minute, not_found, only


class OtherOperations(Operations):
    """/users, /search, /comments and /file_uploads."""

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

    def search(self, body: Json) -> Json:
        """POST /search: any word of a title; what is newer than the index's lag is missing, what is in the trash is not (recorded)."""
        only(body, {"query", "filter", "sort", "start_cursor", "page_size"})
        wanted = (body.get("filter") or {}).get("value")
        words = str(body.get("query") or "").casefold().split()
        found = [
            node
            for node in self.store.all("page", "data_source", trashed=True)
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


def _target(parent: Json) -> str:
    return str(parent[parent["type"]])
