"""The canonical Markdown writer: one document, one sequence of bytes.

CommonMark with GitHub's tables, tasks and YAML front matter; `<details>` for toggles, HTML comments for what Markdown has no
word for. Here belongs how a block is written; text inside a block is in `markdown_inline`. `markdown_reader` reads it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import yaml

from notion_sync.documents.inline import Inline, Span, clean, plain, spans
from notion_sync.documents.markdown_inline import escape, fence_length, write_heading, write_inline, write_line, write_target
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
    List,
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

IMAGE_FOLDER = "imagens"
"""Folder beside a page that holds its pictures."""

CALLOUT_LABELS = {"note": "Nota:", "success": "Tudo certo:", "warning": "Atenção:", "danger": "Falha:"}

SEPARATOR = "<!-- -->"
"""Between neighbouring lists, and in place of a missing text: it says nothing."""
CHILDREN, END_OF_CHILDREN = "<!-- children -->", "<!-- /children -->"
NOTION_COMMENT, ICON_COMMENT = "<!-- notion ", "<!-- icon "
_NOT_LANGUAGE = re.compile(r"[^\w +#./-]", re.ASCII)
_INTERRUPTS = re.compile(r"(-|1\.) \S")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:", re.ASCII)


def to_markdown(document: Document) -> str:
    """Return `document` as canonical Markdown that ends with one line break; equal documents give equal text."""
    parts = [_front_matter(document), f"# {write_heading(document.title)}", write_blocks(document.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_blocks(blocks: Sequence[Block]) -> str:
    """Return blocks as Markdown without a line break at the end; what is empty is left out."""
    parts: list[str] = []
    previous: Block | None = None
    for block in blocks:
        text = _block(block)
        if not text:
            continue
        if isinstance(block, List) and _would_join(previous, block):
            parts.append(SEPARATOR)
        parts.append(text)
        previous = block
    return "\n\n".join(parts)


def _would_join(previous: Block | None, block: Block) -> bool:
    """CommonMark joins neighbouring lists with one marker; tasks and bullets share theirs but are told apart by the box."""
    return type(previous) is type(block)


def _front_matter(document: Document) -> str:
    if not document.properties:
        return ""
    values = {key: _property(value) for key, value in document.properties.items()}
    text = yaml.safe_dump(values, sort_keys=True, allow_unicode=True, default_flow_style=False, width=10_000)
    return f"---\n{text}---"


def _property(value: Property) -> object:
    if isinstance(value, str):
        return clean(value)
    return [clean(entry) for entry in value] if isinstance(value, tuple) else value


def _block(block: Block) -> str:
    match block:
        case Heading(level, text, anchor):
            mark = f'<a id="{anchor}"></a>' if anchor else ""
            return f"{'#' * level} {mark}{write_heading(text)}"
        case Paragraph(text, children):
            return _paragraph(text, children)
        case Callout() | Quote():
            return _quoted(block)
        case Toggle(text, children, level):
            return _toggle(text, children, level)
        case BulletList() | NumberedList() | TodoList():
            return _list(block)
        case Table():
            return _table(block)
        case Code(text, language):
            return _code_block(text, language_name(language))
        case Equation(expression):
            return _code_block(expression, "math") if expression.strip() else ""
        case Image(name, caption):
            target = name if ADDRESS.match(name) else f"{IMAGE_FOLDER}/{name}"
            return f"![{escape(clean(caption).strip())}]({write_target(target)})"
        case Divider():
            return "---"
        case Opaque():
            return block.payload if block.source == "markdown" else _comment(block)


def _paragraph(text: Inline, children: tuple[Block, ...]) -> str:
    below = write_blocks(children)
    line = write_line(text)
    return f"{line or SEPARATOR}\n\n{CHILDREN}\n\n{below}\n\n{END_OF_CHILDREN}" if below else line


def _quoted(block: Callout | Quote) -> str:
    below = write_blocks(block.children)
    if isinstance(block, Callout):
        icon = f" {ICON_COMMENT}{_inert(block.icon)} -->" if block.icon else ""
        first = f"**{CALLOUT_LABELS[block.kind]}**{icon} {write_inline(block.text)}"
    else:
        first = write_line(block.text, is_label_kept=_label_of(block.text) is None)
        if not first and not below:
            return ""
        first = first or SEPARATOR
    return "\n".join(f"> {line}" if line else ">" for line in (f"{first}\n\n{below}" if below else first).split("\n"))


def _label_of(text: Inline) -> str | None:
    first = next(iter(spans(text)), None)
    is_label = first is not None and first == Span(first.text, is_bold=True) and first.text in CALLOUT_LABELS.values()
    return first.text if first is not None and is_label else None


def _toggle(text: Inline, children: tuple[Block, ...], level: int | None) -> str:
    opening = "<details>" if level is None else f'<details data-level="{level}">'
    return "\n\n".join(filter(None, (f"{opening}\n<summary>", write_line(text), "</summary>", write_blocks(children), "</details>")))


def _list(block: List) -> str:
    entries = [item(value) for value in block.items]
    written = [_item(block, number, entry) for number, entry in enumerate(entries)]
    is_tight = all(isinstance(child, List) for entry in entries for child in entry.children)
    return ("\n" if is_tight else "\n\n").join(written)


def _item(block: List, number: int, entry: Item) -> str:
    marker = f"{block.start + number}." if isinstance(block, NumberedList) else "-"
    box = ("[x] " if entry.is_done else "[ ] ") if isinstance(block, TodoList) else ""
    text = box + (write_inline(entry.text) if box else write_line(entry.text))
    below = write_blocks(entry.children)
    if not below:
        return f"{marker} {text}"
    first = text if plain(entry.text) or box else SEPARATOR
    # Only such a list may follow a line of text: a lone `-` there would make the text a heading.
    gap = "\n" if first == text and isinstance(entry.children[0], List) and _INTERRUPTS.match(below) else "\n\n"
    indent = " " * (len(marker) + 1)
    return f"{marker} {first}{gap}" + "\n".join(f"{indent}{line}" if line else "" for line in below.split("\n"))


def _table(table: Table) -> str:
    if not table.width:
        return ""
    rule = ("---:" if index in table.right else "---" for index in range(table.width))
    header = table.header or ("",) * table.width
    return "\n".join([_row(header), f"| {' | '.join(rule)} |", *(_row(row) for row in table.rows)])


def _row(cells: tuple[Inline, ...]) -> str:
    return f"| {' | '.join(write_inline(cell, is_cell=True) for cell in cells)} |"


def _code_block(text: str, language: str) -> str:
    lines = "\n".join(clean_lines(text))
    fence = "`" * fence_length(lines, 3)
    return f"{fence}{language}\n{lines}\n{fence}"


def clean_lines(text: str) -> list[str]:
    """Return the lines of a code block that any writer can keep: tabs stay, spaces at their ends and empty last lines go."""
    lines = ["\t".join(clean(part) for part in line.split("\t")).rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def language_name(language: str) -> str:
    """Return a code block's language without what an info string would read as markup."""
    return _NOT_LANGUAGE.sub("", language).strip()


def _comment(block: Opaque) -> str:
    said = json.dumps({"kind": block.kind, "payload": json.loads(block.payload), "text": block.text}, ensure_ascii=False, sort_keys=True)
    return f"{NOTION_COMMENT}{_inert(said)} -->"


def _inert(text: str) -> str:
    """Return JSON or an icon so that it cannot end the comment it stands in."""
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("\x7f", "\\u007f")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
