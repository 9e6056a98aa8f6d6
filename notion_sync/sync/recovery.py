"""What of a write that was begun has happened, and whose the blocks of an unknown page are. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from notion_sync.documents.tree import Block
from notion_sync.sync.alignment import keyed
from notion_sync.sync.merge import Delete, Entry, block_hash
from notion_sync.sync.properties import Seen
from notion_sync.sync.store import Note, Pending, Row, from_json
from notion_sync.workspaces.protocol import Known, Page, Standing


def adopted(row: Row, page: Page, wanted: Sequence[Block], anchors: Mapping[str, str]) -> Row:
    """Take a page over that nothing is remembered of: what the machine made, or says word for word, is its own; the rest is people's."""
    said = {block_hash(block) for block in wanted}
    ours = [each for each in page.blocks if each.is_ours or block_hash(each.block) in said]
    named = keyed([], [each.block for each in ours], anchors)
    entries = (Entry(name.key, each.id, block_hash(each.block), block_hash(each.block)) for name, each in zip(named, ours, strict=True))
    return replace(row, entries=tuple(entries))


def replaced(row: Row, pending: Sequence[Pending]) -> tuple[Row, list[Note]]:
    """Take over what writes of the whole page made, which are known to have happened; with what people did before, not noted yet."""
    notes: list[Note] = []
    for write in pending:
        if write.kind == "file":
            entries = tuple(Entry(**entry) for entry in write.body["entries"])
            seen = {name: Seen(from_json(said), from_json(value)) for name, (said, value) in write.body["properties"].items()}
            known = tuple(Known(*each) for each in write.body["target"])
            row = replace(row, entries=entries, properties=seen, known=known, version=max(row.version, 1))
            notes = [Note(**note) for note in write.body["notes"]]  # those of the write before are among them
    return row, notes


def recovered(row: Row, pending: Sequence[Pending], page: Page) -> Row:
    """Account for the writes of single blocks that were begun: take over what they made."""
    entries_of = {entry.key: entry for entry in row.entries}
    standing = {each.id: each for each in page.blocks}
    for write in pending:
        if write.kind == "insert":
            _inserted(write, entries_of, page)
        elif write.kind == "delete" and write.body["id"] not in standing:
            entries_of = {key: entry for key, entry in entries_of.items() if entry.block_id != write.body["id"]}
        elif write.kind == "update":
            _updated(write, entries_of, standing, page)
    return replace(row, entries=tuple(entries_of.values()))


def _inserted(write: Pending, entries: dict[str, Entry], page: Page) -> None:
    """Blocks that were not there before, made by the machine, in the order in which they were sent."""
    claimed = {entry.block_id for entry in entries.values()}
    new = [each for each in page.blocks if each.id not in write.body["before"] and each.id not in claimed and each.was_made_by_us]
    for key, digest in zip(write.body["keys"], write.body["hashes"], strict=True):
        found = next((each for each in new if block_hash(each.block) == digest), None)
        if found is None and new and (new[0].is_ours or len(new) == len(write.body["keys"])):
            found = new[0]
        if found is None:
            continue
        new = new[new.index(found) + 1 :]
        # Half of it may stand there: then it says less than it should, which the next comparison completes.
        seen = block_hash(found.block) if found.is_ours else digest
        entries[key] = Entry(key, found.id, seen, seen)


def _updated(write: Pending, entries: dict[str, Entry], standing: dict[str, Standing], page: Page) -> None:
    """A block changed in place, or its replacement where that took its place."""
    key, digest = write.body["key"], write.body["hash"]
    entry = entries.get(key)
    if entry is None:
        return
    old = standing.get(write.body["id"])
    if old is not None:
        stands = block_hash(old.block)
        if stands == digest:
            entries[key] = replace(entry, said=digest, seen=digest)
        elif old.is_ours and stands != entry.seen:
            entries[key] = replace(entry, said=stands, seen=stands)
        return
    if write.body.get("before") is None:  # changed in place, and then a person deleted it
        return
    claimed = {each.block_id for each in entries.values()}
    new = [each for each in page.blocks if each.id not in write.body["before"] and each.id not in claimed and each.was_made_by_us]
    if new:
        seen = block_hash(new[0].block) if new[0].is_ours else digest
        entries[key] = replace(entry, block_id=new[0].id, said=seen, seen=seen)


def without_echo(row: Row, pending: Sequence[Pending], page: Page) -> tuple[Row, list[Delete]]:
    """Blocks that a begun replacement left behind beside the block they should replace: they go, if they are still the machine's."""
    claimed = {entry.block_id for entry in row.entries}
    stale = []
    for write in pending:
        if write.kind == "update" and write.body.get("before") is not None:
            stale += [
                Delete(f"~{each.id}", each.id, block_hash(each.block))
                for each in page.blocks
                if each.id not in write.body["before"] and each.id not in claimed and each.is_ours
            ]
    fresh = {key for write in pending if write.kind == "echo" for key in write.body["keys"]}
    stands = {each.id: each for each in page.blocks}
    entries = []
    for entry in row.entries:
        found = stands.get(entry.block_id or "")
        is_echo = entry.key in fresh and found is not None and found.is_ours
        entries.append(replace(entry, seen=block_hash(found.block)) if is_echo and found is not None else entry)
    return replace(row, entries=tuple(entries)), stale
