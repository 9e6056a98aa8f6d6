"""People in the workspace: what they do in Notion's own interface, which the API cannot, or does in another name."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence

from notion_sync.testing.content import drafts, plain, text_item
from notion_sync.testing.handlers import Handlers
from notion_sync.testing.schema import change_property, set_values
from notion_sync.testing.store import Node, Store
from notion_sync.testing.wire import Json


class Person:
    """A member of the workspace who reads and edits. Every method is one act, at the server's present time."""

    def __init__(self, store: Store, lock: threading.RLock, name: str) -> None:
        self._store, self._lock, self.name = store, lock, name
        self.id = store.new_id()
        address = f"{name.lower().replace(' ', '.')}@example.com"
        store.users[self.id] = {
            "object": "user",
            "id": self.id,
            "name": name,
            "avatar_url": None,
            "type": "person",
            "person": {"email": address},
        }
        self._api = Handlers(store, actor=self.id)

    def _node(self, identity: str) -> Node:
        return self._store.nodes[identity]

    def write(self, parent: str, text: str, *, after: str | None = None, type: str = "paragraph") -> str:
        """Write a block into a page or block, at its end or after another block; return its id."""
        with self._lock:
            owner = self._node(parent)
            at = owner.children.index(after) + 1 if after else None
            content: Json = {"rich_text": [{"text": {"content": text}}]}
            draft = drafts([{"type": type, type: content}], "person", self._store.name_of)
            (made,) = self._store.add_drafts(owner, draft, by=self.id, at=at)
            self._store.touch(made, self.id)
            return made.id

    def edit(self, block: str, text: str) -> None:
        """Replace the words of a block."""
        with self._lock:
            node = self._node(block)
            node.data = {**node.data, "rich_text": [text_item(text)] if text else []}
            self._store.touch(node, self.id)

    def tick(self, block: str) -> None:
        """Tick or untick a task."""
        with self._lock:
            node = self._node(block)
            node.data = {**node.data, "checked": not node.data["checked"]}
            self._store.touch(node, self.id)

    def delete(self, identity: str) -> None:
        """Move a block, page or database to the trash."""
        with self._lock:
            self._node(identity).in_trash = True
            self._store.touch(self._node(identity), self.id)

    def restore(self, identity: str) -> None:
        """Take something out of the trash."""
        with self._lock:
            self._node(identity).in_trash = False
            self._store.touch(self._node(identity), self.id)

    def move(self, block: str, parent: str, *, after: str | None = None) -> None:
        """Drag a block to another place; it keeps its id."""
        with self._lock:
            node, owner = self._node(block), self._node(parent)
            self._node(node.parent[node.parent["type"]]).children.remove(block)
            owner.children.insert(owner.children.index(after) + 1 if after else 0, block)
            named = "page_id" if owner.kind == "page" else "block_id"
            node.parent = {"type": named, named: parent}
            self._store.touch(node, self.id)

    def move_page(self, page: str, data_source: str) -> None:
        """Move a row to another data source; values whose property it lacks go."""
        with self._lock:
            node = self._node(page)
            self._node(node.parent[node.parent["type"]]).children.remove(page)
            self._node(data_source).children.append(page)
            node.parent = {"type": "data_source_id", "data_source_id": data_source}
            self._store.touch(node, self.id)

    def duplicate(self, page: str) -> str:
        """Duplicate a page with everything on it; return the copy's id."""
        with self._lock:
            return self._copy(self._node(page), self._node(page).parent).id

    def _copy(self, node: Node, parent: Json) -> Node:
        made = self._store.add(node.kind, dict(parent), copy.deepcopy(node.data), by=self.id, type=node.type)
        named = "page_id" if node.kind == "page" else "block_id"
        for child in self._store.living(node):
            self._copy(child, {"type": named, named: made.id})
        return made

    def set(self, page: str, **values: Json | Sequence[Json] | str | float | bool | None) -> None:
        """Set properties by name, in the API's form: `set(page, Status={"select": {"name": "Aprovada"}})`."""
        with self._lock:
            set_values(self._store, self._node(page), values)
            self._store.touch(self._node(page), self.id)

    def rename_property(self, data_source: str, name: str, new: str) -> None:
        """Rename a column."""
        self._change(data_source, name, {"name": new})

    def retype_property(self, data_source: str, name: str, type: str) -> None:
        """Change a column's type; values of the old type are no longer shown."""
        self._change(data_source, name, {"type": type, type: {}})

    def delete_property(self, data_source: str, name: str) -> None:
        """Delete a column."""
        self._change(data_source, name, None)

    def _change(self, data_source: str, name: str, said: Json | None) -> None:
        with self._lock:
            change_property(self._store, self._node(data_source), name, said)
            self._store.touch(self._node(data_source), self.id)

    def rename_option(self, data_source: str, name: str, option: str, new: str) -> None:
        """Rename an option of a select: every value shows the new name."""
        with self._lock:
            source = self._node(data_source)
            spec = next(spec for spec in source.data["schema"].values() if spec["name"] == name)
            found = next(entry for entry in spec[spec["type"]]["options"] if entry["name"] == option)
            found["name"] = new
            for row in source.children:
                held = self._node(row).data["values"].get(spec["id"], {}).get(spec["type"])
                for entry in held if isinstance(held, list) else [held] if held else []:
                    entry["name"] = new if entry["id"] == found["id"] else entry["name"]

    def lock_page(self, page: str, *, is_locked: bool = True) -> None:
        """Lock a page, or unlock it. The API still writes to locked pages."""
        with self._lock:
            self._node(page).data["is_locked"] = is_locked

    def unshare(self, identity: str) -> None:
        """Take the integration's access away: it gets 404 from now on."""
        with self._lock:
            self._store.unshared.add(identity)

    def share(self, identity: str) -> None:
        """Give the integration access again."""
        with self._lock:
            self._store.unshared.discard(identity)

    def comment(self, target: str, text: str) -> str:
        """Comment on a page or block; return the comment's id."""
        with self._lock:
            named = "page_id" if self._node(target).kind == "page" else "block_id"
            said = {"parent": {named: target}, "rich_text": [{"text": {"content": text}}]}
            return str(self._api.create_comment(said)["id"])

    def reply(self, comment: str, text: str) -> str:
        """Answer in a comment's thread; return the new comment's id."""
        with self._lock:
            thread = self._node(comment).data["discussion_id"]
            return str(self._api.create_comment({"discussion_id": thread, "rich_text": [{"text": {"content": text}}]})["id"])

    def resolve(self, comment: str) -> None:
        """Resolve a comment's thread: the API no longer lists it."""
        with self._lock:
            thread = self._node(comment).data["discussion_id"]
            for node in self._store.all("comment"):
                if node.data["discussion_id"] == thread:
                    node.data["is_resolved"] = True

    def reads(self, parent: str) -> list[str]:
        """Return the words of the blocks that a page or block shows, in order."""
        with self._lock:
            return [plain(node.data.get("rich_text", [])) for node in self._store.living(self._node(parent)) if node.kind == "block"]
