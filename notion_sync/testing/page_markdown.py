"""The Markdown endpoints of a page: a reading of its blocks, and the one compare-and-set that the API has.

Simplified on purpose: each block is one line or fence in Notion's Markdown, without inline styles. `update_content` replaces
a text that stands in exactly one block and keeps that block's id (the real API's way with the id is not documented: probe it).
"""

from __future__ import annotations

from collections.abc import Iterator

from notion_sync.documents.canonical import canonical_blocks
from notion_sync.documents.markdown_reader import read_blocks_of
from notion_sync.documents.notion_writer import to_blocks
from notion_sync.testing.content import drafts, plain, text_item
from notion_sync.testing.store import Node, Store
from notion_sync.testing.wire import Json, checked_array, checked_object, invalid, only

_MARKS = {
    "heading_1": "# ",
    "heading_2": "## ",
    "heading_3": "### ",
    "bulleted_list_item": "- ",
    "numbered_list_item": "1. ",
    "quote": "> ",
}
_UNKNOWN = ("bookmark", "embed", "link_preview", "breadcrumb", "template")


def read(store: Store, page: Node) -> Json:
    """Return the answer of both endpoints."""
    unknown = [node.id for node in _walk(store, page) if node.type in _UNKNOWN]
    text = "\n".join(_lines(store, page, 0))
    return {"object": "page_markdown", "id": page.id, "markdown": text, "truncated": False, "unknown_block_ids": unknown}


def insert(store: Store, page: Node, text: str, by: str) -> None:
    """Append what Markdown says to a page."""
    # Notion's headings start at `#`, ours at `##`: the page's title is the first level.
    deeper = "\n".join(f"#{line}" if line.startswith("#") else line for line in text.split("\n"))
    blocks = to_blocks(canonical_blocks(read_blocks_of(deeper)))
    store.add_drafts(page, drafts(blocks, "body.markdown", store.name_of), by=by)
    store.touch(page, by)


def update(store: Store, page: Node, body: Json, by: str) -> Json:
    """Apply a PATCH: `update_content`, `replace_content` or `insert_content`.

    Raises:
        ApiError: a text to replace that is not there, or that is there more than once.
    """
    only(body, {"type", "update_content", "replace_content", "insert_content", "allow_async"})
    kind = body.get("type")
    said = checked_object(body.get(str(kind)), f"body.{kind}")
    if kind == "insert_content":
        insert(store, page, str(said.get("content", "")), by)
    elif kind == "replace_content":
        _replace(store, page, said, by)
    elif kind == "update_content":
        for change in checked_array(said.get("content_updates"), "body.update_content.content_updates"):
            _swap(store, page, change, by)
    else:
        raise invalid(f"body failed validation: body.type should be a kind of update, instead was `{kind}`.")
    return read(store, page)


def _replace(store: Store, page: Node, said: Json, by: str) -> None:
    if not said.get("allow_deleting_content") and any(node.kind != "block" for node in store.living(page)):
        raise invalid("This would delete child pages or databases: set allow_deleting_content to true.")
    for node in store.living(page):
        node.in_trash = True
    insert(store, page, str(said.get("new_str", "")), by)


def _swap(store: Store, page: Node, change: Json, by: str) -> None:
    old, new = str(change["old_str"]), str(change["new_str"])
    found = [node for node in _walk(store, page) if node.type != "table_row" and old in plain(node.data.get("rich_text", []))]
    count = sum(plain(node.data["rich_text"]).count(old) for node in found)
    if count == 0:
        raise invalid(f"Could not find the text to replace: {old}")
    if count > 1 and not change.get("replace_all_matches"):
        raise invalid(f"Found multiple matches of the text to replace ({count}): {old}")
    for node in found:
        node.data = {**node.data, "rich_text": [text_item(plain(node.data["rich_text"]).replace(old, new))]}
        store.touch(node, by)


def _walk(store: Store, node: Node) -> Iterator[Node]:
    for child in store.living(node):
        if child.kind == "block":
            yield child
            yield from _walk(store, child)


def _lines(store: Store, node: Node, depth: int) -> Iterator[str]:
    for child in store.living(node):
        if child.kind != "block":
            yield f'<{child.kind} url="{child.id}">{store.title(child)}</{child.kind}>'
            continue
        if child.type in _UNKNOWN:
            yield f'<unknown url="{child.id}" alt="{child.type}"/>'
            continue
        yield "\t" * depth + _line(child)
        yield from _lines(store, child, depth + 1)


def _line(node: Node) -> str:
    words = plain(node.data.get("rich_text", []))
    match node.type:
        case "code":
            return f"```{node.data['language']}\n{words}\n```"
        case "equation":
            return f"$$\n{node.data['expression']}\n$$"
        case "divider":
            return "---"
        case "to_do":
            return f"- [{'x' if node.data['checked'] else ' '}] {words}"
        case "table_row":
            return f"| {' | '.join(plain(cell) for cell in node.data['cells'])} |"
        case _:
            return _MARKS.get(node.type, "") + words
