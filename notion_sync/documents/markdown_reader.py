"""The Markdown reader: what `markdown_writer` wrote, and what people wrote into it, as a document.

Anything the tree has no word for (raw HTML, pictures inside a line, titles of links) becomes an `Opaque` that holds the
source as it stands, so that writing the document again loses nothing.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import yaml

from eco_assets.errors import PermanentError
from notion_sync.documents.inline import Inline, plain
from notion_sync.documents.markdown_runs import Unsupported, read_label, read_runs
from notion_sync.documents.markdown_writer import (
    ADDRESS,
    CHILDREN,
    END_OF_CHILDREN,
    IMAGE_FOLDER,
    NOTION_COMMENT,
    SEPARATOR,
)
from notion_sync.documents.tree import (
    HEADING_LEVELS,
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
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

_FRONT_MATTER = re.compile(r"\A---\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_DETAILS = re.compile(r'<details(?: data-level="([2-5])")?>\s*<summary>')
_TASK = re.compile(r"\[([ xX])\](?:\s+|$)")
_ANCHOR = re.compile(r'<a id="([a-z0-9-]+)"></a>')


def read_markdown(text: str) -> Document:
    """Return the document that `text` says.

    Raises:
        PermanentError: the front matter is no YAML mapping.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    properties, body = _front_matter(text)
    lines = body.split("\n")
    nodes = _nodes(body)
    title = ""
    if nodes and nodes[0].type == "heading" and nodes[0].tag == "h1":
        title = plain(_heading_text(nodes.pop(0))).replace("\n", " ")
    return Document(title, properties, _top(nodes, lines))


def read_blocks_of(text: str) -> tuple[Block, ...]:
    """Return the blocks of a piece of Markdown without front matter and title."""
    return _top(_nodes(text), text.split("\n"))


@functools.cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # Without `text_join` escapes and references stay tokens of their own: `\[ ]` is no box, `&#36;` opens no equation.
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable("text_join")
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


def _nodes(text: str) -> list[SyntaxTreeNode]:
    from markdown_it.tree import SyntaxTreeNode

    return list(SyntaxTreeNode(_parser().parse(text)).children)


def _front_matter(text: str) -> tuple[dict[str, Property], str]:
    found = _FRONT_MATTER.match(text)
    if not found:
        return {}, text
    try:
        values = yaml.safe_load(found.group(1)) or {}
    except yaml.YAMLError as error:
        raise PermanentError(f"the front matter is not YAML: correct the lines between the two ---: {error}") from error
    if not isinstance(values, dict):
        raise PermanentError("the front matter is not a list of `key: value`: correct the lines between the two ---")
    return {str(key): _property(value) for key, value in values.items()}, text[found.end() :]


def _property(value: Any) -> Property:
    if isinstance(value, list):
        return tuple(entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False, default=str) for entry in value)
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    if isinstance(value, datetime):
        return value.isoformat()
    return cast("str | int | float | bool | date | None", value)


def _top(nodes: list[SyntaxTreeNode], lines: list[str]) -> tuple[Block, ...]:
    """Read blocks; what cannot be read keeps its lines."""
    blocks: list[Block] = []
    position = 0
    while position < len(nodes):
        try:
            position, found = _next(nodes, position, blocks)
            blocks.extend(found)
        except Unsupported:
            node = nodes[position]
            start, end = cast("tuple[int, int]", node.map)
            source = "\n".join(lines[start:end]).strip("\n")
            blocks.append(Opaque("markdown", "html" if node.type == "html_block" else "text", source, source))
            position += 1
    return tuple(blocks)


def _inside(nodes: Sequence[SyntaxTreeNode]) -> tuple[Block, ...]:
    """Read blocks inside another one; what cannot be read makes the whole outer block unreadable."""
    blocks: list[Block] = []
    position = 0
    while position < len(nodes):
        position, found = _next(nodes, position, blocks)
        blocks.extend(found)
    return tuple(blocks)


def _next(nodes: Sequence[SyntaxTreeNode], position: int, before: list[Block]) -> tuple[int, list[Block]]:
    node = nodes[position]
    if node.type != "html_block":
        return position + 1, _block(node)
    text = node.content.strip()
    if text == SEPARATOR:
        return position + 1, []
    if text == CHILDREN:
        end = _closing(nodes, position, lambda said: said == CHILDREN, END_OF_CHILDREN)
        children = _inside(nodes[position + 1 : end])
        is_empty = position == 0 or _is_separator(nodes[position - 1])
        if not is_empty and not (before and isinstance(before[-1], Paragraph) and not before[-1].children):
            raise Unsupported
        owner = Paragraph("") if is_empty else cast("Paragraph", before.pop())
        return end + 1, [Paragraph(owner.text, children)]
    if found := _DETAILS.fullmatch(text):
        end = _closing(nodes, position, lambda said: said.startswith("<details"), "</details>")
        return end + 1, [_toggle(nodes[position + 1 : end], found.group(1))]
    if text.startswith(NOTION_COMMENT):
        return position + 1, [_notion(text)]
    raise Unsupported


def _is_separator(node: SyntaxTreeNode) -> bool:
    return node.type == "html_block" and node.content.strip() == SEPARATOR


