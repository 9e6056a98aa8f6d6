"""Brings one page in line: read, merge, note what is about to be written, write, remember. Repeats until there is nothing to do.

A crash at any point leaves either nothing, or a row of the outbox by which the next run knows what of it happened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import Any

from notion_sync.documents.canonical import canonical_blocks
from notion_sync.documents.markdown_reader import read_blocks_of, read_markdown
from notion_sync.documents.markdown_writer import to_markdown, write_blocks
from notion_sync.documents.tree import Document
from notion_sync.sync.alignment import anchors_of, keyed
from notion_sync.sync.merge import Delete, Desired, Entry, Insert, Plan, Remote, Update, block_hash, merge
from notion_sync.sync.notes import block_notes, property_notes
from notion_sync.sync.properties import Owner, PropertyPlan, merge_properties
from notion_sync.sync.recovery import adopted, left_behind, recovered, replaced
from notion_sync.sync.schema import to_json
from notion_sync.sync.store import Note, Pending, Row, Store
from notion_sync.workspaces.protocol import TITLE, Known, Page, PageDeleted, PageSuspended, Standing, Unsure, Workspace, Written

MOST_ROUNDS = 12
"""How often a page is looked at again in one go while people are at it; the next synchronisation goes on."""


@dataclass(frozen=True)
class Done:
    """What was done to a page. `state`: as `Row.state`; `is_settled`: nothing is left to do."""

    writes: int = 0
    events: int = 0
    conflicts: int = 0
    state: str = "live"
    is_settled: bool = True


class Engine:
    """Synchronises pages of one workspace.

    Args:
        workspace: where pages live. store: what is remembered. lock: held while a page is changed, by one process at a time.
        owners: who owns a property; the machine, where nothing is said. status: the property whose change is `status_changed`.
    """

    def __init__(
        self, workspace: Workspace, store: Store, lock: AbstractContextManager[Any], owners: Mapping[str, Owner], status: str = "Situação"
    ) -> None:
        self.workspace, self.store, self.status = workspace, store, status
        self._lock = lock
        self._owners: Mapping[str, Owner] = {TITLE: "shared", **owners}

    def sync(
        self, key: str, pictures: Mapping[str, bytes] | None = None, *, dry_run: bool = False, is_look: bool = True, is_back: bool = False
    ) -> Done:
        """Bring a page in line.

        Args:
            key: the page's.
            pictures: name → content, for those that are to be written.
            dry_run: only say what would be done.
            is_back: a page that a person deleted is there again.
            is_look: look at the page although the machine has nothing new to say.

        Raises:
            TransientError: the workspace does not answer; what was begun is in the outbox.
        """
        total = Done()
        self._discussed: frozenset[str] = frozenset()
        with self._lock:
            row = self.store.page(key)
            if row is not None and not is_look and row.wanted == row.said and row.state == "live" and not self.store.pending(key):
                return total
            for number in range(MOST_ROUNDS):
                try:
                    done = self._round(key, pictures or {}, dry_run=dry_run, is_back=is_back)
                except Unsure:
                    if number == MOST_ROUNDS - 1:
                        raise
                    done = Done(is_settled=False)
                total = Done(
                    total.writes + done.writes, total.events + done.events, total.conflicts + done.conflicts, done.state, done.is_settled
                )
                if done.is_settled or dry_run:
                    break
        return total

    def _round(self, key: str, pictures: Mapping[str, bytes], *, dry_run: bool, is_back: bool) -> Done:
        row = self.store.page(key)
        if row is None or (row.state == "deleted" and not is_back):
            return Done(state="deleted" if row else "new")
        pending = self.store.pending(key)
        if row.etag and not pending and row.wanted == row.said and row.etag == self.workspace.stamp(row.ref or ""):
            return Done()
        document = read_markdown(row.document)
        if row.ref is None:
            if dry_run:
                return Done(writes=1)
            row = replace(row, ref=self._ref(row, document))
        try:
            undone = () if dry_run else self.workspace.settle([each.body for each in pending]) or ()
            pending = [each for number, each in enumerate(pending) if number not in undone]
            now, notes = replaced(row, pending)
            try:
                page = self.workspace.read(row.ref or "", [now.known])
            except PageDeleted:
                return self._gone(now, [*notes, Note("deleted")], dry_run=dry_run)
            return self._merged(now, document, page, pending, notes, pictures, dry_run=dry_run)
        except PageSuspended as error:
            return self._gone(row, [Note("suspended", after=str(error))], dry_run=dry_run)

    def _ref(self, row: Row, document: Document) -> str:
        """The page's name, made once: what was made and not remembered is found by its key."""
        ref = self.workspace.find(row.key) or self.workspace.create(row.key, document)
        self.store.save(replace(row, ref=ref))
        return ref

    def _gone(self, row: Row, notes: Sequence[Note], *, dry_run: bool) -> Done:
        state = notes[-1].kind
        if row.state == state:
            return Done(state=state)
        if not dry_run:
            self.store.commit(replace(row, state=state, etag=""), notes)
        return Done(events=len(notes), state=state)

    def _merged(
        self,
        row: Row,
        document: Document,
        page: Page,
        pending: Sequence[Pending],
        before: Sequence[Note],
        pictures: Mapping[str, bytes],
        *,
        dry_run: bool,
    ) -> Done:
        came_back = [Note("restored", after="a página voltou")] if row.state in ("suspended", "deleted") else []
        blocks = self.workspace.form(row.key, document)
        row = adopted(row, page, blocks, anchors_of(document.blocks)) if row.version == 0 and not pending else recovered(row, pending, page)
        stale = [each for each in left_behind(row, pending, page) if each.block_id not in self._discussed]
        wanted = keyed(row.entries, blocks, anchors_of(document.blocks))
        plan = merge(row.entries, wanted, [Remote(each.id, each.block, self._is_discussed(each)) for each in page.blocks])
        plan = replace(plan, operations=(*stale, *plan.operations))
        values = self._properties(row, document, page)
        notes = [*before, *came_back, *block_notes(row, plan, page, wanted), *property_notes(values, page, self.status)]
        conflicts = sum(note.kind == "conflict" for note in notes)
        if dry_run:
            return Done(len(plan.operations) + bool(values.writes), len(notes), conflicts, is_settled=not plan.operations)
        written = self._write(row, plan, wanted, values, page, pictures, notes)
        self._discussed |= written.discussed if written is not None else frozenset()
        if written is not None and "" in written.refused:  # a person was faster, and nothing of it was written: look again
            return Done(is_settled=False)
        return self._remember(row, plan, wanted, values, page, written, notes, is_recovered=bool(pending))

    def _is_discussed(self, standing: Standing) -> bool:
        return standing.has_open_comments or standing.id in self._discussed

    def _properties(self, row: Row, document: Document, page: Page) -> PropertyPlan:
        said = {**document.properties, TITLE: document.title}
        desired = {name: self.workspace.value(name, value) for name, value in said.items()}
        # What the machine never said before is new, not deleted by somebody.
        remote = {**{name: None for name in desired if name not in row.properties}, **page.properties}
        return merge_properties(row.properties, desired, remote, self._owners if row.version else {**self._owners, **self._first(page)})

    def _first(self, page: Page) -> Mapping[str, Owner]:
        """What people fill in gets its first value from the machine."""
        return {name: "shared" for name, owner in self._owners.items() if owner == "human" and page.properties.get(name) in (None, "")}

    def _write(
        self,
        row: Row,
        plan: Plan,
        wanted: Sequence[Desired],
        values: PropertyPlan,
        page: Page,
        pictures: Mapping[str, bytes],
        notes: Sequence[Note],
    ) -> Written | None:
        if not plan.operations and not values.writes and not (pictures and row.wanted != row.said):
            return None

        def intend(kind: str, body: Mapping[str, Any]) -> None:
            if kind == "file":  # what is to be remembered of it, should this process not live to do so
                entries = [asdict(entry) for entry in _entries(row, plan, wanted, Written(ids=body["ids"]))]
                seen = {name: [to_json(value.said), to_json(value.seen)] for name, value in values.base.items()}
                body = {**body, "entries": entries, "properties": seen, "notes": [asdict(note) for note in notes]}
            self.store.intend(row.key, kind, body)

        return self.workspace.apply(page, plan.operations, values.writes, pictures, intend)

    def _remember(
        self,
        row: Row,
        plan: Plan,
        wanted: Sequence[Desired],
        values: PropertyPlan,
        page: Page,
        written: Written | None,
        notes: Sequence[Note],
        *,
        is_recovered: bool,
    ) -> Done:
        done = written or Written(etag=page.etag)
        kept = [note for note in notes if note.key not in done.refused]
        stands = tuple(Known(each.id, block_hash(each.block), write_blocks([each.block])) for each in page.blocks)
        known = done.known if done.known is not None else stands
        properties = dict(values.base)
        markdown = _markdown(page, known, values)
        is_final = written is None or (done.known is not None and not done.refused)
        after = replace(
            row,
            state="live",
            said=row.wanted if is_final else row.said,
            etag=done.etag if is_final else "",
            entries=_entries(row, plan, wanted, done),
            known=known,
            properties=properties,
        )
        is_machine = written is not None
        cause = "publicação" if is_machine or is_recovered else "edição"
        author = "eco" if is_machine or is_recovered else page.who or "pessoa"
        self.store.commit(after, kept, markdown if is_final else None, author, cause)
        if is_final:
            self.workspace.accepted(row.key, row.ref or "", read_markdown(markdown), {})
        count = len(plan.operations) - len(done.refused) + bool(values.writes) if is_machine else 0
        return Done(max(count, 0), len(kept), sum(note.kind == "conflict" for note in kept), is_settled=is_final)


