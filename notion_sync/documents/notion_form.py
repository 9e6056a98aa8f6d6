"""What Notion keeps of a document: the canonical form with every text, table and link within the API's limits.

Alignment of columns, numbers at which a list starts, relative links and anchors without an address are not kept. Texts that
are too long go on in blocks of their own, so that no word is lost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from notion_sync.documents.canonical import canonical_blocks, canonical_text
from notion_sync.documents.inline import Inline, Span, spans
from notion_sync.documents.notion_limits import (
    MOST_BLOCK_TEXT,
    MOST_EQUATION,
    MOST_ITEMS,
    MOST_TEXT,
    MOST_URL,
    cut,
    utf16_length,
)
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
    item,
)

CALLOUT_COLORS = {"note": "gray_background", "success": "green_background", "warning": "yellow_background", "danger": "red_background"}
_LANGUAGES = (
    "abap,abc,agda,arduino,ascii art,assembly,bash,basic,bnf,c,c#,c++,clojure,coffeescript,coq,css,dart,dhall,diff,docker,ebnf,elixir,elm,"
    "erlang,f#,flow,fortran,gherkin,glsl,go,graphql,groovy,haskell,hcl,html,idris,java,javascript,json,julia,kotlin,latex,less,lisp,"
    "livescript,llvm ir,lua,makefile,markdown,markup,matlab,mathematica,mermaid,nix,notion formula,objective-c,ocaml,pascal,perl,php,"
    "powershell,prolog,protobuf,purescript,python,r,racket,reason,ruby,rust,sass,scala,scheme,scss,shell,smalltalk,solidity,sql,swift,toml,"
    "typescript,vb.net,verilog,vhdl,visual basic,webassembly,xml,yaml,java/c/c++/c#"
)
LANGUAGES = frozenset(_LANGUAGES.split(","))
"""Languages of a code block (`languageRequest` of the OpenAPI document), without `plain text`, which is ours without a name."""
_ALIASES = {"sh": "shell", "js": "javascript", "ts": "typescript", "py": "python", "yml": "yaml", "tex": "latex", "dockerfile": "docker"}
WRITABLE_MENTIONS = frozenset({"user", "date", "page", "database", "template_mention", "custom_emoji"})
_Text = tuple[Span, ...]


@dataclass(frozen=True)
class NotionAddresses:
    """How a page's own names become addresses, which is all that Notion links to.

    Attributes:
        page: address of the page's headings, such as `https://eco.example/k/relatorio-1`; with it a heading's anchor is kept
            as a link to `page#anchor`, which survives moves; without it anchors are dropped.
        pages: relative path → address of the page it names; links to others lose their target, not their words.
    """

    page: str | None = None
    pages: tuple[tuple[str, str], ...] = ()

    def of(self, target: str) -> str | None:
        """Return the address of a link's target, or None when Notion cannot lead there."""
        found = dict(self.pages).get(target, target)
        is_address = found.startswith(("https://", "http://", "mailto:"))
        return found if is_address and utf16_length(found) <= MOST_URL else None


def notion_form(blocks: Sequence[Block], addresses: NotionAddresses | None = None) -> tuple[Block, ...]:
    """Return what Notion keeps of `blocks`; reading back what was written gives this. Applying it again changes nothing."""
    addresses = addresses or NotionAddresses()
    return canonical_blocks([kept for block in canonical_blocks(blocks) for kept in _block(block, addresses)])


