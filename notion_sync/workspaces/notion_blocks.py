"""Blocks in Notion: read, inserted, changed, deleted; a person who is faster always wins.

A plain text is changed by `update_content`, which fails when the text is another by then. Any other block is replaced: the new one is
written behind it, the old one deleted, compared with what was expected, and restored if it is another or if people began to discuss it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from notion_sync.documents.canonical import canonical_text
from notion_sync.documents.inline import plain
from notion_sync.documents.markdown_inline import escape
from notion_sync.documents.markdown_writer import write_blocks
from notion_sync.documents.notion_limits import Payload, append_all
from notion_sync.documents.notion_reader import read_blocks
from notion_sync.documents.notion_writer import NotionTarget, to_blocks
from notion_sync.documents.tree import Block, Heading, Paragraph, Quote
from notion_sync.sync.merge import Delete, Insert, Operation, Suggest, Update, block_hash
from notion_sync.sync.store import Store
from notion_sync.workspaces.notion_comments import Talk
from notion_sync.workspaces.protocol import Intend, Page, PageSuspended, Unsure, units
from notion_sync.workspaces.transport import CHANGED_MEANWHILE, NotionRefused, Transport

SHORTEST = 12
"""Characters from which on a text that stands once on a page is taken to mean its block."""
_RESTORED = "restored"


class Blocks:
    """The blocks of pages."""

    def __init__(self, transport: Transport, store: Store, talk: Talk) -> None:
        self._api, self._store, self._talk = transport, store, talk
        self._moved: dict[str, str] = {}

    def peoples(self) -> Mapping[str, Any]:
        """Ids of blocks whose words are a person's although we were the last who changed them."""
        return self._store.place(_RESTORED)

    def below(self, parent: str) -> list[Payload]:
        """The blocks in a page or block, each with those in it."""
        found = list(self._api.listed("GET", f"blocks/{parent}/children"))
        for block in found:
            if block.get("has_children") and block["type"] not in ("child_page", "child_database"):
                block["children"] = self.below(str(block["id"]))
        return found

    def carry_out(
        self, page: Page, operations: Sequence[Operation], target: NotionTarget, intend: Intend
    ) -> tuple[dict[str, str], frozenset[str]]:
        """Carry operations out, each if its condition holds; the ids of what was written by key, and the keys of what was not."""
        ids: dict[str, str] = {}
        refused: set[str] = set()
        self._talk.discussed.clear()
        self._moved.clear()
        before = [each.id for each in page.blocks]
        for group in _grouped(operations):
            try:
                done = self._carried_out(page, group, ids, [*before, *ids.values()], target, intend)
            except NotionRefused as error:
                if error.status not in CHANGED_MEANWHILE:
                    raise
                done = None  # what it is about is gone or was changed: look again
            ids |= done or {}
            refused |= {each.key for each in group} if done is None else set()
        return ids, frozenset(refused)

    def _carried_out(
        self, page: Page, group: Sequence[Operation], ids: Mapping[str, str], before: Sequence[str], target: NotionTarget, intend: Intend
    ) -> dict[str, str] | None:
        """Carry out one operation, or inserts that follow each other; key → id, or None where a person was faster."""
        first = group[0]
        match first:
            case Insert():
                behind = ids.get(first.after_key) if first.after_key else self._moved.get(first.after or "", first.after)
                if first.after_key and behind is None:
                    return None
                return self._insert(page, [each for each in group if isinstance(each, Insert)], behind, before, target, intend)
            case Update():
                name = self._update(page, first, before, target, intend)
                return {first.key: name} if name else None
            case Delete(_, block_id, expect):
                if self._talk.is_about(block_id):
                    return None
                intend("delete", {"page": page.ref, "id": block_id, "expect": expect})
                return {} if self._delete(page.ref, block_id, expect) else None
            case Suggest():
                self._talk.suggest(first)
        return {}

    def _insert(
        self, page: Page, inserts: Sequence[Insert], behind: str | None, before: Sequence[str], target: NotionTarget, intend: Intend
    ) -> dict[str, str]:
        hashes = [block_hash(each.block) for each in inserts]
        intend("insert", {"keys": [each.key for each in inserts], "hashes": hashes, "before": list(before)})
        payloads = [payload for each in inserts for payload in to_blocks([each.block], target)]
        made = append_all(page.ref, payloads, self._sender(page.ref, behind, bool(before)))
        return dict(zip([each.key for each in inserts], made, strict=True))

    def _sender(self, ref: str, behind: str | None, has_blocks: bool) -> Any:
        last = behind

        def send(parent: str, children: list[Payload]) -> list[str]:
            nonlocal last
            body: Payload = {"children": children}
            if parent == ref and last:
                body["position"] = {"type": "after_block", "after_block": {"id": last}}
            elif parent == ref and has_blocks:
                body["position"] = {"type": "start"}
            made = [str(each["id"]) for each in self._api.ask("PATCH", f"blocks/{parent}/children", body)["results"]][: len(children)]
            last = made[-1] if parent == ref else last
            return made

        return send

    def _update(self, page: Page, update: Update, before: Sequence[str], target: NotionTarget, intend: Intend) -> str | None:
        """Change a block; the id under which it says the new text, or None where a person was faster."""
        old = next(each for each in page.blocks if each.id == update.block_id)
        was, says = _plain_text(old.block), _plain_text(update.block)
        words = [write_blocks([each.block]) for each in page.blocks]
        goal = {"page": page.ref, "key": update.key, "id": update.block_id, "hash": block_hash(update.block), "expect": update.expect}
        if was and says and len(was) >= SHORTEST and sum(text.count(was) for text in words) == 1:
            intend("update", {**goal, "before": None})
            try:
                change = {"type": "update_content", "update_content": {"content_updates": [{"old_str": was, "new_str": says}]}}
                self._api.ask("PATCH", f"pages/{page.ref}/markdown", change)
            except NotionRefused as error:
                if error.code != "validation_error":
                    raise
                return None
            return update.block_id
        if self._talk.is_about(update.block_id):
            return None
        intend("update", {**goal, "before": list(before)})
        (payload,) = to_blocks([update.block], target)
        (made,) = append_all(page.ref, [payload], self._sender(page.ref, update.block_id, True))
        if self._delete(page.ref, update.block_id, update.expect):
            self._moved[update.block_id] = made
            return made
        # People may have begun to write in the new block already, so this deletion too must be known to whoever comes after a crash.
        intend("delete", {"page": page.ref, "id": made, "expect": block_hash(update.block)})
        self._delete(page.ref, made, block_hash(update.block))
        return None

    def _delete(self, page: str, block_id: str, expect: str) -> bool:
        """Delete a block, and bring it back if it was another by then; whether it is gone."""
        try:
            self._api.ask("DELETE", f"blocks/{block_id}")
        except NotionRefused as error:
            if error.status != 404:
                raise
        raw = self._block(page, block_id)
        return raw is None or (bool(raw.get("in_trash")) and not self._brought_back(raw, expect))

    def _block(self, page: str, block_id: str) -> Payload | None:
        """A block, in the trash or not; None where there is none.

        Raises:
            PageSuspended: there may be one, and the access to its page was taken away.
        """
        with suppress(NotionRefused):
            return self._api.ask("GET", f"blocks/{block_id}")
        try:
            self._api.ask("GET", f"pages/{page}")
            return self._api.ask("GET", f"blocks/{block_id}")  # the access may have come back between the two
        except NotionRefused as error:
            if page and "pages/" in error.path:
                raise PageSuspended(str(error)) from error
            return None

    def _brought_back(self, raw: Payload, *ours: str) -> bool:
        """Bring a block back if it says anything else than what is ours, or people discuss it; whether it was brought back."""
        try:
            return self._is_brought_back(raw, ours)
        except NotionRefused as error:  # access taken away in between: the row in the outbox stays until this is done
            raise Unsure(str(error)) from error

    def _is_brought_back(self, raw: Payload, ours: Sequence[str]) -> bool:
        block_id = str(raw["id"])
        if raw.get("has_children"):
            raw["children"] = self.below(block_id)
        (block,) = units(read_blocks([raw])) or (Paragraph(""),)
        if block_hash(block) in ours and not self._talk.is_about(block_id):
            return False
        # Deleting and restoring make us the last who changed it; the words are a person's all the same.
        self._store.keep(_RESTORED, {**self._store.place(_RESTORED), block_id: True})
        self._api.ask("PATCH", f"blocks/{block_id}", {"in_trash": False})
        return True

    def settle(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """See `Workspace.settle`; a person who deleted what we had written stays right."""
        for body in {str(body["id"]): body for body in bodies if "expect" in body}.values():
            raw = self._block(str(body.get("page", "")), str(body["id"]))
            if raw is not None and raw.get("in_trash"):
                self._brought_back(raw, str(body["expect"]), str(body.get("hash", "")))


def _grouped(operations: Sequence[Operation]) -> list[list[Operation]]:
    """Inserts that follow each other go together."""
    groups: list[list[Operation]] = []
    for operation in operations:
        last = groups[-1][-1] if groups else None
        if isinstance(operation, Insert) and isinstance(last, Insert) and operation.after_key == last.key:
            groups[-1].append(operation)
        else:
            groups.append([operation])
    return groups


def _plain_text(block: Block) -> str:
    """The text of a block that is nothing but one line of plain words, "" for any other."""
    if not isinstance(block, Paragraph | Heading | Quote) or bool(getattr(block, "children", ())):
        return ""
    runs, text = canonical_text(block.text), plain(block.text)
    return text if len(runs) == 1 and runs[0].is_plain and escape(text) == text else ""
