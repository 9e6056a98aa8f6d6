"""Notion: every page a row of one data source, found by its property `Chave`.

Nothing of a person's is overwritten between reading and writing: a plain text is changed by `update_content`, which fails when the text is
another by then; any other block is replaced, and what was deleted is compared with what was expected and restored if a person was faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from eco_assets.jorge.accounts import Account
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.documents.notion_form import notion_form
from notion_sync.documents.notion_limits import Payload
from notion_sync.documents.notion_reader import read_blocks
from notion_sync.documents.notion_writer import NotionTarget, rich_text
from notion_sync.documents.tree import Block, Document, Paragraph, Property
from notion_sync.sync.merge import Operation
from notion_sync.sync.store import Store
from notion_sync.workspaces.columns import KEY, Columns
from notion_sync.workspaces.folder import Folder
from notion_sync.workspaces.notion_blocks import Blocks
from notion_sync.workspaces.notion_comments import Talk
from notion_sync.workspaces.pictures import Pictures
from notion_sync.workspaces.protocol import Comment, Intend, Known, Page, PageDeleted, PageSuspended, Standing, Written, units
from notion_sync.workspaces.transport import CHANGED_MEANWHILE, NotionRefused, Transport

SETTLED = timedelta(minutes=2)
"""Times are whole minutes: a page that was changed this recently may change again without showing it."""
MOST_RESULTS = 10_000
"""What a query gives at most."""


class Notion:
    """Pages of one data source below `parent`, with a copy of each in `copies` for the search."""

    is_polled = True

    def __init__(self, transport: Transport, parent: str, store: Store, copies: Folder) -> None:
        self._api, self._store, self._copies = transport, store, copies
        self._columns = Columns(transport, parent, store)
        self._pictures = Pictures(transport, store)
        self._me = ""
        self._names: dict[str, str] = {}
        self._talk = Talk(transport, self._who)
        self._blocks = Blocks(transport, store, self._talk)
        self._rows: dict[str, str] = {}

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
        try:
            page = self._api.ask("GET", f"pages/{ref}")
            began = self._api.now or self._store.clock()  # Notion's own clock says how old a change is; ours may be wrong
            if page.get("in_trash"):
                raise PageDeleted(ref)
            raw = self._blocks.below(ref)
        except NotionRefused as error:
            if error.status in (401, 403, 404):
                raise PageSuspended(str(error)) from error
            raise
        self._identify()
        peoples = self._blocks.peoples()
        standing = tuple(replace(each, is_ours=each.is_ours and each.id not in peoples) for each in map(self._standing, raw))
        edited = datetime.fromisoformat(str(page["last_edited_time"]))
        etag = str(page["last_edited_time"]) if abs(began.astimezone(UTC) - edited) > SETTLED else ""
        return Page(ref, self._columns.decoded(page["properties"]), standing, etag, who=self._who(page["last_edited_by"]))

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

    def _identify(self) -> None:
        if not self._me:
            self._me = str(self._api.ask("GET", "users/me")["id"])

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
                if error.status not in CHANGED_MEANWHILE:
                    raise
                return Written(refused=frozenset(operation.key for operation in operations) | {""})
        ids, refused = self._blocks.carry_out(page, operations, target, intend)
        return Written(ids, refused, frozenset(self._talk.discussed))

    def settle(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """See `Workspace.settle`."""
        self._identify()
        self._blocks.settle(bodies)

    def is_back(self, ref: str) -> bool:
        """See `Workspace.is_back`."""
        return ref in self._rows

    def comments(self, ref: str, only: Sequence[str] | None = None) -> Sequence[Comment]:
        """See `Workspace.comments`: the page's, and those of its first level of blocks; a request for each."""
        self._identify()
        return self._talk.comments(ref, only)

    def changed(self, known: Mapping[str, tuple[str, str]]) -> Iterable[str]:
        """One query per 100 pages; what the query does not show is looked at by itself."""
        try:
            self._rows = {str(page["id"]): str(page["last_edited_time"]) for page in self._listed_rows()}
        except NotionRefused as error:
            if error.status not in (403, 404) or not known:
                raise
            self._rows = {}  # the access to all of it was taken away: each page tells so by itself
        return [key for key, (ref, etag) in known.items() if not etag or self._rows.get(ref) != etag]

    def _listed_rows(self) -> Iterator[Payload]:
        """Every row, by windows of creation time: a query ends after 10,000 results."""
        since = ""
        while True:
            window = {"filter": {"timestamp": "created_time", "created_time": {"on_or_after": since}}} if since else {}
            count, last = 0, since
            for page in self._api.listed("POST", f"data_sources/{self._columns.source()}/query", {"sorts": [_BY_CREATION], **window}):
                count, last = count + 1, str(page["created_time"])
                yield page
            if count < MOST_RESULTS or last == since:
                return
            since = last

    def accepted(self, key: str, ref: str, document: Document, pictures: Mapping[str, bytes]) -> None:
        """Keep a copy for the search."""
        file: Path = self._copies.file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.tmp")
        draft.write_text(to_markdown(document), "utf-8")
        draft.replace(file)


_BY_CREATION = {"timestamp": "created_time", "direction": "ascending"}
