"""The limits of the Notion API and how a document is made to fit them, without cutting inside a character.

Lengths are UTF-16 units, as JavaScript counts them (request-limits page, autumn 2026). Here belong counting, cutting, and
the order of requests; what a block looks like stays with `notion_writer`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

MOST_TEXT = 2_000
MOST_URL = 2_000
MOST_EQUATION = 1_000
MOST_ITEMS = 100
"""Children of a request, rows of a new table, runs of a text."""
MOST_BLOCKS = 1_000
MOST_BYTES = 500_000
MOST_NESTING = 2
MOST_BLOCK_TEXT = 100_000
"""Our own bound on the text of one block: in the worst script three bytes a unit, so that any block fits a request."""

Payload = dict[str, Any]


def utf16_length(text: str) -> int:
    """Return how many UTF-16 units `text` takes."""
    return len(text) + sum(character > "\uffff" for character in text)


def cut(text: str, most: int) -> Iterator[str]:
    """Yield pieces of at most `most` UTF-16 units, cut between characters as people see them.

    A single character longer than that (a pile of combining marks) is cut between code points, never inside a surrogate pair.
    """
    if utf16_length(text) <= most:
        yield text
        return
    import regex  # type: ignore[import-untyped]

    piece, length = "", 0
    for grapheme in regex.findall(r"\X", text):
        parts = [grapheme] if utf16_length(grapheme) <= most else list(grapheme)
        for part in parts:
            size = utf16_length(part)
            if piece and length + size > most:
                yield piece
                piece, length = "", 0
            piece, length = piece + part, length + size
    if piece:
        yield piece


def payload_bytes(value: object) -> int:
    """Return the size of a body as `notion-client` sends it."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def children_of(block: Payload) -> list[Payload]:
    """Return the children that a block to be written carries."""
    content = block.get(block["type"], {})
    children: list[Payload] = content.get("children", []) if isinstance(content, dict) else []
    return children


def count_blocks(block: Payload) -> int:
    """Return how many blocks a block to be written is, itself included."""
    return 1 + sum(count_blocks(child) for child in children_of(block))


@dataclass(frozen=True)
class Append:
    """One request: `children` to append, and by index the children that must follow below a new block."""

    children: list[Payload]
    below: tuple[tuple[int, list[Payload]], ...]


def appends(blocks: Sequence[Payload]) -> Iterator[Append]:
    """Yield the requests that put `blocks` below one parent, in order, each within every limit."""
    batch: list[Payload] = []
    below: list[tuple[int, list[Payload]]] = []
    count, size = 0, 0
    for block in blocks:
        head, rest = _head(block)
        blocks_here, bytes_here = count_blocks(head), payload_bytes(head) + 1
        is_full = len(batch) == MOST_ITEMS or count + blocks_here > MOST_BLOCKS or size + bytes_here > MOST_BYTES - 1_000
        if batch and is_full:
            yield Append(batch, tuple(below))
            batch, below, count, size = [], [], 0, 0
        if rest:
            below.append((len(batch), rest))
        batch.append(head)
        count, size = count + blocks_here, size + bytes_here
    if batch:
        yield Append(batch, tuple(below))


def append_all(parent_id: str, blocks: Sequence[Payload], send: Callable[[str, list[Payload]], Sequence[str]]) -> list[str]:
    """Append `blocks` of any depth and number below `parent_id`; return the ids of the first level.

    Args:
        parent_id: page or block to append to.
        blocks: what `notion_writer` made.
        send: appends children to a parent and returns their ids in order; called once a request.
    """
    ids: list[str] = []
    for request in appends(blocks):
        # An append with a position also returns the siblings that follow (11 of 16 recordings): only the first are ours.
        new = list(send(parent_id, request.children))[: len(request.children)]
        ids += new
        for index, rest in request.below:
            append_all(new[index], rest, send)
    return ids


def _head(block: Payload) -> tuple[Payload, list[Payload]]:
    """Split a block into what one request can carry and the children to append to it later."""
    children = children_of(block)
    if not children or _fits(block):
        return block, []
    if block["type"] == "table":  # a table is never without a row
        first = _rows_that_fit(block, children)
        return _with_children(block, children[:first]), children[first:]
    return _with_children(block, []), children


def _fits(block: Payload, depth: int = 0) -> bool:
    children = children_of(block)
    if len(children) > MOST_ITEMS or (children and depth >= MOST_NESTING):
        return False
    if depth == 0 and (count_blocks(block) > MOST_BLOCKS or payload_bytes(block) > MOST_BYTES - 2_000):
        return False
    return all(_fits(child, depth + 1) for child in children)


def _rows_that_fit(block: Payload, rows: list[Payload]) -> int:
    first = min(len(rows), MOST_ITEMS)
    while first > 1 and payload_bytes(rows[:first]) > MOST_BYTES - 2_000:
        first //= 2
    return first


def _with_children(block: Payload, children: list[Payload]) -> Payload:
    kind = block["type"]
    content = {name: value for name, value in block[kind].items() if name != "children"}
    return {**block, kind: {**content, "children": children} if children else content}
