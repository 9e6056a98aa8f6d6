"""Notion: every page a row of one data source, found by its property `Chave`.

Nothing of a person's is overwritten between reading and writing: a plain text is changed by `update_content`, which fails when the text is
another by then; any other block is replaced, and what was deleted is compared with what was expected and restored if a person was faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eco_assets.jorge.accounts import Account
from notion_sync.documents.canonical import canonical_text
from notion_sync.documents.inline import plain
from notion_sync.documents.markdown_inline import escape
from notion_sync.documents.markdown_writer import to_markdown, write_blocks
from notion_sync.documents.notion_form import notion_form
from notion_sync.documents.notion_limits import Payload, append_all
from notion_sync.documents.notion_reader import plain_text, read_blocks
from notion_sync.documents.notion_writer import NotionTarget, rich_text, to_blocks
from notion_sync.documents.tree import Block, Document, Heading, Paragraph, Property, Quote
from notion_sync.sync.merge import Delete, Insert, Operation, Suggest, Update, block_hash
from notion_sync.sync.store import Store
from notion_sync.workspaces.columns import KEY, Columns
from notion_sync.workspaces.folder import Folder
from notion_sync.workspaces.pictures import Pictures
from notion_sync.workspaces.protocol import Comment, Intend, Known, Page, PageDeleted, PageSuspended, Standing, Written, units
from notion_sync.workspaces.transport import NotionRefused, Transport

SETTLED = timedelta(minutes=2)
"""Times are whole minutes: a page that was changed this recently may change again without showing it."""
SHORTEST = 12
"""Characters from which on a text that stands once on a page is taken to mean its block."""


class Notion:
    """Pages of one data source below `parent`, with a copy of each in `copies` for the search."""

    is_polled = True

    def __init__(self, transport: Transport, parent: str, store: Store, copies: Folder) -> None:
        self._api, self._store, self._copies = transport, store, copies
        self._columns = Columns(transport, parent, store)
        self._pictures = Pictures(transport, store)
        self._me = ""
        self._names: dict[str, str] = {}
        self._words: list[str] = []
        self._discussed: set[str] = set()
        self._moved: dict[str, str] = {}

    def form(self, key: str, document: Document) -> tuple[Block, ...]:
        """See `Workspace.form`."""
        return units(notion_form(document.blocks))

    def value(self, name: str, value: Property) -> Property:
        """See `Workspace.value`."""
        return self._columns.value(name, value)

    def find(self, key: str) -> str | None:
        """See `Workspace.find`; of copies that people made the oldest is the page."""
        wanted = {"filter": {"property": KEY, "rich_text": {"equals": key}}}
        found = list(self._api.listed("POST", f"data_sources/{self._columns.source()}/query", wanted))
        return str(min(found, key=lambda page: (str(page["created_time"]), str(page["id"])))["id"]) if found else None

    def create(self, key: str, document: Document) -> str:
        """See `Workspace.create`."""
        properties = self._columns.encoded({**document.properties, "title": document.title})
        properties[KEY] = {"rich_text": rich_text(key)}
        parent = {"type": "data_source_id", "data_source_id": self._columns.source()}
        return str(self._api.ask("POST", "pages", {"parent": parent, "properties": properties})["id"])

    def stamp(self, ref: str) -> str:
        """Only reading tells."""
        return ""

    def read(self, ref: str, bases: Sequence[Sequence[Known]]) -> Page:
        """See `Workspace.read`."""
        began = self._store.clock()
        try:
            page = self._api.ask("GET", f"pages/{ref}")
            if page.get("in_trash"):
                raise PageDeleted(ref)
            raw = self._below(ref)
        except NotionRefused as error:
            if error.status in (401, 403, 404):
                raise PageSuspended(str(error)) from error
            raise
        if not self._me:
            self._me = str(self._api.ask("GET", "users/me")["id"])
        peoples = self._store.place(_RESTORED)
        standing = tuple(replace(each, is_ours=each.is_ours and each.id not in peoples) for each in map(self._standing, raw))
        self._words = [text for each in standing for text in [write_blocks([each.block])]]
        edited = datetime.fromisoformat(str(page["last_edited_time"]))
        etag = str(page["last_edited_time"]) if abs(began.astimezone(UTC) - edited) > SETTLED else ""
        return Page(ref, self._columns.decoded(page["properties"]), standing, etag, who=self._who(page["last_edited_by"]))

    def _below(self, parent: str) -> list[Payload]:
        found = list(self._api.listed("GET", f"blocks/{parent}/children"))
        for block in found:
            if block.get("has_children") and block["type"] not in ("child_page", "child_database"):
                block["children"] = self._below(str(block["id"]))
        return found

    def _standing(self, raw: Payload) -> Standing:
        made = raw["created_by"]["id"] == self._me
        who = "" if self._is_ours(raw) else self._who(raw["last_edited_by"])
        (block,) = units(read_blocks([raw])) or (Paragraph(""),)
        return Standing(str(raw["id"]), block, is_ours=made and self._is_ours(raw), who=who, was_made_by_us=made)

    def _is_ours(self, raw: Payload) -> bool:
        return raw["last_edited_by"]["id"] == self._me and all(self._is_ours(child) for child in raw.get("children", ()))

    def _who(self, user: Mapping[str, Any]) -> str:
        """The account, as `Account` writes it; "" for our own."""
        identity = str(user["id"])
        if identity != self._me and identity not in self._names:
            try:
                self._names[identity] = str(Account.of(self._api.ask("GET", f"users/{identity}")))
            except NotionRefused:  # users cannot be read without the capability: the id is all there is
                self._names[identity] = str(Account.of(user))
        return "" if identity == self._me else self._names[identity]

    @property
    def own_id(self) -> str:
        """Who we are in Notion; "" while no page was read, so that nothing was written either."""
        return self._me

    def apply(
        self, page: Page, operations: Sequence[Operation], values: Mapping[str, Property], pictures: Mapping[str, bytes], intend: Intend
    ) -> Written:
        """See `Workspace.apply`: properties, then block after block."""
        target = NotionTarget(pictures=self._pictures.uploaded(pictures))
        if values:
            intend("properties", {})
            try:
                self._api.ask("PATCH", f"pages/{page.ref}", {"properties": self._columns.encoded(values)})
            except NotionRefused as error:
                if error.status not in _CHANGED_MEANWHILE:
                    raise
                return Written(refused=frozenset(operation.key for operation in operations) | {""})
        ids: dict[str, str] = {}
        refused: set[str] = set()
        self._discussed.clear()
        self._moved.clear()
        before = [each.id for each in page.blocks]
        for group in _grouped(operations):
            try:
                done = self._carried_out(page, group, ids, [*before, *ids.values()], target, intend)
            except NotionRefused as error:
                if error.status not in _CHANGED_MEANWHILE:
                    raise
                done = None  # what it is about is gone or was changed: look again
            ids |= done or {}
            refused |= {each.key for each in group} if done is None else set()
        return Written(ids, frozenset(refused), frozenset(self._discussed))

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
                if self._is_discussed(block_id):
                    return None
                intend("delete", {"id": block_id, "expect": expect})
                return {} if self._delete(block_id, expect) else None
            case Suggest():
                self._suggest(first)
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
        goal = {"key": update.key, "id": update.block_id, "hash": block_hash(update.block), "expect": update.expect}
        if was and says and len(was) >= SHORTEST and sum(text.count(was) for text in self._words) == 1:
            intend("update", {**goal, "before": None})
            try:
                change = {"type": "update_content", "update_content": {"content_updates": [{"old_str": was, "new_str": says}]}}
                self._api.ask("PATCH", f"pages/{page.ref}/markdown", change)
            except NotionRefused as error:
                if error.code != "validation_error":
                    raise
                return None
            return update.block_id
        if self._is_discussed(update.block_id):
            return None
        intend("update", {**goal, "before": list(before)})
        (payload,) = to_blocks([update.block], target)
        (made,) = append_all(page.ref, [payload], self._sender(page.ref, update.block_id, True))
        if self._delete(update.block_id, update.expect):
            self._moved[update.block_id] = made
            return made
        self._delete(made, block_hash(update.block))
        return None

    def _is_discussed(self, block_id: str) -> bool:
        """Whether people's comments would go with a block; it is noted."""
        is_so = any(not each.is_ours for each in self._api_comments(block_id))
        self._discussed |= {block_id} if is_so else set()
        return is_so

    def _delete(self, block_id: str, expect: str) -> bool:
        """Delete a block, and bring it back if it was another by then; whether it is gone."""
        try:
            self._api.ask("DELETE", f"blocks/{block_id}")
        except NotionRefused as error:
            if error.status == 404:
                return True
            raise
        return not self._brought_back(block_id, expect)

    def _brought_back(self, block_id: str, expect: str) -> bool:
        raw = self._api.ask("GET", f"blocks/{block_id}")
        if raw.get("has_children"):
            raw["children"] = self._below(block_id)
        (block,) = units(read_blocks([raw])) or (Paragraph(""),)
        if block_hash(block) == expect and not self._is_discussed(block_id):
            return False
        # Deleting and restoring make us the last who changed it; the words are a person's all the same.
        self._store.keep(_RESTORED, {**self._store.place(_RESTORED), block_id: True})
        self._api.ask("PATCH", f"blocks/{block_id}", {"in_trash": False})
        return True

    def settle(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """See `Workspace.settle`."""
        for body in {str(body["id"]): body for body in bodies if "expect" in body}.values():
            if not self._me:
                self._me = str(self._api.ask("GET", "users/me")["id"])
            try:
                if self._api.ask("GET", f"blocks/{body['id']}").get("in_trash"):
                    self._brought_back(str(body["id"]), str(body["expect"]))
            except NotionRefused as error:
                if error.status not in (403, 404):
                    raise

    def _suggest(self, suggestion: Suggest) -> None:
        text = f"Sugestão do Eco:\n{write_blocks([suggestion.block])}"[:1_900]
        if any(each.is_ours and each.text == text for each in self._api_comments(suggestion.block_id)):
            return
        try:
            said = {"parent": {"block_id": suggestion.block_id}, "rich_text": [{"text": {"content": text}}]}
            self._api.ask("POST", "comments", said)
        except NotionRefused as error:
            if error.status not in (403, 404):  # the capability is off by default: the conflict's record says it all the same
                raise

    def _api_comments(self, target: str) -> list[Comment]:
        try:
            found = list(self._api.listed("GET", "comments", block_id=target))
        except NotionRefused as error:
            if error.status in (403, 404):
                return []
            raise
        return [
            Comment(
                str(each["id"]), plain_text(each["rich_text"]), target, self._who(each["created_by"]), each["created_by"]["id"] == self._me
            )
            for each in found
        ]

    def comments(self, ref: str) -> Sequence[Comment]:
        """See `Workspace.comments`: the page's, and those of its first level of blocks."""
        try:
            blocks = [str(each["id"]) for each in self._api.listed("GET", f"blocks/{ref}/children")]
        except NotionRefused as error:
            if error.status not in _CHANGED_MEANWHILE:
                raise
            return []  # the access was taken away just now: the next look at the page tells
        return [*self._api_comments(ref), *(comment for block in blocks for comment in self._api_comments(block))]

    def changed(self, known: Mapping[str, tuple[str, str]]) -> Iterable[str]:
        """One query per 100 pages; what the query does not show is looked at by itself."""
        found = self._api.listed("POST", f"data_sources/{self._columns.source()}/query", {"sorts": [_BY_CREATION]})
        times = {str(page["id"]): str(page["last_edited_time"]) for page in found}
        return [key for key, (ref, etag) in known.items() if not etag or times.get(ref) != etag]

    def accepted(self, key: str, ref: str, document: Document, pictures: Mapping[str, bytes]) -> None:
        """Keep a copy for the search."""
        file: Path = self._copies.file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.tmp")
        draft.write_text(to_markdown(document), "utf-8")
        draft.replace(file)


_RESTORED = "restored"
_CHANGED_MEANWHILE = (400, 403, 404)
"""What Notion answers when a column, a block or the access to a page was taken away after the page was read: looking again tells."""
_BY_CREATION = {"timestamp": "created_time", "direction": "ascending"}


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
