"""Which block is which: a machine's blocks get keys that last, and blocks of a file are recognised by what they say. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher

from notion_sync.documents.inline import plain
from notion_sync.documents.markdown_writer import write_blocks
from notion_sync.documents.tree import Block, Heading
from notion_sync.sync.merge import Desired, Entry, block_hash
from notion_sync.workspaces.protocol import Known, Standing, kind_of

ALIKE = 0.35
"""From which share of common text on a block counts as another's edited version."""


def keyed(entries: Sequence[Entry], blocks: Sequence[Block], anchors: Mapping[str, str] | None = None) -> list[Desired]:
    """Give every block the key under which it was said before, or a new one: `section/kind-number`.

    Args:
        entries: what is remembered, in the order in which the machine last said it.
        blocks: what it says now.
        anchors: words of a heading → its anchor, where the blocks do not say it.
    """
    names = list(_names(blocks, anchors or {}))
    hashes = [block_hash(block) for block in blocks]
    keys: dict[int, str] = {}
    matcher = SequenceMatcher(None, [entry.said for entry in entries], hashes, autojunk=False)
    for tag, low, high, start, end in matcher.get_opcodes():
        if tag == "equal":
            keys |= {start + step: entries[low + step].key for step in range(high - low)}
        elif tag == "replace":
            free = [entry.key for entry in entries[low:high]]
            for index in range(start, end):
                found = next((key for key in free if key.rpartition("-")[0] == names[index]), None)
                if found is not None:
                    keys[index] = found
                    free = free[free.index(found) + 1 :]
    taken = {entry.key for entry in entries}
    desired = []
    for index, block in enumerate(blocks):
        key = keys.get(index) or _fresh(names[index], taken)
        taken.add(key)
        desired.append(Desired(key, block))
    return desired


def anchors_of(blocks: Sequence[Block]) -> dict[str, str]:
    """Words of a heading → its anchor."""
    return {plain(block.text): block.anchor for block in blocks if isinstance(block, Heading) and block.anchor}


def _names(blocks: Sequence[Block], anchors: Mapping[str, str]) -> Iterator[str]:
    section = "inicio"
    for block in blocks:
        if isinstance(block, Heading):
            section = block.anchor or anchors.get(plain(block.text)) or _slug(plain(block.text))
        yield f"{section}/{kind_of(block)}"


def _slug(text: str) -> str:
    folded = unicodedata.normalize("NFD", text.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:40] or "secao"


def _fresh(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"


def recognised(base: Sequence[Known], blocks: Sequence[Block]) -> tuple[Standing, ...]:
    """Give every block of a file the id it had: the same words first, wherever they moved, then edited versions in their place."""
    hashes = [block_hash(block) for block in blocks]
    ids: dict[int, str] = {}
    gaps: list[tuple[list[Known], list[int]]] = []
    for tag, low, high, start, end in SequenceMatcher(None, [each.hash for each in base], hashes, autojunk=False).get_opcodes():
        if tag == "equal":
            ids |= {start + step: base[low + step].id for step in range(high - low)}
        else:
            gaps.append((list(base[low:high]), list(range(start, end))))
    lost = [each for gap, _ in gaps for each in gap]
    for _, indices in gaps:  # moved
        for index in indices:
            found = next((each for each in lost if each.hash == hashes[index]), None)
            if found is not None:
                ids[index] = found.id
                lost.remove(found)
    for gap, indices in gaps:  # edited
        _pair([each for each in gap if each in lost], [index for index in indices if index not in ids], blocks, ids)
    taken = {each.id for each in base}
    return tuple(Standing(ids.get(index) or _new_id(hashes[index], taken), block) for index, block in enumerate(blocks))


def _pair(gap: list[Known], indices: list[int], blocks: Sequence[Block], ids: dict[int, str]) -> None:
    texts = {index: write_blocks([blocks[index]]) for index in indices}
    if len(gap) == len(indices) and all(_shape(each.text) == _shape(texts[index]) for each, index in zip(gap, indices, strict=True)):
        ids |= {index: each.id for each, index in zip(gap, indices, strict=True)}
        return
    for each in gap:
        alike = [(SequenceMatcher(None, each.text, texts[index], autojunk=False).ratio(), -index) for index in indices]
        best, index = max(alike, default=(0.0, 0))
        if best >= ALIKE:
            ids[-index] = each.id
            indices.remove(-index)


def _shape(text: str) -> str:
    """How a block begins: what Markdown makes of it."""
    found = re.match(r"#+|-|>|\d+\.|\||```|<|!\[", text)
    return re.sub(r"\d+", "1", found.group()) if found else ""


def _new_id(digest: str, taken: set[str]) -> str:
    number = 0
    while (name := f"p-{digest[:16]}-{number}") in taken:
        number += 1
    taken.add(name)
    return name