def _closing(nodes: Sequence[SyntaxTreeNode], start: int, is_opening: Any, closing: str) -> int:
    depth = 0
    for position in range(start, len(nodes)):
        said = nodes[position].content.strip() if nodes[position].type == "html_block" else ""
        depth += 1 if is_opening(said) else -1 if said == closing else 0
        if depth == 0:
            return position
    raise Unsupported


def _toggle(nodes: Sequence[SyntaxTreeNode], level: str | None) -> Toggle:
    text: Inline = ""
    if nodes and nodes[0].type == "paragraph":
        text, nodes = read_runs(_inline(nodes[0])), nodes[1:]
    if not nodes or nodes[0].type != "html_block" or nodes[0].content.strip() != "</summary>":
        raise Unsupported
    return Toggle(text, _inside(nodes[1:]), int(level) if level else None)


def _notion(text: str) -> Opaque:
    try:
        said = json.loads(text.removeprefix(NOTION_COMMENT).removesuffix("-->"))
        payload = json.dumps(said["payload"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return Opaque("notion", str(said["kind"]), payload, str(said["text"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Unsupported from error


def _block(node: SyntaxTreeNode) -> list[Block]:
    match node.type:
        case "heading":
            return [_heading(node)]
        case "paragraph":
            return [_picture(node) or Paragraph(read_runs(_inline(node)))]
        case "blockquote":
            return [_quoted(node)]
        case "bullet_list" | "ordered_list":
            return _lists(node)
        case "table":
            return [_table(node)]
        case "fence" | "code_block":
            content = node.content.removesuffix("\n")
            language = node.info.strip() if node.type == "fence" else ""
            return [Equation(content)] if language == "math" and content.strip() else [Code(content, language)]
        case "hr":
            return [Divider()]
        case _:
            raise Unsupported


def _inline(node: SyntaxTreeNode) -> list[Any]:
    """Return the tokens of the text that a paragraph, heading or cell holds."""
    token = node.children[0].token if node.children else None
    return [child for child in (token.children or []) if child.content or child.type != "text"] if token else []


def _source(node: SyntaxTreeNode) -> str:
    return node.children[0].content if node.children else ""


def _heading_text(node: SyntaxTreeNode) -> Inline:
    found = _ANCHOR.match(_source(node))
    return read_runs(_inline(node)[2:] if found else _inline(node))


def _heading(node: SyntaxTreeNode) -> Heading:
    if int(node.tag[1]) not in HEADING_LEVELS:
        raise Unsupported
    found = _ANCHOR.match(_source(node))
    return Heading(int(node.tag[1]), _heading_text(node), found.group(1) if found else None)


def _picture(node: SyntaxTreeNode) -> Image | None:
    tokens = _inline(node)
    if len(tokens) != 1 or tokens[0].type != "image":
        return None
    target, folder = str(tokens[0].attrs["src"]), f"{IMAGE_FOLDER}/"
    if tokens[0].attrs.get("title") or not (target.startswith(folder) or ADDRESS.match(target)):
        raise Unsupported
    return Image(target.removeprefix(folder), plain(read_runs(tokens[0].children or [])).replace("\n", " "))


def _text_and_rest(nodes: Sequence[SyntaxTreeNode]) -> tuple[SyntaxTreeNode | None, Sequence[SyntaxTreeNode]]:
    """Split what a quote or an item holds into its own text and what stands below."""
    if nodes and nodes[0].type == "paragraph" and _picture(nodes[0]) is None:
        return nodes[0], nodes[1:]
    return None, nodes[1:] if nodes and _is_separator(nodes[0]) else nodes


def _quoted(node: SyntaxTreeNode) -> Callout | Quote:
    text, rest = _text_and_rest(node.children)
    tokens = _inline(text) if text else []
    label = read_label(tokens)
    if label is not None:
        return Callout(read_runs(tokens[label.length :]), label.kind, _inside(rest), label.icon)
    return Quote(read_runs(tokens), _inside(rest))


def _lists(node: SyntaxTreeNode) -> list[Block]:
    """Read a list; tasks and bullets that share one become lists of their own."""
    if node.type == "ordered_list":
        return [NumberedList(tuple(_item(child, has_box=False)[1] for child in node.children), int(str(node.attrs.get("start", 1))))]
    entries = [_item(child, has_box=True) for child in node.children]
    groups = ((is_task, tuple(entry for _, entry in group)) for is_task, group in groupby(entries, key=lambda found: found[0]))
    return [TodoList(items) if is_task else BulletList(items) for is_task, items in groups]


def _item(node: SyntaxTreeNode, *, has_box: bool) -> tuple[bool, Item]:
    """Read an entry and say whether it is a task."""
    text, rest = _text_and_rest(node.children)
    source = _source(text) if text else ""
    box = _TASK.match(source) if has_box else None
    if box is None:
        return False, Item(read_runs(_inline(text) if text else []), _inside(rest))
    tokens = _parser().parseInline(source[box.end() :])[0].children or []
    return True, Item(read_runs(tokens), _inside(rest), box.group(1) in "xX")


def _table(node: SyntaxTreeNode) -> Table:
    rows = [row.children for part in node.children for row in part.children]
    right = frozenset(index for index, cell in enumerate(rows[0]) if cell.attrs.get("style") == "text-align:right")
    header, *body = (tuple(cast("Inline", read_runs(_inline(cell))) for cell in row) for row in rows)
    return Table(header, tuple(body), right)
