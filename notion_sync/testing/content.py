"""Rich text and blocks: what a request may say, and how the API says it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from notion_sync.documents.notion_form import LANGUAGES
from notion_sync.documents.notion_limits import MOST_NESTING
from notion_sync.testing.wire import Json, checked_array, checked_object, checked_text, identifier, invalid, refused

_PLAIN = {"bold": False, "italic": False, "strikethrough": False, "underline": False, "code": False, "color": "default"}
_WITH_TEXT = (
    "paragraph",
    "bulleted_list_item",
    "numbered_list_item",
    "quote",
    "toggle",
    "to_do",
    "callout",
    "heading_1",
    "heading_2",
    "heading_3",
)
_WITH_CHILDREN = (*_WITH_TEXT, "table", "column_list", "column", "synced_block", "template", "tab")
_MEDIA = ("image", "video", "pdf", "file", "audio")
_EMPTY = ("divider", "breadcrumb", "column_list", "tab")
_LANGUAGES = {*LANGUAGES, "plain text"}

Names = Callable[[str, str], str]
"""Gives the name of a user, page or database (kind, id) for a mention."""


@dataclass
class Draft:
    """A block to be created: its type, content as the API says it back, and its children."""

    kind: str
    content: Json
    children: list[Draft]

    def count(self) -> int:
        """How many blocks this is."""
        return 1 + sum(child.count() for child in self.children)


def rich_text(value: object, path: str, names: Names) -> list[Json]:
    """Return rich text as the API says it back: defaults filled, neighbours of one style joined (even beyond 2,000), nothing empty."""
    items = [
        _item(checked_object(entry, f"{path}[{index}]"), f"{path}[{index}]", names)
        for index, entry in enumerate(checked_array(value, path))
    ]
    return _merged(items)


def plain(items: list[Json]) -> str:
    """Return the words of rich text."""
    return "".join(entry["plain_text"] for entry in items)


def text_item(words: str, link: str | None = None) -> Json:
    """Return a run as the API says it back."""
    said = {"content": words, "link": {"url": link} if link else None}
    return {"type": "text", "text": said, "annotations": dict(_PLAIN), "plain_text": words, "href": link}


def _item(entry: Json, path: str, names: Names) -> Json:
    annotations = {**_PLAIN, **{name: value for name, value in (entry.get("annotations") or {}).items() if value is not None}}
    if "mention" in entry:
        return {**_mention(checked_object(entry["mention"], f"{path}.mention"), names), "annotations": annotations}
    if "equation" in entry:
        said = checked_text(checked_object(entry["equation"], f"{path}.equation").get("expression"), f"{path}.equation.expression", 1_000)
        return {"type": "equation", "equation": {"expression": said}, "annotations": annotations, "plain_text": said, "href": None}
    if "text" not in entry:
        raise refused(f"{path}.text", "defined", "undefined")
    text = checked_object(entry["text"], f"{path}.text")
    content = checked_text(text.get("content"), f"{path}.text.content", 2_000)
    link = (text.get("link") or {}).get("url")
    if link is not None:
        checked_text(link, f"{path}.text.link.url", 2_000)
        if not urlsplit(link).scheme and not link.startswith("/"):
            raise invalid("Invalid URL for link.")
    return {**text_item(content, link), "annotations": annotations}


def _mention(said: Json, names: Names) -> Json:
    kind = said.get("type") or next(iter(said))
    value = said[kind]
    if kind == "date":
        value = {"start": value["start"], "end": value.get("end"), "time_zone": value.get("time_zone")}
        words = value["start"] if not value["end"] else f"{value['start']} → {value['end']}"
        return {"type": "mention", "mention": {"type": kind, kind: value}, "plain_text": words, "href": None}
    shown = names(kind, value.get("id", "")) if isinstance(value, dict) else ""
    href = f"https://app.notion.com/p/{value['id'].replace('-', '')}" if kind in ("page", "database") else None
    words = f"@{shown}" if kind == "user" else shown
    value = {"object": "user", **value} if kind == "user" else value
    return {"type": "mention", "mention": {"type": kind, kind: value}, "plain_text": words, "href": href}


def _merged(items: list[Json]) -> list[Json]:
    merged: list[Json] = []
    for entry in items:
        if entry["type"] == "text" and not entry["plain_text"]:
            continue
        last = merged[-1] if merged else None
        same = last is not None and last["type"] == entry["type"] == "text"
        if last is not None and same and last["annotations"] == entry["annotations"] and last["href"] == entry["href"]:
            words = last["plain_text"] + entry["plain_text"]
            merged[-1] = {**last, "text": {**last["text"], "content": words}, "plain_text": words}
        else:
            merged.append(entry)
    return merged


def drafts(value: object, path: str, names: Names, depth: int = 0) -> list[Draft]:
    """Return blocks to be created, within the limits of children, nesting and types."""
    items = checked_array(value, path)
    return [_draft(checked_object(entry, f"{path}[{index}]"), f"{path}[{index}]", names, depth) for index, entry in enumerate(items)]


def _draft(entry: Json, path: str, names: Names, depth: int) -> Draft:
    kind = entry.get("type") or next((name for name in entry if name not in ("object", "type")), "")
    content = checked_object(entry.get(kind), f"{path}.{kind}")
    below = content.get("children", [])
    if below and (kind not in _WITH_CHILDREN or depth >= MOST_NESTING):
        raise refused(f"{path}.{kind}.children", "not present", below)
    children = drafts(below, f"{path}.{kind}.children", names, depth + 1)
    if kind == "table" and not children:
        raise refused(f"{path}.table.children.length", "≥ `1`", 0)
    if kind == "table" and any(len(row.content["cells"]) != content.get("table_width") for row in children):
        raise invalid(
            "Content creation Failed. Fix the following: \nNumber of cells in table row must match the table width of the parent table"
        )
    if kind == "column_list" and len(children) < 2:
        raise refused(f"{path}.column_list.children.length", "≥ `2`", len(children))
    return Draft(kind, block_content(kind, content, f"{path}.{kind}", names), children)


def block_content(kind: str, said: Json, path: str, names: Names, before: Json | None = None) -> Json:
    """Return a block's content as the API says it back; with `before`, what a request leaves out stays as it was."""
    held = dict(before or {})
    if kind in _WITH_TEXT:
        return _text_content(kind, said, path, names, held)
    if kind in _MEDIA:
        return _media_content(kind, said, path, names, held)
    if kind in _EMPTY:
        return {}
    match kind:
        case "code":
            return _code_content(said, path, names, held)
        case "equation":
            return {"expression": checked_text(said.get("expression"), f"{path}.expression", 1_000)}
        case "bookmark" | "embed":
            caption = rich_text(said.get("caption", []), f"{path}.caption", names) if "caption" in said else held.get("caption", [])
            return {"caption": caption, "url": checked_text(said.get("url", held.get("url")), f"{path}.url", 2_000)}
        case "table":
            flags = {name: bool(said.get(name, held.get(name, False))) for name in ("has_column_header", "has_row_header")}
            return {"table_width": said.get("table_width", held.get("table_width")), **flags}
        case "table_row":
            cells = checked_array(said.get("cells"), f"{path}.cells")
            return {"cells": [rich_text(cell, f"{path}.cells[{index}]", names) for index, cell in enumerate(cells)]}
        case "table_of_contents":
            return {"color": said.get("color", held.get("color", "default"))}
        case "column":
            ratio = said.get("width_ratio", held.get("width_ratio"))
            return {} if ratio is None else {"width_ratio": ratio}
        case "synced_block":
            return {"synced_from": said.get("synced_from")}
        case "link_to_page":
            target = said.get("type") or next(iter(said))
            return {"type": target, target: identifier(said[target], f"{path}.{target}")}
        case _:
            raise invalid(f"body failed validation: {path} should be a block that the API can create, instead was `{kind}`.")


