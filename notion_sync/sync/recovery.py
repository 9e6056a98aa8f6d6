"""What of a write that was begun has happened, and whose the blocks of an unknown page are. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from notion_sync.documents.tree import Block
from notion_sync.sync.alignment import keyed
from notion_sync.sync.merge import Delete, Entry, block_hash
from notion_sync.sync.properties import Seen
from notion_sync.sync.schema import from_json
from notion_sync.sync.store import Note, Pending, Row
from notion_sync.workspaces.protocol import Known, Page, Standing, kind_of


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
    for write, made in zip(pending, _made(pending, page), strict=True):
        if write.kind == "insert":
            _inserted(write, entries_of, made)
        elif write.kind == "delete" and write.body["id"] not in standing:
            entries_of = {key: entry for key, entry in entries_of.items() if entry.block_id != write.body["id"]}
        elif write.kind == "update":
            _updated(write, entries_of, standing, made)
    return replace(row, entries=tuple(entries_of.values()))


def _made(pending: Sequence[Pending], page: Page) -> list[list[Standing]]:
    """The machine's blocks that each write may have made: they were not there before it, and were there before the next one."""
    found: list[list[Standing]] = []
    later: set[str] | None = None
    for write in reversed(pending):
        before = write.body.get("before")
        if before is None or write.kind not in ("insert", "update"):
            found.append([])
            continue
        were = set(before)
        found.append([each for each in page.blocks if each.was_made_by_us and each.id not in were and (later is None or each.id in later)])
        later = were
    return found[::-1]


def _inserted(write: Pending, entries: dict[str, Entry], made: Sequence[Standing]) -> None:
    """Blocks in the order in which they were sent. What is missing before one that stands there was made, and deleted by a person."""
    claimed = {entry.block_id for entry in entries.values()}
    new = [each for each in made if each.id not in claimed]
    missing: list[Entry] = []
    hashes: Sequence[str] = write.body["hashes"]
    is_whole = len(made) == len(hashes)
    for key, digest in zip(write.body["keys"], hashes, strict=True):
        found = next((each for each in new if block_hash(each.block) == digest), None)
        found = found or (_changed(key, new[0], hashes, is_whole=is_whole) if new else None)
        if found is None:
            missing.append(Entry(key, None, digest, digest, "deleted"))
            continue
        new = new[new.index(found) + 1 :]
        # Half of it may stand there: then it says less than it should, which the next comparison completes.
        seen = block_hash(found.block) if found.is_ours else digest
        entries |= {each.key: each for each in missing if each.key not in entries}
        entries[key] = Entry(key, found.id, seen, seen)
        missing = []


def _changed(key: str, found: Standing, hashes: Sequence[str], *, is_whole: bool) -> Standing | None:
    """The next block, if it is the wanted one and no longer says what was sent: half done, or changed by a person."""
    is_alike = key.rpartition("/")[2].rpartition("-")[0] == kind_of(found.block)
    is_other = block_hash(found.block) not in hashes
    return found if is_alike and is_other and (found.is_ours or is_whole) else None


def _updated(write: Pending, entries: dict[str, Entry], standing: dict[str, Standing], made: Sequence[Standing]) -> None:
    """A block changed in place, or its replacement where that took its place."""
    key, name, digest, expect = (str(write.body[part]) for part in ("key", "id", "hash", "expect"))
    entry = entries.get(key)
    if entry is None or entry.block_id != name:  # what was known when the write was noted
        entry = entries[key] = Entry(key, name, expect, expect)
    old = standing.get(name)
    if old is not None:
        if block_hash(old.block) == digest:
            entries[key] = replace(entry, said=digest, seen=digest)
        # Anything else than what we wrote is a person's, or a person's with our words in it, even where we were the last who changed it.
        return
    claimed = {each.block_id for each in entries.values()}
    new = [each for each in made if each.id not in claimed]
    if new:
        seen = block_hash(new[0].block) if new[0].is_ours else digest
        entries[key] = replace(entry, block_id=new[0].id, said=seen, seen=seen)


def left_behind(row: Row, pending: Sequence[Pending], page: Page) -> list[Delete]:
    """Blocks that a begun replacement left beside the block that they should replace: they go, if they say only what the machine wrote."""
    claimed = {entry.block_id for entry in row.entries}
    stale = {
        each.id: Delete(f"~{each.id}", each.id, block_hash(each.block))
        for write, made in zip(pending, _made(pending, page), strict=True)
        for each in made
        if write.kind == "update" and each.id not in claimed and (each.is_ours or block_hash(each.block) == write.body["hash"])
    }
    return list(stale.values())
