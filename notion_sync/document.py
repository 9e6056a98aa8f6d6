"""The document tree: what reports, decision records and later every Notion page are made of.

Here belong small frozen values that say what a page contains. How a page is written (Markdown, Notion blocks) and what
a report says stay out: writers and builders live beside this module. Add a block only when a page needs it and every
writer can write it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

_ANCHOR = re.compile(r"[a-z0-9-]+")


@dataclass(frozen=True)
class Span:
    """A run of text in one style.

    Attributes:
        text: what the reader sees; a span is one line, so line breaks and control characters become spaces.
        is_bold: whether the text is strong.
        is_code: whether the text is a technical name, shown as it is; excludes `is_bold` and `link`.
        link: where the text leads: an address, or a path relative to the page.
    """

    text: str
    is_bold: bool = False
    is_code: bool = False
    link: str | None = None

    def __post_init__(self) -> None:
        if self.is_code and (self.is_bold or self.link):
            raise ValueError("a code span is neither bold nor a link: no writer can keep both")


Inline = str | Span | tuple[str | Span, ...]
"""Text inside a block: plain, one styled run, or a sequence of both."""


def bold(text: str) -> Span:
    """Return `text` as a strong run."""
    return Span(text, is_bold=True)


def code(text: str) -> Span:
    """Return `text` as a technical name."""
    return Span(text, is_code=True)


def link(text: str, target: str) -> Span:
    """Return `text` as a link to `target`, an address or a path relative to the page."""
    return Span(text, link=target)


def clean(text: str) -> str:
    """Return `text` as one line that any writer can keep: controls become spaces, lone surrogates U+FFFD."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Zl", "Zp"}:
        return " "
    return "\N{REPLACEMENT CHARACTER}" if category == "Cs" else character


def spans(inline: Inline) -> tuple[Span, ...]:
    """Return the canonical runs of `inline`: cleaned, non-empty, neighbours of one style joined, outer spaces gone."""
    parts = inline if isinstance(inline, tuple) else (inline,)
    runs: list[Span] = []
    for part in parts:
        span = part if isinstance(part, Span) else Span(part)
        text = clean(span.text).strip() if span.is_code else clean(span.text)
        if not text:
            continue
        if runs and _style(runs[-1]) == _style(span):
            text = runs.pop().text + text
        runs.append(Span(text, span.is_bold, span.is_code, span.link))
    return _trimmed(runs)


def _style(span: Span) -> tuple[bool, bool, str | None]:
    return span.is_bold, span.is_code, span.link


def _trimmed(runs: list[Span]) -> tuple[Span, ...]:
    while runs and not runs[0].text.strip():
        runs.pop(0)
    while runs and not runs[-1].text.strip():
        runs.pop()
    if runs:
        runs[0] = Span(runs[0].text.lstrip(), *_style(runs[0]))
        runs[-1] = Span(runs[-1].text.rstrip(), *_style(runs[-1]))
    return tuple(runs)


def plain(inline: Inline) -> str:
    """Return the visible characters of `inline`, without style."""
    return "".join(span.text for span in spans(inline))


@dataclass(frozen=True)
class Heading:
    """A section's title. `level` is 2 to 4 (the page's title is 1); `anchor` (a-z, 0-9, hyphens) lets a link lead here."""

    level: int
    text: Inline
    anchor: str | None = None

    def __post_init__(self) -> None:
        if self.level not in (2, 3, 4):
            raise ValueError(f"a heading's level is 2, 3 or 4, not {self.level}")
        if self.anchor is not None and not _ANCHOR.fullmatch(self.anchor):
            raise ValueError(f"an anchor holds a-z, 0-9 and hyphens only, not {self.anchor!r}")


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of text."""

    text: Inline


@dataclass(frozen=True)
class Callout:
    """A framed remark. `kind` sets its tone, and its first word in Markdown."""

    text: Inline
    kind: Literal["note", "success", "warning", "danger"] = "note"


@dataclass(frozen=True)
class BulletList:
    """Bulleted items of one line each."""

    items: tuple[Inline, ...]


@dataclass(frozen=True)
class Table:
    """A table. Every row is as wide as `header`; `right` holds the indices of the columns with figures."""

    header: tuple[Inline, ...]
    rows: tuple[tuple[Inline, ...], ...]
    right: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.header):
                raise ValueError(f"row {number} has {len(row)} cells, the header has {len(self.header)}")


@dataclass(frozen=True)
class Code:
    """Lines to copy as they are, such as a command."""

    text: str
    language: str = ""


@dataclass(frozen=True)
class Image:
    """A picture published with the page. `name` is its file name, `caption` what it shows in words."""

    name: str
    caption: str


@dataclass(frozen=True)
class Divider:
    """A horizontal rule."""


Block = Heading | Paragraph | Callout | BulletList | Table | Code | Image | Divider
Property = str | int | float | bool | date | None | tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """A page.

    Attributes:
        title: the page's title, plain text.
        properties: what the page is, for machines; keys are front matter keys, later Notion properties.
        blocks: what the page says, in order.
    """

    title: str
    properties: Mapping[str, Property] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
