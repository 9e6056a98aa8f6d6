"""The Notion writer: blocks for Notion-Version 2026-03-11, every text within the API's limits.

`notion_form` says what of a document Notion keeps; `to_blocks` writes exactly that; `notion_limits.appends` cuts the blocks
into requests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eco_assets.errors import PermanentError
from notion_sync.documents.canonical import CALLOUT_ICONS
from notion_sync.documents.inline import Inline, Span, spans
from notion_sync.documents.notion_form import CALLOUT_COLORS, NotionAddresses, notion_form
from notion_sync.documents.notion_limits import MOST_TEXT, Payload, cut
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
    List,
    NumberedList,
    Opaque,
    Paragraph,
    Quote,
    Table,
    TodoList,
    Toggle,
    item,
)

_WRITABLE = (
    "embed,bookmark,image,video,pdf,file,audio,code,equation,divider,breadcrumb,table_of_contents,link_to_page,table_row,table,column_list,"
    "column,heading_1,heading_2,heading_3,paragraph,bulleted_list_item,numbered_list_item,quote,to_do,toggle,callout,synced_block"
)
WRITABLE = frozenset(_WRITABLE.split(","))
"""Types that the API creates (`blockObjectRequest` of the OpenAPI document)."""


@dataclass(frozen=True)
class NotionTarget:
    """Where blocks are written to.

    Attributes:
        addresses: how anchors and relative links become addresses.
        pictures: file name of a picture → id of its file upload.
    """

    addresses: NotionAddresses = field(default_factory=NotionAddresses)
    pictures: Mapping[str, str] = field(default_factory=dict)


def to_blocks(blocks: Sequence[Block], target: NotionTarget | None = None) -> list[Payload]:
    """Return the blocks that say `blocks`, nested as deep as they are; cut them with `notion_limits.append_all`.

    Raises:
        PermanentError: a picture that was not uploaded, or an opaque block that the API cannot create.
    """
    target = target or NotionTarget()
    return _blocks(notion_form(blocks, target.addresses), target)


def rich_text(text: Inline) -> list[Payload]:
    """Return runs as the API's rich text; runs longer than 2,000 UTF-16 units are cut between characters."""
    runs = text if isinstance(text, tuple) else (text,)
    return [entry for run in runs for entry in _run(run if isinstance(run, Span) else Span(run))]


def _run(run: Span) -> list[Payload]:
    if run.kind == "equation":
        return [{"type": "equation", "equation": {"expression": run.text}}]
    if run.kind == "mention":
        return [{"type": "mention", "mention": json.loads(run.payload)}]
    said = "\n" if run.kind == "break" else run.text
    annotations = _annotations(run)
    content: list[Payload] = []
    for piece in cut(said, MOST_TEXT):
        words: Payload = {"content": piece}
        if run.link:
            words["link"] = {"url": run.link}
        content.append({"type": "text", "text": words, **({"annotations": annotations} if annotations else {})})
    return content


def _annotations(run: Span) -> Payload:
    styles = {
        "bold": run.is_bold, "italic": run.is_italic, "strikethrough": run.is_strike, "underline": run.is_underline, "code": run.is_code,
    }  # fmt: skip
    said: Payload = {name: True for name, is_on in styles.items() if is_on}
    return said if run.color == "default" else {**said, "color": run.color}


def _blocks(blocks: Sequence[Block], target: NotionTarget) -> list[Payload]:
    return [payload for block in blocks for payload in _block(block, target)]


def _block(block: Block, target: NotionTarget) -> list[Payload]:
    match block:
        case Heading(level, text, anchor):
            return [_payload(f"heading_{level - 1}", rich_text=rich_text(_marked(text, anchor, target.addresses)))]
        case Paragraph(text, children):
            return [_payload("paragraph", rich_text=rich_text(text), children=_blocks(children, target))]
        case Quote(text, children):
            return [_payload("quote", rich_text=rich_text(text), children=_blocks(children, target))]
        case Callout(text, kind, children):
            said = {"rich_text": rich_text(text), "icon": _icon(block), "color": CALLOUT_COLORS[kind]}
            return [_payload("callout", **said, children=_blocks(children, target))]
        case Toggle(text, children, level):
            toggled = {"rich_text": rich_text(text), "children": _blocks(children, target)}
            return [_payload(f"heading_{level - 1}", is_toggleable=True, **toggled) if level else _payload("toggle", **toggled)]
        case BulletList() | NumberedList() | TodoList():
            return _list(block, target)
        case Table():
            return [_table(block)]
        case Code(text, language):
            return [_payload("code", rich_text=rich_text(text) if text else [], language=language or "plain text")]
        case Equation(expression):
            return [_payload("equation", expression=expression)]
        case Image():
            return [_image(block, target)]
        case Divider():
            return [_payload("divider")]
        case Opaque():
            return [_original(block)]


def _marked(text: Inline, anchor: str | None, addresses: NotionAddresses) -> Inline:
    """Return a heading's text that leads to its own anchor: the only mark that a person's moves and copies keep."""
    if anchor is None or addresses.page is None:
        return text
    address = f"{addresses.page}#{anchor}"
    return tuple(replace(run, link=address) if run.kind == "text" and not run.link else run for run in spans(text))


def _payload(kind: str, *, children: Sequence[Payload] = (), **content: Any) -> Payload:
    return {"object": "block", "type": kind, kind: {**content, "children": list(children)} if children else content}


def _icon(block: Callout) -> Payload:
    icon = block.icon or CALLOUT_ICONS[block.kind]
    found: Payload = json.loads(icon) if icon.startswith("{") else {"type": "emoji", "emoji": icon}
    return found


def _list(block: List, target: NotionTarget) -> list[Payload]:
    kinds = {BulletList: "bulleted_list_item", NumberedList: "numbered_list_item", TodoList: "to_do"}
    return [_item(kinds[type(block)], item(value), target) for value in block.items]


def _item(kind: str, entry: Item, target: NotionTarget) -> Payload:
    box = {"checked": entry.is_done} if kind == "to_do" else {}
    return _payload(kind, rich_text=rich_text(entry.text), **box, children=_blocks(entry.children, target))


def _table(table: Table) -> Payload:
    rows = [table.header, *table.rows] if table.header else list(table.rows)
    children = [_payload("table_row", cells=[rich_text(cell) for cell in row]) for row in rows]
    return _payload("table", table_width=table.width, has_column_header=bool(table.header), has_row_header=False, children=children)


def _image(image: Image, target: NotionTarget) -> Payload:
    caption = rich_text(image.caption) if image.caption else []
    if image.name.startswith(("https:", "http:")):
        return _payload("image", type="external", external={"url": image.name}, caption=caption)
    if image.name not in target.pictures:
        raise PermanentError(f"picture {image.name} was not uploaded: upload it and name its file upload in `pictures`")
    return _payload("image", type="file_upload", file_upload={"id": target.pictures[image.name]}, caption=caption)


def _original(block: Opaque) -> Payload:
    if block.source != "notion" or block.kind not in WRITABLE:
        raise PermanentError(f"the API cannot create a block of type {block.kind}: leave it in its place, with its id")
    found: Payload = json.loads(block.payload)
    return found
