"""The document tree: what reports, decision records, proposals and every Notion page are made of.

Here belong small frozen values that say what a page contains. How a page is written or read stays out: the writers and
readers live beside this module. Add a block only when a page needs it and every writer can write it; what the tree
cannot say is an `Opaque`, which keeps the original and is never rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from notion_sync.documents.inline import Inline

_ANCHOR = re.compile(r"[a-z0-9-]+")
HEADING_LEVELS = (2, 3, 4, 5)


@dataclass(frozen=True)
class Heading:
    """A section's title. `level` is 2 to 5 (the page's title is 1); `anchor` (a-z, 0-9, hyphens) lets a link lead here."""

    level: int
    text: Inline
    anchor: str | None = None

    def __post_init__(self) -> None:
        if self.level not in HEADING_LEVELS:
            raise ValueError(f"a heading's level is 2, 3, 4 or 5, not {self.level}")
        if self.anchor is not None and not _ANCHOR.fullmatch(self.anchor):
            raise ValueError(f"an anchor holds a-z, 0-9 and hyphens only, not {self.anchor!r}")


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text. `children` stand indented below it."""

    text: Inline
    children: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Callout:
    """A framed remark. `kind` sets its tone, and its first word in Markdown; `icon` is another emoji, or an icon object as JSON."""

    text: Inline
    kind: Literal["note", "success", "warning", "danger"] = "note"
    children: tuple[Block, ...] = ()
    icon: str | None = None


@dataclass(frozen=True)
class Quote:
    """Somebody else's words."""

    text: Inline
    children: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Toggle:
    """A line that opens to show its `children`. `level` 2 to 5 makes it a heading, None a plain line."""

    text: Inline
    children: tuple[Block, ...] = ()
    level: int | None = None

    def __post_init__(self) -> None:
        if self.level is not None and self.level not in HEADING_LEVELS:
            raise ValueError(f"a toggle's level is 2, 3, 4 or 5, or None, not {self.level}")


@dataclass(frozen=True)
class Item:
    """An item of a list, with what stands below it. `is_done` counts in a `TodoList` only."""

    text: Inline
    children: tuple[Block, ...] = ()
    is_done: bool = False


@dataclass(frozen=True)
class BulletList:
    """Bulleted items."""

    items: tuple[Inline | Item, ...]


@dataclass(frozen=True)
class NumberedList:
    """Numbered items. The API writes lists from 1 only; `start` is kept from what people write."""

    items: tuple[Inline | Item, ...]
    start: int = 1


@dataclass(frozen=True)
class TodoList:
    """Items to tick."""

    items: tuple[Inline | Item, ...]


@dataclass(frozen=True)
class Table:
    """A table. Every row is as wide as `header`, which is empty for a table without one; `right`: indices of columns with figures."""

    header: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    right: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != self.width:
                raise ValueError(f"row {number} has {len(row)} cells, the header has {self.width}")

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.header) if self.header or not self.rows else len(self.rows[0])


@dataclass(frozen=True)
class Code:
    """Lines to copy as they are, such as a command."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Equation:
    """A formula on its own line, in TeX."""

    expression: str


@dataclass(frozen=True)
class Image:
    """A picture published with the page. `name` is its file name, or an address (https), `caption` what it shows in words."""

    name: str
    caption: str


@dataclass(frozen=True)
class Divider:
    """A horizontal rule."""


@dataclass(frozen=True)
class Opaque:
    """Something the tree has no word for, kept as it was found and never rewritten.

    Attributes:
        source: `notion` (`payload` is the API's block as JSON, its children inside) or `markdown` (`payload` is the text itself).
        kind: the block's type, such as `child_page`; `html` or `text` for Markdown.
        payload: the original.
        text: the words a search should find, if any are known.
    """

    source: Literal["notion", "markdown"]
    kind: str
    payload: str
    text: str = ""


List = BulletList | NumberedList | TodoList
Block = Heading | Paragraph | Callout | Quote | Toggle | List | Table | Code | Equation | Image | Divider | Opaque
Property = str | int | float | bool | date | None | tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """A page.

    Attributes:
        title: the page's title, plain text.
        properties: what the page is, for machines; keys are front matter keys and Notion properties.
        blocks: what the page says, in order.
    """

    title: str
    properties: Mapping[str, Property] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()


def item(value: Inline | Item) -> Item:
    """Return an entry of a list as an item."""
    return value if isinstance(value, Item) else Item(value)