def _entries(row: Row, plan: Plan, wanted: Sequence[Desired], written: Written) -> tuple[Entry, ...]:
    """What to remember of the machine's blocks, in the order in which it says them; what was refused stays as it was."""
    old = {entry.key: entry for entry in row.entries}
    found: dict[str, Entry] = {}
    said = {operation.key: operation for operation in plan.operations if not isinstance(operation, Delete) or operation.key in old}
    for entry in plan.entries:
        operation = said.get(entry.key)
        if entry.key in written.refused:
            if entry.key in old:
                found[entry.key] = old[entry.key]
        elif isinstance(operation, Insert | Update):
            if entry.key in written.ids:
                found[entry.key] = replace(entry, block_id=written.ids[entry.key])
            elif entry.key in old:
                found[entry.key] = old[entry.key]
        else:
            found[entry.key] = entry
    for operation in plan.operations:
        if isinstance(operation, Delete) and operation.key in written.refused and operation.key in old:
            found[operation.key] = old[operation.key]
    rank = {each.key: number for number, each in enumerate(wanted)}
    places: dict[str, float] = {}
    last = -1.0
    for entry in row.entries:  # what is no longer said keeps its place behind what stood before it
        last = float(rank[entry.key]) if entry.key in rank else last
        places[entry.key] = last if entry.key in rank else last + 0.5
    return tuple(sorted(found.values(), key=lambda entry: rank.get(entry.key, places.get(entry.key, len(rank)))))


def _markdown(page: Page, known: Sequence[Known], values: PropertyPlan) -> str:
    """The accepted state as one Markdown text."""
    properties = {**page.properties, **values.writes}
    title = str(properties.pop(TITLE, "") or "")
    blocks = canonical_blocks([block for each in known for block in read_blocks_of(each.text)])
    return to_markdown(Document(title, properties, blocks))
