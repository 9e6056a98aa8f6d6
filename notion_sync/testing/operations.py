"""What every operation of the emulator needs: the state, who acts, parents and the trash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from notion_sync.testing.content import file_object
from notion_sync.testing.schema import page_properties
from notion_sync.testing.store import BOT_ID, Node, Store
from notion_sync.testing.wire import Json, checked_object, identifier, refused

MOST_BLOCKS = 1_000
_REFERENCE = {"page_id": "page", "database_id": "database", "data_source_id": "data_source", "block_id": "block"}


class Operations:
    """The state and the actor of a request."""

    def __init__(self, store: Store, actor: str = BOT_ID, version: str = "2026-03-11") -> None:
        self.store, self.actor, self.version = store, actor, version
        self.kept: int | None = None  # a fault: only so many children of the next append stay

    def _page(self, page: Node) -> Json:
        return self.store.page_view(page, page_properties(self.store, page))

    def _cover(self, said: Any) -> Json | None:
        return None if said is None else self.store.attached(file_object(said, "body.cover"))

    def _check_count(self, below: Sequence[Any]) -> None:
        count = sum(draft.count() for draft in below)
        if count > MOST_BLOCKS:
            raise refused("body.children", f"at most {MOST_BLOCKS} blocks with their children", count)

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
