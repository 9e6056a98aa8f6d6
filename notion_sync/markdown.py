"""The canonical Markdown writer: one document, one sequence of bytes.

CommonMark with GitHub's tables and YAML front matter. Here belongs how a block is written and escaped; what the blocks
say stays out. Every character of a text stays visible as it is: nothing in a text can become markup.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

import yaml

from notion_sync.document import (
    Block,
    BulletList,
    Callout,
    Code,
    Divider,
    Document,
    Heading,
    Image,
    Inline,
    Paragraph,
    Property,
    Span,
    Table,
    clean,
    spans,
)

IMAGE_FOLDER = "imagens"
"""Folder beside a page that holds its pictures."""

CALLOUT_LABELS = {"note": "Nota:", "success": "Tudo certo:", "warning": "Atenção:", "danger": "Falha:"}

_SPECIAL = re.compile(r"[\\`*_\[\]<>~|]|&(?=[#A-Za-z])")
_LINE_START = re.compile(r"^(?:([#+=-])|(:)(?=-)|([0-9]{1,9})([.)]))")
_BACKTICKS = re.compile(r"`+")
_URL_SAFE = ":/?#@!$&*+,=%~-._"


def to_markdown(document: Document) -> str:
    """Return `document` as canonical Markdown that ends with one line break; equal documents give equal text."""
    parts = [_front_matter(document), f"# {_heading_text(document.title)}"]
    previous: Block | None = None
    for block in document.blocks:
        text = _block(block)
        if not text:
            continue
        if isinstance(block, BulletList) and isinstance(previous, BulletList):
            parts.append("<!-- -->")  # CommonMark joins neighbouring lists
        parts.append(text)
        previous = block
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(document: Document) -> str:
    if not document.properties:
        return ""
    values = {key: _property(value) for key, value in document.properties.items()}
    text = yaml.safe_dump(values, sort_keys=True, allow_unicode=True, default_flow_style=False, width=10_000)
    return f"---\n{text}---"


def _property(value: Property) -> object:
    if isinstance(value, str):
        return clean(value)
    return [clean(item) for item in value] if isinstance(value, tuple) else value


def _block(block: Block) -> str:
    match block:
        case Heading(level, text, anchor):
            mark = f'<a id="{anchor}"></a>' if anchor else ""
            return f"{'#' * level} {mark}{_heading_text(text)}"
        case Paragraph(text):
            return _line(text)
        case Callout(text, kind):
            return f"> **{CALLOUT_LABELS[kind]}** {inline(text)}"
        case BulletList(items):
            return "\n".join(f"- {_line(item)}" for item in items)
        case Table():
            return _table(block)
        case Code(text, language):
            return _code_block(text, language)
        case Image(name, caption):
            return f"![{_escape(clean(caption).strip())}]({_target(f'{IMAGE_FOLDER}/{name}')})"
        case Divider():
            return "---"


def _line(text: Inline) -> str:
    """Return a text that starts a block: what would open a list, a heading or a rule there is escaped."""
    return _LINE_START.sub(_escaped_start, inline(text))


def _escaped_start(match: re.Match[str]) -> str:
    mark, colon, digits, delimiter = match.groups()
    return f"{digits}\\{delimiter}" if digits else f"\\{mark or colon}"


def _heading_text(text: Inline) -> str:
    return re.sub(r"(^|\s)(#+)$", r"\1\\\2", inline(text))


def _table(table: Table) -> str:
    rule = ("---:" if index in table.right else "---" for index in range(len(table.header)))
    rows = [_row(table.header), f"| {' | '.join(rule)} |", *(_row(row) for row in table.rows)]
    return "\n".join(rows)


def _row(cells: tuple[Inline, ...]) -> str:
    return f"| {' | '.join(inline(cell, is_cell=True) for cell in cells)} |"


def _code_block(text: str, language: str) -> str:
    lines = "\n".join(clean(line).rstrip() for line in text.splitlines())
    fence = "`" * max(3, _longest_run(lines) + 1)
    return f"{fence}{language}\n{lines}\n{fence}"


def inline(text: Inline, *, is_cell: bool = False) -> str:
    """Return `text` as Markdown within a line; `is_cell` escapes the bars of code spans, as tables demand."""
    written = ""
    must_encode_next = False
    for span in spans(text):
        if span.is_code:
            piece = _code_span(span.text)
            written += piece.replace("|", "\\|") if is_cell else piece
            must_encode_next = False
            continue
        core = span.text.strip()
        start = span.text.index(core) if core else len(span.text)
        before, after = span.text[:start], span.text[start + len(core) :]
        if must_encode_next and not before and not span.is_bold and not span.link:
            head, core = core[:1], core[1:]
            piece = (_character_reference(head) if not _is_boundary(head) else _escape(head)) + _escape(core)
        else:
            piece = _styled(core, span)
        must_encode_next = False
        if span.link and piece and not before and written.endswith("!"):
            written = f"{written[:-1]}\\!"  # else the link would be a picture
        if span.is_bold and not span.link and core:
            if not before and written and _is_mark(core[0]) and not _is_boundary(written[-1]):
                written = written[:-1] + _character_reference(written[-1])
            must_encode_next = not after and _is_mark(core[-1])
        written += before + piece + after
    return written


def _styled(core: str, span: Span) -> str:
    text = _escape(core)
    if not text:
        return ""
    text = f"**{text}**" if span.is_bold else text
    return f"[{text}]({_target(span.link)})" if span.link else text


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"\\{match.group()}", text)


def _target(address: str) -> str:
    return quote(address, safe=_URL_SAFE)


def _code_span(text: str) -> str:
    fence = "`" * (_longest_run(text) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def _is_mark(character: str) -> bool:
    """Whether `**` beside this character depends on its other neighbour (CommonMark 0.31, flanking delimiter runs)."""
    return unicodedata.category(character)[0] in "PS"


def _is_boundary(character: str) -> bool:
    is_ascii_mark = character.isascii() and _is_mark(character)
    return character.isspace() or is_ascii_mark or unicodedata.category(character)[0] == "P"


def _character_reference(character: str) -> str:
    """Return the character as `&#x…;`: it reads the same, and `**` beside it sees punctuation, not a letter."""
    return f"&#x{ord(character):x};"
