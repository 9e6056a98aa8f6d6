"""The knowledge base: pages are published here and brought in line with what people did to them, in a folder or in Notion.

    knowledge = Knowledge(home / "notion", home / "knowledge" / "sync.db")
    knowledge.publish("relatorios/2026-11-22/varejo.md", document, {"vendas.png": png})
    knowledge.sync()
    knowledge.events(after=17)

A page that a person changed keeps the person's words; the machine's newer version of such a block is a comment and a conflict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from eco_assets.errors import ConfigError, NotFound, TransientError
from notion_sync.approval_pages import HUMAN, STATUS
from notion_sync.documents.markdown_writer import to_markdown
from notion_sync.documents.tree import Document
from notion_sync.sync.engine import Engine
from notion_sync.sync.listening import LOOKS, Listener
from notion_sync.sync.properties import Owner
from notion_sync.sync.store import Conflict, Event, Note, Row, Store
from notion_sync.workspaces.folder import Folder, write_picture
from notion_sync.workspaces.protocol import Workspace

OWNERS: Mapping[str, Owner] = dict.fromkeys(HUMAN, "human")
__all__ = ["Conflict", "Event", "Knowledge", "Published", "SyncReport"]


@dataclass(frozen=True)
class Published:
    """What `publish` did.

    Attributes:
        path: the page's file.
        is_changed: whether the page or one of its pictures was written.
        sha256: hash of the page as we say it, hexadecimal.
        conflict: where the machine's version of blocks that a person changed was noted; None otherwise.
        is_waiting: Notion does not answer: the page is remembered, and the next synchronisation brings it.
    """

    path: Path
    is_changed: bool
    sha256: str
    conflict: Path | None = None
    is_waiting: bool = False


@dataclass(frozen=True)
class SyncReport:
    """What a synchronisation did: pages looked at, operations written, what people did, and what is amiss.

    `unsettled`: pages that people were changing all the while, or whose workspace did not answer.
    """

    pages: int = 0
    writes: int = 0
    events: int = 0
    conflicts: int = 0
    deleted: int = 0
    suspended: int = 0
    unsettled: int = 0


class Knowledge:
    """The pages of one home.

    Args:
        root: folder of the pages; in Notion's case of a copy that is searched.
        database: file of what is remembered.
        workspace: another place than the folder.
        clock: now, in UTC.
        looks: how many places of pages that nobody changed are asked about comments at each synchronisation (`sync/listening.py`).
    """

    def __init__(
        self,
        root: Path,
        database: Path,
        workspace: Callable[[Store], Workspace] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        looks: int = LOOKS,
    ) -> None:
        self.root = root
        self.store = Store(database, clock)
        self._folder = Folder(root)
        self.workspace: Workspace = workspace(self.store) if workspace else self._folder
        database.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(database.with_suffix(".lock"))
        self._engine = Engine(self.workspace, self.store, self._lock, OWNERS, STATUS)
        self._listener = Listener(self.workspace, self.store, looks)

    def publish(self, path: str, document: Document, images: Mapping[str, bytes] | None = None) -> Published:
        """Say what a page says from now on, and bring it there; nothing is written that is already there.

        Args:
            path: page path relative to the root, with forward slashes, ending in `.md`; it is the page's key.
            document: what the page says.
            images: file name (`*.png`) → PNG bytes; in the folder written to `imagens/` beside the page.

        Raises:
            ConfigError: `path` or an image name leaves the folder or is not of the expected form.
        """
        file = self._folder.file(path)
        pictures = {name: self._folder.picture(path, name) for name in images or {}}
        text = to_markdown(document)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._lock:
            written = [write_picture(target.parent, name, (images or {})[name]) for name, target in pictures.items()]
            self._want(path, document, text, digest, images or {})
            try:
                done = self._engine.sync(path, images, is_look=not self.workspace.is_polled)
            except TransientError:
                return Published(file, any(written), digest, is_waiting=True)
        conflict = self._folder.comments_file(path) if done.conflicts else None
        return Published(file, bool(done.writes) or any(written), digest, conflict)

    def _want(self, path: str, document: Document, text: str, digest: str, images: Mapping[str, bytes]) -> None:
        """Remember what the machine says now; pictures count as part of it."""
        named = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(images.items())}
        wanted = hashlib.sha256(f"{digest}{named}".encode()).hexdigest()
        row = self.store.page(path)
        if row is None or row.wanted != wanted:
            kind = str(document.properties.get("tipo") or path.partition("/")[0])
            self.store.save(replace(row or Row(path), kind=kind, document=text, wanted=wanted, pictures=named))

    def sync(self, kinds: Sequence[str] | None = None, dry_run: bool = False) -> SyncReport:
        """Read what people did and write what the machine has to say, on every page or on those of some kinds.

        Args:
            kinds: `tipo` of the pages, such as `relatorio`; all where None.
            dry_run: only say what would be done.
        """
        pages = [page for page in self.store.pages() if kinds is None or page[1] in kinds]
        known = {key: (ref, etag) for key, _, ref, state, _, _, etag in pages if ref is not None and state != "deleted"}
        report = SyncReport(pages=len(pages))
        try:
            changed = set(self.workspace.changed(known)) | self.store.pages_waiting()
        except TransientError:
            return replace(report, unsettled=max(1, len(pages)))  # without pages, too, a place that does not answer is no success
        quiet = []
        for key, _, ref, state, wanted, said, _ in pages:
            is_back = state == "deleted" and ref is not None and self.workspace.is_back(ref)
            if state == "deleted" and not is_back:
                report = replace(report, deleted=report.deleted + 1)
            elif ref is not None and key not in changed and wanted == said and state == "live":
                quiet.append(key)
            else:
                report = self._synced(key, report, dry_run=dry_run, is_back=is_back)
        return report if dry_run else self._overheard(quiet, report)

    def _overheard(self, quiet: Sequence[str], report: SyncReport) -> SyncReport:
        """Listen to pages that nobody changed."""
        try:
            return replace(report, events=report.events + self._listener.overhear(quiet))
        except TransientError:
            return replace(report, unsettled=report.unsettled + 1)

    def _synced(self, key: str, report: SyncReport, *, dry_run: bool, is_back: bool = False) -> SyncReport:
        try:
            done = self._engine.sync(key, self._pictures(key), dry_run=dry_run, is_back=is_back)
            told = 0 if dry_run or done.state != "live" else self._listener.listen(key)
        except TransientError:
            return replace(report, unsettled=report.unsettled + 1)
        return replace(
            report,
            writes=report.writes + done.writes,
            events=report.events + done.events + told,
            conflicts=report.conflicts + done.conflicts,
            deleted=report.deleted + (done.state == "deleted"),
            suspended=report.suspended + (done.state == "suspended"),
            unsettled=report.unsettled + (not done.is_settled and not dry_run),
        )

    def _pictures(self, key: str) -> dict[str, bytes]:
        """The pictures that the page was published with, from the folder."""
        row = self.store.page(key)
        files = {name: self._folder.picture(key, name) for name in (row.pictures if row else {})}
        return {name: file.read_bytes() for name, file in files.items() if file.exists()}

    def events(self, after: int = 0) -> list[Event]:
        """What happened on the pages, oldest first, from event `after` on, which is not among them."""
        return self.store.events(after)

    def conflicts(self) -> list[Conflict]:
        """Where a person's text stands and the machine would say something else, oldest first."""
        return self.store.conflicts()

    def outbox_size(self) -> int:
        """How many writes were begun and are not accounted for."""
        return self.store.waiting()

    def resolve(self, conflict: int, keep: str) -> None:
        """Close a conflict.

        Args:
            conflict: its id.
            keep: `person`: the person's text stays; `machine`: the machine's takes its place.

        Raises:
            NotFound: there is no such open conflict. ConfigError: `keep` is neither.
        """
        if keep not in ("person", "machine"):
            raise ConfigError(f"keep={keep!r} is neither person nor machine")
        found = next((each for each in self.conflicts() if each.id == conflict), None)
        if found is None:
            raise NotFound(f"there is no open conflict {conflict}: `eco knowledge conflicts` lists them")
        with self._lock:
            row = self.store.page(found.page)
            if keep == "machine" and row is not None:
                # The person's text becomes what the machine is remembered to have said, so that its version is an ordinary change.
                entries = tuple(replace(e, state="machine", said=e.seen) if e.key == found.key else e for e in row.entries)
                self.store.save(replace(row, entries=entries, said="", etag=""))
            self.store.close(conflict)
            if keep == "machine":
                self._engine.sync(found.page)

    def restore(self, path: str) -> None:
        """Let a page that a person deleted be made again.

        Raises:
            NotFound: it was not deleted.
        """
        with self._lock:
            row = self.store.page(path)
            if row is None or row.state != "deleted":
                raise NotFound(f"the page {path} was not deleted")
            fresh = replace(row, ref=None, state="new", said="", etag="", entries=(), known=(), properties={}, version=row.version)
            self.store.commit(fresh, [Note("restored")])
            self._engine.sync(path, self._pictures(path))


def open_knowledge(root: Path, database: Path, token: str | None, parent: str | None, url: str, looks: int = LOOKS) -> Knowledge:
    """The knowledge base of a home: Notion with a token, the folder without.

    Raises:
        ConfigError: a token without the page under which the pages go.
    """
    if not token:
        return Knowledge(root, database, looks=looks)
    if not parent:
        raise ConfigError("NOTION_TOKEN is set and NOTION_PARENT is not: set it to the id of a page shared with the integration")

    def notion(store: Store) -> Workspace:
        from notion_sync.workspaces.limiter import Limiter
        from notion_sync.workspaces.notion import Notion
        from notion_sync.workspaces.transport import Transport

        transport = Transport(token, url, Limiter(database.with_name("notion-budget.db")))
        return Notion(transport, parent, store, Folder(root))

    return Knowledge(root, database, notion, looks=looks)