def _block(block: Block, addresses: NotionAddresses) -> list[Block]:
    match block:
        case Heading(level, text, anchor):
            first, more = _texts(text, addresses)
            is_marked = addresses.page is not None and any(run.kind == "text" and not run.link for run in first)
            return [Heading(min(level, 4), first, anchor if is_marked else None), *more]
        case Paragraph(text, children):
            first, more = _texts(text, addresses)
            return [
                Paragraph(first, (*more, *_children(children, addresses))) if children else Paragraph(first),
                *([] if children else more),
            ]
        case Callout() | Quote() | Toggle():
            first, more = _texts(block.text, addresses)
            fitted = replace(block, text=first, children=(*more, *_children(block.children, addresses)))
            return [replace(fitted, level=min(fitted.level, 4)) if isinstance(fitted, Toggle) and fitted.level else fitted]
        case BulletList() | NumberedList() | TodoList():
            items = tuple(_item(item(value), addresses) for value in block.items)
            return [NumberedList(items) if isinstance(block, NumberedList) else replace(block, items=items)]
        case Table():
            return _tables(block, addresses)
        case Code(text, language):
            named = _ALIASES.get(language.lower(), language.lower())
            return [Code(piece, named if named in LANGUAGES else "") for piece in cut(text, MOST_BLOCK_TEXT)]
        case Equation(expression):
            is_short = utf16_length(expression) <= MOST_EQUATION
            return [block] if is_short else [Code(piece, "latex") for piece in cut(expression, MOST_BLOCK_TEXT)]
        case Image(name, caption):
            return [Image(name, next(cut(caption, MOST_TEXT)).strip())]
        case Divider():
            return [block]
        case Opaque(source, _, payload):
            return [block] if source == "notion" else [Code(piece, "markdown") for piece in cut(payload, MOST_BLOCK_TEXT)]


def _children(blocks: Sequence[Block], addresses: NotionAddresses) -> tuple[Block, ...]:
    return tuple(kept for block in blocks for kept in _block(block, addresses))


def _item(entry: Item, addresses: NotionAddresses) -> Item:
    first, more = _texts(entry.text, addresses)
    return Item(first, (*more, *_children(entry.children, addresses)), entry.is_done)


def _texts(text: Inline, addresses: NotionAddresses) -> tuple[_Text, list[Paragraph]]:
    """Return the part of a text that one block can hold, and paragraphs with the rest."""
    first, *rest = _pieces(text, addresses, MOST_BLOCK_TEXT) or [()]
    return first, [Paragraph(piece) for piece in rest]


def _pieces(text: Inline, addresses: NotionAddresses, most: int) -> list[_Text]:
    """Cut a text into parts of at most 100 runs of at most 2,000 units, and `most` units together."""
    parts: list[list[Span]] = [[]]
    length = 0
    for run in canonical_text(tuple(_known(span, addresses) for span in spans(text))):
        for piece in cut(run.text, MOST_TEXT) if run.kind == "text" else [run.text]:
            size = utf16_length(piece) or 1
            if parts[-1] and (len(parts[-1]) == MOST_ITEMS or length + size > most):
                parts.append([])
                length = 0
            parts[-1].append(replace(run, text=piece))
            length += size
    return [said for part in parts if (said := canonical_text(tuple(part)))]


def _known(run: Span, addresses: NotionAddresses) -> Span:
    """Return a run as Notion can hold it: links that lead somewhere, short equations, mentions that the API writes."""
    if run.kind == "equation" and utf16_length(run.text) > MOST_EQUATION:
        return Span(run.text, is_code=True)
    if run.kind == "mention":
        said = json.loads(run.payload)
        if said.get("type") in WRITABLE_MENTIONS:
            return run
        shown = said.get(said.get("type"), {})
        url = str(shown.get("url") or shown.get("href") or "")
        run = Span(url or run.text, link=url)
    return replace(run, link=addresses.of(run.link)) if run.link else run


def _tables(table: Table, addresses: NotionAddresses) -> list[Block]:
    """Return a table in parts of at most 100 columns; a cell that is too long goes on in the next row."""
    parts: list[Block] = []
    for start in range(0, table.width, MOST_ITEMS):
        columns = slice(start, start + MOST_ITEMS)
        width = len((table.header or table.rows[0])[columns])
        header, *more = _rows(table.header[columns], addresses, width) if table.header else [()]
        rows = [piece for row in table.rows for piece in _rows(row[columns], addresses, width)]
        parts.append(Table(header, (*more, *rows)))
    return parts


def _rows(row: tuple[Inline, ...], addresses: NotionAddresses, width: int) -> list[tuple[Inline, ...]]:
    cells = [_pieces(cell, addresses, MOST_BLOCK_TEXT // width) for cell in row]
    height = max(1, *(len(pieces) for pieces in cells))
    return [tuple(pieces[line] if line < len(pieces) else () for pieces in cells) for line in range(height)]
