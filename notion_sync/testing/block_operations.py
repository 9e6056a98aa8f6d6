"""Blocks: reading, appending, changing, deleting."""

from __future__ import annotations

from notion_sync.testing.content import block_content, drafts
from notion_sync.testing.operations import Operations
from notion_sync.testing.query import page_of
from notion_sync.testing.store import Node
from notion_sync.testing.wire import Json, checked_array, checked_object, identifier, invalid, only, refused


class BlockOperations(Operations):
    """/blocks."""

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