def _text_content(kind: str, said: Json, path: str, names: Names, held: Json) -> Json:
    text = rich_text(said.get("rich_text"), f"{path}.rich_text", names) if "rich_text" in said or not held else held["rich_text"]
    content: Json = {"rich_text": text, "color": said.get("color") or held.get("color", "default")}
    if kind == "paragraph":
        content["icon"] = said.get("icon", held.get("icon"))
    if kind == "callout":
        content["icon"] = icon(said["icon"]) if said.get("icon") else held.get("icon", {"type": "emoji", "emoji": "💡"})
    if kind == "to_do":
        content["checked"] = bool(said.get("checked", held.get("checked", False)))
    if kind.startswith("heading_"):
        content["is_toggleable"] = bool(said.get("is_toggleable", held.get("is_toggleable", False)))
    return content


def _code_content(said: Json, path: str, names: Names, held: Json) -> Json:
    language = said.get("language", held.get("language"))
    if language not in _LANGUAGES:
        raise refused(f"{path}.language", "one of the languages that Notion knows", language)
    text = rich_text(said["rich_text"], f"{path}.rich_text", names) if "rich_text" in said else held.get("rich_text", [])
    caption = rich_text(said["caption"], f"{path}.caption", names) if "caption" in said else held.get("caption", [])
    return {"caption": caption, "rich_text": text, "language": language}


def _media_content(kind: str, said: Json, path: str, names: Names, held: Json) -> Json:
    caption = rich_text(said["caption"], f"{path}.caption", names) if "caption" in said else held.get("caption", [])
    where = (
        file_object(said, path)
        if {"external", "file_upload"} & set(said)
        else {key: held[key] for key in held if key not in ("caption", "name")}
    )
    content = {"caption": caption, **where}
    if kind == "file":
        content["name"] = said.get("name") or held.get("name") or file_name(where)
    return content


def file_object(said: Json, path: str) -> Json:
    """Return a file as the API says it back; an upload becomes a file of Notion's own when it is attached."""
    if "external" in said:
        url = checked_text(checked_object(said["external"], f"{path}.external").get("url"), f"{path}.external.url", 2_000)
        return {"type": "external", "external": {"url": url}}
    if "file_upload" in said:
        return {"type": "file_upload", "file_upload": {"id": identifier(said["file_upload"].get("id"), f"{path}.file_upload.id")}}
    if "file" in said:
        return {"type": "file", "file": said["file"]}
    raise refused(f"{path}.external", "defined", "undefined")


def file_name(where: Json) -> str:
    """Return the last part of a file's address."""
    url = str((where.get("external") or where.get("file") or {}).get("url", ""))
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1])


def icon(said: Any) -> Json | None:
    """Return an icon as the API says it back."""
    if said is None:
        return None
    if "emoji" in said:
        return {"type": "emoji", "emoji": said["emoji"]}
    return said if said.get("type") in ("custom_emoji", "icon") else file_object(said, "body.icon")
