"""Webhook deliveries of the emulated workspace: what people and bots do becomes signed bodies, which a test sends as badly as Notion may.

As in the API: ids and no content, changes of one page aggregated, several authors in one event, at least once. Sending twice, late, in
another order or never is the caller's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from notion_sync.testing.server import NotionEmulator
from notion_sync.testing.store import BOT_ID, WORKSPACE_ID, Node
from notion_sync.testing.wire import Json, precise
from notion_sync.webhooks import signature


@dataclass
class _Change:
    """What happened to one page or comment since the last deliveries."""

    kind: str
    entity: Json
    page: str
    authors: dict[str, str] = field(default_factory=dict)


class Deliveries:
    """Watches an emulator from now on; `take` gives the deliveries of what happened since.

    Args:
        emulator: whose workspace.
        token: the subscription's verification token.
    """

    def __init__(self, emulator: NotionEmulator, token: str) -> None:
        self._emulator, self._token = emulator, token
        self._changes: dict[tuple[str, str], _Change] = {}
        self._count = 0
        store = emulator.store
        self._touch, self._add = store.touch, store.add
        store.touch = self._touched  # type: ignore[method-assign]
        store.add = self._added  # type: ignore[method-assign]

    def _touched(self, node: Node, by: str) -> None:
        self._touch(node, by)
        page = next((each for each in self._emulator.store.lineage(node) if each.kind == "page"), None)
        if page is not None:
            is_gone = node is page and page.in_trash
            kind = "page.deleted" if is_gone else "page.properties_updated" if node is page else "page.content_updated"
            self._note(kind, {"id": page.id, "type": "page"}, page.id, by)

    def _added(self, kind: str, parent: Json, data: Json, **more: object) -> Node:
        node = self._add(kind, parent, data, **more)  # type: ignore[arg-type]
        if kind == "comment":
            target = self._emulator.store.nodes.get(str(parent.get(parent.get("type", ""), "")))
            lineage = self._emulator.store.lineage(target) if target is not None else ()
            page = next((each.id for each in lineage if each.kind == "page"), "")
            self._note("comment.created", {"id": node.id, "type": "comment"}, page, node.created_by)
        elif kind == "page":
            self._note("page.created", {"id": node.id, "type": "page"}, node.id, node.created_by)
        return node

    def _note(self, kind: str, entity: Json, page: str, by: str) -> None:
        change = self._changes.setdefault((kind, entity["id"]), _Change(kind, entity, page))
        change.authors[by] = "bot" if by == BOT_ID else "person"

    def take(self) -> list[tuple[bytes, str]]:
        """The bodies of what happened since the last time, each with its signature."""
        with self._emulator.lock:
            changes, self._changes = list(self._changes.values()), {}
            return [self._delivery(change) for change in changes]

    def _delivery(self, change: _Change) -> tuple[bytes, str]:
        self._count += 1
        about: Json = {"page_id": change.page} if change.kind.startswith("comment") else {"updated_blocks": []}
        body = {
            "id": f"de000000-0000-4000-8000-{self._count:012d}",
            "timestamp": precise(self._emulator.clock.now),
            "workspace_id": WORKSPACE_ID,
            "workspace_name": "Eco",
            "subscription_id": WORKSPACE_ID,
            "integration_id": BOT_ID,
            "type": change.kind,
            "authors": [{"id": author, "type": kind} for author, kind in change.authors.items()],
            "accessible_by": [],
            "attempt_number": 1,
            "api_version": "2026-03-11",
            "entity": change.entity,
            "data": {"parent": {"id": change.page, "type": "page"}, **about},
        }
        raw = json.dumps(body, ensure_ascii=False).encode()
        return raw, signature(self._token, raw)
