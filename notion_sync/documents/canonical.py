"""The canonical form of a document and its hash: two documents that say the same are the same value, however they were built.

Runs are joined and trimmed, texts are NFC, empty blocks are gone, neighbouring lists of one kind are one list. Compare
canonical forms, never files or API answers.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import Any, cast

from notion_sync.documents.inline import Inline, Span, clean, spans
from notion_sync.documents.markdown_inline import write_target
from notion_sync.documents.markdown_writer import clean_lines, language_name
from notion_sync.documents.tree import (
    Block,
    BulletList,
    Callout,
    Code,
    Divider,
    Document,
    Equation,
    Heading,
    Image,
    Item,
    NumberedList,
    Opaque,
    Paragraph,
    Property,
    Quote,
    Table,
    TodoList,
    Toggle,
    item,
)

CALLOUT_ICONS = {"note": "💡", "success": "✅", "warning": "⚠️", "danger": "🚨"}


def canonical(document: Document) -> Document:
    """Return the one form of all documents that say the same; applying it again changes nothing."""
    properties = {_nfc(key): _property(value) for key, value in sorted(document.properties.items())}
    return Document(_nfc(clean(document.title).strip()), properties, canonical_blocks(document.blocks))


def canonical_blocks(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return blocks in canonical form: empty ones gone, neighbouring lists of one kind joined."""
    kept: list[Block] = []
    for block in blocks:
        form = _block(block)
        if form is None:
            continue
        joined = _joined(kept[-1], form) if kept else None
        if joined is not None:
            kept[-1] = joined
        else:
            kept.append(form)
    return tuple(kept)


def document_hash(document: Document) -> str:
    """Return the SHA-256 of the canonical form, hexadecimal."""
    form = canonical(document)
    return _sha256({"title": form.title, "properties": _plain_data(form.properties), "blocks": _plain_data(form.blocks)})


def blocks_hash(blocks: Sequence[Block]) -> str:
    """Return the SHA-256 of the canonical form of blocks, hexadecimal; empty blocks have one hash."""
    return _sha256(_plain_data(canonical_blocks(blocks)))


def canonical_text(text: Inline) -> tuple[Span, ...]:
    """Return runs in canonical form: NFC, addresses quoted."""
    # Twice: NFC may turn the last character of a run into one that `clean` or the trimming treats differently.
    return spans(tuple(_span(span) for span in spans(text)))


def _span(span: Span) -> Span:
    if span.kind == "mention":
        return replace(span, text="@")  # its words are the workspace's, and change when a person or page is renamed
    target = write_target(span.link) if span.link else None
    return replace(span, text=_nfc(span.text), link=target)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _property(value: Property) -> Property:
    if isinstance(value, str):
        return _nfc(clean(value))
    return tuple(_nfc(clean(entry)) for entry in value) if isinstance(value, tuple) else value


def _block(block: Block) -> Block | None:
    match block:
        case Heading():
            return replace(block, text=canonical_text(block.text))
        case Paragraph() | Quote():
            form = replace(block, text=canonical_text(block.text), children=canonical_blocks(block.children))
            return form if form.text or form.children else None
        case Callout():
            icon = None if block.icon in (None, "", CALLOUT_ICONS[block.kind]) else block.icon
            return replace(block, text=canonical_text(block.text), children=canonical_blocks(block.children), icon=icon)
        case Toggle():
            return replace(block, text=canonical_text(block.text), children=canonical_blocks(block.children))
        case BulletList() | NumberedList() | TodoList():
            items = tuple(_item(item(value), has_box=isinstance(block, TodoList)) for value in block.items)
            return replace(block, items=items) if items else None
        case Table():
            return _table(block)
        case Code():
            return _code(block)
        case Equation(expression):
            return _code(Code(expression, "math"))
        case Image(name, caption):
            return Image(write_target(name), _nfc(clean(caption).strip()))
        case Divider() | Opaque():
            return block


def _item(entry: Item, *, has_box: bool) -> Item:
    return Item(canonical_text(entry.text), canonical_blocks(entry.children), entry.is_done and has_box)


def _table(table: Table) -> Block | None:
    header = tuple(canonical_text(cell) for cell in table.header)
    rows = tuple(tuple(canonical_text(cell) for cell in row) for row in table.rows)
    if not table.width or not (rows or any(header)):
        return None
    right = frozenset(index for index in table.right if 0 <= index < table.width)
    return Table(header if any(header) else (), rows, right)


def _code(block: Code) -> Block | None:
    text = _nfc("\n".join(clean_lines(block.text)))
    language = language_name(block.language)
    if language != "math":
        return Code(text, language)
    expression = "\n".join(clean_lines(text.strip()))
    return Equation(expression) if expression else None


def _joined(previous: Block, block: Block) -> Block | None:
    """Return two neighbouring lists as one, or None when they are two things."""
    match previous, block:
        case (BulletList(before), BulletList(after)):
            return BulletList(before + after)
        case (TodoList(before), TodoList(after)):
            return TodoList(before + after)
        case (NumberedList(before, first), NumberedList(after, start)) if start in (1, first + len(before)):
            return NumberedList(before + after, first)
        case _:
            return None


def _sha256(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain_data(value: object) -> Any:
    """Return a value as JSON says it; a field at its default is left out, so that a new one changes no hash."""
    if is_dataclass(value) and not isinstance(value, type):
        said = {spec.name: getattr(value, spec.name) for spec in fields(value) if getattr(value, spec.name) != spec.default}
        return [type(value).__name__, {name: _plain_data(entry) for name, entry in said.items()}]
    if isinstance(value, Mapping):
        return {str(key): _plain_data(entry) for key, entry in value.items()}
    if isinstance(value, frozenset):
        return sorted(cast("frozenset[int]", value))
    if isinstance(value, (tuple, list)):
        return [_plain_data(entry) for entry in value]
    return value.isoformat() if isinstance(value, date) else value
