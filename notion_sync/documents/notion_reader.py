"""The Notion reader: blocks of the API, with their children, as a document's blocks.

A block that holds anything the tree cannot say becomes an `Opaque` with the original inside: read strictly, lose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any
from urllib.parse import unquote, urlsplit

from notion_sync.documents.canonical import CALLOUT_ICONS
from notion_sync.documents.inline import LINE_BREAK, Inline, Span
from notion_sync.documents.notion_form import CALLOUT_COLORS, NotionAddresses
from notion_sync.documents.notion_limits import Payload
from notion_sync.documents.tree import (
    Block,
    BulletList,
    Callout,
    Code,
    Divider,
    Equation,
    Heading,
    Image,
    Item,
    NumberedList,
    Opaque,
    Paragraph,
    Quote,
    Table,
    TodoList,
    Toggle,
)

_LISTS = {"bulleted_list_item": BulletList, "numbered_list_item": NumberedList, "to_do": TodoList}
_MENTION_KEYS = {"user": ("id",), "page": ("id",), "database": ("id",), "custom_emoji": ("id",)}


class _Unsaid(Exception):
    """The tree cannot say this block; never leaves the reader."""


def read_blocks(blocks: Sequence[Payload], addresses: NotionAddresses | None = None) -> tuple[Block, ...]:
    """Return what `blocks` say.

    Args:
        blocks: the API's blocks in order; children stand under `children` beside the type, or inside its content.
        addresses: how the page's headings were marked (see `NotionAddresses.page`).
    """
    return tuple(_read(blocks, (addresses or NotionAddresses()).page))


def read_rich_text(items: Sequence[Payload]) -> tuple[Span, ...]:
    """Return rich text as runs."""
    return tuple(run for entry in items for run in _runs(entry))


def plain_text(items: Sequence[Payload]) -> str:
    """Return the words of rich text, whatever is in it."""
    return "".join(str(entry.get("plain_text") or entry.get("text", {}).get("content", "")) for entry in items)


def _read(blocks: Sequence[Payload], page: str | None) -> Iterator[Block]:
    for kind, group in groupby(blocks, key=lambda block: block["type"]):
        if kind not in _LISTS:
            yield from (_one(block, page) for block in group)
            continue
        for is_typed, members in groupby(((block, _item(block, page)) for block in group), key=lambda pair: pair[1] is not None):
            entries = list(members)
            if is_typed:
                yield _LISTS[kind](tuple(entry for _, entry in entries if entry is not None))
            else:
                yield from (_opaque(block) for block, _ in entries)


def _one(block: Payload, page: str | None) -> Block:
    try:
        return _typed(block, page)
    except (_Unsaid, KeyError):
        return _opaque(block)


def _typed(block: Payload, page: str | None) -> Block:
    kind: str = block["type"]
    content: Payload = block.get(kind) or {}
    match kind:
        case "heading_1" | "heading_2" | "heading_3" | "heading_4":
            return _heading(int(kind[-1]) + 1, content, _below(block, page), page)
        case "paragraph" | "quote" | "toggle":
            _refuse(content, "icon")
            text, below = read_rich_text(content["rich_text"]), _below(block, page)
            return Paragraph(text, below) if kind == "paragraph" else Quote(text, below) if kind == "quote" else Toggle(text, below)
        case "callout":
            return _callout(content, _below(block, page))
        case "table":
            return _table(block, content)
        case "code":
            _refuse(content, "caption")
            language = str(content.get("language") or "plain text")
            return Code(_only_text(content["rich_text"]), "" if language == "plain text" else language)
        case "equation":
            return Equation(str(content["expression"]))
        case "divider":
            return Divider()
        case "image":
            return _image(content)
        case _:
            raise _Unsaid


def _below(block: Payload, page: str | None) -> tuple[Block, ...]:
    children = _children(block)
    if block.get("has_children") and not children:
        raise _Unsaid  # not fetched: say nothing about it rather than that it is empty
    return tuple(_read(children, page))


def _children(block: Payload) -> list[Payload]:
    content = block.get(block["type"])
    inside = content.get("children") if isinstance(content, dict) else None
    found: list[Payload] = block.get("children") or inside or []
    return found


def _refuse(content: Payload, *names: str) -> None:
    if any(content.get(name) for name in names):
        raise _Unsaid


def _heading(level: int, content: Payload, children: tuple[Block, ...], page: str | None) -> Heading | Toggle:
    runs = read_rich_text(content["rich_text"])
    if content.get("is_toggleable"):
        return Toggle(runs, children, level)
    if children:
        raise _Unsaid
    marks = {run.link for run in runs if page and run.link and run.link.startswith(f"{page}#")}
    mark = min(marks, default=None)
    if mark is None or page is None:
        return Heading(level, runs)
    text = tuple(Span(run.text, run.is_bold, run.is_code, None, run.is_italic, run.is_strike, run.is_underline, run.color)
                 if run.link == mark else run for run in runs)  # fmt: skip
    return Heading(level, text, mark.removeprefix(f"{page}#"))


def _callout(content: Payload, children: tuple[Block, ...]) -> Callout:
    icon = content.get("icon") or {}
    emoji = icon.get("emoji") if icon.get("type") == "emoji" else json.dumps(icon, sort_keys=True) if icon else "💡"
    color = content.get("color", "default")
    kind = next((name for name, shown in CALLOUT_COLORS.items() if shown == color), "note")
    text = read_rich_text(content["rich_text"])
    return Callout(text, kind, children, None if emoji == CALLOUT_ICONS[kind] else emoji)  # type: ignore[arg-type]


def _table(block: Payload, content: Payload) -> Table:
    _refuse(content, "has_row_header")
    rows = _children(block)
    if not rows:
        raise _Unsaid
    cells = [tuple(_cell(cell) for cell in row["table_row"]["cells"]) for row in rows]
    if len({len(row) for row in cells}) != 1:
        raise _Unsaid
    return Table(cells[0], tuple(cells[1:])) if content.get("has_column_header") else Table((), tuple(cells))


def _cell(items: Sequence[Payload]) -> Inline:
    return read_rich_text(items)


def _image(content: Payload) -> Image:
    caption = plain_text(content.get("caption", []))
    kind = content.get("type")
    if kind == "external":
        return Image(str(content["external"]["url"]), caption)
    if kind == "file":  # the address is signed and expires; the file's name is what lasts
        return Image(unquote(urlsplit(str(content["file"]["url"])).path.rsplit("/", 1)[-1]), caption)
    raise _Unsaid


def _item(block: Payload, page: str | None) -> Item | None:
    content = block[block["type"]]
    try:
        _refuse(content, "list_format")
        return Item(read_rich_text(content["rich_text"]), _below(block, page), bool(content.get("checked")))
    except (_Unsaid, KeyError):
        return None


def _only_text(items: Sequence[Payload]) -> str:
    if any(entry.get("type", "text") != "text" for entry in items):
        raise _Unsaid
    return "".join(str(entry["text"]["content"]) for entry in items)


def _runs(entry: Payload) -> Iterator[Span]:
    kind = entry.get("type") or ("text" if "text" in entry else "mention" if "mention" in entry else "equation")
    if kind == "equation":
        yield Span(str(entry["equation"]["expression"]), kind="equation")
    elif kind == "mention":
        yield _mention(entry)
    elif kind == "text":
        yield from _text(entry)
    else:
        raise _Unsaid


def _mention(entry: Payload) -> Span:
    said = entry["mention"]
    kind = said.get("type") or next(iter(said))
    shown = said[kind]
    kept = {name: shown[name] for name in _MENTION_KEYS.get(kind, tuple(shown))} if isinstance(shown, dict) else shown
    payload = json.dumps({"type": kind, kind: kept}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Span(str(entry.get("plain_text") or "@"), kind="mention", payload=payload)


def _text(entry: Payload) -> Iterator[Span]:
    look = entry.get("annotations") or {}
    link = (entry["text"].get("link") or {}).get("url")
    for number, line in enumerate(str(entry["text"]["content"]).split("\n")):
        if number:
            yield LINE_BREAK
        yield Span(line, bool(look.get("bold")), bool(look.get("code")), link, bool(look.get("italic")), bool(look.get("strikethrough")),
                   bool(look.get("underline")), str(look.get("color") or "default"))  # fmt: skip


def _opaque(block: Payload) -> Opaque:
    kind = block["type"]
    payload = json.dumps(_lasting(block), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Opaque("notion", kind, payload, " ".join(_words(block)))


def _lasting(block: Payload) -> Payload:
    """Return a block without what changes while nobody edits it: ids, times, signed addresses of Notion's own files."""
    kind = block["type"]
    content = block.get(kind)
    kept: Payload = {"object": "block", "type": kind, kind: _without_signed(content) if isinstance(content, dict) else content}
    children = [_lasting(child) for child in _children(block)]
    if children:
        kept[kind] = {**(kept[kind] or {}), "children": children}
    return kept


def _without_signed(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_signed(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if "expiry_time" in value and "url" in value:
        return {"url": str(value["url"]).split("?", 1)[0]}
    return {name: _without_signed(entry) for name, entry in value.items() if name not in ("plain_text", "href", "children")}


def _words(block: Payload) -> Iterator[str]:
    content = block.get(block["type"])
    if isinstance(content, dict):
        for name in ("rich_text", "caption"):
            if words := plain_text(content.get(name) or []):
                yield words
        if content.get("title"):
            yield str(content["title"])
        yield from (plain_text(cell) for cell in content.get("cells") or [])
    for child in _children(block):
        yield from _words(child)


def title_of(properties: Payload) -> str:
    """Return a page's title from its properties."""
    found: list[Payload] = next((value["title"] for value in properties.values() if value.get("type") == "title"), [])
    return plain_text(found)
